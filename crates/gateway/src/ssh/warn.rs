//! Whoever sits at a terminal is told in time that their access ends.

use countersign_control::Lease;
use std::time::Duration;
use tokio::sync::watch;

/// How long before the end, the longest first.
const BEFORE: [Duration; 2] = [Duration::from_secs(600), Duration::from_secs(60)];
/// How often the end is looked at, which may be moved.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// What whoever is at a terminal is told, the last of it.
pub(super) type Warnings = watch::Receiver<String>;

/// Tells each time that the end has come so near; never resolves.
pub(super) async fn of_the_end(lease: &Lease, told: &watch::Sender<String>) {
    let mut left = lease.left();
    loop {
        tokio::time::sleep(until_next(left)).await;
        let before = std::mem::replace(&mut left, lease.left());
        if comes_near(before, left) {
            told.send_replace(words(left));
        }
    }
}

/// The next warning. Where nobody warns any more it never comes.
pub(super) async fn next(warnings: &mut Warnings) -> String {
    if warnings.changed().await.is_err() {
        return std::future::pending().await;
    }
    warnings.borrow_and_update().clone()
}

fn until_next(left: Duration) -> Duration {
    let until = BEFORE.iter().filter_map(|before| left.checked_sub(*before)).filter(|until| !until.is_zero()).min();
    until.map_or(LOOK_EVERY, |until| until.min(LOOK_EVERY))
}

fn comes_near(before: Duration, left: Duration) -> bool {
    !left.is_zero() && BEFORE.iter().any(|near| left <= *near && *near < before)
}

fn words(left: Duration) -> String {
    match left.as_secs().div_ceil(60) {
        0 | 1 => "your access ends within a minute".to_owned(),
        minutes => format!("your access ends in {minutes} minutes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// The moments between two warnings are slept through, as far as the end may not be moved meanwhile.
    #[test]
    fn r50_a_warning_comes_when_the_end_does() {
        for (left, sleeps) in [(3600, 10), (605, 5), (601, 1), (600, 10), (65, 5), (60, 10), (3, 10), (0, 10)] {
            assert_eq!(until_next(s(left)), s(sleeps), "{left}");
        }
        for (before, left, told) in [
            (601, 600, true),
            (600, 599, false),
            (61, 60, true),
            (60, 59, false),
            (3600, 62, true),
            (3600, 30, true),
            (59, 3600, false),
            (5, 0, false),
        ] {
            assert_eq!(comes_near(s(before), s(left)), told, "{before} {left}");
        }
    }

    #[test]
    fn r50_what_is_told_is_what_is_left() {
        for (left, told) in
            [(600, "in 10 minutes"), (599, "in 10 minutes"), (540, "in 9 minutes"), (60, "within a minute")]
        {
            assert!(words(s(left)).ends_with(told), "{left}");
        }
    }
}
