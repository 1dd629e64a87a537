//! Bound values as approvers read them: what was sent, as what type, and nothing that could be taken for something else.
//!
//! Must not guess: a value sent in binary form is read only by the type its client declared.

use countersign_core::digest::UnitPart;

/// The values of a statement in order: `NULL`, `'text'` with its quotes doubled, or the bytes of what was sent in binary
/// form with what they say; each with the type it was declared as, if it was.
pub(super) fn values(part: &UnitPart) -> Vec<String> {
    let is_binary = |n: usize| match part.parameter_formats.as_slice() {
        [] => false,
        [one] => *one == 1,
        many => many.get(n).is_some_and(|format| *format == 1),
    };
    let shown = |(n, value): (usize, &Option<serde_bytes::ByteBuf>)| {
        let declared = part.parameter_types.get(n).copied().unwrap_or(UNDECLARED);
        let value = match value.as_ref().map(|bytes| (bytes, std::str::from_utf8(bytes))) {
            None => "NULL".to_owned(),
            Some((_, Ok(text))) if !is_binary(n) => quoted(text),
            Some((bytes, _)) => in_binary(bytes, declared),
        };
        if declared == UNDECLARED { value } else { format!("{value} as {}", type_name(declared)) }
    };
    part.parameters.iter().enumerate().map(shown).collect()
}

/// The same in one line, for lists in which each value has a line of its own.
pub(super) fn in_one_line(value: &str) -> String {
    value.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

/// What a client sends that leaves the type to the target.
const UNDECLARED: u32 = 0;

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn in_binary(bytes: &[u8], declared: u32) -> String {
    let hex = format!("the bytes \\x{}", data_encoding::HEXLOWER.encode(bytes));
    match read(bytes, declared) {
        Some(value) => format!("{value}, {hex}"),
        None => hex,
    }
}

/// What bytes say as a value of a declared type, for the types whose binary form is plain (PostgreSQL manual, "Data
/// Types"; network byte order).
fn read(bytes: &[u8], declared: u32) -> Option<String> {
    match (type_name(declared).as_str(), bytes) {
        ("bool", [byte]) => Some((*byte != 0).to_string()),
        ("int2", bytes) => bytes.try_into().ok().map(|b| i16::from_be_bytes(b).to_string()),
        ("int4", bytes) => bytes.try_into().ok().map(|b| i32::from_be_bytes(b).to_string()),
        ("int8", bytes) => bytes.try_into().ok().map(|b| i64::from_be_bytes(b).to_string()),
        ("oid", bytes) => bytes.try_into().ok().map(|b| u32::from_be_bytes(b).to_string()),
        ("float4", bytes) => bytes.try_into().ok().map(|b| f32::from_be_bytes(b).to_string()),
        ("float8", bytes) => bytes.try_into().ok().map(|b| f64::from_be_bytes(b).to_string()),
        ("text" | "varchar" | "json" | "xml", bytes) => std::str::from_utf8(bytes).ok().map(quoted),
        ("uuid", bytes) => Some(data_encoding::HEXLOWER.encode(bytes)).filter(|hex| hex.len() == 32),
        _ => None,
    }
}

/// Types of the server's own by number (`pg_type.dat`); any other by number only.
fn type_name(oid: u32) -> String {
    const NAMES: [(u32, &str); 24] = [
        (16, "bool"),
        (17, "bytea"),
        (18, "\"char\""),
        (19, "name"),
        (20, "int8"),
        (21, "int2"),
        (23, "int4"),
        (25, "text"),
        (26, "oid"),
        (114, "json"),
        (142, "xml"),
        (700, "float4"),
        (701, "float8"),
        (1042, "char"),
        (1043, "varchar"),
        (1082, "date"),
        (1083, "time"),
        (1114, "timestamp"),
        (1184, "timestamptz"),
        (1186, "interval"),
        (1266, "timetz"),
        (1700, "numeric"),
        (2950, "uuid"),
        (3802, "jsonb"),
    ];
    let known = NAMES.iter().find(|(number, _)| *number == oid);
    known.map_or_else(|| format!("type number {oid}"), |(_, name)| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(value: Option<&[u8]>, format: i16, declared: u32) -> String {
        let part = UnitPart {
            sql: Vec::new(),
            parameter_types: vec![declared],
            parameter_formats: vec![format],
            parameters: vec![value.map(|bytes| serde_bytes::ByteBuf::from(bytes.to_vec()))],
            result_formats: Vec::new(),
            row_limits: Vec::new(),
        };
        values(&part).remove(0)
    }

    /// R31: what approvers read is what runs, or plainly only bytes.
    #[test]
    fn r31_a_value_is_never_shown_as_another() {
        assert_eq!(shown(None, 0, 0), "NULL");
        assert_eq!(shown(Some(b"NULL"), 0, 0), "'NULL'");
        assert_eq!(shown(Some(b"it's"), 0, 25), "'it''s' as text");
        assert_eq!(shown(Some(b"-1"), 0, 26), "'-1' as oid");
        assert_eq!(shown(Some(b"00000500"), 1, 20), "3472328296228007984, the bytes \\x3030303030353030 as int8");
        assert_eq!(shown(Some(b"9999"), 1, 0), "the bytes \\x39393939");
        assert_eq!(shown(Some(b"9999"), 1, 1700), "the bytes \\x39393939 as numeric");
        assert_eq!(shown(Some(b"123"), 1, 23), "the bytes \\x313233 as int4", "of another length");
        assert_eq!(shown(Some(b"\xff"), 0, 0), "the bytes \\xff");
        assert_eq!(shown(Some(b"x"), 0, 99_999), "'x' as type number 99999");
    }

    #[test]
    fn a_value_has_one_line_in_a_transcript() {
        assert_eq!(in_one_line("'5\n  $2 = harmless'"), "'5\\n  $2 = harmless'");
    }
}
