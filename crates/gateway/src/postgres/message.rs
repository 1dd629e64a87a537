//! Bytes to messages and back, no IO. Lengths are checked before anything is read or allocated.

use super::options;
use bytes::{BufMut, BytesMut};
use countersign_core::digest::UnitPart;
use countersign_inspect::show::is_invisible;
use serde_bytes::ByteBuf;

/// Largest message from a client. Larger ones are refused, because what is not read whole cannot be judged.
pub(crate) const CLIENT_MESSAGE_BYTES_MAX: usize = 16 << 20;
/// Largest start-up packet (PostgreSQL's own limit).
pub(crate) const STARTUP_BYTES_MAX: usize = 10_000;
/// Largest message during sign-in.
pub(crate) const SIGN_IN_BYTES_MAX: usize = 4_096;
/// Longest name of a prepared statement or portal, in bytes. The target cuts longer ones (NAMEDATALEN), so that two names
/// would be one there.
pub(crate) const NAME_BYTES_MAX: usize = 63;
/// Bytes of a message before its body: tag and length.
pub(crate) const HEADER: usize = 5;

/// What a client sent that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    #[error("a message of {0} bytes is too long; at most {CLIENT_MESSAGE_BYTES_MAX} are taken")]
    TooLong(i64),
    #[error("a message says it has {0} bytes")]
    BadLength(i64),
    #[error("a `{0}` message is not well formed")]
    Body(char),
    #[error("replication is not offered here")]
    Replication,
    #[error("the function call message is not offered here; use a SELECT")]
    FunctionCall,
    #[error("the name of a prepared statement or portal has {0} bytes; at most {NAME_BYTES_MAX} are taken")]
    Name(usize),
    #[error("a `{0}` message has no place here")]
    Unexpected(char),
    #[error("the start-up packet is not well formed")]
    Startup,
    #[error("protocol version {0}.{1} is not spoken here")]
    Version(u16, u16),
}

/// Length of the first message in `buffer`, header included, once the header is there.
pub(crate) fn whole_length(buffer: &[u8]) -> Result<Option<usize>, Malformed> {
    let Some(header) = buffer.get(..HEADER) else { return Ok(None) };
    let length = i64::from(i32::from_be_bytes([header[1], header[2], header[3], header[4]]));
    match usize::try_from(length) {
        Ok(length) if length < 4 => Err(Malformed::BadLength(length as i64)),
        Ok(length) if length > CLIENT_MESSAGE_BYTES_MAX => Err(Malformed::TooLong(length as i64)),
        Ok(length) => Ok(Some(length + 1)),
        Err(_) => Err(Malformed::BadLength(length)),
    }
}

/// A client message by what it does; names and texts are borrowed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Frontend<'b> {
    Query(&'b [u8]),
    Parse { name: &'b [u8], sql: &'b [u8], types: Vec<u32> },
    Bind(Bind<'b>),
    DescribeStatement(&'b [u8]),
    DescribePortal,
    Execute { portal: &'b [u8], rows: i32 },
    CloseStatement(&'b [u8]),
    ClosePortal(&'b [u8]),
    Sync,
    Flush,
    CopyData,
    CopyDone,
    CopyFail,
    Terminate,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Bind<'b> {
    pub(crate) portal: &'b [u8],
    pub(crate) statement: &'b [u8],
    pub(crate) formats: Vec<i16>,
    pub(crate) values: Vec<Option<&'b [u8]>>,
    pub(crate) result_formats: Vec<i16>,
}

impl Bind<'_> {
    /// This bind as part of a unit.
    pub(crate) fn part(&self, sql: &[u8], types: &[u32]) -> UnitPart {
        UnitPart {
            sql: sql.to_vec(),
            parameter_types: types.to_vec(),
            parameter_formats: self.formats.clone(),
            parameters: self.values.iter().map(|v| v.map(|b| ByteBuf::from(b.to_vec()))).collect(),
            result_formats: self.result_formats.clone(),
            row_limits: Vec::new(),
        }
    }
}

/// Reads one whole message, header included.
pub(crate) fn frontend(message: &[u8]) -> Result<Frontend<'_>, Malformed> {
    let tag = message[0];
    let mut body = Reader { rest: &message[HEADER..], tag };
    let read = match tag {
        b'Q' => Frontend::Query(body.text()?),
        b'P' => {
            let (name, sql) = (body.name()?, body.text()?);
            let count = body.count()?;
            let types = (0..count).map(|_| body.int().map(|n| n as u32)).collect::<Result<_, _>>()?;
            Frontend::Parse { name, sql, types }
        }
        b'B' => Frontend::Bind(bind(&mut body)?),
        b'D' => match (body.byte()?, body.name()?) {
            (b'S', name) => Frontend::DescribeStatement(name),
            (b'P', _) => Frontend::DescribePortal,
            _ => return Err(body.bad()),
        },
        b'E' => Frontend::Execute { portal: body.name()?, rows: body.int()? },
        b'C' => match (body.byte()?, body.name()?) {
            (b'S', name) => Frontend::CloseStatement(name),
            (b'P', name) => Frontend::ClosePortal(name),
            _ => return Err(body.bad()),
        },
        b'S' => Frontend::Sync,
        b'H' => Frontend::Flush,
        b'd' => return Ok(Frontend::CopyData),
        b'c' => Frontend::CopyDone,
        b'f' => return Ok(Frontend::CopyFail),
        b'X' => Frontend::Terminate,
        b'F' => return Err(Malformed::FunctionCall),
        other => return Err(Malformed::Unexpected(char::from(other))),
    };
    if body.rest.is_empty() { Ok(read) } else { Err(body.bad()) }
}

fn bind<'b>(body: &mut Reader<'b>) -> Result<Bind<'b>, Malformed> {
    let (portal, statement) = (body.name()?, body.name()?);
    let formats = body.shorts()?;
    let count = body.count()?;
    let values = (0..count).map(|_| body.value()).collect::<Result<_, _>>()?;
    Ok(Bind { portal, statement, formats, values, result_formats: body.shorts()? })
}

struct Reader<'b> {
    rest: &'b [u8],
    tag: u8,
}

impl<'b> Reader<'b> {
    fn bad(&self) -> Malformed {
        Malformed::Body(char::from(self.tag))
    }

    fn take(&mut self, n: usize) -> Result<&'b [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(n).ok_or_else(|| self.bad())?;
        self.rest = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, Malformed> {
        self.take(1).map(|b| b[0])
    }

    fn int(&mut self) -> Result<i32, Malformed> {
        self.take(4).map(|b| i32::from_be_bytes([b[0], b[1], b[2], b[3]]))
    }

    fn short(&mut self) -> Result<i16, Malformed> {
        self.take(2).map(|b| i16::from_be_bytes([b[0], b[1]]))
    }

    /// A count of things of at least two bytes each: never more than could follow.
    fn count(&mut self) -> Result<usize, Malformed> {
        let count = self.take(2).map(|b| usize::from(u16::from_be_bytes([b[0], b[1]])))?;
        if count * 2 <= self.rest.len() { Ok(count) } else { Err(self.bad()) }
    }

    fn shorts(&mut self) -> Result<Vec<i16>, Malformed> {
        let count = self.count()?;
        (0..count).map(|_| self.short()).collect()
    }

    fn value(&mut self) -> Result<Option<&'b [u8]>, Malformed> {
        // -1 is none; what else is below zero is nothing to the target.
        match self.int()? {
            -1 => Ok(None),
            length => usize::try_from(length).map_err(|_| self.bad()).and_then(|length| self.take(length)).map(Some),
        }
    }

    fn text(&mut self) -> Result<&'b [u8], Malformed> {
        let end = self.rest.iter().position(|b| *b == 0).ok_or_else(|| self.bad())?;
        let text = &self.rest[..end];
        self.rest = &self.rest[end + 1..];
        Ok(text)
    }

    /// The name of a prepared statement or portal.
    fn name(&mut self) -> Result<&'b [u8], Malformed> {
        let name = self.text()?;
        if name.len() > NAME_BYTES_MAX { Err(Malformed::Name(name.len())) } else { Ok(name) }
    }
}

/// The first packet of a connection, length included.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum First {
    Tls,
    Gss,
    Cancel { process: i32, secret: Vec<u8> },
    Startup(Startup),
}

/// A start-up packet.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Startup {
    pub(crate) user: String,
    pub(crate) database: Option<String>,
    pub(crate) parameters: Vec<(String, String)>,
    /// Why, as `countersign.reason`; the target never hears of it.
    pub(crate) reason: Option<String>,
    /// Protocol extensions asked for, which we do not know; the client must be told.
    pub(crate) unknown_extensions: Vec<String>,
    /// The minor version asked for.
    pub(crate) minor: u16,
}

/// Reads the first packet, without its length.
pub(crate) fn first(body: &[u8]) -> Result<First, Malformed> {
    let (code, rest) = body.split_at_checked(4).ok_or(Malformed::Startup)?;
    let code = u32::from_be_bytes([code[0], code[1], code[2], code[3]]);
    match code {
        80_877_103 => Ok(First::Tls),
        80_877_104 => Ok(First::Gss),
        80_877_102 => {
            let (process, secret) = rest.split_at_checked(4).ok_or(Malformed::Startup)?;
            let process = i32::from_be_bytes([process[0], process[1], process[2], process[3]]);
            Ok(First::Cancel { process, secret: secret.to_vec() })
        }
        _ => {
            let (major, minor) = ((code >> 16) as u16, code as u16);
            if major != 3 {
                return Err(Malformed::Version(major, minor));
            }
            startup(rest, minor).map(First::Startup)
        }
    }
}

fn startup(body: &[u8], minor: u16) -> Result<Startup, Malformed> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|_| Malformed::Startup);
    let mut reader = Reader { rest: body, tag: b'?' };
    let mut startup = Startup { minor, ..Startup::default() };
    loop {
        let name = text(reader.text().map_err(|_| Malformed::Startup)?)?;
        if name.is_empty() {
            break;
        }
        let value = text(reader.text().map_err(|_| Malformed::Startup)?)?;
        match name.as_str() {
            "user" => startup.user = value,
            "database" => startup.database = Some(value),
            "replication" => {
                if !matches!(value.to_ascii_lowercase().as_str(), "false" | "off" | "no" | "0") {
                    return Err(Malformed::Replication);
                }
            }
            "options" => {
                let (rest, reason) = options::without_reason(&value);
                startup.reason = reason.or(startup.reason);
                startup.parameters.extend((!rest.is_empty()).then_some((name, rest)));
            }
            _ if name.eq_ignore_ascii_case(options::REASON) => startup.reason = Some(value),
            _ if name.starts_with("_pq_.") => startup.unknown_extensions.push(name),
            _ => startup.parameters.push((name, value)),
        }
    }
    if reader.rest.is_empty() && !startup.user.is_empty() { Ok(startup) } else { Err(Malformed::Startup) }
}

/// How an error or notice is meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Severity {
    Fatal,
    Error,
    Notice,
}

/// An ErrorResponse or NoticeResponse of our own.
pub(crate) fn report(severity: Severity, code: &str, message: &str, hint: &str, out: &mut BytesMut) {
    let (tag, word) = match severity {
        Severity::Fatal => (b'E', "FATAL"),
        Severity::Error => (b'E', "ERROR"),
        Severity::Notice => (b'N', "NOTICE"),
    };
    let mut body = BytesMut::new();
    for (field, text) in [(b'S', word), (b'V', word), (b'C', code), (b'M', message), (b'H', hint)] {
        if !text.is_empty() {
            body.put_u8(field);
            body.extend_from_slice(inert(text).as_bytes());
            body.put_u8(0);
        }
    }
    body.put_u8(0);
    put(tag, &body, out);
}

/// Words of ours may hold what people wrote (comments, reasons, names), and end in a terminal: one line, in which what
/// nobody would see is named and moves nothing. A NUL would end the field early.
fn inert(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.trim_end().chars() {
        match c {
            '\n' => shown.push('␊'),
            '\t' => shown.push(' '),
            c if is_invisible(c) => shown.push_str(&format!("<U+{:04X}>", u32::from(c))),
            c => shown.push(c),
        }
    }
    shown
}

/// Any message of our own.
pub(crate) fn put(tag: u8, body: &[u8], out: &mut BytesMut) {
    out.put_u8(tag);
    out.put_i32(i32::try_from(body.len() + 4).unwrap_or(i32::MAX));
    out.extend_from_slice(body);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(tag: u8, body: &[u8]) -> Vec<u8> {
        let mut out = BytesMut::new();
        put(tag, body, &mut out);
        out.to_vec()
    }

    #[test]
    fn a_length_is_checked_before_anything_is_read() {
        assert_eq!(whole_length(b"Q\x00\x00\x00"), Ok(None));
        assert_eq!(whole_length(b"Q\x00\x00\x00\x03"), Err(Malformed::BadLength(3)));
        assert_eq!(whole_length(b"Q\xff\xff\xff\xff"), Err(Malformed::BadLength(-1)));
        assert_eq!(whole_length(b"Q\x40\x00\x00\x00"), Err(Malformed::TooLong(1 << 30)));
        assert_eq!(whole_length(b"Q\x00\x00\x00\x08abcd"), Ok(Some(9)));
    }

    #[test]
    fn messages_are_read_to_their_last_byte() {
        assert_eq!(frontend(&message(b'Q', b"select 1\0")), Ok(Frontend::Query(b"select 1")));
        assert_eq!(frontend(&message(b'Q', b"select 1\0x")), Err(Malformed::Body('Q')), "something after the NUL");
        assert_eq!(frontend(&message(b'Q', b"select 1")), Err(Malformed::Body('Q')), "no NUL");
        assert_eq!(frontend(&message(b'F', b"")), Err(Malformed::FunctionCall));
        assert_eq!(frontend(&message(b'p', b"")), Err(Malformed::Unexpected('p')));
        let bind = message(b'B', b"\0s\0\x00\x01\x00\x01\x00\x02\x00\x00\x00\x02hi\xff\xff\xff\xff\x00\x00");
        let Ok(Frontend::Bind(bind)) = frontend(&bind) else { panic!("a bind") };
        assert_eq!((bind.statement, bind.formats, bind.values), (&b"s"[..], vec![1], vec![Some(&b"hi"[..]), None]));
    }

    #[test]
    fn a_value_longer_than_its_message_is_refused() {
        let bind = message(b'B', b"\0s\0\x00\x00\x00\x01\x7f\xff\xff\xff\x00\x00");
        assert_eq!(frontend(&bind), Err(Malformed::Body('B')));
        let many = message(b'P', b"\0select\0\xff\xff");
        assert_eq!(frontend(&many), Err(Malformed::Body('P')));
    }

    #[test]
    fn start_up_packets() {
        let packet = |pairs: &[u8]| [&196_608u32.to_be_bytes()[..], pairs].concat();
        let Ok(First::Startup(read)) = first(&packet(b"user\0a+b\0database\0d\0application_name\0psql\0\0")) else {
            panic!("a start-up packet")
        };
        assert_eq!((read.user.as_str(), read.database.as_deref()), ("a+b", Some("d")));
        assert_eq!(first(&packet(b"user\0a\0replication\0database\0\0")), Err(Malformed::Replication));
        assert_eq!(first(&packet(b"user\0a\0")), Err(Malformed::Startup));
        assert_eq!(first(&packet(b"user\0\xff\0\0")), Err(Malformed::Startup));
        assert_eq!(first(&131_072u32.to_be_bytes()), Err(Malformed::Version(2, 0)));
        assert_eq!(first(&[0, 1]), Err(Malformed::Startup));
    }
}
