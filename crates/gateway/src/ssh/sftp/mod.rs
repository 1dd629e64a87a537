//! SFTP: what a client asks of files passes through, each opening and each change judged as a command is.
//!
//! ```text
//! client ── serve (the loop) ── table (handles, what is on its way) ── facts (what the rules are asked) ── gate ── target
//!                                        └ wire (bytes to messages)
//! ```
//!
//! What somebody must approve waits (`held`) while the rest goes on; an upload is kept here until then (`upload`), and sent in
//! requests of our own once it is approved (`errand`).

mod errand;
mod facts;
mod held;
#[cfg(any(test, fuzzing))]
pub mod laws;
mod serve;
mod table;
mod upload;
mod wire;

pub(super) use serve::Files;
