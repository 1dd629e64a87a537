//! Clients of SSH that do what they should not.

use crate::clients::python;
use crate::ssh::{ASKED, FREE, Web, runs};
use crate::world::{SOON, eventually, has};
use countersign_harness::{SshSession, raise_file_limit};
use serde_json::json;
use std::collections::VecDeque;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;

/// What a connection may keep of a client that sends more than its window, in KiB; the rest is where it came from.
const KEPT_KIB_MAX: u64 = 32 << 10;
/// Connections that say nothing, and how many files are open for those of them that the server keeps: each is two, itself and what ends
/// it whoever still waits for it.
const HALF_OPEN: usize = 10_000;
const HALF_OPEN_FILES: usize = 2 * 256;
/// So many are made before one waits for the server.
const AT_ONCE: usize = 64;
/// Files that a test has open besides.
const FILES_BESIDE: usize = 256;

fn odd(web: &Web, what: &str, argument: &str) -> SshSession {
    let mut odd = python(&web.ssh("alice"), "python3-paramiko", include_str!("clients/odd.py"));
    SshSession::start(odd.args([what, argument])).expect("python starts")
}

/// R52: what is opened, asked and sent before anybody signed in comes to nothing, also once there are new keys; whoever signs in
/// then is let in, and no sooner.
#[test]
fn r52_nothing_is_heard_before_signing_in() {
    let web = Web::new(&[FREE]);
    let made = web.path("made");
    let ran = odd(&web, "early", &made.display().to_string()).finish(SOON).expect("an end");
    assert_eq!(ran.stdout, "answered []\nran\nover\n", "{}", ran.stderr);
    assert!(!made.exists());
}

/// R52: a client that sends more than its window is not kept in memory, keeps nobody out, and is cut as any other.
#[test]
fn r52_more_than_a_window_is_not_kept() {
    let web = Web::new(&[FREE, ASKED]);
    let request = web.reserved("alice");
    let mark = format!("68{}", web.sshd.port());
    let before = resident_kib(&web);
    let odd = odd(&web, "overflow", &mark);
    odd.stdout.wait_for("taken", SOON).expect("it goes on until no more is taken");
    eventually("the target runs it", || runs(&mark).then_some(()));
    let kept = resident_kib(&web).saturating_sub(before);
    assert!(kept < KEPT_KIB_MAX, "{kept} KiB are kept: {}", odd.stdout.text());
    assert_eq!(web.run("alice", "echo ran").stdout, "ran\n");
    web.world.done("mia", &format!("/requests/{request}/revoke"), &json!({ "reason": "over" }));
    eventually("the target runs it no more", || (!runs(&mark)).then_some(()));
    has(&odd.finish(SOON).expect("an end").stdout, "over");
}

/// R52: ten thousand connections that say nothing, or nonsense, keep nobody out, bring nothing down, and leave nothing behind: neither
/// files that are open nor memory.
#[test]
fn r52_half_open_connections_keep_nobody_out() {
    let most = raise_file_limit().expect("as many files as there may be").saturating_sub(FILES_BESIDE);
    let web = Web::new(&[FREE]);
    let at = ("127.0.0.1", web.world.server.ssh_port());
    assert_eq!(web.run("alice", "echo ran").stdout, "ran\n");
    let (files, memory) = (open_files(&web), resident_kib(&web));
    let mut silent = VecDeque::new();
    for n in 0..HALF_OPEN {
        let mut tcp = TcpStream::connect(at).expect("accepted");
        if n % 2 == 0 {
            // It may have given way already.
            let _ = tcp.write_all(b"SSH-2.0-half\r\n");
        }
        if n % AT_ONCE == 0 {
            // Faster than they are accepted, each that finds no room would cost a second.
            tcp.read_exact(&mut [0]).expect("the server begins");
        }
        silent.push_back(tcp);
        if silent.len() > most {
            silent.pop_front();
        }
    }
    for nonsense in ["\0\0\0\0", "GET / HTTP/1.1\r\n\r\n", "SSH-2.0-x\r\n\u{ff}\u{ff}\u{ff}\u{ff}", "SSH-1.0-old\r\n"] {
        let mut tcp = TcpStream::connect(at).expect("accepted");
        tcp.write_all(nonsense.as_bytes()).expect("sent");
    }
    assert_eq!(web.run("alice", "echo ran").stdout, "ran\n", "beside {} that say nothing", silent.len());
    eventually("the oldest give way", || (open_files(&web) <= files + HALF_OPEN_FILES).then_some(()));
    drop(silent);
    eventually("no more is open than before", || (open_files(&web) <= files).then_some(()));
    let kept = resident_kib(&web).saturating_sub(memory);
    assert!(kept < KEPT_KIB_MAX, "{kept} KiB are kept");
    assert_eq!(web.run("alice", "echo ran").stdout, "ran\n");
}

fn open_files(web: &Web) -> usize {
    let pid = web.world.server.pid().expect("it runs");
    fs::read_dir(format!("/proc/{pid}/fd")).expect("it runs").count()
}

fn resident_kib(web: &Web) -> u64 {
    let pid = web.world.server.pid().expect("it runs");
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a size");
    line.split_whitespace().next().and_then(|number| number.parse().ok()).expect("a number")
}

/// R35: a revoke ends what a client goes on typing into while it takes no output, whether it leaves its window used up or reads
/// nothing at all; and the client is sent away.
#[test]
fn r35_a_revoke_ends_a_client_that_types_and_takes_nothing() {
    for what in ["takes-nothing", "reads-nothing"] {
        let web = Web::new(&[ASKED]);
        let request = web.reserved("alice");
        let mark = format!("69{}", web.sshd.port());
        let odd = odd(&web, what, &mark);
        odd.stdout.wait_for("types", SOON).expect("it begins");
        eventually("the target runs it", || runs(&mark).then_some(()));
        web.world.done("mia", &format!("/requests/{request}/revoke"), &json!({ "reason": "over" }));
        eventually("the target runs it no more", || (!runs(&mark)).then_some(()));
        has(&odd.finish(SOON).expect("an end").stdout, "over");
    }
}
