//! Raw SQL and shell text to facts, and to pieces a page can show.
//!
//! [`sql::facts`] says what a unit of SQL is and touches, and [`shell::facts`] what a line of a shell runs; both say every
//! reason why that is not sure. [`show::pieces`] cuts SQL into runs for display, so that an approver sees each character
//! that decides its meaning.
//!
//! This room must not know: rules and rulings, sessions and their catalogues, clocks, files, sockets. It reads text,
//! and only text: that an unqualified name means what it says in this session is for the gateway to find out. It is
//! also the only room that may call the PostgreSQL parser, because that parser borrows the process's standard error
//! while it runs ([`sql`] says more).

mod reason;
mod scan;
pub mod shell;
pub mod show;
pub mod sql;
