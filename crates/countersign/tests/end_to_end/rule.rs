//! What rules do together, and when they take effect.

use crate::world::{CONNECT_ALLOWED, CONNECT_APPROVED, CUSTOMERS_HELD, DBA, World, has};
use serde_json::json;

#[test]
fn r4_deny_wins_and_binds_administrators() {
    let deny = "[[rule]]\nname = \"frozen\"\nact = \"connect\"\noutcome = \"deny\"\ndevices = [\"prod-db\"]\n";
    let all = "[[rule]]\nname = \"everyone\"\nact = \"connect\"\noutcome = \"allow\"\n";
    let world = World::new(&[CONNECT_APPROVED, all, deny]);
    for person in ["alice", "ada"] {
        let refused = world.psql(person).run("SELECT 1").expect("psql runs");
        assert_ne!(refused.code, 0);
        has(&refused.stderr, "`frozen`");
        let wanted = json!({ "target": "prod-db", "minutes": 10, "reason": "ticket 4711: wrong city" });
        let asked = world.post(person, "/requests", &wanted);
        assert_eq!(asked.status, 409, "{}", asked.body);
        has(asked.message(), "`frozen`");
    }
    let why = world.get("ada", "/explain?person=alice&target=prod-db");
    assert_eq!(why["preview"]["outcome"], "deny", "{why}");
    has(&why.to_string(), "frozen");
}

/// R5: whoever a rule leaves out goes straight through, past that rule only.
#[test]
fn r5_who_is_left_out_goes_straight_through() {
    let leaves_out = |rule: &str| format!("{rule}exclude_people = [\"bob\"]\n");
    // What else the rule wants of him, a reason, it still wants.
    let unreasoned = CONNECT_APPROVED.replace("reason_chars_min = 10\n", "");
    let (connect, customers) = (leaves_out(&unreasoned), leaves_out(CUSTOMERS_HELD));
    let world = World::new(&[&connect, &customers, DBA]);
    let update = "UPDATE customers SET changes = changes + 1 WHERE id = 1";
    let refused = world.psql("alice").run("SELECT 1").expect("psql runs");
    has(&refused.stderr, "must be requested first");
    assert_eq!(world.terminal("bob").say(update).out, "UPDATE 1");
    assert_eq!(world.changes(1), "1");
    // Another rule speaks of him too.
    world.apply(&[&connect, CUSTOMERS_HELD, DBA]);
    let mut bob = world.terminal("bob");
    bob.begin(update);
    world.reject("dora", world.held_number("dora"), "no");
    has(&bob.end().err, "42501");
    assert_eq!(world.changes(1), "1");
}

#[test]
fn r8_a_rule_change_holds_for_the_next_statement_of_a_live_session() {
    let world = World::new(&[CONNECT_ALLOWED]);
    let mut alice = world.terminal("alice");
    let update = "UPDATE customers SET changes = changes + 1 WHERE id = 1";
    assert_eq!(alice.say(update).out, "UPDATE 1");
    world.apply(&[CONNECT_ALLOWED, CUSTOMERS_HELD, DBA]);
    alice.begin(update);
    let held = world.held_number("dora");
    assert_eq!(world.changes(1), "1");
    world.reject("dora", held, "not now");
    has(&alice.end().err, "42501");
    world.apply(&[CONNECT_ALLOWED]);
    assert_eq!(alice.say(update).out, "UPDATE 1");
    assert_eq!(world.changes(1), "2");
}

#[test]
fn r62_what_cannot_be_understood_is_held() {
    let world = World::new(&[CONNECT_ALLOWED, CUSTOMERS_HELD, DBA]);
    let mut alice = world.terminal("alice");
    let opaque = "DO $$ BEGIN EXECUTE 'UPDATE cust' || 'omers SET changes = changes + 1'; END $$";
    alice.begin(opaque);
    let held = world.held("dora");
    assert!(!held["statement"]["unknown"].as_array().expect("reasons").is_empty(), "{held}");
    assert_eq!(world.changes(1), "0");
    world.reject("dora", crate::world::number(&held["id"]), "write it as UPDATE");
    let said = alice.end();
    has(&said.err, "42501");
    has(&said.err, "write it as UPDATE");
    assert_eq!(world.changes(1), "0");
}

#[test]
fn r62_only_matching_statements_are_held() {
    let world = World::new(&[CONNECT_ALLOWED, CUSTOMERS_HELD, DBA]);
    let mut alice = world.terminal("alice");
    assert_eq!(alice.say("SELECT name FROM customers WHERE id = 3").out, "Wei Chen");
    assert_eq!(alice.say("UPDATE orders SET total = 0 WHERE id = 1").out, "UPDATE 1");
    assert_eq!(alice.say("BEGIN; SELECT 1; COMMIT").out, "BEGIN\n1\nCOMMIT");
    for sql in [
        "WITH gone AS (DELETE FROM customers RETURNING 1) SELECT count(*) FROM gone",
        "UPDATE public.customers SET city = 'x'",
        "TRUNCATE customers, orders",
        "; DELETE FROM customers",
    ] {
        alice.begin(sql);
        let held = world.held_number("dora");
        world.reject("dora", held, "no");
        has(&alice.end().err, "42501");
    }
    has(&alice.say("SELECT 1\\; DELETE FROM customers").err, "send them one by one");
    assert_eq!(world.target("SELECT count(*) FROM customers WHERE city <> 'x'"), "3");
}

/// R63: of statements as of commands, as many refused tries as a rule bears end the session.
#[test]
fn r63_refused_statements_end_the_session() {
    let deny = CUSTOMERS_HELD.replace("outcome = \"approve\"", "outcome = \"deny\"\ninterrupt_after = 2");
    let world = World::new(&[CONNECT_ALLOWED, &deny, DBA]);
    let mut alice = world.terminal("alice");
    let refused = alice.say("DELETE FROM customers");
    has(&refused.err, "refused by `customers`");
    assert!(!refused.err.contains("ends the session"), "{}", refused.err);
    assert_eq!(alice.say("SELECT 1").out, "1");
    alice.try_begin("TRUNCATE customers");
    alice.told("2 tries were refused, which ends the session");
    let ended = crate::world::eventually("the session is closed", || {
        let ended = world.get("ada", "/sessions")[0]["ended"].clone();
        (ended != "").then_some(ended)
    });
    assert_eq!(ended, "refused too often");
    assert_eq!(world.target("SELECT count(*) FROM customers"), "3");
}

/// R63: what is held counts too, whoever decides it.
#[test]
fn r63_what_is_asked_for_adds_to_the_risk() {
    let risky = format!("{CUSTOMERS_HELD}risk = 20\nrisk_max = 30\n");
    let world = World::new(&[CONNECT_ALLOWED, &risky, DBA]);
    let mut alice = world.terminal("alice");
    let update = "UPDATE customers SET changes = changes + 1 WHERE id = 1";
    alice.begin(update);
    world.reject("dora", world.held_number("dora"), "no");
    has(&alice.end().err, "42501");
    has(&alice.say(update).err, "it would bring the risk of this session to 40, of at most 30");
    assert_eq!(world.changes(1), "0");
}
