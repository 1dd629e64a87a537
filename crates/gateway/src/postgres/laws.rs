//! What holds for every stream that claims to be PostgreSQL's protocol. Tests hold it against a few thousand of them, `fuzz/` against
//! as many as there is time for.

use super::message::{
    Bind, CLIENT_MESSAGE_BYTES_MAX, First, Frontend, HEADER, NAME_BYTES_MAX, first, frontend, whole_length,
};

/// Streams to begin with: the first packet without its length, then messages.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    let message = |tag: u8, body: &[u8]| {
        let length = i32::try_from(body.len() + 4).expect("short");
        [&[tag][..], &length.to_be_bytes(), body].concat()
    };
    let startup =
        b"\0\x03\0\0user\0alice+prod-db\0database\0shop\0options\0-c countersign.reason=a\\ b -c a=b\0_pq_.x\0y\0\0";
    let messages = [
        message(b'Q', b"SELECT 1\0"),
        message(b'P', b"s\0SELECT $1\0\0\x01\0\0\0\x17"),
        message(b'B', b"p\0s\0\0\x01\0\x01\0\x02\0\0\0\x04\0\0\0\x07\xff\xff\xff\xff\0\x01\0\0"),
        message(b'B', b"\0s\0\0\0\xff\xff\0\0"),
        message(b'D', b"Ss\0"),
        message(b'D', b"Pp\0"),
        message(b'D', &[&b"S"[..], &[b'n'; NAME_BYTES_MAX + 1], b"\0"].concat()),
        message(b'E', b"p\0\0\0\0\0"),
        message(b'C', b"Ss\0"),
        message(b'C', b"Pp\0"),
        [message(b'S', b""), message(b'H', b""), message(b'X', b""), message(b'c', b"")].concat(),
        [message(b'd', b"a\tb\n"), message(b'f', b"no\0"), message(b'F', b"\0\0\0\x01")].concat(),
        b"Q\0\0\0\x03".to_vec(),
        b"Q\x40\0\0\0".to_vec(),
    ];
    let firsts =
        [&b"\x04\xd2\x16\x2f"[..], b"\x04\xd2\x16\x30", b"\x04\xd2\x16\x2e\0\0\0\x01secret", b"\0\x02\0\0", startup];
    messages.into_iter().chain(firsts.map(<[u8]>::to_vec)).collect()
}

/// Holds for every stream.
///
/// # Panics
///
/// Where it does not hold.
pub fn law(data: &[u8]) {
    begins(data);
    let mut rest = data;
    while let Ok(Some(length)) = whole_length(rest) {
        assert!((HEADER..=CLIENT_MESSAGE_BYTES_MAX + 1).contains(&length));
        let Some((message, others)) = rest.split_at_checked(length) else { break };
        a_message(message);
        rest = others;
    }
}

/// A first packet is read the same each time, and what it names stands in it.
fn begins(data: &[u8]) {
    let read = first(data);
    assert_eq!(read, first(data));
    if let Ok(First::Startup(startup)) = read {
        let told = startup.parameters.iter().flat_map(|(name, value)| [name, value]);
        assert!(told.map(String::len).sum::<usize>() <= data.len() && startup.user.len() <= data.len());
        let stands = |text: &str| data.windows(text.len().max(1)).any(|part| part == text.as_bytes());
        assert!(startup.user.is_empty() || stands(&startup.user));
        assert!(startup.database.is_none_or(|database| database.is_empty() || stands(&database)));
    }
}

/// A message is read the same each time, as a whole or not at all, and is what was written.
fn a_message(message: &[u8]) {
    let read = frontend(message);
    assert_eq!(read, frontend(message));
    let Ok(read) = read else { return };
    if let Some(again) = body(&read) {
        assert_eq!(again, message[HEADER..], "{read:?}");
        assert!(frontend(&[message, b"\0"].concat()).is_err(), "nothing stands behind it");
    }
}

/// What stands behind the length of a message that was read so; nothing where it is not read.
fn body(read: &Frontend<'_>) -> Option<Vec<u8>> {
    let name = |name: &[u8]| {
        assert!(name.len() <= NAME_BYTES_MAX && !name.contains(&0));
        [name, b"\0"].concat()
    };
    Some(match read {
        Frontend::Query(sql) => [sql, &b"\0"[..]].concat(),
        Frontend::Parse { name: of, sql, types } => {
            let types: Vec<u8> = types.iter().flat_map(|kind| kind.to_be_bytes()).collect();
            [&name(of)[..], sql, b"\0", &count(types.len() / 4), &types].concat()
        }
        Frontend::Bind(Bind { portal, statement, formats, values, result_formats }) => {
            let shorts = |all: &[i16]| {
                [&count(all.len())[..], &all.iter().flat_map(|n| n.to_be_bytes()).collect::<Vec<_>>()].concat()
            };
            let value = |value: &Option<&[u8]>| match value {
                Some(value) => [&i32::try_from(value.len()).expect("short").to_be_bytes(), *value].concat(),
                None => vec![0xff; 4],
            };
            let told: Vec<u8> = values.iter().flat_map(value).collect();
            [name(portal), name(statement), shorts(formats), count(values.len()).to_vec(), told, shorts(result_formats)]
                .concat()
        }
        Frontend::DescribeStatement(of) | Frontend::CloseStatement(of) => [&b"S"[..], &name(of)].concat(),
        Frontend::Execute { portal, rows } => [&name(portal)[..], &rows.to_be_bytes()].concat(),
        Frontend::Sync | Frontend::Flush | Frontend::CopyDone | Frontend::Terminate => Vec::new(),
        Frontend::ClosePortal(of) => [&b"P"[..], &name(of)].concat(),
        Frontend::DescribePortal | Frontend::CopyData | Frontend::CopyFail => return None,
    })
}

fn count(of: usize) -> [u8; 2] {
    u16::try_from(of).expect("it was read from two bytes").to_be_bytes()
}

#[cfg(test)]
mod tests {
    #[test]
    fn r52_what_is_said_of_messages_holds_for_every_stream() {
        countersign_harness::hold_against(&super::seeds(), 20_000, super::law);
    }
}
