//! The decision engine: rules to rulings, requests to grants. The only place that says yes.
//!
//! ```text
//! decide(&state, &roster, input, now)    -> Result<Decision, Refusal>   events, or a correct no
//! apply(&mut state, at, &event)                                          the fold
//! effects(&state, &event) -> Vec<Effect>                                 what the world must now do
//! wake_at(&state) -> Option<Timestamp>                                   when the core wants a Tick
//! erases_at(&state) -> Option<Timestamp>                                 when it wants to erase what is kept no longer
//! ```
//!
//! State is the fold of committed events and nothing else; whoever replays the journal gets the same state. What is over can
//! be released from it ([`State::release`]): no decision but one that names it ever looks at it again.
//!
//! This room must not know: clocks, randomness, files, sockets, databases, protocols, or async. Time and dice are
//! arguments.

pub mod apply;
mod case;
mod commands;
mod deadlines;
mod decide;
pub mod digest;
pub mod directory;
mod due;
pub mod effect;
pub mod hours;
pub mod input;
pub mod invariant;
mod keeping;
mod links;
pub mod monitor;
pub mod permission;
mod planted;
pub mod refusal;
mod roster;
mod rulebook;
pub mod ruling;
pub mod state;
pub mod validate;
pub mod what_if;

pub use apply::apply;
pub use case::{Case, Named};
pub use deadlines::Deadlines;
pub use decide::{
    DELEGATION_S_MAX, DIRECT_ACCESS_S, PENDING_MAX, PENDING_PLANS_MAX, approvers, can_escalate, covered, decide,
    gives_roles, is_ticket, may_change, may_watch, open_at, open_for, right_to_watch, stays_changeable,
};
pub use directory::{
    About, Account, Contact, Device, DeviceGroup, Directory, Endpoint, Group, OwnRole, Person, PostgresEndpoint,
    Protocol, SshEndpoint,
};
pub use due::{DueSecret, DueSecrets};
pub use effect::{Effect, Message, effects, erases_at, wake_at};
pub use input::{Answer, Ask, AskAct, Decision, EmergencyCall, Export, Input, Planned, Position, Vote};
pub use keeping::{KEPT_DAYS_MAX, Keeping};
pub use links::Links;
pub use permission::{Permission, Role};
pub use refusal::Refusal;
pub use roster::Roster;
pub use rulebook::Rulebook;
pub use ruling::{Asked, Ruling, rule};
pub use state::{Delegation, Grant, GrantKind, GrantStage, Request, Session, State, Status, StepUse};

#[cfg(test)]
mod simulation;
