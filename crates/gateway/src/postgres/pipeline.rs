//! What the target still owes an answer to, and which prepared statements it has. No IO.
//!
//! A name stands for a text only once the target confirmed it: until then it may stand for the old text or the new
//! one, and both are judged. That is what a client cannot play with.

use countersign_journal::GrantId;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// Answers waited for at most; beyond it the client must wait.
pub(super) const EXPECTED_MAX: usize = 65_536;
/// Prepared statements a session may hold.
pub(super) const STATEMENTS_MAX: usize = 10_000;

/// A prepared statement.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Statement {
    /// Its text and declared parameter types.
    Known(Arc<[u8]>, Arc<[u32]>),
    /// Something made it that we could not read.
    Opaque,
}

/// One answer the target owes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Expect {
    Parse(Vec<u8>, Statement),
    Bind,
    Describe,
    CloseStatement(Vec<u8>),
    ClosePortal,
    Execute(u64),
    Sync,
    Query(u64),
}

/// For whom an answer is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum For {
    /// The client's message: its answer is forwarded.
    Client,
    /// The gateway's own question: its answer is kept.
    Us,
    /// A failure made on purpose: the client gets our error in place of the target's, and everything else.
    Refusal,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Owed {
    pub(super) what: Expect,
    pub(super) to: For,
    /// The grant whose released unit ends with this answer.
    pub(super) ends_release: Option<GrantId>,
}

/// Whether the target is taking COPY data.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum CopyIn {
    No,
    Simple,
    Extended,
}

/// What the target still owes, and what it has.
pub(super) struct Pipeline {
    owed: VecDeque<Owed>,
    statements: HashMap<Vec<u8>, Statement>,
    /// The target ignores everything up to the next Sync.
    failed: bool,
    /// Portals were made since the last Sync.
    executed: bool,
    pub(super) copy_in: CopyIn,
    /// Transaction status as the target last said: `I`, `T` or `E`.
    pub(super) transaction: u8,
}

/// What a statement name may stand for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Meaning {
    /// Everything it may stand for.
    pub(super) statements: Vec<Statement>,
    /// Whether the target confirmed it.
    pub(super) certain: bool,
}

impl Pipeline {
    pub(super) fn new(transaction: u8) -> Pipeline {
        Pipeline {
            owed: VecDeque::new(),
            statements: HashMap::new(),
            failed: false,
            executed: false,
            copy_in: CopyIn::No,
            transaction,
        }
    }

    /// Whether the target owes nothing.
    pub(super) fn is_idle(&self) -> bool {
        self.owed.is_empty() && self.copy_in == CopyIn::No
    }

    pub(super) fn is_full(&self) -> bool {
        self.owed.len() >= EXPECTED_MAX || self.statements.len() >= STATEMENTS_MAX
    }

    /// Whether the target ignores what comes before the next Sync.
    pub(super) fn has_failed(&self) -> bool {
        self.failed
    }

    /// Whether portals were made since the last Sync, so that a Sync of ours would end them.
    pub(super) fn has_executed(&self) -> bool {
        self.executed
    }

    pub(super) fn front(&self) -> Option<&Owed> {
        self.owed.front()
    }

    pub(super) fn expect(&mut self, what: Expect, to: For) {
        self.expect_for(what, to, None);
    }

    pub(super) fn expect_for(&mut self, what: Expect, to: For, ends_release: Option<GrantId>) {
        match what {
            Expect::Sync => {
                if self.copy_in == CopyIn::Extended {
                    return; // the target ignores a Sync while it takes COPY data
                }
                (self.failed, self.executed) = (false, false);
            }
            Expect::Bind | Expect::Execute(_) if to == For::Client => self.executed = true,
            _ => {}
        }
        if !self.failed {
            self.owed.push_back(Owed { what, to, ends_release });
        }
    }

    /// What a statement name may stand for, given what the target has not confirmed yet.
    pub(super) fn meaning(&self, name: &[u8]) -> Meaning {
        let mut statements = vec![self.statements.get(name).cloned().unwrap_or(Statement::Opaque)];
        let confirmed = self.statements.contains_key(name);
        let mut certain = true;
        for owed in &self.owed {
            match &owed.what {
                Expect::Parse(parsed, statement) if parsed == name => {
                    certain = false;
                    statements.push(statement.clone());
                }
                Expect::CloseStatement(closed) if closed == name => certain = false,
                _ => {}
            }
        }
        if !certain
            && !confirmed
            && self.owed.iter().all(|o| !matches!(&o.what, Expect::CloseStatement(n) if n == name))
        {
            statements.remove(0); // it had no meaning before: either the new one holds or the target refuses
        }
        Meaning { statements, certain }
    }

    /// Something ran that may have made, changed or removed prepared statements behind our back.
    pub(super) fn forget_statements(&mut self) {
        for statement in self.statements.values_mut() {
            *statement = Statement::Opaque;
        }
        for owed in &mut self.owed {
            if let Expect::Parse(_, statement) = &mut owed.what {
                *statement = Statement::Opaque;
            }
        }
    }

    /// The target answered `tag`; returns what that answer settled, if it settled anything.
    pub(super) fn answered(&mut self, tag: u8) -> Option<Owed> {
        let fits = |what: &Expect| match what {
            Expect::Parse(..) => tag == b'1',
            Expect::Bind => tag == b'2',
            Expect::CloseStatement(_) | Expect::ClosePortal => tag == b'3',
            Expect::Describe => matches!(tag, b'T' | b'n'),
            Expect::Execute(_) => matches!(tag, b'C' | b's' | b'I'),
            Expect::Sync | Expect::Query(_) => tag == b'Z',
        };
        if matches!(tag, b'C' | b'Z') {
            self.copy_in = CopyIn::No;
        }
        if !self.owed.front().is_some_and(|o| fits(&o.what)) {
            return None;
        }
        let owed = self.owed.pop_front()?;
        match &owed.what {
            Expect::Parse(name, statement) => {
                self.statements.insert(name.clone(), statement.clone());
            }
            Expect::CloseStatement(name) => {
                self.statements.remove(name);
            }
            _ => {}
        }
        Some(owed)
    }

    /// The target reported an error: in the extended protocol it owes nothing more until the next Sync. Returns what
    /// it will not answer; the first of these is what failed.
    pub(super) fn errored(&mut self) -> Vec<Owed> {
        self.copy_in = CopyIn::No;
        if matches!(self.owed.front(), Some(Owed { what: Expect::Query(_), .. })) {
            return Vec::new(); // ReadyForQuery still follows
        }
        let sync = self.owed.iter().position(|o| o.what == Expect::Sync);
        self.failed = sync.is_none();
        self.owed.drain(..sync.unwrap_or(self.owed.len())).collect()
    }

    /// The target begins to take COPY data. Syncs it read before are ignored.
    pub(super) fn copy_begins(&mut self) {
        if matches!(self.owed.front(), Some(Owed { what: Expect::Execute(_), .. })) {
            self.copy_in = CopyIn::Extended;
            self.owed.retain(|o| o.what != Expect::Sync);
        } else {
            self.copy_in = CopyIn::Simple;
        }
    }

    /// The client ended its COPY data: Syncs count again.
    pub(super) fn copy_ends(&mut self) {
        self.copy_in = CopyIn::No;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(sql: &str) -> Statement {
        Statement::Known(sql.as_bytes().into(), [].into())
    }

    fn parse(p: &mut Pipeline, name: &str, sql: &str) {
        p.expect(Expect::Parse(name.into(), known(sql)), For::Client);
    }

    #[test]
    fn a_name_means_a_text_only_once_the_target_said_so() {
        let mut p = Pipeline::new(b'I');
        parse(&mut p, "s", "delete");
        assert_eq!(p.meaning(b"s"), Meaning { statements: vec![known("delete")], certain: false });
        p.answered(b'1');
        assert_eq!(p.meaning(b"s"), Meaning { statements: vec![known("delete")], certain: true });
    }

    /// A second Parse of the same name fails on the target, which keeps the first text.
    #[test]
    fn parsing_a_name_again_does_not_rename_what_the_target_has() {
        let mut p = Pipeline::new(b'I');
        parse(&mut p, "s", "delete");
        p.answered(b'1');
        parse(&mut p, "s", "select");
        assert_eq!(p.meaning(b"s").statements, vec![known("delete"), known("select")]);
        p.errored();
        assert_eq!(p.meaning(b"s"), Meaning { statements: vec![known("delete")], certain: true });
    }

    /// After an error the target ignores Close and Parse up to the Sync.
    #[test]
    fn what_the_target_skips_changes_nothing() {
        let mut p = Pipeline::new(b'I');
        parse(&mut p, "s", "delete");
        p.answered(b'1');
        p.expect(Expect::Bind, For::Client);
        assert_eq!(p.errored().len(), 1);
        assert!(p.has_failed());
        p.expect(Expect::CloseStatement(b"s".to_vec()), For::Client);
        parse(&mut p, "s", "select");
        p.expect(Expect::Sync, For::Client);
        p.answered(b'Z');
        assert_eq!(p.meaning(b"s").statements, vec![known("delete")]);
        assert!(p.is_idle());
    }

    #[test]
    fn an_unknown_name_is_opaque() {
        let p = Pipeline::new(b'I');
        assert_eq!(p.meaning(b"x"), Meaning { statements: vec![Statement::Opaque], certain: true });
    }

    #[test]
    fn a_sync_sent_while_copy_data_flows_is_not_answered() {
        let mut p = Pipeline::new(b'I');
        p.expect(Expect::Execute(1), For::Client);
        p.expect(Expect::Sync, For::Client);
        p.copy_begins();
        p.expect(Expect::Sync, For::Client);
        p.copy_ends();
        p.expect(Expect::Sync, For::Client);
        assert_eq!(p.answered(b'C').map(|o| o.what), Some(Expect::Execute(1)));
        assert_eq!(p.answered(b'Z').map(|o| o.what), Some(Expect::Sync));
        assert!(p.is_idle());
    }
}
