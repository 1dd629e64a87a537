//! State: the fold of the journal. Requests, grants, sessions, exclusive holds and the policy in force.

use countersign_journal::{
    AccountId, Act, Attempt, Commitment, Digest, Evidence, GrantEnd, GrantId, Level, PersonFacts, PersonId, Policy,
    RequestId, RulingRecord, RunOutcome, SessionEnd, SessionId, TargetFacts, Terms, Timestamp, Verdict, Window,
    WorkflowId,
};
use std::collections::{BTreeMap, BTreeSet};

/// Everything the engine knows.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct State {
    /// Version of the policy; each change counts one up.
    pub policy_version: u64,
    /// The policy in force.
    pub policy: Policy,
    /// Version of the directory; each change counts one up.
    pub directory_version: u64,
    /// Every request ever made.
    pub requests: BTreeMap<RequestId, Request>,
    /// Every grant ever made.
    pub grants: BTreeMap<GrantId, Grant>,
    /// Every session ever opened.
    pub sessions: BTreeMap<SessionId, Session>,
    /// Who holds an account exclusively.
    pub exclusive: BTreeMap<AccountId, GrantId>,
    /// Requests that are pending.
    pub pending: BTreeSet<RequestId>,
    /// Grants that are to be used or in use.
    pub live_grants: BTreeSet<GrantId>,
    /// Sessions that are open.
    pub open_sessions: BTreeSet<SessionId>,
    /// Grants whose single use was made and whose outcome is not known yet.
    pub unreported: BTreeSet<GrantId>,
}

impl State {
    /// The number the next request gets.
    #[must_use]
    pub fn next_request(&self) -> RequestId {
        RequestId(self.requests.last_key_value().map_or(1, |(id, _)| id.0 + 1))
    }

    /// The number the next grant gets.
    #[must_use]
    pub fn next_grant(&self) -> GrantId {
        GrantId(self.grants.last_key_value().map_or(1, |(id, _)| id.0 + 1))
    }

    /// The number the next session gets.
    #[must_use]
    pub fn next_session(&self) -> SessionId {
        SessionId(self.sessions.last_key_value().map_or(1, |(id, _)| id.0 + 1))
    }

    /// The grant a request yielded, if it was ever approved.
    #[must_use]
    pub fn grant_of(&self, request: &Request) -> Option<&Grant> {
        request.grant.and_then(|id| self.grants.get(&id))
    }

    /// Live connect grants of a person on a target.
    pub fn connect_grants<'s>(&'s self, person: PersonId, target: &'s TargetFacts) -> impl Iterator<Item = &'s Grant> {
        self.live_grants
            .iter()
            .filter_map(|id| self.grants.get(id))
            .filter(move |g| g.kind == GrantKind::Connect && g.person == person && same_target(&g.target, target))
    }
}

/// Whether two resolved targets are one: device, account, database and pinned identity.
#[must_use]
pub fn same_target(a: &TargetFacts, b: &TargetFacts) -> bool {
    a.device == b.device && a.account == b.account && a.database == b.database && a.pin == b.pin
}

/// Where a request stands (R36).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Status {
    /// Waiting for approvers.
    Pending,
    /// Approved; the grant says whether it is to be used, in use or ended.
    Approved,
    /// Rejected.
    Disapproved,
    /// Taken back by the requester.
    Canceled,
    /// Nobody decided in time.
    Expired,
    /// Taken away after approval.
    Revoked,
}

/// One request.
#[derive(Clone, PartialEq, Eq, Debug)]
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
    /// What it yielded.
    pub grant: Option<GrantId>,
    /// Comments of a rejection or revoke, latest last.
    pub comments: Vec<(PersonId, Commitment)>,
}

/// Ordered levels and how far they are.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Track {
    /// The workflow they were copied from.
    pub workflow: Option<WorkflowId>,
    /// The levels, frozen (R20).
    pub levels: Vec<Level>,
    /// Index of the open level; equal to the number of levels when the track is passed.
    pub at: u32,
    /// Counts up whenever a level is opened again.
    pub epoch: u32,
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

    /// Standing votes of one kind on one level.
    pub fn votes_on(&self, level: u32, verdict: Verdict) -> impl Iterator<Item = &CastVote> {
        self.votes.iter().filter(move |v| v.level == level && v.verdict == verdict)
    }
}

/// A vote that stands.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct CastVote {
    /// On which level.
    pub level: u32,
    /// Whose.
    pub approver: PersonId,
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
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
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
}

/// How far a grant is (R36, R53).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum GrantStage {
    /// Approved, not used yet.
    ToBeUsed,
    /// First use made.
    InUse,
    /// Over, and how.
    Ended(GrantEnd),
}

/// What an approved request yields.
#[derive(Clone, PartialEq, Eq, Debug)]
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
    /// How far it is.
    pub stage: GrantStage,
    /// Whether it holds the account exclusively once used.
    pub exclusive: bool,
    /// Whether its single use was made, and in which session.
    pub used_in: Option<SessionId>,
    /// What became of the use, once reported.
    pub outcome: Option<RunOutcome>,
}

impl Grant {
    /// Whether the grant is live at `now`.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        !matches!(self.stage, GrantStage::Ended(_)) && self.terms.window.contains(now)
    }
}

/// A live or past use of a connect grant.
#[derive(Clone, PartialEq, Eq, Debug)]
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
}

/// The asked window, cut to what remains of it at `now`.
#[must_use]
pub fn remaining(window: &Window, now: Timestamp) -> Option<Window> {
    Window::new(window.start.max(now), window.end)
}
