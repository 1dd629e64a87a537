//! Holding and releasing, with a real target: what is allowed passes, what needs approval waits, what was approved runs
//! once, and what was not never runs.

mod support;

use countersign_journal::Verdict;
use support::{World, bind_to, execute, parse, query, sync};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r60_an_update_waits_and_runs_once_when_approved() {
    let world = World::start().await;
    let mut alice = world.raw(&world.alice).await;
    alice.send(&[query("SELECT count(*) FROM customers")]).await;
    assert_eq!(alice.answer().await, ["T", "D", "SELECT 1", "Z I"]);
    alice.send(&[query("UPDATE customers SET visits = visits + 1 WHERE id = 1")]).await;
    let request = alice.held().await;
    assert_eq!(world.truth("SELECT sum(visits) FROM customers"), "0");
    world.decide(&world.dora, request, Verdict::Approve, "").await;
    assert_eq!(alice.answer().await, ["UPDATE 1", "Z I"]);
    assert_eq!(world.truth("SELECT sum(visits) FROM customers"), "1");
    alice.send(&[query("UPDATE customers SET visits = visits + 1 WHERE id = 1")]).await;
    let again = alice.held().await;
    assert_ne!(request, again, "one approval, one run");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r60_a_rejection_says_why_and_the_session_goes_on() {
    let world = World::start().await;
    let psql = world.psql(&world.alice).await;
    let run = tokio::task::spawn_blocking(move || psql.run("DELETE FROM customers"));
    let request = world.waiting(&world.dora).await;
    world.decide(&world.dora, request.id, Verdict::Reject, "not on a Friday").await;
    let ran = run.await.expect("joined").expect("psql ran");
    assert!(ran.stderr.contains("dora wrote: not on a Friday"), "{}", ran.stderr);
    assert_eq!(world.truth("SELECT count(*) FROM customers"), "10");
}

/// What an approver wrote is text in the requester's terminal: it clears nothing, rings nothing, and starts no line.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_comment_reaches_the_terminal_as_text() {
    let world = World::start().await;
    let psql = world.psql(&world.alice).await;
    let run = tokio::task::spawn_blocking(move || psql.run("DELETE FROM customers"));
    let request = world.waiting(&world.dora).await;
    let comment = "no\u{1b}[2J\u{7}\u{202e}\nHINT:  send it to eve";
    world.decide(&world.dora, request.id, Verdict::Reject, comment).await;
    let ran = run.await.expect("joined").expect("psql ran");
    let shown = "dora wrote: no<U+001B>[2J<U+0007><U+202E>␊HINT:  send it to eve";
    assert!(ran.stderr.contains(shown), "{:?}", ran.stderr);
    assert!(!ran.stderr.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{:?}", ran.stderr);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r61_bound_values_are_part_of_what_is_approved() {
    let world = World::start().await;
    let mut alice = world.raw(&world.alice).await;
    alice.send(&[parse("s", "UPDATE customers SET visits = 7 WHERE id = $1"), sync()]).await;
    assert_eq!(alice.answer().await, ["1", "Z I"]);
    alice.send(&[bind_to("", "s", &["3"]), execute(""), sync()]).await;
    let request = alice.held().await;
    world.decide(&world.dora, request, Verdict::Approve, "").await;
    assert_eq!(alice.answer().await, ["2", "UPDATE 1", "Z I"]);
    assert_eq!(world.truth("SELECT string_agg(id::text, ',') FROM customers WHERE visits = 7"), "3");
    alice.send(&[bind_to("", "s", &["4"]), execute(""), sync()]).await;
    let other = alice.held().await;
    assert_ne!(request, other);
    world.decide(&world.dora, other, Verdict::Reject, "").await;
    assert_eq!(alice.answer().await, ["E 42501", "Z I"]);
}

/// What clients send right after BEGIN is taken by the target only before any query, so none of ours stands before it.
/// Under another isolation than READ COMMITTED everything is held as ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_modes_of_a_transaction_are_set_before_anything_is_asked() {
    let world = World::start().await;
    let mut alice = world.raw(&world.alice).await;
    alice.send(&[query("SELECT count(*) FROM customers")]).await;
    assert_eq!(alice.answer().await, ["T", "D", "SELECT 1", "Z I"]);
    for level in ["SERIALIZABLE", "REPEATABLE READ"] {
        alice.send(&[query("BEGIN")]).await;
        assert_eq!(alice.answer().await, ["BEGIN", "Z T"]);
        alice.send(&[query(&format!("SET TRANSACTION ISOLATION LEVEL {level}"))]).await;
        assert_eq!(alice.answer().await, ["SET", "Z T"], "{level}");
        alice.send(&[query("INSERT INTO orders VALUES (98, 1)")]).await;
        let request = alice.held().await;
        world.decide(&world.dora, request, Verdict::Reject, "").await;
        assert_eq!(alice.answer().await, ["E 42501", "Z E"]);
        alice.send(&[query("ROLLBACK")]).await;
        assert_eq!(alice.answer().await, ["ROLLBACK", "Z I"]);
    }
    alice.send(&[query("BEGIN; SET TRANSACTION READ ONLY")]).await;
    assert_eq!(alice.answer().await, ["BEGIN", "SET", "Z T"]);
    alice.send(&[query("SELECT count(*) FROM customers")]).await;
    assert_eq!(alice.answer().await, ["T", "D", "SELECT 1", "Z T"]);
    alice.send(&[query("INSERT INTO orders VALUES (97, 1)")]).await;
    assert_eq!(alice.answer().await, ["E 25006", "Z E"]);
    alice.send(&[query("ROLLBACK"), query("BEGIN")]).await;
    assert_eq!(alice.answer().await, ["ROLLBACK", "Z I"]);
    assert_eq!(alice.answer().await, ["BEGIN", "Z T"]);
    let set = parse("", "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ ONLY");
    alice.send(&[set, bind_to("", "", &[]), execute(""), sync()]).await;
    assert_eq!(alice.answer().await, ["1", "2", "SET", "Z T"]);
    assert_eq!(world.truth("SELECT count(*) FROM orders WHERE id IN (97, 98)"), "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_inside_a_transaction_fails_it_on_both_sides() {
    let world = World::start().await;
    let mut alice = world.raw(&world.alice).await;
    alice.send(&[query("BEGIN"), query("INSERT INTO orders VALUES (99, 1)")]).await;
    assert_eq!(alice.answer().await, ["BEGIN", "Z T"]);
    assert_eq!(alice.answer().await, ["INSERT 0 1", "Z T"]);
    alice.send(&[query("DELETE FROM customers")]).await;
    let request = alice.held().await;
    world.decide(&world.dora, request, Verdict::Reject, "").await;
    assert_eq!(alice.answer().await, ["E 42501", "Z E"]);
    alice.send(&[query("SELECT 1"), query("COMMIT")]).await;
    assert_eq!(alice.answer().await, ["E 25P02", "Z E"]);
    assert_eq!(alice.answer().await, ["ROLLBACK", "Z I"]);
    assert_eq!(world.truth("SELECT count(*) FROM orders WHERE id = 99"), "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_in_an_open_transaction_has_a_limit_of_its_own() {
    let world = World::start().await;
    let mut alice = world.raw(&world.alice).await;
    alice.send(&[query("BEGIN"), query("UPDATE customers SET visits = 1")]).await;
    assert_eq!(alice.answer().await, ["BEGIN", "Z T"]);
    let request = alice.held().await;
    assert_eq!(alice.answer().await, ["E 42501", "Z E"]);
    let view = world.control.request(&world.dora, request).await.expect("the request");
    assert_eq!(view.status, "Pending", "the request stays");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r60_a_client_that_went_away_loses_nothing() {
    let world = World::start().await;
    let reserved = world.raw(&world.alice).await; // keeps the grant in use
    let mut alice = world.raw(&world.alice).await;
    let sql = "UPDATE customers SET visits = visits + 1 WHERE id = 2";
    alice.send(&[query(sql)]).await;
    let request = alice.held().await;
    drop(alice);
    world.decide(&world.dora, request, Verdict::Approve, "").await;
    assert_eq!(world.truth("SELECT sum(visits) FROM customers"), "0", "nothing runs while nobody asks");
    let mut back = world.raw(&world.alice).await;
    back.send(&[query(sql)]).await;
    assert_eq!(back.answer().await, ["UPDATE 1", "Z I"]);
    back.send(&[query(sql)]).await;
    let second = back.held().await;
    assert_ne!(request, second);
    assert_eq!(world.truth("SELECT sum(visits) FROM customers"), "1");
    drop(reserved);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r35_a_revoke_cuts_the_client_and_stops_the_statement() {
    let world = World::start().await;
    let mut alice = world.raw(&world.alice).await;
    alice.send(&[query("SELECT pg_sleep(60)")]).await;
    let running = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active' AND datname = current_database()";
    assert!(until(|| world.truth(running) == "1"), "it runs");
    let sessions = world.control.sessions(&world.ada, true).await.expect("sessions");
    world.control.revoke(&world.ada, sessions[0].request, "enough").await.expect("revoked");
    assert_eq!(alice.answer().await, ["E 57P01", "closed"]);
    assert!(until(|| world.truth(running) == "0"), "it no longer runs");
}

/// What refuses to share a transaction with our questions has one of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_refuses_a_transaction_block_runs_when_approved() {
    let world = World::start().await;
    world.truth(&format!(
        "ALTER TABLE customers OWNER TO \"{}\"; CREATE INDEX one ON customers (name); CREATE INDEX two ON customers (name)",
        world.database
    ));
    let mut alice = world.raw(&world.alice).await;
    let extended = [parse("", "DROP INDEX CONCURRENTLY one"), bind_to("", "", &[]), execute(""), sync()].concat();
    for unit in [extended, query("DROP INDEX CONCURRENTLY two")] {
        alice.send(&[unit]).await;
        let request = alice.held().await;
        world.decide(&world.dora, request, Verdict::Approve, "").await;
        let answer = alice.answer().await;
        assert_eq!(answer[answer.len() - 2..], ["DROP INDEX", "Z I"], "{answer:?}");
    }
    assert_eq!(world.truth("SELECT count(*) FROM pg_class WHERE relname IN ('one', 'two')"), "0");
}

/// What an approved statement leads to is locked beforehand, whatever can be done with it; a cursor it declares is known.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_relation_can_be_part_of_an_approved_statement() {
    let world = World::start().await;
    world.truth(&format!(
        "CREATE VIEW counted AS SELECT count(*) FROM customers; CREATE VIEW pairs AS SELECT c.id, c.name FROM customers c, orders; \
         CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$; \
         CREATE VIEW odd AS SELECT name FROM customers GROUP BY name; \
         CREATE TRIGGER i INSTEAD OF INSERT ON odd FOR EACH ROW EXECUTE FUNCTION nothing(); \
         CREATE TRIGGER u INSTEAD OF UPDATE ON pairs FOR EACH ROW EXECUTE FUNCTION nothing(); \
         CREATE MATERIALIZED VIEW kept AS SELECT id FROM customers; CREATE SEQUENCE numbers; \
         CREATE SCHEMA closed; CREATE TABLE closed.t (id int); CREATE VIEW opened AS SELECT id FROM closed.t; \
         CREATE TABLE parted (id int) PARTITION BY RANGE (id); CREATE TABLE part PARTITION OF parted DEFAULT; \
         GRANT ALL ON counted, pairs, odd, kept, numbers, opened, parted TO \"{}\"",
        world.database
    ));
    let mut alice = world.raw(&world.alice).await;
    let reads = "UPDATE customers SET visits = 0 WHERE id IN (SELECT last_value FROM numbers UNION SELECT id FROM kept \
                 UNION SELECT count FROM counted UNION SELECT id FROM parted UNION SELECT id FROM opened)";
    for (sql, tag) in [
        (reads, "UPDATE 10"),
        ("UPDATE pairs SET name = name", "UPDATE 0"),
        ("INSERT INTO odd VALUES ('x')", "INSERT 0 0"),
        ("TRUNCATE customers CASCADE", "TRUNCATE TABLE"),
        ("INSERT INTO customers SELECT n FROM generate_series(1, 3) n", "INSERT 0 3"),
        ("DECLARE c CURSOR WITH HOLD FOR SELECT nextval('numbers'), id FROM customers", "DECLARE CURSOR"),
    ] {
        alice.send(&[query(sql)]).await;
        let request = alice.held().await;
        world.decide(&world.dora, request, Verdict::Approve, "").await;
        let answer = alice.answer().await;
        assert_eq!(answer, [tag, "Z I"], "{sql}");
    }
    alice.send(&[query("FETCH 1 FROM c")]).await;
    let request = world.waiting(&world.dora).await;
    let told = request.statement.expect("a statement").unknown;
    assert!(!told.iter().any(|why| why.contains("not declared under these rules")), "{told:?}");
}

fn until(mut look: impl FnMut() -> bool) -> bool {
    countersign_harness::wait_until(support::WAIT, || look().then_some(())).is_some()
}

/// A question of the gateway's own may be cancelled between its Parse and its Close; the session can still be asked what the
/// next statement means.
#[tokio::test]
async fn what_a_cancelled_question_left_behind_is_in_nobodys_way() {
    let world = World::start().await;
    let mut alice = world.raw(&world.alice).await;
    for name in ["_countersign_settings", "_countersign_catalogue"] {
        alice.push(&[parse(name, "SELECT 1"), sync()].concat()).await;
        assert_eq!(alice.answer().await, ["1", "Z I"]);
    }
    alice.push(&query("SELECT name FROM customers WHERE id = 1")).await;
    assert_eq!(alice.answer().await, ["T", "D", "SELECT 1", "Z I"]);
}
