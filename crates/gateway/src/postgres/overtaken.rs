//! What a change of the rules does to a session: what nobody read is forgotten, and a transaction that is open fails.

use super::hold::{No, Waiting};
use super::message::Frontend;
use super::pipeline::Resets;
use super::relay::{End, Relay, simple_part};
use bytes::Bytes;
use countersign_journal::ActionFacts;

impl Relay {
    /// Whether a rule speaks of statements by now. Comes before any name is looked up: what was prepared, set or bound
    /// while nothing was read is not known.
    pub(super) fn notice_rules(&mut self) {
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
        if std::mem::replace(&mut self.generation, self.gate.generation()) != self.generation && restricts {
            self.overtaken = !self.pipeline.is_idle() || self.in_transaction();
        }
    }

    /// Whether a transaction is open, as far as the target has said by now; one that failed only waits for its end.
    pub(super) fn in_transaction(&self) -> bool {
        self.pipeline.transaction == b'T' || (self.pipeline.transaction == b'I' && self.pipeline.has_executed())
    }

    /// Whether the transaction that is open was begun under other rules. The target owes nothing. What was deferred in it,
    /// triggers and cursors that outlast it, runs at its end; and what it made may be what was held since.
    pub(super) fn is_overtaken(&mut self) -> bool {
        std::mem::take(&mut self.overtaken) && self.in_transaction() && !self.pipeline.has_failed()
    }

    /// Makes a transaction fail that was begun under other rules. Returns whether its message is answered by that.
    pub(super) async fn fail_overtaken(&mut self, bytes: &Bytes, read: &Frontend<'_>) -> Result<bool, End> {
        self.quiesce().await?;
        if !self.is_overtaken() {
            return Ok(false);
        }
        let (simple, parts) = match read {
            Frontend::Query(sql) => (true, vec![simple_part(sql)]),
            _ => (false, Vec::new()),
        };
        let waiting = Waiting { messages: vec![bytes.clone()], parts, facts: ActionFacts::default(), simple };
        self.refuse(waiting, No::overtaken()).await?;
        Ok(*read != Frontend::Sync)
    }
}
