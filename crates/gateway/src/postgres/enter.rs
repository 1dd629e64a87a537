//! How a PostgreSQL client gets in, and what it is told meanwhile.

use super::front::{Front, fatal};
use super::message::{Severity, put, report};
use crate::enter::{Asked, Client, Gone, Way};
use bytes::BytesMut;
use countersign_control::{Control, Fault, Gate};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// A session, and whether the client was told that it is signed in.
pub(super) struct Entered {
    pub(super) gate: Gate,
    pub(super) authenticated: bool,
}

/// Opens the session of a person who proved who they are; nothing when they were sent away.
pub(super) async fn enter(control: &Control, front: &mut Front, from: &str) -> std::io::Result<Option<Entered>> {
    let startup = &front.startup;
    // Clients that name no database name the user instead.
    let database = startup.database.as_deref().filter(|d| *d != startup.user);
    let way = Way { person: front.person, account: front.account, database, from };
    let mut client = Waiting { stream: &mut front.stream, authenticated: false };
    match way.enter(control, startup.reason.as_deref(), &mut client).await {
        Ok(gate) => Ok(Some(Entered { gate, authenticated: client.authenticated })),
        Err(fault) => {
            fatal(&mut front.stream, refusal_code(&fault), &fault.to_string(), control.page_address()).await?;
            Ok(None)
        }
    }
}

struct Waiting<'f> {
    stream: &'f mut TlsStream<TcpStream>,
    authenticated: bool,
}

impl Client for Waiting<'_> {
    /// Drivers have nobody to ask.
    async fn ask(&mut self, _: &str) -> Asked {
        Asked::Nobody
    }

    /// AuthenticationOk, which is sent once, and what the connection waits for.
    async fn waits(&mut self, words: &str, page: &str) {
        let mut out = BytesMut::new();
        if !self.authenticated {
            put(b'R', &0i32.to_be_bytes(), &mut out);
            self.authenticated = true;
        }
        report(Severity::Notice, "00000", words, page, &mut out);
        if self.stream.write_all(&out).await.is_ok() {
            let _ = self.stream.flush().await;
        }
    }

    /// Nothing may come before it is let in; whatever does ends the wait as its leaving does.
    async fn gone(&mut self) -> Gone {
        let _ = self.stream.read_u8().await;
        Gone::Left
    }
}

fn refusal_code(fault: &Fault) -> &'static str {
    match fault {
        Fault::Refused(_) | Fault::NotPermitted | Fault::NotFound | Fault::Input(_) => "28000",
        _ => "58000",
    }
}
