//! Changes as requests (DESIGN §5, Administer): proposed with the file that describes them, decided like any other
//! request, and put in force exactly as approved. What was put in force stays as a version, to be compared and restored.

use super::render::render;
use super::{Desired, acceptable, compare::compare, resolve::resolve};
use crate::ask::Actor;
use crate::control::Control;
use crate::dice;
use crate::fault::Fault;
use crate::store::{Row, Sought};
use crate::vault::Purpose;
use crate::view::{self, Base, ChangeView, Configuration, DiffLine, Proposed, VersionView};
use countersign_core::{
    Answer, Ask, AskAct, Case, Grant, GrantKind, GrantStage, Input, Permission, Refusal, Request, Roster, Rulebook,
    Status, digest, may_change,
};
use countersign_journal::{AccountId, Act, Change, Commitment, GrantEnd, GrantId, RequestId, canonical};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a change commits to and its blob keeps: the file as it was handed in, secrets included, and what people are shown
/// of it. Never shown whole.
#[derive(Serialize, Deserialize)]
pub(super) struct Kept {
    file: String,
    pub(super) before: String,
    pub(super) after: String,
    pub(super) changes: Vec<String>,
}

/// Directory and policy of one moment.
pub(super) struct InForce {
    pub(super) directory: Roster,
    pub(super) policy: Rulebook,
    pub(super) base: Base,
}

impl Control {
    /// Proposes the file. It is put in force at once where the rules allow that, and else when it has its approvals; new
    /// rules hold for the next decision (R8). Whoever edited what was in force says from which `base`, so that nobody
    /// takes back by accident what another changed meanwhile.
    ///
    /// # Errors
    /// When the actor may not, or the file is wrong; the message names the entry and the remedy. When `base` is gone; the
    /// message says who changed what. A refusal, or trouble.
    pub async fn propose(
        &self,
        actor: &Actor,
        file: &str,
        reason: &str,
        base: Option<Base>,
    ) -> Result<Proposed, Fault> {
        actor.require(Permission::ProposeChanges)?;
        let InForce { directory, policy, base: now } = self.in_force();
        self.still_from(actor, base, now).await?;
        let desired = acceptable(file, &directory, &policy)?;
        may_change(actor.person, &directory, &desired.directory).map_err(Fault::Refused)?;
        let changes = compare(&directory, &policy, &desired);
        if changes.is_empty() {
            return Ok(Proposed { changes, request: None, applied: true });
        }
        let kept = Kept {
            file: file.to_owned(),
            before: render(&directory, &policy),
            after: render(&desired.directory, &desired.policy),
            changes: changes.clone(),
        };
        let (text, kept) = self.commit_text(&canonical::encode(&kept))?;
        let change = Change {
            digest: digest::change(&desired.directory, &desired.policy),
            text,
            policy_version: now.policy,
            directory_version: now.directory,
        };
        let written = self.marks_in([reason].into_iter().chain(changes.iter().map(String::as_str)))?;
        let (reason, reason_chars, mut rows) = self.reason_of(reason)?;
        rows.push(kept);
        let ask = Ask { reason, reason_chars, ..Ask::plain(actor.person, AskAct::Administer(change), dice::bytes()?) };
        // Whoever proposes may leave; what they may do alone is put in force all the same.
        let control = self.clone();
        let proposed = async move {
            let answer = control.submit_written(Input::Ask(ask), rows, written).await?;
            control.put_approved_in_force().await.map(|()| answer)
        };
        let Answer::Request(request) = tokio::spawn(proposed).await.map_err(Fault::trouble)?? else {
            return Err(Fault::trouble("the engine answered another question"));
        };
        let applied = self.case(request).await?.is_some_and(|case| was_applied(&case));
        Ok(Proposed { changes, request: Some(request), applied })
    }

    /// Puts in force what was approved and is not yet: after a decision, and at the start, should the server have stopped
    /// in between. Whoever waits for it may leave; it goes on.
    ///
    /// # Errors
    /// A refusal, or trouble; the grant stays, and the next call tries again.
    pub(crate) async fn put_approved_in_force(&self) -> Result<(), Fault> {
        let control = self.clone();
        let all = async move {
            let _one_at_a_time = control.0.applying.lock().await;
            let waiting: Vec<(GrantId, Change)> = {
                let state = control.state();
                let changes = state.unended().filter(|g| matches!(g.kind, GrantKind::Change { .. }));
                changes.filter_map(|g| Some((g.id, change_of(state.requests.get(&g.request)?)?))).collect()
            };
            // One that cannot be put in force stands in no other's way; the first fault is told.
            let mut all = Ok(());
            for (grant, change) in waiting {
                all = all.and(control.put_in_force(grant, change).await);
            }
            all
        };
        tokio::spawn(all).await.map_err(Fault::trouble)?
    }

    async fn put_in_force(&self, grant: GrantId, change: Change) -> Result<(), Fault> {
        let kept = self.kept(&change.text).await?.ok_or_else(|| {
            Fault::Input("the text of this change was erased; it cannot be put in force any more".into())
        })?;
        let InForce { directory, policy, .. } = self.in_force();
        let desired = resolve(&kept.file, &directory, &policy)?;
        let (secrets, rows) = self.sealed(desired.passwords).await?;
        let Desired { directory, policy, .. } = desired;
        let input = Input::Apply { directory, policy, under: Some(grant), secrets };
        match self.submit(input, rows).await {
            // Revoked meanwhile, or another change was first.
            Err(Fault::Refused(Refusal::GrantOver)) => Ok(()),
            done => done.map(|_| ()),
        }
    }

    /// Target secrets as their next versions.
    async fn sealed(
        &self,
        passwords: BTreeMap<AccountId, SecretString>,
    ) -> Result<(Vec<(AccountId, u64)>, Vec<Row>), Fault> {
        let (mut secrets, mut rows) = (Vec::new(), Vec::new());
        for (account, password) in passwords {
            let version = self.0.store.secret(account).await?.map_or(1, |(version, _)| version + 1);
            let plain = password.expose_secret().as_bytes();
            let sealed = self.seal(Purpose::Secret, &account.to_string(), version, plain)?;
            secrets.push((account, version));
            rows.push(Row::Secret { account, version, sealed });
        }
        Ok((secrets, rows))
    }

    /// One moment's directory and policy, which belong together.
    pub(super) fn in_force(&self) -> InForce {
        let state = self.state();
        let base = Base { policy: state.policy_version, directory: state.directory_version };
        InForce { directory: self.directory(), policy: state.policy.clone(), base }
    }

    pub(super) async fn kept(&self, text: &Commitment) -> Result<Option<Kept>, Fault> {
        self.decoded(text).await
    }

    /// What a change changes, a line each; nothing when its text was erased.
    pub(crate) async fn changes_of(&self, change: &Change) -> Result<Vec<String>, Fault> {
        Ok(self.kept(&change.text).await?.map(|kept| kept.changes).unwrap_or_default())
    }

    /// What is in force, as a file without its secrets.
    ///
    /// # Errors
    /// When the actor may not, or trouble.
    pub async fn configuration(&self, actor: &Actor) -> Result<Configuration, Fault> {
        actor.require(Permission::ReadConfiguration)?;
        let InForce { directory, policy, base } = self.in_force();
        let warnings = self.warnings(&policy, &directory).await?;
        Ok(Configuration { file: render(&directory, &policy), base, warnings })
    }

    /// Every version that was put in force, the latest first.
    ///
    /// # Errors
    /// When the actor may not, or trouble.
    pub async fn versions(&self, actor: &Actor) -> Result<Vec<VersionView>, Fault> {
        actor.require(Permission::ReadConfiguration)?;
        let mut versions = Vec::new();
        for (request, change) in self.applied().await? {
            versions.push(self.version_view(&request, self.changes_of(&change).await?));
        }
        Ok(versions)
    }

    /// The changes that were put in force, the latest first. What was put in force is over.
    pub(super) async fn applied(&self) -> Result<Vec<(Request, Change)>, Fault> {
        let sought = Sought { kind: "change".into(), status: Some(Status::Approved), ..Sought::default() };
        let made = self.0.store.over(&sought, VERSIONS_MAX).await?.into_iter().filter(was_applied);
        Ok(made.filter_map(|case| change_of(&case.request).map(|change| (case.request, change))).collect())
    }

    pub(super) fn version_view(&self, request: &Request, changes: Vec<String>) -> VersionView {
        VersionView {
            request: request.id,
            at: request.settled_at.unwrap_or(request.at),
            by: view::person_view(&self.directory(), request.person.id),
            changes,
        }
    }

    /// Which versions are in force.
    #[must_use]
    pub fn base(&self) -> Base {
        let state = self.state();
        Base { policy: state.policy_version, directory: state.directory_version }
    }

    /// The file of a version that was put in force, without its secrets: what restoring it proposes.
    ///
    /// # Errors
    /// When the actor may not, there is no such version, or trouble.
    pub async fn version(&self, actor: &Actor, request: RequestId) -> Result<String, Fault> {
        actor.require(Permission::ReadConfiguration)?;
        let case = self.case(request).await?.filter(was_applied);
        let change = case.and_then(|case| change_of(&case.request));
        let kept = self.kept(&change.ok_or(Fault::NotFound)?.text).await?;
        kept.map(|k| k.after).ok_or(Fault::NotFound)
    }

    /// What differs between two versions; none means what is in force.
    ///
    /// # Errors
    /// As [`Control::version`].
    pub async fn compare_versions(
        &self,
        actor: &Actor,
        before: RequestId,
        after: Option<RequestId>,
    ) -> Result<Vec<DiffLine>, Fault> {
        let before = self.version(actor, before).await?;
        let after = match after {
            Some(request) => self.version(actor, request).await?,
            None => self.configuration(actor).await?.file,
        };
        Ok(view::difference(&before, &after))
    }

    /// A change as its approvers see it, and when it expired, what came before it.
    pub(crate) async fn change_view(
        &self,
        change: &Change,
        status: &Status,
        grant: Option<&Grant>,
    ) -> Result<ChangeView, Fault> {
        let applied = grant.is_some_and(|g| g.stage == GrantStage::Ended(GrantEnd::UsedUp));
        let overtaken_by = match status {
            Status::Expired => self.overtaken_by(change).await?,
            _ => None,
        };
        let kept = self.kept(&change.text).await?;
        let warnings = match (&kept, status) {
            (Some(kept), Status::Pending) => self.warned(&kept.file).await?,
            _ => Vec::new(),
        };
        let (lines, changes) = match kept {
            Some(kept) => (view::difference(&kept.before, &kept.after), kept.changes),
            None => (Vec::new(), vec!["(erased)".to_owned()]),
        };
        Ok(ChangeView { changes, lines, warnings, applied, overtaken_by })
    }

    /// What its approvers are warned of, of a file that waits, as things are now.
    async fn warned(&self, file: &str) -> Result<Vec<String>, Fault> {
        let InForce { directory, policy, .. } = self.in_force();
        match acceptable(file, &directory, &policy) {
            Ok(desired) => self.warnings_of_change(&policy, &directory, &desired).await,
            // What is wrong may quote the file, which may hold passwords.
            Err(_) => Ok(vec!["as things are now it could not be put in force; its proposer finds out why".to_owned()]),
        }
    }

    /// The change that was put in force first, of those written from the same version.
    async fn overtaken_by(&self, change: &Change) -> Result<Option<RequestId>, Fault> {
        let base = |c: &Change| (c.policy_version, c.directory_version);
        let first = self.applied().await?.into_iter().find(|(_, other)| base(other) == base(change));
        Ok(first.map(|(request, _)| request.id))
    }
}

/// Versions listed at most.
const VERSIONS_MAX: usize = 200;

fn change_of(request: &Request) -> Option<Change> {
    match &request.act {
        Act::Administer(change) => Some(*change),
        Act::Connect | Act::Run(_) | Act::Watch(_) => None,
    }
}

fn was_applied(case: &Case) -> bool {
    let used = |g: &Grant| g.stage == GrantStage::Ended(GrantEnd::UsedUp);
    matches!(case.request.act, Act::Administer(_)) && case.grant.as_ref().is_some_and(used)
}
