//! What there is only so much of: places and bytes, of which everybody has a share, so that nobody takes what is there for all. What the
//! server takes for itself is counted apart: no number of people leaves it without.

use countersign_journal::PersonId;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

/// Who takes: a person, or the server itself.
type Taker = Option<PersonId>;

/// What everybody has taken of something.
#[derive(Debug)]
pub(crate) struct Shares {
    taken: Mutex<HashMap<Taker, u64>>,
    own_max: u64,
    all_max: u64,
}

/// Why there is no more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Full {
    /// Whoever asked has all of their share.
    Own,
    /// All people together have taken everything.
    All,
}

/// What somebody has taken, given back by dropping it.
#[derive(Debug)]
pub(crate) struct Share {
    of: Arc<Shares>,
    taker: Taker,
    taken: AtomicU64,
}

impl Shares {
    /// So much for each, the server among them, and so much for all people together.
    pub(crate) fn new(own_max: u64, all_max: u64) -> Arc<Shares> {
        Arc::new(Shares { taken: Mutex::default(), own_max, all_max })
    }

    /// What one of them is to take; nothing yet.
    pub(crate) fn share(self: &Arc<Shares>, taker: Taker) -> Share {
        Share { of: self.clone(), taker, taken: AtomicU64::new(0) }
    }

    /// One place for one of them.
    pub(crate) fn place(self: &Arc<Shares>, taker: Taker) -> Result<Share, Full> {
        let share = self.share(taker);
        share.take(1).map(|()| share)
    }

    fn all(&self) -> MutexGuard<'_, HashMap<Taker, u64>> {
        self.taken.lock().expect("no holder of this lock panics")
    }
}

impl Share {
    /// Takes so much more, or nothing.
    pub(crate) fn take(&self, more: u64) -> Result<(), Full> {
        let mut all = self.of.all();
        let fits = |taken: u64, max: u64| taken.checked_add(more).is_some_and(|sum| sum <= max);
        let own = all.get(&self.taker).copied().unwrap_or_default();
        if !fits(own, self.of.own_max) {
            return Err(Full::Own);
        }
        let people = || all.iter().filter(|(taker, _)| taker.is_some()).map(|(_, taken)| taken).sum();
        if self.taker.is_some() && !fits(people(), self.of.all_max) {
            return Err(Full::All);
        }
        all.insert(self.taker, own + more);
        self.taken.fetch_add(more, Ordering::Relaxed);
        Ok(())
    }

    /// How much this is.
    pub(crate) fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut all = self.of.all();
        let left = all.get(&self.taker).map_or(0, |own| own.saturating_sub(self.taken()));
        match left {
            0 => all.remove(&self.taker),
            left => all.insert(self.taker, left),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_has_a_share_and_all_have_what_there_is() {
        let shares = Shares::new(4, 6);
        let one = shares.share(Some(PersonId(1)));
        one.take(3).expect("of their share");
        assert_eq!(one.take(2), Err(Full::Own));
        one.take(1).expect("the rest of it");
        assert_eq!(shares.place(Some(PersonId(1))).err(), Some(Full::Own), "however it is taken");
        let (two, server) = (shares.share(Some(PersonId(2))), shares.share(None));
        two.take(2).expect("what is left");
        assert_eq!(two.take(1), Err(Full::All));
        assert_eq!(two.take(u64::MAX), Err(Full::Own));
        server.take(4).expect("the server's own, whatever people took");
        assert_eq!(server.take(1), Err(Full::Own));
        assert_eq!((one.taken(), two.taken(), server.taken()), (4, 2, 4));
        drop(one);
        two.take(2).expect("it was given back, and what the server has takes nothing from people");
        drop((two, server));
        assert!(shares.all().is_empty());
    }
}
