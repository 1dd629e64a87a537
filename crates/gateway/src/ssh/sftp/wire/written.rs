//! Packets that are written here: what is asked in our own name, and answers of ours.

use super::{Attributes, Code, INIT, STATUS, VERSION};

const CLOSE: u8 = 4;
const WRITE: u8 = 6;
const SET_OPEN: u8 = 10;
const REALPATH: u8 = 16;
const HANDLE: u8 = 102;
const ATTRIBUTES: u8 = 105;

/// The first packet of a client.
pub(in crate::ssh::sftp) fn init() -> Vec<u8> {
    packed(INIT, &VERSION.to_be_bytes())
}

/// Asks which path it really is.
pub(in crate::ssh::sftp) fn real_path(path: &[u8]) -> Vec<u8> {
    let mut fields = 0_u32.to_be_bytes().to_vec();
    put(&mut fields, path);
    packed(REALPATH, &fields)
}

/// A packet under another number.
pub(in crate::ssh::sftp) fn numbered(packet: &[u8], id: u32) -> Vec<u8> {
    let mut packet = packet.to_vec();
    if let Some(number) = packet.get_mut(5..9) {
        number.copy_from_slice(&id.to_be_bytes());
    }
    packet
}

/// Asks to write to what is open.
pub(in crate::ssh::sftp) fn write(id: u32, handle: &[u8], offset: u64, data: &[u8]) -> Vec<u8> {
    let mut fields = with_handle(id, handle);
    fields.extend_from_slice(&offset.to_be_bytes());
    put(&mut fields, data);
    packed(WRITE, &fields)
}

/// Asks to set attributes of what is open.
pub(in crate::ssh::sftp) fn set_open(id: u32, handle: &[u8], set: &Attributes) -> Vec<u8> {
    let mut fields = with_handle(id, handle);
    fields.extend_from_slice(&attributes(set));
    packed(SET_OPEN, &fields)
}

/// Asks to close what is open.
pub(in crate::ssh::sftp) fn close(id: u32, handle: &[u8]) -> Vec<u8> {
    packed(CLOSE, &with_handle(id, handle))
}

/// An answer of ours: whether it was done, and why not.
pub(in crate::ssh::sftp) fn status(id: u32, code: Code, words: &str) -> Vec<u8> {
    status_of(id, code as u32, words)
}

/// The same with a status of the target's.
pub(in crate::ssh::sftp) fn status_of(id: u32, code: u32, words: &str) -> Vec<u8> {
    let mut fields = id.to_be_bytes().to_vec();
    fields.extend_from_slice(&code.to_be_bytes());
    put(&mut fields, words.as_bytes());
    put(&mut fields, b"en");
    packed(STATUS, &fields)
}

/// An answer of ours: what was opened.
pub(in crate::ssh::sftp) fn handle(id: u32, handle: &[u8]) -> Vec<u8> {
    packed(HANDLE, &with_handle(id, handle))
}

/// An answer of ours: how long a file is.
pub(in crate::ssh::sftp) fn state(id: u32, state: &Attributes) -> Vec<u8> {
    let mut fields = id.to_be_bytes().to_vec();
    fields.extend_from_slice(&attributes(state));
    packed(ATTRIBUTES, &fields)
}

fn with_handle(id: u32, handle: &[u8]) -> Vec<u8> {
    let mut fields = id.to_be_bytes().to_vec();
    put(&mut fields, handle);
    fields
}

/// Attributes as they are sent: the one way there is to write each.
pub(in crate::ssh::sftp) fn attributes(set: &Attributes) -> Vec<u8> {
    let Attributes { size, owner, mode, times } = set;
    let ints = [
        owner.map(|(user, group)| [Some(user), Some(group)]),
        mode.map(|mode| [Some(mode), None]),
        times.map(|(read, changed)| [Some(read), Some(changed)]),
    ];
    let present = [size.is_some(), owner.is_some(), mode.is_some(), times.is_some()];
    let flags = (0..).zip(present).map(|(bit, is)| u32::from(is) << bit).sum::<u32>();
    let mut fields = flags.to_be_bytes().to_vec();
    fields.extend(size.iter().flat_map(|size| size.to_be_bytes()));
    fields.extend(ints.into_iter().flatten().flatten().flatten().flat_map(u32::to_be_bytes));
    fields
}

pub(super) fn packed(kind: u8, fields: &[u8]) -> Vec<u8> {
    let mut inside = vec![kind];
    inside.extend_from_slice(fields);
    let mut packet = Vec::with_capacity(4 + inside.len());
    put(&mut packet, &inside);
    packet
}

/// Bytes with their length before them. Whatever is written here is far shorter than a packet may be.
pub(super) fn put(packet: &mut Vec<u8>, bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).expect("shorter than a packet");
    packet.extend_from_slice(&length.to_be_bytes());
    packet.extend_from_slice(bytes);
}
