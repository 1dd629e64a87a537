//! Moments and windows. Time is always an argument here; nothing in this room asks for it.

use serde::{Deserialize, Serialize};

/// Whole seconds, used for periods in policy.
pub type Seconds = u64;

/// A moment: microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The latest moment that can be written down.
    pub const MAX: Timestamp = Timestamp(i64::MAX);

    /// This moment and `seconds` more; saturates instead of wrapping.
    #[must_use]
    pub fn plus(self, seconds: Seconds) -> Timestamp {
        let micros = i64::try_from(seconds.saturating_mul(1_000_000)).unwrap_or(i64::MAX);
        Timestamp(self.0.saturating_add(micros))
    }

    /// Whole seconds from `earlier` to this moment; 0 when `earlier` is later.
    #[must_use]
    pub fn seconds_since(self, earlier: Timestamp) -> Seconds {
        u64::try_from(self.0.saturating_sub(earlier.0) / 1_000_000).unwrap_or(0)
    }
}

/// A period `[start, end)`: the start belongs to it, the end does not.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Window {
    /// First moment inside.
    pub start: Timestamp,
    /// First moment no longer inside.
    pub end: Timestamp,
}

impl Window {
    /// A window, or `None` when it would be empty.
    #[must_use]
    pub fn new(start: Timestamp, end: Timestamp) -> Option<Window> {
        (start < end).then_some(Window { start, end })
    }

    /// Whether `moment` lies inside.
    #[must_use]
    pub fn contains(&self, moment: Timestamp) -> bool {
        self.start <= moment && moment < self.end
    }

    /// What both windows share, or `None` when they share nothing.
    #[must_use]
    pub fn intersection(&self, other: &Window) -> Option<Window> {
        Window::new(self.start.max(other.start), self.end.min(other.end))
    }

    /// Length in whole seconds.
    #[must_use]
    pub fn seconds(&self) -> Seconds {
        self.end.seconds_since(self.start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_holds_its_start_and_not_its_end() {
        let window = Window::new(Timestamp(10), Timestamp(20)).expect("not empty");
        assert!(window.contains(Timestamp(10)));
        assert!(!window.contains(Timestamp(20)));
        assert_eq!(Window::new(Timestamp(20), Timestamp(20)), None);
    }

    #[test]
    fn adding_seconds_saturates() {
        assert_eq!(Timestamp::MAX.plus(1), Timestamp::MAX);
        assert_eq!(Timestamp(0).plus(u64::MAX), Timestamp::MAX);
    }
}
