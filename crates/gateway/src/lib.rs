//! What people's own clients connect to. One folder per protocol, each split into bytes ↔ messages without IO and the
//! loop that serves them.
//!
//! A gateway sends nothing to a target but what a [`countersign_control::Gate`] cleared.
//!
//! This room must not know: the store, pages, mail, or how a decision is reached.

mod enter;
mod listen;
pub mod postgres;
pub mod ssh;

pub use listen::{Bound, bind};
