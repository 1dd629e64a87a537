//! What a change of the rules does to a session: what nobody read is forgotten, and a transaction that is open fails.

use super::hold::{No, Waiting};
use super::message::{Frontend, Severity, put, report};
use super::pipeline::{Expect, For, Resets};
use super::relay::{End, FLUSH, Relay};
use bytes::BytesMut;
use countersign_core::digest::UnitPart;

impl Relay {
    /// Whether a rule speaks of statements by now. Comes before any name is looked up: what was prepared, set or bound
    /// while nothing was read is not known.
    pub(super) fn notice_rules(&mut self) {
        // In this order: what comes into force between the two is seen the next time.
        let generation = self.gate.generation();
        let restricts = self.gate.restricts();
        if restricts && !self.restricted {
            self.pipeline.forget_statements();
            self.memory.forget_meanings();
            self.unsettled = true;
            // What ran since the last Sync may have changed how text is read, and nobody says so before the next.
            if !self.pipeline.is_idle() || self.pipeline.has_executed() {
                self.pipeline.reading_may_change(Resets::Anything);
            }
        }
        self.restricted = restricts;
        if std::mem::replace(&mut self.generation, generation) != generation && restricts {
            self.overtaken = self.in_transaction();
        }
    }

    /// Whether the target has a transaction open, failed or not, or has yet to say what became of one.
    fn in_transaction(&self) -> bool {
        let pipeline = &self.pipeline;
        !pipeline.is_idle() || pipeline.transaction != b'I' || pipeline.has_executed() || pipeline.has_failed()
    }

    /// Data that was still to come for a COPY begun under other rules is not taken. What the client goes on sending, the
    /// target ignores (PostgreSQL manual, "COPY Operations").
    pub(super) fn fail_copy(&mut self) {
        let mut out = BytesMut::new();
        put(b'f', &[No::overtaken().words.as_bytes(), b"\0"].concat(), &mut out);
        self.pipeline.copy_ends();
        self.frame(&out);
        self.frame(FLUSH);
    }

    /// Whether the rules changed behind the transaction a unit is in; then it was answered by that. Comes last before a unit
    /// is judged or its approval spent: every wait until then may have been a long one.
    pub(super) async fn was_overtaken(&mut self, waiting: &Waiting) -> Result<bool, End> {
        self.notice_rules();
        let found = if waiting.simple { Found::Query } else { Found::Part };
        Ok(self.overtaken && self.fail_overtaken(found, waiting.parts.clone()).await?)
    }

    /// Takes a transaction back that was begun under other rules, whole, savepoints and all. What was deferred in it,
    /// triggers and cursors that outlast it, would run at its end and was read by nobody; and what it made may be what is
    /// held since. Returns whether the message that found it so is answered by that: a Sync is not.
    pub(super) async fn fail_overtaken(&mut self, read: Found, parts: Vec<UnitPart>) -> Result<bool, End> {
        self.quiesce().await?;
        if !std::mem::take(&mut self.overtaken) || !self.in_transaction() {
            return Ok(false);
        }
        let No { code, words, hint } = No::overtaken();
        self.gate.refused(self.number, parts, &words).await?;
        if !self.pipeline.has_failed() {
            let mut error = BytesMut::new();
            report(Severity::Error, code, &words, &hint, &mut error);
            self.refuse_parse_with(error);
        }
        self.end_question().await?; // a Sync behind an error commits nothing
        if self.pipeline.transaction != b'I' {
            self.pipeline.expect(Expect::Query(0), For::Us);
            let mut out = BytesMut::new();
            put(b'Q', b"ROLLBACK\0", &mut out);
            self.frame(&out);
            self.hand_over().await?;
            self.drain().await?;
        }
        if self.pipeline.transaction != b'I' {
            return Err(End::Fatal(code, words)); // cancelled, or out of time: the target takes it back when we leave
        }
        match read {
            Found::Query => put(b'Z', &[self.pipeline.transaction], &mut self.wires.client.output),
            Found::Part => self.skipping = true,
            Found::Sync => {}
        }
        self.batch_ends();
        Ok(read != Found::Sync)
    }
}

/// By which message a transaction was found to be overtaken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    Query,
    /// One of the extended protocol, up to Sync.
    Part,
    Sync,
}

impl Found {
    pub(super) fn by(read: &Frontend<'_>) -> Found {
        match read {
            Frontend::Query(_) => Found::Query,
            Frontend::Sync => Found::Sync,
            _ => Found::Part,
        }
    }
}
