//! What holds for every text that is read as SQL. Tests hold it against some texts, `fuzz/` against as many as there is time for.

use super::{DOUBTS_MAX, facts, statements};
use crate::show::{Class, is_invisible, pieces};

/// Texts that hide something, and each kind of statement.
const SEEDS: &[&str] = &[
    "SELECT a FROM b WHERE c = 'd' AND e > 1",
    "UPDATE \"T\" SET a = $1 WHERE b IN (SELECT c FROM d.e)",
    "INSERT INTO t VALUES (1, E'\\'', U&'\\0061', $a$x$a$) ON CONFLICT DO NOTHING",
    "WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x",
    "/* a /* b */ c */ SELECT 1 -- d\n; DROP TABLE t",
    "DO $$ BEGIN EXECUTE 'DROP TABLE t'; END $$",
    "COPY t TO PROGRAM 'id'",
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; END",
    "ALTER TABLE t ADD COLUMN a int DEFAULT f(); SET search_path = x",
    "PREPARE p AS SELECT 1; EXECUTE p; DEALLOCATE ALL",
    "EXPLAIN (ANALYZE true) UPDATE t SET a = 1",
    "MERGE INTO a USING b ON a.x = b.x WHEN MATCHED THEN DELETE",
    "SELECT 'a\u{202e}b', \u{430} FROM \u{200b}t",
    "GRANT ALL ON t TO PUBLIC; BEGIN; SAVEPOINT a; ROLLBACK TO a; COMMIT",
];

/// Texts to begin with.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    SEEDS.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// Holds for every text.
///
/// # Panics
///
/// Where it does not hold.
pub fn law(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let told = facts(&text);
    assert_eq!(told, facts(&text), "the same text says the same");
    assert!(told.unknown.len() <= DOUBTS_MAX + 1);
    for why in &told.unknown {
        assert!(!why.is_empty() && !why.chars().any(|c| c.is_control() || is_invisible(c)), "{why:?}");
    }
    let shown = pieces(&text);
    assert_eq!(shown.iter().map(|piece| piece.text).collect::<String>(), text, "all of it is shown");
    for piece in &shown {
        assert!(!piece.text.is_empty() && (piece.class == Class::Hidden) == piece.label.is_some(), "{piece:?}");
        assert!(piece.class == Class::Hidden || !piece.text.chars().any(is_invisible), "{piece:?}");
        assert!(piece.class != Class::Hidden || piece.text.chars().count() == 1, "{piece:?}");
    }
    if told.unknown.is_empty() {
        assert_eq!(facts(&format!("{text}\n")), told, "a line's end behind {text:?}");
    }
    if let Ok(all) = statements(&text) {
        // Empty lines are left out of a statement, and nothing else of it.
        let signs = |text: &str| text.chars().filter(|c| *c != '\n').collect::<String>();
        let whole = signs(&text);
        let mut rest = whole.as_str();
        for one in all.iter().map(|one| signs(one)) {
            let at = rest.find(&one).unwrap_or_else(|| panic!("{one:?} does not stand in {text:?}"));
            rest = &rest[at + one.len()..];
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn r62_what_is_said_of_sql_holds_for_every_text() {
        countersign_harness::hold_against(&super::seeds(), 1_500, super::law);
    }
}
