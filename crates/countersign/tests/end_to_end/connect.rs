//! Getting in: only inside what was granted.

use crate::world::{CONNECT_ALLOWED, CONNECT_APPROVED, SOON, World, eventually, has, number};
use countersign_harness::Psql;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

/// What stands for a wrong user, a wrong token and an old one alike, so that nobody can guess names.
const NO_TOKEN: &str = "user name or access token is not right";

#[test]
fn r51_r53_a_reservation_is_needed_listed_and_used() {
    let world = World::new(&[CONNECT_APPROVED]);
    let refused = world.psql("alice").run("SELECT 1").expect("psql runs");
    assert_ne!(refused.code, 0);
    has(&refused.stderr, "must be requested first");
    has(&refused.stderr, &world.server.page_address());
    assert_eq!(world.backends(), "0");

    let request = world.reserve("alice");
    let mine = world.get("alice", "/requests");
    let listed = &mine[0];
    assert_eq!(number(&listed["id"]), request);
    assert_eq!(listed["status"], "Pending");
    assert_eq!(listed["reason"], "ticket 4711: wrong city");
    has(listed["target"].as_str().unwrap_or_default(), "prod-db");
    assert!(listed["window"].is_object(), "{listed}");

    world.approve("mia", request);
    assert_eq!((world.status(request).as_str(), world.stage(request).as_str()), ("Approved", "To be used"));
    let mut alice = world.terminal("alice");
    assert_eq!(alice.say("SELECT city FROM customers WHERE id = 2").out, "Izmir");
    assert_eq!(world.stage(request), "In use");
    let access = world.get("alice", "/access");
    assert_eq!(access[0]["grant"]["stage"], "In use");
}

#[test]
fn r30_a_reason_and_a_period_within_the_rule_are_required() {
    let world = World::new(&[CONNECT_APPROVED]);
    let ask = |minutes: u64, reason: &str| {
        world.post("alice", "/requests", &json!({ "target": "prod-db", "minutes": minutes, "reason": reason }))
    };
    let short = ask(60, "fix");
    assert_eq!(short.status, 409);
    has(short.message(), "10 characters");
    let long = ask(241, "ticket 4711: wrong city");
    assert_eq!(long.status, 409);
    let preview = world.get("alice", "/access/prod-db/preview");
    assert_eq!(preview["tracks"][0][0]["approvers"][0]["handle"], "mia");
}

#[test]
fn r50_a_window_in_the_future_refuses_until_it_begins() {
    let world = World::new(&[CONNECT_APPROVED]);
    let start = Timestamp::now() + SignedDuration::from_hours(1);
    let wanted = json!({
        "target": "prod-db", "start": start.to_string(), "minutes": 30, "reason": "ticket 4711: tomorrow's release",
    });
    let request = number(&world.done("alice", "/requests", &wanted)["id"]);
    world.approve("mia", request);
    assert_eq!(world.stage(request), "To be used");
    let refused = world.psql("alice").run("SELECT 1").expect("psql runs");
    assert_ne!(refused.code, 0);
    has(&refused.stderr, "reserved from");
    assert_eq!(world.backends(), "0");
}

#[test]
fn r50_the_end_of_the_window_cuts_a_running_session() {
    let world = World::new(&[CONNECT_APPROVED]);
    world.api("mia");
    world.api("alice");
    let end = Timestamp::now() + SignedDuration::from_secs(12);
    let wanted = json!({ "target": "prod-db", "end": end.to_string(), "reason": "ticket 4711: a short look" });
    let request = number(&world.done("alice", "/requests", &wanted)["id"]);
    world.approve("mia", request);
    let mut alice = world.terminal("alice");
    alice.begin("SELECT pg_sleep(600)");
    eventually("the statement runs", || (world.running("pg_sleep") == "1").then_some(()));
    alice.told("FATAL");
    assert!(Timestamp::now() >= end, "it was cut before its end");
    eventually("the target has no such backend", || (world.backends() == "0").then_some(()));
    assert_eq!(world.stage(request), "Ended");
    assert_ne!(world.psql("alice").run("SELECT 1").expect("psql runs").code, 0);
}

#[test]
fn r3_an_allow_rule_connects_directly_and_is_a_request_too() {
    let world = World::new(&[CONNECT_ALLOWED]);
    let ran = world.psql("alice").run("SELECT count(*) FROM customers").expect("psql runs");
    assert_eq!(ran.stdout, "3\n", "{}", ran.stderr);
    let mine = world.get("alice", "/requests");
    assert_eq!(mine[0]["status"], "Approved", "{mine}");
    world.api("dora");
    let stranger = world.server.cli("dora", &["token", "prod-db"]).expect("it runs");
    assert_eq!(stranger.code, 1);
    has(&stranger.stderr, "no rule allows this to you");
}

#[test]
fn r3_a_justify_rule_wants_only_a_reason() {
    let rule = CONNECT_ALLOWED.replace("\"allow\"", "\"justify\"") + "reason_chars_min = 10\n";
    let world = World::new(&[&rule]);
    let mut waiting = world.psql("alice").spawn("SELECT 'let in';").expect("psql runs");
    waiting.stderr.wait_for("a reason is needed: give it on the page", SOON).expect("the connection waits");
    assert_eq!(world.backends(), "0", "nothing is opened on the target meanwhile");
    let request = world.reserve("alice");
    waiting.stdout.wait_for("let in", SOON).expect("and goes on");
    waiting.send("\\q").expect("psql reads");
    let view = world.request(request);
    assert_eq!((view["status"].as_str(), view["justified_only"].as_bool()), (Some("Approved"), Some(true)));
    assert_eq!(world.psql("alice").run("SELECT 7").expect("psql runs").stdout, "7\n");
    assert_eq!(world.get("aron", "/audit?kind=connect_refused"), json!([]), "who waits is not refused");
}

#[test]
fn r3_a_client_that_does_not_wait_for_its_reason_is_in_the_audit() {
    let world = World::new(&[&CONNECT_ALLOWED.replace("\"allow\"", "\"justify\"")]);
    let waiting = world.psql("alice").spawn("SELECT 1;").expect("psql runs");
    waiting.stderr.wait_for("a reason is needed: give it on the page", SOON).expect("the connection waits");
    drop(waiting);
    let noted = eventually("its leaving is noted", || {
        world.get("aron", "/audit?kind=connect_refused").as_array().and_then(|found| found.first().cloned())
    });
    has(&noted.to_string(), "the client left before a reason was given");
}

#[test]
fn r3_a_reason_may_come_with_the_token() {
    let justify = CONNECT_ALLOWED.replace("\"allow\"", "\"justify\"") + "reason_chars_min = 10\n";
    let world = World::new(&[&justify]);
    let token = |reason: &str| world.post("alice", "/tokens", &json!({ "target": "prod-db", "reason": reason }));
    has(token("short").message(), "at least 10 characters");
    assert_eq!(token("ticket 4711: wrong city").status, 200);
    assert_eq!(world.psql("alice").run("SELECT 7").expect("psql runs").stdout, "7\n");
    let held = World::new(&[CONNECT_APPROVED]);
    let wanted = json!({ "target": "prod-db", "reason": "ticket 4711: wrong city" });
    has(held.post("alice", "/tokens", &wanted).message(), "a reason is not enough here");
}

#[test]
fn r3_a_reason_may_come_as_a_connection_option() {
    let justify = CONNECT_ALLOWED.replace("\"allow\"", "\"justify\"") + "reason_chars_min = 10\n";
    let world = World::new(&[&justify]);
    let psql = |who: &str, options: &str| Psql { options: options.to_owned(), ..world.psql(who) };
    let short = psql("alice", "-c countersign.reason=short").run("SELECT 1").expect("psql runs");
    has(&short.stderr, "at least 10 characters");
    assert_eq!(world.backends(), "0");
    let why = r"-c countersign.reason=ticket\ 4711:\ wrong\ city";
    let fine = psql("alice", &format!("{why} -c work_mem=4321kB"));
    let ran = fine.run("SELECT current_setting('work_mem'), current_setting('countersign.reason', true) IS NULL");
    let ran = ran.expect("psql runs");
    assert_eq!(ran.stdout, "4321kB|t\n", "the rest reaches the target, the reason does not: {}", ran.stderr);
    let mine = world.get("alice", "/requests");
    assert_eq!((&mine[0]["reason"], &mine[0]["justified_only"]), (&json!("ticket 4711: wrong city"), &json!(true)));
}

/// R3: a client that brings its reason waits for the approval it needs; one that brings none is sent away.
#[test]
fn r3_r20_a_client_that_brings_its_reason_waits_for_approval() {
    let world = World::new(&[CONNECT_APPROVED]);
    has(&world.psql("alice").run("SELECT 1").expect("psql runs").stderr, "must be requested first");
    let why = r"-c countersign.reason=ticket\ 4711:\ wrong\ city";
    let waits = || {
        let psql = Psql { options: why.to_owned(), ..world.psql("alice") };
        let waiting = psql.spawn("SELECT 'let in';").expect("psql runs");
        waiting.stderr.wait_for("waits for approval; mia can decide", SOON).expect("told");
        (waiting, number(&world.inbox("mia")[0]["id"]))
    };
    let (waiting, request) = waits();
    assert_eq!(world.backends(), "0", "nothing is opened on the target meanwhile");
    world.reject("mia", request, "which city?");
    let ran = waiting.finish(SOON).expect("an end");
    has(&ran.stderr, "is Disapproved: mia wrote: which city?");
    let (mut waiting, request) = waits();
    world.approve("mia", request);
    waiting.stdout.wait_for("let in", SOON).expect("and goes on");
    waiting.send("\\q").expect("psql reads");
}

#[test]
fn r52_only_the_right_token_opens_and_the_target_password_stays_hidden() {
    let world = World::new(&[CONNECT_ALLOWED]);
    let right = world.psql("alice");
    let wrong = Psql { password: "0".repeat(40), ..right.clone() }.run("SELECT 1").expect("psql runs");
    assert_ne!(wrong.code, 0);
    has(&wrong.stderr, NO_TOKEN);
    let bob = Psql { user: right.user.replace("alice", "bob"), ..right.clone() }.run("SELECT 1").expect("psql runs");
    has(&bob.stderr, NO_TOKEN);
    let nobody = Psql { user: right.user.replace("alice", "nobody"), ..right.clone() }.run("SELECT 1");
    has(&nobody.expect("psql runs").stderr, NO_TOKEN);
    assert_eq!(world.backends(), "0");
    assert_eq!(right.run("SELECT 1").expect("psql runs").stdout, "1\n");
    let later = world.psql("alice");
    has(&right.run("SELECT 1").expect("psql runs").stderr, NO_TOKEN);
    assert_eq!(later.run("SELECT 1").expect("psql runs").stdout, "1\n");
}

#[test]
fn r54_r55_exclusive_use_lasts_until_surrender() {
    let world = World::new(&[CONNECT_APPROVED, "exclusive = true\n"]);
    let (alices, _) = (world.reserved("alice"), world.reserved("bob"));
    let mut alice = world.terminal("alice");
    let refused = world.psql("bob").run("SELECT 1").expect("psql runs");
    assert_ne!(refused.code, 0);
    has(&refused.stderr, "in exclusive use by another user");
    // The same grant may open further sessions.
    assert_eq!(world.psql("alice").run("SELECT 1").expect("psql runs").stdout, "1\n");

    alice.begin("SELECT pg_sleep(600)");
    eventually("the statement runs", || (world.running("pg_sleep") == "1").then_some(()));
    assert_eq!(world.post("bob", &format!("/requests/{alices}/surrender"), &json!({})).status, 404);
    world.done("alice", &format!("/requests/{alices}/surrender"), &json!({}));
    alice.told("FATAL");
    eventually("the target has no such backend", || (world.backends() == "0").then_some(()));
    let view = world.request(alices);
    assert_eq!(
        (view["grant"]["stage"].as_str(), view["grant"]["ended"].as_str()),
        (Some("Ended"), Some("surrendered"))
    );
    let bob = eventually("bob gets in", || {
        let ran = world.psql("bob").run("SELECT 1").expect("psql runs");
        (ran.code == 0).then_some(ran)
    });
    assert_eq!(bob.stdout, "1\n");
    assert_ne!(world.psql("alice").run("SELECT 1").expect("psql runs").code, 0);
}
