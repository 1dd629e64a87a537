//! The store of recordings, where there is one: somebody else's, outside. What is brought there is sealed before it leaves, is
//! read back before it is taken away here, and is read from there into files without a name.
//!
//! This room must not know how such a store is spoken to.

use crate::control::Control;
use crate::fault::Fault;
use crate::shares::{Share, Shares};
use crate::spool;
use countersign_journal::PersonId;
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::sync::Arc;

/// Most bytes of one object that is read.
pub(crate) const OBJECT_BYTES_MAX: u64 = 1 << 30;
/// Most bytes of what was fetched and is being read: for one person, and for all.
const FETCHED_BYTES_MAX: (u64, u64) = (OBJECT_BYTES_MAX, 4 << 30);
/// Objects that are fetched at a time: for one person, and for all.
const FETCHED_AT_ONCE: (u64, u64) = (2, 8);

/// A store of objects. A call may block, and must end by itself.
pub trait Objects: Send + Sync {
    /// Where the object of that name is, for people: nothing secret. It is never the place of an object in another store.
    fn place(&self, name: &str) -> String;

    /// Whether an object that was brought to that place is the one of that name here.
    fn has_place(&self, place: &str, name: &str) -> Has;

    /// Brings a file there as the object of that name.
    ///
    /// # Errors
    /// When it is not known to be there.
    fn bring(&self, name: &str, file: &File) -> Result<(), Away>;

    /// Writes the object of that name out, and says whether there is one.
    ///
    /// # Errors
    /// When nobody can tell, or it could not be written out.
    fn fetch(&self, name: &str, out: &mut dyn Write) -> Result<bool, Away>;

    /// Erases the object of that name, if there is one.
    ///
    /// # Errors
    /// When it may still be there.
    fn erase(&self, name: &str) -> Result<(), Away>;
}

/// Whether a place is one of a store's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Has {
    /// It is.
    Yes,
    /// It is of another store.
    No,
    /// It may be: it was written when places did not tell one store from another. Only what is in it can.
    Perhaps,
}

/// The store did not do it; what it said, for the log.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the store of recordings: {0}")]
pub struct Away(pub String);

/// The store that recordings are kept in.
pub(crate) struct Elsewhere {
    pub(crate) objects: Arc<dyn Objects>,
    fetching: Arc<Shares>,
    fetched: Arc<Shares>,
}

impl Elsewhere {
    fn new(objects: Arc<dyn Objects>) -> Elsewhere {
        let shares = |(own, all)| Shares::new(own, all);
        Elsewhere { objects, fetching: shares(FETCHED_AT_ONCE), fetched: shares(FETCHED_BYTES_MAX) }
    }
}

impl Control {
    /// From now on recordings of closed sessions are brought to this store. The first one that is set stays.
    pub fn keep_recordings_in(&self, objects: Arc<dyn Objects>) {
        match self.0.elsewhere.set(Elsewhere::new(objects)) {
            Ok(()) => {
                self.0.to_keep.send_replace(());
            }
            Err(_) => tracing::warn!("recordings are kept elsewhere already"),
        }
    }

    /// An object in a file of its own, from its beginning, for a person or for ourselves; nothing where there is none. One that is
    /// larger than any that is brought is nothing that a session recorded, and says nothing of the store. It blocks.
    pub(crate) fn fetched(&self, name: &str, by: Option<PersonId>) -> Result<Option<Fetched>, Fault> {
        let Some(elsewhere) = self.0.elsewhere.get() else { return Ok(None) };
        let _place = elsewhere.fetching.place(by).map_err(|_| Fault::Busy)?;
        let file = spool::nameless(self.data())?;
        let mut fetched = Fetched { file, bytes: elsewhere.fetched.share(by), is_full: false, is_too_large: false };
        match elsewhere.objects.fetch(name, &mut fetched) {
            Ok(true) => {
                fetched.file.seek(SeekFrom::Start(0)).map_err(Fault::trouble)?;
                Ok(Some(fetched))
            }
            Ok(false) => Ok(None),
            Err(_) if fetched.is_too_large => {
                let place = elsewhere.objects.place(name);
                tracing::error!(place, "it is larger than an object that is read, and not what was brought there");
                Err(Fault::Damaged)
            }
            Err(_) if fetched.is_full => Err(Fault::Busy),
            Err(away) => {
                tracing::warn!(%away, name, "a recording could not be fetched");
                Err(Fault::Away)
            }
        }
    }
}

/// What was fetched: a file without a name, which is gone with it.
pub(crate) struct Fetched {
    pub(crate) file: File,
    bytes: Share,
    /// Whether there was no room for it.
    is_full: bool,
    /// Whether it is larger than what is read, however much room there is.
    is_too_large: bool,
}

impl Write for Fetched {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let more = bytes.len() as u64;
        let too_much = || std::io::Error::other("more than is fetched at a time");
        if self.bytes.taken() + more > OBJECT_BYTES_MAX {
            self.is_too_large = true;
            return Err(too_much());
        }
        if self.bytes.take(more).is_err() {
            self.is_full = true;
            return Err(too_much());
        }
        self.file.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fetched(all: &Arc<Shares>, by: u64) -> Fetched {
        let bytes = all.share(Some(PersonId(by)));
        Fetched { file: tempfile::tempfile().expect("a file"), bytes, is_full: false, is_too_large: false }
    }

    #[test]
    fn one_object_one_person_and_all_that_are_read_have_limits() {
        let all = Shares::new(OBJECT_BYTES_MAX + 2, OBJECT_BYTES_MAX + 3);
        let mut one = fetched(&all, 1);
        one.bytes.take(OBJECT_BYTES_MAX - 2).expect("room");
        one.write_all(b"ab").expect("as much as one may");
        assert!(
            one.write_all(b"c").is_err() && one.is_too_large && !one.is_full,
            "it is too large, however much room there is"
        );
        let mut another = fetched(&all, 1);
        another.write_all(b"ab").expect("as much as this person may");
        assert!(another.write_all(b"c").is_err() && another.is_full && !another.is_too_large);
        let mut anothers = fetched(&all, 2);
        anothers.write_all(b"a").expect("as much as all may");
        assert!(anothers.write_all(b"b").is_err() && anothers.is_full);
        drop(one);
        fetched(&all, 2).write_all(b"ab").expect("given back");
    }
}
