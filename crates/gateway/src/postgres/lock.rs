//! The relations an approved unit leads to are locked, and only then is the session asked once more what they mean: nobody
//! can make the target wait for one of them between that answer and its own look.
//!
//! Preparing a text takes the locks that running it takes, asks for no privilege, and runs nothing (PostgreSQL source,
//! `parserOpenTable`). They last as long as the transaction, which is the unit's own.

use super::catalogue::keeps_meaning;
use super::message::put;
use super::pipeline::{Expect, For, Pipeline, Statement};
use bytes::BytesMut;
use countersign_journal::{ActionFacts, Name};

/// The name of what is prepared.
const NAME: &[u8] = b"_countersign_lock";

/// One relation to be locked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Lock {
    sql: String,
}

impl Lock {
    /// The lock of a relation that a unit leads to: `read`, `written`, or `inserted` for a view from which nothing can be
    /// deleted; none where its schema may not be used by name, nor for an index, which goes with its table. `detail` begins
    /// with its kind, as `pg_class.relkind` has it.
    pub(super) fn of(relation: &Name, used: &str, detail: &str) -> Option<Lock> {
        let relation = quoted(relation);
        let kind = detail.split(' ').next().unwrap_or_default();
        let sql = match (used, kind) {
            ("written", "r" | "p" | "v") => format!("DELETE FROM ONLY {relation}"),
            ("inserted", _) => format!("INSERT INTO {relation} DEFAULT VALUES"),
            ("written" | "read", "r" | "p" | "v" | "m" | "f" | "S") => format!("SELECT FROM ONLY {relation}"),
            _ => return None,
        };
        Some(Lock { sql })
    }

    /// Close, Parse, Close. The first Close removes what was left by one that was cancelled halfway.
    pub(super) fn write(&self, pipeline: &mut Pipeline, out: &mut BytesMut) {
        let close = [b"S", NAME, b"\0"].concat();
        put(b'C', &close, out);
        put(b'P', &[NAME, b"\0", self.sql.as_bytes(), b"\0\0\0"].concat(), out);
        put(b'C', &close, out);
        let closed = || Expect::CloseStatement(NAME.to_vec());
        for what in [closed(), Expect::Parse(NAME.to_vec(), Statement::Opaque), closed()] {
            pipeline.expect(what, For::Us);
        }
    }
}

/// Whether a unit may share a transaction with what is asked before it. Some statements refuse that (VACUUM, CREATE INDEX
/// CONCURRENTLY), others must come first in it (SET TRANSACTION), or take a stronger lock, for which two that hold ours
/// would wait for each other (TRUNCATE, ALTER).
pub(super) fn shares_transaction(facts: &ActionFacts) -> bool {
    !facts.statements.is_empty() && facts.kinds().into_iter().all(keeps_meaning)
}

fn quoted(name: &Name) -> String {
    let parts = name.schema.iter().chain([&name.name]);
    parts.map(|part| format!("\"{}\"", part.replace('"', "\"\""))).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_locked_as_a_change_locks_it_and_names_stay_names() {
        let name = Name { schema: Some("a\"b".into()), name: "Own; DROP".into() };
        let lock = |used, detail| Lock::of(&name, used, detail).map(|l| l.sql);
        assert_eq!(lock("written", "r 1 x").as_deref(), Some(r#"DELETE FROM ONLY "a""b"."Own; DROP""#));
        assert_eq!(lock("read", "r 1 x").as_deref(), Some(r#"SELECT FROM ONLY "a""b"."Own; DROP""#));
        assert_eq!(lock("written", "S 1 x").as_deref(), Some(r#"SELECT FROM ONLY "a""b"."Own; DROP""#));
        assert_eq!(lock("inserted", "v 1 x").as_deref(), Some(r#"INSERT INTO "a""b"."Own; DROP" DEFAULT VALUES"#));
        assert_eq!(lock("written", "i 1 x"), None);
        assert_eq!(lock("", "r 1 x"), None);
    }
}
