//! The clock: the only place that asks what time it is.

use countersign_journal::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Nothing is certain of the time before so much of it has passed since the start, in which whoever looks may put it right.
const CERTAIN_AFTER: Duration = Duration::from_secs(3_600);
/// How far the time of day may go ahead of what passed and be believed all the same.
const AHEAD_MAX: Duration = Duration::from_secs(300);

/// A moment on the monotonic clock, for waits and for how long something may be relied on; never for decisions.
#[must_use]
pub fn monotonic() -> tokio::time::Instant {
    tokio::time::Instant::now()
}

/// Tells the time. A test may move it by an offset; nothing else may.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Face>);

/// The time of day, and how much of it passed on the monotonic clock, which nobody sets.
#[derive(Debug)]
struct Face {
    /// The time of day in the moment from which passed time is counted.
    begun: Timestamp,
    since: Instant,
    /// By how much a test has moved both.
    passed_us: AtomicI64,
    /// By how much a test has moved the time of day alone.
    set_us: AtomicI64,
}

impl Default for Clock {
    fn default() -> Clock {
        Clock::set_ahead(Duration::ZERO)
    }
}

impl Clock {
    /// A clock that is set ahead by so much from its start, for tests.
    #[must_use]
    pub fn set_ahead(by: Duration) -> Clock {
        let set = micros(by);
        let begun = Timestamp(time_of_day().saturating_add(set));
        let (passed_us, set_us) = (AtomicI64::new(0), AtomicI64::new(set));
        Clock(Arc::new(Face { begun, since: Instant::now(), passed_us, set_us }))
    }

    /// Now, in microseconds since 1970 (UTC).
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let moved = self.0.passed_us.load(Ordering::Relaxed).saturating_add(self.0.set_us.load(Ordering::Relaxed));
        Timestamp(time_of_day().saturating_add(moved))
    }

    /// A moment that has come whatever the time of day was set to since the start: no later than what has passed since. None at
    /// first, since the time of day may have been wrong from the start.
    #[must_use]
    pub fn certain(&self) -> Option<Timestamp> {
        let latest = Timestamp(self.0.begun.0.saturating_add(self.passed_us()).saturating_add(micros(AHEAD_MAX)));
        (self.passed_us() >= micros(CERTAIN_AFTER)).then(|| self.now().min(latest))
    }

    /// Whether the time of day has gone ahead of what passed, by more than is believed.
    #[must_use]
    pub fn is_ahead(&self) -> bool {
        self.now().0.saturating_sub(self.0.begun.0) > self.passed_us().saturating_add(micros(AHEAD_MAX))
    }

    fn passed_us(&self) -> i64 {
        micros(self.0.since.elapsed()).saturating_add(self.0.passed_us.load(Ordering::Relaxed))
    }

    /// Has so much time pass on this clock and all its clones, for tests.
    pub fn advance(&self, by: Duration) {
        self.0.passed_us.fetch_add(micros(by), Ordering::Relaxed);
    }

    /// Sets the time of day ahead without any time passing, as who sets a computer's clock does, for tests.
    pub fn set_forward(&self, by: Duration) {
        self.0.set_us.fetch_add(micros(by), Ordering::Relaxed);
    }
}

fn time_of_day() -> i64 {
    micros(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    #[test]
    fn what_is_certain_goes_by_what_passed_and_not_by_what_was_set() {
        let clock = Clock::default();
        assert_eq!(clock.certain(), None, "at first nothing is");
        clock.advance(HOUR);
        let (now, certain) = (clock.now(), clock.certain().expect("certain by now"));
        assert!(certain >= now && certain <= clock.now() && !clock.is_ahead());
        clock.set_forward(HOUR * 24);
        assert!(clock.is_ahead());
        let late = certain.0 + micros(AHEAD_MAX + Duration::from_secs(60));
        assert!(clock.certain().is_some_and(|at| at.0 < late), "no time passed");
        clock.advance(HOUR);
        assert!(clock.certain().is_some_and(|at| at.0 >= certain.0 + micros(HOUR)), "an hour passed");
    }

    #[test]
    fn a_clock_that_is_set_back_is_believed() {
        let clock = Clock::set_ahead(HOUR * 24);
        clock.advance(HOUR);
        clock.0.set_us.store(0, Ordering::Relaxed);
        let certain = clock.certain().expect("certain");
        assert!(certain <= clock.now() && !clock.is_ahead());
    }
}
