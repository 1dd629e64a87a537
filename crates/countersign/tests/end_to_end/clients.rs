//! The programs people use over SSH, in front of a real OpenSSH server: they work as they do without us.

use crate::keys::connected;
use crate::ssh::{FREE, Web};
use countersign_harness::{OpenSsh, Ssh, run};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// How long a program may take; generous, for a loaded machine.
const WITHIN: Duration = Duration::from_secs(60);
/// Debian's own, which finds the packages that it is to use.
const PYTHON: &str = "/usr/bin/python3";

/// A folder with files of several kinds and names, and where to copy it to.
struct Files {
    mine: PathBuf,
    there: PathBuf,
    back: PathBuf,
}

impl Files {
    fn new(web: &Web) -> Files {
        let all = web.path("files");
        let files = Files { mine: all.join("mine"), there: all.join("there"), back: all.join("back") };
        fs::create_dir_all(files.mine.join("a folder/deep")).expect("made");
        for (name, bytes) in [("empty", 0), ("a folder/größe 'x' $1", 70_000), ("a folder/deep/large", 3_000_000)] {
            let content: Vec<u8> = (0..bytes).map(|_| fastrand::u8(..)).collect();
            fs::write(files.mine.join(name), content).expect("written");
        }
        files
    }

    fn are_the_same_everywhere(&self) {
        for other in [&self.there, &self.back] {
            works(Command::new("diff").arg("-r").args([&self.mine, other]));
        }
    }
}

fn works(command: &mut Command) -> String {
    let ran = run(command, "", WITHIN).expect("it runs");
    assert_eq!(ran.code, 0, "{:?}: {}{}", command.get_program(), ran.stdout, ran.stderr);
    ran.stdout
}

/// How programs start `ssh`.
fn by_ssh(ssh: &Ssh) -> String {
    format!("ssh -F {}", ssh.settings_file().expect("written").display())
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// R52: lftp mirrors a folder there and back.
#[test]
fn r52_lftp_mirrors_both_ways() {
    let web = Web::new(&[FREE]);
    let (files, ssh) = (Files::new(&web), web.ssh("alice"));
    let (mine, there, back) = (text(&files.mine), text(&files.there), text(&files.back));
    let lines = format!(
        "set cmd:fail-exit yes; set net:max-retries 1; set sftp:connect-program '{} -a -x'; open sftp://there; \
         mirror -R -P 4 {mine} {there}; mirror -P 4 {there} {back}; rm {there}/empty; mirror -R {mine} {there}",
        by_ssh(&ssh)
    );
    works(ssh.program("lftp", "lftp").expect("installed").args(["--norc", "-c", &lines]));
    files.are_the_same_everywhere();
}

/// R52: rsync copies a folder there and back, sends only what differs, and removes what is gone.
#[test]
fn r52_rsync_copies_both_ways_and_removes() {
    let web = Web::new(&[FREE]);
    let (files, ssh) = (Files::new(&web), web.ssh("alice"));
    let rsync = |from: String, to: String| {
        let mut rsync = ssh.program("rsync", "rsync").expect("installed");
        works(rsync.args(["-a", "--delete", "--checksum", "-e", &by_ssh(&ssh), &from, &to]));
    };
    let (mine, there) = (format!("{}/", text(&files.mine)), format!("there:{}/", text(&files.there)));
    rsync(mine.clone(), there.clone());
    fs::write(files.mine.join("new"), "new").expect("written");
    fs::remove_file(files.mine.join("empty")).expect("removed");
    rsync(mine, there.clone());
    rsync(there, text(&files.back));
    files.are_the_same_everywhere();
}

/// R52: git clones, pushes and fetches.
#[test]
fn r52_git_clones_pushes_and_fetches() {
    let web = Web::new(&[FREE]);
    let (all, ssh) = (web.path("git"), web.ssh("alice"));
    fs::create_dir(&all).expect("made");
    let git = |folder: &str, line: &str| {
        let mut git = ssh.program("git", "git").expect("installed");
        git.env("GIT_SSH_COMMAND", by_ssh(&ssh)).env("GIT_CONFIG_NOSYSTEM", "1").current_dir(all.join(folder));
        works(git.args(["-c", "user.name=a", "-c", "user.email=a@shop.example"]).args(line.split(' ')))
    };
    git("", "init -q --bare -b main there");
    let remote = format!("there:{}", text(&all.join("there")));
    git("", &format!("clone -q {remote} one"));
    fs::write(all.join("one/file"), (0..100_000).map(|_| fastrand::u8(..)).collect::<Vec<u8>>()).expect("written");
    git("one", "add file");
    git("one", "commit -q -m first");
    git("one", "push -q origin HEAD:main");
    git("", &format!("clone -q {remote} two"));
    git("one", "commit -q --allow-empty -m second");
    git("one", "push -q origin HEAD:main");
    git("two", "fetch -q origin");
    assert_eq!(git("two", "log --format=%s origin/main"), "second\nfirst\n");
    assert_eq!(fs::read(all.join("one/file")).expect("there"), fs::read(all.join("two/file")).expect("there"));
}

/// R52: Ansible reaches a host and copies to it, with and without pipelining.
#[test]
fn r52_ansible_runs_modules_with_and_without_pipelining() {
    let web = Web::new(&[FREE]);
    let files = Files::new(&web);
    let ssh = web.with_keys("alice", &[&web.registered("alice", "own", &["-t", "ed25519"])]);
    for pipelining in ["0", "1"] {
        let there = web.path(&format!("there-{pipelining}"));
        let ansible = |module: &str, arguments: &str| {
            let mut ansible = ssh.program("ansible", "ansible-core").expect("installed");
            ansible.env("ANSIBLE_PIPELINING", pipelining).env("ANSIBLE_SSH_RETRIES", "0");
            ansible.args(["-i", "there,", "all", "-e", "ansible_python_interpreter=/usr/bin/python3"]);
            ansible.args(["--ssh-common-args", &format!("-F {}", text(&ssh.settings_file().expect("written")))]);
            works(ansible.args(["-m", module, "-a", arguments]))
        };
        assert!(ansible("ping", "").contains("\"ping\": \"pong\""));
        let from = files.mine.join("a folder/deep/large");
        ansible("copy", &format!("src='{}' dest={} mode=0600", text(&from), text(&there)));
        assert_eq!(fs::read(from).expect("there"), fs::read(there).expect("copied"));
    }
}

/// R52: programs that use paramiko run commands, shells and SFTP, and agree on new keys.
#[test]
fn r52_paramiko_runs_commands_shells_and_sftp() {
    python_works("python3-paramiko", include_str!("clients/use_paramiko.py"));
}

/// R52: programs that use asyncssh run commands and SFTP, many at a time.
#[test]
fn r52_asyncssh_runs_many_at_a_time() {
    python_works("python3-asyncssh", include_str!("clients/use_asyncssh.py"));
}

fn python_works(package: &'static str, script: &str) {
    let web = Web::new(&[FREE]);
    let (folder, ssh) = (web.path("there"), web.ssh("alice"));
    fs::create_dir(&folder).expect("made");
    assert_eq!(works(python(&ssh, package, script).arg(folder)), "done\n");
}

/// A script of Python with where to connect to, as whom and with what.
pub fn python(ssh: &Ssh, package: &'static str, script: &str) -> Command {
    let mut python = ssh.program(PYTHON, package).expect("installed");
    python.args(["-I", "-W", "ignore", "-c", script, &ssh.port().to_string(), ssh.user()]);
    python.args([ssh.password_file(), ssh.known_hosts_file()]);
    python
}

/// R52: PuTTY's plink and psftp run commands and copy files.
#[test]
fn r52_putty_runs_commands_and_copies() {
    let web = Web::new(&[FREE]);
    let (files, ssh) = (Files::new(&web), web.ssh("alice"));
    let keys = format!("-lf {}", text(&ssh.known_hosts_file()));
    let known = works(Command::new("ssh-keygen").args(keys.split(' ')));
    let fingerprint = known.split(' ').nth(1).expect("a fingerprint");
    let putty = |name: &str, further: &[&str]| {
        let mut putty = ssh.program(name, "putty-tools").expect("installed");
        let port = ssh.port().to_string();
        putty.args(["-batch", "-noagent", "-P", &port, "-l", ssh.user(), "-hostkey", fingerprint, "-pwfile"]);
        works(putty.arg(ssh.password_file()).arg("127.0.0.1").args(further))
    };
    assert_eq!(putty("plink", &["echo ran; echo $((6 * 7))"]), "ran\n42\n");
    let lines = web.path("lines");
    let (mine, there, back) = (text(&files.mine), text(&files.there), text(&files.back));
    fs::write(&lines, format!("put -r {mine} {there}\nget -r {there} {back}\n")).expect("written");
    putty("psftp", &["-b", &text(&lines)]);
    files.are_the_same_everywhere();
}

/// R52: keys are agreed on anew in the middle of a transfer, on both sides, whoever asks for it.
#[test]
fn r52_keys_are_agreed_on_anew_in_the_middle() {
    let sshd = OpenSsh::start_with("RekeyLimit 1M\n").expect("a server");
    let web = Web::in_front_of(sshd, &[FREE]);
    let mut ssh = web.ssh("alice");
    ssh.options = vec!["-o".to_owned(), "RekeyLimit=1M".to_owned()];
    let much = "0123456789abcde\n".repeat(1 << 19);
    let ran = ssh.run("cat", &much).expect("ssh runs");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout == much, "{} of {} bytes came back", ran.stdout.len(), much.len());
}

/// R52: a client that asks whether we are still there is told so, also while nothing is said.
#[test]
fn r52_a_client_that_asks_is_told_that_we_are_there() {
    let web = Web::new(&[FREE]);
    let mut ssh = web.ssh("alice");
    ssh.options =
        ["ServerAliveInterval=1", "ServerAliveCountMax=1"].iter().flat_map(|o| ["-o", o]).map(str::to_owned).collect();
    let ran = ssh.run("sleep 4; echo ran", "").expect("ssh runs");
    assert_eq!((ran.stdout.as_str(), ran.code), ("ran\n", 0), "{}", ran.stderr);
}

/// R52: forwarding of ports, sockets, agents and displays, and environment, are refused to whoever signed in, and a command
/// beside it runs.
#[tokio::test]
async fn r52_what_nobody_may_ask_for_is_refused_and_the_rest_goes_on() {
    let web = Web::new(&[FREE]);
    let ssh = web.ssh("alice");
    let mut client = connected(&web).await;
    let password = fs::read_to_string(ssh.password_file()).expect("there");
    assert!(client.authenticate_password(ssh.user(), password).await.expect("an answer").success());
    let port = u32::from(web.sshd.port());
    assert!(client.channel_open_direct_tcpip("127.0.0.1", port, "127.0.0.1", 1).await.is_err());
    assert!(client.channel_open_direct_streamlocal("/run/x").await.is_err());
    assert!(client.channel_open_x11("127.0.0.1", 1).await.is_err());
    assert!(client.tcpip_forward("127.0.0.1", 0).await.is_err());
    assert!(client.streamlocal_forward("/tmp/x").await.is_err());
    let mut channel = client.channel_open_session().await.expect("a channel");
    channel.agent_forward(true).await.expect("sent");
    channel.request_x11(true, false, "MIT-MAGIC-COOKIE-1", "00", 0).await.expect("sent");
    channel.set_env(true, "COUNTERSIGN_X", "x").await.expect("sent");
    channel.exec(true, "env").await.expect("sent");
    let (mut answers, mut said) = (Vec::new(), Vec::new());
    while let Some(message) = channel.wait().await {
        match message {
            russh::ChannelMsg::Success => answers.push(true),
            russh::ChannelMsg::Failure => answers.push(false),
            russh::ChannelMsg::Data { data } => said.extend_from_slice(&data),
            _ => {}
        }
    }
    assert_eq!(answers, [false, false, false, true]);
    let said = String::from_utf8_lossy(&said);
    assert!(
        said.contains("HOME=") && !["COUNTERSIGN_X", "DISPLAY", "SSH_AUTH_SOCK"].iter().any(|v| said.contains(v)),
        "{said}"
    );
}

/// R52: ssh-audit finds nothing to warn of in what we offer.
#[test]
fn r52_ssh_audit_finds_nothing_to_warn_of() {
    let web = Web::new(&[FREE]);
    let ssh = web.ssh("alice");
    let mut audit = ssh.program("ssh-audit", "ssh-audit").expect("installed");
    audit.args(["-n", "-l", "warn", "-p", &ssh.port().to_string(), "127.0.0.1"]);
    let said = run(&mut audit, "", WITHIN).expect("it runs").stdout;
    let judged = |line: &&str| line.contains("[warn]") || line.contains("[fail]");
    // What is newer than Debian's ssh-audit, which warns of what it does not know.
    let newer = |line: &&str| {
        let name = line.split_whitespace().nth(1).unwrap_or_default();
        line.contains("unknown algorithm") && ["mlkem768x25519-sha256", "kex-strict-s-v00@openssh.com"].contains(&name)
    };
    let found: Vec<_> = said.lines().filter(judged).filter(|line| !newer(line)).collect();
    assert!(found.is_empty() && said.contains("unknown algorithm"), "{said}");
}
