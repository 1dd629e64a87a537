//! The one place that waits by looking again: for other people's programs, which cannot call us back.

use std::time::{Duration, Instant};

/// Pause between two looks.
const LOOK_AGAIN_EVERY: Duration = Duration::from_millis(10);

/// Looks until `look` finds something or `within` is over; `None` when it is over.
pub fn wait_until<T>(within: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + within;
    loop {
        if let Some(found) = look() {
            return Some(found);
        }
        if Instant::now() >= deadline {
            return None;
        }
        std::thread::sleep(LOOK_AGAIN_EVERY);
    }
}
