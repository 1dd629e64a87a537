//! Commands over SSH: the real `ssh`, in front of a real OpenSSH server.

use crate::world::{DBA, SOON, World, eventually, has, number};
use countersign_harness::{OpenSsh, Ran, Ssh, SshSession};
use serde_json::json;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// Developers connect without asking.
pub const FREE: &str =
    "[[rule]]\nname = \"free-web\"\nact = \"connect\"\noutcome = \"allow\"\ngroups = [\"developers\"]\n";
/// Developers connect once their manager approved.
pub const ASKED: &str =
    "[[rule]]\nname = \"ask-web\"\nact = \"connect\"\noutcome = \"approve\"\ngroups = [\"developers\"]\n";
/// What makes folders, or can be read by nobody, is decided by a member of `dba`.
pub const FOLDERS: &str = "[[rule]]\nname = \"folders\"\nact = \"run\"\noutcome = \"approve\"\ngroups = [\"developers\"]\n\
                       programs = [\"mkdir\", \"rmdir\"]\nworkflow = \"dba\"\nunknown = \"dba\"\n";

/// A server one reaches by SSH, beside the shop's database.
pub struct Web {
    // Declared before the server that it speaks to.
    pub world: World,
    pub sshd: OpenSsh,
}

impl Web {
    pub fn new(rules: &[&str]) -> Web {
        Web::in_front_of(OpenSsh::start().unwrap_or_else(|error| panic!("{error}")), rules)
    }

    pub fn in_front_of(sshd: OpenSsh, rules: &[&str]) -> Web {
        let device = device(&sshd, &sshd.host_key().expect("a host key"));
        let rules: Vec<&str> = [device.as_str()].into_iter().chain(rules.iter().copied()).collect();
        Web { world: World::new(&rules), sshd }
    }

    /// An ssh of somebody, with a token of now.
    pub fn ssh(&self, person: &str) -> Ssh {
        self.world.api(person);
        self.world.server.ssh(person, "web-01").unwrap_or_else(|error| panic!("{error}"))
    }

    pub fn run(&self, person: &str, command: &str) -> Ran {
        self.ssh(person).run(command, "").expect("ssh runs")
    }

    /// Its entry in the file.
    pub fn device(&self) -> String {
        device(&self.sshd, &self.sshd.host_key().expect("a host key"))
    }

    fn begin(&self, person: &str, command: &str) -> SshSession {
        self.ssh(person).spawn(command).expect("ssh starts")
    }

    /// A path on the server, which is this machine, that is not there yet.
    pub fn path(&self, name: &str) -> PathBuf {
        self.world.server.scratch_dir().join(name)
    }

    pub fn reserved(&self, person: &str) -> u64 {
        let wanted = json!({ "target": "web-01", "minutes": 60, "reason": "ticket 4711: disk is full" });
        let request = number(&self.world.done(person, "/requests", &wanted)["id"]);
        self.world.approve("mia", request);
        request
    }
}

pub fn device(sshd: &OpenSsh, host_key: &str) -> String {
    let (port, user, key) = (sshd.port(), sshd.user(), sshd.user_key().expect("a key"));
    format!(
        "[[device]]\nname = \"web-01\"\nprotocol = \"ssh\"\nhost = \"127.0.0.1\"\nport = {port}\n\
         host_key = \"{host_key}\"\n[[account]]\ndevice = \"web-01\"\nname = \"{user}\"\npassword = '''\n{key}'''\n"
    )
}

/// R52: what needs no approval runs, with its output, errors and exit status as they are.
#[test]
fn r52_a_command_runs_as_it_would_without_us() {
    let web = Web::new(&[FREE]);
    let ran = web.run("alice", "echo out; echo err >&2; exit 3");
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str(), ran.code), ("out\n", "err\n", 3));
    let much = web.run("alice", "head -c 3000000 /dev/zero | tr '\\0' x");
    assert_eq!((much.stdout.len(), much.code), (3_000_000, 0), "{}", much.stderr);
    let exact = web.run("alice", "printf '%s|' \"a  b\" 'c\\d' \"$HOME\" é");
    has(&exact.stdout, "a  b|c\\d|/");
    has(&exact.stdout, "|é|");
}

/// R60, R61: held, shown, and once approved run once, as these bytes.
#[test]
fn r60_r61_an_approved_command_runs_exactly_once() {
    let web = Web::new(&[FREE, FOLDERS, DBA]);
    let folder = web.path("made");
    let command = format!("mkdir {} && echo made", folder.display());
    let alice = web.begin("alice", &command);
    let held = web.world.held("dora");
    let request = number(&held["id"]);
    assert_eq!(held["statement"]["texts"][0], command);
    assert_eq!(held["statement"]["kinds"], json!(["echo", "mkdir"]));
    let told = alice.stderr.wait_for("held for approval", SOON).expect("told");
    has(&told, &format!("#{request}; dave, dora can decide: {}", web.world.server.page_address()));
    assert!(!folder.exists());

    web.world.approve("dora", request);
    let ran = alice.finish(SOON).expect("an end");
    assert_eq!((ran.stdout.as_str(), ran.code), ("made\n", 0), "{}", ran.stderr);
    assert!(folder.is_dir());
    eventually("the outcome is in the request", || {
        let outcome = web.world.request(request)["statement"]["outcome"].to_string();
        outcome.contains("exit status 0").then_some(())
    });

    // The approval is used up: the same text waits again, and a no is told with its comment.
    let alice = web.begin("alice", &command);
    let again = web.world.held_number("dora");
    assert_ne!(again, request);
    web.world.reject("dora", again, "once is\u{202e} enough");
    let ran = alice.finish(SOON).expect("an end");
    assert_eq!((ran.stdout.as_str(), ran.code), ("", 126));
    has(&ran.stderr, "dora wrote: once is  enough");
}

/// R60: whoever leaves loses nothing: the approval waits for the same text.
#[test]
fn r60_an_approval_waits_for_a_client_that_left() {
    let web = Web::new(&[FREE, FOLDERS, DBA]);
    let folder = web.path("later");
    let command = format!("mkdir {}", folder.display());
    let alice = web.begin("alice", &command);
    let request = web.world.held_number("dora");
    drop(alice);
    web.world.approve("dora", request);
    assert!(!folder.exists());
    let ran = web.run("alice", &command);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(folder.is_dir());
    has(&ran.stderr, &format!("#{request}"));
}

/// R62: a rule speaks of programs, arguments and paths, and whatever nobody can read is held or refused.
#[test]
fn r62_commands_are_held_by_program_and_path_however_they_are_written() {
    let denied = "[[rule]]\nname = \"no-secrets\"\nact = \"run\"\noutcome = \"deny\"\ngroups = [\"developers\"]\n\
                  paths = [\"/etc/ssh/\"]\n[[rule]]\nname = \"no-kill\"\nact = \"run\"\noutcome = \"deny\"\n\
                  groups = [\"developers\"]\nprograms = [\"kill\"]\narguments = [\"-9\"]\n";
    let web = Web::new(&[FREE, denied]);
    for command in [
        "cat /etc/ssh/sshd_config",
        "cat /etc//ssh/./sshd_config",
        "cat /etc/../etc/ssh/sshd_config",
        "cd /etc && cat ssh/sshd_config",
        "cat < /etc/ssh/sshd_config",
        "head -c1 /etc/ss?/sshd_config",
        "cat \"$(echo /etc/ssh/sshd_config)\"",
        "eval \"cat /etc/ss\"h/sshd_config",
        "echo Y2F0IC9ldGMvc3NoL3NzaGRfY29uZmln | base64 -d | sh",
        "bash -c 'cat /etc/ssh/sshd_config'",
        "X=/etc/ssh/sshd_config; cat $X",
        "find / -name sshd_config -exec cat {} +",
        "python3 -c 'print(open(\"/etc/ss\"+\"h/sshd_config\").read())'",
        "c\\at /etc/s''sh/sshd_config",
        "alias x=cat; x /etc/ssh/sshd_config",
        "kill -9 1",
        "/bin/kill -9 1",
        "k''ill -9 1",
        "env kill -9 1",
    ] {
        let ran = web.run("alice", command);
        assert_eq!((ran.stdout.as_str(), ran.code), ("", 126), "{command}: {}", ran.stderr);
        has(&ran.stderr, "countersign: refused by `no-");
    }
    for (command, said) in [("echo kill -9", "kill -9\n"), ("cat /etc/hostname > /dev/null; echo ok", "ok\n")] {
        let ran = web.run("alice", command);
        assert_eq!((ran.stdout.as_str(), ran.code), (said, 0), "{command}: {}", ran.stderr);
    }
}

/// R63: a rule that holds all but a few programs holds whatever else there is, and those where they write.
#[test]
fn r63_all_but_a_few_programs_is_held() {
    let all = "[[rule]]\nname = \"all\"\nact = \"run\"\noutcome = \"deny\"\ngroups = [\"developers\"]\n\
               free = [\"echo\", \"cat\"]\n";
    let web = Web::new(&[FREE, all]);
    for command in
        ["id", "echo x > f", "echo x; id", "cat /proc/1/root/etc/hostname", "/tmp/echo x", "./cat", "command echo x"]
    {
        let ran = web.run("alice", command);
        assert_eq!((ran.stdout.as_str(), ran.code), ("", 126), "{command}: {}", ran.stderr);
    }
    let ran = web.run("alice", "echo x && cat /etc/hostname > /dev/null; echo y | cat");
    assert_eq!((ran.stdout.as_str(), ran.code), ("", 126), "{}", ran.stderr);
    let ran = web.run("alice", "echo x && cat /dev/null; echo y | cat");
    assert_eq!((ran.stdout.as_str(), ran.code), ("x\ny\n", 0), "{}", ran.stderr);
}

/// Where a rule restricts commands, a command is all there is: no shell, terminal, subsystem, input, environment or forwarding.
#[test]
fn r52_nothing_but_commands_is_let_through() {
    let few = "[[rule]]\nname = \"few\"\nact = \"run\"\noutcome = \"deny\"\ngroups = [\"developers\"]\n\
               free = [\"echo\", \"cat\", \"env\"]\n";
    let web = Web::new(&[FREE, few]);
    let with = |options: &[&str]| {
        let mut ssh = web.ssh("alice");
        ssh.options = options.iter().map(|o| (*o).to_owned()).collect();
        ssh
    };
    let input = web.ssh("alice").run("cat; echo end", "from outside\n").expect("ssh runs");
    assert_eq!((input.stdout.as_str(), input.code), ("end\n", 0), "{}", input.stderr);
    has(&input.stderr, "what you send is not passed on");
    let unreadable = web.ssh("alice").run(OsStr::from_bytes(b"echo \xff"), "").expect("ssh runs");
    assert_eq!((unreadable.stdout.as_str(), unreadable.code), ("", 126));
    has(&unreadable.stderr, "not UTF-8");
    for (terminal, said) in [("echo ran", "refused by `few`"), ("bash -l", "refused by `few`")] {
        let ran = web.ssh("alice").terminal(terminal).expect("ssh starts").finish(SOON).expect("an end");
        assert_eq!((ran.stdout.as_str(), ran.code), ("", 126), "{terminal}");
        has(&ran.stderr, said);
    }
    let environment = with(&["-o", "SetEnv=LC_ALL=xx BASH_ENV=/tmp/x"]).run("env", "").expect("ssh runs");
    assert!(!environment.stdout.contains("BASH_ENV") && !environment.stdout.contains("LC_ALL=xx"));
    let shell = web.ssh("alice").run_shell("echo hello\n").expect("ssh runs");
    assert_eq!((shell.stdout.as_str(), shell.code), ("", 126));
    has(&shell.stderr, "refused by `few`");
    let subsystem = with(&["-s"]).run("netconf", "").expect("ssh runs");
    assert_ne!(subsystem.code, 0, "{}", subsystem.stdout);
    let port = web.sshd.port();
    let forward = with(&["-W", &format!("127.0.0.1:{port}")]).run_shell("").expect("ssh runs");
    assert!(forward.code != 0 && !forward.stdout.contains("SSH-2.0"), "{}", forward.stdout);
    for old in ["KexAlgorithms=diffie-hellman-group14-sha256", "Ciphers=aes256-cbc", "HostKeyAlgorithms=rsa-sha2-512"] {
        let ran = with(&["-o", old]).run("echo ran", "").expect("ssh runs");
        assert_eq!((ran.stdout.as_str(), ran.code), ("", 255), "{old}");
    }
    let planned = json!({ "target": "web-01", "minutes": 60, "reason": "ticket 4711", "plan": ["ls"] });
    let planned = web.world.post("alice", "/requests", &planned);
    assert_eq!(planned.status, 400, "{}", planned.body);
    has(&planned.body.to_string(), "a change plan is of statements");
    let back = with(&["-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:1"]).run("echo ran", "").expect("ssh runs");
    assert!(back.code != 0 && back.stdout.is_empty(), "{}", back.stdout);
}

/// R52: only the right token, of that person, for that account, opens; and the target must be the pinned one.
#[test]
fn r52_only_the_right_token_and_the_pinned_target() {
    let web = Web::new(&[FREE]);
    web.world.api("alice");
    let right = web.world.server.ssh("alice", "web-01").expect("a token");
    let wrong = right.with_password("no such token").expect("written");
    let ran = wrong.run("echo ran", "").expect("ssh runs");
    assert_eq!((ran.stdout.as_str(), ran.code), ("", 255));
    has(&ran.stderr, "Permission denied");
    let other = right.with_user("bob+web-01").run("echo ran", "").expect("ssh runs");
    assert_eq!((other.stdout.as_str(), other.code), ("", 255));
    assert_eq!(right.run("echo ran", "").expect("ssh runs").stdout, "ran\n");
    // A token of a database opens no shell, and the other way round.
    assert!(web.world.server.psql("alice", "web-01").expect("a psql").run("SELECT 1").expect("psql runs").code != 0);

    let impostor = OpenSsh::start().expect("another server");
    let device = device(&web.sshd, &impostor.host_key().expect("a host key"));
    web.world.apply(&[&device, FREE]);
    let ran = web.run("alice", "echo ran");
    assert_eq!((ran.stdout.as_str(), ran.code), ("", 126));
    has(&ran.stderr, "does not show the identity it is pinned to");
}

/// R52: several commands at once in one connection, more than the target takes channels; each has its own output and status.
#[test]
fn r52_channels_of_one_connection_are_apart() {
    let web = Web::new(&[FREE]);
    let ssh = web.ssh("alice").shared();
    let first = ssh.spawn("echo begun; sleep 2; echo ended").expect("ssh starts");
    first.stdout.wait_for("begun", SOON).expect("it runs");
    let others: Vec<_> = (0..12).map(|n| ssh.spawn(&format!("sleep 1; echo {n}; exit {n}")).expect("starts")).collect();
    for (n, other) in (0..).zip(others) {
        let ran = other.finish(SOON).expect("an end");
        assert_eq!((ran.stdout, ran.code), (format!("{n}\n"), n), "{}", ran.stderr);
    }
    assert_eq!(first.finish(SOON).expect("an end").stdout, "begun\nended\n");
    let live = web.world.get("ada", "/sessions");
    assert_eq!(live.as_array().map(Vec::len), Some(1), "one connection is one session: {live}");
}

/// More commands than anybody needs at a time are refused, those that wait for approval included.
#[test]
fn r52_a_connection_has_so_many_commands_and_no_more() {
    let web = Web::new(&[FREE, FOLDERS, DBA]);
    let ssh = web.ssh("alice").shared();
    let command = format!("mkdir {}", web.path("many").display());
    let first = ssh.spawn(&command).expect("ssh starts");
    first.stderr.wait_for("held for approval", SOON).expect("told");
    let others: Vec<_> = (0..64).map(|_| ssh.spawn(&command).expect("ssh starts")).collect();
    let told = |words: &str| others.iter().filter(|other| other.stderr.text().contains(words)).count();
    eventually("all but the one too many wait", || {
        ((told("held for approval"), told("too many commands")) == (63, 1)).then_some(())
    });
    web.world.reject("dora", web.world.held_number("dora"), "not so often");
    for other in others {
        assert_eq!(other.finish(SOON).expect("an end").code, 126);
    }
}

/// R35: a revoke ends a running command on the target, not only its client.
#[test]
fn r35_a_revoke_ends_the_running_command_on_the_target() {
    let web = Web::new(&[ASKED]);
    let refused = web.run("alice", "echo ran");
    assert_eq!((refused.stdout.as_str(), refused.code), ("", 126));
    has(&refused.stderr, "must be requested first");
    let request = web.reserved("alice");
    let mark = format!("60{}", web.sshd.port());
    let alice = web.begin("alice", &format!("echo begun; sleep {mark}"));
    alice.stdout.wait_for("begun", SOON).expect("it runs");
    eventually("the target runs it", || runs(&mark).then_some(()));
    // One in a process group of its own.
    let grouped = web.begin("alice", &format!("echo begun; timeout {mark} sleep {mark}9; echo after"));
    grouped.stdout.wait_for("begun", SOON).expect("it runs");
    eventually("the target runs it too", || runs(&format!("{mark}9")).then_some(()));
    web.world.done("mia", &format!("/requests/{request}/revoke"), &json!({ "reason": "wrong person on the ticket" }));
    let ran = alice.finish(SOON).expect("an end");
    assert_ne!(ran.code, 0);
    has(&ran.stderr, "is Revoked: mia wrote: wrong person on the ticket");
    eventually("the target runs it no more", || (!runs(&mark)).then_some(()));
    eventually("nor the other", || (!runs(&format!("{mark}9"))).then_some(()));
    has(&web.run("alice", "echo ran").stderr, "must be requested first");
}

/// R35: closing the channels of commands that go on leaves none behind that a revoke could not end.
#[test]
fn r35_a_revoke_ends_commands_whose_channels_were_closed() {
    let web = Web::new(&[ASKED]);
    let request = web.reserved("alice");
    let ssh = web.ssh("alice").shared();
    let first = ssh.spawn("echo begun; sleep 600").expect("ssh starts");
    first.stdout.wait_for("begun", SOON).expect("it runs");
    let mark = format!("62{}", web.sshd.port());
    for _ in 0..12 {
        let other = ssh.spawn(&format!("echo begun; sleep {mark}")).expect("ssh starts");
        // Some wait for a place, and never begin.
        let _ = other.stdout.wait_for("begun", Duration::from_secs(1));
        drop(other);
    }
    web.world.done("mia", &format!("/requests/{request}/revoke"), &json!({ "reason": "over" }));
    eventually("the target runs none of them", || (!runs(&mark)).then_some(()));
    assert_ne!(first.finish(SOON).expect("an end").code, 0);
}

/// Whoever leaves takes along what they left running.
#[test]
fn r35_a_command_ends_with_the_client_that_began_it() {
    let web = Web::new(&[FREE]);
    let mark = format!("61{}", web.sshd.port());
    let alice = web.begin("alice", &format!("echo begun; sleep {mark}"));
    alice.stdout.wait_for("begun", SOON).expect("it runs");
    eventually("the target runs it", || runs(&mark).then_some(()));
    drop(alice);
    eventually("the target runs it no more", || (!runs(&mark)).then_some(()));
}

/// Whether a `sleep` of so many seconds runs.
pub fn runs(seconds: &str) -> bool {
    running(seconds) > 0
}

/// How many of them do.
pub fn running(seconds: &str) -> usize {
    let listed = Command::new("ps").args(["-eo", "args"]).output().expect("ps runs");
    String::from_utf8_lossy(&listed.stdout).lines().filter(|line| *line == format!("sleep {seconds}")).count()
}

/// R64: the transcript has every command and what became of it; the journal verifies.
#[test]
fn r64_the_transcript_has_every_command_and_its_outcome() {
    let web = Web::new(&[FREE, FOLDERS, DBA]);
    assert_eq!(web.run("alice", "echo one; exit 4").code, 4);
    let session = web.world.get("ada", "/sessions")[0]["id"].to_string();
    let lines = eventually("the session is closed", || {
        let lines = web.world.get("ada", &format!("/sessions/{session}/transcript")).to_string();
        lines.contains("session closed").then_some(lines)
    });
    has(&lines, "echo one; exit 4");
    has(&lines, "exit status 4");
}
