//! An approved unit leaves: what it leads to is locked, it is asked once more what it means, its approval is spent, and it is
//! sent, statement by statement, all in one transaction of the target wherever that is possible.

use super::hold::{Before, No, Waiting};
use super::lock::{Lock, shares_transaction};
use super::message::{self, Frontend, Malformed};
use super::overtaken::Found;
use super::pipeline::{Expect, For};
use super::plan::Now;
use super::prepared::prepared_before;
use super::relay::{End, FLUSH, Relay};
use super::unit::may_hold;
use bytes::Bytes;
use countersign_control::{Cleared, Fault, Pass, Permit, Release, Unit};
use countersign_core::Refusal;
use countersign_journal::ActionFacts;

/// A Sync: the target ends an implicit transaction.
const SYNC: &[u8] = b"S\0\0\0\x04";

impl Relay {
    /// Sends an approved unit: what it leads to is locked, what it runs by name is parsed again, it is asked again what it
    /// means, its digest computed again, its use committed, then it is sent, in the same transaction.
    pub(super) async fn release(&mut self, waiting: Waiting, permit: Permit, locks: &[Lock]) -> Result<(), End> {
        self.notice_rules();
        if self.overtaken && self.fail_overtaken(Found::of(&waiting), waiting.parts.clone()).await? {
            return Ok(());
        }
        let recorded = permit.recorded(&waiting.parts);
        let anew = prepared_before(&waiting.messages, &waiting.parts)?;
        let goes_on = shares_transaction(&waiting.facts);
        let before = Before { locks: if goes_on { locks } else { &[] }, anew: &anew, goes_on };
        let (now, pass, release) = match self.spend(&waiting, permit, &before).await? {
            Ok(spent) => spent,
            Err(no) => {
                if waiting.simple && goes_on && self.sync_is_ours() {
                    self.end_question().await?;
                }
                return self.refuse(waiting, no).await;
            }
        };
        self.backend.release_begins(release);
        self.note_changes(&now.facts); // with what only the catalogue shows
        if waiting.simple {
            self.declares(self.number, &waiting.facts);
            self.batch_ends();
        }
        let bytes = waiting.messages.concat();
        let cleared = self.gate.clear(pass, self.number, recorded, &bytes);
        self.send_in_turn(&waiting, &now.unit, cleared).await
    }

    /// Sends what was cleared, statement by statement. What an earlier one does, or is made to wait for, may change what a
    /// later one means, so that is asked in between.
    async fn send_in_turn(&mut self, waiting: &Waiting, approved: &Unit, mut cleared: Cleared<'_>) -> Result<(), End> {
        let statements = by_statement(&waiting.messages)?;
        for (n, messages) in statements.iter().enumerate() {
            if n > 0 && !self.still_approved(waiting, n, approved).await? {
                return Ok(());
            }
            self.expect_statement(messages, &waiting.facts, n + 1 == statements.len())?;
            if waiting.parts.get(n).is_none_or(|p| p.sql.is_empty() || may_hold(&p.sql, b"copy")) {
                self.pipeline.expect_copy();
            }
            let (now, later) = cleared.split_at(messages.iter().map(Bytes::len).sum());
            self.stage(&now);
            cleared = later;
            if !waiting.simple {
                self.frame(FLUSH);
            }
        }
        Ok(())
    }

    /// Waits for the statement before the `n`th, and asks whether the unit still is what was approved. Where it is not, the
    /// transaction that its statements share fails.
    async fn still_approved(&mut self, waiting: &Waiting, n: usize, approved: &Unit) -> Result<bool, End> {
        self.quiesce().await?;
        if self.pipeline.has_failed() {
            return Ok(false); // the target would skip it
        }
        let no = match self.unit_now(waiting, &Before { goes_on: true, ..Before::default() }).await? {
            Ok(now) if now.unit == *approved => return Ok(true),
            Ok(_) => No::privilege(Refusal::NotWhatWasApproved.to_string()),
            Err(no) => no,
        };
        self.backend.release_fails(no.code);
        let parts = waiting.parts.iter().skip(n).cloned().collect();
        let unsent = Waiting { messages: Vec::new(), parts, facts: ActionFacts::default(), simple: false };
        self.refuse(unsent, no).await?;
        Ok(false)
    }

    async fn spend(
        &mut self,
        waiting: &Waiting,
        permit: Permit,
        before: &Before<'_>,
    ) -> Result<Result<(Now, Pass, Release), No>, End> {
        let now = match self.unit_now(waiting, before).await? {
            Ok(found) => found,
            Err(no) => return Ok(Err(no)),
        };
        match self.gate.spend(permit, &now.unit).await {
            Ok((pass, release)) => Ok(Ok((now, pass, release))),
            Err(Fault::Refused(why)) => Ok(Err(No::privilege(why.to_string()))),
            Err(fault) => Err(fault.into()),
        }
    }

    /// Ends the transaction of a question behind which nothing comes.
    pub(super) async fn end_question(&mut self) -> Result<(), End> {
        self.pipeline.expect(Expect::Sync, For::Us);
        self.frame(SYNC);
        self.hand_over().await?;
        self.drain().await
    }

    /// What the target will owe for a statement of a released unit; the last answer of the `last` one ends the release.
    fn expect_statement(&mut self, messages: &[Bytes], facts: &ActionFacts, last: bool) -> Result<(), End> {
        for (n, bytes) in messages.iter().enumerate() {
            let what = match message::frontend(bytes)? {
                Frontend::Query(_) => Expect::Query(self.number),
                Frontend::Parse { name, sql, types } => Expect::Parse(name.to_vec(), self.pipeline.parsed(sql, &types)),
                Frontend::Bind(bind) => {
                    self.name_portal(bind.portal, facts, &bind.part(b"", &[]));
                    Expect::Bind
                }
                Frontend::Execute { portal, .. } => {
                    self.executes(portal);
                    Expect::Execute(self.number)
                }
                Frontend::DescribeStatement(_) | Frontend::DescribePortal => Expect::Describe,
                Frontend::CloseStatement(name) => Expect::CloseStatement(name.to_vec()),
                Frontend::ClosePortal(_) => Expect::ClosePortal,
                _ => continue,
            };
            self.pipeline.expect_for(what, For::Client, last && n + 1 == messages.len());
        }
        Ok(())
    }
}

/// The messages of a unit, statement by statement: what comes behind an Execute and is none of its portal begins the next.
fn by_statement(messages: &[Bytes]) -> Result<Vec<&[Bytes]>, Malformed> {
    let (mut statements, mut first, mut executed) = (Vec::new(), 0, false);
    for (n, bytes) in messages.iter().enumerate() {
        match message::frontend(bytes)? {
            Frontend::Execute { .. } => executed = true,
            Frontend::Parse { .. } | Frontend::Bind(_) | Frontend::CloseStatement(_) if executed => {
                statements.push(&messages[first..n]);
                (first, executed) = (n, false);
            }
            _ => {}
        }
    }
    statements.push(&messages[first..]);
    Ok(statements)
}
