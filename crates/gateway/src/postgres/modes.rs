//! Texts that only begin transactions and set their modes. Clients send them before anything else, and the target takes some
//! of them only as the first of a transaction, so that no question of ours may stand before them.

/// Whether a text holds nothing but `BEGIN`, `START TRANSACTION` and `SET TRANSACTION`, each with modes (PostgreSQL manual,
/// SET TRANSACTION). No snapshot, no quotation, no comment: words alone, which name nothing that is looked up and read the
/// same under any setting. Who asks has the grammar's word that it can be read.
pub(super) fn only(sql: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(sql) else { return false };
    let text = text.to_ascii_uppercase();
    let mut statements = text.split(';').map(words).filter(|words| !words.is_empty()).peekable();
    statements.peek().is_some() && statements.all(|words| is_begun(&words))
}

/// The words of one statement; modes may be set apart by commas.
fn words(statement: &str) -> Vec<&str> {
    statement.split([' ', '\t', '\r', '\n', ',']).filter(|word| !word.is_empty()).collect()
}

fn is_begun(words: &[&str]) -> bool {
    match words {
        ["BEGIN", "WORK" | "TRANSACTION", modes @ ..] | ["START" | "SET", "TRANSACTION", modes @ ..] => {
            are_modes(modes)
        }
        ["BEGIN", modes @ ..] => are_modes(modes),
        _ => false,
    }
}

fn are_modes(words: &[&str]) -> bool {
    match words {
        [] => true,
        ["ISOLATION", "LEVEL", "SERIALIZABLE", rest @ ..]
        | ["ISOLATION", "LEVEL", "REPEATABLE", "READ", rest @ ..]
        | ["ISOLATION", "LEVEL", "READ", "COMMITTED" | "UNCOMMITTED", rest @ ..]
        | ["READ", "ONLY" | "WRITE", rest @ ..]
        | ["NOT", "DEFERRABLE", rest @ ..]
        | ["DEFERRABLE", rest @ ..] => are_modes(rest),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::only;

    #[test]
    fn words_and_modes_alone() {
        for text in [
            "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE",
            "set transaction\n  isolation level repeatable read, read only;",
            "BEGIN; SET TRANSACTION READ ONLY",
            "begin work isolation level read committed read write not deferrable",
            "START TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ ONLY, DEFERRABLE ; ",
        ] {
            assert!(only(text.as_bytes()), "{text}");
        }
        for text in [
            "",
            ";",
            "SET TRANSACTION SNAPSHOT '00000003-1'",
            "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE",
            "SET LOCAL transaction_isolation TO serializable",
            "SET TRANSACTION READ ONLY; UPDATE customers SET visits = 0",
            "SET TRANSACTION READ ONLY -- x",
            "SET TRANSACTION /* x */ READ ONLY",
            "SET TRANSACTION READ\u{a0}ONLY",
            "BEGIN; COMMIT",
            "SET search_path = evil",
            "SET \"transaction\" READ ONLY",
        ] {
            assert!(!only(text.as_bytes()), "{text}");
        }
    }
}
