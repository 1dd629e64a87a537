//! The store of recordings, where there is one: somebody else's, outside. What is brought there is sealed before it leaves, is
//! read back before it is taken away here, and is read from there into files without a name.
//!
//! This room must not know how such a store is spoken to.

use crate::control::Control;
use crate::fault::Fault;
use crate::spool;
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Semaphore;

/// Most bytes of one object that is read.
pub(crate) const OBJECT_BYTES_MAX: u64 = 1 << 30;
/// Most bytes of all that was fetched and is being read.
const FETCHED_BYTES_MAX: u64 = 4 << 30;
/// Objects that are fetched at a time.
const FETCHED_AT_ONCE: usize = 8;

/// A store of objects. A call may block, and must end by itself.
pub trait Objects: Send + Sync {
    /// Where the object of that name is, for people: nothing secret.
    fn place(&self, name: &str) -> String;

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

/// The store did not do it; what it said, for the log.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the store of recordings: {0}")]
pub struct Away(pub String);

/// The store that recordings are kept in.
pub(crate) struct Elsewhere {
    pub(crate) objects: Arc<dyn Objects>,
    fetching: Arc<Semaphore>,
    fetched: Arc<AtomicU64>,
}

impl Control {
    /// From now on recordings of closed sessions are brought to this store. The first one that is set stays.
    pub fn keep_recordings_in(&self, objects: Arc<dyn Objects>) {
        let fetching = Arc::new(Semaphore::new(FETCHED_AT_ONCE));
        let elsewhere = Elsewhere { objects, fetching, fetched: Arc::default() };
        match self.0.elsewhere.set(elsewhere) {
            Ok(()) => {
                self.0.to_keep.send_replace(());
            }
            Err(_) => tracing::warn!("recordings are kept elsewhere already"),
        }
    }

    /// An object in a file of its own, from its beginning; nothing where there is none. It blocks.
    pub(crate) fn fetched(&self, name: &str) -> Result<Option<Fetched>, Fault> {
        let Some(elsewhere) = self.0.elsewhere.get() else { return Ok(None) };
        let _place = elsewhere.fetching.clone().try_acquire_owned().map_err(|_| Fault::Busy)?;
        let file = spool::nameless(self.data())?;
        let mut fetched = Fetched { file, bytes: 0, all: elsewhere.fetched.clone(), is_full: false };
        match elsewhere.objects.fetch(name, &mut fetched) {
            Ok(true) => {
                fetched.file.seek(SeekFrom::Start(0)).map_err(Fault::trouble)?;
                Ok(Some(fetched))
            }
            Ok(false) => Ok(None),
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
    bytes: u64,
    /// Of all that are being read.
    all: Arc<AtomicU64>,
    /// Whether there was no room for it.
    is_full: bool,
}

impl Write for Fetched {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let more = bytes.len() as u64;
        let too_much = || std::io::Error::other("more than is fetched at a time");
        if self.bytes + more > OBJECT_BYTES_MAX {
            return Err(too_much());
        }
        let taken = |all: u64| all.checked_add(more).filter(|all| *all <= FETCHED_BYTES_MAX);
        if self.all.fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken).is_err() {
            self.is_full = true;
            return Err(too_much());
        }
        self.bytes += more;
        self.file.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Fetched {
    fn drop(&mut self) {
        self.all.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fetched(bytes: u64, all: u64) -> (Fetched, Arc<AtomicU64>) {
        let all = Arc::new(AtomicU64::new(all));
        (Fetched { file: tempfile::tempfile().expect("a file"), bytes, all: all.clone(), is_full: false }, all)
    }

    #[test]
    fn one_object_and_all_that_are_read_have_limits() {
        let (mut one, all) = fetched(OBJECT_BYTES_MAX - 2, OBJECT_BYTES_MAX - 2);
        one.write_all(b"ab").expect("as much as one may");
        assert!(one.write_all(b"c").is_err());
        assert_eq!(all.load(Ordering::Relaxed), OBJECT_BYTES_MAX);
        drop(one);
        assert_eq!(all.load(Ordering::Relaxed), 0, "given back");
        let (mut one, all) = fetched(0, FETCHED_BYTES_MAX - 1);
        one.write_all(b"a").expect("as much as all may");
        assert!(one.write_all(b"b").is_err());
        assert_eq!(all.load(Ordering::Relaxed), FETCHED_BYTES_MAX);
    }
}
