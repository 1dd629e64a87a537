//! The control plane: store, journal, outbox, clock, dice, sign-in, vault, session registry, transcripts. The only
//! room with a database.
//!
//! Everything that changes goes through one writer ([`writer`]) that asks `countersign_core::decide`. Everything that
//! is shown is built for one actor by [`view`]. Gateways get a [`Gate`] and can send nothing without it.
//!
//! This room must not know: HTTP, wire protocols of people's clients, mail.

#![allow(clippy::result_large_err, reason = "a refusal names what it is about; it is never on the hot path")]

mod access;
pub mod ask;
mod authority;
mod calendar;
mod cases;
mod cast;
mod certificate;
pub mod clock;
mod contact;
mod control;
mod desired;
pub mod dice;
mod export;
mod fault;
mod fold;
mod gate;
mod install;
mod keep;
mod keys;
mod live;
mod marks;
mod measuring;
mod objects;
mod outbox;
mod pack;
mod password;
mod plan;
mod replay;
mod shares;
mod signin;
mod spool;
mod ssh;
mod store;
mod tickets;
mod token;
mod transcript;
mod turns;
mod unseen;
mod vault;
pub mod view;
mod watch;
mod words;
mod writer;

pub use ask::{Actor, Reservation};
pub use clock::Clock;
pub use contact::{Link, LinkView};
pub use control::{Control, Settings};
pub use desired::{Part, Question, QuestionAct, Thing};
pub use export::Export;
pub use fault::{Fault, SignInRefusal, TicketRefusal};
pub use gate::{
    Alerting, Cleared, Entry, Gate, Hold, Judgement, Lease, Missing, Pass, Permit, Raised, Recorded, Release, Settled,
    SshLogin, TargetLogin, Unit,
};
pub use install::{Installed, install};
pub use keep::Kept;
pub use keys::KeyRefusal;
pub use live::Cut;
pub use objects::{Away, Has, Objects};
pub use outbox::Letter;
pub use plan::Script;
pub use replay::{Replay, Step};
pub use signin::{INVITATION_S, NewSession, SecondFactorSetup};
pub use spool::{Contents, Reading, Spool};
pub use ssh::Proven;
pub use tickets::Tickets;
pub use token::{CA_FILE, Scram};
pub use turns::{Turn, Turns};
pub use vault::RootKey;
pub use watch::{Seen, Viewing, Watching};
