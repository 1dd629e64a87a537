//! Events: facts that happened. What is committed here is true; state is the fold of it.
//!
//! Events are versioned by [`Entry::VERSION`]; a field added later carries a serde default and is left
//! out of the bytes while it has it, so that old entries keep their one encoding; a meaning changed later is a new
//! variant. Nothing here is ever removed.

use crate::act::{Act, PersonFacts, TargetFacts, Terms};
use crate::alert::Alert;
use crate::canonical::{Commitment, Digest, is_default};
use crate::facts::ActionFacts;
use crate::id::{DelegationId, GrantId, PersonId, RequestId, RuleId, SessionId, WorkflowId};
use crate::plan::ChangePlan;
use crate::policy::{Authority, Conditions, Emergency, Evidence, Level, Outcome, Policy};
use crate::time::{Timestamp, Window};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// One line of the journal.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// Format version.
    pub v: u16,
    /// Position, from 0.
    pub seq: u64,
    /// When it was decided.
    pub at: Timestamp,
    /// Leaf hash of the entry before; zero for the first.
    pub prev: Digest,
    /// What happened.
    pub event: Event,
}

impl Entry {
    /// The version written today.
    pub const VERSION: u16 = 1;
}

/// An approver's answer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Yes.
    Approve,
    /// No.
    Reject,
}

/// The ruling a request was made under: the part of it that binds later decisions.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct RulingRecord {
    /// What the rules demanded together.
    pub outcome: Outcome,
    /// The rules that spoke, in order of id.
    pub rules: Vec<RuleId>,
    /// Their conditions together.
    pub conditions: Conditions,
    /// Whether every approve rule lets emergency access through, and after which countdown.
    #[serde(default, skip_serializing_if = "is_default")]
    pub emergency: Option<Emergency>,
}

/// Parallel ordered levels a request must pass: one per workflow that was demanded.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct TrackPlan {
    /// The workflow these levels were copied from; none for the default workflow.
    pub workflow: Option<WorkflowId>,
    /// The levels, frozen.
    pub levels: Vec<Level>,
}

/// A request as it was made.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct RequestMade {
    /// Its number.
    pub request: RequestId,
    /// Who asks.
    pub person: PersonFacts,
    /// For what target.
    pub target: TargetFacts,
    /// For what act.
    pub act: Act,
    /// Why, kept encrypted outside the journal.
    pub reason: Option<Commitment>,
    /// The asked terms.
    pub terms: Terms,
    /// What the rules said.
    pub ruling: RulingRecord,
    /// What must be passed; empty when nobody needs to approve.
    pub tracks: Vec<TrackPlan>,
    /// Set when every approve rule approved by itself at that moment (R6): the approvers, who are told of it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub automatic: Option<BTreeSet<PersonId>>,
    /// The reason chosen from a rule's list.
    #[serde(default, skip_serializing_if = "is_default")]
    pub choice: Option<String>,
    /// The ticket it belongs to.
    #[serde(default, skip_serializing_if = "is_default")]
    pub ticket: Option<String>,
    /// Whom the requester chose to ask, on levels that leave the choice (R12).
    #[serde(default, skip_serializing_if = "is_default")]
    pub chosen: BTreeSet<PersonId>,
    /// The statements to be run in its sessions, for a connect request that brings them.
    #[serde(default, skip_serializing_if = "is_default")]
    pub plan: Option<ChangePlan>,
    /// What approvers sign: request, act, person, target, reason, rules, workflow, plan and nonce in one digest.
    pub digest: Digest,
    /// Makes the digest unpredictable.
    #[serde(with = "serde_bytes")]
    pub nonce: [u8; 32],
}

/// Who ended a session, or what.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionEnd {
    /// The person's client left.
    ClientLeft,
    /// The target closed the connection or could not be reached.
    TargetLeft,
    /// The grant ended.
    GrantEnded,
    /// Somebody entitled terminated it.
    Terminated,
    /// Countersign stopped or was killed.
    ServerStopped,
    /// It was refused as often as its rules bear.
    Interrupted,
}

/// How a grant ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantEnd {
    /// The holder gave it back (R55).
    Surrendered,
    /// Its window ended while or after it was used.
    Expired,
    /// Somebody entitled took it away (R35).
    Revoked,
    /// Its window ended before it was used.
    Unused,
    /// Its only use was made.
    UsedUp,
    /// A change of policy or directory no longer allows it.
    Overruled,
}

/// Why a request ended without a decision.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expiry {
    /// Nobody decided in time.
    #[default]
    Undecided,
    /// Nobody is left who could decide it, and there is nobody to escalate to.
    NobodyLeft,
    /// The emergency declared on it could not be opened when its countdown was over.
    NotOpened,
    /// Whoever asked was disabled or removed.
    PersonGone,
    /// The account is gone, or is another one now.
    TargetGone,
    /// These rules deny it now, by name; none when no rule allows it any more.
    Denied(Vec<String>),
    /// The change of that request was put in force first, and this one was written before it.
    Overtaken(Option<RequestId>),
    /// The access under which it was asked for ended.
    AccessEnded,
}

/// What became of a released unit.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunOutcome {
    /// The target reported completion; rows as its command tags count them.
    Completed {
        /// Rows affected or returned, summed over the unit.
        rows: u64,
    },
    /// The target reported an error.
    Failed {
        /// Its SQLSTATE, or the signal that ended a command.
        code: String,
    },
    /// The command ended by itself.
    Exited {
        /// Its exit status; 0 where all went well.
        status: u32,
    },
    /// It was cut off: whether it took effect is not known. It never runs again.
    Unknown,
}

/// Everything that can happen.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "fields repeat the words of the types they hold")]
pub enum Event {
    /// Rules and workflows were replaced (R8).
    PolicyApplied {
        version: u64,
        policy: Policy,
        by: Option<PersonId>,
        /// The grant of the request that proposed it; none at set-up only.
        #[serde(default, skip_serializing_if = "is_default")]
        under: Option<GrantId>,
    },
    /// People, groups, devices or accounts were replaced; the digest names the new directory.
    DirectoryApplied {
        version: u64,
        digest: Digest,
        by: Option<PersonId>,
        /// The grant of the request that proposed it; none at set-up only.
        #[serde(default, skip_serializing_if = "is_default")]
        under: Option<GrantId>,
    },
    /// A request was made.
    RequestMade(Box<RequestMade>),
    /// A level is open; these people could decide it at that moment (R19).
    LevelStarted {
        request: RequestId,
        track: u32,
        level: u32,
        epoch: u32,
        approvers: BTreeSet<PersonId>,
        /// Who else hears that it is open (R18).
        #[serde(default, skip_serializing_if = "is_default")]
        informed: BTreeSet<PersonId>,
        /// Who else hears how the request ends (R18).
        #[serde(default, skip_serializing_if = "is_default")]
        followers: BTreeSet<PersonId>,
    },
    /// Others decide the level from now on, under a new epoch; by a timeout, or by an administrator (R16, R17).
    Escalated {
        request: RequestId,
        track: u32,
        level: u32,
        epoch: u32,
        to: Authority,
        approvers: BTreeSet<PersonId>,
        by: Option<PersonId>,
    },
    /// Too few people are left to decide the level; it waits for an administrator or its deadline.
    LevelBlocked { request: RequestId, track: u32, level: u32 },
    /// Enough people can decide the level again.
    LevelFreed { request: RequestId, track: u32, level: u32, approvers: BTreeSet<PersonId> },
    /// Someone decided.
    Voted {
        request: RequestId,
        track: u32,
        level: u32,
        epoch: u32,
        approver: PersonId,
        verdict: Verdict,
        terms: Terms,
        comment: Option<Commitment>,
        evidence: Evidence,
        /// The authority that made the approver one, at that moment.
        authority: Authority,
        /// The request's digest, signed over.
        digest: Digest,
        /// Whose right to decide was used, when it was lent (R42).
        #[serde(default, skip_serializing_if = "is_default")]
        behalf: Option<PersonId>,
    },
    /// A level's approvals were taken back; it is open again under a new epoch, later levels not started (R33).
    Retracted { request: RequestId, track: u32, level: u32, epoch: u32, by: PersonId },
    /// Every track is passed, or none was demanded: the grant exists.
    RequestApproved { request: RequestId, grant: GrantId, terms: Terms },
    /// Enough rejections.
    RequestDisapproved { request: RequestId, by: PersonId },
    /// The requester took it back (R34).
    RequestCanceled { request: RequestId },
    /// It ended without a decision: nobody gave one in time, or it was not to be had any more.
    RequestExpired {
        request: RequestId,
        #[serde(default, skip_serializing_if = "is_default")]
        why: Expiry,
    },
    /// Taken away after approval (R35).
    RequestRevoked { request: RequestId, by: PersonId, reason: Option<Commitment> },
    /// The requester declared an emergency; access opens at `opens_at` unless it is stopped (R39).
    EmergencyConfirmed {
        request: RequestId,
        reason: Commitment,
        evidence: Evidence,
        opens_at: Timestamp,
        /// Approvers of all levels, who are told.
        approvers: BTreeSet<PersonId>,
    },
    /// An approver stopped the countdown; the request waits for its levels as any other.
    EmergencyStopped { request: RequestId, by: PersonId, comment: Option<Commitment> },
    /// An approver reviewed emergency access after the fact (R39).
    Reviewed {
        request: RequestId,
        track: u32,
        level: u32,
        approver: PersonId,
        verdict: Verdict,
        comment: Option<Commitment>,
        evidence: Evidence,
        authority: Authority,
        digest: Digest,
        #[serde(default, skip_serializing_if = "is_default")]
        behalf: Option<PersonId>,
    },
    /// A person lent the right to decide (R42).
    Delegated { delegation: DelegationId, from: PersonId, to: PersonId, window: Window },
    /// It was taken or given back before its end.
    DelegationEnded { delegation: DelegationId, by: PersonId },
    /// Somebody can become this person by a one-time link that replaces their password: from now on the person decides
    /// nothing that `by` asked for.
    LinkMade { person: PersonId, by: PersonId },
    /// The terms of a grant were changed, never beyond what was signed (R37).
    GrantEdited { grant: GrantId, by: PersonId, terms: Terms, reason: Option<Commitment> },
    /// A grant is over.
    GrantEnded { grant: GrantId, how: GrantEnd },
    /// A session is live under a connect grant.
    SessionOpened { session: SessionId, grant: GrantId, from: String, first_use: bool },
    /// A session is over; its transcript's root and number of records, when one was kept.
    SessionClosed { session: SessionId, why: SessionEnd, transcript: Option<Digest>, records: u64 },
    /// A one-use grant was used up, before the first byte left. `attempt` is what the gateway recomputed from the
    /// bytes it was about to send.
    Used { grant: GrantId, session: SessionId, attempt: crate::act::Attempt },
    /// What became of it.
    Ran { grant: GrantId, outcome: RunOutcome },
    /// A statement of an approved plan was used, before its first byte left: `sql` is what the gateway computed from
    /// the text it was about to send, `attempt` from everything that decides what it does there, `facts` what it was
    /// found to be and touch in the session.
    PlanUsed {
        grant: GrantId,
        session: SessionId,
        step: u32,
        sql: Digest,
        attempt: crate::act::Attempt,
        facts: ActionFacts,
    },
    /// What became of it.
    PlanRan { grant: GrantId, step: u32, outcome: RunOutcome },
    /// Something worth knowing that changes no decision.
    Noted(Note),
}

/// What of a session left as a file.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exported {
    /// Its transcript.
    Transcript,
    /// What the terminal of one command showed, by the command's number.
    Terminal(u64),
}

/// Facts for the audit that change no decision (R90).
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "fields repeat the words of the types they hold")]
pub enum Note {
    /// The journal begins.
    Installed { name: String },
    /// A person signed in.
    SignedIn { person: PersonId, from: String, second_factor: bool },
    /// A sign-in failed.
    SignInFailed { handle: String, from: String },
    /// A person signed out.
    SignedOut { person: PersonId },
    /// A one-time link to set a password was made.
    InvitationMade { person: PersonId, by: Option<PersonId> },
    /// A person set a password through such a link.
    PasswordSet { person: PersonId },
    /// A person turned the second factor on.
    SecondFactorSet { person: PersonId },
    /// An access token was issued.
    TokenIssued { person: PersonId, target: String },
    /// A target secret was stored or replaced.
    SecretStored { account: crate::id::AccountId, version: u64 },
    /// A connection attempt was refused.
    ConnectRefused { who: String, target: String, from: String, why: String },
    /// A statement was refused without a request.
    StatementRefused { session: SessionId, text: Option<Commitment>, why: String },
    /// A message left.
    NotificationSent { request: RequestId, to: PersonId, subject: String },
    /// A message could not be sent.
    NotificationFailed { request: RequestId, to: PersonId, why: String },
    /// A session was watched: its transcript or a recording read, or looked at live. Under a grant where that has to be
    /// approved; `typed` where everything that was typed was seen, which always has to be; `exported` where it left as a file.
    TranscriptRead {
        session: SessionId,
        by: PersonId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        under: Option<GrantId>,
        #[serde(default, skip_serializing_if = "is_default")]
        typed: bool,
        #[serde(default, skip_serializing_if = "is_default")]
        exported: Option<Exported>,
    },
    /// The time was over for which the rules of a request keep what its sessions recorded: from now on there is no transcript
    /// of the session any more, whose root stays in the journal.
    RecordingErased { session: SessionId, request: RequestId, kept_days: u32 },
    /// What a session recorded was brought to the store outside and read back from there, and is kept there from now on.
    RecordingStored { session: SessionId, place: String },
    /// A line that was typed into a free shell would not have been let run as a command of its own: it ran all the same, and these
    /// people are told. `last` says that more came, of which none is noted from here on.
    Alerted {
        alert: Alert,
        #[serde(default, skip_serializing_if = "is_default")]
        told: BTreeSet<PersonId>,
        #[serde(default, skip_serializing_if = "is_default")]
        last: bool,
    },
    /// A session was cut by a crash, and what it recorded was missing or could not be read when the server began again: it stays as it is, and
    /// there is no root by which anybody could tell whether it is whole.
    RecordingUnread { session: SessionId },
    /// A session was cut by a crash, and what it recorded ended within a frame when the server began again: the root in its end is
    /// of what is before that.
    RecordingTorn { session: SessionId },
    /// The journal was exported.
    Exported { by: Option<PersonId>, entries: u64 },
    /// A person changed their password, by the one they had.
    PasswordChanged { person: PersonId },
    /// A person registered an SSH key of theirs, told by its fingerprint as OpenSSH writes it.
    KeyAdded { person: PersonId, fingerprint: String },
    /// A person took one back.
    KeyRemoved { person: PersonId, fingerprint: String },
    /// A person signed in by a certificate of their key: the fingerprint of the authority that signed it, and what it says of
    /// itself.
    CertificateUsed { person: PersonId, from: String, authority: String, serial: u64, key_id: String },
}
