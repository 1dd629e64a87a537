//! What is written down, and how it proves itself.
//!
//! The vocabulary of every other room lives here (ids, policy, acts, events), because what is not in a
//! journal entry cannot be proved later. An [`Entry`] has one sequence of canonical bytes
//! (deterministic CBOR, RFC 8949 §4.2.1), is stored as those bytes, and names the hash of the entry before it.
//!
//! This room must not know: clocks, randomness, files, sockets, databases, or how a decision is reached.

pub mod act;
pub mod alert;
pub mod canonical;
pub mod chain;
pub mod event;
pub mod facts;
pub mod file;
pub mod hours;
pub mod id;
pub mod plan;
pub mod policy;
pub mod time;
pub mod unseen;

pub use act::{Act, Attempt, Change, PersonFacts, Run, TargetFacts, Terms, Watch};
pub use alert::{ALERTS_MAX, Alert};
pub use canonical::{Commitment, Digest};
pub use chain::{Chain, ChainFault, Head};
pub use event::{
    Entry, Event, Expiry, Exported, GrantEnd, Note, RequestMade, RulingRecord, RunOutcome, SessionEnd, TrackPlan,
    Verdict,
};
pub use facts::{
    ActionFacts, CommandFacts, FORWARD_AGENT, FORWARD_LOCAL, FORWARD_LOCAL_SOCKET, FORWARD_REMOTE,
    FORWARD_REMOTE_SOCKET, FORWARD_X11, LOGIN_SHELL, Language, NAMED_ONLY, Name, RelationUse, SET_ENVIRONMENT,
    StatementFacts, StatementKind,
};
pub use hours::{Hours, Opening, Weekday};
pub use id::*;
pub use plan::{ChangePlan, PLAN_BYTES_MAX, PLAN_STEPS_MAX, PlanStep, StepOrder};
pub use policy::*;
pub use time::{Seconds, Timestamp, Window};
pub use unseen::is_invisible;
