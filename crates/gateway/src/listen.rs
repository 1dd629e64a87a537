//! Listening: accepting connections, and keeping those that have not proved who they are few. What a connection then does
//! is its protocol's.

use countersign_control::Control;
use std::collections::VecDeque;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// Connections that have not proved who they are yet, at a time. Each holds less than 64 KiB.
const UNPROVED_MAX: usize = 256;
/// How long sessions have to end when the server stops.
const STOP_WAIT: Duration = Duration::from_secs(8);
/// How long to wait before accepting again when the system has no file handles left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What makes a connection's life: one for each protocol.
pub trait Protocol: Clone + Send + 'static {
    /// How long a connection may take to prove who it is, however it spends that time.
    const PROOF_WAIT: Duration;

    /// The life of one connection, which may take long; `place` is given up with the proof.
    fn live(self, control: Control, accepted: Accepted) -> impl Future<Output = ()> + Send;
}

/// A connection just accepted.
pub struct Accepted {
    /// The connection.
    pub(crate) tcp: TcpStream,
    /// Where it comes from.
    pub(crate) from: String,
    /// Its place among those that have not proved who they are.
    pub(crate) place: Place,
}

/// A place among connections that have not proved who they are; dropping it gives it up.
pub(crate) struct Place {
    newer: Arc<Notify>,
    wait: Duration,
}

impl Place {
    /// Resolves when the place was lost, to a newer connection or because its time is over, which begins with this wait.
    pub(crate) async fn lost(&self) {
        // Either end is one.
        let _ = tokio::time::timeout(self.wait, self.newer.notified()).await;
    }
}

/// A port that is taken, and serves nobody yet.
pub struct Bound {
    listener: TcpListener,
    /// Less time for it than the protocol gives.
    proof_wait: Option<Duration>,
}

/// Takes a port; port 0 takes a free one.
///
/// # Errors
/// When the port cannot be taken.
pub async fn bind(listen: SocketAddr) -> std::io::Result<Bound> {
    Ok(Bound { listener: TcpListener::bind(listen).await?, proof_wait: None })
}

impl Bound {
    /// Where it really listens.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// With less time to prove who one is than the protocol gives.
    #[must_use]
    pub fn proved_within(self, proof_wait: Duration) -> Bound {
        Bound { proof_wait: Some(proof_wait), ..self }
    }

    /// Serves until `shutdown`, then cuts what is left and waits for it to end.
    pub async fn serve<P: Protocol>(self, protocol: P, control: Control, shutdown: impl Future<Output = ()>) {
        let wait = self.proof_wait.unwrap_or(P::PROOF_WAIT);
        let mut unproved = Unproved::default();
        let mut sessions = tokio::task::JoinSet::new();
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                Some(_) = sessions.join_next(), if !sessions.is_empty() => {}
                accepted = self.listener.accept() => match accepted {
                    Ok((tcp, peer)) if tcp.set_nodelay(true).is_ok() => {
                        let accepted = Accepted { tcp, from: peer.ip().to_string(), place: unproved.enter(wait) };
                        sessions.spawn(protocol.clone().live(control.clone(), accepted));
                    }
                    Ok(_) => {}
                    Err(e) => {
                        tracing::warn!("a connection could not be accepted: {e}");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
            }
        }
        control.cut_all();
        let ended = async { while sessions.join_next().await.is_some() {} };
        if tokio::time::timeout(STOP_WAIT, ended).await.is_err() {
            tracing::warn!("some sessions did not end in time");
        }
    }
}

/// Connections that have not proved who they are, oldest first. The newest always gets a place, so that connections
/// that say nothing keep nobody out.
#[derive(Default)]
struct Unproved(VecDeque<Arc<Notify>>);

impl Unproved {
    fn enter(&mut self, wait: Duration) -> Place {
        if self.0.len() >= UNPROVED_MAX {
            self.0.retain(|place| Arc::strong_count(place) > 1);
        }
        if self.0.len() >= UNPROVED_MAX
            && let Some(oldest) = self.0.pop_front()
        {
            oldest.notify_one();
        }
        let newer = Arc::new(Notify::new());
        self.0.push_back(newer.clone());
        Place { newer, wait }
    }
}
