//! Ways round the gate by SQL: what a text means is not what it looks like. Each must end held or refused, with nothing
//! run. `docs/BYPASSES.md` lists them.

mod support;

use countersign_journal::Verdict;
use support::{Raw, World, bind_to, execute, parse, query, sync};

/// A text that touches customers, and what must happen before it in the same session.
type Attempt<'a> = (&'a [&'a str], &'a str);

const FINGERPRINT: &str = "SELECT md5(string_agg(c::text, ',' ORDER BY id)) FROM ONLY customers c";

/// What an administrator of the target may have left lying about.
async fn world() -> World {
    let world = World::start().await;
    world.truth(&format!(
        "CREATE FUNCTION wipe() RETURNS int LANGUAGE sql AS 'UPDATE customers SET visits = 99 RETURNING 1'; \
         CREATE FUNCTION wipe(int, int) RETURNS int LANGUAGE sql AS 'SELECT wipe()'; \
         CREATE FUNCTION wipe_trigger() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM wipe(); RETURN NEW; END'; \
         CREATE FUNCTION checked(int) RETURNS bool LANGUAGE plpgsql AS 'BEGIN PERFORM wipe(); RETURN true; END'; \
         CREATE PROCEDURE wipe_all() LANGUAGE sql AS 'UPDATE customers SET visits = 99'; \
         CREATE SCHEMA evil; CREATE FUNCTION evil.lower(text) RETURNS text LANGUAGE sql AS 'SELECT wipe()::text'; \
         CREATE FUNCTION evil.plus(int, int) RETURNS int LANGUAGE sql AS 'SELECT wipe()'; \
         CREATE OPERATOR evil.+ (FUNCTION = evil.plus, LEFTARG = int, RIGHTARG = int); \
         CREATE OPERATOR public.@@@@ (FUNCTION = wipe, LEFTARG = int, RIGHTARG = int); \
         CREATE VIEW seen AS SELECT * FROM customers; CREATE VIEW \"Seen Twice\" AS SELECT * FROM seen; \
         CREATE VIEW calls AS SELECT wipe() AS n; CREATE VIEW only_ids AS SELECT id FROM customers; \
         CREATE MATERIALIZED VIEW kept AS SELECT wipe() AS n WITH NO DATA; \
         CREATE TABLE parent (id int PRIMARY KEY, name text, visits int); ALTER TABLE customers INHERIT parent; \
         CREATE TABLE triggered (id int); CREATE TRIGGER t BEFORE INSERT ON triggered FOR EACH ROW EXECUTE FUNCTION wipe_trigger(); \
         CREATE TABLE ruled (id int); CREATE RULE r AS ON INSERT TO ruled DO ALSO UPDATE customers SET visits = 99; \
         CREATE TABLE defaulted (id int, n int DEFAULT wipe()); CREATE TABLE checking (id int CHECK (checked(id))); \
         CREATE TABLE owner (id int PRIMARY KEY); INSERT INTO owner VALUES (1), (2); \
         ALTER TABLE customers ADD owner int REFERENCES owner ON DELETE CASCADE DEFAULT 1; \
         CREATE TABLE policed (id int); ALTER TABLE policed ENABLE ROW LEVEL SECURITY; \
         CREATE POLICY p ON policed USING (checked(id)); INSERT INTO policed VALUES (1); \
         CREATE TABLE mine (id int PRIMARY KEY, name text, visits int); \
         CREATE DOMAIN watched AS int CHECK (checked(VALUE)); \
         ALTER FUNCTION evil.plus(int, int) VOLATILE; GRANT ALL ON SCHEMA public, evil TO \"{0}\"; \
         GRANT ALL ON ALL TABLES IN SCHEMA public TO \"{0}\"; ALTER TABLE mine OWNER TO \"{0}\"; ALTER VIEW calls OWNER TO \"{0}\"; \
         GRANT CREATE, TEMPORARY ON DATABASE \"{0}\" TO \"{0}\"", world.database
    ));
    world
}

/// Tries each in a session of its own: none may run.
async fn none_runs(world: &World, attempts: &[Attempt<'_>]) {
    let before = world.truth(FINGERPRINT);
    for (first, attempt) in attempts {
        let mut alice = world.raw(&world.alice).await;
        let mut verdict = String::new();
        for sql in first.iter().chain([attempt]) {
            alice.push(&query(sql)).await;
            verdict = alice.verdict().await;
            if matches!(verdict.as_str(), "held" | "refused") {
                break; // already the preparation is stopped
            }
        }
        assert_eq!(world.truth(FINGERPRINT), before, "{attempt}: it ran");
        let stopped = matches!(verdict.as_str(), "held" | "refused") || verdict.starts_with("E 25P02");
        assert!(stopped, "{first:?} {attempt}: {verdict}");
    }
    world.truth(&format!("ALTER ROLE \"{}\" RESET ALL", world.database));
    world.others_live().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_statements_and_the_places_they_hide_in() {
    none_runs(
        &world().await,
        &[
            (&[], "SELECT 1; UPDATE customers SET visits = 99"),
            (&[], ";;;UPDATE customers SET visits = 99;"),
            (&[], "SELECT 1 /* ; */; /* -- */ UPDATE customers SET visits = 99 --"),
            (&[], "SELECT 1 -- /*\n; UPDATE customers SET visits = 99 -- */"),
            (&[], "/* /* nested */ */ DELETE/**/FROM/**/customers"),
            (&[], "SELECT ';' ; DELETE FROM customers"),
            (&[], "SELECT $a$;$a$; DELETE FROM customers; SELECT $b$$b$"),
            (&[], "SELECT E'\\''; DELETE FROM customers; SELECT ''"),
            (&[], "UPDATE U&\"c\\0075stomers\" SET visits = 99"),
            (&[], "UPDATE U&\"c!0075stomers\" UESCAPE '!' SET visits = 99"),
            (&[], "UPDATE CUSTOMERS SET visits = 99"),
            (&[], "UPDATE \"customers\" SET visits = 99"),
            (&[], "UPDATE public.customers SET visits = 99"),
            (&[], "UPDATE ONLY (customers) AS harmless SET visits = 99"),
            (&[], "BEGIN; UPDATE customers SET visits = 99; COMMIT"),
            (&[], "COMMIT; UPDATE customers SET visits = 99"),
            (&["BEGIN"], "SAVEPOINT a; UPDATE customers SET visits = 99; RELEASE a; COMMIT"),
            (&["BEGIN", "SELECT 1/0"], "ROLLBACK; UPDATE customers SET visits = 99"),
            (&["BEGIN", "SAVEPOINT a", "SELECT 1/0", "ROLLBACK TO a"], "UPDATE customers SET visits = 99"),
            (&[], "WITH x AS (DELETE FROM customers RETURNING *) SELECT count(*) FROM x"),
            (&[], "WITH customers AS (SELECT 1 AS id) UPDATE customers SET visits = 99"),
            (
                &[],
                "INSERT INTO mine SELECT id FROM (WITH x AS (SELECT 1) SELECT * FROM x) y; TRUNCATE customers CASCADE",
            ),
            (&[], "MERGE INTO customers USING mine ON true WHEN NOT MATCHED THEN INSERT (id) VALUES (77)"),
            (&[], "INSERT INTO customers VALUES (1) ON CONFLICT (id) DO UPDATE SET visits = 99"),
            (&[], "TRUNCATE owner CASCADE"),
            (&[], "EXPLAIN ANALYZE UPDATE customers SET visits = 99"),
            (&[], "EXPLAIN (ANALYZE, COSTS off) DELETE FROM customers"),
            (&[], "EXPLAIN (ANALYZE false, ANALYZE true) DELETE FROM customers"),
            (&[], "CREATE TABLE copied AS WITH x AS (DELETE FROM customers RETURNING *) SELECT * FROM x"),
            (&[], "CREATE TABLE copied AS SELECT wipe()"),
            (&[], "SELECT wipe() INTO copied"),
            (&[], "COPY (DELETE FROM customers RETURNING *) TO STDOUT"),
            (&[], "COPY (SELECT wipe()) TO STDOUT"),
            (&[], "COPY customers FROM STDIN"),
            (&[], "COPY seen FROM STDIN"),
            (&[], "COPY mine FROM PROGRAM 'true'"),
            (&[], "COPY mine TO PROGRAM 'true'"),
            (&[], "ALTER TABLE customers RENAME TO c2"),
            (&[], "ALTER TABLE customers SET SCHEMA evil"),
            (&[], "DROP SCHEMA public CASCADE"),
            (&[], "DROP OWNED BY CURRENT_USER"),
            (
                &["BEGIN", "DECLARE c CURSOR FOR SELECT * FROM customers FOR UPDATE", "FETCH c", "MOVE 1 IN c"],
                "UPDATE customers SET visits = 99 WHERE CURRENT OF c",
            ),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn code_that_is_not_seen() {
    none_runs(&world().await, &[
        (&[], "DO $$ BEGIN UPDATE customers SET visits = 99; END $$"),
        (&[], "CALL wipe_all()"),
        (&[], "SELECT wipe()"),
        (&[], "SELECT public.wipe() FROM mine"),
        (&[], "VALUES (wipe())"),
        (&[], "TABLE calls"),
        (&[], "SELECT * FROM calls"),
        (&["CREATE TEMP TABLE t AS SELECT 1 AS n"], "UPDATE t SET n = 2 RETURNING wipe()"),
        (&[], "INSERT INTO mine VALUES (wipe())"),
        (&[], "INSERT INTO defaulted (id) VALUES (1)"),
        (&[], "INSERT INTO checking VALUES (1)"),
        (&[], "SELECT * FROM policed"),
        (&[], "INSERT INTO triggered VALUES (1)"),
        (&[], "INSERT INTO ruled VALUES (1)"),
        (&[], "SELECT 1::watched"),
        (&[], "REFRESH MATERIALIZED VIEW kept"),
        (&[], "SELECT 1 @@@@ 2"),
        (&[], "SELECT 1 OPERATOR(evil.+) 2"),
        (&[], "SELECT evil.lower('X')"),
        (&[], "PREPARE x AS UPDATE customers SET visits = 99"),
        (&["PREPARE x AS SELECT 1"], "EXECUTE x"),
        (&["PREPARE x AS SELECT 1"], "EXPLAIN ANALYZE EXECUTE x"),
        (&["PREPARE x AS SELECT 1"], "CREATE TABLE copied AS EXECUTE x"),
        (&["BEGIN"], "DECLARE c CURSOR FOR SELECT wipe()"),
        (&[], "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'UPDATE customers SET visits = 99 RETURNING 1'"),
        (&[], "CREATE FUNCTION f() RETURNS SETOF int LANGUAGE sql BEGIN ATOMIC UPDATE customers SET visits = 99 RETURNING 1; END"),
        (&[], "CREATE TRIGGER x BEFORE INSERT ON mine FOR EACH ROW EXECUTE FUNCTION wipe_trigger()"),
        (&[], "CREATE RULE x AS ON INSERT TO mine DO ALSO UPDATE customers SET visits = 99"),
        (&[], "ALTER TABLE mine ALTER visits SET DEFAULT wipe()"),
        (&[], "CREATE INDEX ON mine (wipe(id, id))"),
        (&[], "SELECT count(*) FILTER (WHERE wipe() = 1) OVER (ORDER BY wipe()) FROM mine"),
        (&[], "SELECT * FROM mine TABLESAMPLE system (wipe())"),
        (&[], "SELECT * FROM mine LIMIT wipe()"),
        (&[], "SELECT * FROM ROWS FROM (wipe()) AS x"),
        (&[], "SELECT CASE WHEN true THEN (SELECT wipe()) END"),
        (&[], "SELECT query_to_xml('UPDATE customers SET visits = 99', true, true, '')"),
        (&[], "SELECT set_config('search_path', 'evil, pg_catalog', false); SELECT 1 + 1"),
        (&[], "SELECT pg_terminate_backend(0)"),
        (&[], "SELECT lo_import('/etc/passwd')"),
        (&[], "LOAD 'auto_explain'"),
    ]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_names_for_the_same_table() {
    none_runs(
        &world().await,
        &[
            (&[], "UPDATE seen SET visits = 99"),
            (&[], "UPDATE \"Seen Twice\" SET visits = 99"),
            (&[], "INSERT INTO only_ids VALUES (77)"),
            (&[], "DELETE FROM parent"),
            (&[], "UPDATE parent SET visits = 99"),
            (&[], "DELETE FROM owner WHERE id = 1"),
            (&["CREATE TEMP VIEW x AS SELECT * FROM seen"], "UPDATE seen SET visits = 99"),
            (&[], "CREATE VIEW x AS SELECT * FROM customers"),
            (&[], "CREATE OR REPLACE TEMP VIEW x AS SELECT * FROM seen"),
            (&[], "CREATE RECURSIVE VIEW x (id) AS SELECT id FROM customers"),
            (&[], "BEGIN; CREATE TEMP VIEW x AS SELECT * FROM customers; UPDATE x SET visits = 99; COMMIT"),
            (&["CREATE TEMP TABLE child () INHERITS (customers)"], "INSERT INTO child VALUES (77)"),
            (&["SET search_path = evil", "CREATE TABLE evil.t (id int)"], "UPDATE public.customers SET visits = 99"),
            (&["SET search_path = pg_temp, public"], "UPDATE customers SET visits = 99"),
            (
                &["CREATE TEMP TABLE customers (id int)", "DROP TABLE pg_temp.customers"],
                "UPDATE customers SET visits = 99",
            ),
            (&["CREATE TEMP TABLE customers (id int)"], "UPDATE public.customers SET visits = 99"),
            (
                &["BEGIN", "CREATE TEMP TABLE seen (id int, visits int)", "UPDATE seen SET visits = 1", "ROLLBACK"],
                "UPDATE seen SET visits = 99",
            ),
            (&["CREATE DOMAIN pg_temp.text AS varchar(6)"], "UPDATE seen SET visits = 99"),
            (&["CREATE DOMAIN pg_temp.text AS varchar(6)"], "DELETE FROM owner"),
            (&["CREATE DOMAIN pg_temp.regclass AS pg_catalog.regclass"], "UPDATE seen SET visits = 99"),
            (
                &[
                    "CREATE TEMP TABLE text (n int)",
                    "CREATE TEMP TABLE pg_class AS SELECT * FROM pg_catalog.pg_class",
                    "CREATE TEMP TABLE pg_rewrite (n int)",
                ],
                "UPDATE seen SET visits = 99",
            ),
            (&["SELECT 1 + 1", "SET search_path = evil, pg_catalog"], "SELECT 1 + 1"),
            (&["SELECT lower('X')", "SET search_path = evil, pg_catalog"], "SELECT lower('X')"),
            (&["SELECT 1 + 1", "BEGIN", "SET LOCAL search_path = evil, pg_catalog"], "SELECT 1 + 1"),
            (
                &[
                    "SELECT lower('X')",
                    "ALTER ROLE CURRENT_USER SET search_path = evil, pg_catalog",
                    "SET search_path = evil, pg_catalog",
                ],
                "SELECT lower('X')",
            ),
            (
                &[
                    "SET search_path = evil, pg_catalog",
                    "BEGIN",
                    "SET LOCAL search_path = public",
                    "SELECT 1 + 1",
                    "ROLLBACK",
                ],
                "SELECT 1 + 1",
            ),
            (&["BEGIN", "SAVEPOINT a", "SET LOCAL search_path = evil, pg_catalog", "RELEASE a"], "SELECT lower('X')"),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_that_change_how_a_text_is_read() {
    let world = world().await;
    // Harmless with standard_conforming_strings; without it, an update stands behind the first string.
    let two_faced = "SELECT '\\' || '; UPDATE customers SET visits = 99; --'";
    none_runs(
        &world,
        &[
            (&[], "SET standard_conforming_strings = off"),
            (&[], "SET LOCAL \"standard_conforming_strings\" TO off"),
            (&[], "SET client_encoding = 'SJIS'"),
            (&[], "SET NAMES 'GBK'"),
            (&[], "ALTER ROLE CURRENT_USER SET standard_conforming_strings = off"),
            (&[], "SELECT set_config('standard_conforming_strings', 'off', false)"),
            (&[], "UPDATE pg_settings SET setting = 'off' WHERE name = 'standard_conforming_strings'"),
            (&[], "SET standard_conforming_strings = off; SELECT 1"),
        ],
    )
    .await;
    for parameters in [
        &[("standard_conforming_strings", "off")][..],
        &[("options", "-c standard_conforming_strings=off")],
        &[("client_encoding", "SJIS")],
        &[("client_encoding", "GBK")],
        &[("options", "-c client_encoding=BIG5")],
        &[("options", "-c search_path=evil,pg_catalog")],
        &[("search_path", "evil,pg_catalog")],
    ] {
        let mut alice = world.raw_with(&world.alice, parameters).await;
        let sql = if format!("{parameters:?}").contains("search_path") { "SELECT lower('X')" } else { two_faced };
        alice.push(&query(sql)).await;
        let verdict = alice.verdict().await;
        assert!(matches!(verdict.as_str(), "held" | "refused"), "{parameters:?}: {verdict}");
        assert_eq!(world.truth("SELECT count(*) FROM customers WHERE visits = 99"), "0", "{parameters:?}");
    }
    // A setting of the role itself, effective at the next connection.
    world.truth(&format!("ALTER ROLE \"{}\" SET standard_conforming_strings = off", world.database));
    none_runs(&world, &[(&[], two_faced), (&["RESET ALL"], two_faced), (&["DISCARD ALL"], two_faced)]).await;
    // What begins in one transaction and is taken back with it is forgotten with it.
    none_runs(
        &world,
        &[(
            &["BEGIN", "SET search_path = public", "UPDATE mine SET visits = 1", "ROLLBACK", "DEALLOCATE ALL"],
            "UPDATE seen SET visits = 1",
        )],
    )
    .await;
}

/// What another session of the same account does between our question and the target's own look.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_session_cannot_give_a_harmless_name_to_the_table() {
    let world = world().await;
    world.truth(&format!(
        "CREATE VIEW shifty AS SELECT id, name, visits FROM mine; ALTER VIEW shifty OWNER TO \"{0}\"; \
         GRANT ALL ON shifty TO \"{0}\"",
        world.database
    ));
    let before = world.truth(FINGERPRINT);
    let mut one = world.raw(&world.alice).await;
    one.send(&[query("UPDATE shifty SET visits = 99")]).await; // its meaning is now remembered
    assert_eq!(one.verdict().await, "UPDATE 0, Z I");
    let mut two = world.raw(&world.alice).await;
    two.send(&[query("BEGIN; CREATE OR REPLACE VIEW shifty AS SELECT id, name, visits FROM customers")]).await;
    let swapped = two.verdict().await;
    // Remembered, or waiting for the lock of the other, or after a pause of its own: all three need the other's view.
    one.send(&[query("SELECT pg_sleep(0.2); UPDATE shifty SET visits = 99")]).await;
    if swapped.ends_with("Z T") {
        two.send(&[query("COMMIT")]).await;
    }
    let verdict = one.verdict().await;
    assert_eq!(world.truth(FINGERPRINT), before, "the view was swapped: {swapped}, {verdict}");
    assert!(matches!(swapped.as_str(), "held" | "refused"), "{swapped}");
    let mut three = world.raw(&world.alice).await;
    for rule in [
        "CREATE RULE \"_RETURN\" AS ON SELECT TO mine DO INSTEAD SELECT id, name, visits FROM customers",
        "CREATE OR REPLACE RULE x AS ON UPDATE TO mine DO INSTEAD UPDATE customers SET visits = 99",
    ] {
        three.push(&query(rule)).await;
        assert_eq!(three.verdict().await, "held", "{rule}");
        three = world.raw(&world.alice).await;
    }
}

/// What is approved is refused when what it means changed while it waited.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_changes_while_a_statement_waits_refuses_it() {
    let world = world().await;
    world.truth(
        "CREATE TABLE other AS SELECT * FROM customers; CREATE VIEW swapped AS SELECT * FROM customers; \
                 CREATE FUNCTION evil.hidden() RETURNS int LANGUAGE sql AS 'SELECT 1'; \
                 CREATE FUNCTION atomic() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; END",
    );
    world.truth(&format!("GRANT ALL ON swapped, other TO \"{}\"", world.database));
    for (sql, change) in [
        ("UPDATE swapped SET visits = 99", "CREATE OR REPLACE VIEW swapped AS SELECT * FROM other"),
        (
            "SELECT wipe()",
            "CREATE OR REPLACE FUNCTION wipe() RETURNS int LANGUAGE sql AS 'DELETE FROM customers RETURNING 1'",
        ),
        (
            "SELECT evil.hidden()",
            "CREATE OR REPLACE FUNCTION evil.hidden() RETURNS int LANGUAGE sql AS 'UPDATE customers SET visits = 99 RETURNING 1'",
        ),
        (
            "SELECT atomic()",
            "CREATE OR REPLACE FUNCTION atomic() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT wipe(); END",
        ),
        (
            "INSERT INTO triggered VALUES (1)",
            "CREATE OR REPLACE FUNCTION wipe_trigger() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN DELETE FROM customers; RETURN NEW; END'",
        ),
        ("UPDATE customers SET visits = 98", "CREATE RULE more AS ON UPDATE TO customers DO ALSO DELETE FROM orders"),
        (
            "UPDATE customers SET visits = 97 WHERE id = 2",
            "DROP TABLE customers CASCADE; ALTER TABLE other RENAME TO customers; ALTER TABLE customers OWNER TO postgres",
        ),
    ] {
        let mut alice = world.raw(&world.alice).await;
        alice.push(&query(sql)).await;
        let request = alice.held().await;
        world.truth(change);
        let before = world.truth(FINGERPRINT);
        world.decide(&world.dora, request, Verdict::Approve, "").await;
        assert_eq!(alice.verdict().await, "refused", "{sql}, after {change}");
        assert_eq!(world.truth(FINGERPRINT), before, "{sql}, after {change}");
        world.truth("DROP RULE IF EXISTS more ON customers");
    }
}

/// An approval is for these bytes, these values, this person, this database, this grant, once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approval_is_used_once_and_for_nothing_else() {
    let world = World::start().await;
    let _keep = world.raw(&world.alice).await;
    let sql = "UPDATE customers SET visits = visits + 1 WHERE id = 1";
    let approve = |bytes: Vec<u8>| {
        let world = &world;
        async move {
            let mut alice = world.raw(&world.alice).await;
            alice.push(&bytes).await;
            let request = alice.held().await;
            drop(alice);
            world.decide(&world.dora, request, Verdict::Approve, "").await;
        }
    };
    approve(query(sql)).await;
    for other in [
        "UPDATE customers SET visits = visits + 1 WHERE id = 1 ",
        "update customers SET visits = visits + 1 WHERE id = 1",
        "UPDATE customers SET visits = visits + 1 WHERE id = 1;",
        "/**/UPDATE customers SET visits = visits + 1 WHERE id = 1",
    ] {
        let mut alice = world.raw(&world.alice).await;
        alice.push(&query(other)).await;
        assert_eq!(alice.verdict().await, "held", "{other}");
    }
    for setting in [
        "SET TimeZone = 'Asia/Tokyo'",
        "SET search_path = public",
        "SET row_security = off",
        "SET DateStyle = 'SQL, DMY'",
        "SET default_transaction_isolation = 'serializable'",
    ] {
        let mut alice = world.raw(&world.alice).await;
        alice.push(&[query(setting), query(sql)].concat()).await;
        assert!(alice.verdict().await.starts_with("SET"));
        assert_eq!(alice.verdict().await, "held", "{setting}");
    }
    // Two sessions at once: exactly one runs it.
    let (mut one, mut two) = (world.raw(&world.alice).await, world.raw(&world.alice).await);
    let again = query(sql);
    let ((), ()) = tokio::join!(one.push(&again), two.push(&again));
    let (a, b) = tokio::join!(one.verdict(), two.verdict());
    let ran = [&a, &b].iter().filter(|v| v.starts_with("UPDATE 1")).count();
    assert_eq!(ran, 1, "{a} and {b}");
    assert_eq!(world.truth("SELECT sum(visits) FROM customers"), "1");
    // Values, formats, types and row limits are part of it.
    let bound =
        |types: &[u32], format: u16, value: &[u8], result: u16, rows: u32| bound(types, format, value, result, rows);
    approve(bound(&[23], 0, b"3", 0, 0)).await;
    for (what, other) in [
        ("value", bound(&[23], 0, b"4", 0, 0)),
        ("type", bound(&[20], 0, b"3", 0, 0)),
        ("format", bound(&[23], 1, &[0, 0, 0, 3], 0, 0)),
        ("result format", bound(&[23], 0, b"3", 1, 0)),
        ("rows", bound(&[23], 0, b"3", 0, 1)),
        ("no type", bound(&[], 0, b"3", 0, 0)),
    ] {
        let mut alice = world.raw(&world.alice).await;
        alice.push(&other).await;
        assert_eq!(alice.verdict().await, "held", "{what}");
    }
    assert_eq!(world.truth("SELECT sum(visits) FROM customers"), "1");
    let mut alice = world.raw(&world.alice).await;
    alice.push(&bound(&[23], 0, b"3", 0, 0)).await;
    assert_eq!(alice.verdict().await, "UPDATE 1, Z I");
}

fn bound(types: &[u32], format: u16, value: &[u8], result: u16, rows: u32) -> Vec<u8> {
    let counted = |list: &[u32]| list.iter().flat_map(|t| t.to_be_bytes()).collect::<Vec<u8>>();
    let sql = b"\0UPDATE customers SET visits = visits + 1 WHERE id = $1 RETURNING id\0";
    let parsed = [&sql[..], &(types.len() as u16).to_be_bytes(), &counted(types)].concat();
    let bind = [
        &b"\0\0"[..],
        &1u16.to_be_bytes(),
        &format.to_be_bytes(),
        &1u16.to_be_bytes(),
        &(value.len() as u32).to_be_bytes(),
        value,
        &1u16.to_be_bytes(),
        &result.to_be_bytes(),
    ]
    .concat();
    let run = [&b"\0"[..], &rows.to_be_bytes()].concat();
    [support::message(b'P', &parsed), support::message(b'B', &bind), support::message(b'E', &run), sync()].concat()
}

/// Another person, the grant over, another database.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approval_ends_with_its_grant_and_helps_nobody_else() {
    let rules = support::RULES.replace("groups = [\"developers\"]", "");
    let world = World::start_with(&rules).await;
    let sql = "UPDATE customers SET visits = visits + 1 WHERE id = 1";
    let mut alice = world.raw(&world.alice).await;
    let _keep = world.raw(&world.alice).await;
    alice.push(&query(sql)).await;
    let request = alice.held().await;
    drop(alice);
    world.decide(&world.dora, request, Verdict::Approve, "").await;
    let mut ada = world.raw(&world.ada).await;
    ada.push(&query(sql)).await;
    assert_eq!(ada.verdict().await, "held", "another person");
    let again = world.try_raw(&world.alice, "postgres", &[]).await;
    if let Ok(mut other) = again {
        other.push(&query(sql)).await;
        assert_ne!(other.verdict().await, "UPDATE 1, Z I", "another database");
    }
    let connect = world.control.sessions(&world.ada, true).await.expect("sessions").into_iter().map(|s| s.request);
    for request in connect.collect::<std::collections::BTreeSet<_>>() {
        let _ = world.control.revoke(&world.ada, request, "over").await;
    }
    let mut alice = world.raw(&world.alice).await;
    alice.push(&query(sql)).await;
    assert_eq!(alice.verdict().await, "held", "the grant it was approved under is over");
    assert_eq!(world.truth("SELECT sum(visits) FROM customers"), "0");
    world.others_live().await;
}

async fn held_at(world: &World, sql: &str) -> (Raw, countersign_journal::RequestId) {
    let mut alice = world.raw(&world.alice).await;
    alice.push(&query(sql)).await;
    let request = alice.held().await;
    (alice, request)
}

/// A cancel ends what waits and nothing else; it never reaches a later statement.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancels_end_what_waits_and_nothing_else() {
    let world = World::start().await;
    let _keep = world.raw(&world.alice).await;
    let sql = "UPDATE customers SET visits = visits + 1 WHERE id = 1";
    let (mut alice, _) = held_at(&world, sql).await;
    let mut wrong = alice.key();
    wrong.secret ^= 1;
    world.cancel(wrong).await;
    assert!(!world.nothing_waits().await, "a wrong key does nothing");
    world.cancel(alice.key()).await;
    assert_eq!(alice.answer().await, ["E 57014", "Z I"]);
    assert!(world.nothing_waits().await, "the cancel withdrew it");
    alice.push(&query("SELECT pg_sleep(0.1)")).await;
    assert_eq!(alice.answer().await, ["T", "D", "SELECT 1", "Z I"], "the cancel does not reach a later statement");
    // At the moment of approval: it ran, or it did not and says so.
    for n in 0..6 {
        let before: u32 = world.truth("SELECT sum(visits) FROM customers").parse().expect("a number");
        let (mut alice, request) = held_at(&world, &format!("{sql} AND {n} = {n}")).await;
        let key = alice.key();
        let (_, ()) = tokio::join!(world.try_decide(&world.dora, request, Verdict::Approve), world.cancel(key));
        let answer = alice.answer().await;
        let after: u32 = world.truth("SELECT sum(visits) FROM customers").parse().expect("a number");
        assert_eq!(after - before, u32::from(answer[0] == "UPDATE 1"), "{answer:?}");
        alice.push(&query("SELECT 1")).await;
        let next = alice.answer().await;
        assert!(next[0] == "T" || next[0] == "E 57014", "{next:?}");
    }
    // What was sent behind a held statement runs after it, not before and not in its place.
    let (mut alice, request) = held_at(&world, &format!("{sql} AND 7 = 7")).await;
    alice.push(&query("INSERT INTO orders VALUES (70, 1)")).await;
    alice.push(&[parse("", sql), bind_to("", "", &[]), execute(""), sync()].concat()).await;
    assert_eq!(world.truth("SELECT count(*) FROM orders WHERE id = 70"), "0");
    world.decide(&world.dora, request, Verdict::Reject, "").await;
    assert_eq!(alice.answer().await, ["E 42501", "Z I"]);
    assert_eq!(alice.answer().await, ["INSERT 0 1", "Z I"]);
    assert_eq!(alice.verdict().await, "held");
}
