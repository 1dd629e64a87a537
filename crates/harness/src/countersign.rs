//! Countersign itself as a component: the real binary, set up in a private folder, served under a keeper, used through
//! its command line and its API. Knows the program from outside only: what it prints, what it answers.

mod api;

pub use api::{Answer, Api, authenticator_code};

use std::collections::BTreeMap;
use std::env;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tempfile::TempDir;

use crate::program::{self, Ran, run};
use crate::server::{self, Plan, RunAs, Server};
use crate::{HarnessError, Psql, Ssh, random_password, reserve_port, wait_until};

/// How long a start may take; the journal is folded before the server is ready.
const START_WITHIN: Duration = Duration::from_secs(60);
/// How long one call of the command line may take.
const CALL_WITHIN: Duration = Duration::from_secs(60);
/// How long building the program may take.
const BUILD_WITHIN: Duration = Duration::from_secs(3_600);
/// How long a killed server may take to be gone.
const GONE_WITHIN: Duration = Duration::from_secs(10);
/// How the line begins that says the server is ready.
const READY: &str = "listening on ";
/// The name of the keeper's log and pid file.
const NAME: &str = "countersign";

/// What may differ between one server and another.
#[derive(Clone, Debug)]
pub struct Options {
    /// Handle of the first administrator.
    pub administrator: String,
    /// Port of the mail server on 127.0.0.1, if there is one.
    pub mail_port: Option<u16>,
    /// Port and authority of the ticket system on `localhost`, if there is one.
    pub tickets: Option<(u16, String)>,
    /// Port of the store of recordings on 127.0.0.1 and the secret of our key there, if there is one.
    pub store: Option<(u16, String)>,
}

impl Default for Options {
    fn default() -> Self {
        Self { administrator: "ada".to_owned(), mail_port: None, tickets: None, store: None }
    }
}

/// A Countersign server of this test alone. Dropping it stops it and removes its folder.
pub struct Countersign {
    // Declared before the folder: the server ends before its folder goes.
    server: Option<Server>,
    folder: TempDir,
    binary: PathBuf,
    options: Options,
    page_port: u16,
    postgres_port: u16,
    ssh_port: u16,
    passwords: Mutex<BTreeMap<String, String>>,
}

impl Countersign {
    /// Sets up, serves, and signs the administrator up.
    ///
    /// # Errors
    /// [`HarnessError::Failed`] with the program's words, or [`HarnessError::Late`] with its log.
    pub fn start(binary: &Path, options: Options) -> Result<Self, HarnessError> {
        let folder = server::private_folder(NAME, RunAs::Caller)?;
        let mut countersign = Self {
            server: None,
            folder,
            binary: binary.to_owned(),
            page_port: reserve_port()?,
            postgres_port: reserve_port()?,
            ssh_port: reserve_port()?,
            passwords: Mutex::new(BTreeMap::new()),
            options,
        };
        let link = countersign.init()?;
        countersign.serve()?;
        let administrator = countersign.options.administrator.clone();
        countersign.accept(&administrator, &link)?;
        countersign.log_in(&administrator)?;
        Ok(countersign)
    }

    /// What a page answers somebody who is signed out, as (status, text); with fields, what it answers to the form.
    ///
    /// # Errors
    /// [`HarnessError::Failed`] when no answer came.
    pub fn page(&self, url: &str, fields: &[(&str, &str)]) -> Result<(u16, String), HarnessError> {
        api::page(&self.page_address(), &self.ca_pem()?, url, fields)
    }

    /// Runs the command line as a person, each with a home of their own.
    ///
    /// # Errors
    /// Only trouble with starting it; a refusal is in [`Ran`].
    pub fn cli(&self, person: &str, arguments: &[&str]) -> Result<Ran, HarnessError> {
        run(self.command(person)?.args(arguments), "", CALL_WITHIN)
    }

    /// Puts a policy file in force as the administrator.
    ///
    /// # Errors
    /// [`HarnessError::Failed`] with what the server finds wrong in it.
    pub fn apply(&self, toml: &str) -> Result<String, HarnessError> {
        let file = self.folder.path().join("policy.toml");
        fs::write(&file, toml).map_err(HarnessError::system("write a policy file"))?;
        let ran = self.cli(&self.options.administrator, &["apply", &file.display().to_string()])?;
        ran.output("countersign apply")
    }

    /// Invites a person the policy knows, sets their password by the link and logs them in.
    ///
    /// # Errors
    /// As [`Countersign::start`].
    pub fn sign_up(&self, handle: &str) -> Result<(), HarnessError> {
        let said = self.cli(&self.options.administrator, &["invite", handle])?.output("countersign invite")?;
        self.accept(handle, &said)?;
        self.log_in(handle)
    }

    /// A psql for a person and a target, with a fresh access token in place of a password.
    ///
    /// # Errors
    /// [`HarnessError::Failed`] with why there is no token.
    pub fn psql(&self, person: &str, target: &str) -> Result<Psql, HarnessError> {
        let token = self.token(person, target)?;
        let word = |key: &str| token[key].as_str().unwrap_or_default().to_owned();
        let command = word("command");
        let database = command.split(['"', ' ']).find_map(|part| part.strip_prefix("dbname=")).unwrap_or_default();
        Ok(Psql::new(self.postgres_port, &word("user"), &word("token"), database, &self.ca_path()))
    }

    /// An ssh for a person and a target, with a fresh access token as its password.
    ///
    /// # Errors
    /// [`HarnessError::Failed`] with why there is no token.
    pub fn ssh(&self, person: &str, target: &str) -> Result<Ssh, HarnessError> {
        let token = self.token(person, target)?;
        let word = |key: &str| token[key].as_str().unwrap_or_default().to_owned();
        let folder = self.folder.path().join("ssh").join(person).join(target);
        Ssh::new(&folder, self.ssh_port, &word("user"), &word("token"), &word("known_host"))
    }

    fn token(&self, person: &str, target: &str) -> Result<serde_json::Value, HarnessError> {
        let said = self.cli(person, &["token", target, "--json"])?.output("countersign token")?;
        serde_json::from_str(&said).map_err(|error| failed("countersign token", error))
    }

    /// The API as a person, signed in anew.
    ///
    /// # Errors
    /// [`HarnessError::Failed`] when the sign-in is refused.
    pub fn api(&self, person: &str) -> Result<Api, HarnessError> {
        Api::sign_in(&self.page_address(), &self.ca_pem()?, person, &self.password(person))
    }

    /// Kills the server as a power cut would (`SIGKILL`) and waits until it is gone.
    ///
    /// # Errors
    /// [`HarnessError::Late`] when it survives.
    pub fn kill(&mut self) -> Result<(), HarnessError> {
        let Some(server) = self.server.take() else { return Ok(()) };
        let mut kill = Command::new("/bin/sh");
        kill.args(["-c", "kill -s KILL \"$1\"", "sh"]).arg(server.pid().to_string());
        run(&mut kill, "", GONE_WITHIN)?.output("kill")?;
        let gone = wait_until(GONE_WITHIN, || (!server.is_running()).then_some(()));
        let late = HarnessError::Late {
            what: "the end of a killed server".into(),
            waited: GONE_WITHIN,
            log: server.log_tail(),
        };
        server.stop_keeping_folder();
        gone.ok_or(late)
    }

    /// Stops the server in an orderly way; folder and ports stay for [`Countersign::restart`].
    pub fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop_keeping_folder();
        }
    }

    /// Starts the server again, after [`Countersign::stop`] if it runs, on the same ports and data.
    ///
    /// # Errors
    /// As [`Countersign::start`].
    pub fn restart(&mut self) -> Result<(), HarnessError> {
        self.stop();
        self.serve()
    }

    /// The process id of the server, unless stopped.
    pub fn pid(&self) -> Option<u32> {
        self.server.as_ref().map(Server::pid)
    }

    /// The address people open.
    pub fn page_address(&self) -> String {
        format!("https://127.0.0.1:{}", self.page_port)
    }

    /// The port people's PostgreSQL clients connect to.
    pub fn postgres_port(&self) -> u16 {
        self.postgres_port
    }

    /// The port people's SSH clients connect to.
    pub fn ssh_port(&self) -> u16 {
        self.ssh_port
    }

    /// The folder the server keeps its data in.
    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A private folder for files of the test, removed with the server.
    pub fn scratch_dir(&self) -> &Path {
        self.folder.path()
    }

    /// The root certificate of the server, for `sslrootcert`.
    pub fn ca_path(&self) -> PathBuf {
        self.data_dir().join("ca.pem")
    }

    /// The password made up for a person.
    pub fn password(&self, handle: &str) -> String {
        self.known().get(handle).cloned().unwrap_or_default()
    }

    /// The end of what the server wrote to its log.
    pub fn log_tail(&self) -> String {
        self.server.as_ref().map(Server::log_tail).unwrap_or_default()
    }

    /// Makes data folder, key (apart from the data) and configuration; returns what it said, the one-time link in it.
    fn init(&self) -> Result<String, HarnessError> {
        let mut init = Command::new(&self.binary);
        init.arg("init").arg("--data").arg(self.data_dir()).arg("--key-file").arg(self.folder.path().join("root.key"));
        init.args(["--host", "127.0.0.1", "localhost", "--administrator", &self.options.administrator]);
        init.args(["--web-listen", &format!("127.0.0.1:{}", self.page_port)]);
        init.args(["--postgres-listen", &format!("127.0.0.1:{}", self.postgres_port)]);
        let said = run(&mut init, "", START_WITHIN)?.output("countersign init")?;
        let port = self.ssh_port;
        let mut more = format!("\n[ssh]\nlisten = \"127.0.0.1:{port}\"\naddress = \"127.0.0.1:{port}\"\n");
        if let Some(port) = self.options.mail_port {
            more += &format!(
                "\n[mail]\nserver = \"127.0.0.1\"\nport = {port}\nsecurity = \"none\"\n\
                 from = \"Countersign <countersign@shop.example>\"\n"
            );
        }
        if let Some((port, ca_pem)) = &self.options.tickets {
            let ca = self.folder.path().join("tickets-ca.pem");
            fs::write(&ca, ca_pem).map_err(HarnessError::system("write the ticket system's authority"))?;
            let token = self.private("tickets-token", "ticket-token\n")?;
            more += &format!(
                "\n[tickets]\nurl = \"https://localhost:{port}/{{ticket}}\"\nca_file = {ca:?}\ntoken_file = {token:?}\n"
            );
        }
        if let Some((port, secret)) = &self.options.store {
            let secret = self.private("store-key", secret)?;
            more += &format!(
                "\n[recordings]\nstore = \"s3://records/gate-1\"\nendpoint = \"http://127.0.0.1:{port}\"\n\
                 region = \"here\"\naccess_key = \"gate\"\nsecret_file = {secret:?}\n"
            );
        }
        let add = |mut file: File| file.write_all(more.as_bytes());
        let added = File::options().append(true).open(self.config()).and_then(add);
        added.map_err(HarnessError::system("add other servers to the configuration"))?;
        Ok(said)
    }

    /// A file with a secret.
    fn private(&self, name: &str, secret: &str) -> Result<PathBuf, HarnessError> {
        let path = self.folder.path().join(name);
        let kept =
            fs::write(&path, secret).and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o600)));
        kept.map(|()| path).map_err(HarnessError::system(format!("write `{name}`")))
    }

    fn config(&self) -> PathBuf {
        self.data_dir().join("countersign.toml")
    }

    fn serve(&mut self) -> Result<(), HarnessError> {
        let log = self.folder.path().join(format!("{NAME}.log"));
        let before = fs::metadata(&log).map_or(0, |file| usize::try_from(file.len()).unwrap_or(0));
        let arguments = vec!["serve".to_owned(), "--config".to_owned(), self.config().display().to_string()];
        let server = Server::start(Plan {
            name: NAME,
            program: &self.binary,
            arguments,
            folder: self.folder.path(),
            run_as: RunAs::Caller,
            stop_signal: "TERM",
            orphan_signal: "KILL",
        })?;
        server.wait_ready(START_WITHIN, || {
            let written = fs::read(&log).unwrap_or_default();
            let new = String::from_utf8_lossy(written.get(before..).unwrap_or_default()).into_owned();
            new.lines().any(|line| line.starts_with(READY))
        })?;
        self.server = Some(server);
        Ok(())
    }

    /// Sets a password through the page behind a one-time link.
    fn accept(&self, handle: &str, said: &str) -> Result<(), HarnessError> {
        let marker = "/invitation/";
        let link = said.split_whitespace().find_map(|word| word.split_once(marker)).map(|(_, token)| token);
        let token = link.ok_or_else(|| failed("countersign", format!("no one-time link in `{said}`")))?;
        let token = token.trim_end_matches(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_');
        let password = random_password()?;
        api::set_password(&self.page_address(), &self.ca_pem()?, token, &password)?;
        self.known().insert(handle.to_owned(), password);
        Ok(())
    }

    fn log_in(&self, handle: &str) -> Result<(), HarnessError> {
        let address = self.page_address();
        let ca = self.ca_path().display().to_string();
        let mut login = self.command(handle)?;
        login.args(["login", handle, "--server", &address, "--ca", &ca]);
        let password = format!("{}\n", self.password(handle));
        run(&mut login, &password, CALL_WITHIN)?.output("countersign login").map(drop)
    }

    fn command(&self, person: &str) -> Result<Command, HarnessError> {
        let home = self.folder.path().join("homes").join(person);
        fs::create_dir_all(&home)
            .and_then(|()| fs::set_permissions(&home, fs::Permissions::from_mode(0o700)))
            .map_err(HarnessError::system(format!("make a home for `{person}`")))?;
        let mut command = Command::new(&self.binary);
        command.env("COUNTERSIGN_HOME", home).current_dir(self.folder.path());
        Ok(command)
    }

    fn ca_pem(&self) -> Result<String, HarnessError> {
        fs::read_to_string(self.ca_path()).map_err(HarnessError::system("read the server's root certificate"))
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.passwords.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The program in the profile of the caller, built first when cargo runs the caller, so that it is never an old one.
///
/// # Errors
/// [`HarnessError::Failed`] when it does not build, [`HarnessError::Missing`] when it is not there.
pub fn build() -> Result<PathBuf, HarnessError> {
    let own = env::current_exe().map_err(HarnessError::system("find the running program"))?;
    let binary = own.with_file_name(NAME);
    if let Some(cargo) = env::var_os("CARGO") {
        let mut build = Command::new(cargo);
        build.args(["build", "--quiet", "-p", NAME]).current_dir(program::workspace());
        if own.parent().is_some_and(|profile| profile.ends_with("release")) {
            build.arg("--release");
        }
        run(&mut build, "", BUILD_WITHIN)?.output("cargo build")?;
    }
    if binary.is_file() {
        return Ok(binary);
    }
    Err(HarnessError::System {
        what: format!("find `{}`; build it with `cargo build --release -p {NAME}`", binary.display()),
        source: std::io::ErrorKind::NotFound.into(),
    })
}

fn failed(program: &str, why: impl std::fmt::Display) -> HarnessError {
    HarnessError::Failed { program: program.to_owned(), code: -1, stderr: why.to_string() }
}
