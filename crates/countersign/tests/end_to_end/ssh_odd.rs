//! Clients of SSH that do what they should not.

use crate::clients::python;
use crate::ssh::{ASKED, FREE, Web, runs};
use crate::world::{SOON, eventually, has};
use countersign_harness::SshSession;
use serde_json::json;
use std::fs;

/// What a connection may keep of a client that sends more than its window, in KiB; the rest is where it came from.
const KEPT_KIB_MAX: u64 = 32 << 10;

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
