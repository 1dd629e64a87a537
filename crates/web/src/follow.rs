//! A recording that is sent while it goes on. It ends with the session it shows, with the right to watch it, and with the
//! session of who watches.

use countersign_control::{Control, Fault, Following};
use futures_util::{Stream, stream};
use std::time::Duration;
use tokio::sync::broadcast::Receiver;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// How soon it is noticed that the session of who watches has run out, when nothing else happens.
const ASKED_EVERY: Duration = Duration::from_secs(10);

struct Follower {
    control: Control,
    credential: String,
    following: Following,
    changes: Receiver<()>,
    asks: Interval,
}

/// The lines, as they come; an empty one now and then says that nothing did.
pub(crate) fn lines(
    control: Control,
    credential: String,
    following: Following,
) -> impl Stream<Item = Result<String, Fault>> + Send {
    let mut asks = interval(ASKED_EVERY);
    asks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let changes = control.changes();
    stream::unfold(Follower { control, credential, following, changes, asks }, next)
}

async fn next(mut follower: Follower) -> Option<(Result<String, Fault>, Follower)> {
    // Who it is for is asked first: lines may come without end.
    let line = tokio::select! {
        biased;
        _ = follower.asks.tick() => None,
        _ = follower.changes.recv() => None,
        line = follower.following.next() => Some(line?),
    };
    if line.is_none() {
        follower.control.actor(&follower.credential).await?;
    }
    Some((line.unwrap_or_else(|| Ok(String::new())), follower))
}
