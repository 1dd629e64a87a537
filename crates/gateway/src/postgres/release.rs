//! An approved unit leaves: what it leads to is locked, it is asked once more what it means, its approval is spent, and it is
//! sent, statement by statement, all in one transaction of the target wherever that is possible.

use super::hold::{Before, No, Waiting};
use super::lock::{Lock, shares_transaction};
use super::message::{self, Frontend, Malformed};
use super::pipeline::{Expect, For};
use super::prepared::prepared_before;
use super::relay::{End, FLUSH, Relay};
use super::unit::may_hold;
use bytes::Bytes;
use countersign_control::{Cleared, Fault, Permit, Unit};
use countersign_core::Refusal;
use countersign_journal::ActionFacts;

/// A Sync: the target ends an implicit transaction.
const SYNC: &[u8] = b"S\0\0\0\x04";

impl Relay {
    /// Sends an approved unit: what it leads to is locked, what it runs by name is parsed again, it is asked again what it
    /// means, its digest computed again, its use committed, then it is sent, in the same transaction.
    pub(super) async fn release(&mut self, waiting: Waiting, permit: Permit, locks: &[Lock]) -> Result<(), End> {
        let recorded = permit.recorded(&waiting.parts);
        let anew = prepared_before(&waiting.messages, &waiting.parts)?;
        let goes_on = shares_transaction(&waiting.facts);
        let before = Before { locks: if goes_on { locks } else { &[] }, anew: &anew, goes_on };
        let now = match self.unit_now(&waiting, &before).await? {
            Ok(now) => now,
            Err(no) => return self.not_released(waiting, no).await,
        };
        if self.was_overtaken(&waiting).await? {
            return Ok(());
        }
        let (pass, release) = match self.gate.spend(permit, &now.unit).await {
            Ok(spent) => spent,
            Err(Fault::Refused(why)) => return self.not_released(waiting, No::privilege(why.to_string())).await,
            Err(fault) => return Err(fault.into()),
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

    async fn not_released(&mut self, waiting: Waiting, no: No) -> Result<(), End> {
        if waiting.simple && shares_transaction(&waiting.facts) && self.sync_is_ours() {
            self.end_question().await?;
        }
        self.refuse(waiting, no).await
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

/// The messages of a unit, statement by statement: what prepares or binds the next begins it, behind the Execute of the one
/// before; what prepares or closes for later ones goes with the last.
fn by_statement(messages: &[Bytes]) -> Result<Vec<&[Bytes]>, Malformed> {
    let (mut starts, mut executed) = (vec![0], false);
    for (n, bytes) in messages.iter().enumerate() {
        match message::frontend(bytes)? {
            Frontend::Execute { .. } => executed = true,
            Frontend::Parse { .. } | Frontend::Bind(_) | Frontend::CloseStatement(_) if executed => {
                starts.push(n);
                executed = false;
            }
            _ => {}
        }
    }
    if !executed && starts.len() > 1 {
        starts.pop();
    }
    let end = messages.len();
    let ends = starts.iter().skip(1).chain([&end]);
    Ok(starts.iter().zip(ends).map(|(start, end)| &messages[*start..*end]).collect())
}

#[cfg(test)]
mod tests {
    use super::super::message::put;
    use super::*;
    use bytes::BytesMut;

    #[test]
    fn a_unit_is_taken_apart_behind_each_execute() {
        let sizes = |tags: &str| {
            let body = |tag| match tag {
                'P' => &b"s\0SELECT 1\0\0\0"[..],
                'B' => b"\0s\0\0\0\0\0\0\0",
                'E' => b"\0\0\0\0\0",
                'C' => b"Ss\0",
                'c' => b"P\0",
                'Q' => b"SELECT 1\0",
                _ => b"P\0",
            };
            let messages: Vec<Bytes> = tags
                .chars()
                .map(|tag| {
                    let mut out = BytesMut::new();
                    put(tag.to_ascii_uppercase() as u8, body(tag), &mut out);
                    out.freeze()
                })
                .collect();
            by_statement(&messages).expect("messages").into_iter().map(<[Bytes]>::len).collect::<Vec<_>>()
        };
        for (tags, parts) in [
            ("Q", &[1][..]),
            ("BE", &[2]),
            ("BDEE", &[4]),
            ("BEBE", &[2, 2]),
            ("BEPBDEcPBE", &[2, 5, 3]),
            ("BEC", &[3]),
            ("BEcCPD", &[6]),
            ("BEPBEP", &[2, 4]),
        ] {
            assert_eq!(sizes(tags), parts, "{tags}");
        }
    }
}
