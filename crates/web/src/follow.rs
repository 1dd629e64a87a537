//! A recording as it is sent, while it goes on. It ends with the session it shows, with the right to watch it, and with the
//! session of who watches.

use countersign_control::{Control, Fault, Viewing};
use futures_util::{Stream, stream};
use std::time::Duration;
use tokio::sync::broadcast::Receiver;
use tokio::time::{Interval, interval};

/// Longest silence, and how soon it is noticed that the session of who watches has run out when nothing else happens.
const ASKED_EVERY: Duration = Duration::from_secs(10);
/// How soon it is noticed when something happens: one answer stands for all that did meanwhile.
const ASKED_SOON: Duration = Duration::from_millis(250);

struct Follower {
    control: Control,
    credential: String,
    viewing: Viewing,
    changes: Receiver<()>,
    asks: Interval,
    /// Whether it is asked soon, because something happened.
    soon: bool,
}

/// The lines, as they come; an empty one now and then says that nothing did.
pub(crate) fn lines(
    control: Control,
    credential: String,
    viewing: Viewing,
) -> impl Stream<Item = Result<String, Fault>> + Send {
    let (changes, mut asks) = (control.changes(), interval(ASKED_EVERY));
    asks.reset();
    stream::unfold(Follower { control, credential, viewing, changes, asks, soon: false }, next)
}

async fn next(mut follower: Follower) -> Option<(Result<String, Fault>, Follower)> {
    loop {
        let Follower { viewing, changes, asks, soon, .. } = &mut follower;
        // Who it is for is asked first: lines may come without end.
        tokio::select! {
            biased;
            _ = asks.tick() => {
                let (nothing_came, is_file) = (!std::mem::take(soon), viewing.is_export());
                if follower.control.actor(&follower.credential).await.is_none() {
                    // What is no more than a part is no file that ends.
                    return is_file.then_some((Err(Fault::NotPermitted), follower));
                }
                if nothing_came && !is_file {
                    return Some((Ok("\n".to_owned()), follower));
                }
            }
            _ = changes.recv(), if !*soon => {
                *soon = true;
                asks.reset_after(ASKED_SOON);
                *changes = changes.resubscribe();
            }
            lines = viewing.next() => return Some((lines?, follower)),
        }
    }
}
