//! SSH: the transport, sign-in and channels of RFC 4251 to 4254, spoken by `russh`.
//!
//! ```text
//! client ── serve (keys, sign-in, which requests there are) ── one session, many channels ── target
//!             └ no target named: menu ──────────────────────┘   │ each command: inspect → gate
//!                                                               └ held until a verdict; then sent once
//! ```
//!
//! Every channel runs one command or the login shell (RFC 4254, 6.5). A command is the bytes of its request, read by the login
//! shell of the target, as they were judged and approved. A shell and a terminal take what is typed: they run where the rules
//! let anything run, or where people approved just that, and are recorded; where they do not, whoever asks for a shell at a terminal
//! gets one of which each line is a command ([`gated`]). Or a channel speaks SFTP, where each operation is
//! judged ([`sftp`]). Forwarding, agents, displays and variables are let through where a rule names them ([`forward`]). Everything
//! else a client may ask for (other subsystems) is refused.

mod alerts;
mod command;
mod forward;
mod gated;
mod line;
mod login_shell;
mod menu;
mod serve;
mod session;
mod sftp;
mod stream;
mod talk;
mod warn;

pub use serve::Ssh;

/// What holds for every input of the readers without input and output.
#[cfg(any(test, fuzzing))]
pub mod laws {
    pub use super::gated::laws as gated;
    pub use super::sftp::laws as sftp;
}
