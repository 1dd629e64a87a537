//! What goes between two channels: bytes both ways, each end of which is told on, until one of the two is closed.
//!
//! A connection is one stream for all of its channels: what comes for a channel that takes nothing keeps what is behind it. So a
//! little is read ahead, and a channel that then takes nothing for a while is closed. Where the target's side has a connection
//! to itself, it may wait as long as it likes: nothing is behind it.

use bytes::Bytes;
use countersign_target::ssh::Line;
use russh::server::Msg;
use russh::{Channel, ChannelId, ChannelMsg, ChannelReadHalf, ChannelWriteHalf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Packets that are read ahead in each direction, each of at most 32 KiB (RFC 4253, 6.1).
const AHEAD_MAX: usize = 32;
/// How long a channel may take nothing while it keeps others waiting, and how long one has to take what is left at its end.
const STALL_WAIT: Duration = Duration::from_secs(30);
/// How long the two have to take that they are closed.
const CLOSE_WAIT: Duration = Duration::from_secs(2);

/// Bytes that went through.
#[derive(Default)]
pub(super) struct Passed {
    sent: AtomicU64,
    received: AtomicU64,
}

impl Passed {
    pub(super) fn words(&self) -> String {
        let (sent, received) = (self.sent.load(Ordering::Relaxed), self.received.load(Ordering::Relaxed));
        format!("{sent} bytes went to the target, {received} came from it")
    }
}

/// Whose connection the target's side is in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Connected {
    Alone,
    WithOthers,
}

/// How it ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Over {
    Closed,
    Stalled,
}

enum Said {
    Bytes(Bytes),
    NoMore,
}

/// Passes on until one side is closed, or `ends` is done; then both are.
pub(super) async fn relay(
    client: Channel<Msg>,
    target: Line,
    connected: Connected,
    passed: &Passed,
    ends: impl Future<Output = ()>,
) -> Option<Over> {
    let ((mut from_client, to_client), (mut from_target, to_target)) = (client.split(), target.split());
    let for_target = match connected {
        Connected::Alone => None,
        Connected::WithOthers => Some(STALL_WAIT),
    };
    let over = tokio::select! {
        over = passes(&mut from_client, &to_target, &passed.sent, Some(STALL_WAIT)) => Some(over),
        over = passes(&mut from_target, &to_client, &passed.received, for_target) => Some(over),
        () = ends => None,
    };
    // Whoever is kept waiting by what nobody takes any more goes on.
    drop((from_client, from_target));
    let closes = async {
        // One that is closed already needs no telling.
        let _ = tokio::join!(to_client.close(), to_target.close());
    };
    let _ = timeout(CLOSE_WAIT, closes).await;
    over
}

/// One direction, until its side is closed.
async fn passes<S>(
    from: &mut ChannelReadHalf,
    to: &ChannelWriteHalf<S>,
    count: &AtomicU64,
    stall: Option<Duration>,
) -> Over
where
    S: From<(ChannelId, ChannelMsg)> + Send + Sync + 'static,
{
    let (ahead, mut waiting) = mpsc::channel(AHEAD_MAX);
    let hears = hears(from, ahead, stall);
    let tells = async {
        while let Some(said) = waiting.recv().await {
            let told = match said {
                Said::Bytes(bytes) => {
                    let length = bytes.len() as u64;
                    let told = to.data_bytes(bytes).await;
                    count.fetch_add(length, Ordering::Relaxed);
                    told
                }
                Said::NoMore => to.eof().await,
            };
            if told.is_err() {
                return;
            }
        }
    };
    let mut tells = std::pin::pin!(tells);
    let over = tokio::select! {
        over = hears => over,
        () = &mut tells => return Over::Closed,
    };
    if over == Over::Closed {
        // What came before it was closed is still passed on.
        let _ = timeout(STALL_WAIT, tells).await;
    }
    over
}

async fn hears(from: &mut ChannelReadHalf, ahead: mpsc::Sender<Said>, stall: Option<Duration>) -> Over {
    loop {
        let said = match from.wait().await {
            Some(ChannelMsg::Data { data }) => Said::Bytes(data),
            Some(ChannelMsg::Eof) => Said::NoMore,
            Some(ChannelMsg::Close) | None => return Over::Closed,
            // A channel like this has no other kind of bytes, and nothing is asked in it.
            Some(_) => continue,
        };
        let place = match stall {
            Some(wait) => match timeout(wait, ahead.reserve()).await {
                Ok(place) => place,
                Err(_) => return Over::Stalled,
            },
            None => ahead.reserve().await,
        };
        match place {
            Ok(place) => place.send(said),
            Err(_) => return Over::Closed,
        }
    }
}
