//! The program from outside: setting up, what it refuses, serving, verifying, and the way from `login` to `token`.

use countersign_harness::{Ran, reserve_port, run};
use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);
const PASSWORD: &str = "correct horse battery";

/// A folder with everything of one test in it.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Place {
        Place { folder: tempfile::tempdir().expect("a folder") }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn data(&self) -> String {
        self.path("data").display().to_string()
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
        command.env("COUNTERSIGN_HOME", self.path("home")).env_remove("RUST_LOG").current_dir(self.folder.path());
        command
    }

    fn run_with(&self, arguments: &[&str], input: &str) -> Ran {
        run(self.command().args(arguments), input, SOON).expect("it runs")
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, "")
    }

    fn init(&self, more: &[&str]) -> Ran {
        let data = self.data();
        let listen = ["--web-listen", "127.0.0.1:0", "--postgres-listen", "127.0.0.1:0"];
        let fixed = ["init", "--data", &data, "--host", "localhost", "127.0.0.1", "--administrator", "root"];
        self.run(&[&fixed[..], &listen, more].concat())
    }

    /// Starts the server and waits for its line.
    fn serve(&self) -> Server {
        let config = self.path("data/countersign.toml");
        let mut command = self.command();
        command.arg("serve").arg("--config").arg(config).stdin(Stdio::null()).stdout(Stdio::piped());
        let log = fs::File::create(self.path("log")).expect("a log");
        let mut child = command.stderr(log).spawn().expect("it starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("readable");
        let log = fs::read_to_string(self.path("log")).expect("a log");
        let words: Vec<&str> = line.split_whitespace().collect();
        let ["listening", "on", page, "and", "postgres", postgres] = words[..] else { panic!("{line:?}: {log}") };
        Server { child, page: page.to_owned(), postgres: postgres.to_owned() }
    }
}

/// A running server; killed when dropped.
struct Server {
    child: Child,
    page: String,
    postgres: String,
}

impl Server {
    /// Sends SIGTERM and returns the exit code.
    fn terminate(mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        let sent = Command::new("sh").args(["-c", "kill -s TERM \"$1\"", "sh", &pid]).status();
        assert!(sent.expect("sh runs").success());
        let ended = countersign_harness::wait_until(SOON, || self.child.try_wait().expect("a child"));
        ended.expect("it ends").code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Checks the exit code and that standard error says all of this.
fn refused(ran: &Ran, code: i32, words: &[&str]) {
    assert_eq!(ran.code, code, "{ran:?}");
    for word in words {
        assert!(ran.stderr.contains(word), "`{word}` is missing: {}", ran.stderr);
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("it exists").permissions().mode() & 0o777
}

#[test]
fn init_sets_up_once_and_for_its_owner_only() {
    let place = Place::new();
    let ran = place.init(&[]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stdout.contains("https://localhost:0/invitation/"), "{}", ran.stdout);
    assert!(ran.stderr.contains("warning") && ran.stderr.contains("data.key"), "{}", ran.stderr);
    assert_eq!(mode(&place.path("data")), 0o700);
    for file in ["data.key", "data/countersign.toml", "data/server.key", "data/ca.key"] {
        assert_eq!(mode(&place.path(file)), 0o600, "{file}");
    }
    refused(&place.init(&[]), 1, &["is not empty", "choose another folder"]);
}

#[test]
fn the_root_key_stays_outside_the_data_folder() {
    let place = Place::new();
    fs::create_dir(place.path("data")).expect("made");
    fs::set_permissions(place.path("data"), Permissions::from_mode(0o700)).expect("changed");
    std::os::unix::fs::symlink(place.path("data"), place.path("link")).expect("linked");
    for inside in ["data/root.key", "link/root.key", "data/../data/sub/root.key"] {
        refused(&place.init(&["--key-file", inside]), 1, &["lies inside the data folder", "keep the root key apart"]);
        refused(&place.init(&["--passphrase-file", inside]), 1, &["lies inside the data folder"]);
    }
    assert_eq!(fs::read_dir(place.path("data")).expect("there").count(), 0);
    let ran = place.init(&["--key-file", "root.key"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    assert_eq!(mode(&place.path("root.key")), 0o600);
}

#[test]
fn a_data_folder_or_key_open_to_others_is_refused() {
    let place = Place::new();
    assert_eq!(place.init(&["--key-file", "root.key"]).code, 0);
    let serve = || place.run(&["serve", "--config", "data/countersign.toml"]);
    fs::set_permissions(place.path("data"), Permissions::from_mode(0o750)).expect("changed");
    refused(&serve(), 1, &["is open to others (mode 750)", "chmod 700"]);
    fs::set_permissions(place.path("data"), Permissions::from_mode(0o700)).expect("changed");
    fs::set_permissions(place.path("root.key"), Permissions::from_mode(0o644)).expect("changed");
    refused(&serve(), 1, &["root.key", "(mode 644)", "chmod 600"]);
}

#[test]
fn only_the_right_key_starts_the_server() {
    let place = Place::new();
    assert_eq!(place.init(&["--key-file", "root.key"]).code, 0);
    let serve = || place.run(&["serve", "--config", "data/countersign.toml"]);
    fs::write(place.path("root.key"), [7_u8; 32]).expect("written");
    refused(&serve(), 1, &["is not the one this vault was made with"]);
    fs::write(place.path("root.key"), "short").expect("written");
    refused(&serve(), 1, &["root.key", "must be 32 bytes long"]);
}

#[test]
fn a_passphrase_starts_the_server_as_well() {
    let place = Place::new();
    fs::write(place.path("passphrase"), "a long passphrase of many words\n").expect("written");
    refused(&place.init(&["--passphrase-file", "passphrase"]), 1, &["open to others"]);
    fs::set_permissions(place.path("passphrase"), Permissions::from_mode(0o600)).expect("changed");
    assert_eq!(place.init(&["--passphrase-file", "passphrase"]).code, 0);
    assert_eq!(place.serve().terminate(), Some(0));
    fs::write(place.path("passphrase"), "another passphrase\n").expect("written");
    let ran = place.run(&["serve", "--config", "data/countersign.toml"]);
    refused(&ran, 1, &["is not the one this vault was made with"]);
}

#[test]
fn a_wrong_configuration_is_named() {
    let place = Place::new();
    assert_eq!(place.init(&[]).code, 0);
    let file = place.path("data/countersign.toml");
    let right = fs::read_to_string(&file).expect("written by init");
    let check = |from: &str, to: &str, words: &[&str]| {
        assert!(right.contains(from), "{from}");
        fs::write(&file, right.replace(from, to)).expect("written");
        refused(&place.run(&["serve", "--config", "data/countersign.toml"]), 2, words);
    };
    check("[log]", "[lag]", &["countersign.toml", "lag"]);
    check(
        "# [mail]",
        "[mail]\nserver = \"mail.example.test\"\nport = 25\nsecurity = \"none\"\nfrom = \"a@b.test\"",
        &["[mail]", "unprotected"],
    );
    refused(&place.run(&["serve", "--config", "none.toml"]), 2, &["none.toml", "cannot be read"]);
    let holder = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = holder.local_addr().expect("bound").to_string();
    for (room, place_in_file) in [("web", 0), ("postgres", 1)] {
        let (at, old) = right.match_indices("127.0.0.1:0").nth(place_in_file).expect("two addresses to listen on");
        fs::write(&file, format!("{}{taken}{}", &right[..at], &right[at + old.len()..])).expect("written");
        let ran = place.run(&["serve", "--config", "data/countersign.toml"]);
        refused(&ran, 3, &[&format!("cannot listen on {room}.listen `{taken}`")]);
    }
}

#[test]
fn verify_names_what_is_wrong() {
    let place = Place::new();
    fs::write(place.path("garbage"), [0_u8; 4_000]).expect("written");
    refused(&place.run(&["verify", "garbage"]), 1, &["this is not an export"]);
    refused(&place.run(&["verify", "none"]), 2, &["`none` cannot be read"]);
    refused(&place.run(&["verify", "garbage", "--expect", "12"]), 2, &["is not a head", "LENGTH:HASH"]);
    fs::write(place.path("empty"), "countersign journal v1\n").expect("written");
    refused(&place.run(&["verify", "empty"]), 1, &["the journal has no entries"]);
    fs::write(place.path("nothing"), "").expect("written");
    refused(&place.run(&["verify", "nothing"]), 1, &["this is not an export"]);
}

#[test]
fn commands_need_a_session_and_a_server() {
    let place = Place::new();
    refused(&place.run(&["access"]), 1, &["you are not signed in", "countersign login"]);
    refused(&place.run(&["request", "db", "--reason", "x"]), 2, &["--minutes", "--end"]);
    let port = reserve_port().expect("a port");
    let server = format!("https://127.0.0.1:{port}");
    refused(&place.run_with(&["login", "root", "--server", &server], PASSWORD), 3, &[&server, "cannot be asked"]);
    refused(&place.run_with(&["login", "root", "--server", "http://x"], PASSWORD), 2, &["https://"]);
}

#[test]
fn from_login_to_a_verified_export() {
    let place = Place::new();
    let invitation = place.init(&[]).stdout;
    let server = place.serve();
    assert!(server.page.starts_with("https://localhost:") && !server.page.ends_with(":0"), "{}", server.page);
    assert!(!server.postgres.ends_with(":0"), "{}", server.postgres);
    set_password(&place, &server, &invitation);

    let login = ["login", "root", "--server", &server.page, "--ca", "data/ca.pem"];
    let stranger = ["login", "root", "--server", &server.page];
    refused(&place.run_with(&stranger, "a password\n"), 3, &["cannot be asked", "sign in with `--ca FILE`"]);
    refused(&place.run_with(&login, "wrong password\n"), 1, &["is not right"]);
    let ran = place.run_with(&login, &format!("{PASSWORD}\n"));
    assert!(ran.succeeded() && ran.stdout.starts_with("Signed in until 20"), "{ran:?}");
    assert_eq!(mode(&place.path("home/session.json")), 0o600);

    fs::write(place.path("policy.toml"), POLICY).expect("written");
    refused(&place.run(&["plan", "policy.toml"]), 2, &["device `db`", "target.pem"]);
    fs::write(place.path("target.pem"), fs::read(place.path("data/ca.pem")).expect("there")).expect("written");
    fs::write(place.path("target-password"), "hunter2\n").expect("written");
    let planned = place.run(&["plan", "policy.toml"]);
    assert!(planned.stdout.starts_with("Applying this would change:\n+ person alice"), "{planned:?}");
    let applied = place.run(&["apply", "policy.toml"]);
    assert!(applied.stdout.contains("~ secret of app@db"), "{applied:?}");
    let written = place.run(&["policy"]);
    assert!(written.stdout.contains("name = \"db\"") && !written.stdout.contains("hunter2"), "{written:?}");
    fs::write(place.path("again.toml"), &written.stdout).expect("written");
    assert_eq!(place.run(&["apply", "again.toml"]).stdout, "Nothing changed.\n");
    let (version, file) = written.stdout.split_once('\n').expect("two lines");
    assert!(version.starts_with("# from version "), "{version}");
    assert_eq!(place.run(&["policy", "1"]).stdout, file);

    assert!(place.run(&["access"]).stdout.contains("app@db"));
    let asked = place.run(&["request", "db", "--minutes", "30", "--reason", "look"]);
    assert!(asked.stdout.starts_with("#2 is Approved"), "{asked:?}");
    assert!(place.run(&["requests"]).stdout.contains("#2"));
    assert!(place.run(&["show", "2"]).stdout.contains("Reason    look"));
    refused(&place.run(&["approve", "2"]), 1, &[]);
    refused(&place.run(&["show", "99"]), 1, &["no such thing"]);
    let token = place.run(&["token", "db"]);
    assert_eq!(token.stdout.lines().count(), 1, "{token:?}");
    assert!(token.stderr.contains("sslmode=verify-full"), "{token:?}");
    let explained = place.run(&["explain", "alice", "db", "connect"]);
    assert!(explained.stdout.starts_with("connect on app@db is not allowed for alice"), "{explained:?}");
    assert!(place.run(&["surrender", "2"]).stdout.contains("surrendered"));
    assert_eq!(place.run(&["sessions"]).stdout, "No sessions.\n");
    assert!(place.run(&["invite", "alice"]).stdout.starts_with(&server.page));
    assert!(place.run(&["people"]).stdout.contains("alice"));
    assert!(place.run(&["audit", "--text", "token"]).stdout.contains("root got an access token for app@db"));
    assert!(place.run(&["--json", "access"]).stdout.starts_with('['));

    let exported = place.run(&["export", "journal"]);
    let head = exported.stdout.trim();
    assert_eq!(mode(&place.path("journal")), 0o600);
    let verified = place.run(&["verify", "journal", "--expect", head]);
    assert!(verified.succeeded() && verified.stdout.contains("the journal verifies"), "{verified:?}");
    assert!(!verified.stdout.contains("no head was compared"), "{verified:?}");
    let alone = place.run(&["verify", "journal"]);
    assert!(alone.succeeded() && alone.stdout.contains("no head was compared"), "{alone:?}");
    refused(&place.run(&["export", "journal"]), 1, &["exists", "choose another name"]);

    assert_eq!(place.run(&["logout"]).stdout, "Signed out.\n");
    assert!(!place.path("home/session.json").exists());
    refused(&place.run(&["access"]), 1, &["you are not signed in"]);
    assert_eq!(server.terminate(), Some(0));
}

const POLICY: &str = r#"
[[person]]
handle = "root"
role = "administrator"

[[person]]
handle = "alice"

[[device]]
name = "db"
host = "localhost"
database = "shop"
ca_file = "target.pem"

[[account]]
device = "db"
name = "app"
password_file = "target-password"

[[rule]]
name = "root may look"
act = "connect"
outcome = "justify"
people = ["root"]
"#;

/// Sets the administrator's password as a browser would: the form behind the one-time link.
fn set_password(place: &Place, server: &Server, invitation: &str) {
    let (_, token) = invitation.trim().rsplit_once("/invitation/").expect("a link");
    let form = format!("password={0}&again={0}&repeat={0}", PASSWORD.replace(' ', "+"));
    let ca = place.path("data/ca.pem").display().to_string();
    let address = format!("{}/invitation/{token}", server.page);
    let mut curl = Command::new("curl");
    curl.args(["-sS", "--cacert", &ca, "-o", "/dev/null", "-w", "%{http_code}", "--noproxy", "*"]);
    curl.args(["-H", &format!("origin: {}", server.page), "--data", &form, &address]);
    let ran = run(&mut curl, "", SOON).expect("curl runs");
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("303", ""), "the form is accepted");
}

/// Whoever runs the server lets somebody in again, and nobody has the data folder twice.
#[test]
fn the_operator_makes_a_link_while_the_server_is_stopped() {
    let place = Place::new();
    assert_eq!(place.init(&[]).code, 0);
    let link = |handle: &str| place.run(&["link", handle, "--config", "data/countersign.toml"]);
    let server = place.serve();
    refused(&link("root"), 1, &["is in use", "stop the server"]);
    refused(&place.run(&["serve", "--config", "data/countersign.toml"]), 1, &["is in use"]);
    assert_eq!(server.terminate(), Some(0));
    refused(&link("nobody"), 1, &["there is no `nobody`"]);
    let made = link("root");
    assert_eq!(made.code, 0, "{made:?}");
    assert!(made.stdout.starts_with("https://localhost:0/invitation/"), "{}", made.stdout);
    assert!(place.serve().terminate() == Some(0), "the journal is whole");
}
