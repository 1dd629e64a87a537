//! An approved unit leaves: what it leads to is locked, it is asked once more what it means, its approval is spent, and it is
//! sent, all in one transaction of the target wherever that is possible.

use super::hold::{Before, No, Waiting};
use super::lock::{Lock, shares_transaction};
use super::message::{self, Frontend};
use super::overtaken::Found;
use super::pipeline::{Expect, For};
use super::plan::Now;
use super::prepared::prepared_before;
use super::relay::{End, FLUSH, Relay};
use super::unit::may_hold;
use countersign_control::{Fault, Pass, Permit, Release};

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
        self.backend.release_begins();
        self.note_changes(&now.facts); // with what only the catalogue shows
        if waiting.simple {
            self.declares(self.number, &waiting.facts);
            self.batch_ends();
        }
        self.expect_unit(&waiting, release)?;
        if waiting.parts.iter().any(|p| p.sql.is_empty() || may_hold(&p.sql, b"copy")) {
            self.pipeline.expect_copy();
        }
        let bytes = waiting.messages.concat();
        let cleared = self.gate.clear(pass, self.number, recorded, &bytes);
        self.stage(&cleared);
        if !waiting.simple {
            self.frame(FLUSH);
        }
        Ok(())
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

    /// What the target will owe for a released unit; its last answer ends the release.
    fn expect_unit(&mut self, waiting: &Waiting, release: Release) -> Result<(), End> {
        let last = waiting.messages.len() - 1;
        for (n, bytes) in waiting.messages.iter().enumerate() {
            let ends = (n == last).then_some(release);
            let what = match message::frontend(bytes)? {
                Frontend::Query(_) => Expect::Query(self.number),
                Frontend::Parse { name, sql, types } => Expect::Parse(name.to_vec(), self.pipeline.parsed(sql, &types)),
                Frontend::Bind(bind) => {
                    self.name_portal(bind.portal, &waiting.facts, &bind.part(b"", &[]));
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
            self.pipeline.expect_for(what, For::Client, ends);
        }
        Ok(())
    }
}
