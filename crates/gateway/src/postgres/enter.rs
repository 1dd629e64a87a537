//! Getting in: a session under a live grant; or, where a reason is all that is missing, under the one the client brings, or
//! after a wait until it is given on the page whose address the client shows (R3).

use super::front::{Front, fatal};
use super::message::{Severity, put, report};
use crate::reason::{REASON_WAIT, given};
use bytes::BytesMut;
use countersign_control::{Control, Fault, Gate};
use countersign_core::Refusal;
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
    // Clients that name no database name the user instead.
    let database = front.startup.database.clone().filter(|d| *d != front.startup.user);
    let open = || control.open_session(front.person, front.account, database.as_deref(), from);
    let mut opened = open().await;
    let mut authenticated = false;
    if let (Err(Fault::Refused(Refusal::NeedsRequest { .. })), Some(address)) =
        (&opened, control.only_a_reason(front.person, front.account))
    {
        if let Some(reason) = &front.startup.reason {
            opened = match control.justify(front.person, front.account, database.clone(), reason).await {
                Ok(()) => open().await,
                Err(fault) => Err(fault),
            };
        } else {
            welcome_to_wait(&mut front.stream, &address).await?;
            authenticated = true;
            let granted = given(control, || control.has_grant(front.person, front.account, database.as_deref()));
            tokio::select! {
                () = granted => opened = open().await,
                () = tokio::time::sleep(REASON_WAIT) => {}
                // Nothing may come before it is let in; whatever does, or its leaving, ends the wait.
                _ = front.stream.read_u8() => return Ok(None),
            }
        }
    }
    match opened {
        Ok(gate) => Ok(Some(Entered { gate, authenticated })),
        Err(fault) => {
            fatal(&mut front.stream, refusal_code(&fault), &fault.to_string(), control.page_address()).await?;
            Ok(None)
        }
    }
}

/// AuthenticationOk, and what the connection waits for.
async fn welcome_to_wait(stream: &mut TlsStream<TcpStream>, address: &str) -> std::io::Result<()> {
    let mut out = BytesMut::new();
    put(b'R', &0i32.to_be_bytes(), &mut out);
    report(
        Severity::Notice,
        "00000",
        "a reason is needed: give it on the page, and this connection goes on",
        address,
        &mut out,
    );
    stream.write_all(&out).await?;
    stream.flush().await
}

fn refusal_code(fault: &Fault) -> &'static str {
    match fault {
        Fault::Refused(_) | Fault::NotPermitted | Fault::NotFound | Fault::Input(_) => "28000",
        _ => "58000",
    }
}
