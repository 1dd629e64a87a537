//! Forwarding over SSH: the real `ssh` in front of a real OpenSSH server, and connections of the test's own at both ends.

use crate::ssh::{ASKED, FREE, Web};
use crate::world::{DBA, SOON, eventually, has, number};
use countersign_harness::{Ran, SshSession, reserve_port, run};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

/// How long a program may take; generous, for a loaded machine.
const WITHIN: Duration = Duration::from_secs(60);
/// More than may wait anywhere between two ends.
const MUCH: usize = 24 << 20;

/// A rule on commands that names a program, and words of it unless there are none.
pub fn naming(program: &str, words: &[&str], outcome: &str) -> String {
    let workflow = if outcome == "approve" { "workflow = \"dba\"\nunknown = \"dba\"\n" } else { "" };
    let arguments = if words.is_empty() { String::new() } else { format!("arguments = {words:?}\n") };
    format!(
        "[[rule]]\nname = \"{program} {outcome}\"\nact = \"run\"\noutcome = \"{outcome}\"\ngroups = [\"developers\"]\n\
         programs = [\"{program}\"]\n{arguments}{workflow}"
    )
}

/// What says back whatever it is told, to its end, as often as somebody connects.
struct Echo {
    port: u16,
}

impl Echo {
    fn new() -> Echo {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        thread::spawn(move || {
            for stream in listener.incoming() {
                thread::spawn(move || echoed(stream.expect("somebody")));
            }
        });
        Echo { port }
    }

    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

fn echoed(mut stream: TcpStream) {
    let mut back = stream.try_clone().expect("the same");
    // Whoever is cut off ends it.
    let _ = std::io::copy(&mut stream, &mut back);
    let _ = back.shutdown(Shutdown::Write);
}

/// What comes back of this until the other end says no more.
fn said_back(stream: &mut TcpStream, words: &str) -> String {
    stream.write_all(words.as_bytes()).expect("written");
    stream.shutdown(Shutdown::Write).expect("no more");
    let mut said = String::new();
    stream.read_to_string(&mut said).expect("it is told to its end");
    said
}

/// An `ssh` of alice's with these options, that runs nothing.
fn only(web: &Web, options: &[&str]) -> Command {
    let mut ssh = web.ssh("alice");
    ssh.options = options.iter().map(|option| (*option).to_owned()).collect();
    ssh.command().expect("installed")
}

fn forwards(web: &Web, options: &[&str]) -> SshSession {
    let options = [&["-v", "-N", "-o", "ExitOnForwardFailure=yes"], options].concat();
    SshSession::start(only(web, &options).stdin(Stdio::null())).expect("ssh starts")
}

/// `ssh -W`: this to a host and port, and what comes back.
pub fn sent(web: &Web, to: &str, words: &str) -> Ran {
    run(&mut only(web, &["-v", "-W", to]), words, WITHIN).expect("ssh runs")
}

fn connected(port: u16) -> TcpStream {
    let stream = eventually("it is listened at", || TcpStream::connect(("127.0.0.1", port)).ok());
    stream.set_read_timeout(Some(SOON)).expect("set");
    stream
}

/// The held request whose text is this.
fn held(web: &Web, text: &str) -> (u64, Value) {
    web.world.api("dora");
    eventually("it waits for a decision", || {
        let inbox = web.world.inbox("dora");
        let found = inbox.into_iter().find(|view| view["statement"]["texts"][0] == text)?;
        Some((number(&found["id"]), found))
    })
}

/// R52, R70: a port that a rule names is reached by `-W`, `-L` and `-D`, to the end of both directions; the transcript has where and
/// how much, and not a byte of it. Any other is refused, in words.
#[test]
fn r52_r70_ports_are_forwarded_where_a_rule_names_them() {
    let (echo, other) = (Echo::new(), Echo::new());
    let web = Web::new(&[FREE, &naming("forward-local", &[&echo.address()], "allow")]);
    let ran = sent(&web, &echo.address(), "by W");
    assert_eq!((ran.stdout.as_str(), ran.code), ("by W", 0), "{}", ran.stderr);
    let ran = sent(&web, &other.address(), "refused");
    assert_ne!(ran.code, 0);
    has(&ran.stderr, "administratively prohibited: no rule lets this run; an administrator can name `forward-local`");
    assert_eq!(ran.stdout, "");

    let port = reserve_port().expect("a port");
    let local = forwards(&web, &["-L", &format!("{port}:{}", echo.address())]);
    let (mut first, mut second) = (connected(port), connected(port));
    first.write_all(b"one ").expect("written");
    assert_eq!(said_back(&mut second, "two"), "two");
    assert_eq!(said_back(&mut first, "three"), "one three");
    drop(local);

    let port = reserve_port().expect("a port");
    let dynamic = forwards(&web, &["-D", &port.to_string()]);
    let mut stream = connected(port);
    let mut answer = [0; 10];
    stream.write_all(&[5, 1, 0]).expect("written");
    stream.read_exact(&mut answer[..2]).expect("greeted");
    let at = [&[5, 1, 0, 1, 127, 0, 0, 1][..], &echo.port.to_be_bytes()].concat();
    stream.write_all(&at).expect("written");
    stream.read_exact(&mut answer).expect("answered");
    assert_eq!(answer[..2], [5, 0]);
    assert_eq!(said_back(&mut stream, "by D"), "by D");
    drop(dynamic);

    let transcript = web.transcript();
    has(&transcript, &format!("forward-local {}", echo.address()));
    has(&transcript, "closed; 4 bytes went to the target, 4 came from it");
    has(&transcript, "closed; 9 bytes went to the target, 9 came from it");
    has(&transcript, "no rule lets this run");
    assert!(!transcript.contains("three"), "{transcript}");
    let refused = web.world.get("ada", "/audit?kind=statement_refused").to_string();
    assert_eq!(
        refused.matches("no rule lets this run; an administrator can name `forward-local`").count(),
        1,
        "{refused}"
    );
}

/// R62: no silence lets anything be forwarded, and neither does a rule that lets everything else run, or holds it.
#[test]
fn r62_nothing_is_forwarded_that_no_rule_names() {
    let echo = Echo::new();
    let refused = |web: &Web| {
        let ran = sent(web, &echo.address(), "x");
        assert_ne!(ran.code, 0);
        has(&ran.stderr, "administratively prohibited");
        let socket = format!("{}:{}", web.path("local").display(), web.path("there").display());
        for options in [["-R", "0:127.0.0.1:9"], ["-R", &socket]] {
            let ran = forwards(web, &options).finish(SOON).expect("an end");
            assert_ne!(ran.code, 0, "{options:?}");
            has(&ran.stderr, "remote port forwarding failed");
        }
    };
    let web = Web::new(&[FREE]);
    refused(&web);
    let all = "[[rule]]\nname = \"all\"\nact = \"run\"\noutcome = \"allow\"\ngroups = [\"developers\"]\n";
    web.world.apply(&[&web.device(), FREE, all]);
    refused(&web);
    let all = all.replace("allow", "approve") + "free = [\"forward-local\"]\nworkflow = \"dba\"\nunknown = \"dba\"\n";
    web.world.apply(&[&web.device(), FREE, &all, DBA]);
    refused(&web);
    let local = naming("forward-local", &[], "allow");
    let folders =
        all.replace("free = [\"forward-local\"]", "programs = [\"mkdir\"]").replace("unknown = \"dba\"\n", "");
    web.world.apply(&[&web.device(), FREE, &local, &folders, DBA]);
    refused(&web);
}

/// R52, R70: a port of the target that a rule names is listened at, whichever it chose, and what comes of it goes to the client; a
/// command goes on beside it; it is listened at no longer once the client has left.
#[test]
fn r52_r70_a_port_of_the_target_leads_to_the_client() {
    let echo = Echo::new();
    let web = Web::new(&[FREE, &naming("forward-remote", &["localhost"], "allow")]);
    let mut ssh = web.ssh("alice");
    ssh.options = ["-v", "-R", &format!("0:{}", echo.address())].map(str::to_owned).to_vec();
    let beside = ssh.piped("cat").expect("ssh starts");
    let line = beside.stderr.wait_for("Allocated port", SOON).expect("told");
    let port: u16 = line
        .lines()
        .find_map(|line| line.strip_prefix("Allocated port ")?.split(' ').next()?.parse().ok())
        .expect("a port");
    for _ in 0..2 {
        assert_eq!(said_back(&mut connected(port), "there and back"), "there and back");
    }
    let mut beside = beside;
    beside.send("beside\n").expect("written");
    beside.stdout.wait_for("beside", SOON).expect("it goes on");
    drop(beside);
    eventually("nobody listens any more", || TcpStream::connect(("127.0.0.1", port)).err());
    let transcript = web.transcript();
    has(&transcript, "forward-remote localhost:0");
    has(&transcript, &format!("listens: forward-remote localhost:{port}"));
    has(&transcript, "closed; 14 bytes went to the target, 14 came from it");
    has(&transcript, "listens no more");
}

/// R52: sockets are forwarded both ways where rules name them, and no others.
#[test]
fn r52_sockets_are_forwarded_both_ways() {
    let web = Web::new(&[FREE]);
    let text = |name: &str| web.path(name).display().to_string();
    let (theirs, mine, back, there) = (text("theirs"), text("mine"), text("back"), text("there"));
    let rule = |program: &str, path: &str| naming(program, &[], "allow") + &format!("paths = [\"{path}\"]\n");
    let rules = [rule("forward-local-socket", &theirs), rule("forward-remote-socket", &there)];
    web.world.apply(&[&web.device(), FREE, &rules[0], &rules[1]]);
    for path in [&theirs, &back] {
        let listener = UnixListener::bind(path).expect("a socket");
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.expect("somebody");
                let mut to = stream.try_clone().expect("the same");
                let _ = std::io::copy(&mut stream, &mut to);
                let _ = to.shutdown(Shutdown::Write);
            }
        });
    }
    let said_back = |path: &str| {
        let mut stream = eventually("it is listened at", || UnixStream::connect(path).ok());
        stream.write_all(b"by a socket").expect("written");
        stream.shutdown(Shutdown::Write).expect("no more");
        let mut said = String::new();
        stream.read_to_string(&mut said).expect("it is told to its end");
        said
    };
    let both = forwards(&web, &["-L", &format!("{mine}:{theirs}"), "-R", &format!("{there}:{back}")]);
    assert_eq!(said_back(&mine), "by a socket");
    assert_eq!(said_back(&there), "by a socket");
    drop(both);
    let other = text("other");
    let wrong = forwards(&web, &["-R", &format!("{other}:{back}")]);
    assert_ne!(wrong.finish(SOON).expect("an end").code, 0);
}

/// R60, R61: a connection that must be approved is not made before it is, is made once, and the card says where to.
#[test]
fn r60_r61_a_forward_waits_until_it_is_approved() {
    let echo = Echo::new();
    let (local, remote) = (naming("forward-local", &[], "approve"), naming("forward-remote", &[], "approve"));
    let web = Web::new(&[FREE, &local, &remote, DBA]);
    let text = format!("forward-local {}", echo.address());
    let alice = SshSession::start(only(&web, &["-v", "-W", &echo.address()]).stdin(Stdio::null())).expect("ssh starts");
    let (first, card) = held(&web, &text);
    has(&card["what"].to_string(), &format!("forward to {} through ", echo.address()));
    web.world.approve("dora", first);
    let ran = alice.finish(SOON).expect("an end");
    assert_eq!(ran.code, 0, "{}", ran.stderr);

    let again = SshSession::start(only(&web, &["-v", "-W", &echo.address()]).stdin(Stdio::null())).expect("ssh starts");
    let (second, _) = held(&web, &text);
    assert_ne!(first, second, "the approval is used up");
    web.world.reject("dora", second, "once is enough");
    let ran = again.finish(SOON).expect("an end");
    assert_ne!(ran.code, 0);
    has(&ran.stderr, "dora wrote: once is enough");

    // A port of the target is asked for again once it is approved.
    let port = reserve_port().expect("a port");
    let remote = format!("{port}:{}", echo.address());
    let ran = forwards(&web, &["-R", &remote]).finish(SOON).expect("an end");
    assert_ne!(ran.code, 0);
    let (third, card) = held(&web, &format!("forward-remote localhost:{port}"));
    has(&card["what"].to_string(), &format!("listen at localhost:{port} of "));
    web.world.approve("dora", third);
    let approved = forwards(&web, &["-R", &remote]);
    assert_eq!(said_back(&mut connected(port), "approved"), "approved");
    drop(approved);
    let transcript = web.transcript();
    for part in [format!("held #{first}"), format!("released #{first}"), format!("released #{third}")] {
        has(&transcript, &part);
    }
    assert!(!transcript.contains(&format!("released #{second}")), "{transcript}");
    eventually("the outcome is in the request", || {
        let outcome = web.world.request(first)["statement"]["outcome"].to_string();
        outcome.contains("exit status 0").then_some(())
    });
}

/// R35: a revoke cuts what is forwarded in both directions, on both sides, whoever is sending, and a port that is listened at.
#[test]
fn r35_a_revoke_cuts_what_is_forwarded() {
    let echo = Echo::new();
    let (local, remote) = (naming("forward-local", &[], "allow"), naming("forward-remote", &[], "allow"));
    let web = Web::new(&[ASKED, &local, &remote]);
    let request = web.reserved("alice");
    let (near, far) = (reserve_port().expect("a port"), reserve_port().expect("a port"));
    let options = [format!("{near}:{}", echo.address()), format!("{far}:{}", echo.address())];
    let ssh = forwards(&web, &["-L", &options[0], "-R", &options[1]]);
    let mut streams = [connected(near), connected(far)];
    for stream in &mut streams {
        stream.write_all(b"x").expect("written");
        stream.read_exact(&mut [0]).expect("it comes back");
    }
    let pumps = streams.map(|mut stream| {
        let mut to = stream.try_clone().expect("the same");
        thread::spawn(move || while to.write_all(&[7; 4096]).is_ok() {});
        thread::spawn(move || {
            let mut some = [0; 4096];
            while stream.read(&mut some).is_ok_and(|length| length > 0) {}
        })
    });
    web.world.done("mia", &format!("/requests/{request}/revoke"), &json!({ "reason": "over" }));
    for pump in pumps {
        pump.join().expect("it is cut");
    }
    eventually("nobody listens any more", || TcpStream::connect(("127.0.0.1", far)).err());
    ssh.finish(SOON).expect("the client is sent away");
    has(&web.transcript(), "cut; ");
}

/// R63: after a change of the rules nothing more comes of what they let be listened at before.
#[test]
fn r63_a_new_rule_ends_what_comes_of_a_port() {
    let echo = Echo::new();
    let remote = naming("forward-remote", &[], "allow");
    let web = Web::new(&[FREE, &remote]);
    let port = reserve_port().expect("a port");
    let _ssh = forwards(&web, &["-R", &format!("{port}:{}", echo.address())]);
    assert_eq!(said_back(&mut connected(port), "before"), "before");
    web.world.apply(&[&web.device(), FREE]);
    let mut after = connected(port);
    let mut said = Vec::new();
    // Cut off, or reset where it had written.
    let _ = after.write_all(b"after");
    let _ = after.read_to_end(&mut said);
    assert_eq!(said, b"");
}

/// R52: one client that takes nothing keeps nobody else of its connection waiting, and what it left is still there.
#[test]
fn r52_a_forward_that_is_not_read_keeps_nobody_waiting() {
    let echo = Echo::new();
    let web = Web::new(&[FREE, &naming("forward-local", &[], "allow")]);
    let source = TcpListener::bind("127.0.0.1:0").expect("a port");
    let from = source.local_addr().expect("bound").port();
    thread::spawn(move || {
        let (mut stream, _) = source.accept().expect("somebody");
        let _ = stream.write_all(&vec![7; MUCH]);
    });
    let (much, beside) = (reserve_port().expect("a port"), reserve_port().expect("a port"));
    let options = [format!("{much}:127.0.0.1:{from}"), format!("{beside}:{}", echo.address())];
    let _ssh = forwards(&web, &["-L", &options[0], "-L", &options[1]]);
    let mut stalled = connected(much);
    stalled.read_exact(&mut [0]).expect("it begins");
    for _ in 0..20 {
        assert_eq!(said_back(&mut connected(beside), "beside"), "beside");
    }
    let mut rest = Vec::new();
    stalled.read_to_end(&mut rest).expect("all of it comes");
    assert_eq!(rest.len(), MUCH - 1);
}

/// R52: a third host is reached over this one by `ssh -J`, where a rule lets it be.
#[test]
fn r52_another_host_is_reached_over_this_one() {
    let third = countersign_harness::OpenSsh::start().expect("a server");
    let to = format!("127.0.0.1:{}", third.port());
    let web = Web::new(&[FREE, &naming("forward-local", &[&to], "allow")]);
    let key = web.registered("alice", "own", &["-t", "ed25519"]);
    let over = third.ssh().expect("ssh").over(&web.with_keys("alice", &[&key])).expect("written");
    let ran = over.run("echo there", "").expect("ssh runs");
    assert_eq!((ran.stdout.as_str(), ran.code), ("there\n", 0), "{}", ran.stderr);
}
