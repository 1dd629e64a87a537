//! SFTP: what a client asks of files passes through, each opening and each change judged as a command is.
//!
//! ```text
//! client ── serve (the loop) ── table (handles, what is on its way) ── facts (what the rules are asked) ── gate ── target
//!                                        └ wire (bytes to messages)
//! ```

mod facts;
mod serve;
mod table;
mod wire;

pub(super) use serve::Files;
