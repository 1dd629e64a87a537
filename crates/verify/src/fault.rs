//! What can be wrong with an export, in words for whoever has to find out why.

use crate::export::ENTRY_BYTES_MAX;
use countersign_journal::ChainFault;
use std::io;

/// Why an export does not verify. Each variant says who is to blame.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The machine: the file could not be read. Says nothing about the journal.
    #[error("the export cannot be read at entry {seq}: {fault}; try again")]
    Trouble {
        /// The entry being read.
        seq: u64,
        /// What the machine said.
        fault: io::Error,
    },
    /// The caller: this is some other file.
    #[error(
        "this is not an export: its first line is not `countersign journal v1`; give a file made by `countersign export`"
    )]
    NotAnExport,
    /// Somebody who removed everything: a server writes its first entry before it serves.
    #[error("the journal has no entries, and no server writes such a one: they were removed; export it again")]
    Empty,
    /// The copy, or somebody who cut it: the file ends in the middle of an entry.
    #[error("the file ends inside entry {seq}; copy the export again, or find out who cut it")]
    Truncated {
        /// The entry that is not whole.
        seq: u64,
    },
    /// Somebody who changed the file: no entry is that long.
    #[error("entry {seq} says it has {bytes} bytes, more than the {ENTRY_BYTES_MAX} an entry may have")]
    TooLong {
        /// The entry.
        seq: u64,
        /// Its length as the file has it, in bytes.
        bytes: u32,
    },
    /// Somebody who changed, removed, added or moved entries.
    #[error(transparent)]
    Chain(#[from] ChainFault),
    /// Whoever wrote the journal: the chain holds, and what the entry says cannot have been decided.
    #[error("entry {seq} cannot be: {what}")]
    Meaning {
        /// The entry.
        seq: u64,
        /// What is wrong with it.
        what: String,
    },
    /// Somebody who removed the latest entries, or gave a head of another journal.
    #[error("the journal is shorter than expected: entries were removed; it has {found} of {expected}")]
    Shorter {
        /// Entries under the expected head.
        expected: u64,
        /// Entries found.
        found: u64,
    },
    /// Somebody who rewrote the journal, or gave a head of another journal.
    #[error("entry {seq} is not the one the expected head names: it or one before it was rewritten")]
    OtherThanExpected {
        /// The last entry under the expected head.
        seq: u64,
    },
}

impl Fault {
    /// The entry that is wrong, counted from 0; none when the file as a whole is.
    #[must_use]
    pub fn entry(&self) -> Option<u64> {
        match self {
            Fault::NotAnExport | Fault::Empty | Fault::Shorter { .. } => None,
            Fault::Trouble { seq, .. }
            | Fault::Truncated { seq }
            | Fault::TooLong { seq, .. }
            | Fault::Meaning { seq, .. }
            | Fault::OtherThanExpected { seq } => Some(*seq),
            Fault::Chain(
                ChainFault::Unreadable { seq, .. }
                | ChainFault::OutOfOrder { seq, .. }
                | ChainFault::Broken { seq }
                | ChainFault::Newer { seq, .. }
                | ChainFault::Backwards { seq },
            ) => Some(*seq),
        }
    }
}
