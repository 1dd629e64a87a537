//! Packets of SFTP, version 3 (draft-ietf-secsh-filexfer-02, and OpenSSH's `PROTOCOL`, 4): bytes to messages and back. It does
//! no input or output, and every input has an answer.
//!
//! A packet is understood as a whole or not at all: what stands behind the last field is no packet we know, so that nobody
//! reads more in it than we did.

mod written;

pub(super) use written::{
    attributes, close, handle, init, numbered, real_path, set_open, state, status, status_of, write,
};

use bytes::{Buf, Bytes, BytesMut};

/// The only version that is spoken.
pub(super) const VERSION: u32 = 3;
/// Longest packet without its length, as OpenSSH has it (`SFTP_MAX_MSG_LENGTH`).
pub(super) const PACKET_BYTES_MAX: usize = 256 << 10;
/// Longest handle.
pub(super) const HANDLE_BYTES_MAX: usize = 256;

/// What an answer says of what was asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Code {
    Ok = 0,
    EndOfFile = 1,
    PermissionDenied = 3,
    Failure = 4,
    BadMessage = 5,
    Unsupported = 8,
}

/// Kinds of packets.
const INIT: u8 = 1;
const VERSION_TYPE: u8 = 2;
const STATUS: u8 = 101;
const NAME: u8 = 104;

/// How a file is opened.
pub(super) mod flags {
    pub(in crate::ssh::sftp) const READ: u32 = 1;
    pub(in crate::ssh::sftp) const WRITE: u32 = 2;
    pub(in crate::ssh::sftp) const APPEND: u32 = 4;
    /// Append, create, truncate: none of them leaves what is there as it is.
    pub(in crate::ssh::sftp) const CHANGE: u32 = 4 | 8 | 16;
    /// All there are; the last says that nothing may be there yet.
    pub(super) const ALL: u32 = READ | WRITE | CHANGE | 32;
    /// Each in its word.
    const WORDS: [&str; 6] = ["read", "write", "append", "create", "truncate", "exclusive"];

    /// Flags in words.
    pub(in crate::ssh::sftp) fn words(flags: u32) -> String {
        let set = (0..).zip(WORDS).filter(|(bit, _)| flags & (1 << bit) != 0);
        set.map(|(_, word)| word).collect::<Vec<_>>().join(", ")
    }
}

/// Extensions that are understood; servers are not heard saying that they have others.
const EXTENSIONS: [&[u8]; 11] = [
    b"posix-rename@openssh.com",
    b"statvfs@openssh.com",
    b"fstatvfs@openssh.com",
    b"hardlink@openssh.com",
    b"fsync@openssh.com",
    b"lsetstat@openssh.com",
    b"limits@openssh.com",
    b"expand-path@openssh.com",
    b"copy-data",
    b"home-directory",
    b"users-groups-by-id@openssh.com",
];

/// What requests are called, from the third kind on.
const NAMES: [&str; 18] = [
    "OPEN", "CLOSE", "READ", "WRITE", "LSTAT", "FSTAT", "SETSTAT", "FSETSTAT", "OPENDIR", "READDIR", "REMOVE", "MKDIR",
    "RMDIR", "REALPATH", "STAT", "RENAME", "READLINK", "SYMLINK",
];

/// A packet that is longer than any may be, or empty.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Overlong;

/// Cuts a stream into packets.
#[derive(Default)]
pub(super) struct Frames(BytesMut);

impl Frames {
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// How many bytes wait to become packets.
    pub(super) fn bytes(&self) -> usize {
        self.0.len()
    }

    /// The next whole packet with its length, if it is there.
    pub(super) fn next(&mut self) -> Result<Option<Bytes>, Overlong> {
        let Some(length) = self.0.first_chunk::<4>().map(|length| u32::from_be_bytes(*length) as usize) else {
            return Ok(None);
        };
        if length == 0 || length > PACKET_BYTES_MAX {
            return Err(Overlong);
        }
        Ok((self.0.len() >= 4 + length).then(|| self.0.split_to(4 + length).freeze()))
    }
}

/// What a client asks.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Request<'p> {
    pub(super) id: u32,
    pub(super) asks: Asks<'p>,
}

#[derive(PartialEq, Eq, Debug)]
pub(super) enum Asks<'p> {
    Open {
        path: &'p [u8],
        flags: u32,
        attributes: Attributes,
    },
    OpenFolder {
        path: &'p [u8],
    },
    Close {
        handle: &'p [u8],
    },
    Read {
        handle: &'p [u8],
        offset: u64,
    },
    Write {
        handle: &'p [u8],
        offset: u64,
        data: &'p [u8],
    },
    ReadFolder {
        handle: &'p [u8],
    },
    /// Size, owner, mode and times.
    State {
        handle: &'p [u8],
    },
    /// What else changes nothing: free space, that what was written reaches the disk.
    Look {
        handle: &'p [u8],
    },
    SetOpen {
        handle: &'p [u8],
        attributes: Attributes,
    },
    Copy {
        from: &'p [u8],
        to: &'p [u8],
    },
    Set {
        path: &'p [u8],
        attributes: Attributes,
    },
    Remove {
        path: &'p [u8],
    },
    MakeFolder {
        path: &'p [u8],
        attributes: Attributes,
    },
    RemoveFolder {
        path: &'p [u8],
    },
    /// What is told of a path.
    Stat {
        path: &'p [u8],
    },
    /// A path that may begin with somebody's home.
    Expand {
        path: &'p [u8],
    },
    Rename {
        from: &'p [u8],
        to: &'p [u8],
    },
    /// Servers do not agree on which comes first (OpenSSH's `PROTOCOL`, 4.1).
    SymbolicLink {
        one: &'p [u8],
        other: &'p [u8],
    },
    HardLink {
        from: &'p [u8],
        to: &'p [u8],
    },
    /// Of which login, which users and groups: nothing of files.
    Who,
    /// What the server can take.
    Limits,
}

/// What a client would set.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Attributes {
    pub(super) size: Option<u64>,
    pub(super) owner: Option<(u32, u32)>,
    pub(super) mode: Option<u32>,
    pub(super) times: Option<(u32, u32)>,
}

/// Why a packet of a client is no request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Unread {
    /// There is nobody to answer.
    Nameless,
    /// A kind we do not know.
    Unknown { id: u32 },
    /// A kind we know, and not as it is written.
    Broken { id: u32 },
}

/// What a server answers.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Answer<'p> {
    Status(u32),
    Handle(&'p [u8]),
    Data(&'p [u8]),
    /// Names, attributes, and what extensions answer.
    Other,
}

/// Fields in their order. Nothing is taken but what is there.
struct Fields<'p>(&'p [u8]);

impl<'p> Fields<'p> {
    fn take(&mut self, length: usize) -> Option<&'p [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|taken| taken[0])
    }

    fn int(&mut self) -> Option<u32> {
        self.take(4).map(|mut taken| taken.get_u32())
    }

    fn long(&mut self) -> Option<u64> {
        self.take(8).map(|mut taken| taken.get_u64())
    }

    fn text(&mut self) -> Option<&'p [u8]> {
        let length = self.int()?;
        self.take(usize::try_from(length).ok()?)
    }

    fn attributes(&mut self) -> Option<Attributes> {
        let set = self.int()?;
        // Size, owner, mode, times; the last of all are extensions, which no server has.
        if set & !0xf != 0 {
            return None;
        }
        let mut attributes = Attributes::default();
        if set & 1 != 0 {
            attributes.size = Some(self.long()?);
        }
        if set & 2 != 0 {
            attributes.owner = Some((self.int()?, self.int()?));
        }
        if set & 4 != 0 {
            attributes.mode = Some(self.int()?);
        }
        if set & 8 != 0 {
            attributes.times = Some((self.int()?, self.int()?));
        }
        Some(attributes)
    }

    /// What was read, if nothing is left.
    fn whole<T>(&self, read: T) -> Option<T> {
        self.0.is_empty().then_some(read)
    }
}

/// What stands behind the length.
fn inside(packet: &[u8]) -> Fields<'_> {
    Fields(packet.get(4..).unwrap_or_default())
}

/// What a client asks with a packet.
pub(super) fn request(packet: &[u8]) -> Result<Request<'_>, Unread> {
    let mut fields = inside(packet);
    let (Some(kind), Some(id)) = (fields.byte(), fields.int()) else { return Err(Unread::Nameless) };
    let known = matches!(kind, 3..=20 | 200);
    let asks = match kind {
        200 => match fields.text() {
            Some(name) if EXTENSIONS.contains(&name) => extended(name, &mut fields),
            Some(_) => return Err(Unread::Unknown { id }),
            None => None,
        },
        kind => plain(kind, &mut fields),
    };
    match asks.and_then(|asks| fields.whole(asks)) {
        Some(asks) => Ok(Request { id, asks }),
        None if known => Err(Unread::Broken { id }),
        None => Err(Unread::Unknown { id }),
    }
}

fn plain<'p>(kind: u8, fields: &mut Fields<'p>) -> Option<Asks<'p>> {
    let text = fields.text()?;
    let (path, handle) = (text, text);
    Some(match kind {
        3 => {
            let flags = fields.int().filter(|flags| flags & !flags::ALL == 0)?;
            Asks::Open { path, flags, attributes: fields.attributes()? }
        }
        4 => Asks::Close { handle },
        5 => {
            let offset = fields.long()?;
            fields.int()?;
            Asks::Read { handle, offset }
        }
        6 => Asks::Write { handle, offset: fields.long()?, data: fields.text()? },
        7 | 16 | 17 | 19 => Asks::Stat { path },
        8 => Asks::State { handle },
        9 => Asks::Set { path, attributes: fields.attributes()? },
        10 => Asks::SetOpen { handle, attributes: fields.attributes()? },
        11 => Asks::OpenFolder { path },
        12 => Asks::ReadFolder { handle },
        13 => Asks::Remove { path },
        14 => Asks::MakeFolder { path, attributes: fields.attributes()? },
        15 => Asks::RemoveFolder { path },
        18 => Asks::Rename { from: path, to: fields.text()? },
        20 => Asks::SymbolicLink { one: path, other: fields.text()? },
        _ => return None,
    })
}

fn extended<'p>(name: &[u8], fields: &mut Fields<'p>) -> Option<Asks<'p>> {
    Some(match name {
        b"posix-rename@openssh.com" => Asks::Rename { from: fields.text()?, to: fields.text()? },
        b"hardlink@openssh.com" => Asks::HardLink { from: fields.text()?, to: fields.text()? },
        b"statvfs@openssh.com" => Asks::Stat { path: fields.text()? },
        b"fstatvfs@openssh.com" | b"fsync@openssh.com" => Asks::Look { handle: fields.text()? },
        b"lsetstat@openssh.com" => Asks::Set { path: fields.text()?, attributes: fields.attributes()? },
        b"expand-path@openssh.com" => Asks::Expand { path: fields.text()? },
        b"limits@openssh.com" => Asks::Limits,
        b"home-directory" => {
            fields.text()?;
            Asks::Who
        }
        b"users-groups-by-id@openssh.com" => {
            fields.text()?;
            fields.text()?;
            Asks::Who
        }
        b"copy-data" => {
            let from = fields.text()?;
            fields.long()?;
            fields.long()?;
            let to = fields.text()?;
            fields.long()?;
            Asks::Copy { from, to }
        }
        _ => return None,
    })
}

/// What a server answers with a packet, and to which request; nothing where it is no answer.
pub(super) fn answer(packet: &[u8]) -> Option<(u32, Answer<'_>)> {
    let mut fields = inside(packet);
    let (kind, id) = (fields.byte()?, fields.int()?);
    let answer = match kind {
        STATUS => Answer::Status(fields.int()?),
        102 => Answer::Handle(fields.text().filter(|handle| handle.len() <= HANDLE_BYTES_MAX)?),
        103 => Answer::Data(fields.text()?),
        NAME | 105 | 201 => Answer::Other,
        _ => return None,
    };
    Some((id, answer))
}

/// What a request is called (draft-ietf-secsh-filexfer-02, 3), and all of it but its number: what is asked, byte for byte.
pub(super) fn asked(packet: &[u8]) -> (String, Vec<u8>) {
    let kind = packet.get(4).copied().unwrap_or_default();
    let fields = packet.get(9..).unwrap_or_default();
    let name = match NAMES.get(usize::from(kind).wrapping_sub(3)) {
        Some(name) => format!("SSH_FXP_{name}"),
        None => String::from_utf8_lossy(Fields(fields).text().unwrap_or_default()).into_owned(),
    };
    (name, [&[kind], fields].concat())
}

/// The version a client begins with; nothing where it begins otherwise.
pub(super) fn begun(packet: &[u8]) -> Option<u32> {
    let mut fields = inside(packet);
    (fields.byte()? == INIT).then(|| fields.int()).flatten()
}

/// A server's first packet without the extensions nobody here knows; nothing where it speaks another version.
pub(super) fn greeting(packet: &[u8]) -> Option<Vec<u8>> {
    let mut fields = inside(packet);
    if (fields.byte()?, fields.int()?) != (VERSION_TYPE, VERSION) {
        return None;
    }
    let mut known = VERSION.to_be_bytes().to_vec();
    while !fields.0.is_empty() {
        let (name, value) = (fields.text()?, fields.text()?);
        if EXTENSIONS.contains(&name) {
            written::put(&mut known, name);
            written::put(&mut known, value);
        }
    }
    Some(written::packed(VERSION_TYPE, &known))
}

/// The first name a server answers with.
pub(super) fn first_name(packet: &[u8]) -> Option<&[u8]> {
    let mut fields = inside(packet);
    let (kind, _, count) = (fields.byte()?, fields.int()?, fields.int()?);
    if kind != NAME || count == 0 {
        return None;
    }
    fields.text()
}

#[cfg(test)]
mod tests;
