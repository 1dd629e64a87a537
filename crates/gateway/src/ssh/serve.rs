//! The life of one connection: keys, sign-in, and which requests there are.

use super::command::Wanted;
use super::forward::{Forward, Listen, Unlisten, Wish, Wished, reject};
use super::menu;
use super::session::Session;
use super::talk::{Talk, size};
use crate::listen::{Accepted, Place, Protocol};
use countersign_control::{Control, Fault, Proven};
use countersign_target::ssh::Terminal;
use russh::keys::ssh_key::private::Ed25519Keypair;
use russh::keys::{Algorithm, Certificate, EcdsaCurve, HashAlg, PrivateKey, PublicKey};
use russh::server::{
    self, Auth, ChannelOpenHandle, Config, Handler, Msg, PublicKeyOffer, Response, RunningSession, VerifiedPublicKey,
};
use russh::{
    Channel, ChannelId, ChannelOpenFailure, MethodKind, MethodSet, Preferred, Pty, Sig, SshId, cipher, kex, mac,
};
use secrecy::{ExposeSecret, SecretString};
use std::borrow::Cow;
use std::collections::HashMap;
use std::net::Shutdown;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

/// What is agreed on: nothing older than ten years, no compression, and strict key exchange (draft-miller-sshm-strict-kex).
/// Ciphers authenticate by themselves, but for the last, which comes with a tag over what was encrypted (`etm`): paramiko before
/// 3.5 has no other.
const PREFERRED: Preferred = Preferred {
    kex: Cow::Borrowed(&[
        kex::MLKEM768X25519_SHA256,
        kex::CURVE25519,
        kex::CURVE25519_PRE_RFC_8731,
        kex::EXTENSION_SUPPORT_AS_SERVER,
        kex::EXTENSION_OPENSSH_STRICT_KEX_AS_SERVER,
    ]),
    cipher: Cow::Borrowed(&[cipher::CHACHA20_POLY1305, cipher::AES_256_GCM, cipher::AES_128_GCM, cipher::AES_256_CTR]),
    mac: Cow::Borrowed(&[mac::HMAC_SHA512_ETM, mac::HMAC_SHA256_ETM]),
    key: Cow::Borrowed(SIGNATURES),
    ..Preferred::DEFAULT
};
/// How people's keys may sign, which clients are told (RFC 8308): RSA with SHA-2 only (RFC 8332). The one by which we sign
/// ourselves is among them.
const SIGNATURES: &[Algorithm] = &[
    Algorithm::Ed25519,
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP384 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP521 },
    Algorithm::SkEd25519,
    Algorithm::SkEcdsaSha2NistP256,
    Algorithm::Rsa { hash: Some(HashAlg::Sha512) },
    Algorithm::Rsa { hash: Some(HashAlg::Sha256) },
];
/// Proofs of a connection by a token, or by password and code. Each signature was offered before.
const PROOFS_MAX: usize = 3;
/// What everybody is asked who types, whether there is such a person or not. Only a token that is right needs no code.
const PASSWORD: Prompt = ("Access token or password: ", false);
const CODE: Prompt = ("Code of your second factor: ", true);
/// What there is for whoever has no key that does.
const KEYLESS: &[MethodKind] = &[MethodKind::KeyboardInteractive, MethodKind::Password];
/// Longest answer to one of them, in bytes.
const ANSWER_BYTES_MAX: usize = 1_024;
/// Keys that a client may offer before it proves one, as many as OpenSSH takes.
const OFFERS_MAX: usize = 6;
/// All that may be refused: clients begin by asking what there is (RFC 4252 §5.2).
const REFUSED_MAX: usize = 1 + OFFERS_MAX + PROOFS_MAX;
/// Every refusal takes as long as the next, whatever it is for; short enough for a client with several keys.
const REFUSED_AFTER: Duration = Duration::from_millis(300);
/// Channels of a connection at a time.
const CHANNELS_MAX: usize = 32;
/// What may be asked in a channel before anything runs in it: OpenSSH sends each variable of the environment.
const IDLE_MAX: usize = 64;
/// Longest address a client says that it forwards from.
const FROM_CHARS_MAX: usize = 64;
/// Longest name of a kind of terminal, and most modes of one (RFC 4254, 8, has 57).
const KIND_MAX: usize = 64;
const MODES_MAX: usize = 128;
/// How long one may wait for an answer before which nothing else of its connection is read: reaching a target takes most of it.
const ANSWER_WAIT: Duration = Duration::from_secs(25);
/// A quiet client is asked whether it is still there this often, and given up after two minutes without an answer. It also wakes a connection
/// that OpenSSH clients share (`ControlMaster`; seen with 9.2), which else may keep from us that one of them is gone.
const ALIVE_EVERY: Duration = Duration::from_secs(15);
const ALIVE_ASKED_MAX: usize = 7;

/// What every connection of SSH clients shares.
#[derive(Clone)]
pub struct Ssh(Arc<Config>);

impl Ssh {
    /// With the key that clients know us by, which comes from the vault.
    ///
    /// # Errors
    /// When the key cannot be made.
    pub fn new(control: &Control) -> Result<Ssh, Fault> {
        let seed = control.ssh_host_seed()?;
        let seed = seed.expose_secret().first_chunk().ok_or_else(|| Fault::trouble("the vault gave no seed"))?;
        let key = PrivateKey::from(Ed25519Keypair::from_seed(seed));
        control.known_to_ssh_by(key.public_key().to_openssh().map_err(Fault::trouble)?);
        Ok(Ssh(Arc::new(Config {
            server_id: SshId::Standard("SSH-2.0-Countersign".into()),
            methods: MethodSet::from([&[MethodKind::PublicKey], KEYLESS].concat().as_slice()),
            keys: vec![key],
            max_auth_attempts: REFUSED_MAX,
            auth_rejection_time: REFUSED_AFTER,
            auth_rejection_time_initial: Some(Duration::ZERO),
            inactivity_timeout: None,
            keepalive_interval: Some(ALIVE_EVERY),
            keepalive_max: ALIVE_ASKED_MAX,
            nodelay: true,
            preferred: PREFERRED,
            ..Config::default()
        })))
    }
}

impl Protocol for Ssh {
    /// People may have to look for their second factor, for which OpenSSH gives as long (`LoginGraceTime`).
    const PROOF_WAIT: Duration = Duration::from_secs(120);

    async fn live(self, control: Control, accepted: Accepted) {
        let Accepted { tcp, from, place } = accepted;
        let Ok((tcp, _open)) = held_open(tcp) else { return };
        let (events, mut asked) = mpsc::channel(CHANNELS_MAX);
        let client = Client {
            control: control.clone(),
            from: from.clone(),
            events,
            channels: HashMap::new(),
            offers: 0,
            proofs: 0,
            typed: None,
            proven: None,
        };
        // What only the sign-in needs is on the heap, so that whoever is signed in does not keep room for it; so below.
        let Some((mut running, Proven { person, account })) =
            Box::pin(proved(self.0, tcp, client, &mut asked, place)).await
        else {
            tracing::debug!("a connection from {from} did not prove who it is in time");
            return;
        };
        let (account, first) = match account {
            Some(account) => (account, None),
            None => match Box::pin(menu::picked(&control, person, &mut running, &mut asked)).await {
                Some((account, first)) => (account, Some(first)),
                None => return,
            },
        };
        Session::new(control, person, account, from).serve(running, asked, first).await;
    }
}

/// Ends a connection when it is dropped, whoever still waits for it.
struct Open(std::net::TcpStream);

impl Drop for Open {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

fn held_open(tcp: TcpStream) -> std::io::Result<(TcpStream, Open)> {
    let tcp = tcp.into_std()?;
    let open = Open(tcp.try_clone()?);
    Ok((TcpStream::from_std(tcp)?, open))
}

/// Brings a connection to its proof.
async fn proved(
    config: Arc<Config>,
    tcp: TcpStream,
    client: Client,
    asked: &mut Events,
    place: Place,
) -> Option<(RunningSession<Client>, Proven)> {
    let proof = async {
        let running = server::run_stream(config, tcp, client).await.ok()?;
        match *asked.recv().await? {
            Event::Proved(proven) => Some((running, proven)),
            _ => None,
        }
    };
    tokio::select! {
        proved = proof => proved,
        () = place.lost() => None,
    }
}

/// What clients did, in order. In boxes, since a queue keeps room for more than there ever are.
pub(super) type Events = mpsc::Receiver<Box<Event>>;

/// What a client did.
pub(super) enum Event {
    /// It proved who uses it.
    Proved(Proven),
    /// It asks to run a command or shell.
    Run(Wanted),
    /// It asks for SFTP.
    Files(Channel<Msg>, Wished),
    /// It asks for a connection from the target.
    Forward(Forward),
    /// It asks for connections to the target, or no longer.
    Listen(Listen),
    Unlisten(Unlisten),
}

/// A channel in which nothing runs yet.
struct Idle {
    channel: Channel<Msg>,
    /// The terminal that was asked for.
    terminal: Option<Terminal>,
    /// What is to come with what will run.
    wished: Wished,
    /// How often something else was asked.
    asked: usize,
}

/// One client, as `russh` calls us.
pub(super) struct Client {
    control: Control,
    /// Where it comes from.
    from: String,
    events: mpsc::Sender<Box<Event>>,
    /// Channels in which nothing runs yet.
    channels: HashMap<ChannelId, Idle>,
    /// Keys it offered.
    offers: usize,
    /// Proofs it gave.
    proofs: usize,
    /// What was typed where a password is asked for, while the code is.
    typed: Option<SecretString>,
    /// Who it proved to be.
    proven: Option<Proven>,
}

impl Handler for Client {
    type Error = russh::Error;

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, russh::Error> {
        self.one_more_proof()?;
        let owner = Box::pin(self.control.token_owner(user, &SecretString::from(password))).await;
        match looked_up(owner)? {
            Some(owner) => self.let_in(owner).await,
            None => Ok(Auth::reject()),
        }
    }

    /// A token, or a password and behind it a code. Each that is begun is a proof.
    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        user: &str,
        _: &str,
        answers: Option<Response<'a>>,
    ) -> Result<Auth, russh::Error> {
        let first = self.typed.take();
        let Some(answers) = answers else {
            self.one_more_proof()?;
            return Ok(asking(PASSWORD));
        };
        let Some(answer) = only(answers) else { return Ok(Auth::reject()) };
        let Some(password) = first else {
            let owner = Box::pin(self.control.token_owner(user, &answer)).await;
            return match looked_up(owner)? {
                Some(owner) => self.let_in(owner).await,
                None => {
                    self.typed = Some(answer);
                    Ok(asking(CODE))
                }
            };
        };
        let owner = Box::pin(self.control.password_proved(user, password, answer.expose_secret(), &self.from)).await;
        match looked_up(owner)? {
            Some(owner) => self.let_in(owner).await,
            None => Ok(Auth::reject()),
        }
    }

    /// Says whether signing with the key would do, so that clients with several find theirs. It proves nothing.
    async fn auth_publickey_offered(&mut self, user: &str, offer: PublicKeyOffer<'_>) -> Result<Auth, russh::Error> {
        self.offers += 1;
        if self.offers > OFFERS_MAX || !SIGNATURES.contains(offer.algorithm) {
            return Ok(self.no_key());
        }
        // Of a certificate only the key is told here: where any may do, what the client has is asked by its signature.
        let may_be_certified = self.control.takes_certificates();
        let owner = Box::pin(self.control.key_owner(user, &fingerprint(offer.public_key))).await;
        Ok(if looked_up(owner)?.is_some() || may_be_certified { Auth::Accept } else { self.no_key() })
    }

    /// The signature is right: everything is asked again, as if nothing had been said of the offer.
    async fn auth_publickey(&mut self, user: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, russh::Error> {
        if !SIGNATURES.contains(key.algorithm) {
            return Ok(self.no_key());
        }
        let owner = Box::pin(self.control.key_proved(user, &fingerprint(key.public_key))).await;
        self.let_in_by_key(owner).await
    }

    /// The signature by the key of a certificate is right, and its authority's, whoever that is.
    async fn auth_openssh_certificate(&mut self, user: &str, shown: &Certificate) -> Result<Auth, russh::Error> {
        let owner = Box::pin(self.control.certificate_proved(user, shown, &self.from)).await;
        self.let_in_by_key(owner).await
    }

    async fn authentication_banner(&mut self) -> Result<Option<String>, russh::Error> {
        Ok(self.control.ssh_banner())
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut server::Session,
    ) -> Result<(), russh::Error> {
        if self.channels.len() >= CHANNELS_MAX {
            reply.reject(ChannelOpenFailure::ResourceShortage).await;
            return Ok(());
        }
        self.channels.insert(channel.id(), Idle { channel, terminal: None, wished: Wished::default(), asked: 0 });
        reply.accept().await;
        Ok(())
    }

    async fn channel_close(&mut self, channel: ChannelId, _: &mut server::Session) -> Result<(), russh::Error> {
        self.channels.remove(&channel);
        Ok(())
    }

    async fn exec_request(
        &mut self,
        id: ChannelId,
        command: &[u8],
        session: &mut server::Session,
    ) -> Result<(), russh::Error> {
        self.run(id, Some(command.to_vec()), session).await
    }

    async fn shell_request(&mut self, id: ChannelId, session: &mut server::Session) -> Result<(), russh::Error> {
        self.run(id, None, session).await
    }

    async fn subsystem_request(
        &mut self,
        id: ChannelId,
        name: &str,
        session: &mut server::Session,
    ) -> Result<(), russh::Error> {
        match self.channels.remove(&id) {
            Some(Idle { channel, terminal: None, wished, .. }) if name == "sftp" => {
                session.channel_success(id)?;
                self.tell(Event::Files(channel, wished)).await
            }
            _ => session.channel_failure(id),
        }
    }

    async fn pty_request(
        &mut self,
        id: ChannelId,
        kind: &str,
        columns: u32,
        rows: u32,
        _: u32,
        _: u32,
        modes: &[(Pty, u32)],
        session: &mut server::Session,
    ) -> Result<(), russh::Error> {
        self.idles(id, true)?;
        let plain = kind.len() <= KIND_MAX && kind.bytes().all(|byte| byte.is_ascii_graphic());
        match self.channels.get_mut(&id) {
            Some(Idle { terminal: none @ None, .. }) if plain && modes.len() <= MODES_MAX => {
                *none = Some(Terminal { kind: kind.to_owned(), size: size(columns, rows), modes: modes.to_vec() });
                session.channel_success(id)
            }
            _ => session.channel_failure(id),
        }
    }

    async fn env_request(
        &mut self,
        id: ChannelId,
        name: &str,
        value: &str,
        session: &mut server::Session,
    ) -> Result<(), russh::Error> {
        match self.wishes(id, Wish::variable(name, value))? {
            true => session.channel_success(id),
            false => session.channel_failure(id),
        }
    }

    async fn data(&mut self, id: ChannelId, _: &[u8], _: &mut server::Session) -> Result<(), russh::Error> {
        self.idles(id, false)
    }

    async fn extended_data(
        &mut self,
        id: ChannelId,
        _: u32,
        _: &[u8],
        _: &mut server::Session,
    ) -> Result<(), russh::Error> {
        self.idles(id, false)
    }

    async fn window_change_request(
        &mut self,
        id: ChannelId,
        _: u32,
        _: u32,
        _: u32,
        _: u32,
        _: &mut server::Session,
    ) -> Result<(), russh::Error> {
        self.idles(id, true)
    }

    async fn signal(&mut self, id: ChannelId, _: Sig, _: &mut server::Session) -> Result<(), russh::Error> {
        self.idles(id, true)
    }

    async fn agent_request(&mut self, id: ChannelId, _: &mut server::Session) -> Result<bool, russh::Error> {
        self.wishes(id, Ok(Wish::Agent))
    }

    async fn x11_request(
        &mut self,
        id: ChannelId,
        single: bool,
        protocol: &str,
        cookie: &str,
        screen: u32,
        session: &mut server::Session,
    ) -> Result<(), russh::Error> {
        match self.wishes(id, Wish::display(single, protocol, cookie, screen))? {
            true => session.channel_success(id),
            false => session.channel_failure(id),
        }
    }

    async fn channel_open_direct_tcpip(
        &mut self,
        channel: Channel<Msg>,
        host: &str,
        port: u32,
        from: &str,
        from_port: u32,
        reply: ChannelOpenHandle,
        _: &mut server::Session,
    ) -> Result<(), russh::Error> {
        self.forwards(Wish::local(host, port), (channel, reply), (from, from_port)).await
    }

    async fn channel_open_direct_streamlocal(
        &mut self,
        channel: Channel<Msg>,
        path: &str,
        reply: ChannelOpenHandle,
        _: &mut server::Session,
    ) -> Result<(), russh::Error> {
        self.forwards(Wish::local_socket(path), (channel, reply), ("", 0)).await
    }

    async fn tcpip_forward(
        &mut self,
        address: &str,
        port: &mut u32,
        _: &mut server::Session,
    ) -> Result<bool, russh::Error> {
        let chosen = self.listens(Wish::remote(address, *port)).await?;
        *port = chosen.map_or(*port, u32::from);
        Ok(chosen.is_some())
    }

    async fn cancel_tcpip_forward(
        &mut self,
        address: &str,
        port: u32,
        _: &mut server::Session,
    ) -> Result<bool, russh::Error> {
        self.listens_no_more(Wish::remote(address, port)).await
    }

    async fn streamlocal_forward(&mut self, path: &str, _: &mut server::Session) -> Result<bool, russh::Error> {
        Ok(self.listens(Wish::remote_socket(path)).await?.is_some())
    }

    async fn cancel_streamlocal_forward(&mut self, path: &str, _: &mut server::Session) -> Result<bool, russh::Error> {
        self.listens_no_more(Wish::remote_socket(path)).await
    }
}

/// What a proof is worth; trouble ends the connection.
fn looked_up(owner: Result<Option<Proven>, Fault>) -> Result<Option<Proven>, russh::Error> {
    owner.map_err(|fault| {
        tracing::error!("a token, password or key could not be looked up: {fault}");
        russh::Error::Disconnect
    })
}

/// A question, and whether its answer may be seen while it is typed.
type Prompt = (&'static str, bool);

fn asking((question, seen): Prompt) -> Auth {
    Auth::Partial { name: "".into(), instructions: "".into(), prompts: vec![(question.into(), seen)].into() }
}

/// The one answer to one question, if anybody could have typed it.
fn only(mut answers: Response<'_>) -> Option<SecretString> {
    let (answer, more) = (answers.next()?, answers.next());
    let answer = std::str::from_utf8(&answer).ok().filter(|answer| answer.len() <= ANSWER_BYTES_MAX)?;
    more.is_none().then(|| answer.into())
}

fn fingerprint(key: &PublicKey) -> String {
    key.fingerprint(HashAlg::Sha256).to_string()
}

impl Client {
    /// Runs something in a channel in which nothing runs yet.
    async fn run(
        &mut self,
        id: ChannelId,
        line: Option<Vec<u8>>,
        session: &mut server::Session,
    ) -> Result<(), russh::Error> {
        let Some(Idle { channel, terminal, wished, .. }) = self.channels.remove(&id) else {
            return session.channel_failure(id);
        };
        session.channel_success(id)?;
        self.tell(Event::Run(Wanted { talk: Talk::new(channel, terminal.is_some()), line, terminal, wished })).await
    }

    /// Something is to come with what will run in a channel. The client is answered at once, as the rules are now; what runs is
    /// judged with it then.
    fn wishes(&mut self, id: ChannelId, wish: Result<Wish, &'static str>) -> Result<bool, russh::Error> {
        self.idles(id, true)?;
        let (Ok(wish), Some(Proven { person, account: Some(account) })) = (wish, &self.proven) else {
            return Ok(false);
        };
        // What runs already was begun without it.
        let Some(idle) = self.channels.get_mut(&id) else { return Ok(false) };
        let granted = self.control.might_run(*person, *account, &wish.facts());
        idle.wished.add(wish, granted);
        Ok(granted)
    }

    async fn forwards(
        &self,
        wish: Result<Wish, &'static str>,
        (channel, reply): (Channel<Msg>, ChannelOpenHandle),
        (from, from_port): (&str, u32),
    ) -> Result<(), russh::Error> {
        match wish {
            Ok(wish) => {
                let from = (from.chars().take(FROM_CHARS_MAX).collect(), from_port);
                self.tell(Event::Forward(Forward { wish, from, channel, reply })).await
            }
            Err(why) => {
                reject(reply, why).await;
                Ok(())
            }
        }
    }

    /// The port, or nothing where it is refused.
    async fn listens(&self, wish: Result<Wish, &'static str>) -> Result<Option<u16>, russh::Error> {
        let Ok(wish) = wish else { return Ok(None) };
        let (answer, answered) = oneshot::channel();
        self.tell(Event::Listen(Listen { wish, answer })).await?;
        Ok(timeout(ANSWER_WAIT, answered).await.ok().and_then(Result::ok).flatten())
    }

    async fn listens_no_more(&self, wish: Result<Wish, &'static str>) -> Result<bool, russh::Error> {
        let Ok(wish) = wish else { return Ok(false) };
        let (answer, answered) = oneshot::channel();
        self.tell(Event::Unlisten(Unlisten { wish, answer })).await?;
        Ok(timeout(ANSWER_WAIT, answered).await.ok().and_then(Result::ok).unwrap_or_default())
    }

    async fn let_in(&mut self, owner: Proven) -> Result<Auth, russh::Error> {
        self.typed = None;
        self.proven = Some(owner);
        self.tell(Event::Proved(owner)).await?;
        Ok(Auth::Accept)
    }

    async fn let_in_by_key(&mut self, owner: Result<Option<Proven>, Fault>) -> Result<Auth, russh::Error> {
        match looked_up(owner)? {
            Some(owner) => self.let_in(owner).await,
            None => Ok(self.no_key()),
        }
    }

    /// Counts a proof before it is looked at; one too many ends the connection.
    fn one_more_proof(&mut self) -> Result<(), russh::Error> {
        self.proofs += 1;
        if self.proofs > PROOFS_MAX { Err(russh::Error::Disconnect) } else { Ok(()) }
    }

    /// This key does not do. After so many no other is looked at; there is still what can be typed.
    fn no_key(&self) -> Auth {
        let keyless = || MethodSet::from(KEYLESS);
        Auth::Reject { proceed_with_methods: (self.offers >= OFFERS_MAX).then(keyless), partial_success: false }
    }

    /// Something came for a channel in which nothing runs: some requests may, and no input. What comes is kept for whoever runs
    /// there, and nobody would ever take it.
    fn idles(&mut self, id: ChannelId, may: bool) -> Result<(), russh::Error> {
        let Some(idle) = self.channels.get_mut(&id) else { return Ok(()) };
        idle.asked += 1;
        if may && idle.asked <= IDLE_MAX { Ok(()) } else { Err(russh::Error::Disconnect) }
    }

    /// An event nobody hears of any more ends the connection.
    async fn tell(&self, event: Event) -> Result<(), russh::Error> {
        self.events.send(Box::new(event)).await.map_err(|_| russh::Error::Disconnect)
    }
}
