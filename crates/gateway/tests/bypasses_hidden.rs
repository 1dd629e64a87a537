//! Ways round the gate by what a text does without showing it: calls written as columns or as syntax, names the target
//! cuts, plans that run code, types that hide others, reading inside changes. `docs/BYPASSES.md` lists them.

mod support;

use countersign_journal::Verdict;
use support::{RULES, UNHARMED, World, bind_to, close, execute, is_stopped, message, parse, query, sync};

/// What lies about on the target: functions of the user's own that change customers, and what calls them.
const SETUP: &str = "CREATE FUNCTION wipe(int) RETURNS int LANGUAGE sql AS 'UPDATE public.customers SET visits = 99 RETURNING 1'; \
     CREATE FUNCTION fold(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN PERFORM public.wipe(1); RETURN $1; END'; \
     CREATE FUNCTION checked(int) RETURNS bool LANGUAGE plpgsql AS 'BEGIN PERFORM public.wipe(1); RETURN true; END'; \
     CREATE DOMAIN watched AS int CHECK (checked(VALUE)); \
     CREATE FUNCTION json_value(text, text) RETURNS text LANGUAGE sql AS 'SELECT public.wipe(1)::text'; \
     CREATE FUNCTION json_query(text, text) RETURNS text LANGUAGE sql AS 'SELECT public.wipe(1)::text'; \
     CREATE FUNCTION json_exists(text, text) RETURNS bool LANGUAGE sql AS 'SELECT public.wipe(1) = 1'; \
     CREATE FUNCTION json_scalar(int) RETURNS int LANGUAGE sql AS 'SELECT public.wipe(1)'; \
     CREATE FUNCTION json_serialize(text) RETURNS int LANGUAGE sql AS 'SELECT public.wipe(1)'; \
     CREATE FUNCTION json_array(int, int) RETURNS int LANGUAGE sql AS 'SELECT public.wipe(1)'; \
     CREATE FUNCTION json_arrayagg_(int, int) RETURNS int LANGUAGE sql AS 'SELECT public.wipe(1)'; \
     CREATE AGGREGATE json_arrayagg(int) (SFUNC = json_arrayagg_, STYPE = int, INITCOND = '0'); \
     CREATE FUNCTION merge_action() RETURNS int LANGUAGE sql AS 'SELECT public.wipe(1)'; \
     CREATE TABLE listed (k int, a watched[]); CREATE TABLE folded (k int, x int DEFAULT fold(1)); \
     CREATE TABLE sampled (a int, b int); INSERT INTO sampled SELECT n, n FROM generate_series(1, 100) n; \
     CREATE STATISTICS sampled_x ON (fold(a)), b FROM sampled; \
     CREATE MATERIALIZED VIEW kept AS SELECT 1; \
     ALTER TABLE sampled OWNER TO \"{0}\"; ALTER MATERIALIZED VIEW kept OWNER TO \"{0}\"; ALTER TABLE customers OWNER TO \"{0}\"; \
     GRANT ALL ON ALL TABLES IN SCHEMA public TO \"{0}\"; GRANT CREATE, TEMPORARY ON DATABASE \"{0}\" TO \"{0}\"";

async fn world_with(rules: &str) -> World {
    let world = World::start_with(rules).await;
    world.truth(&SETUP.replace("{0}", &world.database));
    world.truth("UPDATE customers SET visits = 0"); // making the statistics' expression called it
    world
}

/// The target cuts names of statements and portals at 63 bytes: two that differ behind that are one there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_the_target_would_cut_are_not_taken() {
    let world = World::start().await;
    let (first, second) = (format!("{}1", "a".repeat(63)), format!("{}2", "a".repeat(63)));
    let harm = "UPDATE customers SET visits = 99";
    let attempts = [
        vec![parse(&first, "SELECT 1"), sync(), close(&second), parse(&second, harm), sync(), bind_to("", &first, &[])],
        vec![parse("s", "SELECT 1"), parse("h", harm), bind_to(&first, "s", &[]), bind_to(&second, "h", &[])],
    ];
    for attempt in attempts {
        let mut alice = world.raw(&world.alice).await;
        alice.push(&[attempt.concat(), execute(&first), sync()].concat()).await;
        assert_eq!(alice.verdict().await, "closed");
        assert_eq!(world.truth(UNHARMED), "10");
    }
    let longest = "a".repeat(63);
    let mut alice = world.raw(&world.alice).await;
    alice.send(&[parse(&longest, "SELECT 1"), bind_to(&longest, &longest, &[]), execute(&longest), sync()]).await;
    assert_eq!(alice.answer().await, ["1", "2", "D", "SELECT 1", "Z I"]);
    world.others_live().await;
}

/// `x.f` is a call of `f`, or a conversion to the type `f`, whatever `x` is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_written_as_columns_are_calls() {
    let world = world_with(RULES).await;
    world.none_harms(&[
            &["SELECT (1).wipe"],
            &["SELECT (o.id).wipe FROM orders o"],
            &["SELECT ((ARRAY[1])[1]).wipe"],
            &["SELECT (5).watched"],
            &["WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 3) \
               CYCLE n SET c TO watched '5' DEFAULT watched '6' USING p SELECT * FROM t"],
            &["SELECT ('5'::text).watched"],
            &["SELECT ('UPDATE customers SET visits = 99 RETURNING to_tsvector(''x'')'::text).ts_stat"],
            &["SELECT ('select to_tsvector(''simple'', set_config(''standard_conforming_strings'', ''off'', false))'::text).ts_stat"],
            &["SELECT (1).pg_advisory_lock"],
            &["SELECT ('orders'::text).nextval"],
            &["EXPLAIN SELECT (1).fold"],
        ],
    )
    .await;
    let mut alice = world.raw(&world.alice).await;
    for harmless in [
        "SELECT o.id, (o).customer, public.orders.customer FROM orders o, public.orders WHERE o.id = 1",
        "SELECT (1.5).floor",
    ] {
        let verdict = alice.one(harmless).await;
        assert!(verdict.starts_with("SELECT ") || verdict.starts_with("E 4"), "{harmless}: {verdict}");
    }
}

/// Syntax of newer servers is a call on those that do not have it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_written_as_newer_syntax_are_calls() {
    let world = world_with(RULES).await;
    world
        .none_harms(&[
            &["SELECT json_value('x', 'y')"],
            &["SELECT json_query('x', 'y')"],
            &["SELECT json_exists('x', 'y')"],
            &["SELECT json_scalar(1)"],
            &["SELECT json_serialize('x')"],
            &["SELECT json_array(1, 2)"],
            &["SELECT json_arrayagg(1)"],
            &["SELECT merge_action()"],
        ])
        .await;
}

/// What only plans, reads or keeps in order may run code of the table it is about all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn planning_reading_and_keeping_in_order_run_code_too() {
    let world = world_with(RULES).await;
    world.truth(
        "CREATE FUNCTION on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN PERFORM public.wipe(1); END'; \
         CREATE EVENT TRIGGER watching ON ddl_command_start WHEN TAG IN ('REFRESH MATERIALIZED VIEW') EXECUTE FUNCTION on_ddl()",
    );
    world.none_harms(&[
            &["EXPLAIN INSERT INTO listed VALUES (1, '{5}')"],
            &["EXPLAIN INSERT INTO folded DEFAULT VALUES"],
            &["SELECT * FROM listed WHERE a = '{5}'"],
            &["CREATE TEMP TABLE int4 (a watched)", "SELECT '(5)'::int4"],
            &["CREATE TEMP TABLE int4 (a watched)", "SELECT ARRAY['(5)']::int4[]"],
            &["ANALYZE sampled"],
            &["REFRESH MATERIALIZED VIEW kept"],
            &["CREATE RULE silent AS ON DELETE TO customers DO INSTEAD NOTHING"],
            &["CREATE TRIGGER silent BEFORE UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()"],
        ],
    )
    .await;
    let mut alice = world.raw(&world.alice).await;
    assert_eq!(alice.one("EXPLAIN SELECT * FROM folded").await, "EXPLAIN, Z I", "reading calls no default");
}

/// Orders may be changed and never read.
const UNREAD: &str = r#"
[[rule]]
name = "connect"
act = "connect"
outcome = "allow"
groups = ["developers"]
[[rule]]
name = "customers are not read"
act = "query"
outcome = "deny"
kinds = ["select"]
tables = ["customers"]
"#;

/// A rule on reading speaks of reading in whatever statement.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reading_inside_changes_is_reading() {
    let world = world_with(UNREAD).await;
    world.truth("ANALYZE customers; CREATE VIEW guesses AS SELECT most_common_vals::text FROM pg_stats WHERE tablename = 'customers'");
    world.truth("GRANT SELECT ON guesses TO PUBLIC; CREATE VIEW wanted AS SELECT * FROM orders WHERE id IN (SELECT id FROM customers)");
    world.truth("CREATE TABLE kept_by (id int PRIMARY KEY); ALTER TABLE customers ADD kept int REFERENCES kept_by ON UPDATE CASCADE");
    world.truth("GRANT ALL ON wanted, kept_by TO PUBLIC");
    for attempt in [
        "UPDATE orders o SET customer = customer FROM customers c WHERE o.id = 1 RETURNING c.*",
        "DELETE FROM orders o USING customers c WHERE o.id = c.id RETURNING c.*",
        "MERGE INTO orders o USING customers c ON false WHEN NOT MATCHED THEN INSERT VALUES (1000 + c.id, c.id)",
        "UPDATE customers SET visits = visits RETURNING *",
        "DELETE FROM customers WHERE id = 10 RETURNING *",
        "INSERT INTO customers VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET visits = 0 RETURNING *",
        "CREATE TABLE copied AS SELECT * FROM customers",
        "DECLARE c CURSOR WITH HOLD FOR SELECT * FROM customers",
        "SELECT histogram_bounds, most_common_vals FROM pg_stats WHERE tablename = 'customers'",
        "COPY customers TO STDOUT",
        "DELETE FROM customers WHERE (name || id)::int = 1",
        "DELETE FROM customers excluded WHERE excluded.name::int = 1",
        "UPDATE customers SET id = NULL",
        "MERGE INTO customers USING sampled ON true WHEN MATCHED THEN UPDATE SET id = NULL",
        "UPDATE kept_by SET id = -1",
        "ALTER TABLE customers ALTER visits SET NOT NULL",
        "INSERT INTO customers VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET id = NULL",
        "DELETE FROM wanted WHERE id = 1000",
        "UPDATE customers SET visits = (name || id)::int",
        "INSERT INTO customers VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET visits = (customers.name || 1)::int",
        "CREATE INDEX ON customers (((name || id)::int))",
        "CREATE UNIQUE INDEX ON customers (visits)",
        "CREATE STATISTICS guess ON ((name || id)::int), id FROM customers",
        "ALTER TABLE customers ADD CHECK ((name || id)::int = 1)",
        "ALTER TABLE customers ADD UNIQUE (visits)",
        "ALTER TABLE customers ALTER name TYPE int USING (name || id)::int",
        "ALTER TABLE customers ADD told int GENERATED ALWAYS AS ((name || id)::int) STORED",
        "SELECT * FROM guesses",
    ] {
        let verdict = world.raw(&world.alice).await.one(attempt).await;
        assert!(is_stopped(&verdict), "{attempt}: {verdict}");
    }
    let mut alice = world.raw(&world.alice).await;
    assert_eq!(alice.one("INSERT INTO customers VALUES (1, 'x') ON CONFLICT DO NOTHING").await, "INSERT 0 0, Z I");
    assert_eq!(alice.one("UPDATE orders SET customer = customer WHERE id = 1").await, "UPDATE 1, Z I");
    world.others_live().await;
}

/// Describing what SQL prepared may prepare it anew, and run the checks of its literals once more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_prepared_unseen_is_not_described() {
    let world = world_with(RULES).await;
    let mut alice = world.raw(&world.alice).await;
    alice.push(&query("PREPARE s AS SELECT '5'::watched")).await;
    let request = alice.held().await;
    world.decide(&world.dora, request, Verdict::Approve, "").await;
    alice.verdict().await;
    world.truth("UPDATE customers SET visits = 0");
    alice.push(&[message(b'D', b"Ss\0"), sync()].concat()).await;
    assert_eq!(alice.verdict().await, "refused");
    assert_eq!(alice.answer().await, ["Z I"]);
    alice.send(&[parse("t", "SELECT 1"), message(b'D', b"St\0"), sync()]).await;
    assert_eq!(alice.answer().await, ["1", "t", "T", "Z I"], "what is parsed here is described");
    assert_eq!(world.truth(UNHARMED), "10");
}

/// A rule by functions speaks of calls, however they are written.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_function_called_as_a_column_is_that_function() {
    let rules = UNREAD.replace("kinds = [\"select\"]\ntables = [\"customers\"]", "functions = [\"pg_sleep\"]");
    let world = World::start_with(&rules).await;
    for attempt in [
        "SELECT pg_sleep(0)",
        "SELECT (0::float8).pg_sleep",
        "SELECT d.x.pg_sleep FROM (SELECT 0::float8 AS x) d",
        "SELECT (d.x).pg_sleep FROM (SELECT 0::float8 AS x) d",
    ] {
        assert_eq!(world.raw(&world.alice).await.one(attempt).await, "refused", "{attempt}");
    }
    world.truth("CREATE VIEW slow AS SELECT pg_sleep(0)::text AS x; CREATE TABLE slowly (k int, x text DEFAULT pg_sleep(0)::text)");
    world.truth("GRANT ALL ON slow, slowly TO PUBLIC");
    for attempt in ["SELECT * FROM slow", "INSERT INTO slowly (k) VALUES (1)"] {
        assert_eq!(world.raw(&world.alice).await.one(attempt).await, "refused", "{attempt}");
    }
    for other in ["SELECT 1", "SELECT * FROM slowly"] {
        assert!(!is_stopped(&world.raw(&world.alice).await.one(other).await), "{other}");
    }
}

/// The target reads the literals of a text by the settings of the moment it is parsed: what is released is parsed again
/// under those that were shown.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_released_is_read_under_the_settings_that_were_shown() {
    let world = World::start().await;
    let harm = "UPDATE customers SET visits = 99 WHERE date '2026-02-01' = '01/02/2026'";
    for name in ["s", ""] {
        let mut alice = world.raw(&world.alice).await;
        assert_eq!(alice.one("SET datestyle = 'ISO, DMY'").await, "SET, Z I");
        alice.send(&[parse(name, harm), sync()]).await;
        assert_eq!(alice.answer().await, ["1", "Z I"]);
        alice.send(&[parse("back", "SET datestyle = 'ISO, MDY'"), bind_to("", "back", &[]), execute(""), sync()]).await;
        assert_eq!(alice.answer().await, ["1", "2", "SET", "Z I"]);
        alice.send(&[bind_to("", name, &[]), execute(""), sync()]).await;
        let request = alice.held().await;
        world.decide(&world.dora, request, Verdict::Approve, "").await;
        assert_eq!(alice.answer().await, ["2", "UPDATE 0", "Z I"], "as the settings say that dora was shown");
        assert_eq!(world.truth(UNHARMED), "10");
        // The name stands for the same text as before.
        alice.send(&[bind_to("", name, &[]), execute(""), sync()]).await;
        let again = alice.held().await;
        world.decide(&world.dora, again, Verdict::Reject, "once").await;
        assert_eq!(alice.answer().await[0], "E 42501");
    }
}

/// Texts the target has not confirmed are bounded too; a session that sends many only waits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn texts_on_their_way_are_bounded() {
    let world = World::start().await;
    let mut alice = world.raw(&world.alice).await;
    let long = format!("SELECT '{}'", "x".repeat(900_000));
    for _ in 0..100 {
        alice.push(&parse("", &long)).await;
    }
    alice.push(&sync()).await;
    let answer = alice.answer().await;
    assert_eq!((answer.len(), answer[100].as_str()), (101, "Z I"));
    world.others_live().await;
}

/// Changes beside the table that change what it holds, who reaches it, or what a name means.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_beside_the_table_reach_it() {
    let world = World::start().await;
    world.truth(
        &"CREATE TYPE grade AS ENUM ('plain', 'blocked'); ALTER TYPE grade OWNER TO \"{0}\"; \
          CREATE TYPE addr AS (street text, city text); ALTER TYPE addr OWNER TO \"{0}\"; \
          CREATE TABLE addr_row (street text, city text); ALTER TABLE addr_row OWNER TO \"{0}\"; \
          CREATE SCHEMA rep; CREATE ROLE \"more_{0}\"; GRANT \"more_{0}\" TO \"{0}\" WITH ADMIN OPTION; \
          ALTER SCHEMA rep OWNER TO \"{0}\"; ALTER TABLE customers OWNER TO \"{0}\"; \
          ALTER TABLE customers ADD grade grade, ADD home addr, ADD work addr_row[]; \
          UPDATE customers SET grade = 'blocked', home = ('Main 1', 'Rome'), work = ARRAY[('Side 2', 'Rome')::addr_row]; \
          CREATE INDEX customers_name ON customers (name); GRANT CREATE ON DATABASE \"{0}\" TO \"{0}\""
            .replace("{0}", &world.database),
    );
    let held = "SELECT md5(string_agg(c::text, ',' ORDER BY id)) FROM customers c";
    let (before, login) = (world.truth(held), world.database.clone());
    for attempt in [
        "ALTER TYPE grade RENAME VALUE 'blocked' TO 'platinum'",
        "ALTER TYPE addr DROP ATTRIBUTE street",
        "ALTER TABLE addr_row DROP COLUMN street",
        "DROP TABLE addr_row CASCADE",
        "DROP INDEX customers_name",
        "ALTER INDEX customers_pkey RENAME TO other",
        &format!("ALTER ROLE \"{login}\" PASSWORD 'alice-knows-it'"),
        &format!("ALTER USER \"{login}\" WITH ENCRYPTED PASSWORD 'alice-knows-it'"),
        "ALTER ROLE CURRENT_USER PASSWORD 'alice-knows-it'",
        &format!("CREATE ROLE x LOGIN PASSWORD 'alice-knows-it' IN ROLE \"{login}\""),
        &format!("GRANT \"more_{login}\" TO postgres"),
        "GRANT USAGE ON SCHEMA rep TO PUBLIC",
        &format!("REVOKE USAGE ON SCHEMA rep FROM \"{login}\""),
        &format!("ALTER SCHEMA rep OWNER TO \"more_{login}\""),
    ] {
        let verdict = world.raw(&world.alice).await.one(attempt).await;
        assert!(is_stopped(&verdict), "{attempt}: {verdict}");
        assert_eq!(world.truth(held), before, "{attempt}");
    }
    let mut alice = world.raw(&world.alice).await;
    for harmless in
        ["ALTER TYPE grade ADD VALUE 'gold'", "CREATE TABLE mine (id int)", "ALTER TABLE mine ADD name text"]
    {
        let verdict = alice.one(harmless).await;
        assert!(!is_stopped(&verdict) && !verdict.starts_with('E'), "{harmless}: {verdict}");
    }
    world.others_live().await;
}

/// Labels of an enum are part of what an approval rests on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn labels_renamed_while_a_statement_waits_refuse_it() {
    let world = World::start().await;
    world.truth("CREATE TYPE grade AS ENUM ('silver', 'gold'); ALTER TABLE customers ADD grade grade DEFAULT NULL");
    let mut alice = world.raw(&world.alice).await;
    alice.send(&[query("UPDATE customers SET visits = 99 WHERE grade = 'silver'")]).await;
    let request = alice.held().await;
    world.truth("ALTER TYPE grade RENAME VALUE 'silver' TO 'tin'");
    world.decide(&world.dora, request, Verdict::Approve, "").await;
    assert_eq!(alice.answer().await[0], "E 42501");
}

/// What only the catalogue shows of an approved statement, here a rule that sets something, counts as a change too: what
/// is known of the session is forgotten, and a text is not read while the target reads otherwise.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_approved_statement_sets_behind_its_text_is_noticed() {
    let world = World::start().await;
    let mut alice = world.raw(&world.alice).await;
    assert_eq!(alice.one("SELECT 1").await, "SELECT 1, Z I");
    alice.send(&[query("UPDATE pg_settings SET setting = 'off' WHERE name = 'standard_conforming_strings'")]).await;
    let request = alice.held().await;
    world.decide(&world.dora, request, Verdict::Approve, "").await;
    let answer = alice.answer().await;
    assert_eq!(answer.last().map(String::as_str), Some("Z I"), "{answer:?}");
    let verdict = alice.one(r"SELECT '\'' ; UPDATE customers SET visits = 99 ; SELECT 1 --'").await;
    assert!(is_stopped(&verdict), "{verdict}");
    assert_eq!(world.truth(UNHARMED), "10");
}

/// Moving a cursor that was refused is refused again; and in a unit, too, it counts as what it runs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cursor_that_was_refused_is_refused_again() {
    let world = World::start().await;
    world.truth(
        "CREATE FUNCTION touch(int) RETURNS int LANGUAGE sql AS 'UPDATE public.customers SET visits = 99 RETURNING 1'",
    );
    let mut alice = world.raw(&world.alice).await;
    alice.send(&[query("DECLARE c NO SCROLL CURSOR WITH HOLD FOR SELECT touch(1) WHERE false")]).await;
    let declared = alice.held().await;
    world.decide(&world.dora, declared, Verdict::Approve, "").await;
    assert_eq!(alice.answer().await.last().map(String::as_str), Some("Z I"));
    for _ in 0..3 {
        alice.send(&[query("FETCH 1 FROM c")]).await;
        let request = alice.held().await;
        world.decide(&world.dora, request, Verdict::Reject, "no").await;
        assert_eq!(alice.answer().await[0], "E 42501");
    }
    let unit = [
        parse("u", "UPDATE customers SET visits = 98 WHERE id = 1"),
        parse("f", "UPDATE customers SET visits = 97 WHERE CURRENT OF c"),
        bind_to("", "u", &[]),
        execute(""),
        bind_to("", "f", &[]),
        execute(""),
        sync(),
    ];
    alice.push(&unit.concat()).await;
    let request = alice.held().await;
    let shown = world.control.request(&world.dora, request).await.expect("the request");
    let unknown = shown.statement.expect("a statement").unknown.join("; ");
    assert!(unknown.contains("touch"), "{unknown}");
    world.decide(&world.dora, request, Verdict::Reject, "no").await;
}

/// Preparing and describing run no code either: not when the text cannot be read, nor when the type comes from a function,
/// an operator, a declared parameter, or a table that was made anew.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn preparing_and_describing_run_no_code_by_any_way() {
    let world = world_with(RULES).await;
    world.truth(
        &"CREATE FUNCTION takes(watched[]) RETURNS int LANGUAGE sql AS 'SELECT 1'; \
          CREATE FUNCTION gives() RETURNS watched[] LANGUAGE sql AS 'SELECT NULL::watched[]'; \
          CREATE TABLE lit (c int[]); ALTER TABLE lit OWNER TO \"{0}\"; GRANT ALL ON SCHEMA public TO \"{0}\""
            .replace("{0}", &world.database),
    );
    let own = world.truth("SELECT oid::int FROM pg_type WHERE typname = '_watched'").parse::<u32>().expect("a number");
    let many = format!("SELECT 1 AS x FROM listed WHERE a = '{{7}}'{}", " AND 1=1".repeat(10_100));
    for (sql, types) in [
        ("SELECT takes('{7}')", vec![]),
        ("SELECT gives() = '{7}'", vec![]),
        ("EXPLAIN SELECT takes('{7}')", vec![]),
        ("SELECT $1 = '{7}'", vec![own]),
        ("SELECT 1 AS system_user FROM listed WHERE a = '{7}'", vec![]),
        (many.as_str(), vec![]),
    ] {
        let mut alice = world.raw(&world.alice).await;
        let mut body = [b"s\0", sql.as_bytes(), b"\0"].concat();
        body.extend(u16::try_from(types.len()).expect("few").to_be_bytes());
        types.iter().for_each(|oid| body.extend(oid.to_be_bytes()));
        alice.push(&[support::message(b'P', &body), sync()].concat()).await;
        let verdict = alice.verdict().await;
        assert_eq!(verdict, "refused", "{:.60}", sql);
        assert_eq!(world.truth(UNHARMED), "10", "{:.60}", sql);
    }
    // Nor between the statements of a unit that is held.
    let change = [bind_to("", "u", &[]), execute("")].concat();
    let made = parse("u", "UPDATE customers SET visits = 0 WHERE id = 1");
    for between in [parse("x", "SELECT '{7}'::watched[]"), support::message(b'D', b"Sunseen\0")] {
        let mut alice = world.raw(&world.alice).await;
        alice.push(&[made.clone(), change.clone(), between, change.clone(), sync()].concat()).await;
        assert_eq!(alice.verdict().await, "refused");
        assert!(world.nothing_waits().await);
    }
    let mut alice = world.raw(&world.alice).await;
    alice.send(&[parse("d", "SELECT 1 AS x FROM lit WHERE c = '{7}'"), sync()]).await;
    assert_eq!(alice.answer().await, ["1", "Z I"]);
    world.truth(
        &"DROP TABLE lit; CREATE TABLE lit (c watched[]); GRANT ALL ON lit TO \"{0}\"".replace("{0}", &world.database),
    );
    assert_eq!(alice.one("SET work_mem = '5MB'").await, "SET, Z I", "what was remembered is forgotten");
    alice.push(&[support::message(b'D', b"Sd\0"), sync()].concat()).await;
    assert_eq!(alice.verdict().await, "refused");
    assert_eq!(world.truth(UNHARMED), "10");
}
