//! Ways round the gate that hunters found and that were closed since: what is reached under another name, code behind
//! types, columns, cursors and schema changes, an old snapshot, other encodings, and what waits behind a cut.
//! `docs/BYPASSES.md` lists them.

mod support;

use countersign_journal::Verdict;
use support::{RULES, UNHARMED, World, bind_to, execute, message, parse, query, sync};

/// What an administrator of the target may have left lying about; the account owns more than it should.
const SETUP: &str = "CREATE SCHEMA a; CREATE SCHEMA b; CREATE SCHEMA mine; CREATE SCHEMA evil; \
     CREATE TABLE a.v (id int PRIMARY KEY, name text, visits int); CREATE VIEW b.v AS SELECT * FROM customers; \
     CREATE FUNCTION wipe() RETURNS int LANGUAGE sql AS 'UPDATE public.customers SET visits = 99 RETURNING 1'; \
     CREATE FUNCTION wipe(int, int) RETURNS int LANGUAGE sql AS 'SELECT 1'; \
     CREATE FUNCTION wipe(text) RETURNS int LANGUAGE sql AS 'SELECT public.wipe()'; \
     CREATE FUNCTION note(text, text) RETURNS bool LANGUAGE sql AS 'UPDATE public.customers SET visits = 99 RETURNING true'; \
     CREATE FUNCTION checked(int) RETURNS bool LANGUAGE plpgsql AS 'BEGIN PERFORM public.wipe(); RETURN true; END'; \
     CREATE FUNCTION spread(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN PERFORM public.wipe(); RETURN $1; END'; \
     CREATE FUNCTION wipe_row(customers) RETURNS int LANGUAGE sql AS 'SELECT public.wipe()'; \
     CREATE DOMAIN watched AS int CHECK (checked(VALUE)); \
     CREATE TABLE w (x watched); CREATE TABLE split (k int) PARTITION BY RANGE (spread(k)); \
     CREATE TABLE split_1 PARTITION OF split FOR VALUES FROM (0) TO (100); \
     CREATE VIEW seen AS SELECT * FROM customers; CREATE VIEW only_ids AS SELECT id FROM customers; \
     CREATE TABLE parent (id int PRIMARY KEY, name text, visits int NOT NULL); ALTER TABLE customers INHERIT parent; \
     CREATE TABLE mine (id int PRIMARY KEY, name text, visits int); INSERT INTO mine VALUES (1, 'x', 0); \
     CREATE OPERATOR public.@@@@ (FUNCTION = wipe, LEFTARG = int, RIGHTARG = int); \
     CREATE OPERATOR evil.+ (FUNCTION = wipe, LEFTARG = int, RIGHTARG = int); \
     CREATE TABLE owner (id int PRIMARY KEY); INSERT INTO owner VALUES (1), (2); \
     ALTER TABLE customers ADD owner int REFERENCES owner ON DELETE CASCADE DEFAULT 1; \
     GRANT ALL ON SCHEMA public, a, b, mine, evil TO \"{0}\"; GRANT ALL ON a.v, b.v TO \"{0}\"; \
     GRANT ALL ON ALL TABLES IN SCHEMA public TO \"{0}\"; ALTER TABLE mine OWNER TO \"{0}\"; \
     ALTER TABLE customers OWNER TO \"{0}\"; ALTER TABLE w OWNER TO \"{0}\"; \
     ALTER SCHEMA a OWNER TO \"{0}\"; ALTER SCHEMA b OWNER TO \"{0}\"; ALTER SCHEMA mine OWNER TO \"{0}\"; \
     GRANT CREATE, TEMPORARY ON DATABASE \"{0}\" TO \"{0}\"";

async fn world_with(rules: &str) -> World {
    let world = World::start_with(rules).await;
    world.truth(&SETUP.replace("{0}", &world.database));
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reading_a_table_does_not_hide_that_it_is_written_under_another_name() {
    world_with(RULES)
        .await
        .none_harms(&[
            &["UPDATE seen SET visits = 99"],
            &["UPDATE seen SET visits = 99 FROM customers c WHERE c.id = seen.id"],
            &["UPDATE seen SET visits = 99 WHERE EXISTS (SELECT 1 FROM customers)"],
            &["DELETE FROM parent USING customers c WHERE c.id = parent.id"],
            &["INSERT INTO only_ids SELECT id + 100 FROM customers"],
            &["DELETE FROM owner WHERE id IN (SELECT owner FROM customers)"],
            &["WITH x AS (UPDATE seen SET visits = 99 RETURNING 1) SELECT count(*) FROM x, customers"],
        ])
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn code_behind_types_and_columns_is_seen() {
    world_with(RULES)
        .await
        .none_harms(&[
            &["INSERT INTO w VALUES (1)"],
            &["CREATE TEMP TABLE w2 (x watched)", "INSERT INTO w2 VALUES (1)"],
            &["ALTER TABLE mine ALTER visits TYPE watched"],
            &["CREATE TABLE w3 (y int, x watched DEFAULT 1)", "INSERT INTO w3 (y) VALUES (1)"],
            &["SELECT c.wipe_row FROM customers c"],
            &["SELECT (c).wipe_row FROM customers c"],
            &["INSERT INTO mine SELECT 50, 'x', c.wipe_row FROM customers c LIMIT 1"],
            &["INSERT INTO split VALUES (1)"],
        ])
        .await;
}

const RUNNING: &str = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(60)%' AND state = 'active' AND pid <> pg_backend_pid()";
const CONNECTED: &str =
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";

/// Asks the target again and again until it is so.
async fn until(holds: impl Fn() -> bool) {
    let asked = async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), asked).await.expect("it becomes so");
}

/// Each gives a text that names nothing new another meaning, for this session or another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_of_the_schema_that_give_other_texts_a_meaning_are_stopped() {
    world_with(RULES)
        .await
        .none_harms(&[
            &["CREATE OPERATOR evil.= (FUNCTION = note, LEFTARG = text, RIGHTARG = text)"],
            &["CREATE OPERATOR public.+ (FUNCTION = pg_catalog.ts_stat, RIGHTARG = text)"],
            &["ALTER SCHEMA a RENAME TO old"],
            &["ALTER TABLE mine RENAME TO yours"],
            &["ALTER TABLE mine SET SCHEMA a"],
            &["CREATE TABLE child () INHERITS (customers)"],
            &["CREATE TABLE child (id int, name text, visits int)", "ALTER TABLE child INHERIT mine"],
            &["ALTER TABLE mine ENABLE TRIGGER ALL"],
            &["ALTER TABLE mine DISABLE ROW LEVEL SECURITY"],
            &["CREATE DOMAIN d AS int CHECK (checked(VALUE))"],
            &["CREATE CAST (int AS text) WITH INOUT AS IMPLICIT"],
            &["ALTER ROLE CURRENT_USER SET local_preload_libraries = 'nope'"],
        ])
        .await;
}

/// The gateway's own question once ran operators the session put before those of `pg_catalog`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_own_question_runs_nothing_of_the_sessions() {
    let world = world_with(RULES).await;
    world.truth("CREATE OPERATOR evil.= (FUNCTION = note, LEFTARG = text, RIGHTARG = text)");
    world.truth(
        "CREATE FUNCTION evil.noted(int, int) RETURNS int LANGUAGE sql AS \
         'UPDATE public.customers SET visits = 99 RETURNING 1'; \
         CREATE OPERATOR evil.& (FUNCTION = evil.noted, LEFTARG = int, RIGHTARG = int); \
         CREATE VIEW mine_seen AS SELECT * FROM mine; GRANT ALL ON mine_seen TO PUBLIC; GRANT USAGE ON SCHEMA evil TO PUBLIC",
    );
    let mut alice = world.raw(&world.alice).await;
    alice.one("SET search_path = evil, pg_catalog").await;
    alice.one("SELECT * FROM public.mine").await;
    let mut alice = world.raw(&world.alice).await;
    alice.one("SET search_path = public, evil, pg_catalog").await;
    assert_eq!(alice.one("INSERT INTO mine_seen (id) VALUES (70)").await, "held");
    assert_eq!(world.truth(UNHARMED), "10");
}

/// PostgreSQL reads literals of array and row types when it prepares a text, and parameters when it binds them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn preparing_and_binding_run_no_code() {
    let world = world_with(RULES).await;
    let mut alice = world.raw(&world.alice).await;
    alice.push(&[parse("", "SELECT '{1}'::int[]"), sync()].concat()).await;
    assert_eq!(alice.verdict().await, "Z I");
    for text in ["SELECT '{1}'::watched[]", "SELECT '(1)'::w", "INSERT INTO w_list VALUES ('{1}')"] {
        world.truth("CREATE TABLE IF NOT EXISTS w_list (x watched[])");
        let mut alice = world.raw(&world.alice).await;
        alice.push(&[parse("", text), sync()].concat()).await;
        assert_eq!(alice.verdict().await, "refused", "{text}");
        assert_eq!(world.truth(UNHARMED), "10", "{text}");
    }
    let own: u32 = world.truth("SELECT 'watched'::regtype::oid").parse().expect("a type's number");
    let declared = message(b'P', &[&b"\0SELECT $1\0"[..], &1u16.to_be_bytes(), &own.to_be_bytes()].concat());
    let mut alice = world.raw(&world.alice).await;
    alice.push(&[declared, bind_to("", "", &["1"]), execute(""), sync()].concat()).await;
    assert_eq!(alice.verdict().await, "held");
    assert_eq!(world.truth(UNHARMED), "10");
}

/// Our question sees the transaction's snapshot, the target goes by the present: another state may be meant.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_snapshot_answers_no_question() {
    let world = world_with(RULES).await;
    for level in ["REPEATABLE READ", "SERIALIZABLE"] {
        let mut alice = world.raw(&world.alice).await;
        assert_eq!(alice.one(&format!("BEGIN ISOLATION LEVEL {level}")).await, "BEGIN, Z T");
        assert_eq!(alice.one("INSERT INTO mine VALUES (60, 'x', 0)").await, "held");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_beyond_ascii_are_read_in_utf8_only() {
    let world = world_with(&RULES.replace("tables = [\"customers\"]", "tables = [\"kündigungen\"]")).await;
    world.truth(&format!(
        "CREATE TABLE \"kündigungen\" (n int); INSERT INTO \"kündigungen\" VALUES (1); \
         CREATE VIEW k AS SELECT * FROM \"kündigungen\"; GRANT ALL ON \"kündigungen\", k TO \"{}\"",
        world.database
    ));
    for encoding in ["UTF8", "LATIN1", "WIN1252", "LATIN9"] {
        let mut alice = world.raw_with(&world.alice, &[("client_encoding", encoding)]).await;
        let seen = alice.one("UPDATE k SET n = 99").await;
        assert!(matches!(seen.as_str(), "held" | "refused"), "{encoding}: {seen}");
        assert_eq!(world.truth("SELECT n FROM \"kündigungen\""), "1", "{encoding}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn moving_a_cursor_runs_its_query() {
    let open = RULES.split("[[rule]]\nname = \"customers\"").next().expect("rules").to_owned();
    let world = world_with(&open).await;
    let mut alice = world.raw(&world.alice).await;
    alice.one("BEGIN").await;
    alice.one("DECLARE c CURSOR FOR SELECT wipe()").await;
    alice
        .push(&[parse("s", "UPDATE customers SET visits = 99 RETURNING id"), bind_to("p", "s", &[]), sync()].concat())
        .await;
    assert_eq!(alice.verdict().await, "Z T");
    world.control.propose(&world.ada, &world.file(RULES), "", None).await.expect("applied");
    let verdict = alice.one("FETCH ALL FROM p").await;
    assert!(verdict.starts_with("E 40001"), "{verdict}");
    assert_eq!(world.truth(UNHARMED), "10");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_joins_a_group_is_ruled_by_it_at_once() {
    let grouped =
        RULES.replace("tables = [\"customers\"]", "tables = [\"customers\"]\ndevice_groups = [\"production\"]");
    let file = |devices: &str| format!("[[device_group]]\nname = \"production\"\ndevices = [{devices}]\n{grouped}");
    let world = World::start_with(&file("")).await;
    let mut alice = world.raw(&world.alice).await;
    assert_eq!(alice.one("SELECT 1").await, "SELECT 1, Z I");
    world.control.propose(&world.ada, &world.file(&file("\"prod-db\"")), "", None).await.expect("applied");
    assert_eq!(alice.one("UPDATE customers SET visits = 98").await, "held");
}

/// One batch is on its way at a time: what is queued behind a cut statement never begins.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_queued_behind_a_cut_statement_begins() {
    let world = World::start().await;
    let mut alice = world.raw(&world.alice).await;
    alice.one("SELECT pg_sleep(0)").await;
    alice.one("INSERT INTO orders VALUES (80, 1)").await;
    alice.push(&[query("SELECT pg_sleep(60)"), query("INSERT INTO orders VALUES (81, 1)")].concat()).await;
    until(|| world.truth(RUNNING) != "0").await;
    for session in world.control.sessions(&world.ada, true).await.expect("sessions") {
        world.control.revoke(&world.ada, session.request, "enough").await.expect("revoked");
    }
    let nobody = || world.truth(CONNECTED) == "0";
    until(nobody).await;
    assert_eq!(world.truth("SELECT count(*) FROM orders WHERE id = 81"), "0");
}

/// What an approval rests on is everything that decides what the text does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approval_rests_on_columns_defaults_keys_policies_and_settings() {
    let world = world_with(RULES).await;
    world.truth(&format!(
        "ALTER TABLE customers NO INHERIT parent; ALTER TABLE customers ADD credit int NOT NULL DEFAULT 5; GRANT ALL ON customers TO \"{}\"",
        world.database
    ));
    for (sql, change) in [
        (
            "UPDATE customers SET visits = 99",
            "ALTER TABLE customers RENAME visits TO old; ALTER TABLE customers RENAME credit TO visits",
        ),
        ("UPDATE customers SET name = 'x'", "ALTER TABLE customers ALTER name SET DEFAULT 'y'"),
        (
            "DELETE FROM customers WHERE id = 3",
            "ALTER TABLE orders ADD extra int REFERENCES customers ON DELETE CASCADE",
        ),
        ("UPDATE customers SET name = 'z'", "ALTER TABLE customers ENABLE ROW LEVEL SECURITY"),
        (
            "SELECT 1 @@@@ 2",
            "CREATE OR REPLACE FUNCTION wipe(int, int) RETURNS int LANGUAGE sql AS 'SELECT public.wipe()'",
        ),
        ("UPDATE customers SET visits = 5::calm", "ALTER DOMAIN calm ADD CHECK (checked(VALUE))"),
    ] {
        world.truth("DO $$ BEGIN CREATE DOMAIN calm AS int; EXCEPTION WHEN duplicate_object THEN NULL; END $$");
        let mut alice = world.raw(&world.alice).await;
        alice.push(&query(sql)).await;
        let request = alice.held().await;
        world.truth(change);
        world.decide(&world.dora, request, Verdict::Approve, "").await;
        assert_eq!(alice.verdict().await, "refused", "{sql} / {change}");
    }
    for (set, sql) in [
        ("SET extra_float_digits = 0", "UPDATE customers SET name = (0.1::float8 + 0.2::float8)::text"),
        ("SET xmlbinary = hex", "UPDATE customers SET name = xmlelement(name x, 'a'::bytea)::text"),
    ] {
        let mut plain = world.raw(&world.alice).await;
        plain.push(&query(sql)).await;
        let request = plain.held().await;
        let mut other = world.raw(&world.alice).await;
        other.one(set).await;
        other.push(&query(sql)).await;
        assert_ne!(other.held().await, request, "{set}");
    }
}

/// A row that an UPDATE moves to another partition is deleted from the first, and what hangs on that one with it. Nothing
/// hangs on an updated row otherwise, where a key follows deletions only.
#[tokio::test(flavor = "multi_thread")]
async fn an_update_that_moves_a_row_between_partitions_deletes_what_hangs_on_it() {
    let world = World::start().await;
    world.truth(&format!(
        "CREATE TABLE shelves (id int, place int) PARTITION BY LIST (place); \
         CREATE TABLE shelves_1 PARTITION OF shelves FOR VALUES IN (1); \
         CREATE TABLE shelves_2 PARTITION OF shelves FOR VALUES IN (2); \
         ALTER TABLE shelves_1 ADD PRIMARY KEY (id); INSERT INTO shelves VALUES (1, 1); \
         CREATE TABLE plain (id int PRIMARY KEY, place int); INSERT INTO plain VALUES (1, 1); \
         ALTER TABLE customers ADD shelf int DEFAULT 1 REFERENCES shelves_1 ON DELETE CASCADE, \
         ADD plain int DEFAULT 1 REFERENCES plain ON DELETE CASCADE; \
         GRANT ALL ON shelves, shelves_1, shelves_2, plain TO \"{}\"",
        world.database
    ));
    let mut alice = world.raw(&world.alice).await;
    for sql in ["UPDATE shelves SET place = 2", "UPDATE shelves_1 SET place = 2", "DELETE FROM plain"] {
        alice.push(&query(sql)).await;
        let request = alice.held().await;
        world.decide(&world.dora, request, Verdict::Reject, "no").await;
        assert_eq!(alice.answer().await, ["E 42501", "Z I"], "{sql}");
    }
    assert_eq!(alice.one("UPDATE plain SET place = 2").await, "UPDATE 1, Z I");
    assert_eq!(world.truth("SELECT count(*) FROM customers"), "10");
}
