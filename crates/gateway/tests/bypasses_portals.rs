//! Ways round the gate through portals: what a text means when it is executed rather than when it is bound, and
//! answers that come early. `docs/BYPASSES.md` lists them.

mod support;

use countersign_journal::Verdict;
use support::{RULES, Raw, World, bind_to, close, execute, flush, is_stopped, message, parse, query, sync};

const UNHARMED: &str = "SELECT count(*) FROM customers WHERE visits = 0";
const TWO_FACED: &str =
    "WITH a AS (SELECT '\\' || '), b AS (UPDATE customers SET visits = 99 RETURNING 1) SELECT 1 /*') SELECT 1 --*/";

/// Nothing is held.
const NO_RULES: &str = "[[rule]]\nname = \"developers connect\"\nact = \"connect\"\noutcome = \"allow\"\n\
                        groups = [\"developers\"]\n";

/// `v` is a harmless table under `search_path` a, and leads to customers under b; `t` the same for what is no query.
async fn world() -> World {
    let world = World::start().await;
    world.truth(&format!(
        "CREATE SCHEMA a; CREATE SCHEMA b; CREATE TABLE a.v (id int PRIMARY KEY, name text, visits int); \
         CREATE VIEW b.v AS SELECT * FROM customers; CREATE TABLE a.t (visits int); \
         CREATE TABLE b.t (visits int NOT NULL); ALTER TABLE customers INHERIT b.t; \
         ALTER TABLE orders DROP CONSTRAINT orders_customer_fkey; \
         GRANT ALL ON SCHEMA a, b TO \"{0}\"; GRANT ALL ON a.v, b.v, a.t, b.t TO \"{0}\"",
        world.database
    ));
    world
}

async fn approved(world: &World, client: &mut Raw) -> Vec<String> {
    let request = client.held().await;
    world.decide(&world.dora, request, Verdict::Approve, "").await;
    client.answer().await
}

/// Reads what comes, for as long as something comes.
async fn all(client: &mut Raw) -> Vec<String> {
    let mut seen = Vec::new();
    while let Ok(verdict) = tokio::time::timeout(std::time::Duration::from_millis(700), client.verdict()).await {
        let over = verdict == "closed";
        seen.push(verdict);
        if over {
            break;
        }
    }
    seen
}

/// PostgreSQL looks up the names of what is no query at Execute, not at Bind.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_of_a_command_mean_at_execute_what_was_judged() {
    let world = world().await;
    let mut alice = world.raw_with(&world.alice, &[("search_path", "a")]).await;
    alice.send(&[parse("s", "TRUNCATE t"), parse("set", "SET search_path = b"), sync()]).await;
    assert_eq!(alice.answer().await, ["1", "1", "Z I"]);
    alice.push(&[bind_to("q", "s", &[]), bind_to("p", "set", &[]), execute("p"), execute("q"), sync()].concat()).await;
    let seen = all(&mut alice).await;
    assert_eq!(world.truth(UNHARMED), "10", "{seen:?}");
    world.others_live().await;
}

/// What a name stands for is looked up under the rules of its Bind, also by the first message after they changed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_given_under_other_rules_stands_for_nothing() {
    let world = world().await;
    world.control.propose(&world.ada, &world.file(NO_RULES), "", None).await.expect("applied");
    let mut alice = world.raw(&world.alice).await;
    alice.send(&[parse("s", "BEGIN"), sync()]).await;
    assert_eq!(alice.answer().await, ["1", "Z I"]);
    for sql in ["DEALLOCATE s", "PREPARE s AS UPDATE customers SET visits = 99"] {
        alice.send(&[query(sql)]).await;
        alice.answer().await;
    }
    world.control.propose(&world.ada, &world.file(RULES), "", None).await.expect("applied");
    alice.push(&[bind_to("", "s", &[]), execute(""), sync()].concat()).await;
    assert_eq!(alice.verdict().await, "held");
    assert_eq!(world.truth(UNHARMED), "10");
}

/// A batch that is open when the rules change may have set how text is read, of which the target says nothing before its end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_open_over_a_change_of_rules_hides_no_setting() {
    let world = world().await;
    world.control.propose(&world.ada, &world.file(NO_RULES), "", None).await.expect("applied");
    let mut alice = world.raw(&world.alice).await;
    let off = "SET standard_conforming_strings = off";
    alice.send(&[parse("", off), bind_to("", "", &[]), execute(""), flush()]).await;
    for answer in [b'1', b'2', b'C'] {
        assert_eq!(alice.next().await.0, answer);
    }
    world.control.propose(&world.ada, &world.file(RULES), "", None).await.expect("applied");
    alice.push(&[parse("s", TWO_FACED), parse("", "SELECT nothing"), sync()].concat()).await;
    alice.push(&[bind_to("", "s", &[]), execute(""), sync()].concat()).await;
    let seen = all(&mut alice).await;
    assert_eq!(world.truth(UNHARMED), "10", "{seen:?}");
}

/// What a cursor made before a rule would deliver was read by nobody, whatever its text says under today's settings.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cursor_declared_under_other_rules_is_held() {
    let world = world().await;
    world.control.propose(&world.ada, &world.file(NO_RULES), "", None).await.expect("applied");
    let mut alice = world.raw(&world.alice).await;
    for sql in ["BEGIN", "DECLARE c CURSOR WITH HOLD FOR SELECT * FROM customers", "COMMIT"] {
        alice.send(&[query(sql)]).await;
        alice.answer().await;
    }
    world.control.propose(&world.ada, &world.file(RULES), "", None).await.expect("applied");
    for sql in ["BEGIN", "DECLARE d CURSOR FOR SELECT * FROM customers", "FETCH 1 FROM d", "SET LOCAL search_path = a"]
    {
        assert!(!is_stopped(&alice.one(sql).await), "{sql}");
    }
    assert_eq!(alice.one("FETCH 1 FROM c").await, "held");

    // What does not declare it does not make it one of these rules.
    let explained = query("EXPLAIN ANALYZE DECLARE c CURSOR FOR SELECT 1");
    let bound = [parse("", "DECLARE c CURSOR FOR SELECT 1"), bind_to("", "", &[]), sync()].concat();
    let failed = ["BEGIN", "SAVEPOINT s", "DECLARE c CURSOR FOR SELECT 1", "ROLLBACK TO s"].map(query);
    for attempt in [vec![explained], vec![bound], failed.to_vec()] {
        world.control.propose(&world.ada, &world.file(NO_RULES), "", None).await.expect("applied");
        let mut alice = world.raw(&world.alice).await;
        for sql in ["DECLARE c CURSOR WITH HOLD FOR SELECT * FROM customers"] {
            alice.send(&[query(sql)]).await;
            alice.answer().await;
        }
        world.control.propose(&world.ada, &world.file(RULES), "", None).await.expect("applied");
        for messages in attempt {
            alice.push(&messages).await;
            alice.answer().await;
        }
        assert_eq!(alice.one("FETCH 1 FROM c").await, "held");
    }
}

/// That a name stood for no cursor is not remembered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cursor_is_looked_for_each_time() {
    let world = world().await;
    let mut alice = world.raw(&world.alice).await;
    for sql in ["EXPLAIN DECLARE c CURSOR FOR SELECT 1", "DECLARE c CURSOR WITH HOLD FOR SELECT * FROM customers"] {
        assert!(!is_stopped(&alice.one(sql).await), "{sql}");
    }
    let denied = RULES.replace("kinds = [\"insert\"", "kinds = [\"select\", \"insert\"");
    world.control.propose(&world.ada, &world.file(&denied), "", None).await.expect("applied");
    assert_eq!(alice.one("FETCH 1 FROM c").await, "held");
}

/// What was deferred in a transaction runs at its end, under rules that came after it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_open_over_a_change_of_rules_fails() {
    let world = world().await;
    world.truth(&format!(
        "CREATE FUNCTION later() RETURNS int LANGUAGE plpgsql AS $$ BEGIN UPDATE customers SET visits = 99; RETURN 1; END $$; \
         CREATE FUNCTION told() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM later(); RETURN NULL; END $$; \
         CREATE TABLE notes (id int); GRANT ALL ON notes TO \"{}\"; CREATE CONSTRAINT TRIGGER told AFTER INSERT ON notes \
         DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION told()",
        world.database
    ));
    let begun = |sql: &str| vec![query("BEGIN"), query(sql)];
    let batch = vec![[parse("", "INSERT INTO notes VALUES (1)"), bind_to("", "", &[]), execute(""), flush()].concat()];
    let cursor = begun("DECLARE h CURSOR WITH HOLD FOR SELECT later()");
    let by_name = [parse("", "COMMIT"), bind_to("", "", &[]), execute(""), sync()].concat();
    for (before, after, answers) in [
        (cursor, query("COMMIT"), 2),
        (begun("INSERT INTO notes VALUES (1)"), by_name, 2),
        (begun("INSERT INTO notes VALUES (1)"), query("SET CONSTRAINTS ALL IMMEDIATE"), 2),
        (begun("CREATE VIEW shown AS SELECT * FROM customers"), query("COMMIT"), 2),
        (batch, sync(), 0),
    ] {
        world.control.propose(&world.ada, &world.file(NO_RULES), "", None).await.expect("applied");
        let mut alice = world.raw(&world.alice).await;
        for messages in before {
            alice.push(&messages).await;
        }
        for _ in 0..answers {
            alice.answer().await;
        }
        if answers == 0 {
            while alice.next().await.0 != b'C' {}
        }
        world.control.propose(&world.ada, &world.file(RULES), "", None).await.expect("applied");
        alice.push(&after).await;
        let verdict = alice.verdict().await;
        assert!(verdict.starts_with("E 40001"), "{verdict}");
        assert_eq!(world.truth(UNHARMED), "10");
        assert!(alice.one("ROLLBACK").await.ends_with("Z I"), "it is over already");
        assert!(alice.one("SELECT 1").await.ends_with("Z I"));
    }
    assert_eq!(world.truth("SELECT count(*) FROM notes"), "0");

    // It is over whole: no savepoint brings it back, whether it had failed before or fails by this.
    let deferred = "DECLARE h CURSOR WITH HOLD FOR SELECT later()";
    let open = [
        parse("", "BEGIN"),
        bind_to("", "", &[]),
        execute(""),
        parse("", "SAVEPOINT a"),
        bind_to("", "", &[]),
        execute(""),
    ];
    let in_batch = [open.concat(), parse("", deferred), bind_to("", "", &[]), execute(""), flush()].concat();
    for (before, after) in [
        (vec![query("BEGIN"), query(deferred), query("SAVEPOINT a")], "COMMIT"),
        (vec![query("BEGIN"), query(deferred), query("SAVEPOINT a"), query("SELECT 1/0")], "ROLLBACK TO a"),
        (vec![query("BEGIN"), query(deferred), query("SAVEPOINT a"), query("SELECT 1/0")], "ROLLBACK TO a; COMMIT"),
        (vec![in_batch], "COMMIT"),
    ] {
        world.control.propose(&world.ada, &world.file(NO_RULES), "", None).await.expect("applied");
        let mut alice = world.raw(&world.alice).await;
        let batch = before.len() == 1;
        for messages in before {
            alice.push(&messages).await;
            if !batch {
                alice.answer().await;
            }
        }
        while batch && alice.next().await != (b'C', b"DECLARE CURSOR\0".to_vec()) {}
        world.control.propose(&world.ada, &world.file(RULES), "", None).await.expect("applied");
        if batch {
            alice.send(&[sync()]).await;
            assert_eq!(alice.answer().await, ["E 40001", "Z I"]);
        }
        for sql in [after, "ROLLBACK TO a", "COMMIT"] {
            alice.one(sql).await;
        }
        assert_eq!(world.truth(UNHARMED), "10", "{after}");
        assert!(alice.one("SELECT 1").await.ends_with("Z I"));
    }

    // Also from one rule to another, and by no change that is about others.
    let orders = RULES.replace("[\"customers\"]", "[\"orders\"]");
    let others =
        format!("{RULES}\n[[rule]]\nname = \"others\"\nact = \"query\"\noutcome = \"deny\"\npeople = [\"dora\"]\n");
    let choir = format!("{RULES}\n[[group]]\nname = \"choir\"\nmembers = [\"alice\"]\n");
    let no_choir = choir.replace("[\"alice\"]", "[]");
    let spared =
        |file: &str| file.replace("tables = [\"customers\"]", "tables = [\"customers\"]\nexclude_groups = [\"choir\"]");
    for (before, after, ends) in [
        (&*orders, RULES, "E 40001"),
        (RULES, &*others, "COMMIT, Z I"),
        (&*no_choir, &*choir, "COMMIT, Z I"),
        (&*spared(&choir), &*spared(&no_choir), "E 40001"),
    ] {
        world.control.propose(&world.ada, &world.file(before), "", None).await.expect("applied");
        let mut alice = world.raw(&world.alice).await;
        for sql in ["BEGIN", "SELECT count(*) FROM customers"] {
            assert!(alice.one(sql).await.ends_with("Z T"), "{sql}");
        }
        world.control.propose(&world.ada, &world.file(after), "", None).await.expect("applied");
        let verdict = alice.one("COMMIT").await;
        assert!(verdict.starts_with(ends), "{verdict}");
    }
}

/// Our ROLLBACK drops the unnamed statement first, which takes longer than the client set: the session ends then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_overtaken_transaction_that_cannot_be_taken_back_ends_its_session() {
    let world = world().await;
    world.truth(
        "CREATE FUNCTION later() RETURNS int LANGUAGE plpgsql AS $$ BEGIN UPDATE customers SET visits = 99; RETURN 1; END $$",
    );
    world.control.propose(&world.ada, &world.file(NO_RULES), "", None).await.expect("applied");
    let mut alice = world.raw(&world.alice).await;
    let large = format!("VALUES {}", vec!["(1)"; 300_000].join(","));
    alice.send(&[parse("", &large), sync()]).await;
    assert_eq!(alice.answer().await, ["1", "Z I"]);
    let named = |name: &str, sql: &str| [parse(name, sql), bind_to("", name, &[]), execute(""), sync()];
    let deferred = "DECLARE h CURSOR WITH HOLD FOR SELECT later()";
    for (n, sql) in ["BEGIN", deferred, "SET LOCAL statement_timeout = 1", "SAVEPOINT a"].iter().enumerate() {
        alice.send(&named(&format!("s{n}"), sql)).await;
        assert_eq!(alice.answer().await.last().map(String::as_str), Some("Z T"), "{sql}");
    }
    world.control.propose(&world.ada, &world.file(RULES), "", None).await.expect("applied");
    let mut verdicts = Vec::new();
    for (n, sql) in ["ROLLBACK TO a", "ROLLBACK TO a", "COMMIT"].iter().enumerate() {
        alice.push(&named(&format!("t{n}"), sql).concat()).await;
        verdicts.push(alice.verdict().await);
    }
    assert_eq!(world.truth(UNHARMED), "10", "{verdicts:?}");
    assert_eq!(verdicts[0], "closed", "dropping the large statement took no time");
    world.others_live().await;
}

/// Our own question can be made to wait, for a lock, while the rules change.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_overtaken_while_we_ask_fails_too() {
    let world = world().await;
    world.truth(&format!(
        "CREATE TABLE own (id int); ALTER TABLE own OWNER TO \"{0}\"; CREATE VIEW over AS SELECT * FROM own; \
         GRANT ALL ON over TO \"{0}\"",
        world.database
    ));
    let orders = RULES.replace("[\"customers\"]", "[\"orders\"]");
    let both = RULES.replace("[\"customers\"]", "[\"customers\", \"orders\"]");
    let view = "CREATE VIEW shown AS SELECT * FROM customers";
    let in_batch = [parse("", view), bind_to("", "", &[]), execute(""), flush()].concat();
    let waits = "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database \
                 WHERE NOT l.granted AND d.datname = current_database()";
    for (batch, lock, after) in [
        (false, "own", "SELECT 1 FROM over; COMMIT"),
        (true, "own", "SELECT 1 FROM over"),
        (true, "orders", "UPDATE orders SET customer = customer"),
    ] {
        world.control.propose(&world.ada, &world.file(&orders), "", None).await.expect("applied");
        let (mut alice, mut other) = (world.raw(&world.alice).await, world.raw(&world.alice).await);
        if batch {
            alice.push(&in_batch).await;
            while alice.next().await.0 != b'C' {}
        } else {
            alice.one("BEGIN").await;
            assert!(alice.one(view).await.ends_with("Z T"));
        }
        other.one("BEGIN").await;
        if lock == "own" {
            other.one("LOCK TABLE own IN ACCESS EXCLUSIVE MODE").await;
        }
        alice.push(&query(after)).await;
        if lock == "orders" {
            let request = alice.held().await;
            other.one("LOCK TABLE orders IN SHARE MODE").await;
            world.decide(&world.dora, request, Verdict::Approve, "").await;
        }
        let waiting = countersign_harness::wait_until(support::WAIT, || (world.truth(waits) == "1").then_some(()));
        waiting.expect("our question waits");
        world.control.propose(&world.ada, &world.file(&both), "", None).await.expect("applied");
        other.one("ROLLBACK").await;
        let verdict = alice.verdict().await;
        assert_eq!(world.truth("SELECT count(*) FROM pg_class WHERE relname = 'shown'"), "0", "{after}: {verdict}");
        assert!(verdict.starts_with("E 40001"), "{after}: {verdict}");
    }
}

/// A COPY takes no data that comes after the rules changed, and no approval is spent in a transaction they overtook.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_begun_under_other_rules_is_not_finished_under_these() {
    let world = world().await;
    world.control.propose(&world.ada, &world.file(NO_RULES), "", None).await.expect("applied");
    let mut alice = world.raw(&world.alice).await;
    alice.push(&query("COPY customers FROM STDIN")).await;
    alice.copying().await;
    world.control.propose(&world.ada, &world.file(RULES), "", None).await.expect("applied");
    alice.push(&[message(b'd', b"11\tx\t0\n"), message(b'd', b"12\tx\t0\n"), message(b'c', b"")].concat()).await;
    let verdict = alice.verdict().await;
    assert!(verdict.starts_with('E') && verdict.ends_with("Z I"), "{verdict}");
    assert_eq!(world.truth("SELECT count(*) FROM customers"), "10");
    assert!(alice.one("SELECT 1").await.ends_with("Z I"));

    // In a transaction of its own too; what of it was on its way is ignored.
    world.control.propose(&world.ada, &world.file(NO_RULES), "", None).await.expect("applied");
    alice.one("BEGIN").await;
    alice.push(&query("COPY customers FROM STDIN")).await;
    alice.copying().await;
    world.control.propose(&world.ada, &world.file(RULES), "", None).await.expect("applied");
    alice.push(&[message(b'd', b"11\tx\t0\n"), message(b'd', b"12\tx\t0\n"), message(b'c', b"")].concat()).await;
    let verdict = alice.verdict().await;
    assert!(verdict.starts_with('E') && verdict.ends_with("Z E"), "{verdict}");
    let verdict = alice.one("ROLLBACK").await;
    assert!(verdict.ends_with("Z I"), "{verdict}");

    let orders = RULES.replace("[\"customers\"]", "[\"orders\"]");
    world.control.propose(&world.ada, &world.file(&orders), "", None).await.expect("applied");
    for sql in ["BEGIN", "CREATE VIEW shown AS SELECT * FROM customers"] {
        assert!(alice.one(sql).await.ends_with("Z T"), "{sql}");
    }
    let change = "UPDATE orders SET customer = customer";
    alice.push(&query(change)).await;
    let request = alice.held().await;
    let both = RULES.replace("[\"customers\"]", "[\"customers\", \"orders\"]");
    world.control.propose(&world.ada, &world.file(&both), "", None).await.expect("applied");
    world.decide(&world.dora, request, Verdict::Approve, "").await;
    let verdict = alice.verdict().await;
    assert!(verdict.starts_with("E 40001") && verdict.ends_with("Z I"), "{verdict}");
    assert_eq!(world.truth("SELECT count(*) FROM pg_class WHERE relname = 'shown'"), "0");
    let again = alice.one(change).await;
    assert!(again.ends_with("UPDATE 10, Z I"), "the approval was not spent: {again}");
}

/// A held unit runs nothing that its approver does not see.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_held_unit_executes_no_portal_made_before_it() {
    let world = world().await;
    let mut alice = world.raw_with(&world.alice, &[("search_path", "a,public")]).await;
    let held = parse("c", "UPDATE customers SET visits = 0 WHERE id = 1");
    let later = parse("u", "UPDATE v SET visits = 99");
    alice.send(&[parse("set", "SET search_path = b, public"), held, later, sync()]).await;
    assert_eq!(alice.answer().await, ["1", "1", "1", "Z I"]);
    let before = [bind_to("p", "set", &[])];
    let unit = [bind_to("c", "c", &[]), execute("c"), execute("p"), bind_to("u", "u", &[]), execute("u"), sync()];
    alice.push(&[before.concat(), unit.concat()].concat()).await;
    if alice.verdict().await == "held" {
        let request = world.waiting(&world.dora).await.id;
        world.decide(&world.dora, request, Verdict::Approve, "").await;
    }
    let seen = all(&mut alice).await;
    assert_eq!(world.truth(UNHARMED), "10", "{seen:?}");
    world.others_live().await;
}

/// The order in which statements run is a part of what is approved.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approval_holds_for_one_order_of_execution() {
    let world = world().await;
    let _keep = world.raw(&world.alice).await;
    let made = || {
        let first = parse("x", "UPDATE customers SET visits = 0 WHERE visits > 0");
        [first, parse("y", "UPDATE customers SET visits = 99"), bind_to("x", "x", &[]), bind_to("y", "y", &[])].concat()
    };
    let mut alice = world.raw(&world.alice).await;
    alice.push(&[made(), execute("y"), execute("x"), sync()].concat()).await;
    if alice.verdict().await == "held" {
        drop(alice);
        let request = world.waiting(&world.dora).await.id;
        world.decide(&world.dora, request, Verdict::Approve, "").await;
        let mut alice = world.raw(&world.alice).await;
        alice.push(&[made(), execute("x"), execute("y"), sync()].concat()).await;
        let seen = all(&mut alice).await;
        assert_eq!(world.truth(UNHARMED), "10", "{seen:?}");
    }
    world.others_live().await;
}

/// `EXECUTE s` finds its text when it runs, which must be the text that was approved.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approved_bind_does_not_run_a_text_that_came_after_it() {
    let world = world().await;
    let mut alice = world.raw(&world.alice).await;
    alice.send(&[parse("s", "SELECT 1"), parse("e", "EXECUTE s"), sync()]).await;
    assert_eq!(alice.answer().await, ["1", "1", "Z I"]);
    alice.push(&[bind_to("p", "e", &[]), flush()].concat()).await;
    if alice.verdict().await == "held" {
        let request = world.waiting(&world.dora).await.id;
        world.decide(&world.dora, request, Verdict::Approve, "").await;
    }
    let harm = parse("s", "UPDATE customers SET visits = 99");
    alice.push(&[close("s"), harm, execute("p"), sync()].concat()).await;
    let seen = all(&mut alice).await;
    assert_eq!(world.truth(UNHARMED), "10", "{seen:?}");
    world.others_live().await;
}

/// Binds `s` under settings that read its text as harmless.
async fn two_faced_stays_harmless(world: &World, mut alice: Raw) {
    alice.push(&[bind_to("", "s", &[]), execute(""), sync()].concat()).await;
    let seen = all(&mut alice).await;
    assert_eq!(world.truth(UNHARMED), "10", "{seen:?}");
    world.others_live().await;
}

/// The end of a transaction puts settings back before the target says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_parsed_behind_a_rollback_may_be_read_otherwise() {
    let world = world().await;
    let mut alice = world.raw_with(&world.alice, &[("standard_conforming_strings", "off")]).await;
    alice.send(&[query("SET standard_conforming_strings = on")]).await;
    assert_eq!(approved(&world, &mut alice).await, ["SET", "Z I"]);
    for (sql, answer) in [("BEGIN", "BEGIN"), ("RESET ALL", "RESET"), ("SAVEPOINT x", "SAVEPOINT")] {
        alice.send(&[query(sql)]).await;
        assert_eq!(alice.answer().await, [answer, "Z T"]);
    }
    alice.send(&[query("SET LOCAL standard_conforming_strings = on")]).await;
    assert_eq!(approved(&world, &mut alice).await, ["SET", "Z T"]);
    alice.send(&[query("ROLLBACK TO x"), parse("s", TWO_FACED), sync(), query("ROLLBACK")]).await;
    assert_eq!(alice.answer().await, ["ROLLBACK", "Z T"]);
    assert_eq!(alice.answer().await, ["1", "Z T"]);
    assert_eq!(alice.answer().await, ["ROLLBACK", "Z I"]);
    two_faced_stays_harmless(&world, alice).await;
}

/// The answer to an earlier query does not settle how a later one leaves the settings.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_earlier_answer_does_not_settle_a_later_reset() {
    let world = world().await;
    let mut alice = world.raw_with(&world.alice, &[("standard_conforming_strings", "off")]).await;
    alice.send(&[query("SET standard_conforming_strings = on")]).await;
    assert_eq!(approved(&world, &mut alice).await, ["SET", "Z I"]);
    let slow = "SELECT pg_sleep(0.5)";
    let reset = "SELECT pg_sleep(1); RESET ALL";
    // Each once, so that its meaning is known and nothing waits.
    for sql in ["BEGIN", reset, "ROLLBACK", "BEGIN", slow, "SELECT pg_sleep(0); SHOW search_path"] {
        alice.send(&[query(sql)]).await;
        let seen = alice.answer().await;
        assert!(seen.last().is_some_and(|z| z.starts_with('Z')), "{sql}: {seen:?}");
    }
    alice.send(&[query(slow), query(reset)]).await;
    let first = alice.answer().await;
    alice.send(&[parse("s", TWO_FACED), sync()]).await;
    let rest = (alice.answer().await, alice.answer().await);
    alice.send(&[query("ROLLBACK")]).await;
    assert_eq!(alice.answer().await, ["ROLLBACK", "Z I"], "{first:?} {rest:?}");
    two_faced_stays_harmless(&world, alice).await;
}

/// A Bind that the target refused or skipped leaves the portal what it was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bind_that_failed_leaves_its_portal_what_it_was() {
    let world = world().await;
    let mut alice = world.raw_with(&world.alice, &[("search_path", "a")]).await;
    alice.send(&[parse("set", "SET search_path = b"), parse("h", "SHOW search_path"), sync()]).await;
    assert_eq!(alice.answer().await, ["1", "1", "Z I"]);
    alice.send(&[query("BEGIN")]).await;
    alice.answer().await;
    alice.send(&[bind_to("p", "set", &[]), sync()]).await;
    assert_eq!(alice.answer().await, ["2", "Z T"]);
    alice.send(&[query("SAVEPOINT x")]).await;
    alice.answer().await;
    alice.send(&[bind_to("p", "h", &[]), sync()]).await;
    assert_eq!(alice.answer().await, ["E 42P03", "Z E"]);
    alice.send(&[query("ROLLBACK TO x")]).await;
    assert_eq!(alice.answer().await, ["ROLLBACK", "Z T"]);
    alice.send(&[sync()]).await;
    assert_eq!(alice.answer().await, ["Z T"]);
    alice.send(&[query("UPDATE v SET visits = 99")]).await;
    assert_eq!(alice.answer().await, ["UPDATE 0", "Z T"]);
    alice.send(&[execute("p"), sync()]).await;
    let ran = alice.answer().await;
    alice.push(&query("UPDATE v SET visits = 99")).await;
    let seen = alice.verdict().await;
    if seen != "held" && seen != "refused" {
        alice.push(&query("COMMIT")).await;
        alice.verdict().await;
    }
    assert_eq!(world.truth(UNHARMED), "10", "{ran:?} {seen}");
    world.others_live().await;
}

/// A rule that begins to hold is not passed by a portal made before it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_portal_made_under_other_rules_does_not_run_under_these() {
    let world = world().await;
    world.control.propose(&world.ada, &world.file(NO_RULES), "", None).await.expect("applied");
    let mut alice = world.raw(&world.alice).await;
    alice.send(&[query("BEGIN")]).await;
    alice.answer().await;
    alice.send(&[parse("s", "UPDATE customers SET visits = 99"), bind_to("p", "s", &[]), sync()]).await;
    assert_eq!(alice.answer().await, ["1", "2", "Z T"]);
    world.control.propose(&world.ada, &world.file(RULES), "", None).await.expect("applied");
    alice.push(&[execute("p"), sync(), query("COMMIT")].concat()).await;
    let seen = all(&mut alice).await;
    assert_eq!(world.truth(UNHARMED), "10", "{seen:?}");
    world.others_live().await;
}
