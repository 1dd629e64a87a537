//! What is written down, and that it can be checked by somebody who does not trust us.

use crate::world::{CONNECT_APPROVED, CUSTOMERS_HELD, DBA, World, eventually, has, number};
use serde_json::{Value, json};
use std::fs;

const RULES: &[&str] = &[CONNECT_APPROVED, CUSTOMERS_HELD, DBA];
const UPDATE: &str = "UPDATE customers SET changes = changes + 1 WHERE id = 1";

/// A world in which the main job was played: connected, one statement released, one rejected, revoked.
fn played() -> (World, u64, u64, u64) {
    let world = World::new(RULES);
    assert_ne!(world.psql("alice").run("SELECT 1").expect("psql runs").code, 0);
    let connect = world.reserved("alice");
    let mut alice = world.terminal("alice");
    assert_eq!(alice.say("SELECT name FROM customers WHERE id = 2").out, "Emre Kaya");
    has(&alice.say("SELECT * FROM nowhere").err, "42P01");
    alice.begin(UPDATE);
    let released = world.held_number("dora");
    world.approve("dora", released);
    assert_eq!(alice.end().out, "UPDATE 1");
    alice.begin("DELETE FROM customers");
    let rejected = world.held_number("dave");
    world.reject("dave", rejected, "use the archive job");
    has(&alice.end().err, "42501");
    let why = json!({ "reason": "the ticket is closed" });
    world.done("mia", &format!("/requests/{connect}/revoke"), &why);
    eventually("the target has no such backend", || (world.backends() == "0").then_some(()));
    eventually("the session is closed", || {
        let sessions = world.get("ada", "/sessions");
        sessions.as_array()?.iter().all(|session| !session["closed_at"].is_null()).then_some(())
    });
    (world, connect, released, rejected)
}

#[test]
fn r64_the_transcript_has_every_text_and_its_outcome() {
    let (world, connect, released, rejected) = played();
    let view = world.request(connect);
    let session = view["sessions"][0].to_string();
    let lines = world.get("ada", &format!("/sessions/{session}/transcript"));
    let lines = lines.as_array().cloned().unwrap_or_default();
    let find = |text: &str, kind: &str| {
        let found = lines.iter().find(|line| {
            line["text"].as_str().unwrap_or_default().contains(text)
                && line["kind"].as_str().unwrap_or_default().contains(kind)
        });
        found.unwrap_or_else(|| panic!("no `{kind}` line with `{text}` in {lines:#?}"))
    };
    let outcome_of = |line: &Value| {
        let same = |other: &&Value| other["statement"] == line["statement"] && other["kind"] == "outcome";
        let outcome = lines.iter().find(same).unwrap_or_else(|| panic!("no outcome of {line} in {lines:#?}"));
        outcome["detail"].as_str().unwrap_or_default().to_owned()
    };
    has(&outcome_of(find("SELECT name FROM customers", "allowed")), "1");
    has(&outcome_of(find("SELECT * FROM nowhere", "allowed")), "42P01");
    find(UPDATE, &format!("held #{released}"));
    has(&outcome_of(find("", &format!("released #{released}"))), "1");
    find("DELETE FROM customers", &format!("held #{rejected}"));
    // Who decided stands in the request the line names.
    assert_eq!(world.request(released)["tracks"][0][0]["votes"][0]["approver"]["handle"], "dora");
    assert_eq!(world.get("ada", &format!("/sessions/{session}/transcript"))[0]["at"], lines[0]["at"]);
    assert_ne!(world.api("bob").get(&format!("/sessions/{session}/transcript")).expect("an answer").status, 200);
}

#[test]
fn r90_the_audit_lists_all_of_it_in_order() {
    let (world, connect, released, rejected) = played();
    let lines = world.get("aron", "/audit?limit=500");
    let lines = lines.as_array().cloned().unwrap_or_default();
    let seqs: Vec<u64> = lines.iter().rev().map(|line| number(&line["seq"])).collect();
    assert!(seqs.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{seqs:?}");
    let of = |kind: &str, request: Option<u64>| {
        let same = |line: &&Value| line["kind"] == kind && request.is_none_or(|id| line["request"] == json!(id));
        lines.iter().filter(same).count()
    };
    for (kind, request) in [
        ("request_made", connect),
        ("level_started", connect),
        ("voted", connect),
        ("request_approved", connect),
        ("session_opened", connect),
        ("request_revoked", connect),
        ("grant_ended", connect),
        ("request_made", released),
        ("voted", released),
        ("used", released),
        ("ran", released),
        ("request_made", rejected),
        ("voted", rejected),
        ("request_disapproved", rejected),
    ] {
        assert_eq!(of(kind, Some(request)), 1, "{kind} of {request}: {lines:#?}");
    }
    for kind in ["installed", "policy_applied", "password_set", "token_issued", "connect_refused", "session_closed"] {
        assert!(of(kind, None) >= 1, "no {kind}");
    }
    assert_eq!(of("used", Some(rejected)), 0);
    assert_eq!(world.api("alice").get("/audit").expect("an answer").status, 403);
    let found = world.get("aron", "/audit?kind=voted&text=dora");
    assert_eq!(found.as_array().map(Vec::len), Some(1), "{found}");
}

#[test]
fn r92_an_export_verifies_and_a_tampered_one_names_the_entry() {
    let (world, ..) = played();
    let file = world.server.scratch_dir().join("export");
    let path = file.display().to_string();
    let exported = world.server.cli("ada", &["export", &path]).expect("it runs").output("export").expect("exported");
    let verified = world.server.cli("ada", &["verify", &path]).expect("it runs");
    assert_eq!(verified.code, 0, "{}", verified.stderr);
    let head =
        exported.split_whitespace().find(|word| word.contains(':') && word.starts_with(|c: char| c.is_ascii_digit()));
    let head = head.unwrap_or_else(|| panic!("no head in `{exported}`")).trim_matches('`').to_owned();
    let expected = world.server.cli("ada", &["verify", &path, "--expect", &head]).expect("it runs");
    assert_eq!(expected.code, 0, "{}", expected.stderr);

    let told = world.server.cli("ada", &["replay", &path, "--request", "2"]).expect("it runs").output("replay");
    let told = told.expect("told again");
    for part in
        ["alice asks for a connection", "#2 is Pending", "approved #2 on level 1", "#2 is Approved", "is in use"]
    {
        assert!(told.contains(part), "no `{part}` in\n{told}");
    }
    assert!(!told.contains("(#3)"), "another request is told too:\n{told}");

    let good = fs::read(&file).expect("an export");
    let mut changed = good.clone();
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    fs::write(&file, &changed).expect("written");
    let told = world.server.cli("ada", &["verify", &path]).expect("it runs");
    assert_eq!(told.code, 1, "{}{}", told.stdout, told.stderr);
    // A changed byte shows in the entry itself, or in the next one, which names the hash of what was there.
    let entry = starts(&good).iter().take_while(|start| **start <= middle).count() - 1;
    let named = |entry: usize| told.stderr.contains(&format!("entry {entry} "));
    assert!(named(entry) || named(entry + 1), "entry {entry} was changed: {}", told.stderr);
    // A shorter copy is whole in itself; only the head that was kept apart tells.
    let last = *starts(&good).last().expect("it has entries");
    fs::write(&file, &good[..last]).expect("written");
    let told = world.server.cli("ada", &["verify", &path, "--expect", &head]).expect("it runs");
    assert_eq!(told.code, 1, "{}{}", told.stdout, told.stderr);
}

/// Where each entry begins: a line, then entries behind their length (four bytes, big-endian).
fn starts(export: &[u8]) -> Vec<usize> {
    let mut at = export.iter().position(|byte| *byte == b'\n').expect("a first line") + 1;
    let mut starts = Vec::new();
    while at < export.len() {
        starts.push(at);
        let length: [u8; 4] = export[at..at + 4].try_into().expect("four bytes");
        at += 4 + u32::from_be_bytes(length) as usize;
    }
    starts
}
