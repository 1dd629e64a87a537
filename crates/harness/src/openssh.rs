//! A private OpenSSH server, and the real `ssh` that connects to it or to a gateway.
//!
//! The server signs in whoever runs the tests, by a key made for it: as anybody else it could not, unless they are root.
//! Its shells find an empty home: what the start-up files of whoever runs the tests do is no part of them.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::program::{self, Ran, run};
use crate::psql::{LineReader, ended};
use crate::server::{self, Plan, RunAs, Server};
use crate::{HarnessError, reserve_port};

/// The Debian package of the server.
const PACKAGE: &str = "openssh-server";
/// The Debian package of the client.
const CLIENT_PACKAGE: &str = "openssh-client";
/// How long making a key may take.
const KEY_WITHIN: Duration = Duration::from_secs(30);
/// How long a start may take; 0.11 s on an idle machine.
const START_WITHIN: Duration = Duration::from_secs(60);
/// What most keys are.
const ED25519: [&str; 2] = ["-t", "ed25519"];
/// What answers for whoever would type: the code of a second factor where that is asked for, else the password.
const ASK: &str = "#!/bin/sh\ncase \"$1\" in\n*Code*) exec cat \"$COUNTERSIGN_PASSWORD.code\";;\nesac\n\
                   exec cat \"$COUNTERSIGN_PASSWORD\"\n";
/// How long [`Ssh::run`] may take.
const RUN_WITHIN: Duration = Duration::from_secs(60);

/// An OpenSSH server of this test alone.
pub struct OpenSsh {
    // Declared before the folder: the server ends before its folder goes.
    server: Server,
    folder: TempDir,
    port: u16,
    user: String,
}

impl OpenSsh {
    /// Starts it on a free port with a host key of its own.
    ///
    /// # Errors
    /// [`HarnessError::Missing`] without the package; else whatever kept it from starting, with its log.
    pub fn start() -> Result<Self, HarnessError> {
        Self::start_with("")
    }

    /// The same with further lines of configuration, in which `{folder}` is its folder.
    ///
    /// # Errors
    /// As [`OpenSsh::start`].
    pub fn start_with(further: &str) -> Result<Self, HarnessError> {
        Self::start_keyed(&ED25519, further)
    }

    /// The same with host key and user key of another kind, as `ssh-keygen` is told of it.
    ///
    /// # Errors
    /// As [`OpenSsh::start`].
    pub fn start_keyed(kind: &[&str], further: &str) -> Result<Self, HarnessError> {
        let program = program::find("/usr/sbin/sshd", PACKAGE)?;
        let folder = server::private_folder("sshd", RunAs::Caller)?;
        let port = reserve_port()?;
        let at = |name: &str| folder.path().join(name);
        make_key(&at("host_key"), kind)?;
        make_key(&at("user_key"), kind)?;
        fs::create_dir_all(at("home")).map_err(HarnessError::system("make a home"))?;
        fs::write(at("authorities"), "").map_err(HarnessError::system("trust nobody yet"))?;
        let user = run(Command::new("id").arg("-un"), "", KEY_WITHIN)?.output("id")?.trim().to_owned();
        fs::copy(at("user_key.pub"), at("authorized_keys")).map_err(HarnessError::system("authorize a key"))?;
        fs::write(
            at("sshd_config"),
            configuration(port, folder.path()) + &further.replace("{folder}", &folder.path().display().to_string()),
        )
        .map_err(HarnessError::system("configure sshd"))?;
        if user == "root" {
            // What Debian's unit makes before it starts the daemon.
            fs::create_dir_all("/run/sshd").map_err(HarnessError::system("make /run/sshd"))?;
        }
        let config = at("sshd_config").display().to_string();
        let server = Server::start(Plan {
            name: "sshd",
            program: &program,
            arguments: vec!["-D".to_owned(), "-e".to_owned(), "-f".to_owned(), config],
            folder: folder.path(),
            run_as: RunAs::Caller,
            stop_signal: "TERM",
            orphan_signal: "KILL",
        })?;
        server.wait_ready(START_WITHIN, || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok())?;
        Ok(Self { server, folder, port, user })
    }

    /// Takes certificates of this authority from now on, and of no other.
    ///
    /// # Errors
    /// [`HarnessError::System`] when it cannot be written.
    pub fn trust(&self, authority: &str) -> Result<(), HarnessError> {
        self.write("authorities", &format!("{authority}\n"))
    }

    /// Writes a file into its folder, such as one that its further configuration names.
    ///
    /// # Errors
    /// [`HarnessError::System`] when it cannot be written.
    pub fn write(&self, name: &str, text: &str) -> Result<(), HarnessError> {
        fs::write(self.folder.path().join(name), text).map_err(HarnessError::system("write a file of sshd's"))
    }

    /// The end of what it wrote to its log.
    pub fn log_tail(&self) -> String {
        self.server.log_tail()
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.server.pid()
    }

    /// The login it knows.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The private key of that login.
    ///
    /// # Errors
    /// [`HarnessError::System`] when it cannot be read.
    pub fn user_key(&self) -> Result<String, HarnessError> {
        fs::read_to_string(self.folder.path().join("user_key")).map_err(HarnessError::system("read a key"))
    }

    /// The real `ssh` straight to it, with that key; what it needs is written into a folder of the server's.
    ///
    /// # Errors
    /// [`HarnessError::System`] when it cannot be written.
    pub fn ssh(&self) -> Result<Ssh, HarnessError> {
        let known = format!("[127.0.0.1]:{} {}", self.port, self.host_key()?);
        let key = SshKey { path: self.folder.path().join("user_key") };
        let ssh = Ssh::new(&self.folder.path().join("client"), self.port, &self.user, "", &known)?;
        Ok(ssh.with_keys(&[&key]))
    }

    /// Its public host key, as in `known_hosts`.
    ///
    /// # Errors
    /// [`HarnessError::System`] when it cannot be read.
    pub fn host_key(&self) -> Result<String, HarnessError> {
        let line = fs::read_to_string(self.folder.path().join("host_key.pub"));
        let line = line.map_err(HarnessError::system("read a host key"))?;
        Ok(line.split_whitespace().take(2).collect::<Vec<_>>().join(" "))
    }
}

fn make_key(path: &Path, kind: &[&str]) -> Result<(), HarnessError> {
    let mut make = Command::new(program::find("ssh-keygen", CLIENT_PACKAGE)?);
    run(make.args(["-q", "-N", "", "-f"]).arg(path).args(kind), "", KEY_WITHIN)?.output("ssh-keygen").map(drop)
}

/// A key of somebody's own, in a file as `ssh-keygen` makes it.
#[derive(Clone, Debug)]
pub struct SshKey {
    path: PathBuf,
}

impl SshKey {
    /// Makes one; `kind` is what `ssh-keygen` is told of it: `["-t", "rsa", "-b", "3072"]`.
    ///
    /// # Errors
    /// [`HarnessError::Missing`] without the package; what `ssh-keygen` says.
    pub fn new(path: PathBuf, kind: &[&str]) -> Result<Self, HarnessError> {
        make_key(&path, kind)?;
        Ok(Self { path })
    }

    /// Where its private half lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where its public half lies.
    pub fn public_path(&self) -> PathBuf {
        self.path.with_extension("pub")
    }

    /// Its public half, as one line with a comment.
    ///
    /// # Errors
    /// [`HarnessError::System`] when it cannot be read.
    pub fn public(&self) -> Result<String, HarnessError> {
        fs::read_to_string(self.public_path()).map_err(HarnessError::system("read a public key"))
    }

    /// Has another key certify it for a name; the certificate lies beside it, where `ssh` looks.
    ///
    /// # Errors
    /// As [`SshKey::new`].
    pub fn certify(&self, by: &Self, name: &str) -> Result<(), HarnessError> {
        self.certify_with(by, &["-n", name])
    }

    /// The same with what `ssh-keygen` is told of it: `["-n", "alice", "-z", "42"]`.
    ///
    /// # Errors
    /// As [`SshKey::new`].
    pub fn certify_with(&self, by: &Self, further: &[&str]) -> Result<(), HarnessError> {
        let mut sign = Command::new(program::find("ssh-keygen", CLIENT_PACKAGE)?);
        sign.args(["-q", "-I", "test"]).args(further).arg("-s").arg(&by.path).arg(self.public_path());
        run(&mut sign, "", KEY_WITHIN)?.output("ssh-keygen").map(drop)
    }
}

fn configuration(port: u16, folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "ListenAddress 127.0.0.1\nPort {port}\nHostKey {folder}/host_key\nPidFile {folder}/sshd.own-pid\n\
         AuthorizedKeysFile {folder}/authorized_keys\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n\
         PermitRootLogin prohibit-password\nPrintMotd no\nLogLevel VERBOSE\nSubsystem sftp internal-sftp\n\
         SetEnv HOME={folder}/home\nTrustedUserCAKeys {folder}/authorities\n"
    )
}

/// One way to connect with ssh: a password, a host key that must be shown, and none of the user's own settings.
#[derive(Clone, Debug)]
pub struct Ssh {
    port: u16,
    user: String,
    folder: PathBuf,
    /// Private keys to try, in this order.
    keys: Vec<PathBuf>,
    /// By which methods it signs in, in this order.
    pub methods: &'static str,
    /// Further options, each as one argument.
    pub options: Vec<String>,
}

impl Ssh {
    /// A connection to `127.0.0.1`; what it needs is written into `folder`.
    ///
    /// # Errors
    /// [`HarnessError::System`] when it cannot be written.
    pub fn new(folder: &Path, port: u16, user: &str, password: &str, known_host: &str) -> Result<Self, HarnessError> {
        let made = HarnessError::system("prepare `ssh`");
        fs::create_dir_all(folder)
            .and_then(|()| fs::write(folder.join("known_hosts"), format!("{known_host}\n")))
            .and_then(|()| fs::write(folder.join("password"), password))
            .and_then(|()| fs::write(folder.join("ask"), ASK))
            .and_then(|()| fs::set_permissions(folder.join("ask"), fs::Permissions::from_mode(0o700)))
            .map_err(made)?;
        let (user, folder) = (user.to_owned(), folder.to_owned());
        Ok(Self { port, user, folder, keys: Vec::new(), methods: "password", options: Vec::new() })
    }

    /// Runs one command; `stdin` is what it is given to read.
    ///
    /// # Errors
    /// Only trouble with ssh itself; what the command or the gateway said is in [`Ran`].
    pub fn run(&self, command: impl AsRef<OsStr>, stdin: &str) -> Result<Ran, HarnessError> {
        run(self.command()?.arg(command), stdin, RUN_WITHIN)
    }

    /// Asks for a shell and gives it `stdin`.
    ///
    /// # Errors
    /// As [`Ssh::run`].
    pub fn run_shell(&self, stdin: &str) -> Result<Ran, HarnessError> {
        run(&mut self.command()?, stdin, RUN_WITHIN)
    }

    /// The same, where all commands share one connection for as long as one of them runs (`ControlMaster`).
    pub fn shared(&self) -> Self {
        let socket = format!("ControlPath={}", self.folder.join("shared").display());
        let options = ["-o", "ControlMaster=auto", "-o", &socket, "-o", "ControlPersist=no"].map(str::to_owned);
        Self { options: options.to_vec(), ..self.clone() }
    }

    /// The same with these keys in place of a password.
    pub fn with_keys(&self, keys: &[&SshKey]) -> Self {
        let keys = keys.iter().map(|key| key.path.clone()).collect();
        Self { keys, methods: "publickey", ..self.clone() }
    }

    /// The same with another user name.
    pub fn with_user(&self, user: &str) -> Self {
        Self { user: user.to_owned(), ..self.clone() }
    }

    /// The same with another password, in a folder of its own.
    ///
    /// # Errors
    /// As [`Ssh::new`].
    pub fn with_password(&self, password: &str) -> Result<Self, HarnessError> {
        let folder = self.folder.join("other");
        let known = fs::read_to_string(self.folder.join("known_hosts"));
        let known = known.map_err(HarnessError::system("read known_hosts"))?;
        Self::new(&folder, self.port, &self.user, password, known.trim_end())
    }

    /// The same with this password and code typed where they are asked for, in a folder of its own.
    ///
    /// # Errors
    /// As [`Ssh::new`].
    pub fn typing(&self, password: &str, code: &str) -> Result<Self, HarnessError> {
        let other = self.with_password(password)?;
        fs::write(other.folder.join("password.code"), code).map_err(HarnessError::system("prepare `ssh`"))?;
        Ok(Self { methods: "keyboard-interactive", ..other })
    }

    /// Starts one command, and reads what it says.
    ///
    /// # Errors
    /// [`HarnessError::Missing`] or [`HarnessError::System`] when ssh cannot be started.
    pub fn spawn(&self, command: &str) -> Result<SshSession, HarnessError> {
        let mut ssh = self.command()?;
        ssh.arg(command).stdin(Stdio::null());
        SshSession::start(&mut ssh)
    }

    /// Starts one command whose input is [`SshSession::send`]'s.
    ///
    /// # Errors
    /// As [`Ssh::spawn`].
    pub fn piped(&self, command: &str) -> Result<SshSession, HarnessError> {
        let mut ssh = self.command()?;
        ssh.arg(command).stdin(Stdio::piped());
        SshSession::start(&mut ssh)
    }

    /// Starts a command, or a shell where it is empty, in a terminal whose keys are [`SshSession::send`]'s.
    ///
    /// # Errors
    /// As [`Ssh::spawn`].
    pub fn terminal(&self, command: &str) -> Result<SshSession, HarnessError> {
        // The second `-t` asks for one although this end has none.
        let options = ["-t", "-t"].map(str::to_owned);
        let mut ssh = Self { options: [&options[..], &self.options].concat(), ..self.clone() }.command()?;
        ssh.args(Some(command).filter(|c| !c.is_empty())).env("TERM", "xterm-256color").stdin(Stdio::piped());
        SshSession::start(&mut ssh)
    }

    /// Runs lines of `sftp`, which ends at the first that fails but for those that begin with `-`.
    ///
    /// # Errors
    /// As [`Ssh::run`].
    pub fn sftp(&self, lines: &str) -> Result<Ran, HarnessError> {
        run(&mut self.sftp_command()?, lines, RUN_WITHIN)
    }

    /// The `sftp` command that takes lines.
    ///
    /// # Errors
    /// [`HarnessError::Missing`] without its package.
    pub fn sftp_command(&self) -> Result<Command, HarnessError> {
        let mut sftp = self.prepared("sftp")?;
        // Lines that nobody types would else keep it from asking for the password.
        sftp.args(["-o", "BatchMode=no", "-b", "-", "127.0.0.1"]);
        Ok(sftp)
    }

    /// Starts `sftp` with these lines, as [`Ssh::sftp`].
    ///
    /// # Errors
    /// As [`Ssh::spawn`].
    pub fn spawn_sftp(&self, lines: &str) -> Result<SshSession, HarnessError> {
        let mut sftp = self.prepared("sftp")?;
        sftp.args(["-o", "BatchMode=no", "-b", "-", "127.0.0.1"]).stdin(Stdio::piped());
        let mut session = SshSession::start(&mut sftp)?;
        session.send(lines)?;
        session.child.stdin = None;
        Ok(session)
    }

    /// Runs `scp` with these arguments, in which `there:` is the server.
    ///
    /// # Errors
    /// As [`Ssh::run`].
    pub fn scp(&self, arguments: &[&str]) -> Result<Ran, HarnessError> {
        run(&mut self.scp_command(arguments)?, "", RUN_WITHIN)
    }

    /// Starts `scp`, as [`Ssh::scp`].
    ///
    /// # Errors
    /// As [`Ssh::spawn`].
    pub fn spawn_scp(&self, arguments: &[&str]) -> Result<SshSession, HarnessError> {
        let mut scp = self.scp_command(arguments)?;
        scp.stdin(Stdio::null());
        SshSession::start(&mut scp)
    }

    fn scp_command(&self, arguments: &[&str]) -> Result<Command, HarnessError> {
        let mut scp = self.prepared("scp")?;
        scp.args(arguments.iter().map(|argument| argument.replace("there:", "127.0.0.1:")));
        Ok(scp)
    }

    /// Asks for a subsystem, whose input, output and error output are pipes.
    ///
    /// # Errors
    /// As [`Ssh::spawn`].
    pub fn subsystem(&self, name: &str) -> Result<Child, HarnessError> {
        let mut ssh = self.command()?;
        ssh.args(["-s", name]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        ssh.spawn().map_err(HarnessError::system("run `ssh`"))
    }

    /// The same over another, as with `ssh -J`.
    ///
    /// # Errors
    /// As [`Ssh::settings_file`].
    pub fn over(&self, jump: &Self) -> Result<Self, HarnessError> {
        let by = format!("ProxyCommand=ssh -F {} -W %h:%p there", jump.settings_file()?.display());
        Ok(Self { options: vec!["-o".to_owned(), by], ..self.clone() })
    }

    /// The `ssh` command up to what it runs.
    ///
    /// # Errors
    /// [`HarnessError::Missing`] without its package.
    pub fn command(&self) -> Result<Command, HarnessError> {
        let mut ssh = self.prepared("ssh")?;
        ssh.arg("127.0.0.1");
        Ok(ssh)
    }

    /// Another program that connects by itself, or by `ssh -F` with [`Ssh::settings_file`]; it finds an empty home.
    ///
    /// # Errors
    /// [`HarnessError::Missing`] without its package.
    pub fn program(&self, name: &str, package: &'static str) -> Result<Command, HarnessError> {
        let mut program = Command::new(program::find(name, package)?);
        let path = std::env::var_os("PATH").unwrap_or_default();
        program.env_clear().env("PATH", path).env("LC_ALL", "C.UTF-8").env("HOME", &self.folder);
        program.env("SSH_ASKPASS", self.folder.join("ask")).env("SSH_ASKPASS_REQUIRE", "force");
        program.env("COUNTERSIGN_PASSWORD", self.password_file());
        Ok(program)
    }

    /// Writes all of this down as `ssh` reads it from a file, for programs that start it; the host is called `there`.
    ///
    /// # Errors
    /// [`HarnessError::System`] when it cannot be written.
    pub fn settings_file(&self) -> Result<PathBuf, HarnessError> {
        let keys = self.keys.iter().map(|key| format!("IdentityFile={}", key.display()));
        let lines: Vec<String> = self.settings().into_iter().chain(keys).collect();
        let file = self.folder.join(format!("settings-{}", self.methods));
        let text = format!("Host there\nHostName=127.0.0.1\n{}\n", lines.join("\n"));
        fs::write(&file, text).map_err(HarnessError::system("write settings of `ssh`"))?;
        Ok(file)
    }

    /// The port it connects to.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its user name.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// A file with its password and nothing else.
    pub fn password_file(&self) -> PathBuf {
        self.folder.join("password")
    }

    /// A file with the host key it expects.
    pub fn known_hosts_file(&self) -> PathBuf {
        self.folder.join("known_hosts")
    }

    /// A program of OpenSSH up to where it connects.
    fn prepared(&self, name: &str) -> Result<Command, HarnessError> {
        let mut ssh = self.program(name, CLIENT_PACKAGE)?;
        ssh.args(["-F", "none"]);
        for option in self.settings() {
            ssh.args(["-o", &option]);
        }
        for key in &self.keys {
            ssh.arg("-i").arg(key);
        }
        ssh.args(&self.options);
        Ok(ssh)
    }

    fn settings(&self) -> Vec<String> {
        vec![
            format!("Port={}", self.port),
            format!("User={}", self.user),
            "StrictHostKeyChecking=yes".to_owned(),
            format!("UserKnownHostsFile={}", self.known_hosts_file().display()),
            "GlobalKnownHostsFile=none".to_owned(),
            "NumberOfPasswordPrompts=1".to_owned(),
            format!("PreferredAuthentications={}", self.methods),
            "IdentitiesOnly=yes".to_owned(),
            "LogLevel=ERROR".to_owned(),
        ]
    }
}

/// A running `ssh`. Dropping it kills it.
#[derive(Debug)]
pub struct SshSession {
    /// What the command has written.
    pub stdout: LineReader,
    /// What it, or the gateway, has written to the error output.
    pub stderr: LineReader,
    child: Child,
}

impl SshSession {
    /// Starts `ssh`, or what is made of [`Ssh::program`], and reads what it says.
    ///
    /// # Errors
    /// As [`Ssh::spawn`].
    pub fn start(ssh: &mut Command) -> Result<Self, HarnessError> {
        let child = ssh.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = child.map_err(HarnessError::system("run `ssh`"))?;
        Ok(Self {
            stdout: LineReader::start(child.stdout.take().expect("stdout was piped above")),
            stderr: LineReader::start(child.stderr.take().expect("stderr was piped above")),
            child,
        })
    }

    /// Types into its terminal.
    ///
    /// # Errors
    /// [`HarnessError::System`] when it reads no more.
    pub fn send(&mut self, keys: &str) -> Result<(), HarnessError> {
        let stdin = self.child.stdin.as_mut().expect("a terminal has its input piped");
        stdin.write_all(keys.as_bytes()).and_then(|()| stdin.flush()).map_err(HarnessError::system("type into `ssh`"))
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// [`HarnessError::Late`] when it has not ended in time; it is killed then.
    pub fn finish(mut self, within: Duration) -> Result<Ran, HarnessError> {
        ended("ssh", &mut self.child, &self.stdout, &self.stderr, within)
    }
}

impl Drop for SshSession {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
