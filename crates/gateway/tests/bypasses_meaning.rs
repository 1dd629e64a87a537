//! Ways round the gate through what a name means: which of several relations, in which transaction, under which
//! settings. `docs/BYPASSES.md` lists them.

mod support;

use countersign_journal::Verdict;
use support::{RULES, Raw, World, bind_to, execute, parse, query, sync};

const UNHARMED: &str = "SELECT count(*) FROM customers WHERE visits = 0";

async fn world() -> World {
    let world = World::start().await;
    world.truth(&format!(
        "CREATE SCHEMA a; CREATE SCHEMA b; CREATE SCHEMA mine; CREATE TABLE a.v (id int PRIMARY KEY, name text, visits int); \
         CREATE VIEW b.v AS SELECT * FROM customers; \
         GRANT ALL ON SCHEMA a, b, mine TO \"{0}\"; GRANT ALL ON a.v, b.v TO \"{0}\"",
        world.database
    ));
    world
}

async fn all(client: &mut Raw) -> Vec<String> {
    let mut seen = Vec::new();
    while let Ok(verdict) = tokio::time::timeout(std::time::Duration::from_millis(900), client.verdict()).await {
        let over = verdict == "closed";
        seen.push(verdict);
        if over {
            break;
        }
    }
    seen
}

async fn masked(create: &str, first: &str, other_session: bool) {
    let world = world().await;
    let mut alice = world.raw_with(&world.alice, &[("search_path", "mine,b")]).await;
    alice.push(&query(first)).await;
    all(&mut alice).await;
    alice.push(&[parse("s", "UPDATE v SET visits = 99"), sync()].concat()).await;
    all(&mut alice).await;
    if other_session {
        let mut two = world.raw_with(&world.alice, &[("search_path", "mine,b")]).await;
        two.push(&query(create)).await;
        all(&mut two).await;
    } else {
        alice.push(&query(create)).await;
        all(&mut alice).await;
    }
    alice.push(&[bind_to("", "s", &[]), execute(""), sync()].concat()).await;
    let seen = all(&mut alice).await;
    assert_eq!(world.truth(UNHARMED), "10", "{seen:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_made_before_a_masking_table_is_judged_by_what_it_was_made_for() {
    masked("CREATE TABLE mine.v (id int, name text, visits int)", "SELECT 1", false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_masking_table_made_by_another_session_hides_nothing() {
    masked("CREATE TABLE mine.v (id int, name text, visits int)", "SELECT 1", true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_temporary_masking_table_hides_nothing() {
    masked("CREATE TEMP TABLE v (id int, name text, visits int)", "CREATE TEMP TABLE dummy (x int)", false).await;
}

async fn ending(start: &str, steps: &[&str], text: &str) {
    let world = world().await;
    let mut alice = world.raw_with(&world.alice, &[("search_path", start)]).await;
    for s in steps {
        alice.push(&query(s)).await;
        all(&mut alice).await;
    }
    alice.push(&query(text)).await;
    let seen = all(&mut alice).await;
    assert_eq!(world.truth(UNHARMED), "10", "{seen:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_takes_back_what_the_next_statement_meant() {
    ending("b", &["BEGIN", "SET LOCAL search_path = a"], "COMMIT; UPDATE v SET visits = 99").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollback_to_a_savepoint_takes_back_what_the_next_statement_meant() {
    ending("b", &["BEGIN", "SAVEPOINT x", "SET search_path = a"], "ROLLBACK TO x; UPDATE v SET visits = 99; COMMIT")
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollback_takes_back_a_masking_table() {
    ending("mine,b", &["BEGIN", "CREATE TABLE mine.v (id int, visits int)"], "ROLLBACK; UPDATE v SET visits = 99")
        .await;
}

async fn approved_under(setting: &str, text: &str) {
    let world = world().await;
    let _keep = world.raw(&world.alice).await;
    let mut alice = world.raw(&world.alice).await;
    alice.push(&query(text)).await;
    alice.verdict().await;
    let request = world.waiting(&world.dora).await.id;
    drop(alice);
    world.decide(&world.dora, request, Verdict::Approve, "").await;
    let mut alice = world.raw(&world.alice).await;
    alice.push(&query(setting)).await;
    all(&mut alice).await;
    alice.push(&query(text)).await;
    let seen = all(&mut alice).await;
    assert_eq!(world.truth(UNHARMED), "10", "{seen:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approval_holds_for_the_settings_it_was_given_under() {
    approved_under(
        "SET transform_null_equals = on",
        "UPDATE customers SET visits = 99 WHERE (CASE WHEN id > 0 THEN NULL ELSE id END) = NULL",
    )
    .await;
}

async fn swapped(setup: &str, path: &str, text: &str, swap: &str) {
    let world = world().await;
    world.truth(&setup.replace("{0}", &world.database));
    let mut one = world.raw_with(&world.alice, &[("search_path", path)]).await;
    let mut two = world.raw_with(&world.alice, &[("search_path", path)]).await;
    one.push(&query(text)).await;
    one.verdict().await;
    two.push(&query(swap)).await;
    two.verdict().await;
    one.push(&query(text)).await;
    let seen = all(&mut one).await;
    assert_eq!(world.truth(UNHARMED), "10", "{seen:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_masking_table_dropped_by_another_session_is_no_way() {
    swapped(
        "CREATE TABLE mine.v (id int, visits int); ALTER TABLE mine.v OWNER TO \"{0}\"",
        "mine,b",
        "UPDATE v SET visits = 99",
        "DROP TABLE mine.v",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schemas_renamed_by_another_session_are_no_way() {
    swapped(
        "ALTER SCHEMA a OWNER TO \"{0}\"; ALTER SCHEMA b OWNER TO \"{0}\"; GRANT CREATE ON DATABASE \"{0}\" TO \"{0}\"",
        "public",
        "UPDATE a.v SET visits = 99",
        "ALTER SCHEMA a RENAME TO old; ALTER SCHEMA b RENAME TO a",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unit_that_ends_its_transaction_and_goes_on_is_not_held() {
    let world = world().await;
    let mut alice = world.raw_with(&world.alice, &[("search_path", "b,public")]).await;
    for s in ["BEGIN", "SET LOCAL search_path = a,public"] {
        alice.push(&query(s)).await;
        alice.verdict().await;
    }
    alice
        .push(
            &[
                parse("h", "UPDATE customers SET visits = 0 WHERE id = 1"),
                parse("c", "COMMIT"),
                parse("u", "UPDATE v SET visits = 99"),
                bind_to("", "h", &[]),
                execute(""),
                bind_to("", "c", &[]),
                execute(""),
                bind_to("", "u", &[]),
                execute(""),
                sync(),
            ]
            .concat(),
        )
        .await;
    assert_eq!(alice.verdict().await, "refused");
    assert!(world.nothing_waits().await);
    let seen = all(&mut alice).await;
    assert_eq!(world.truth(UNHARMED), "10", "{seen:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_masking_table_dropped_while_the_statement_waits_is_no_way() {
    let world = world().await;
    world.truth(&format!(
        "CREATE TABLE mine.v (id int, visits int); ALTER TABLE mine.v OWNER TO \"{}\"",
        world.database
    ));
    let mut one = world.raw_with(&world.alice, &[("search_path", "mine,b")]).await;
    let mut two = world.raw_with(&world.alice, &[("search_path", "mine,b")]).await;
    two.push(&query("BEGIN")).await;
    two.verdict().await;
    two.push(&query("DROP TABLE mine.v")).await;
    two.verdict().await;
    one.push(&query("UPDATE v SET visits = 99")).await;
    assert_eq!(one.verdict().await, "held", "it does not even wait for the lock");
    two.push(&query("COMMIT")).await;
    two.verdict().await;
    let seen = all(&mut one).await;
    assert_eq!(world.truth(UNHARMED), "10", "{seen:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_ends_the_implicit_transaction_of_a_set_local() {
    let world = world().await;
    let mut alice = world.raw_with(&world.alice, &[("search_path", "b")]).await;
    alice
        .push(
            &[
                parse("s", "SET LOCAL search_path = a"),
                bind_to("", "s", &[]),
                execute(""),
                query("UPDATE v SET visits = 99"),
            ]
            .concat(),
        )
        .await;
    all(&mut alice).await;
    alice.push(&query("UPDATE v SET visits = 99")).await;
    let seen = all(&mut alice).await;
    assert_eq!(world.truth(UNHARMED), "10", "{seen:?}");
}

/// A table of alice's own that an approved statement reads; none of its values is one of a customer.
const OWN: &str = "CREATE TABLE own (id int); INSERT INTO own VALUES (0)";
const BY_OWN: &str = "UPDATE customers SET visits = 99 WHERE id IN (SELECT id FROM own)";

/// An approved statement waits for a lock that its sender holds in another session, and changes what its names mean there.
async fn changed_behind_a_lock(begin: &str, unit: Vec<u8>, lock: &str, changes: &[&str]) {
    let world = world().await;
    world.truth(&format!(
        "{OWN}; ALTER TABLE own OWNER TO \"{0}\"; CREATE VIEW shown AS SELECT * FROM customers; GRANT ALL ON shown TO \"{0}\"",
        world.database
    ));
    let path = [("search_path", "mine,public")];
    let mut one = world.raw_with(&world.alice, &path).await;
    let mut two = world.raw_with(&world.alice, &path).await;
    if !begin.is_empty() {
        one.one(begin).await;
    }
    one.push(&unit).await;
    let request = one.held().await;
    for sql in ["BEGIN", lock] {
        let verdict = two.one(sql).await;
        assert!(verdict.ends_with("Z T"), "{sql}: {verdict}");
    }
    world.decide(&world.dora, request, Verdict::Approve, "").await;
    let waits = "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database \
                 WHERE NOT l.granted AND d.datname = current_database()";
    let waiting = countersign_harness::wait_until(support::WAIT, || (world.truth(waits) == "1").then_some(()));
    waiting.expect("the target waits for the lock");
    for sql in changes.iter().chain(&["COMMIT"]) {
        let verdict = two.one(sql).await;
        assert!(!verdict.starts_with('E') && !support::is_stopped(&verdict), "{sql}: {verdict}");
    }
    let verdict = one.verdict().await;
    if !begin.is_empty() {
        one.one("COMMIT").await;
    }
    assert_eq!(world.truth(UNHARMED), "10", "{verdict}");
    assert!(support::is_stopped(&verdict), "{verdict}");
    world.others_live().await;
}

fn prepared(sql: &str) -> Vec<u8> {
    [parse("s", sql), bind_to("", "s", &[]), execute(""), sync()].concat()
}

/// The first statement of an approved batch is made to wait for a row; meanwhile a table comes to stand before one that the
/// second reads.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_masking_table_made_between_the_statements_of_a_batch_is_no_way() {
    let world = world().await;
    world.truth(&format!("{OWN}; ALTER TABLE own OWNER TO \"{}\"", world.database));
    let path = [("search_path", "mine,public")];
    let mut one = world.raw_with(&world.alice, &path).await;
    let mut two = world.raw_with(&world.alice, &path).await;
    for (masks, end) in [(true, "refused"), (false, "UPDATE 1, UPDATE 0, Z I")] {
        let statements = ["UPDATE customers SET name = 'new' WHERE id = 1", BY_OWN];
        let batch = statements.map(|sql| [parse("", sql), bind_to("", "", &[]), execute("")].concat()).concat();
        one.push(&[batch, sync()].concat()).await;
        let request = one.held().await;
        two.one("BEGIN").await;
        let locked = two.one("SELECT 1 FROM customers WHERE id = 1 FOR SHARE").await;
        assert!(locked.ends_with("Z T"), "{locked}");
        world.decide(&world.dora, request, Verdict::Approve, "").await;
        let waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%new%' \
                     AND datname = current_database()";
        let waiting = countersign_harness::wait_until(support::WAIT, || (world.truth(waits) == "1").then_some(()));
        waiting.expect("the first statement waits for the row");
        if masks {
            world.truth("CREATE TABLE mine.own AS SELECT 2 AS id; GRANT SELECT ON mine.own TO PUBLIC");
        }
        two.one("COMMIT").await;
        let verdict = one.verdict().await;
        assert_eq!(world.truth(UNHARMED), "10", "{verdict}");
        assert_eq!(verdict, end);
        if masks {
            one.verdict().await;
        }
        let renamed = world.truth("SELECT count(*) FROM customers WHERE name = 'new'");
        assert_eq!(renamed, if masks { "0" } else { "1" }, "the statements share a transaction");
        world.truth("DROP TABLE IF EXISTS mine.own");
    }
}

/// Where the statements of one text or batch cannot be asked about one by one, nobody is asked to approve them together.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_may_change_its_own_meaning_halfway_is_not_held() {
    let world = world().await;
    let mut alice = world.raw(&world.alice).await;
    let change = "UPDATE customers SET visits = 99 WHERE id = 1";
    let extended = |sql: &str| [parse("", sql), bind_to("", "", &[]), execute("")].concat();
    let batch = [extended(change), extended("SET search_path = a"), sync()].concat();
    let texts = ["SELECT 1; %", "%; %", "BEGIN; %", "%; COMMIT", "BEGIN; %; COMMIT"];
    for unit in texts.map(|text| query(&text.replace('%', change))).into_iter().chain([batch]) {
        alice.push(&unit).await;
        assert_eq!(alice.verdict().await, "refused");
        alice.verdict().await;
    }
    assert!(world.nothing_waits().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_column_dropped_behind_a_lock_is_no_way() {
    for unit in [query(BY_OWN), prepared(BY_OWN)] {
        for lock in ["LOCK TABLE customers IN SHARE MODE", "LOCK TABLE own IN ACCESS EXCLUSIVE MODE"] {
            changed_behind_a_lock("", unit.clone(), lock, &["ALTER TABLE own DROP COLUMN id"]).await;
        }
    }
    let locks = "LOCK TABLE customers IN SHARE MODE";
    changed_behind_a_lock("BEGIN", query(BY_OWN), locks, &["ALTER TABLE own DROP COLUMN id"]).await;
    let explained = format!("EXPLAIN ANALYZE {BY_OWN}");
    changed_behind_a_lock("", query(&explained), locks, &["ALTER TABLE own DROP COLUMN id"]).await;
}

/// A migration past the gateway puts a trigger on what an approved statement changes by another name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trigger_made_behind_a_lock_is_no_way() {
    let world = world().await;
    world.truth(&format!(
        "CREATE TABLE parent (v int); CREATE TABLE child () INHERITS (parent); INSERT INTO child VALUES (1); \
         CREATE VIEW shown AS SELECT * FROM customers; GRANT ALL ON parent, child, shown TO \"{}\"; \
         CREATE FUNCTION worse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE customers SET visits = 99 \
         WHERE id <> 1 AND visits <> 99; RETURN NEW; END $$",
        world.database
    ));
    let deletes = RULES.replace("tables = [\"customers\"]", "tables = [\"customers\", \"child\"]");
    world.control.propose(&world.ada, &world.file(&deletes), "", None).await.expect("applied");
    for (sql, table) in
        [("UPDATE shown SET name = name WHERE id = 1", "customers"), ("UPDATE parent SET v = 2", "child")]
    {
        for unit in [query(sql), prepared(sql)] {
            let mut alice = world.raw(&world.alice).await;
            alice.push(&unit).await;
            let request = alice.held().await;
            let migration = format!(
                "BEGIN; CREATE TRIGGER worse BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION worse(); \
                 DO $$ BEGIN FOR i IN 1..2000 LOOP EXIT WHEN EXISTS (SELECT FROM pg_locks l JOIN pg_class c ON c.oid = l.relation \
                 WHERE c.relname = '{table}' AND NOT l.granted); PERFORM pg_sleep(0.01); END LOOP; END $$; COMMIT"
            );
            let (postgres, database) = (world.postgres, world.database.clone());
            let migrates = tokio::task::spawn_blocking(move || postgres.psql(&database, &migration));
            let begun = "SELECT count(*) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation \
                         WHERE c.relname = '%' AND l.mode = 'ShareRowExclusiveLock' AND l.granted";
            let open = || (world.truth(&begun.replace('%', table)) == "1").then_some(());
            countersign_harness::wait_until(support::WAIT, open).expect("the migration is open");
            world.decide(&world.dora, request, Verdict::Approve, "").await;
            let verdict = alice.verdict().await;
            migrates.await.expect("joined").expect("migrated");
            assert_eq!(world.truth(UNHARMED), "10", "{sql}: {verdict}");
            assert!(support::is_stopped(&verdict), "{sql}: {verdict}");
            world.truth(&format!("DROP TRIGGER worse ON {table}"));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_masking_table_made_behind_a_lock_is_no_way() {
    let changes = ["CREATE TABLE mine.own (other int)", "INSERT INTO mine.own VALUES (1)"];
    for unit in [query(BY_OWN), prepared(BY_OWN)] {
        changed_behind_a_lock("", unit, "LOCK TABLE customers IN SHARE MODE", &changes).await;
    }
    // The view is locked as it is changed, and so is one that only a trigger makes changeable.
    let by_view = BY_OWN.replace("customers", "shown");
    for unit in [query(&by_view), query(&format!("EXPLAIN ANALYZE {by_view}"))] {
        changed_behind_a_lock("", unit, "LOCK TABLE shown IN SHARE MODE", &changes).await;
    }
}
