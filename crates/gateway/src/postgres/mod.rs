//! PostgreSQL: the wire protocol 3.0 and 3.2 (PostgreSQL manual, "Frontend/Backend Protocol").
//!
//! ```text
//! client ── front (TLS, start-up, SCRAM) ── relay ── target
//!                                            │ each unit: inspect → catalogue → gate
//!                                            └ hold: the slow path, until a verdict; then release
//! ```

mod backend;
mod cancel;
mod catalogue;
mod ending;
mod enter;
mod front;
mod hold;
#[cfg(any(test, fuzzing))]
pub mod laws;
mod lock;
mod message;
mod modes;
mod options;
mod overtaken;
mod pipeline;
mod plan;
mod prepared;
mod relay;
mod release;
mod scram;
mod serve;
mod unit;
mod wires;

pub use serve::Postgres;
