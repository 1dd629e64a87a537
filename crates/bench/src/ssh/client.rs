//! A client of our own, for what takes very many sessions or a clock at each key.

use std::sync::Arc;
use std::time::{Duration, Instant};

use countersign_harness::HarnessError;
use russh::client::{self, Handle, Msg};
use russh::keys::{PrivateKeyWithHashAlg, PublicKeyOrCertificate, decode_secret_key};
use russh::{Channel, ChannelMsg};

use super::place::{Door, Proof, Way};
use crate::report::Report;

/// Keys typed on each way; the first ones warm up.
const KEYS: usize = 420;
const WARM_UP: usize = 20;
/// How often somebody types who is about to be cut: what they see last is as much too early at most.
const TYPES_EVERY: Duration = Duration::from_millis(25);
/// How long one step may take.
const WITHIN: Duration = Duration::from_secs(60);

/// Takes every host key: it is measured and not trusted.
pub struct Anybody;

impl client::Handler for Anybody {
    type Error = russh::Error;

    async fn check_server_key(&mut self, _: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        Ok(true)
    }
}

/// A session in which something runs. Dropping it ends it.
pub struct Session {
    /// What runs.
    pub channel: Channel<Msg>,
    _handle: Handle<Anybody>,
    _jump: Option<Handle<Anybody>>,
}

/// A connection, and where it is one over another that other one.
async fn signed_in(door: &Door) -> Result<(Handle<Anybody>, Option<Handle<Anybody>>), russh::Error> {
    let config = Arc::new(client::Config { nodelay: true, ..client::Config::default() });
    let (mut handle, jump) = match &door.over {
        None => (client::connect(config, ("127.0.0.1", door.port), Anybody).await?, None),
        Some(over) => {
            let (jump, _) = Box::pin(signed_in(over)).await?;
            let port = u32::from(door.port);
            let stream = jump.channel_open_direct_tcpip("127.0.0.1", port, "127.0.0.1", 0).await?.into_stream();
            (client::connect_stream(config, stream, Anybody).await?, Some(jump))
        }
    };
    let answer = match &door.proof {
        Proof::Password(file) => {
            let password = std::fs::read_to_string(file)?;
            handle.authenticate_password(&door.user, password).await?
        }
        Proof::Key(text) => {
            let key = PrivateKeyWithHashAlg::new(Arc::new(decode_secret_key(text, None)?), None);
            handle.authenticate_publickey(&door.user, key).await?
        }
    };
    if answer.success() { Ok((handle, jump)) } else { Err(russh::Error::NotAuthenticated) }
}

impl Session {
    /// Runs a command that says something at once, with a terminal or without; it said it.
    ///
    /// # Errors
    /// What the other side does not do, or not in time.
    pub async fn begin(door: &Door, command: &str, terminal: bool) -> Result<Session, HarnessError> {
        let begun = async {
            let (handle, jump) = signed_in(door).await?;
            let channel = handle.channel_open_session().await?;
            if terminal {
                channel.request_pty(true, "xterm", 80, 24, 0, 0, &[]).await?;
            }
            channel.exec(true, command).await?;
            let mut session = Session { channel, _handle: handle, _jump: jump };
            if session.said().await { Ok(session) } else { Err(russh::Error::Disconnect) }
        };
        let begun = tokio::time::timeout(WITHIN, begun).await.unwrap_or(Err(russh::Error::ConnectionTimeout));
        begun.map_err(|fault| failed(format!("`{command}` does not run as {}: {fault}", door.user)))
    }

    /// Waits for output; whether there was any before the end.
    async fn said(&mut self) -> bool {
        loop {
            match self.channel.wait().await {
                Some(ChannelMsg::Data { .. }) => return true,
                None | Some(ChannelMsg::Close | ChannelMsg::Failure) => return false,
                Some(_) => {}
            }
        }
    }

    /// Types on until it is told that it is over; when it last saw what it typed, and when it was told.
    pub async fn types_to_the_end(&mut self) -> (Instant, Instant) {
        let mut seen = Instant::now();
        loop {
            tokio::select! {
                said = self.channel.wait() => match said {
                    Some(ChannelMsg::Data { .. }) => seen = Instant::now(),
                    None | Some(ChannelMsg::Close | ChannelMsg::Eof | ChannelMsg::ExtendedData { .. }) => {
                        return (seen, Instant::now());
                    }
                    Some(_) => {}
                },
                () = tokio::time::sleep(TYPES_EVERY) => {
                    // One that is over needs no key.
                    let _ = self.channel.data_bytes(b"k".as_slice()).await;
                }
            }
        }
    }
}

/// How long a key takes to be seen, on every way in turn; the median, and of the differences to the first way.
///
/// # Errors
/// As [`Session::begin`].
pub async fn echoes(ways: &[Way], report: &mut Report) -> Result<(), HarnessError> {
    let mut sessions = Vec::new();
    for way in ways {
        sessions.push(Session::begin(&way.door, "echo begun; cat", true).await?);
    }
    let mut times = vec![Vec::new(); ways.len()];
    for key in 0..KEYS {
        for (session, times) in sessions.iter_mut().zip(&mut times) {
            let started = Instant::now();
            session.channel.data_bytes(b"k".as_slice()).await.map_err(|fault| failed(fault.to_string()))?;
            if !session.said().await {
                return Err(failed("a terminal ended".to_owned()));
            }
            if key >= WARM_UP {
                times.push(started.elapsed().as_secs_f64() * 1e6);
            }
        }
    }
    for (way, of_way) in ways.iter().zip(&times) {
        report.put(&format!("ssh_echo_{}_p50_us", way.name), Report::median(of_way.clone()));
    }
    for (way, of_way) in ways.iter().zip(&times).skip(1) {
        let added = of_way.iter().zip(&times[0]).map(|(one, direct)| one - direct).collect();
        report.put(&format!("ssh_echo_{}_added_p50_us", way.name), Report::median(added));
    }
    Ok(())
}

/// A failure of what is measured.
pub fn failed(why: String) -> HarnessError {
    HarnessError::Failed { program: "the client".to_owned(), code: -1, stderr: why }
}
