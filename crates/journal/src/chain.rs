//! The hash chain: each entry names the leaf hash of the one before.

use crate::canonical::{DecodeFault, Digest, decode, encode};
use crate::event::{Entry, Event};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Where a chain ends: how many entries, and the leaf hash of the last.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Head {
    /// Number of entries.
    pub len: u64,
    /// Leaf hash of the last entry; zero when there is none.
    pub leaf: Digest,
}

impl std::fmt::Display for Head {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.len, self.leaf)
    }
}

impl std::str::FromStr for Head {
    type Err = String;

    fn from_str(text: &str) -> Result<Head, String> {
        let parsed = text
            .split_once(':')
            .and_then(|(len, leaf)| Some(Head { len: len.parse().ok()?, leaf: Digest::parse(leaf)? }));
        parsed.ok_or_else(|| format!("`{text}` is not a head: expected LENGTH:HASH, as `countersign export` prints it"))
    }
}

/// Why a sequence of entries is not a chain.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum ChainFault {
    #[error("entry {seq} cannot be read: {fault}")]
    Unreadable { seq: u64, fault: DecodeFault },
    #[error("entry {seq} says it is entry {found}")]
    OutOfOrder { seq: u64, found: u64 },
    #[error("entry {seq} does not follow from the entry before it")]
    Broken { seq: u64 },
    #[error("entry {seq} has version {version}, newer than this program knows")]
    Newer { seq: u64, version: u16 },
    #[error("entry {seq} is dated before the entry before it")]
    Backwards { seq: u64 },
}

/// A chain being written or read.
#[derive(Clone, Debug)]
pub struct Chain {
    head: Head,
    last_at: Timestamp,
}

impl Default for Chain {
    fn default() -> Self {
        Chain { head: Head { len: 0, leaf: Digest::ZERO }, last_at: Timestamp(i64::MIN) }
    }
}

impl Chain {
    /// Where the chain ends now.
    #[must_use]
    pub fn head(&self) -> Head {
        self.head
    }

    /// When the last entry was written; the earliest moment there is before the first.
    #[must_use]
    pub fn last_at(&self) -> Timestamp {
        self.last_at
    }

    /// Writes the next entry and returns its sequence number and canonical bytes. An entry is never dated before
    /// the one it follows.
    pub fn append(&mut self, at: Timestamp, event: Event) -> (u64, Vec<u8>) {
        let at = at.max(self.last_at);
        let seq = self.head.len;
        let bytes = encode(&Entry { v: Entry::VERSION, seq, at, prev: self.head.leaf, event });
        self.advance(at, &bytes);
        (seq, bytes)
    }

    /// Reads the next entry and checks that it follows.
    ///
    /// # Errors
    /// When the bytes are not canonical, or the entry does not follow from the one before.
    pub fn follow(&mut self, bytes: &[u8]) -> Result<Entry, ChainFault> {
        let seq = self.head.len;
        // The version is read first, so that an entry of a newer program is named as such.
        if let Some(version) = version(bytes).filter(|v| *v > Entry::VERSION) {
            return Err(ChainFault::Newer { seq, version });
        }
        let entry: Entry = decode(bytes).map_err(|fault| ChainFault::Unreadable { seq, fault })?;
        if entry.seq != seq {
            return Err(ChainFault::OutOfOrder { seq, found: entry.seq });
        }
        if entry.prev != self.head.leaf {
            return Err(ChainFault::Broken { seq });
        }
        if entry.at < self.last_at {
            return Err(ChainFault::Backwards { seq });
        }
        self.advance(entry.at, bytes);
        Ok(entry)
    }

    fn advance(&mut self, at: Timestamp, bytes: &[u8]) {
        self.head = Head { len: self.head.len + 1, leaf: Digest::leaf(bytes) };
        self.last_at = at;
    }
}

/// The version an entry says it has, whatever else it holds.
fn version(bytes: &[u8]) -> Option<u16> {
    #[derive(Deserialize)]
    struct Versioned {
        v: u16,
    }
    serde_ipld_dagcbor::from_slice::<Versioned>(bytes).ok().map(|e| e.v)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Note;

    fn three() -> Vec<Vec<u8>> {
        let mut chain = Chain::default();
        (0..3).map(|n| chain.append(Timestamp(n), Event::Noted(Note::Installed { name: n.to_string() })).1).collect()
    }

    #[test]
    fn a_written_chain_can_be_followed() {
        let mut chain = Chain::default();
        for bytes in three() {
            chain.follow(&bytes).expect("follows");
        }
        assert_eq!(chain.head().len, 3);
    }

    #[test]
    fn a_changed_removed_or_swapped_entry_is_noticed() {
        let entries = three();
        let broken = |list: Vec<Vec<u8>>| {
            let mut chain = Chain::default();
            list.iter().map(|b| chain.follow(b)).find_map(Result::err)
        };
        assert_eq!(
            broken(vec![entries[0].clone(), entries[2].clone()]),
            Some(ChainFault::OutOfOrder { seq: 1, found: 2 })
        );
        let mut other = Chain::default();
        let forged = other.append(Timestamp(0), Event::Noted(Note::Installed { name: "x".into() })).1;
        assert_eq!(broken(vec![forged, entries[1].clone()]), Some(ChainFault::Broken { seq: 1 }));
    }

    #[test]
    fn a_head_reads_as_it_is_shown() {
        let mut chain = Chain::default();
        chain.append(Timestamp(0), Event::Noted(Note::Installed { name: "x".into() }));
        assert_eq!(chain.head().to_string().parse(), Ok(chain.head()));
    }

    #[test]
    fn time_never_runs_backwards_in_the_journal() {
        let mut chain = Chain::default();
        chain.append(Timestamp(100), Event::Noted(Note::Installed { name: "a".into() }));
        chain.append(Timestamp(50), Event::Noted(Note::Installed { name: "b".into() }));
        assert_eq!(chain.last_at(), Timestamp(100));
    }
}
