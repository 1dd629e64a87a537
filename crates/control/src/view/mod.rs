//! What people and clients are shown: plain values with every name resolved and every text decrypted, made for one
//! actor at one moment. Pages and API serialise these and nothing else.

mod build;
mod calendar;
mod change;
mod editing;
mod entered;
pub(crate) mod eye;
mod keys;
mod levels;
mod list;
mod roles;
mod rules;
mod since;
mod taken;
mod things;
mod transcript;
mod typed;
mod values;

pub(crate) use build::{grant_view, person_view, what};
pub(crate) use change::difference;
pub(crate) use levels::{authority_words, level_words, then_words, times};

pub use crate::words::alerts;
pub use calendar::{CalendarView, ReservedView};
pub use change::{Base, ChangeView, Configuration, DiffLine, Meanwhile, PastView, Plan, Proposed, VersionView};
pub use editing::{AccountView, Due, LevelFields, LevelToday, ParametersView, WorkflowView};
pub use keys::KeyView;
pub(crate) use roles::BUILT_IN;
pub use roles::{PermissionView, RoleView, RolesView};
pub(crate) use rules::ruling_words;
pub use rules::{Combined, Draft, RuleQuery, RuleView};
pub use taken::TakenBack;
pub use things::{DeviceView, GroupView, LoginView};
pub(crate) use transcript::export_checked;
pub(crate) use typed::Reading;
pub use typed::{Known, Typed, Wrongs};

use countersign_core::{Position, Role};
use countersign_journal::{
    AccountId, DelegationId, Digest, GrantId, Language, Outcome, PersonId, RequestId, SessionId, Timestamp, Window,
};
use serde::Serialize;

/// A person, or a contact who decides, for showing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct PersonView {
    /// Who.
    pub id: PersonId,
    /// How they sign in; of a contact the address.
    pub handle: String,
    /// How people call them.
    pub name: String,
}

/// One target a person may reach, and how.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct AccessView {
    /// The account.
    pub account: AccountId,
    /// `account@device`.
    pub target: String,
    /// The database meant when none is named.
    pub database: String,
    /// What the rules demand for a session.
    pub outcome: Outcome,
    /// The rules it comes from, by name.
    pub rules: Vec<String>,
    /// The live or coming grant, if any.
    pub grant: Option<GrantView>,
    /// The pending request, if any.
    pub pending: Option<RequestId>,
}

/// A grant, for showing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct GrantView {
    /// Which.
    pub id: GrantId,
    /// When it may be used.
    pub window: Window,
    /// `To be used`, `In use`, or `Ended`.
    pub stage: &'static str,
    /// How it ended, in one word; empty while it has not.
    pub ended: &'static str,
}

/// One level of one track, for showing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct LevelView {
    /// Who decides, in words: `managers of dba`.
    pub authority: String,
    /// Who could decide now, the requester left out.
    pub approvers: Vec<PersonView>,
    /// How many must approve.
    pub approvals: u32,
    /// How many must reject.
    pub rejections: u32,
    /// `waiting`, `open`, `blocked`, `passed`, or `to review` and `reviewed` after an emergency.
    pub stage: &'static str,
    /// Epoch of its track, to be sent back with what is done about it.
    pub epoch: u32,
    /// When the open level times out; none when it does not.
    pub due: Option<Timestamp>,
    /// What a timeout leads to, in words; empty when it never comes.
    pub then: String,
    /// What happens while nobody decides, in order, counted from when it opens.
    pub times: Vec<Due>,
    /// Who decides instead of those named, and why, in words; empty unless escalated.
    pub escalated: String,
    /// What was decided on it.
    pub votes: Vec<VoteView>,
}

/// One decision, for showing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct VoteView {
    /// Whose.
    pub approver: PersonView,
    /// Whose right was used, when it was lent.
    pub behalf: Option<PersonView>,
    /// `approved` or `rejected`.
    pub verdict: &'static str,
    /// With what comment.
    pub comment: Option<String>,
    /// The window signed; none on a review.
    pub window: Option<Window>,
    /// When.
    pub at: Timestamp,
}

/// An emergency, for showing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct EmergencyView {
    /// Why, in addition to the request's reason.
    pub reason: String,
    /// When it was declared.
    pub at: Timestamp,
    /// When access opens, or opened.
    pub opens_at: Timestamp,
    /// Who stopped it before that.
    pub stopped_by: Option<PersonView>,
    /// Whether access was opened by it.
    pub opened: bool,
    /// Levels that still owe a review.
    pub owed: usize,
}

/// A lent right to decide, for showing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct DelegationView {
    /// Which.
    pub id: DelegationId,
    /// Whose right.
    pub from: PersonView,
    /// Who may use it.
    pub to: PersonView,
    /// When.
    pub window: Window,
    /// `coming`, `live`, `suspended` while one of the two is disabled, `ended`.
    pub stage: &'static str,
    /// Whether this actor may end it.
    pub may_end: bool,
}

/// What will be asked of whom before a request is sent (R30).
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Preview {
    /// What the rules demand.
    pub outcome: Outcome,
    /// The rules it comes from, by name.
    pub rules: Vec<String>,
    /// The levels of each track.
    pub tracks: Vec<Vec<LevelView>>,
    /// Least characters of the reason; `None` when none is needed.
    pub reason_chars_min: Option<u32>,
    /// Longest period, in seconds.
    pub duration_max_s: Option<u64>,
    /// How far ahead a period may start, in seconds.
    pub ahead_max_s: Option<u64>,
    /// Reasons to choose from; empty when any may be given.
    pub reasons: Vec<String>,
    /// Whether a ticket id is required.
    pub ticket: bool,
    /// When access is possible at all, in words; empty when always.
    pub hours: Vec<String>,
    /// Whether it would be approved by itself now.
    pub automatic: bool,
    /// Whether an emergency could be declared.
    pub emergency: bool,
    /// Whether nobody else can use the account meanwhile.
    pub exclusive: bool,
    /// Whom the requester may choose among, where a level leaves the choice (R12); empty where none does.
    pub choose: Vec<PersonView>,
}

/// The statement a request is about, for showing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct StatementView {
    /// What the texts are written in.
    pub language: Language,
    /// The exact texts of the unit, in order.
    pub texts: Vec<String>,
    /// Bound values of each text, in words (`NULL`, `'text'`, or bytes), each with its declared type.
    pub parameters: Vec<Vec<String>>,
    /// What it is: `update`, `select` …
    pub kinds: Vec<String>,
    /// What it touches: `update public.customers`.
    pub touches: Vec<String>,
    /// Why it could not be fully understood.
    pub unknown: Vec<String>,
    /// Settings it was held under.
    pub settings: Vec<(String, String)>,
    /// Views, functions and triggers involved.
    pub objects: Vec<(String, String)>,
    /// The session it is held in.
    pub session: SessionId,
    /// The request of the connect grant it runs under.
    pub connect_request: RequestId,
    /// What became of it: empty until it ran, then `3 rows`, `failed (42P01)` or `outcome unknown`.
    pub outcome: String,
}

/// A session to be watched, for showing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct WatchView {
    /// Which.
    pub session: SessionId,
    /// Whose it is.
    pub whose: PersonView,
    /// Whether everything that was typed is to be seen, passwords included.
    pub typed: bool,
}

/// A change plan, for showing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct PlanView {
    /// Whether its statements run as listed.
    pub in_order: bool,
    /// The statements.
    pub steps: Vec<StepView>,
}

/// One planned statement, for showing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct StepView {
    /// The exact SQL text.
    pub text: String,
    /// What it is: `update`, `select` …
    pub kinds: Vec<String>,
    /// What it touches, by its text: `update customers`.
    pub touches: Vec<String>,
    /// Why it could not be fully understood.
    pub unknown: Vec<String>,
    /// Whether a rule demands that others approve it.
    pub held: bool,
    /// When it was used; none while it was not.
    pub ran_at: Option<Timestamp>,
    /// In which session.
    pub session: Option<SessionId>,
    /// What became of it, as of a held statement.
    pub outcome: String,
}

/// One request, whole, for the card (UX: who, what, why, when, exact text, who else decides).
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct RequestView {
    /// Its number.
    pub id: RequestId,
    /// Who asks.
    pub person: PersonView,
    /// `connect`, `query`, `change` or `watch`.
    pub kind: &'static str,
    /// What is asked, in one sentence without the asker: `run one UPDATE on public.customers in app@prod-db`.
    pub what: String,
    /// The account.
    pub account: AccountId,
    /// `account@device`.
    pub target: String,
    /// The database.
    pub database: String,
    /// Why.
    pub reason: Option<String>,
    /// When it was made.
    pub made_at: Timestamp,
    /// The asked window.
    pub window: Window,
    /// What is left of it after those who approved already, while it waits for more.
    pub narrowed: Option<NarrowedView>,
    /// `Pending`, `Approved`, `Disapproved`, `Canceled`, `Expired`, `Revoked` (R36).
    pub status: &'static str,
    /// When that last changed.
    pub settled_at: Option<Timestamp>,
    /// Why it expired, in words; none unless it has.
    pub expired: Option<String>,
    /// Rules it came from, by name.
    pub rules: Vec<String>,
    /// Whether only a justification was needed.
    pub justified_only: bool,
    /// Whether it was approved by itself.
    pub automatic: bool,
    /// The reason chosen from a list.
    pub choice: Option<String>,
    /// The ticket it belongs to.
    pub ticket: Option<String>,
    /// Whether the secret is due for change after use.
    pub reset_after_use: bool,
    /// The emergency declared on it.
    pub emergency: Option<EmergencyView>,
    /// Levels of each track.
    pub tracks: Vec<Vec<LevelView>>,
    /// What it yielded.
    pub grant: Option<GrantView>,
    /// The statement, for a query.
    pub statement: Option<StatementView>,
    /// The session, for watching one.
    pub watch: Option<WatchView>,
    /// The statements to be run, for a session that brings them.
    pub plan: Option<PlanView>,
    /// What would change, for changes of the configuration.
    pub change: Option<ChangeView>,
    /// What approvers sign.
    pub digest: Digest,
    /// Comments of a revoke.
    pub comments: Vec<(PersonView, String)>,
    /// Where this actor can decide now; to be sent back with the decision.
    pub position: Option<PositionView>,
    /// What this actor may do with it now.
    pub may: May,
    /// Sessions opened under its grant.
    pub sessions: Vec<SessionId>,
}

/// The level an answer is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct PositionView {
    /// Track, from 0.
    pub track: u32,
    /// Level, from 0.
    pub level: u32,
    /// Epoch of the track.
    pub epoch: u32,
}

impl From<Position> for PositionView {
    fn from(p: Position) -> Self {
        PositionView { track: p.track, level: p.level, epoch: p.epoch }
    }
}

impl From<PositionView> for Position {
    fn from(p: PositionView) -> Self {
        Position { track: p.track, level: p.level, epoch: p.epoch }
    }
}

/// What approvers left of the window that was asked for (R32).
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct NarrowedView {
    /// What all of them allowed.
    pub window: Window,
    /// Those who allowed less than was asked for.
    pub by: Vec<PersonView>,
}

/// What an actor may do with a request now.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
#[allow(missing_docs, reason = "each field is the act of its name")]
pub struct May {
    pub decide: bool,
    pub withdraw: bool,
    pub retract: bool,
    pub revoke: bool,
    pub surrender: bool,
    pub edit: bool,
    pub escalate: bool,
    pub emergency: bool,
    pub stop: bool,
    pub review: bool,
}

/// Which requests to list.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Scope {
    /// The actor's own.
    #[default]
    Mine,
    /// Those the actor can decide now.
    ForMe,
    /// Those the actor decided or could decide, settled ones included.
    MyDecisions,
    /// Everybody's; needs the permission to read everything.
    All,
}

/// A search over requests.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RequestQuery {
    /// Which.
    pub scope: Scope,
    /// Only with this status, or stage of its grant (`To be used`, `In use`, `Ended`), in any case; empty means any.
    pub status: String,
    /// Only of this kind: `connect`, `query`, `change` or `watch`; empty means any.
    pub kind: String,
    /// Only made at or after this moment.
    pub from: Option<Timestamp>,
    /// Only made before this moment.
    pub until: Option<Timestamp>,
    /// Only those the actor can decide now.
    pub for_me: bool,
    /// Only with these words in asker, target, reason, ticket or statement, or of this number; empty means any.
    pub text: String,
    /// Only before this number.
    pub before: Option<RequestId>,
    /// At most this many; capped at 200.
    pub limit: usize,
}

/// One session, for showing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct SessionView {
    /// Which.
    pub id: SessionId,
    /// Whose.
    pub person: PersonView,
    /// `account@device`.
    pub target: String,
    /// The database.
    pub database: String,
    /// The request that opened it.
    pub request: RequestId,
    /// From which address.
    pub from: String,
    /// When it opened.
    pub opened_at: Timestamp,
    /// When it closed.
    pub closed_at: Option<Timestamp>,
    /// Why it closed, in words; empty while live.
    pub ended: &'static str,
    /// When its window ends.
    pub window_end: Timestamp,
    /// Whether this actor may terminate it.
    pub may_terminate: bool,
    /// Whether this actor may watch it, where need be once that is approved.
    pub may_watch: bool,
    /// When what it recorded was erased, if it was.
    pub erased_at: Option<Timestamp>,
    /// How many lines that were typed in it the rules would not have let run; more than are noted one by one are one more.
    pub alerts: u32,
}

impl SessionView {
    /// So many alerts, in words.
    #[must_use]
    pub fn alerted(&self) -> String {
        crate::words::alerts(self.alerts)
    }
}

/// What was typed, which may be a password: it is printed by nothing that prints for a log.
#[derive(Clone, PartialEq, Eq)]
pub struct Entered(zeroize::Zeroizing<String>);

/// One line of what was typed in a session.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct TypedLine {
    /// When its first key was.
    pub at: Timestamp,
    /// The number of the statement it was typed into.
    pub statement: u64,
    /// The keys as they came, control characters and all.
    pub text: Entered,
}

/// Why what a session recorded does not leave as a file, if it does not.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Stays {
    /// The rules that forbid it, by name.
    pub forbidden_by: Vec<String>,
    /// Whether nobody can tell if it is whole: the session is over, and the journal has no root of what it recorded.
    pub unchecked: bool,
}

impl Stays {
    /// Whether it may leave.
    #[must_use]
    pub fn may_leave(&self) -> bool {
        self.forbidden_by.is_empty() && !self.unchecked
    }
}

/// One line of a transcript.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct TranscriptLine {
    /// When.
    pub at: Timestamp,
    /// The statement's number within the session.
    pub statement: u64,
    /// The text with its values, or empty on an outcome line.
    pub text: String,
    /// What it is written in.
    pub language: Language,
    /// `allowed`, `held #12`, `released #12`, `refused`, `outcome`, `session`.
    pub kind: String,
    /// Rows, error or note.
    pub detail: String,
    /// Whether what it showed in its terminal was recorded.
    pub recorded: bool,
}

/// The recording of one command's terminal, without what it showed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecordingView {
    /// In which session.
    pub session: SessionView,
    /// The number of the command within it.
    pub number: u64,
    /// What there is of it.
    pub extent: Extent,
}

/// What there is of a recording.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Extent {
    /// Nothing was shown.
    Nothing,
    /// When something was shown first and last, and whether the command is over.
    Shown {
        /// First.
        from: Timestamp,
        /// Last.
        until: Timestamp,
        /// Whether nothing will follow.
        over: bool,
    },
    /// It cannot be read, or is not the one the journal names.
    Damaged,
}

/// One line of the audit.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct AuditLine {
    /// Position in the journal.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// What happened, in one word: `request_made`.
    pub kind: String,
    /// What happened, in one sentence.
    pub sentence: String,
    /// The request it is about, if any.
    pub request: Option<RequestId>,
    /// The session it is about, if any.
    pub session: Option<SessionId>,
    /// Leaf hash of the entry.
    pub leaf: Digest,
}

/// A search over the audit.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AuditQuery {
    /// Only with this text in the sentence; empty means any.
    pub text: String,
    /// Only of this kind; empty means any.
    pub kind: String,
    /// Only before this position.
    pub before: Option<u64>,
    /// At most this many; capped at 500.
    pub limit: usize,
}

/// What a ruling would be, and who could decide (R93, first form).
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Explanation {
    /// Who.
    pub person: PersonView,
    /// On what.
    pub target: String,
    /// Doing what.
    pub act: String,
    /// What is demanded.
    pub preview: Preview,
    /// Each rule with what it demands of this person here.
    pub reasons: Vec<ReasonView>,
    /// Their conditions together, in words.
    pub conditions: Vec<String>,
}

/// One rule's part in a ruling.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ReasonView {
    /// Its name.
    pub rule: String,
    /// What it demands.
    pub outcome: Outcome,
    /// `excluded`, `not understood`, or empty.
    pub note: &'static str,
}

/// An access token and how to use it.
#[derive(Debug, Serialize)]
pub struct TokenView {
    /// The token; shown once.
    #[serde(serialize_with = "expose")]
    pub token: secrecy::SecretString,
    /// User name for the client: `alice+app@prod-db`.
    pub user: String,
    /// A ready command for the client, without the token.
    pub command: String,
    /// The line for `known_hosts` by which an SSH client knows the gateway; none for other clients.
    pub known_host: Option<String>,
    /// Until when a connection may be opened with it.
    pub expires_at: Timestamp,
}

fn expose<S: serde::Serializer>(secret: &secrecy::SecretString, to: S) -> Result<S::Ok, S::Error> {
    use secrecy::ExposeSecret;
    to.serialize_str(secret.expose_secret())
}

/// Who is there, for administrators.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct PersonRow {
    /// Who.
    pub person: PersonView,
    /// Their role.
    pub role: Role,
    /// Whether they may do anything.
    pub enabled: bool,
    /// Where messages go.
    pub email: Option<String>,
    /// Their line manager's handle.
    pub manager: Option<String>,
    /// The groups they are in, through others too.
    pub groups: Vec<String>,
    /// Whether a password is set.
    pub has_password: bool,
    /// Whether a second factor is set.
    pub has_second_factor: bool,
}
