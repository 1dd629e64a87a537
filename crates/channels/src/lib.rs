//! Mail, SMS, webhooks, SIEM: effects out, decisions in. Today: mail, outwards, questions about
//! tickets, and the store of recordings.
//!
//! A channel takes what is due from the outbox of `countersign_control`, brings it to people and says what became of
//! it. It words nothing itself but the frame: sentence, link and footer come with the letter.
//!
//! This room must not know: how a request is decided, the database, pages, wire protocols of targets. Nothing that
//! arrives by mail decides anything: a link opens a page.

mod mail;
mod message;
mod objects;
mod plain;
mod tickets;

pub use mail::{MailConfig, MailFault, Security, run};
pub use objects::{Bucket, StoreConfig, StoreFault};
pub use tickets::{TicketConfig, TicketFault, TicketSystem};
