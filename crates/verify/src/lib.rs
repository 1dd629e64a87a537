//! The offline verifier: meaning from an export, with logic of its own.
//!
//! Whoever holds an export can ask two questions without the server that wrote it. Is this the journal, whole and
//! unchanged (the hash chain, and a [`Head`] kept apart)? And does it make sense: was every session, statement and
//! grant in it preceded by the decisions it needs (DESIGN §5, §10)? The fold here was written beside the engine's and
//! shares nothing with it but the vocabulary of the journal; it replays meaning and trusts nothing.
//!
//! This room must not know: rules, directory, core, stores, clocks, or where the export came from.
//!
//! # What it does not check
//! - Whether a ruling follows from the policy in force: outcome, conditions and levels are taken from the request as
//!   it was made.
//! - Whether an approver belonged to a group, managed it, or was an administrator: the journal names the directory by
//!   digest only. Persons and contacts named one by one are checked; whether a contact was enabled is not. For the same reason nobody's right to revoke is checked,
//!   beyond that it was not the requester.
//! - Whether a plan's approvers are those its statements' rules demand, at first or when one is used: for the same
//!   reason. That each use is of the text, the turn and the doubts they saw is checked.
//! - Whether hours held that a rule named, and whether a rule approves by itself at that hour: of the policy in force
//!   only the parameter is read that says whether watching has to be approved.
//! - Whether a request's digest follows from the request: that every vote was cast on it is checked.
//! - What a commitment hides (texts, reasons, comments) and what a transcript's root stands for.
//! - Who wrote the journal. Somebody who makes up a sensible journal and its whole chain is found out by the head that
//!   was kept apart, and by nothing else.

mod administer;
mod alert;
mod contact;
mod export;
mod fault;
mod ledger;
mod plan;
mod request;
mod special;
mod usage;
mod watch;

pub use export::ENTRY_BYTES_MAX;
pub use fault::Fault;

use countersign_journal::{Chain, Digest, Entry, Head};
use export::Export;
use ledger::Ledger;
use std::fmt;
use std::io::Read;

/// What a journal that verifies contains.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Report {
    /// Where the journal ends.
    pub head: Head,
    /// Number of entries.
    pub entries: u64,
    /// Requests made.
    pub requests: u64,
    /// Votes cast, those taken back later included.
    pub decisions: u64,
    /// One-use grants and planned statements used.
    pub released: u64,
    /// Sessions opened.
    pub sessions: u64,
    /// Sessions still open where the journal ends.
    pub sessions_open: u64,
    /// Released statements whose outcome is still to come, all of them in sessions still open.
    pub unreported: u64,
    /// The head kept apart that it was compared with.
    pub expected: Option<Head>,
}

/// What a journal that was compared with nothing kept apart does not prove, and what to do about it.
const NOT_COMPARED: &str = "\
no head was compared: a journal whose latest entries were removed, or one made up as a whole, looks the same.
Keep a head apart each time (`countersign export PATH` prints it, the Audit page shows it), and give an earlier one
with `--expect HEAD`.";

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "the journal verifies: {} entries", self.entries)?;
        writeln!(f, "requests   {}", self.requests)?;
        writeln!(f, "decisions  {}", self.decisions)?;
        writeln!(f, "released   {}, {} still without an outcome", self.released, self.unreported)?;
        writeln!(f, "sessions   {}, {} still open", self.sessions, self.sessions_open)?;
        writeln!(f, "head       {}", self.head)?;
        match self.expected {
            Some(head) if head.len > 0 => write!(f, "it begins with the {} entries of the head you gave", head.len),
            _ => f.write_str(NOT_COMPARED),
        }
    }
}

/// Reads an export to its end and checks the chain and the meaning of every entry. With `expect`, a head kept apart,
/// the journal must also begin with exactly the entries that head stands for; more may follow.
///
/// # Errors
/// The first [`Fault`] found, which names the entry where there is one to name.
pub fn verify(reader: impl Read, expect: Option<Head>) -> Result<Report, Fault> {
    let mut export = Export::open(reader)?;
    let (mut chain, mut ledger) = (Chain::default(), Ledger::default());
    compare(chain.head(), expect)?;
    while let Some(bytes) = export.entry(chain.head().len)? {
        let entry = chain.follow(&bytes)?;
        ledger.read(entry)?;
        compare(chain.head(), expect)?;
    }
    ledger.ended()?;
    let head = chain.head();
    match expect {
        Some(expect) if head.len < expect.len => Err(Fault::Shorter { expected: expect.len, found: head.len }),
        _ if head.len == 0 => Err(Fault::Empty),
        _ => Ok(ledger.report(head, expect)),
    }
}

/// Hands each entry of an export to `told`, in order, as far as the chain holds. Their meaning is not checked.
///
/// # Errors
/// The first [`Fault`] of file or chain.
pub fn entries(reader: impl Read, mut told: impl FnMut(&Entry)) -> Result<(), Fault> {
    let (mut export, mut chain) = (Export::open(reader)?, Chain::default());
    while let Some(bytes) = export.entry(chain.head().len)? {
        told(&chain.follow(&bytes)?);
    }
    Ok(())
}

/// Compares the leaf where the journal has as many entries as the expected head.
fn compare(head: Head, expect: Option<Head>) -> Result<(), Fault> {
    let differs = |found: Digest| expect.is_some_and(|e| e.len == head.len && e.leaf != found);
    if differs(head.leaf) { Err(Fault::OtherThanExpected { seq: head.len.saturating_sub(1) }) } else { Ok(()) }
}
