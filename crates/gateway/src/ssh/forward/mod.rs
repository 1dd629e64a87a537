//! Forwarding and environment: what a client asks for besides commands, each judged as a command is, and let run only where a rule
//! names it.
//!
//! ```text
//! client ── serve (which requests there are) ── wish (what the rules are asked) ── right ── gate
//!             │ -L -D -W -J: local ── a connection to the target of its own ── relay
//!             │ -R: remote ── one of its own, which listens ── each that comes: came ── relay
//!             └ agent, display, variables: wished ── with the command they come with; what comes of it: came ── relay
//! ```

mod beside;
mod came;
mod local;
mod relay;
mod remote;
mod right;
mod wish;
mod wished;

pub(super) use beside::{Beside, Comes};
pub(super) use came::Arrival;
pub(super) use local::{Forward, reject};
pub(super) use remote::{Listen, Unlisten};
pub(super) use wish::{Wish, with};
pub(super) use wished::{Wished, With};

/// Forwards of a connection at a time: those that go on, wait, or are listened for.
const FORWARDS_MAX: usize = 32;
/// Connections to the target that are made at a time: OpenSSH begins to refuse some at ten (`MaxStartups`).
const REACHING_MAX: usize = 4;
const TOO_MANY: &str = "too many forwards of this connection are open; close some first";
