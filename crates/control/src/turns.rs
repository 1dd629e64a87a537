//! Turns: so many at once, so many waiting behind them, and no more, so that a flood costs a bounded amount of memory and
//! time and everybody else is told to come again.

use tokio::sync::{Semaphore, SemaphorePermit};

/// Turns at something that costs much.
#[derive(Debug)]
pub struct Turns {
    turns: Semaphore,
    places: Semaphore,
}

/// A turn; the next in line has it once this is dropped.
#[derive(Debug)]
pub struct Turn<'t> {
    _turn: SemaphorePermit<'t>,
    _place: SemaphorePermit<'t>,
}

impl Turns {
    /// `at_once` at the same time, and `waiting` behind them.
    #[must_use]
    pub const fn new(at_once: usize, waiting: usize) -> Turns {
        Turns { turns: Semaphore::const_new(at_once), places: Semaphore::const_new(at_once + waiting) }
    }

    /// The next turn, in order of arrival; none when too many wait already.
    pub async fn take(&self) -> Option<Turn<'_>> {
        let place = self.places.try_acquire().ok()?;
        let turn = self.turns.acquire().await.ok()?;
        Some(Turn { _turn: turn, _place: place })
    }

    /// How many more would be taken in.
    #[must_use]
    pub fn places_left(&self) -> usize {
        self.places.available_permits()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[tokio::test]
    async fn so_many_at_once_so_many_waiting_and_no_more() {
        let turns = Arc::new(Turns::new(2, 3));
        let (first, second) = (turns.take().await.expect("a turn"), turns.take().await.expect("a turn"));
        let wait = |turns: Arc<Turns>| tokio::spawn(async move { turns.take().await.is_some() });
        let waiting: Vec<_> = (0..3).map(|_| wait(turns.clone())).collect();
        while turns.places_left() > 0 {
            tokio::task::yield_now().await;
        }
        assert!(turns.take().await.is_none(), "a sixth is not taken in");
        assert!(waiting.iter().all(|w| !w.is_finished()), "two at once");
        drop((first, second));
        for one in waiting {
            assert!(one.await.expect("it ends"), "who waited has a turn");
        }
        assert_eq!(turns.places_left(), 5);
    }
}
