//! Change plans: statements approved with the session that runs them.

use crate::world::{CONNECT_APPROVED, CUSTOMERS_HELD, DBA, SOON, World, eventually, has, number};
use serde_json::{Value, json};

const RULES: &[&str] = &[CONNECT_APPROVED, CUSTOMERS_HELD, DBA];

const SCRIPT: &str = "-- ticket 4711\n\
    UPDATE customers SET changes = changes + 1 WHERE id = 1;\n\
    SELECT count(*) FROM orders;\n\
    UPDATE customers\n   SET city = 'Basel' -- moved; see the ticket\n WHERE id = 1;\n\n\
    DELETE FROM customers WHERE id = 3;\n\
    UPDATE customers SET changes = changes + 1 WHERE id = 2;\n";

/// Runs `countersign` as a person.
fn said(world: &World, person: &str, words: &[&str]) -> String {
    world.api(person);
    let ran = world.server.cli(person, words).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(ran.code, 0, "{words:?}: {}", ran.stderr);
    ran.stdout
}

/// R61: five statements are approved once, by everybody they need, and run as written, in order, once.
#[test]
fn r61_a_plan_of_five_statements_runs_without_further_approval() {
    let world = World::new(RULES);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("change.sql");
    std::fs::write(&file, SCRIPT).expect("a script");
    let file = file.display().to_string();
    let ask = ["request", "prod-db", "--minutes", "60", "--reason", "ticket 4711: wrong city", "--script", &file];
    has(&said(&world, "alice", &ask), "run 5 planned statements");
    let request = number(&world.get("alice", "/requests")[0]["id"]);
    let card = said(&world, "dora", &["show", &request.to_string()]);
    for line in [
        "5 statements, once each, in this order",
        "-- moved; see the ticket",
        "touches select customers, delete customers",
    ] {
        has(&card, line);
    }
    // The manager lets her in, and the database team has to approve what it would have to approve one by one.
    world.approve("mia", request);
    assert_eq!(world.status(request), "Pending");
    world.approve("dora", request);

    let mut alice = world.terminal("alice");
    let steps = plan(&world, request);
    let texts: Vec<String> = steps.iter().map(|s| s["text"].as_str().unwrap_or_default().to_owned()).collect();
    // Out of order it waits.
    waits(&world, &mut alice, &texts[2]);
    for (text, tag) in texts.iter().zip(["UPDATE 1", "30", "UPDATE 1", "DELETE 1", "UPDATE 1"]) {
        let said = alice.say(text.trim_end_matches(';'));
        assert_eq!(said.out, tag, "{text}: {}", said.err);
        assert!(!said.err.contains("held"), "{text}: {}", said.err);
    }
    assert_eq!(
        world.target("SELECT string_agg(id || city || changes, ' ' ORDER BY id) FROM customers"),
        "1Basel1 2Izmir1"
    );
    let steps = plan(&world, request);
    let outcomes: Vec<&str> = steps.iter().map(|s| s["outcome"].as_str().unwrap_or_default()).collect();
    assert_eq!(outcomes, ["1 row", "", "1 row", "1 row", "1 row"]);
    has(&said(&world, "mia", &["show", &request.to_string()]), ": 1 row");
    // Once more, altered, or not planned: it waits.
    for other in [&texts[0], "UPDATE customers SET changes = changes + 2 WHERE id = 1", "DELETE FROM customers"] {
        waits(&world, &mut alice, other);
    }
    world.done("mia", &format!("/requests/{request}/revoke"), &json!({ "reason": "done" }));
    alice.try_begin("SELECT 1");
    alice.told("FATAL");
    let export = folder.path().join("journal").display().to_string();
    said(&world, "ada", &["export", &export]);
    has(&said(&world, "ada", &["verify", &export]), "released   4,");
}

/// In any order, by the API; what a rule denies cannot be planned.
#[test]
fn r61_a_plan_in_any_order_and_one_that_is_denied() {
    let world = World::new(RULES);
    let texts = ["UPDATE customers SET changes = 5 WHERE id = 1;", "UPDATE customers SET changes = 6 WHERE id = 2;"];
    let wanted = |plan: Value| json!({ "target": "prod-db", "minutes": 60, "reason": "ticket 4711: wrong", "plan": plan, "in_order": false });
    let request = number(&world.done("alice", "/requests", &wanted(json!(texts)))["id"]);
    world.approve("mia", request);
    world.approve("dora", request);
    let mut alice = world.terminal("alice");
    for text in [texts[1], texts[0]] {
        assert_eq!(alice.say(text.trim_end_matches(';')).out, "UPDATE 1");
    }
    for (plan, why) in [
        (json!("UPDATE SET;"), "not valid PostgreSQL"),
        (json!(vec!["SELECT 1;"; 201]), "this has 201"),
        (json!([format!("SELECT '{}';", "x".repeat(1 << 20))]), "bytes of text"),
    ] {
        has(world.post("alice", "/requests", &wanted(plan)).message(), why);
    }
    world.apply(&[
        CONNECT_APPROVED,
        &CUSTOMERS_HELD.replace("\"approve\"", "\"deny\"").replace("workflow = \"dba\"\n", ""),
        DBA,
    ]);
    has(
        world.post("alice", "/requests", &wanted(json!(texts))).message(),
        "statement 1 of the plan cannot be asked for",
    );
}

fn plan(world: &World, request: u64) -> Vec<Value> {
    world.request(request)["plan"]["steps"].as_array().cloned().unwrap_or_default()
}

/// A statement is held; it is rejected, so that the session goes on.
fn waits(world: &World, alice: &mut crate::world::Terminal, text: &str) {
    alice.begin(text.trim_end_matches(';'));
    let request = world.held_number("dora");
    world.reject("dora", request, "not planned so");
    has(&alice.end().err, "not planned so");
}

/// R61: the server is killed while a planned statement runs. Whether it took effect is not known; it never runs again.
#[test]
fn r61_a_planned_statement_never_runs_again_after_a_crash() {
    let mut world = World::new(RULES);
    let text = "UPDATE customers SET changes = changes + 1 WHERE id = 1 AND pg_sleep(5) IS NOT NULL";
    let request = ask(&world, &format!("{text};"));
    let mut alice = world.terminal("alice");
    alice.begin(text);
    eventually("the statement runs", || (world.running("pg_sleep") == "1").then_some(()));
    world.server.kill().expect("killed");
    world.server.restart().expect("it starts again");
    eventually("the request says so", || {
        let outcome = plan(&world, request)[0]["outcome"].to_string();
        outcome.contains("unknown").then_some(())
    });
    eventually("the old statement is gone", || (world.running("pg_sleep") == "0").then_some(()));
    let before = world.changes(1);
    let mut alice = world.terminal("alice");
    waits(&world, &mut alice, text);
    assert_eq!(world.changes(1), before);
}

/// R61: what the server takes apart is what psql sends, whatever stands between the statements.
#[test]
fn r61_a_whole_script_goes_through_psql_as_it_was_taken_apart() {
    let world = World::new(RULES);
    let script = "-- move; everybody\n\nBEGIN;\n  -- the first\n  UPDATE customers SET name = 'a;b' WHERE id = 1 ; UPDATE customers\n\
        SET city = $$x;-- y$$ /* why; */ WHERE id = 1;\n/* third */ UPDATE customers SET changes = 3 -- three\n\n\
        WHERE id = 1\n;\nDO $$ BEGIN UPDATE customers SET changes = changes + 1; END $$;\nCOMMIT;\n\
        UPDATE customers SET changes = changes + 10 WHERE id = 1";
    let request = ask(&world, script);
    let ran = world.psql("alice").spawn(script).and_then(|psql| psql.finish(SOON)).expect("psql runs");
    assert!(!ran.stderr.contains("held") && ran.code == 0, "{}", ran.stderr);
    let outcomes = plan(&world, request).iter().map(|s| s["outcome"].to_string()).collect::<Vec<_>>().join(" ");
    assert_eq!(outcomes.matches("row").count(), 5, "{outcomes}");
    assert_eq!(world.target("SELECT name, city, changes FROM customers WHERE id = 1"), "a;b|x;-- y|14");
}

/// Asks for a session with a script, and has everybody approve it.
fn ask(world: &World, script: &str) -> u64 {
    let wanted = json!({ "target": "prod-db", "minutes": 60, "reason": "ticket 4711: wrong city", "plan": script });
    let request = number(&world.done("alice", "/requests", &wanted)["id"]);
    world.approve("mia", request);
    world.approve("dora", request);
    request
}
