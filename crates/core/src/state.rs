//! State: the fold of the journal. Requests, grants, sessions, exclusive holds and the policy in force.

use crate::deadlines::Deadlines;
use crate::directory::About;
use crate::due::DueSecrets;
use crate::keeping::Keeping;
use crate::links::Links;
use crate::planted::{self, Fault};
use crate::roster::Roster;
use crate::rulebook::Rulebook;
use countersign_journal::canonical::is_default;
use countersign_journal::{
    AccountId, Act, Attempt, Authority, ChangePlan, Commitment, DelegationId, Digest, Evidence, Expiry, GrantEnd,
    GrantId, Level, PersonFacts, PersonId, RequestId, RulingRecord, RunOutcome, SessionEnd, SessionId, TargetFacts,
    Terms, Timestamp, Verdict, Window, WorkflowId,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Everything the engine knows. Of requests and what they yielded it holds what is alive, and what is over until it is
/// [released](State::release).
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct State {
    /// Version of the policy; each change counts one up.
    pub policy_version: u64,
    /// The policy in force.
    pub policy: Rulebook,
    /// Version of the directory; each change counts one up.
    pub directory_version: u64,
    /// Requests, until they are released.
    pub requests: BTreeMap<RequestId, Request>,
    /// Grants, until their requests are released.
    pub grants: BTreeMap<GrantId, Grant>,
    /// Sessions, until the requests behind them are released.
    pub sessions: BTreeMap<SessionId, Session>,
    /// Who holds an account exclusively.
    pub exclusive: BTreeMap<AccountId, GrantId>,
    /// Requests that are pending.
    pub pending: BTreeSet<RequestId>,
    /// Grants that are to be used or in use.
    pub unended_grants: BTreeSet<GrantId>,
    /// Sessions that are open.
    pub open_sessions: BTreeSet<SessionId>,
    /// Grants whose single use was made and whose outcome is not known yet.
    pub unreported: BTreeSet<GrantId>,
    /// Statements of plans that were used and whose outcome is not known yet.
    pub unreported_steps: BTreeSet<(GrantId, u32)>,
    /// Every right to decide ever lent.
    pub delegations: BTreeMap<DelegationId, Delegation>,
    /// Who could be acting as somebody else, by links to passwords.
    pub links: Links,
    /// The last numbers that were given out.
    pub given: Given,
    /// When each request that waits, and each grant that lives, wants to be looked at.
    pub deadlines: Deadlines,
    /// When what closed sessions recorded is to be erased.
    pub keeping: Keeping,
    /// Which stored secrets are due for change.
    pub due_secrets: DueSecrets,
    /// When approvers last said no to somebody on an account for an act: no emergency overrides that for a day.
    pub noes: BTreeMap<(PersonId, AccountId, Access), Timestamp>,
}

/// The last numbers that were given out.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Given {
    /// Of a request.
    pub requests: u64,
    /// Of a grant.
    pub grants: u64,
    /// Of a session.
    pub sessions: u64,
}

/// An act that an emergency can open.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Access {
    /// A session.
    Connect,
    /// A statement, whichever it is.
    Run,
}

impl State {
    /// The number the next request gets.
    #[must_use]
    pub fn next_request(&self) -> RequestId {
        RequestId(self.given.requests + 1)
    }

    /// The number the next grant gets.
    #[must_use]
    pub fn next_grant(&self) -> GrantId {
        GrantId(self.given.grants + 1)
    }

    /// The number the next session gets.
    #[must_use]
    pub fn next_session(&self) -> SessionId {
        let more = u64::from(!planted::is(Fault::NumberGivenTwice));
        SessionId((self.given.sessions + more).max(1))
    }

    /// The number the next delegation gets.
    #[must_use]
    pub fn next_delegation(&self) -> DelegationId {
        DelegationId(self.delegations.last_key_value().map_or(1, |(id, _)| id.0 + 1))
    }

    /// Whose right to decide `person` holds at `now` because it was lent (R42).
    pub fn lent_to(&self, person: PersonId, now: Timestamp) -> impl Iterator<Item = PersonId> {
        self.delegations.values().filter(move |d| d.to == person && d.is_live(now)).map(|d| d.from)
    }

    /// The pending requests, in order.
    pub fn waiting(&self) -> impl Iterator<Item = &Request> {
        self.pending.iter().filter_map(|id| self.requests.get(id))
    }

    /// The grants that are to be used or in use, in order.
    pub fn unended(&self) -> impl Iterator<Item = &Grant> {
        self.unended_grants.iter().filter_map(|id| self.grants.get(id))
    }

    /// The grant a request yielded, if it was ever approved.
    #[must_use]
    pub fn grant_of(&self, request: &Request) -> Option<&Grant> {
        request.grant.and_then(|id| self.grants.get(&id))
    }

    /// Connect grants of a person on a target that have not ended, in their period or not.
    pub fn connect_grants<'s>(&'s self, person: PersonId, target: &'s TargetFacts) -> impl Iterator<Item = &'s Grant> {
        self.unended()
            .filter(move |g| g.kind == GrantKind::Connect && g.person == person && same_target(&g.target, target))
    }
}

/// Whether two resolved targets are one: device, account and its login, database and pinned identity.
#[must_use]
pub fn same_target(a: &TargetFacts, b: &TargetFacts) -> bool {
    a.device == b.device
        && a.account == b.account
        && a.account_name == b.account_name
        && a.database == b.database
        && (a.pin == b.pin || planted::is(Fault::PinNotAsked))
}

/// Where a request stands (R36).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Status {
    /// Waiting for approvers.
    Pending,
    /// Approved; the grant says whether it is to be used, in use or ended.
    Approved,
    /// Rejected.
    Disapproved,
    /// Taken back by the requester.
    Canceled,
    /// Nobody decided in time, or it was not to be had any more.
    Expired,
    /// Taken away after approval.
    Revoked,
}

/// One request.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Request {
    /// Its number.
    pub id: RequestId,
    /// When it was made.
    pub at: Timestamp,
    /// Who asks, as resolved then.
    pub person: PersonFacts,
    /// For what target, as resolved then.
    pub target: TargetFacts,
    /// For what act.
    pub act: Act,
    /// Why.
    pub reason: Option<Commitment>,
    /// The asked terms.
    pub terms: Terms,
    /// The ruling it was made under.
    pub ruling: RulingRecord,
    /// Its tracks and how far they are.
    pub tracks: Vec<Track>,
    /// What approvers sign.
    pub digest: Digest,
    /// Where it stands.
    pub status: Status,
    /// When that last changed.
    pub settled_at: Option<Timestamp>,
    /// Why it expired, once it has.
    #[serde(default)]
    pub expiry: Expiry,
    /// What it yielded.
    pub grant: Option<GrantId>,
    /// Comments of a rejection or revoke, latest last.
    pub comments: Vec<(PersonId, Commitment)>,
    /// Whether every approve rule approved by itself (R6).
    pub automatic: bool,
    /// The reason chosen from a rule's list.
    pub choice: Option<String>,
    /// The ticket it belongs to.
    pub ticket: Option<String>,
    /// Whom the requester chose to ask (R12).
    pub chosen: BTreeSet<PersonId>,
    /// The statements to be run in its sessions.
    pub plan: Option<ChangePlan>,
    /// Who else hears how it ends (R18).
    pub followers: BTreeSet<PersonId>,
    /// Who was told of alerts in its sessions: they may see it (R63).
    #[serde(default, skip_serializing_if = "is_default")]
    pub alerted: BTreeSet<PersonId>,
    /// The emergency the requester declared, if any (R39).
    pub emergency: Option<Declared>,
    /// What approvers said of the emergency afterwards.
    pub reviews: Vec<Review>,
}

impl Request {
    /// Whom and what its authorities are about.
    #[must_use]
    pub fn about(&self) -> About {
        About { requester: self.person.id, account: self.target.account }
    }

    /// Whether access was opened before every level had its approvals, by an emergency.
    #[must_use]
    pub fn was_emergency(&self) -> bool {
        let short = |t: &Track| {
            (0..).zip(&t.levels).any(|(n, l)| t.votes_on(n, Verdict::Approve).count() < l.approvals as usize)
        };
        let declared = self.emergency.as_ref().is_some_and(|e| e.stopped_by.is_none());
        declared && self.grant.is_some() && self.tracks.iter().any(short)
    }

    /// Whether a level's review is done: it was passed before the emergency, or enough people said the same since.
    #[must_use]
    pub fn reviewed(&self, track: u32, level: u32) -> bool {
        let Some((passed, plan)) = self
            .tracks
            .get(track as usize)
            .and_then(|t| t.levels.get(level as usize).map(|l| (t.votes_on(level, Verdict::Approve).count(), l)))
        else {
            return true;
        };
        let said =
            |verdict| self.reviews.iter().filter(|r| (r.track, r.level, r.verdict) == (track, level, verdict)).count();
        passed >= plan.approvals as usize
            || said(Verdict::Approve) >= plan.approvals as usize
            || said(Verdict::Reject) >= plan.rejections as usize
    }

    /// The levels whose review of an emergency is still owed, as (track, level): a debt that stays visible.
    #[must_use]
    pub fn debt(&self) -> Vec<(u32, u32)> {
        if !self.was_emergency() {
            return Vec::new();
        }
        let levels = (0..).zip(&self.tracks).flat_map(|(t, track)| (0..).zip(&track.levels).map(move |(l, _)| (t, l)));
        levels.filter(|(track, level)| !self.reviewed(*track, *level)).collect()
    }

    /// When it wants to be looked at while it waits: the earliest timeout of an open level, the moment a declared emergency
    /// opens, or the end of its window.
    #[must_use]
    pub fn deadline(&self) -> Timestamp {
        let dues = self.tracks.iter().filter_map(Track::due);
        let opens = self.emergency.as_ref().filter(|e| e.stopped_by.is_none()).map(|e| e.opens_at);
        dues.chain(opens).fold(self.terms.window.end, Timestamp::min)
    }

    /// Its target as it is now, if it is there. What a session did can be watched whatever became of its target.
    #[must_use]
    pub fn target_now(&self, directory: &Roster) -> Option<TargetFacts> {
        match self.act {
            Act::Administer(_) => Some(TargetFacts::configuration()),
            Act::Watch(_) => Some(self.target.clone()),
            Act::Connect | Act::Run(_) => directory.target_facts(self.target.account, Some(&self.target.database)),
        }
    }

    /// What an emergency on it would open, and for whom.
    #[must_use]
    pub fn access(&self) -> Option<(PersonId, AccountId, Access)> {
        let access = match self.act {
            Act::Connect => Access::Connect,
            Act::Run(_) => Access::Run,
            Act::Administer(_) | Act::Watch(_) => return None,
        };
        Some((self.person.id, self.target.account, access))
    }

    /// Everyone whose answer counts on this request already, in their own name or by a right they lent.
    pub fn counted(&self) -> impl Iterator<Item = PersonId> {
        let votes = self.tracks.iter().flat_map(|t| &t.votes).flat_map(|v| [Some(v.approver), v.behalf]);
        let reviews = self.reviews.iter().flat_map(|r| [Some(r.approver), r.behalf]);
        votes.chain(reviews).flatten()
    }
}

/// An emergency the requester declared.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Declared {
    /// Why, in addition to the request's reason.
    pub reason: Commitment,
    /// When.
    pub at: Timestamp,
    /// When access opens.
    pub opens_at: Timestamp,
    /// Who stopped it before that.
    pub stopped_by: Option<PersonId>,
}

/// What an approver said of an emergency afterwards.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Review {
    /// On which track.
    pub track: u32,
    /// On which level.
    pub level: u32,
    /// Whose.
    pub approver: PersonId,
    /// Whose right was used, when it was lent.
    pub behalf: Option<PersonId>,
    /// Which way.
    pub verdict: Verdict,
    /// With what comment.
    pub comment: Option<Commitment>,
    /// When.
    pub at: Timestamp,
}

/// The right to decide, lent for a period (R42).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Delegation {
    /// Its id.
    pub id: DelegationId,
    /// Whose right.
    pub from: PersonId,
    /// Who may use it.
    pub to: PersonId,
    /// When.
    pub window: Window,
    /// Who ended it early.
    pub ended_by: Option<PersonId>,
}

impl Delegation {
    /// Whether it can be used at `now`.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.ended_by.is_none() && self.window.contains(now)
    }
}

/// Ordered levels and how far they are.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Track {
    /// The workflow they were copied from.
    pub workflow: Option<WorkflowId>,
    /// The levels, frozen (R20).
    pub levels: Vec<Level>,
    /// Index of the open level; equal to the number of levels when the track is passed.
    pub at: u32,
    /// Counts up whenever a level is opened again.
    pub epoch: u32,
    /// When the open level, or its escalation, began.
    pub since: Timestamp,
    /// Who decides the open level instead of those it names.
    pub escalated: Option<Escalation>,
    /// Whether too few people can decide the open level.
    pub blocked: bool,
    /// Who could decide the open level when it opened.
    pub told: BTreeSet<PersonId>,
    /// Every vote that stands.
    pub votes: Vec<CastVote>,
}

impl Track {
    /// The open level, or `None` when the track is passed.
    #[must_use]
    pub fn open(&self) -> Option<&Level> {
        self.levels.get(self.at as usize)
    }

    /// Who decides the open level now.
    #[must_use]
    pub fn authority(&self) -> Option<&Authority> {
        let level = self.open()?;
        Some(self.escalated.as_ref().map_or(&level.authority, |e| &e.to))
    }

    /// When the open level times out, if it does.
    #[must_use]
    pub fn due(&self) -> Option<Timestamp> {
        self.open()?.timeout.as_ref().map(|t| self.since.plus(t.after_s))
    }

    /// Standing votes of one kind on one level.
    pub fn votes_on(&self, level: u32, verdict: Verdict) -> impl Iterator<Item = &CastVote> {
        self.votes.iter().filter(move |v| v.level == level && v.verdict == verdict)
    }
}

/// Who decides a level instead, and who said so.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Escalation {
    /// Who decides.
    pub to: Authority,
    /// The administrator who escalated by hand; nobody after a timeout.
    pub by: Option<PersonId>,
}

/// A vote that stands.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct CastVote {
    /// On which level.
    pub level: u32,
    /// Whose.
    pub approver: PersonId,
    /// Whose right was used, when it was lent.
    pub behalf: Option<PersonId>,
    /// Which way.
    pub verdict: Verdict,
    /// Under which terms.
    pub terms: Terms,
    /// With what comment.
    pub comment: Option<Commitment>,
    /// How it was made.
    pub evidence: Evidence,
    /// When.
    pub at: Timestamp,
}

/// What a grant allows.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum GrantKind {
    /// Sessions inside the window.
    Connect,
    /// One unit, once.
    Once {
        /// Which bytes.
        attempt: Attempt,
        /// Under which connect grant.
        under: GrantId,
        /// Only in this session, if so narrowed.
        session: Option<SessionId>,
    },
    /// One change of directory and policy, put in force once.
    Change {
        /// Of what: see [`Change::digest_of`](countersign_journal::Change::digest_of).
        digest: Digest,
    },
    /// One session, watched as often as wanted inside the window.
    Watch {
        /// Which.
        session: SessionId,
        /// Whether what was typed may be seen too.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        typed: bool,
    },
}

/// How far a grant is (R36, R53).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum GrantStage {
    /// Approved, not used yet.
    ToBeUsed,
    /// First use made.
    InUse,
    /// Over, and how.
    Ended(GrantEnd),
}

/// What an approved request yields.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Grant {
    /// Its id.
    pub id: GrantId,
    /// The request it came from.
    pub request: RequestId,
    /// Whose it is.
    pub person: PersonId,
    /// On what.
    pub target: TargetFacts,
    /// For what.
    pub kind: GrantKind,
    /// Under which terms.
    pub terms: Terms,
    /// The widest terms that everybody signed.
    pub signed: Terms,
    /// How far it is.
    pub stage: GrantStage,
    /// Whether it holds the account exclusively once used.
    pub exclusive: bool,
    /// Whether its single use was made, and in which session.
    pub used_in: Option<SessionId>,
    /// What became of the use, once reported.
    pub outcome: Option<RunOutcome>,
    /// The sessions opened under it, in order.
    pub sessions: Vec<SessionId>,
    /// The statements of its plan that were used, by place.
    #[serde(with = "countersign_journal::canonical::pairs")]
    pub steps: BTreeMap<u32, StepUse>,
}

impl Grant {
    /// Whether it is over, for whatever reason.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        matches!(self.stage, GrantStage::Ended(_))
    }

    /// Whether it can be used at `now`: not over, and in its period.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        !self.has_ended() && self.terms.window.contains(now)
    }
}

/// The one use of a statement of a plan.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct StepUse {
    /// In which session.
    pub session: SessionId,
    /// When.
    pub at: Timestamp,
    /// What became of it, once reported.
    pub outcome: Option<RunOutcome>,
}

/// A live or past use of a connect grant.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// Under which grant.
    pub grant: GrantId,
    /// Whose.
    pub person: PersonId,
    /// From which address.
    pub from: String,
    /// When it opened.
    pub opened_at: Timestamp,
    /// When and why it closed.
    pub closed: Option<(Timestamp, SessionEnd)>,
    /// Root of its transcript.
    pub transcript: Option<Digest>,
    /// Records in the transcript.
    pub records: u64,
    /// Lines in it that were alerted to.
    #[serde(default, skip_serializing_if = "is_default")]
    pub alerts: u32,
    /// Who was told so, and of which rules, by name.
    #[serde(default, skip_serializing_if = "is_default")]
    pub told: BTreeMap<PersonId, BTreeSet<String>>,
}

/// The asked window, cut to what remains of it at `now`.
#[must_use]
pub fn remaining(window: &Window, now: Timestamp) -> Option<Window> {
    Window::new(window.start.max(now), window.end)
}
