//! A statement waits for its countersignature.

use crate::wire::Driver;
use crate::world::{CONNECT_ALLOWED, CUSTOMERS_HELD, DBA, SOON, World, eventually, has, number};
use tokio_postgres::error::SqlState;

const HELD: &[&str] = &[CONNECT_ALLOWED, CUSTOMERS_HELD, DBA];
const UPDATE: &str = "UPDATE customers SET changes = changes + 1 WHERE id = 1";

#[test]
fn r60_r61_an_approved_statement_runs_exactly_once() {
    let world = World::new(HELD);
    let mut alice = world.terminal("alice");
    alice.begin(UPDATE);
    let held = world.held("dora");
    let request = number(&held["id"]);
    // Exactly what psql sent, its semicolon included.
    assert_eq!(held["statement"]["texts"][0], format!("{UPDATE};"));
    assert_eq!(held["statement"]["kinds"][0], "update");
    let notice = alice.told("NOTICE");
    has(&notice, &request.to_string());
    let told = alice.told(&format!("{}/requests/{request}", world.server.page_address()));
    has(&format!("{notice}{told}"), "dora");
    assert_eq!(world.changes(1), "0");
    assert_eq!(world.running("UPDATE"), "0");

    world.approve("dora", request);
    let said = alice.end();
    assert_eq!(said.out, "UPDATE 1", "{}", said.err);
    assert_eq!(world.changes(1), "1");
    eventually("the outcome is in the request", || {
        let outcome = world.request(request)["statement"]["outcome"].to_string();
        outcome.contains('1').then_some(())
    });

    // The approval is used up: the same text waits again.
    alice.begin(UPDATE);
    let again = world.held_number("dora");
    assert_ne!(again, request);
    assert_eq!(world.changes(1), "1");
    world.reject("dora", again, "once is enough");
    has(&alice.end().err, "once is enough");
    assert_eq!(world.changes(1), "1");
}

#[test]
fn r60_a_rejected_statement_answers_42501_and_the_session_goes_on() {
    let world = World::new(HELD);
    let mut alice = world.terminal("alice");
    alice.begin("DELETE FROM customers");
    let request = world.held_number("dora");
    world.reject("dora", request, "use the archive job");
    let said = alice.end();
    has(&said.err, "42501");
    has(&said.err, "use the archive job");
    assert_eq!(alice.say("SELECT count(*) FROM customers").out, "3");
    assert_eq!(world.status(request), "Disapproved");
}

#[test]
fn r60_a_rejection_inside_a_transaction_fails_it_on_both_sides() {
    let world = World::new(HELD);
    let mut alice = world.terminal("alice");
    assert_eq!(alice.say("BEGIN").out, "BEGIN");
    assert_eq!(alice.say("INSERT INTO orders VALUES (99, 1, 5)").out, "INSERT 0 1");
    alice.begin(UPDATE);
    world.reject("dora", world.held_number("dora"), "not like this");
    has(&alice.end().err, "42501");
    has(&alice.say("SELECT 1").err, "25P02");
    let login = format!("app_{}", world.database);
    let state = format!("SELECT state FROM pg_stat_activity WHERE usename = '{login}'");
    assert_eq!(world.target(&state), "idle in transaction (aborted)");
    assert_eq!(alice.say("COMMIT").out, "ROLLBACK");
    assert_eq!(alice.say("SELECT 1").out, "1");
    assert_eq!(world.target("SELECT count(*) FROM orders WHERE id = 99"), "0");
}

#[test]
fn r60_an_approval_inside_a_transaction_runs_in_it() {
    let world = World::new(HELD);
    let mut alice = world.terminal("alice");
    alice.say("BEGIN");
    alice.begin(UPDATE);
    world.approve("dora", world.held_number("dora"));
    assert_eq!(alice.end().out, "UPDATE 1");
    assert_eq!(world.changes(1), "0");
    assert_eq!(alice.say("ROLLBACK").out, "ROLLBACK");
    assert_eq!(world.changes(1), "0");
}

#[test]
fn r60_a_client_that_left_loses_nothing() {
    let world = World::new(HELD);
    let mut alice = world.terminal("alice");
    alice.begin(UPDATE);
    let request = world.held_number("dora");
    drop(alice);
    eventually("the target has no such backend", || (world.backends() == "0").then_some(()));
    assert_eq!(world.status(request), "Pending");
    world.approve("dora", request);
    assert_eq!(world.changes(1), "0");

    let mut back = world.terminal("alice");
    let other = "UPDATE customers SET changes = changes + 1 WHERE id = 2";
    back.begin(other);
    world.reject("dora", world.held_number("dora"), "this was not asked");
    has(&back.end().err, "42501");
    let said = back.say(UPDATE);
    assert_eq!(said.out, "UPDATE 1", "{}", said.err);
    assert_eq!(world.changes(1), "1");
    back.begin(UPDATE);
    let again = world.held_number("dora");
    assert_ne!(again, request);
    assert_eq!(world.changes(1), "1");
    world.reject("dora", again, "once is enough");
    has(&back.end().err, "42501");
}

#[test]
fn r60_identical_attempts_join_one_request() {
    let world = World::new(HELD);
    let mut alice = world.terminal("alice");
    alice.begin(UPDATE);
    let request = world.held_number("dora");
    drop(alice);
    let mut back = world.terminal("alice");
    back.begin(UPDATE);
    back.told("NOTICE");
    assert_eq!(world.held_number("dora"), request);
    world.approve("dora", request);
    assert_eq!(back.end().out, "UPDATE 1");
    assert_eq!(world.changes(1), "1");
}

#[test]
fn r60_a_cancel_while_held_withdraws_and_reaches_no_later_statement() {
    let world = World::new(HELD);
    let alice = Driver::connect(&world, "alice");
    let begun = alice.begin("UPDATE customers SET city = $1, changes = changes + 1 WHERE id = $2", "Basel", 1);
    let request = world.held_number("dora");
    alice.cancel();
    let ended = alice.end(begun).expect_err("it was canceled");
    assert_eq!(ended.code(), Some(&SqlState::QUERY_CANCELED), "{ended:?}");
    eventually("the request is withdrawn", || (world.status(request) == "Canceled").then_some(()));
    // Too late for anything: what follows must not meet it.
    alice.cancel();
    assert_eq!(alice.value("SELECT pg_sleep(1)::text || 'slept'").expect("unaffected"), "slept");
    assert_eq!(world.changes(1), "0");
}

#[test]
fn r52_a_cancel_reaches_a_running_statement() {
    let world = World::new(HELD);
    let alice = Driver::connect(&world, "alice");
    let begun = alice.begin("SELECT pg_sleep(600), $1::text, $2::int", "x", 1);
    eventually("the statement runs", || (world.running("pg_sleep") == "1").then_some(()));
    alice.cancel();
    let ended = alice.end(begun).expect_err("it was canceled");
    assert_eq!(ended.code(), Some(&SqlState::QUERY_CANCELED), "{ended:?}");
    assert_eq!(alice.value("SELECT 'next'").expect("the session goes on"), "next");
}

#[test]
fn r61_bound_values_are_shown_held_and_released_once() {
    let world = World::new(HELD);
    let alice = Driver::connect(&world, "alice");
    let sql = "UPDATE customers SET city = $1, changes = changes + 1 WHERE id = $2";
    let begun = alice.begin(sql, "Basel", 2);
    let held = world.held("dora");
    assert_eq!(held["statement"]["texts"][0], sql);
    // The driver sends binary values; what is not sent as text is shown as its exact bytes.
    let values = held["statement"]["parameters"][0].to_string();
    assert!(values.contains("Basel") || values.contains("\\x426173656c"), "{values}");
    assert_eq!(world.changes(2), "0");
    world.approve("dora", number(&held["id"]));
    assert_eq!(alice.end(begun).expect("it runs"), 1);
    assert_eq!(world.target("SELECT city, changes FROM customers WHERE id = 2"), "Basel|1");

    // Another value is another statement.
    let other = alice.begin(sql, "Bern", 2);
    let request = world.held_number("dora");
    world.reject("dora", request, "Basel was right");
    let ended = alice.end(other).expect_err("it was rejected");
    assert_eq!(ended.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{ended:?}");
    has(&format!("{ended:?}"), "Basel was right");
    assert_eq!(alice.value("SELECT city FROM customers WHERE id = 2").expect("the session goes on"), "Basel");
}

#[test]
fn r61_a_changed_search_path_is_another_statement() {
    let world = World::new(HELD);
    world.target("CREATE SCHEMA other; CREATE TABLE other.customers (id int, changes int DEFAULT 0)");
    let login = format!("app_{}", world.database);
    world.target(&format!("GRANT ALL ON SCHEMA other TO {login}; GRANT ALL ON other.customers TO {login}"));
    let mut alice = world.terminal("alice");
    alice.begin(UPDATE);
    let request = world.held_number("dora");
    drop(alice);
    world.approve("dora", request);
    let mut back = world.terminal("alice");
    back.say("SET search_path = other");
    back.begin(UPDATE);
    let again = world.held_number("dora");
    assert_ne!(again, request, "the approval was for another table");
    world.reject("dora", again, "no");
    has(&back.end().err, "42501");
    assert_eq!(world.changes(1), "0");
}

#[test]
fn r60_a_held_statement_is_in_the_inbox_and_the_mail() {
    let world = World::with_mail(HELD);
    let mail = world.mail.as_ref().expect("a mail server");
    let mut alice = world.terminal("alice");
    alice.begin(UPDATE);
    let request = world.held_number("dora");
    let told = mail.wait_for(2, SOON).expect("both members of dba are told");
    let mut to: Vec<_> = told.iter().flat_map(|message| message.to.clone()).collect();
    to.sort();
    assert_eq!(to, ["dave@shop.example", "dora@shop.example"]);
    has(&told[0].text, &format!("/requests/{request}"));
    world.approve("dora", request);
    assert_eq!(alice.end().out, "UPDATE 1");
}
