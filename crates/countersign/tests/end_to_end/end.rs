//! Taking access away: the session, the statement and the backend.

use crate::world::{CONNECT_APPROVED, CUSTOMERS_HELD, DBA, World, eventually, has};
use serde_json::json;

#[test]
fn r35_a_revoke_cuts_the_session_and_the_running_statement() {
    let world = World::new(&[CONNECT_APPROVED]);
    let request = world.reserved("alice");
    let mut alice = world.terminal("alice");
    alice.begin("SELECT pg_sleep(600)");
    eventually("the statement runs", || (world.running("pg_sleep") == "1").then_some(()));
    let why = json!({ "reason": "wrong person on the ticket" });
    let by_requester = world.post("alice", &format!("/requests/{request}/revoke"), &why);
    assert!(by_requester.status == 409 || by_requester.status == 403, "{}", by_requester.body);
    world.done("mia", &format!("/requests/{request}/revoke"), &why);
    has(&alice.told("FATAL"), "is Revoked: mia wrote: wrong person on the ticket");
    eventually("the target has no such backend", || (world.backends() == "0").then_some(()));
    assert_eq!(world.status(request), "Revoked");
    let refused = world.psql("alice").run("SELECT 1").expect("psql runs");
    assert_ne!(refused.code, 0);
    has(&refused.stderr, "must be requested first");
    let again = world.post("mia", &format!("/requests/{request}/revoke"), &why);
    assert_eq!(again.status, 409, "{}", again.body);
}

#[test]
fn r35_a_revoke_ends_a_session_whose_statement_is_held() {
    let world = World::new(&[CONNECT_APPROVED, CUSTOMERS_HELD, DBA]);
    let connect = world.reserved("alice");
    let mut alice = world.terminal("alice");
    alice.begin("UPDATE customers SET changes = 7");
    let held = world.held_number("dora");
    world.done("mia", &format!("/requests/{connect}/revoke"), &json!({ "reason": "wrong person on the ticket" }));
    alice.told("FATAL");
    eventually("the target has no such backend", || (world.backends() == "0").then_some(()));
    assert_ne!(world.decide("dora", held, "approve", "").status, 200);
    assert_eq!(world.changes(1), "0");
}

#[test]
fn r35_a_session_can_be_terminated_and_its_grant_stays() {
    let world = World::new(&[CONNECT_APPROVED]);
    let request = world.reserved("alice");
    let mut alice = world.terminal("alice");
    alice.begin("SELECT pg_sleep(600)");
    eventually("the statement runs", || (world.running("pg_sleep") == "1").then_some(()));
    let live = world.get("ada", "/sessions?live=true");
    let session = live[0]["id"].to_string();
    assert_eq!(world.post("mia", &format!("/sessions/{session}/terminate"), &json!({})).status, 403);
    world.done("ada", &format!("/sessions/{session}/terminate"), &json!({}));
    alice.told("FATAL");
    eventually("the target has no such backend", || (world.backends() == "0").then_some(()));
    assert_eq!(world.status(request), "Approved");
    assert_eq!(world.psql("alice").run("SELECT 1").expect("psql runs").stdout, "1\n");
}

#[test]
fn r50_a_killed_server_leaves_no_backend_that_runs_on() {
    let mut world = World::new(&[CONNECT_APPROVED]);
    let request = world.reserved("alice");
    let mut alice = world.terminal("alice");
    alice.begin("SELECT 1");
    alice.end();
    world.server.kill().expect("killed");
    eventually("the target has no such backend", || (world.backends() == "0").then_some(()));
    world.server.restart().expect("it starts again");
    assert_eq!(world.status(request), "Approved");
    let sessions = world.get("ada", "/sessions");
    has(sessions[0]["ended"].as_str().unwrap_or_default(), "stopped");
    assert_eq!(world.psql("alice").run("SELECT 1").expect("psql runs").stdout, "1\n");
}
