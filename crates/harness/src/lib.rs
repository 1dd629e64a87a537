//! Real components for tests, demo and bench: PostgreSQL, OpenSSH, a mail server, PgBouncer, `psql`, `ssh`, a browser, a
//! certificate authority and a faulty network, each on loopback, on a free port and in a private folder.
//!
//! Must not use any crate of Countersign: it starts what Countersign talks to, and Countersign itself as a program
//! like any other (`countersign.rs`). A component that is not installed is an error that names its Debian package,
//! never a silent skip.
//!
//! Every server is watched by a small keeper process (see `server.rs`), so that nothing survives a test, even
//! one that is killed.

pub mod browser;
mod ca;
pub mod countersign;
mod error;
mod fault;
mod limits;
mod mail_sink;
mod mutate;
mod openssh;
mod pgbouncer;
mod ports;
mod postgres;
mod program;
mod psql;
mod secret;
mod server;
mod terminal;
mod tickets;
mod wait;

pub use ca::{Ca, CaFiles};
pub use countersign::{Answer, Api, Countersign};
pub use error::HarnessError;
pub use fault::FaultProxy;
pub use limits::raise_file_limit;
pub use mail_sink::{Mail, MailSink};
pub use mutate::hold_against;
pub use openssh::{OpenSsh, Ssh, SshKey, SshSession};
pub use pgbouncer::PgBouncer;
pub use ports::reserve_port;
pub use postgres::Postgres;
pub use program::{Ran, run};
pub use psql::{Layout, LineReader, OnError, Psql, PsqlSession};
pub use secret::random_password;
pub use terminal::{Said, Terminal};
pub use tickets::TicketStandIn;
pub use wait::wait_until;
