//! The journal as a file: the line [`MAGIC`], then of each entry its length as four bytes (big-endian) and its canonical
//! bytes.

use crate::chain::Chain;
use crate::event::Event;
use crate::time::Timestamp;

/// The first line.
pub const MAGIC: &[u8] = b"countersign journal v1\n";

/// Puts the canonical bytes of an entry at the end; `None` when they are longer than a length can say.
#[must_use]
pub fn put(file: &mut Vec<u8>, entry: &[u8]) -> Option<()> {
    file.extend_from_slice(&u32::try_from(entry.len()).ok()?.to_be_bytes());
    file.extend_from_slice(entry);
    Some(())
}

/// A whole file of these events, as a chain of its own; `None` when one of them is too long.
#[must_use]
pub fn of(events: impl IntoIterator<Item = (Timestamp, Event)>) -> Option<Vec<u8>> {
    let (mut file, mut chain) = (MAGIC.to_vec(), Chain::default());
    for (at, event) in events {
        put(&mut file, &chain.append(at, event).1)?;
    }
    Some(file)
}
