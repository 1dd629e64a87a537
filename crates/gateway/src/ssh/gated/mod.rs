//! The gated shell: what somebody at a terminal gets who asks for a shell where the rules do not just let one run.
//!
//! ```text
//! keys ── editor (the text that is shown) ── Enter ── what is carried + the line = one text ── a command like any other
//! ```
//!
//! Lines are edited here, not on the target. Each is a command of its own: judged, held, released and recorded like one that
//! `ssh host 'line'` asks for, in a channel of its own, whose exit is the prompt. Nothing the target shows can be taken for it,
//! and nothing that is typed reaches the target but as a text that was judged. Only the directory and exported variables go on
//! from line to line; they stand in the text. A program that wants a terminal is held as a whole, as it is outside.

mod carried;
mod draw;
pub(super) mod editor;
mod keys;
mod serve;

#[cfg(any(test, fuzzing))]
pub use editor::laws;
pub(super) use serve::{FreeShell, Gated};
