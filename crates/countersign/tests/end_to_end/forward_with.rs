//! What comes with a command over SSH: variables, the client's agent and display; and a target that opens what nobody asked it for.

use crate::forward::naming;
use crate::keys::connected_as;
use crate::ssh::{FOLDERS, FREE, Web};
use crate::world::{DBA, SOON, World, eventually, has, number};
use countersign_harness::{OpenSsh, Ran, Ssh, SshKey, SshSession, run};
use russh::client::{ChannelOpenHandle, Session};
use russh::keys::{Algorithm, PrivateKey, PublicKeyOrCertificate};
use russh::{Channel, ChannelId, ChannelMsg, client, server};
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// How long a program may take; generous, for a loaded machine.
const WITHIN: Duration = Duration::from_secs(60);

fn with(ssh: &Ssh, options: &[&str]) -> Ssh {
    let mut ssh = ssh.clone();
    ssh.options = options.iter().map(|option| (*option).to_owned()).collect();
    ssh
}

/// A server that takes any variable.
fn open_minded(rules: &[&str]) -> Web {
    let further = "AcceptEnv *\nX11Forwarding yes\nX11UseLocalhost yes\n";
    Web::in_front_of(OpenSsh::start_with(further).expect("a server"), rules)
}

/// R52, R62: a variable that a rule names is set for the command, and a file transfer has it; any other is refused, in words and in
/// the audit, but for those that OpenSSH sends by itself; the rest goes on.
#[test]
fn r52_r62_a_variable_is_set_where_a_rule_names_it() {
    let web = open_minded(&[FREE, &naming("set-environment", &["COUNTERSIGN_X", "LC_TIME"], "allow")]);
    let variables = ["-o", "SetEnv=COUNTERSIGN_X='a b' COUNTERSIGN_Y=2 LC_TIME=C LC_NAME=C"];
    let ssh = with(&web.ssh("alice"), &variables);
    let ran = ssh.run("echo \"$COUNTERSIGN_X|$COUNTERSIGN_Y|$LC_TIME|$LC_NAME\"", "").expect("ssh runs");
    assert_eq!((ran.stdout.as_str(), ran.code), ("a b||C|\n", 0), "{}", ran.stderr);
    has(&ran.stderr, "set-environment COUNTERSIGN_Y: no rule lets this run");
    assert!(!ran.stderr.contains("LC_NAME"), "{}", ran.stderr);
    let folder = web.folder("there");
    let listed = ssh.sftp(&format!("ls {folder}\n")).expect("sftp runs");
    assert_eq!(listed.code, 0, "{}", listed.stderr);
    let transcript = web.transcript();
    has(&transcript, "with environment COUNTERSIGN_X: a b");
    has(&transcript, "files with environment COUNTERSIGN_X: a b");
    assert!(!transcript.contains("set-environment LC_NAME"), "{transcript}");
    // The other one, once with each.
    let refused = web.world.get("ada", "/audit?kind=statement_refused").to_string();
    assert_eq!(refused.matches("an administrator can name `set-environment`").count(), 2, "{refused}");
}

/// R60, R62: where a rule restricts commands, a variable that may change what they do is held with its command; the card shows its
/// value, and another value is asked for anew.
#[test]
fn r60_r62_a_variable_is_approved_with_its_command() {
    let web = open_minded(&[FREE, &naming("set-environment", &[], "allow"), FOLDERS, DBA]);
    let harmless = with(&web.ssh("alice"), &["-o", "SetEnv=LC_TIME=C"]);
    assert_eq!(harmless.run("echo ran", "").expect("ssh runs").stdout, "ran\n");
    let begin = |value: &str| {
        let ssh = with(&web.ssh("alice"), &["-o", &format!("SetEnv=GIT_PAGER={value}")]);
        ssh.spawn("echo ran").expect("ssh starts")
    };
    let alice = begin("mine");
    let held = web.world.held("dora");
    has(&held["statement"]["settings"].to_string(), "[\"environment GIT_PAGER\",\"mine\"]");
    has(&held["what"].to_string(), "with the variable GIT_PAGER");
    let request = number(&held["id"]);
    web.world.approve("dora", request);
    assert_eq!(alice.finish(SOON).expect("an end").stdout, "ran\n");
    let other = begin("other");
    let second = web.world.held_number("dora");
    assert_ne!(second, request);
    web.world.reject("dora", second, "not that one");
    assert_eq!(other.finish(SOON).expect("an end").stdout, "");
}

/// The agent of a test, with a key.
struct Agent {
    child: Child,
    socket: PathBuf,
    fingerprint: String,
}

impl Agent {
    fn new(web: &Web) -> Agent {
        let (socket, key) = (web.path("agent"), SshKey::new(web.path("key"), &["-t", "ed25519"]).expect("a key"));
        let child = Command::new("ssh-agent").arg("-D").arg("-a").arg(&socket).stdout(Stdio::null()).spawn();
        let mut agent = Agent { child: child.expect("ssh-agent starts"), socket, fingerprint: String::new() };
        eventually("the agent answers", || agent.socket.exists().then_some(()));
        let add = run(agent.told(&mut Command::new("ssh-add")).arg("-q").arg(key.path()), "", WITHIN);
        assert_eq!(add.expect("ssh-add runs").code, 0);
        let listed = run(agent.told(&mut Command::new("ssh-add")).arg("-l"), "", WITHIN).expect("ssh-add runs").stdout;
        listed.split_whitespace().nth(1).expect("a key").clone_into(&mut agent.fingerprint);
        agent
    }

    fn told<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        command.env("SSH_AUTH_SOCK", &self.socket)
    }

    /// `ssh -A` with this agent.
    fn command(&self, ssh: &Ssh, line: &str) -> Command {
        let mut command = with(ssh, &["-A"]).command().expect("installed");
        self.told(command.arg(line));
        command
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// R52, R60: the client's agent is there for a command where a rule names it, or with the command once both are approved; else the
/// command goes on without.
#[test]
fn r52_r60_the_clients_agent_comes_with_a_command() {
    let web = Web::new(&[FREE]);
    let agent = Agent::new(&web);
    let list = |line: &str| -> Ran { run(&mut agent.command(&web.ssh("alice"), line), "", WITHIN).expect("ssh runs") };
    let ran = list("ssh-add -l; echo went on");
    assert_eq!(ran.stdout, "went on\n");
    has(&ran.stderr, "forward-agent: no rule lets this run");
    web.world.apply(&[&web.device(), FREE, &naming("forward-agent", &[], "allow")]);
    has(&list("ssh-add -l").stdout, &agent.fingerprint);
    let approve = naming("forward-agent", &[], "approve");
    web.world.apply(&[&web.device(), FREE, &approve, DBA]);
    let mut command = agent.command(&web.ssh("alice"), "ssh-add -l");
    let alice = SshSession::start(command.stdin(Stdio::null())).expect("ssh starts");
    let held = web.world.held("dora");
    has(&held["what"].to_string(), "run ssh-add on ");
    has(&held["what"].to_string(), "with the client's agent");
    has(&held["statement"]["settings"].to_string(), "[\"agent\",\"the client's\"]");
    web.world.approve("dora", number(&held["id"]));
    has(&alice.finish(SOON).expect("an end").stdout, &agent.fingerprint);
    has(&web.transcript(), "a connection to the client's agent is closed; ");
}

/// R60: what a command leaves running has its agent no more than the command, while the session goes on.
#[test]
fn r60_an_agent_is_lent_for_as_long_as_its_command() {
    let web = Web::new(&[FREE, &naming("forward-agent", &[], "allow")]);
    let (agent, over) = (Agent::new(&web), web.path("over"));
    let shared = web.ssh("alice").shared();
    let command = |further: &[&str]| {
        let options = shared.options.iter().map(String::as_str).chain(further.iter().copied()).collect::<Vec<_>>();
        let mut command = with(&shared, &options).command().expect("installed");
        agent.told(&mut command);
        command
    };
    // Connected for all of them, and running nothing.
    let connected = SshSession::start(command(&["-A", "-N"]).stdin(Stdio::null())).expect("ssh starts");
    let socket = shared.options.iter().find_map(|option| option.strip_prefix("ControlPath=")).expect("it is shared");
    eventually("it is connected", || PathBuf::from(socket).exists().then_some(()));
    let leaves = format!(
        "python3 -c 'import os, socket\nagent = socket.socket(socket.AF_UNIX)\nagent.connect(os.environ[\"SSH_AUTH_SOCK\"])\n\
         if os.fork() == 0:\n    os.setsid()\n    [os.close(n) for n in (0, 1, 2)]\n    agent.recv(1)\n    open(\"{}\", \"w\")'",
        over.display()
    );
    let ran = run(command(&["-A"]).arg(&leaves), "", WITHIN).expect("ssh runs");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    eventually("it has the agent no more", || over.exists().then_some(()));
    assert_eq!(web.world.get("ada", "/sessions")[0]["ended"], "", "the session goes on");
    drop(connected);
}

/// A client to whom displays are opened.
struct Shows(mpsc::UnboundedSender<Channel<client::Msg>>);

impl client::Handler for Shows {
    type Error = russh::Error;

    async fn check_server_key(&mut self, _: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        Ok(true)
    }

    async fn server_channel_open_x11(
        &mut self,
        channel: Channel<client::Msg>,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        reply.accept().await;
        let _ = self.0.send(channel);
        Ok(())
    }
}

/// Asks for a display, for one connection or more, and runs a command; how that was answered, and what the command said.
async fn displayed<H: client::Handler>(client: &client::Handle<H>, single: bool, line: &str) -> (bool, String) {
    let mut channel = client.channel_open_session().await.expect("a channel");
    channel.request_x11(true, single, "MIT-MAGIC-COOKIE-1", "c0ffee00c0ffee00c0ffee00c0ffee00", 0).await.expect("sent");
    channel.exec(true, line).await.expect("sent");
    let (mut granted, mut said) = (None, String::new());
    while let Some(message) = channel.wait().await {
        match message {
            ChannelMsg::Success => _ = granted.get_or_insert(true),
            ChannelMsg::Failure => _ = granted.get_or_insert(false),
            ChannelMsg::Data { data } => said.push_str(&String::from_utf8_lossy(&data)),
            _ => {}
        }
    }
    (granted.expect("an answer"), said)
}

/// R52: the client's display is there for a command where a rule names it, with what proves that one may draw there, and for as
/// many connections as was asked for.
#[tokio::test(flavor = "multi_thread")]
async fn r52_the_clients_display_comes_with_a_command() {
    let web = open_minded(&[FREE]);
    let (opened, mut shown) = mpsc::unbounded_channel();
    let mut client = connected_as(&web, Shows(opened)).await;
    let ssh = web.ssh("alice");
    let password = fs::read_to_string(ssh.password_file()).expect("there");
    assert!(client.authenticate_password(ssh.user(), password).await.expect("an answer").success());
    let (granted, said) = displayed(&client, false, "echo \"<$DISPLAY>\"").await;
    assert_eq!((granted, said.as_str()), (false, "<>\n"));
    web.world.apply(&[&web.device(), FREE, &naming("forward-x11", &[], "allow")]);
    tokio::spawn(async move {
        while let Some(mut channel) = shown.recv().await {
            while let Some(message) = channel.wait().await {
                if let ChannelMsg::Data { data } = message {
                    channel.data_bytes([b"seen: ", data.as_ref()].concat()).await.expect("sent");
                    channel.close().await.expect("sent");
                    break;
                }
            }
        }
    });
    let line = "xauth list | grep -c c0ffee00; port=${DISPLAY#*:}; port=$((6000 + ${port%.*})); \
                exec bash -c 'for n in 1 2; do exec 3<>/dev/tcp/127.0.0.1/'$port' && echo drawn >&3 && cat <&3; done'";
    let (granted, said) = displayed(&client, false, line).await;
    assert_eq!((granted, said.as_str()), (true, "1\nseen: drawn\nseen: drawn\n"));
    let (granted, said) = displayed(&client, true, line).await;
    assert_eq!((granted, said.as_str()), (true, "1\nseen: drawn\n"), "it was for one connection");
    client.disconnect(russh::Disconnect::ByApplication, "", "").await.expect("sent");
    drop(client);
    tokio::task::block_in_place(|| has(&web.transcript(), "a connection to the client's display is closed; "));
}

/// A target that opens what it likes.
#[derive(Clone)]
struct Liar;

/// How often it opens the same once it was refused.
const TOO_OFTEN: usize = 130;

impl server::Handler for Liar {
    type Error = russh::Error;

    async fn auth_publickey(
        &mut self,
        _: &str,
        _: server::VerifiedPublicKey<'_>,
    ) -> Result<server::Auth, russh::Error> {
        Ok(server::Auth::Accept)
    }

    async fn auth_publickey_offered(
        &mut self,
        _: &str,
        _: server::PublicKeyOffer<'_>,
    ) -> Result<server::Auth, russh::Error> {
        Ok(server::Auth::Accept)
    }

    async fn channel_open_session(
        &mut self,
        _: Channel<server::Msg>,
        reply: server::ChannelOpenHandle,
        _: &mut server::Session,
    ) -> Result<(), russh::Error> {
        reply.accept().await;
        Ok(())
    }

    async fn agent_request(&mut self, _: ChannelId, _: &mut server::Session) -> Result<bool, russh::Error> {
        Ok(true)
    }

    /// Says which of them were taken.
    async fn exec_request(
        &mut self,
        id: ChannelId,
        line: &[u8],
        session: &mut server::Session,
    ) -> Result<(), russh::Error> {
        session.channel_success(id)?;
        let (handle, again) = (session.handle(), if line == b"again" { TOO_OFTEN } else { 0 });
        tokio::spawn(async move {
            for _ in 0..again {
                let _ = handle.channel_open_agent().await;
            }
            let opened = [
                ("agent", handle.channel_open_agent().await.is_ok()),
                ("display", handle.channel_open_x11("127.0.0.1", 1).await.is_ok()),
                ("port", handle.channel_open_forwarded_tcpip("localhost", 4711, "127.0.0.1", 1).await.is_ok()),
                ("socket", handle.channel_open_forwarded_streamlocal("/run/x").await.is_ok()),
                ("session", handle.channel_open_session().await.is_ok()),
                ("direct", handle.channel_open_direct_tcpip("127.0.0.1", 22, "127.0.0.1", 1).await.is_ok()),
                ("direct socket", handle.channel_open_direct_streamlocal("/run/x").await.is_ok()),
            ];
            let taken: Vec<&str> = opened.iter().filter(|(_, taken)| *taken).map(|(what, _)| *what).collect();
            let _ = handle.data(id, format!("taken: {taken:?}\n").into_bytes()).await;
            let _ = handle.exit_status_request(id, 0).await;
            let _ = handle.close(id).await;
        });
        Ok(())
    }

    /// Opens one to another port than it was asked for, to another address, and one to the right one.
    async fn tcpip_forward(
        &mut self,
        address: &str,
        port: &mut u32,
        session: &mut server::Session,
    ) -> Result<bool, russh::Error> {
        *port = 4711;
        let (handle, address) = (session.handle(), address.to_owned());
        tokio::spawn(async move {
            let mut taken = Vec::new();
            for (address, port) in [(address.as_str(), 4712), ("elsewhere", 4711), (&address, 4711)] {
                if let Ok(channel) = handle.channel_open_forwarded_tcpip(address, port, "127.0.0.1", 1).await {
                    taken.push(format!("{address}:{port}"));
                    let _ = channel.data_bytes(taken.join(" ").into_bytes()).await;
                    let _ = channel.close().await;
                }
            }
        });
        Ok(true)
    }
}

/// Such a target, as an entry in the file.
async fn lying() -> String {
    let key = PrivateKey::random(&mut russh::keys::key::safe_rng(), Algorithm::Ed25519).expect("a key");
    let host_key = key.public_key().to_openssh().expect("a key");
    let config = Arc::new(server::Config { keys: vec![key], ..server::Config::default() });
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("bound").port();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let config = config.clone();
            tokio::spawn(async move {
                if let Ok(running) = server::run_stream(config, tcp, Liar).await {
                    let _ = running.await;
                }
            });
        }
    });
    let user_key = PrivateKey::random(&mut russh::keys::key::safe_rng(), Algorithm::Ed25519).expect("a key");
    let user_key = user_key.to_openssh(Default::default()).expect("a key");
    format!(
        "[[device]]\nname = \"web-01\"\nprotocol = \"ssh\"\nhost = \"127.0.0.1\"\nport = {port}\n\
         host_key = \"{host_key}\"\n[[account]]\ndevice = \"web-01\"\nname = \"root\"\npassword = '''\n{}'''\n",
        user_key.as_str()
    )
}

/// A client to whom ports are opened; it says which, and what came.
struct Hears(mpsc::UnboundedSender<(String, Channel<client::Msg>)>);

impl client::Handler for Hears {
    type Error = russh::Error;

    async fn check_server_key(&mut self, _: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        Ok(true)
    }

    async fn server_channel_open_forwarded_tcpip(
        &mut self,
        channel: Channel<client::Msg>,
        address: &str,
        port: u32,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        reply.accept().await;
        let _ = self.0.send((format!("{address}:{port}"), channel));
        Ok(())
    }

    async fn server_channel_open_agent_forward(
        &mut self,
        _: Channel<client::Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        reply.reject(russh::ChannelOpenFailure::AdministrativelyProhibited).await;
        Ok(())
    }
}

/// R52: what a target opens by itself is refused where nobody asked for it, or for something else; the client hears of none of it.
#[tokio::test(flavor = "multi_thread")]
async fn r52_a_target_opens_nothing_that_nobody_asked_for() {
    let device = lying().await;
    let rules: Vec<String> =
        ["forward-agent", "forward-x11", "forward-remote"].map(|program| naming(program, &[], "allow")).to_vec();
    let rules: Vec<&str> = [device.as_str(), FREE].into_iter().chain(rules.iter().map(String::as_str)).collect();
    let world = World::new(&rules);
    let ssh = tokio::task::block_in_place(|| {
        world.api("alice");
        world.server.ssh("alice", "web-01").expect("a token")
    });
    let ran = tokio::task::block_in_place(|| ssh.run("anything", "").expect("ssh runs"));
    assert_eq!((ran.stdout.as_str(), ran.code), ("taken: []\n", 0), "{}", ran.stderr);

    let (told, mut opened) = mpsc::unbounded_channel();
    let at = ("127.0.0.1", world.server.ssh_port());
    let mut client = client::connect(Arc::default(), at, Hears(told)).await.expect("connected");
    let password = fs::read_to_string(ssh.password_file()).expect("there");
    assert!(client.authenticate_password(ssh.user(), password).await.expect("an answer").success());
    assert_eq!(client.tcpip_forward("localhost", 0).await.expect("listened at"), 4711);
    let (to, mut channel) = opened.recv().await.expect("the right one");
    let mut said = Vec::new();
    while let Some(message) = channel.wait().await {
        if let ChannelMsg::Data { data } = message {
            said.extend_from_slice(&data);
        }
    }
    assert_eq!((to.as_str(), String::from_utf8_lossy(&said).as_ref()), ("localhost:4711", "localhost:4711"));
    client.cancel_tcpip_forward("localhost", 4711).await.expect("no longer listened at");
    assert!(client.cancel_tcpip_forward("localhost", 4711).await.is_err(), "there is none any more");
    assert!(opened.try_recv().is_err());
}

/// R52: a target that opens without end what is refused fills no transcript.
#[tokio::test(flavor = "multi_thread")]
async fn r52_what_a_target_opens_and_is_refused_is_noted_so_often_and_no_more() {
    let device = lying().await;
    let world = World::new(&[&device, FREE, &naming("forward-agent", &[], "allow")]);
    let ssh = tokio::task::block_in_place(|| {
        world.api("alice");
        world.server.ssh("alice", "web-01").expect("a token")
    });
    let (told, _opened) = mpsc::unbounded_channel();
    let at = ("127.0.0.1", world.server.ssh_port());
    let mut client = client::connect(Arc::default(), at, Hears(told)).await.expect("connected");
    let password = fs::read_to_string(ssh.password_file()).expect("there");
    assert!(client.authenticate_password(ssh.user(), password).await.expect("an answer").success());
    let mut channel = client.channel_open_session().await.expect("a channel");
    channel.agent_forward(true).await.expect("sent");
    channel.exec(true, "again").await.expect("sent");
    while channel.wait().await.is_some() {}
    client.disconnect(russh::Disconnect::ByApplication, "", "").await.expect("sent");
    let transcript = tokio::task::block_in_place(|| world.get("ada", "/sessions/1/transcript")).to_string();
    assert_eq!(transcript.matches("is refused by the client").count(), 100, "{transcript}");
    assert_eq!(transcript.matches("what else is refused is not noted").count(), 1);
}
