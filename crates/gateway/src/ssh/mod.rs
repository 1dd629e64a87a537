//! SSH: the transport, sign-in and channels of RFC 4251 to 4254, spoken by `russh`.
//!
//! ```text
//! client ── serve (keys, sign-in, which requests there are) ── one session, many channels ── target
//!                                                               │ each command: inspect → gate
//!                                                               └ held until a verdict; then sent once
//! ```
//!
//! Every channel runs one command: the bytes of its exec request (RFC 4254, 6.5), read by the login shell of the target, as
//! they were judged and approved, with no input and no terminal. Everything else a client may ask for (a shell, subsystems,
//! environment, forwarding, agents) is refused.

mod command;
mod serve;
mod session;

pub use serve::Ssh;
