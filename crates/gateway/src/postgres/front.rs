//! The first seconds of a connection: TLS, start-up packet, SCRAM. Nothing is believed before the proof, and little is
//! kept in memory.

use super::message::{
    self, First, HEADER, Malformed, SIGN_IN_BYTES_MAX, STARTUP_BYTES_MAX, Severity, Startup, put, report,
};
use super::scram;
use bytes::{BufMut, BytesMut};
use countersign_control::Control;
use countersign_core::Protocol;
use countersign_journal::{AccountId, PersonId};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Packets before TLS: an encryption offer we decline, then the one we take.
const PACKETS_BEFORE_TLS: usize = 3;
/// The first byte of a TLS handshake, for clients that speak TLS at once (PostgreSQL 17).
const TLS_HANDSHAKE: u8 = 0x16;

/// Who connected, and for what.
pub(super) struct Front {
    pub(super) stream: TlsStream<TcpStream>,
    pub(super) person: PersonId,
    pub(super) account: AccountId,
    pub(super) startup: Startup,
}

/// How a connection's first seconds ended.
pub(super) enum Opening {
    /// Somebody proved who they are.
    Proved(Box<Front>),
    /// It was a CancelRequest.
    Cancel(i32, Vec<u8>),
    /// There is nobody to talk to.
    Nobody,
}

/// Brings a connection to its proof.
///
/// # Errors
/// When the connection breaks.
pub(super) async fn open(
    tcp: TcpStream,
    tls: Arc<rustls::ServerConfig>,
    control: &Control,
) -> std::io::Result<Opening> {
    let acceptor = TlsAcceptor::from(tls);
    let mut stream = match negotiate(tcp, acceptor).await? {
        Negotiated::Tls(stream) => *stream,
        Negotiated::Cancel(process, secret) => return Ok(Opening::Cancel(process, secret)),
        Negotiated::Nobody => return Ok(Opening::Nobody),
    };
    let packet = startup_packet(&mut stream).await?;
    let startup = match message::first(&packet) {
        Ok(First::Startup(startup)) => startup,
        Ok(First::Cancel { process, secret }) => return Ok(Opening::Cancel(process, secret)),
        Ok(First::Tls | First::Gss) => return refuse(&mut stream, &Malformed::Startup.to_string()).await,
        Err(malformed) => return refuse(&mut stream, &malformed.to_string()).await,
    };
    if startup.minor > 0 || !startup.unknown_extensions.is_empty() {
        let mut body = BytesMut::new();
        body.put_i32(0); // the newest minor version spoken here
        body.put_i32(i32::try_from(startup.unknown_extensions.len()).unwrap_or(i32::MAX));
        for name in &startup.unknown_extensions {
            body.extend_from_slice(name.as_bytes());
            body.put_u8(0);
        }
        send(&mut stream, b'v', &body).await?;
    }
    match prove(&mut stream, &startup.user, control).await? {
        Some((person, account)) => Ok(Opening::Proved(Box::new(Front { stream, person, account, startup }))),
        None => {
            let hint = "get a fresh access token on the page under Connect, or with `countersign token`";
            fatal(
                &mut stream,
                "28P01",
                "user name or access token is not right, or the token is older than 15 minutes",
                hint,
            )
            .await?;
            Ok(Opening::Nobody)
        }
    }
}

enum Negotiated {
    Tls(Box<TlsStream<TcpStream>>),
    Cancel(i32, Vec<u8>),
    Nobody,
}

async fn negotiate(mut tcp: TcpStream, acceptor: TlsAcceptor) -> std::io::Result<Negotiated> {
    let mut first = [0];
    if tcp.peek(&mut first).await? == 0 {
        return Ok(Negotiated::Nobody);
    }
    if first[0] == TLS_HANDSHAKE {
        return acceptor.accept(tcp).await.map(|stream| Negotiated::Tls(Box::new(stream)));
    }
    for _ in 0..PACKETS_BEFORE_TLS {
        let packet = startup_packet(&mut tcp).await?;
        match message::first(&packet) {
            // Exactly the packet was read: whatever a client, or somebody between, sends along must be TLS.
            Ok(First::Tls) => {
                tcp.write_all(b"S").await?;
                return acceptor.accept(tcp).await.map(|stream| Negotiated::Tls(Box::new(stream)));
            }
            Ok(First::Gss) => tcp.write_all(b"N").await?,
            Ok(First::Cancel { process, secret }) => return Ok(Negotiated::Cancel(process, secret)),
            Ok(First::Startup(_)) => {
                let hint = "connect with sslmode=verify-full";
                fatal(&mut tcp, "28000", "only TLS connections are taken", hint).await?;
                return Ok(Negotiated::Nobody);
            }
            Err(malformed) => {
                fatal(&mut tcp, "08P01", &malformed.to_string(), "").await?;
                return Ok(Negotiated::Nobody);
            }
        }
    }
    Ok(Negotiated::Nobody)
}

async fn startup_packet<S: AsyncRead + Unpin>(stream: &mut S) -> std::io::Result<Vec<u8>> {
    let length = stream.read_i32().await?;
    let body = usize::try_from(length).ok().and_then(|l| l.checked_sub(4));
    let Some(body) = body.filter(|l| *l <= STARTUP_BYTES_MAX) else {
        return Err(std::io::Error::other(Malformed::Startup));
    };
    let mut packet = vec![0; body];
    stream.read_exact(&mut packet).await?;
    Ok(packet)
}

/// SCRAM: an unknown user gets the same conversation as a known one, and the same end.
async fn prove(
    stream: &mut TlsStream<TcpStream>,
    user: &str,
    control: &Control,
) -> std::io::Result<Option<(PersonId, AccountId)>> {
    let verifier = control.scram(user, Protocol::Postgresql).await.map_err(std::io::Error::other)?;
    let mut offer = BytesMut::new();
    offer.put_i32(10);
    offer.extend_from_slice(scram::MECHANISM.as_bytes());
    offer.extend_from_slice(b"\0\0");
    send(stream, b'R', &offer).await?;
    let Some(first) = scram::first_message(&sign_in_message(stream).await?) else { return Ok(None) };
    let challenge = scram::challenge(first, &verifier).map_err(std::io::Error::other)?;
    send(stream, b'R', &[&11i32.to_be_bytes()[..], challenge.message.as_bytes()].concat()).await?;
    let answer = sign_in_message(stream).await?;
    let (Some(server_proof), Some(proves)) = (scram::prove(&challenge, &verifier, &answer), verifier.proves) else {
        return Ok(None);
    };
    send(stream, b'R', &[&12i32.to_be_bytes()[..], server_proof.as_bytes()].concat()).await?;
    Ok(Some(proves))
}

/// The body of the `p` message that must come next.
async fn sign_in_message(stream: &mut TlsStream<TcpStream>) -> std::io::Result<Vec<u8>> {
    let mut header = [0; HEADER];
    stream.read_exact(&mut header).await?;
    let length = i32::from_be_bytes([header[1], header[2], header[3], header[4]]);
    let body = usize::try_from(length).ok().and_then(|l| l.checked_sub(4)).filter(|l| *l <= SIGN_IN_BYTES_MAX);
    let (b'p', Some(body)) = (header[0], body) else {
        return Err(std::io::Error::other(Malformed::Unexpected(char::from(header[0]))));
    };
    let mut message = vec![0; body];
    stream.read_exact(&mut message).await?;
    Ok(message)
}

async fn send<S: AsyncWrite + Unpin>(stream: &mut S, tag: u8, body: &[u8]) -> std::io::Result<()> {
    let mut out = BytesMut::new();
    put(tag, body, &mut out);
    stream.write_all(&out).await?;
    stream.flush().await
}

async fn refuse(stream: &mut TlsStream<TcpStream>, why: &str) -> std::io::Result<Opening> {
    fatal(stream, "08P01", why, "").await?;
    Ok(Opening::Nobody)
}

/// Says a last word and closes.
pub(super) async fn fatal<S: AsyncWrite + Unpin>(
    stream: &mut S,
    code: &str,
    message: &str,
    hint: &str,
) -> std::io::Result<()> {
    let mut out = BytesMut::new();
    report(Severity::Fatal, code, message, hint, &mut out);
    stream.write_all(&out).await?;
    stream.shutdown().await
}
