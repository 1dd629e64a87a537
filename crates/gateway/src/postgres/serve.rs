//! The life of one connection from accept to close.

use super::cancel::{Cancels, Registered};
use super::enter::{Entered, enter};
use super::front::{self, Front, Opening, fatal};
use super::message::put;
use super::relay::Relay;
use crate::listen::{Accepted, Place, Protocol};
use bytes::BytesMut;
use countersign_control::{Control, Gate};
use countersign_journal::SessionEnd;
use countersign_target::postgres::{Connected, Login, connect};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// What every connection of PostgreSQL clients shares.
#[derive(Clone)]
pub struct Postgres {
    tls: Arc<rustls::ServerConfig>,
    cancels: Cancels,
}

impl Postgres {
    /// With the certificate that clients see.
    #[must_use]
    pub fn new(tls: Arc<rustls::ServerConfig>) -> Postgres {
        Postgres { tls, cancels: Cancels::default() }
    }
}

impl Protocol for Postgres {
    /// Nobody types: who is asked for a token comes again with it.
    const PROOF_WAIT: Duration = Duration::from_secs(30);

    async fn live(self, control: Control, accepted: Accepted) {
        let Accepted { tcp, from, place } = accepted;
        Connection { control, tls: self.tls, cancels: self.cancels, from }.live(tcp, place).await;
    }
}

struct Connection {
    control: Control,
    tls: Arc<rustls::ServerConfig>,
    cancels: Cancels,
    from: String,
}

impl Connection {
    async fn live(self, tcp: TcpStream, place: Place) {
        let opened = tokio::select! {
            opened = front::open(tcp, self.tls.clone(), &self.control) => opened,
            () = place.lost() => {
                tracing::debug!("a connection from {} did not prove who it is in time", self.from);
                return;
            }
        };
        drop(place);
        match opened {
            Ok(Opening::Proved(front)) => {
                if let Err(e) = self.session(*front).await {
                    tracing::debug!("a connection from {} broke: {e}", self.from);
                }
            }
            Ok(Opening::Cancel(process, secret)) => self.cancels.cancel(process, &secret),
            Ok(Opening::Nobody) => {}
            Err(e) => tracing::debug!("a connection from {} was not understood: {e}", self.from),
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
