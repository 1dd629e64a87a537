//! PostgreSQL as a target: start-up with TLS and SCRAM-SHA-256, cancel, terminate
//! (PostgreSQL manual, "Frontend/Backend Protocol").

use crate::{STEP_WAIT, TargetFault, broken, reach, tls, unreachable};
use bytes::{Buf, BytesMut};
use countersign_core::Device;
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, ScramSha256};
use postgres_protocol::message::frontend;
use secrecy::{ExposeSecret, SecretString};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// Longest message a target may send during start-up.
const STARTUP_MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// As whom to sign in, and with which session parameters.
pub struct Login<'a> {
    /// Where.
    pub device: &'a Device,
    /// As whom.
    pub user: &'a str,
    /// With what.
    pub password: &'a SecretString,
    /// In which database.
    pub database: &'a str,
    /// Further start-up parameters, as the client gave them.
    pub parameters: &'a [(String, String)],
}

/// The key that cancels a session's statement.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BackendKey {
    /// Process id of the backend.
    pub process: i32,
    /// Its secret.
    pub secret: i32,
}

/// A session just opened.
pub struct Connected {
    /// The stream.
    pub stream: TlsStream<TcpStream>,
    /// Its cancel key.
    pub key: BackendKey,
    /// Every `ParameterStatus` message of start-up, as bytes.
    pub parameter_status: BytesMut,
    /// What was read beyond start-up.
    pub rest: BytesMut,
}

/// Connects and signs in.
///
/// # Errors
/// What the target did wrong, in words for the person who waits.
pub async fn connect(login: &Login<'_>) -> Result<Connected, TargetFault> {
    let device = login.device;
    let mut stream = secure(device).await?;
    let fixed = [("user", login.user), ("database", login.database)];
    let asked = login.parameters.iter().map(|(k, v)| (k.as_str(), v.as_str()));
    let mut out = BytesMut::new();
    frontend::startup_message(fixed.into_iter().chain(asked), &mut out).map_err(|e| broken(device, e))?;
    send(device, &mut stream, &out).await?;
    let mut input = BytesMut::with_capacity(4096);
    authenticate(login, &mut stream, &mut input).await?;
    let (mut key, mut parameter_status) = (None, BytesMut::new());
    loop {
        let message = receive(device, &mut stream, &mut input).await?;
        match message[0] {
            b'S' => parameter_status.extend_from_slice(&message),
            b'K' if message.len() >= 13 => {
                let mut body = &message[5..];
                key = Some(BackendKey { process: body.get_i32(), secret: body.get_i32() });
            }
            b'E' => return Err(refused(device, &message)),
            b'N' => {}
            b'Z' => break,
            other => return Err(broken(device, format!("message `{}` during start-up", other.escape_ascii()))),
        }
    }
    let key = key.ok_or_else(|| broken(device, "no cancel key"))?;
    Ok(Connected { stream, key, parameter_status, rest: input })
}

async fn secure(device: &Device) -> Result<TlsStream<TcpStream>, TargetFault> {
    let mut tcp = reach(device).await?;
    let mut out = BytesMut::new();
    frontend::ssl_request(&mut out);
    let failed = |e: std::io::Error| unreachable(device, &e.to_string());
    tcp.write_all(&out).await.map_err(failed)?;
    let mut answer = [0];
    let read = tokio::time::timeout(STEP_WAIT, tcp.read_exact(&mut answer)).await;
    read.map_err(|_| unreachable(device, "no answer in time"))?.map_err(failed)?;
    if answer != [b'S'] {
        let why = "it does not offer TLS".to_owned();
        return Err(TargetFault::WrongIdentity { device: device.name.clone(), why });
    }
    let shaken = tokio::time::timeout(STEP_WAIT, tls::connect(device, tcp)).await;
    shaken.map_err(|_| unreachable(device, "no TLS handshake in time"))?
}

/// SCRAM-SHA-256 and nothing else: the password itself never crosses the wire, and the target proves that it knows it.
async fn authenticate(
    login: &Login<'_>,
    stream: &mut TlsStream<TcpStream>,
    input: &mut BytesMut,
) -> Result<(), TargetFault> {
    let device = login.device;
    let mut scram = ScramSha256::new(login.password.expose_secret().as_bytes(), ChannelBinding::unsupported());
    let mut proved = false;
    loop {
        let message = receive(device, stream, input).await?;
        let body = &message[5..];
        match (message[0], body.get(..4).map(|k| i32::from_be_bytes([k[0], k[1], k[2], k[3]]))) {
            (b'E', _) => return Err(refused(device, &message)),
            (b'R', Some(0)) if proved => return Ok(()),
            (b'R', Some(0)) => return Err(unsupported(device, "no password at all")),
            (b'R', Some(10)) => {
                if !body[4..].split(|b| *b == 0).any(|name| name == SCRAM_SHA_256.as_bytes()) {
                    return Err(unsupported(device, "another way to sign in"));
                }
                let mut out = BytesMut::new();
                frontend::sasl_initial_response(SCRAM_SHA_256, scram.message(), &mut out)
                    .map_err(|e| broken(device, e))?;
                send(device, stream, &out).await?;
            }
            (b'R', Some(11)) => {
                scram.update(&body[4..]).map_err(|e| broken(device, e))?;
                let mut out = BytesMut::new();
                frontend::sasl_response(scram.message(), &mut out).map_err(|e| broken(device, e))?;
                send(device, stream, &out).await?;
            }
            (b'R', Some(12)) => {
                scram.finish(&body[4..]).map_err(|e| broken(device, e))?;
                proved = true;
            }
            (b'R', Some(3)) => return Err(unsupported(device, "the password in clear text")),
            (b'R', Some(5)) => return Err(unsupported(device, "an MD5 password")),
            (b'R', _) => return Err(unsupported(device, "another way to sign in")),
            (other, _) => return Err(broken(device, format!("message `{}` during sign-in", other.escape_ascii()))),
        }
    }
}

async fn send(device: &Device, stream: &mut TlsStream<TcpStream>, bytes: &[u8]) -> Result<(), TargetFault> {
    let sent = async {
        stream.write_all(bytes).await?;
        stream.flush().await
    };
    sent.await.map_err(|e: std::io::Error| unreachable(device, &e.to_string()))
}

/// One whole message, tag and length included.
async fn receive(
    device: &Device,
    stream: &mut TlsStream<TcpStream>,
    input: &mut BytesMut,
) -> Result<BytesMut, TargetFault> {
    loop {
        if let Some(header) = input.get(..5) {
            let length = i32::from_be_bytes([header[1], header[2], header[3], header[4]]);
            let whole = usize::try_from(length).ok().filter(|l| (4..=STARTUP_MESSAGE_BYTES_MAX).contains(l));
            let whole = whole.ok_or_else(|| broken(device, format!("a message of {length} bytes")))? + 1;
            if input.len() >= whole {
                return Ok(input.split_to(whole));
            }
        }
        let read = tokio::time::timeout(STEP_WAIT, stream.read_buf(input)).await;
        let read = read.map_err(|_| unreachable(device, "no answer in time"))?;
        match read.map_err(|e| unreachable(device, &e.to_string()))? {
            0 => return Err(unreachable(device, "it closed the connection")),
            _ => continue,
        }
    }
}

/// Asks the target to cancel whatever the session with this key runs, and waits until it took the request. The
/// request goes over TLS to the pinned host as well.
///
/// # Errors
/// When the target cannot be reached.
pub async fn cancel(device: &Device, key: BackendKey) -> Result<(), TargetFault> {
    let mut stream = secure(device).await?;
    let mut out = BytesMut::new();
    frontend::cancel_request(key.process, key.secret, &mut out);
    send(device, &mut stream, &out).await?;
    let mut end = [0];
    // The target closes the connection once it has delivered the signal; what it says at closing does not matter.
    let _ = tokio::time::timeout(STEP_WAIT, stream.read(&mut end)).await;
    Ok(())
}

/// Ends the backend with this process id through a session of the same account, and says whether it is gone.
///
/// # Errors
/// When that session cannot be opened.
pub async fn terminate(login: &Login<'_>, process: i32) -> Result<bool, TargetFault> {
    let mut helper = connect(login).await?;
    let device = login.device;
    let sql = format!(
        "SELECT pg_catalog.pg_terminate_backend({process}, 2000) \
         OR NOT EXISTS (SELECT FROM pg_catalog.pg_stat_activity WHERE pid = {process})"
    );
    let mut out = BytesMut::new();
    frontend::query(&sql, &mut out).map_err(|e| broken(device, e))?;
    send(device, &mut helper.stream, &out).await?;
    let mut gone = false;
    loop {
        let message = receive(device, &mut helper.stream, &mut helper.rest).await?;
        match message[0] {
            b'D' => gone = message.last() == Some(&b't'),
            b'E' => return Err(refused(device, &message)),
            b'Z' => return Ok(gone),
            _ => {}
        }
    }
}

fn unsupported(device: &Device, what: &str) -> TargetFault {
    TargetFault::Unsupported { device: device.name.clone(), what: what.to_owned() }
}

fn refused(device: &Device, message: &[u8]) -> TargetFault {
    let field = |wanted: u8| {
        let fields = message[5..].split(|b| *b == 0);
        let found = fields.filter_map(|f| f.split_first()).find(|(kind, _)| **kind == wanted);
        found.map(|(_, text)| String::from_utf8_lossy(text).into_owned()).unwrap_or_default()
    };
    TargetFault::LoginRefused { device: device.name.clone(), code: field(b'C'), message: field(b'M') }
}
