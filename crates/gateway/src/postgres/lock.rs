//! The relations an approved unit names are locked, and only then is the session asked once more what they mean: nobody
//! can make the target wait for one of them between that answer and its own look.
//!
//! Preparing a text takes the locks that running it takes, asks for no privilege, and runs nothing (PostgreSQL source,
//! `parserOpenTable`). They last as long as the transaction, which is the unit's own.

use super::catalogue::{Answers, Meant, Names, keeps_meaning};
use super::message::put;
use super::pipeline::{Expect, For, Pipeline, Statement};
use bytes::BytesMut;
use countersign_journal::{ActionFacts, Name, StatementKind};

/// The name of what is prepared.
const NAME: &[u8] = b"_countersign_lock";

/// One relation to be locked.
pub(super) struct Lock {
    sql: String,
}

impl Lock {
    /// The locks of a unit, by what its names were found to mean.
    pub(super) fn all(names: &Names, answers: &Answers) -> Vec<Lock> {
        let found = names.relations.iter().zip(1..);
        found.filter_map(|((_, written), at)| Lock::of(answers.resolved.get(&at)?, *written)).collect()
    }

    fn of(meant: &Meant, written: bool) -> Option<Lock> {
        let relation = quoted(&meant.name);
        match meant.kind.as_str() {
            "r" | "p" if written => Some(Lock { sql: format!("DELETE FROM ONLY {relation}") }),
            "r" | "p" | "v" | "m" | "f" | "S" => Some(Lock { sql: format!("SELECT FROM ONLY {relation}") }),
            _ => None, // an index goes with its table
        }
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

/// Whether a simple query may share a transaction with what is asked before it. Some statements refuse that (VACUUM,
/// CREATE INDEX CONCURRENTLY), others must come first in it (SET TRANSACTION).
pub(super) fn shares_transaction(facts: &ActionFacts) -> bool {
    let shares = |kind| keeps_meaning(kind) || kind == StatementKind::Truncate;
    !facts.statements.is_empty() && facts.kinds().into_iter().all(shares)
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
        let lock =
            |kind: &str, written| Lock::of(&Meant { name: name.clone(), kind: kind.into() }, written).map(|l| l.sql);
        assert_eq!(lock("r", true).as_deref(), Some(r#"DELETE FROM ONLY "a""b"."Own; DROP""#));
        assert_eq!(lock("r", false).as_deref(), Some(r#"SELECT FROM ONLY "a""b"."Own; DROP""#));
        assert_eq!(lock("v", true).as_deref(), Some(r#"SELECT FROM ONLY "a""b"."Own; DROP""#));
        assert_eq!(lock("i", true), None);
    }
}
