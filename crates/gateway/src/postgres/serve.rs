//! Listening, and the life of one connection from accept to close.

use super::cancel::{Cancels, Registered};
use super::enter::{Entered, enter};
use super::front::{self, Front, Opening, fatal};
use super::message::put;
use super::relay::Relay;
use bytes::BytesMut;
use countersign_control::{Control, Gate};
use countersign_journal::SessionEnd;
use countersign_target::postgres::{Connected, Login, connect};
use std::collections::VecDeque;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// Connections that have not proved who they are yet, at a time. Each holds less than 64 KiB.
const UNPROVED_MAX: usize = 256;
/// How long a connection may take to prove who it is.
const PROOF_WAIT: Duration = Duration::from_secs(30);
/// How long sessions have to end when the server stops.
const STOP_WAIT: Duration = Duration::from_secs(8);
/// How long to wait before accepting again when the system has no file handles left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Where and how to listen.
pub struct GatewayConfig {
    /// Address and port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The certificate clients see.
    pub tls: Arc<rustls::ServerConfig>,
}

/// A listening gateway.
pub struct Bound {
    listener: TcpListener,
    tls: Arc<rustls::ServerConfig>,
}

/// Takes the port.
///
/// # Errors
/// When the port cannot be taken.
pub async fn bind(config: GatewayConfig) -> std::io::Result<Bound> {
    Ok(Bound { listener: TcpListener::bind(config.listen).await?, tls: config.tls })
}

impl Bound {
    /// Where it really listens.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `shutdown`, then cuts what is left and waits for it to end.
    pub async fn serve(self, control: Control, shutdown: impl Future<Output = ()>) {
        let cancels = Cancels::default();
        let mut unproved = Unproved::default();
        let mut sessions = tokio::task::JoinSet::new();
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                Some(_) = sessions.join_next(), if !sessions.is_empty() => {}
                accepted = self.listener.accept() => match accepted {
                    Ok((tcp, peer)) => {
                        let evicted = unproved.enter();
                        let connection = Connection {
                            control: control.clone(),
                            tls: self.tls.clone(),
                            cancels: cancels.clone(),
                            from: peer.ip().to_string(),
                        };
                        sessions.spawn(connection.live(tcp, evicted));
                    }
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
    /// A place, given up by dropping it; whoever is woken lost it to another.
    fn enter(&mut self) -> Arc<Notify> {
        if self.0.len() >= UNPROVED_MAX {
            self.0.retain(|place| Arc::strong_count(place) > 1);
        }
        if self.0.len() >= UNPROVED_MAX
            && let Some(oldest) = self.0.pop_front()
        {
            oldest.notify_one();
        }
        let place = Arc::new(Notify::new());
        self.0.push_back(place.clone());
        place
    }
}

struct Connection {
    control: Control,
    tls: Arc<rustls::ServerConfig>,
    cancels: Cancels,
    from: String,
}

impl Connection {
    async fn live(self, tcp: TcpStream, evicted: Arc<Notify>) {
        if tcp.set_nodelay(true).is_err() {
            return;
        }
        let proof = tokio::time::timeout(PROOF_WAIT, front::open(tcp, self.tls.clone(), &self.control));
        let opened = tokio::select! {
            opened = proof => opened,
            () = evicted.notified() => return,
        };
        drop(evicted);
        match opened {
            Ok(Ok(Opening::Proved(front))) => {
                if let Err(e) = self.session(*front).await {
                    tracing::debug!("a connection from {} broke: {e}", self.from);
                }
            }
            Ok(Ok(Opening::Cancel(process, secret))) => self.cancels.cancel(process, &secret),
            Ok(Ok(Opening::Nobody)) => {}
            Ok(Err(e)) => tracing::debug!("a connection from {} was not understood: {e}", self.from),
            Err(_) => tracing::debug!("a connection from {} did not prove who it is in time", self.from),
        }
    }

    async fn session(&self, mut front: Front) -> std::io::Result<()> {
        let Some(Entered { gate, authenticated }) = enter(&self.control, &mut front, &self.from).await? else {
            return Ok(());
        };
        let Front { mut stream, startup, .. } = front;
        let (login, connected) = match self.reach(&gate, &startup.parameters).await {
            Ok(reached) => reached,
            Err(why) => {
                close(gate).await;
                return fatal(&mut stream, "08006", &why, "").await;
            }
        };
        let registered = match self.cancels.register() {
            Ok(registered) => registered,
            Err(fault) => {
                close(gate).await;
                return fatal(&mut stream, "58000", &fault.to_string(), "").await;
            }
        };
        if let Err(e) = welcome(&mut stream, &connected, &registered, authenticated).await {
            close(gate).await;
            return Err(e);
        }
        Relay::new(stream, connected, gate, registered, login).run().await;
        Ok(())
    }

    async fn reach(
        &self,
        gate: &Gate,
        parameters: &[(String, String)],
    ) -> Result<(countersign_control::TargetLogin, Connected), String> {
        let login = gate.target_login().await.map_err(|fault| fault.to_string())?;
        let asked = Login {
            device: &login.device,
            user: &login.login,
            password: &login.password,
            database: &login.database,
            parameters,
        };
        match connect(&asked).await {
            Ok(connected) => Ok((login, connected)),
            Err(fault) => {
                tracing::warn!("{}: {fault}", gate.session());
                Err(fault.to_string())
            }
        }
    }
}

async fn close(gate: Gate) {
    if let Err(fault) = gate.close(SessionEnd::TargetLeft).await {
        tracing::error!("a session could not be closed: {fault}");
    }
}

/// AuthenticationOk unless it was said, the target's parameters, a cancel key of ours, ReadyForQuery.
async fn welcome(
    stream: &mut tokio_rustls::server::TlsStream<TcpStream>,
    connected: &Connected,
    registered: &Registered,
    authenticated: bool,
) -> std::io::Result<()> {
    let mut out = BytesMut::new();
    if !authenticated {
        put(b'R', &0i32.to_be_bytes(), &mut out);
    }
    out.extend_from_slice(&connected.parameter_status);
    put(b'K', &registered.body(), &mut out);
    put(b'Z', b"I", &mut out);
    stream.write_all(&out).await?;
    stream.flush().await
}
