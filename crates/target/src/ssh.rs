//! SSH as a target: a connection to a pinned host key, signed in with the account's secret; each command or shell in a
//! channel of its own (RFC 4252, RFC 4254).

mod algorithms;
mod forward;
mod login_shell;

pub use algorithms::legacy_algorithms;
pub use forward::{By, Came, Display, Line, Taken, With};
pub use login_shell::{Question, Reads};

use crate::{STEP_WAIT, TargetFault, broken, reach, unreachable};
use bytes::Bytes;
use countersign_core::{Device, Endpoint, SshEndpoint};
use russh::client::{self, ChannelOpenHandle, Handle};
use russh::keys::ssh_key::PublicKey;
use russh::keys::{Certificate, HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKeyOrCertificate, decode_secret_key};
use russh::{Channel, ChannelMsg, ChannelOpenFailure, ChannelReadHalf, ChannelWriteHalf, Disconnect, Pty, Sig};
use secrecy::{ExposeSecret, SecretString};
use std::sync::{Arc, Mutex};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio::time::timeout;

/// How a private key begins, where it is one that is stored and not a password.
const PRIVATE_KEY: &str = "-----BEGIN ";

/// Ends every other command of a connection. OpenSSH takes signals for a command only where its own process is not the user's (not
/// for root), so that the server's children are found, each the leader of a session of its own, and all of their sessions are
/// ended (`ps` and `awk` as POSIX has them, and the `sid` of `ps`). `sh` does it, in the place of the login shell, which may be of
/// any kind. Processes are looked through once: where very many sessions end at a time, that is what takes the time.
macro_rules! end_all {
    ($first:literal) => {
        concat!(
            "exec sh -c '",
            $first,
            "ps -A -o pid= -o ppid= -o sid= | awk -v me=$$ -v server=$PPID \"\
                { session[\\$1] = \\$3; if (\\$2 == server && \\$1 - me) leads[\\$1] = 1 } \
                END { for (pid in session) if (session[pid] in leads) print pid; \
                    for (pid in leads) print \\\"-\\\" pid; if (me in session) print \\\"ended\\\" }\" | \
            while read -r pid; do case $pid in \
                ended) echo countersign-ended ;; \
                *) kill -s KILL -- $pid 2>/dev/null ;; esac; done'"
        )
    };
}
const END_ALL: &str = end_all!("");
/// The same once it is told to; nothing where it is left instead.
const END_ALL_LATER: &str = end_all!("read -r now || exit 0; ");
/// What it says in the end, among so much output, in bytes, of start-up files.
const ENDING_BYTES_MAX: usize = 64 * 1024;
const ENDED: &[u8] = b"countersign-ended";

/// How often a channel is asked for. OpenSSH counts one that is closed until it has looked through all it had been sent, and so
/// refuses one that was asked for right behind the closing; nothing runs meanwhile, and there is room once it has refused.
const OPENS_MAX: u32 = 10;

/// As whom to sign in.
pub struct Login<'a> {
    /// Where.
    pub device: &'a Device,
    /// As whom.
    pub user: &'a str,
    /// With what.
    pub proof: Proof,
}

/// What signs in.
pub enum Proof {
    /// A stored secret: a password, or a private key as text.
    Secret(SecretString),
    /// A certificate of the authority that the target is to trust.
    Certificate(Certified),
}

/// A key with a certificate of it, for one sign-in: whoever holds it can sign in with it, so that it is never printed, and goes
/// with the connection that it signed in.
pub struct Certified {
    key: Arc<PrivateKey>,
    certificate: Box<Certificate>,
}

impl Certified {
    /// A key, and the certificate that says whose it is.
    #[must_use]
    pub fn new(key: PrivateKey, certificate: Box<Certificate>) -> Certified {
        Certified { key: Arc::new(key), certificate }
    }
}

/// A public key as one line without a comment, the form in which keys are compared; nothing if it is none.
#[must_use]
pub fn plain_host_key(text: &str) -> Option<String> {
    public_key(text.trim())?.to_openssh().ok()
}

fn public_key(text: &str) -> Option<PublicKey> {
    let mut key = PublicKey::from_openssh(text).ok()?;
    key.set_comment("");
    Some(key)
}

/// A connection that is signed in.
pub struct Connection {
    handle: Handle<Pinned>,
    device: Device,
    /// What ends every other command, once it is told to.
    ending: tokio::sync::Mutex<Option<Running>>,
    /// How the login shell reads commands, once it was asked.
    reads: OnceCell<Reads>,
}

/// What is to run, and how.
#[derive(Clone, Copy)]
pub struct Start<'a> {
    /// The command, byte for byte; none is the login shell.
    pub command: Option<&'a [u8]>,
    /// Its terminal, if it has one.
    pub terminal: Option<&'a Terminal>,
    /// Whether anything is typed into it.
    pub input: bool,
    /// What is set for it.
    pub with: &'a With,
}

/// A terminal as a client describes it (RFC 4254, 6.2).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Terminal {
    /// Its kind: `xterm-256color`.
    pub kind: String,
    /// Its size.
    pub size: Size,
    /// Its modes.
    pub modes: Vec<(Pty, u32)>,
}

/// The size of a terminal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Size {
    /// Characters in a line.
    pub columns: u16,
    /// Lines.
    pub rows: u16,
}

/// A command or shell that runs: what it says, and what is said to it.
pub struct Running {
    /// What it says.
    pub says: Says,
    /// What is said to it.
    pub told: Told,
}

/// What a command says.
pub struct Says {
    read: ChannelReadHalf,
    device: Device,
}

/// What is said to a command.
pub struct Told {
    write: ChannelWriteHalf<client::Msg>,
}

/// What a command says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Said {
    /// Bytes of its output.
    Out(Bytes),
    /// Bytes of its error output.
    Error(Bytes),
    /// It ended by itself.
    Exited(u32),
    /// A signal ended it.
    Killed(String),
    /// Nothing more comes.
    Closed,
}

/// Connects and signs in. Nothing that signs in is sent before the host has proved the pinned key. Channels that the target
/// opens by itself are handed to `came`, or refused.
///
/// # Errors
/// What the target did wrong, in words for the person who waits.
pub async fn connect(login: Login<'_>, came: Option<Taken>) -> Result<Connection, TargetFault> {
    let Login { device, user, proof } = login;
    let refused = match &proof {
        Proof::Secret(_) => "it does not take the stored password or key".to_owned(),
        Proof::Certificate(_) => format!(
            "it does not take the certificate for `{user}`; its sshd must trust this server's authority \
             (`TrustedUserCAKeys`, with the line that `countersign authority` prints), let `{user}` be signed in by it \
             (`AuthorizedPrincipalsFile`, if it has one), and its clock must be right"
        ),
    };
    let wrong = |why: &str| TargetFault::WrongIdentity { device: device.name.clone(), why: why.to_owned() };
    let Endpoint::Ssh(endpoint) = &device.endpoint else { return Err(wrong("it is no SSH server")) };
    let pinned = public_key(&endpoint.host_key).ok_or_else(|| wrong("its pinned key cannot be read"))?;
    let shown = Arc::new(Mutex::new(None));
    let tcp = reach(device).await?;
    let pinned = Pinned { key: pinned, shown: shown.clone(), came };
    let mut handle = match timeout(STEP_WAIT, shake_hands(tcp, endpoint, pinned)).await {
        Err(_) => return Err(unreachable(device, "it did not answer in time")),
        Ok(Ok(handle)) => handle,
        Ok(Err(russh::Error::NoCommonAlgo { kind, theirs, .. })) => {
            return Err(TargetFault::Algorithms {
                device: device.name.clone(),
                why: algorithms::nothing_common(kind, &theirs),
            });
        }
        Ok(Err(fault)) => {
            let other = shown.lock().ok().and_then(|shown| shown.clone());
            return Err(other.map_or_else(|| broken(device, fault), |key| wrong(&format!("it shows the key {key}"))));
        }
    };
    match timeout(STEP_WAIT, sign_in(&mut handle, endpoint, user, proof)).await {
        Err(_) => Err(unreachable(device, "it did not answer in time")),
        Ok(Err(fault)) => Err(broken(device, fault)),
        Ok(Ok(true)) => {
            let ending = tokio::sync::Mutex::new(None);
            Ok(Connection { handle, device: device.clone(), ending, reads: OnceCell::new() })
        }
        Ok(Ok(false)) => {
            Err(TargetFault::LoginRefused { device: device.name.clone(), code: "SSH".to_owned(), message: refused })
        }
    }
}

async fn shake_hands(tcp: TcpStream, endpoint: &SshEndpoint, pinned: Pinned) -> Result<Handle<Pinned>, russh::Error> {
    let preferred = algorithms::preferred(&endpoint.legacy_algorithms, &pinned.key.algorithm());
    let config = client::Config { nodelay: true, preferred, gex: algorithms::groups(), ..client::Config::default() };
    client::connect_stream(Arc::new(config), tcp, pinned).await
}

async fn sign_in(
    handle: &mut Handle<Pinned>,
    endpoint: &SshEndpoint,
    user: &str,
    proof: Proof,
) -> Result<bool, russh::Error> {
    let answer = match proof {
        Proof::Certificate(Certified { key, certificate }) => {
            handle.authenticate_openssh_cert(user, key, *certificate).await?
        }
        Proof::Secret(secret) if secret.expose_secret().starts_with(PRIVATE_KEY) => {
            let key = Arc::new(decode_secret_key(secret.expose_secret(), None)?);
            return sign_in_by_key(handle, endpoint, user, &key).await;
        }
        Proof::Secret(secret) => handle.authenticate_password(user, secret.expose_secret()).await?,
    };
    Ok(answer.success())
}

/// An RSA key signs with SHA-1 where the device is allowed that and the target takes nothing else, whatever it says that it takes.
async fn sign_in_by_key(
    handle: &mut Handle<Pinned>,
    endpoint: &SshEndpoint,
    user: &str,
    key: &Arc<PrivateKey>,
) -> Result<bool, russh::Error> {
    let with_sha1 = key.algorithm().is_rsa() && endpoint.legacy_algorithms.contains(algorithms::SSH_RSA);
    let known = handle.best_supported_rsa_hash().await?.flatten();
    let hash = known.or((!with_sha1).then_some(HashAlg::Sha512));
    let signed = |hash| PrivateKeyWithHashAlg::new(key.clone(), hash);
    let answer = handle.authenticate_publickey(user, signed(hash)).await?;
    if answer.success() || !with_sha1 || hash.is_none() {
        return Ok(answer.success());
    }
    Ok(handle.authenticate_publickey(user, signed(None)).await?.success())
}

impl Connection {
    /// Runs a command or the login shell, in a channel of its own.
    ///
    /// # Errors
    /// When the target does not run it.
    pub async fn start(&self, start: Start<'_>) -> Result<Running, TargetFault> {
        let sent = async {
            let channel = self.channel().await?;
            start.with.asked(&channel).await?;
            if let Some(Terminal { kind, size, modes }) = start.terminal {
                let (columns, rows) = (u32::from(size.columns), u32::from(size.rows));
                channel.request_pty(true, kind, columns, rows, 0, 0, modes).await?;
            }
            match start.command {
                Some(command) => channel.exec(true, command).await?,
                None => channel.request_shell(true).await?,
            }
            if !start.input {
                channel.eof().await?;
            }
            Ok(channel)
        };
        self.begun(sent).await
    }

    /// Starts a subsystem (RFC 4254, 6.5) in a channel of its own.
    ///
    /// # Errors
    /// When the target gives no channel; that it has no such subsystem is the first thing that it says.
    pub async fn subsystem(&self, name: &str, with: &With) -> Result<Running, TargetFault> {
        let sent = async {
            let channel = self.channel().await?;
            with.asked(&channel).await?;
            channel.request_subsystem(true, name).await?;
            Ok(channel)
        };
        self.begun(sent).await
    }

    async fn channel(&self) -> Result<Channel<client::Msg>, russh::Error> {
        let mut tries = 1;
        loop {
            match self.handle.channel_open_session().await {
                Err(russh::Error::ChannelOpenFailure(ChannelOpenFailure::ConnectFailed)) if tries < OPENS_MAX => {
                    tries += 1;
                }
                opened => return opened,
            }
        }
    }

    async fn begun(
        &self,
        sent: impl Future<Output = Result<Channel<client::Msg>, russh::Error>>,
    ) -> Result<Running, TargetFault> {
        let sent = match timeout(STEP_WAIT, sent).await {
            Ok(sent) => sent,
            Err(_) => return Err(unreachable(&self.device, "it did not answer in time")),
        };
        let (read, write) = sent.map_err(|fault| broken(&self.device, fault))?.split();
        let says = Says { read, device: self.device.clone() };
        Ok(Running { says, told: Told { write } })
    }

    /// Keeps a channel for ending all commands, so that there is one when the target takes no more: from now on something may
    /// run on of which nobody here knows whether it ended.
    ///
    /// # Errors
    /// When the target gives none.
    pub async fn keep_an_end(&self) -> Result<(), TargetFault> {
        let mut ending = self.ending.lock().await;
        if ending.is_none() {
            let (command, with) = (Some(END_ALL_LATER.as_bytes()), &With::default());
            let start = Start { command, terminal: None, input: true, with };
            *ending = Some(self.start(start).await?);
        }
        Ok(())
    }

    /// Whether such a channel is kept.
    pub async fn keeps_an_end(&self) -> bool {
        self.ending.lock().await.is_some()
    }

    /// Ends every command of this connection on the target, as far as it lets us.
    ///
    /// # Errors
    /// When the target does not run what ends them.
    pub async fn end_all(&self) -> Result<(), TargetFault> {
        let ended = async {
            let mut ending = match self.ending.lock().await.take() {
                Some(kept) => {
                    kept.told.input(Bytes::from_static(b"now\n")).await;
                    kept
                }
                None => {
                    let (command, with) = (Some(END_ALL.as_bytes()), &With::default());
                    self.start(Start { command, terminal: None, input: false, with }).await?
                }
            };
            let mut output = Vec::new();
            loop {
                match ending.says.next().await? {
                    Said::Out(bytes) if output.len() < ENDING_BYTES_MAX => output.extend_from_slice(&bytes),
                    Said::Killed(_) | Said::Closed => break,
                    // What it said may come behind how it ended.
                    Said::Exited(_) | Said::Out(_) | Said::Error(_) => {}
                }
            }
            let ended = output.split(|byte| *byte == b'\n').any(|line| line.trim_ascii() == ENDED);
            if ended { Ok(()) } else { Err(broken(&self.device, "it could not be told to end what runs there")) }
        };
        match timeout(STEP_WAIT, ended).await {
            Ok(ended) => ended,
            Err(_) => Err(unreachable(&self.device, "it did not answer in time")),
        }
    }

    /// Ends the connection.
    pub async fn close(&self) {
        // It is being left: a fault here changes nothing.
        let _ = self.handle.disconnect(Disconnect::ByApplication, "", "").await;
    }
}

impl Says {
    /// The next thing the command says. Dropping the wait loses nothing.
    ///
    /// # Errors
    /// When the target refuses to run it.
    pub async fn next(&mut self) -> Result<Said, TargetFault> {
        loop {
            return Ok(match self.read.wait().await {
                Some(ChannelMsg::Data { data }) => Said::Out(data),
                // SSH_EXTENDED_DATA_STDERR, the only kind there is (RFC 4254, 5.2).
                Some(ChannelMsg::ExtendedData { data, ext: 1 }) => Said::Error(data),
                Some(ChannelMsg::ExitStatus { exit_status }) => Said::Exited(exit_status),
                Some(ChannelMsg::ExitSignal { signal_name, .. }) => Said::Killed(format!("{signal_name:?}")),
                Some(ChannelMsg::Failure) => {
                    return Err(broken(&self.device, "it does not run commands or shells, or gives them no terminal"));
                }
                Some(ChannelMsg::Close) | None => Said::Closed,
                Some(_) => continue,
            });
        }
    }
}

impl Told {
    /// Types into it; waits while the target takes no more. Whether it could be.
    pub async fn input(&self, bytes: Bytes) -> bool {
        self.write.data_bytes(bytes).await.is_ok()
    }

    /// Nothing more is typed.
    pub async fn no_more(&self) {
        // One that ended meanwhile needs no telling, here and below.
        let _ = self.write.eof().await;
    }

    /// The client's terminal has another size now.
    pub async fn resized(&self, size: Size) {
        let _ = self.write.window_change(u32::from(size.columns), u32::from(size.rows), 0, 0).await;
    }

    /// Ends it with SIGKILL (RFC 4254, 6.9): the target's server ends its whole process group. Whether it ended is seen by
    /// what it says next.
    pub async fn kill(&self) {
        let _ = self.write.signal(Sig::KILL).await;
    }

    /// Closes its channel, which hangs up on what runs in a terminal. Nobody hears what becomes of it.
    pub async fn hang_up(&self) {
        let _ = self.write.close().await;
    }
}

/// Takes the pinned key and no other, and remembers another that was shown.
struct Pinned {
    key: PublicKey,
    shown: Arc<Mutex<Option<String>>>,
    /// Who is handed what the target opens; nobody where nothing of the kind is asked of it.
    came: Option<Taken>,
}

impl client::Handler for Pinned {
    type Error = russh::Error;

    async fn check_server_key(&mut self, offered: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        let PublicKeyOrCertificate::PublicKey { key, .. } = offered else { return Ok(false) };
        let right = key.key_data() == self.key.key_data();
        if let (false, Ok(mut shown)) = (right, self.shown.lock()) {
            *shown = Some(key.fingerprint(russh::keys::HashAlg::Sha256).to_string());
        }
        Ok(right)
    }

    async fn server_channel_open_forwarded_tcpip(
        &mut self,
        line: Line,
        address: &str,
        port: u32,
        from: &str,
        from_port: u32,
        reply: ChannelOpenHandle,
        _: &mut client::Session,
    ) -> Result<(), russh::Error> {
        let (address, from) = (address.to_owned(), (from.to_owned(), from_port));
        self.comes(By::Port { address, port, from }, line, reply);
        Ok(())
    }

    async fn server_channel_open_forwarded_streamlocal(
        &mut self,
        line: Line,
        path: &str,
        reply: ChannelOpenHandle,
        _: &mut client::Session,
    ) -> Result<(), russh::Error> {
        self.comes(By::Socket(path.to_owned()), line, reply);
        Ok(())
    }

    async fn server_channel_open_agent_forward(
        &mut self,
        line: Line,
        reply: ChannelOpenHandle,
        _: &mut client::Session,
    ) -> Result<(), russh::Error> {
        self.comes(By::Agent, line, reply);
        Ok(())
    }

    async fn server_channel_open_x11(
        &mut self,
        line: Line,
        from: &str,
        from_port: u32,
        reply: ChannelOpenHandle,
        _: &mut client::Session,
    ) -> Result<(), russh::Error> {
        self.comes(By::Display(from.to_owned(), from_port), line, reply);
        Ok(())
    }

    // What no target has to open. Whoever writes nothing here takes it.

    async fn server_channel_open_session(
        &mut self,
        _: Line,
        _: ChannelOpenHandle,
        _: &mut client::Session,
    ) -> Result<(), russh::Error> {
        Ok(())
    }

    async fn server_channel_open_direct_tcpip(
        &mut self,
        _: Line,
        _: &str,
        _: u32,
        _: &str,
        _: u32,
        _: ChannelOpenHandle,
        _: &mut client::Session,
    ) -> Result<(), russh::Error> {
        Ok(())
    }

    async fn server_channel_open_direct_streamlocal(
        &mut self,
        _: Line,
        _: &str,
        _: ChannelOpenHandle,
        _: &mut client::Session,
    ) -> Result<(), russh::Error> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{END_ALL, END_ALL_LATER};
    use std::process::Command;

    /// The sessions of a server end, whatever the login shell is that is told so; the server here is a shell.
    #[test]
    fn r35_every_login_shell_ends_what_runs() {
        const SERVER: &str = "setsid sleep 600 & victim=$!
            until [ \"$(ps -o sid= -p $victim | tr -d ' ')\" = $victim ]; do :; done
            echo now | \"$0\" -c \"$1\"; wait $victim; echo $?";
        for shell in ["bash", "dash", "tcsh", "fish"] {
            for script in [END_ALL, END_ALL_LATER] {
                let ran = Command::new("bash").args(["-c", SERVER, shell, script]).output().expect("bash runs");
                let said = String::from_utf8_lossy(&ran.stdout).into_owned();
                assert_eq!(said, "countersign-ended\n137\n", "{shell}: {}", String::from_utf8_lossy(&ran.stderr));
            }
        }
    }
}
