//! What the target still owes an answer to, and which prepared statements it has. No IO.
//!
//! A name stands for a text only once the target confirmed it: until then it may stand for the old text or the new
//! one, and both are judged. That is what a client cannot play with.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// Answers waited for at most; beyond it the client must wait.
pub(super) const EXPECTED_MAX: usize = 65_536;
/// Prepared statements a session may hold.
pub(super) const STATEMENTS_MAX: usize = 10_000;

/// Bytes of their texts a session may hold.
const TEXT_BYTES_MAX: usize = 64 << 20;
/// Bytes of texts that may be on their way before the target is asked to confirm them.
const UNCONFIRMED_BYTES_MAX: usize = 1 << 20;

/// A prepared statement.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Statement {
    /// Its text and declared parameter types.
    Known(Arc<[u8]>, Arc<[u32]>),
    /// Something made it that we could not read.
    Opaque,
    /// It was parsed while the target may have read text otherwise than we do.
    Misread,
}

impl Statement {
    fn text_bytes(&self) -> usize {
        if let Statement::Known(sql, _) = self { sql.len() } else { 0 }
    }
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

impl Expect {
    fn text_bytes(&self) -> usize {
        if let Expect::Parse(_, statement) = self { statement.text_bytes() } else { 0 }
    }
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
    /// Whether the release that is under way ends with this answer.
    pub(super) ends_release: bool,
}

/// Whether the target is taking COPY data.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum CopyIn {
    No,
    Taking,
}

/// What a unit may change of how text is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Resets {
    /// It runs something not understood.
    Anything,
    /// It sets, or goes back to what was set before: a reset, or the end of a transaction.
    ToEarlier,
}

/// What the target still owes, and what it has.
pub(super) struct Pipeline {
    owed: VecDeque<Owed>,
    statements: HashMap<Vec<u8>, Statement>,
    /// Bytes of their texts.
    text_bytes: usize,
    /// Bytes of texts that the target has not confirmed yet.
    unconfirmed_bytes: usize,
    /// The target ignores everything up to the next Sync.
    failed: bool,
    /// Portals were made since the last Sync.
    executed: bool,
    /// What was sent last may take COPY data, so that nothing more is sent until the target said whether it does.
    may_copy: bool,
    /// What was sent since the target was last ready may have changed how it reads text.
    reading_open: bool,
    /// Whether the target, by its last word on it, reads text as we do: `standard_conforming_strings`, `client_encoding`.
    reading: [bool; 2],
    /// Whether it ever read text otherwise in this session, which something may go back to.
    was_otherwise: bool,
    pub(super) copy_in: CopyIn,
    /// Transaction status as the target last said: `I`, `T` or `E`.
    pub(super) transaction: u8,
}

impl Pipeline {
    pub(super) fn new(transaction: u8) -> Pipeline {
        Pipeline {
            owed: VecDeque::new(),
            statements: HashMap::new(),
            text_bytes: 0,
            unconfirmed_bytes: 0,
            failed: false,
            executed: false,
            may_copy: false,
            reading_open: false,
            reading: [true; 2],
            was_otherwise: false,
            copy_in: CopyIn::No,
            transaction,
        }
    }

    /// Whether the target owes nothing.
    pub(super) fn is_idle(&self) -> bool {
        self.owed.is_empty() && self.copy_in == CopyIn::No
    }

    pub(super) fn is_full(&self) -> bool {
        let undecided = self.may_copy && self.copy_in == CopyIn::No;
        undecided || self.owed.len() >= EXPECTED_MAX
    }

    /// Whether no more statements may be prepared: a client must close some first.
    pub(super) fn holds_too_much(&self) -> bool {
        let unconfirmed = self.owed.iter().filter(|o| matches!(o.what, Expect::Parse(..))).count();
        self.statements.len() + unconfirmed >= STATEMENTS_MAX || self.text_bytes >= TEXT_BYTES_MAX
    }

    /// Whether so many texts are on their way that the target must confirm them before more are sent.
    pub(super) fn must_confirm(&self) -> bool {
        self.unconfirmed_bytes > UNCONFIRMED_BYTES_MAX
    }

    /// What was sent last may take COPY data. While it does, the target ignores Syncs: which of those behind it count
    /// depends on the data, so none is sent before that is known.
    pub(super) fn expect_copy(&mut self) {
        self.may_copy = !self.owed.is_empty();
    }

    /// The target said what a setting is now.
    pub(super) fn reports(&mut self, body: &[u8]) {
        let mut fields = body.split(|b| *b == 0);
        match (fields.next(), fields.next()) {
            (Some(b"standard_conforming_strings"), Some(value)) => self.reading[0] = value == b"on",
            (Some(b"client_encoding"), Some(value)) => {
                self.reading[1] = std::str::from_utf8(value).is_ok_and(super::catalogue::is_read_as_utf8);
            }
            _ => {}
        }
        self.was_otherwise |= self.reading.contains(&false);
    }

    /// Something is sent that may change how text is read.
    pub(super) fn reading_may_change(&mut self, resets: Resets) {
        self.reading_open |= resets == Resets::Anything || self.was_otherwise;
    }

    /// What a text parsed now is to us.
    pub(super) fn parsed(&self, sql: &[u8], types: &[u32]) -> Statement {
        if self.reading_open || !self.reads_as_we_do() {
            return Statement::Misread;
        }
        Statement::Known(sql.into(), types.into())
    }

    /// Whether the target, by its last word on it, reads text as we do.
    pub(super) fn reads_as_we_do(&self) -> bool {
        !self.reading.contains(&false)
    }

    /// Whether the target ignores what comes before the next Sync.
    pub(super) fn has_failed(&self) -> bool {
        self.failed
    }

    /// Whether portals were made since the last Sync, so that a Sync of ours would end them.
    pub(super) fn has_executed(&self) -> bool {
        self.executed
    }

    /// How many of the client's Syncs and queries were not answered yet.
    pub(super) fn batches_owed(&self) -> u64 {
        let ends = |o: &&Owed| o.to == For::Client && matches!(o.what, Expect::Sync | Expect::Query(_));
        self.owed.iter().filter(ends).count() as u64
    }

    /// Whether one of the client's batches is on its way. Nothing of the client's is sent behind its end.
    pub(super) fn owes_batch(&self) -> bool {
        self.owed.back().is_some_and(|o| o.to == For::Client && matches!(o.what, Expect::Sync | Expect::Query(_)))
    }

    pub(super) fn front(&self) -> Option<&Owed> {
        self.owed.front()
    }

    pub(super) fn expect(&mut self, what: Expect, to: For) {
        self.expect_for(what, to, false);
    }

    pub(super) fn expect_for(&mut self, what: Expect, to: For, ends_release: bool) {
        match what {
            Expect::Sync => {
                (self.failed, self.executed) = (false, false);
                self.reading_may_change(Resets::ToEarlier); // an implicit transaction may end
            }
            Expect::Query(_) if !self.failed => self.executed = false, // it ends an implicit transaction too
            Expect::Bind | Expect::Execute(_) if to == For::Client => self.executed = true,
            _ => {}
        }
        if !self.failed {
            self.unconfirmed_bytes += what.text_bytes();
            self.owed.push_back(Owed { what, to, ends_release });
        }
    }

    /// What a statement name may stand for, given what the target has not confirmed yet.
    pub(super) fn meaning(&self, name: &[u8]) -> Vec<Statement> {
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
        statements
    }

    /// Something ran that may have made, changed or removed prepared statements behind our back.
    pub(super) fn forget_statements(&mut self) {
        // No statement of SQL makes the unnamed one, but its text may have been parsed under other settings.
        let forgotten = |name: &[u8]| if name.is_empty() { Statement::Misread } else { Statement::Opaque };
        for (name, statement) in self.statements.iter_mut().filter(|(_, s)| **s != Statement::Misread) {
            *statement = forgotten(name);
        }
        for owed in &mut self.owed {
            match &mut owed.what {
                Expect::Parse(name, statement) if *statement != Statement::Misread => *statement = forgotten(name),
                _ => {}
            }
        }
        // Their texts are forgotten with them.
        (self.text_bytes, self.unconfirmed_bytes) = (0, 0);
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
        self.unconfirmed_bytes -= owed.what.text_bytes().min(self.unconfirmed_bytes);
        self.may_copy &= !self.owed.is_empty();
        if tag == b'Z' && self.owed.is_empty() {
            self.reading_open = false; // it reports settings before it says that it is ready
        }
        match &owed.what {
            Expect::Parse(name, statement) => {
                self.text_bytes += statement.text_bytes();
                let before = self.statements.insert(name.clone(), statement.clone());
                self.text_bytes -= before.map_or(0, |s| s.text_bytes()).min(self.text_bytes);
            }
            Expect::CloseStatement(name) => {
                let before = self.statements.remove(name);
                self.text_bytes -= before.map_or(0, |s| s.text_bytes()).min(self.text_bytes);
            }
            _ => {}
        }
        Some(owed)
    }

    /// The target reported an error: in the extended protocol it owes nothing more until the next Sync.
    pub(super) fn errored(&mut self) {
        self.copy_in = CopyIn::No;
        if matches!(self.owed.front(), Some(Owed { what: Expect::Query(_), .. })) {
            return; // ReadyForQuery still follows
        }
        let sync = self.owed.iter().position(|o| o.what == Expect::Sync);
        self.failed = sync.is_none();
        let unanswered = self.owed.drain(..sync.unwrap_or(self.owed.len()));
        let skipped: usize = unanswered.map(|o| o.what.text_bytes()).sum();
        self.unconfirmed_bytes -= skipped.min(self.unconfirmed_bytes);
        self.may_copy &= !self.owed.is_empty();
    }

    /// The target begins to take COPY data; whether that was to be expected.
    #[must_use]
    pub(super) fn copy_begins(&mut self) -> bool {
        self.copy_in = CopyIn::Taking;
        self.may_copy && self.owed.len() == 1
    }

    /// The client ended its COPY data: what follows waits until the target said what became of it.
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
        assert_eq!(p.meaning(b"s"), [known("delete")]);
        p.answered(b'1');
        assert_eq!(p.meaning(b"s"), [known("delete")]);
    }

    /// A second Parse of the same name fails on the target, which keeps the first text.
    #[test]
    fn parsing_a_name_again_does_not_rename_what_the_target_has() {
        let mut p = Pipeline::new(b'I');
        parse(&mut p, "s", "delete");
        p.answered(b'1');
        parse(&mut p, "s", "select");
        assert_eq!(p.meaning(b"s"), [known("delete"), known("select")]);
        p.errored();
        assert_eq!(p.meaning(b"s"), [known("delete")]);
    }

    /// After an error the target ignores Close and Parse up to the Sync.
    #[test]
    fn what_the_target_skips_changes_nothing() {
        let mut p = Pipeline::new(b'I');
        parse(&mut p, "s", "delete");
        p.answered(b'1');
        p.expect(Expect::Bind, For::Client);
        p.errored();
        assert!(p.has_failed() && p.is_idle());
        p.expect(Expect::CloseStatement(b"s".to_vec()), For::Client);
        parse(&mut p, "s", "select");
        p.expect(Expect::Sync, For::Client);
        p.answered(b'Z');
        assert_eq!(p.meaning(b"s"), [known("delete")]);
        assert!(p.is_idle());
    }

    #[test]
    fn a_simple_query_ends_the_batch_before_it_unless_the_target_skips_it() {
        let mut p = Pipeline::new(b'I');
        p.expect(Expect::Bind, For::Client);
        p.errored();
        p.expect(Expect::Query(1), For::Client);
        assert!(p.has_executed() && p.is_idle());
        p.expect(Expect::Sync, For::Client);
        p.expect(Expect::Bind, For::Client);
        assert!(p.has_executed());
        p.expect(Expect::Query(1), For::Client);
        assert!(!p.has_executed());
    }

    #[test]
    fn an_unknown_name_is_opaque() {
        let p = Pipeline::new(b'I');
        assert_eq!(p.meaning(b"x"), [Statement::Opaque]);
    }

    #[test]
    fn behind_a_copy_nothing_is_sent_until_its_course_is_known() {
        let mut p = Pipeline::new(b'I');
        p.expect(Expect::Execute(1), For::Client);
        p.expect_copy();
        assert!(p.is_full(), "nothing is sent behind it");
        assert!(p.copy_begins());
        assert!(!p.is_full(), "its data is");
        p.copy_ends();
        assert!(p.is_full(), "what follows waits for its end");
        assert_eq!(p.answered(b'C').map(|o| o.what), Some(Expect::Execute(1)));
        assert!(p.is_idle() && !p.is_full());
    }
}
