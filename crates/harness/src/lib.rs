//! Real components for tests, demo and bench: PostgreSQL, a mail server, PgBouncer, `psql`, a browser, a
//! certificate authority and a faulty network, each on loopback, on a free port and in a private folder.
//!
//! Must not know anything of Countersign: it starts what Countersign talks to. A component that is not
//! installed is an error that names its Debian package, never a silent skip.
//!
//! Every server is watched by a small keeper process (see `server.rs`), so that nothing survives a test, even
//! one that is killed.

pub mod browser;
mod ca;
mod error;
mod fault;
mod mail_sink;
mod pgbouncer;
mod ports;
mod postgres;
mod program;
mod psql;
mod secret;
mod server;
mod wait;

pub use ca::{Ca, CaFiles};
pub use error::HarnessError;
pub use fault::FaultProxy;
pub use mail_sink::{Mail, MailSink};
pub use pgbouncer::PgBouncer;
pub use ports::reserve_port;
pub use postgres::Postgres;
pub use program::{Ran, run};
pub use psql::{Layout, LineReader, OnError, Psql, PsqlSession};
pub use secret::random_password;
pub use wait::wait_until;
