//! Ways round the gate by what lies in the schema: stored expressions that reach code, keys and sequences by which one
//! table is another's. `docs/BYPASSES.md` lists them.

mod support;

use countersign_journal::Verdict;
use support::{RULES, World, is_stopped, query};

/// What a table's owner keeps in the schema, each kind of it reaching code by another way.
const STORED: &str = "CREATE FUNCTION wipe(int) RETURNS int LANGUAGE sql AS 'UPDATE public.customers SET visits = 99 RETURNING 1'; \
     CREATE SCHEMA ways; GRANT USAGE ON SCHEMA ways TO public; \
     CREATE FUNCTION ways.wiped(int, int) RETURNS int LANGUAGE plpgsql AS 'BEGIN PERFORM public.wipe(1); RETURN 1; END'; \
     CREATE OPERATOR ways.+# (FUNCTION = ways.wiped, LEFTARG = int, RIGHTARG = int); \
     CREATE AGGREGATE ways.added(int) (SFUNC = ways.wiped, STYPE = int, INITCOND = '0'); \
     CREATE DOMAIN ways.adding AS int CHECK (VALUE OPERATOR(ways.+#) 1 > 0); \
     CREATE DOMAIN ways.filled AS int DEFAULT (1 OPERATOR(ways.+#) 1); \
     CREATE TYPE ways.pair AS (a ways.adding); \
     CREATE TABLE by_operator (k int, x int DEFAULT (1 OPERATOR(ways.+#) 1)); \
     CREATE TABLE by_check (k int CHECK (k OPERATOR(ways.+#) 1 > 0)); \
     CREATE TABLE by_conversion (k int, x int DEFAULT (1::ways.adding)); \
     CREATE TABLE by_text (k int, x text DEFAULT (('(1)'::text)::ways.pair)::text); \
     CREATE TABLE by_domain (k int, x ways.filled); \
     CREATE TABLE by_server (k int, x text DEFAULT set_config('search_path', 'ways', false)); \
     CREATE TABLE ended (k int CHECK (pg_terminate_backend(k))); \
     CREATE TABLE guarded (k int); ALTER TABLE guarded ENABLE ROW LEVEL SECURITY; \
     CREATE POLICY guard ON guarded USING (k OPERATOR(ways.+#) 1 > 0); INSERT INTO guarded VALUES (1); \
     CREATE TABLE asked (k int); ALTER TABLE asked ENABLE ROW LEVEL SECURITY; \
     CREATE POLICY ask ON asked USING (set_config('search_path', 'ways', false) IS NOT NULL); \
     CREATE VIEW seen_operator AS SELECT 1 OPERATOR(ways.+#) 1 AS x; \
     CREATE VIEW seen_domain AS SELECT '1'::ways.adding AS x; \
     CREATE VIEW seen_aggregate AS SELECT ways.added(1); \
     CREATE VIEW seen_server AS SELECT set_config('search_path', 'ways', false); \
     CREATE TABLE nested (k int); ALTER TABLE nested ENABLE ROW LEVEL SECURITY; \
     CREATE POLICY nest ON nested USING (EXISTS (SELECT FROM seen_operator)); INSERT INTO nested VALUES (1); \
     CREATE TABLE nested_server (k int); ALTER TABLE nested_server ENABLE ROW LEVEL SECURITY; \
     CREATE POLICY nest ON nested_server USING (EXISTS (SELECT FROM seen_server)); \
     CREATE TABLE ruled (k int, at timestamptz DEFAULT now()); CREATE RULE quiet AS ON DELETE TO ruled DO INSTEAD SELECT wipe(1); \
     CREATE TYPE ways.shape AS ENUM ('round'); CREATE TABLE by_cast (s ways.shape); INSERT INTO by_cast VALUES ('round'); \
     CREATE FUNCTION ways.told(ways.shape) RETURNS int LANGUAGE plpgsql AS 'BEGIN PERFORM public.wipe(1); RETURN 1; END'; \
     CREATE CAST (ways.shape AS int) WITH FUNCTION ways.told(ways.shape); \
     CREATE TABLE rowed (k int); INSERT INTO rowed VALUES (1); \
     CREATE FUNCTION ways.row_text(rowed) RETURNS text LANGUAGE sql AS 'SELECT public.wipe(1)::text'; \
     CREATE CAST (rowed AS text) WITH FUNCTION ways.row_text(rowed) AS IMPLICIT; \
     CREATE TYPE ways.hue AS ENUM ('red'); CREATE TABLE hued (h ways.hue); INSERT INTO hued VALUES ('red'); \
     CREATE FUNCTION ways.hues_text(ways.hue[]) RETURNS text LANGUAGE sql AS 'SELECT public.wipe(1)::text'; \
     CREATE CAST (ways.hue[] AS text) WITH FUNCTION ways.hues_text(ways.hue[]) AS IMPLICIT; \
     CREATE TYPE ways.span AS RANGE (SUBTYPE = int); CREATE TABLE spans (s ways.span); INSERT INTO spans VALUES ('[1,2]'); \
     CREATE FUNCTION ways.spans_text(ways.span_multirange) RETURNS text LANGUAGE sql AS 'SELECT public.wipe(1)::text'; \
     CREATE CAST (ways.span_multirange AS text) WITH FUNCTION ways.spans_text(ways.span_multirange) AS IMPLICIT; \
     CREATE TABLE renamed (k int); CREATE RULE x AS ON INSERT TO renamed DO ALSO SELECT wipe(1); \
     ALTER RULE x ON renamed RENAME TO \"_RETURN\"; \
     CREATE DOMAIN full_text AS text DEFAULT lower('X') CHECK (VALUE <> ''); CREATE TYPE mood AS ENUM ('good', 'bad'); \
     CREATE TABLE plain (k serial PRIMARY KEY, x full_text DEFAULT upper('x'), m mood, at timestamptz DEFAULT now(), \
         who name DEFAULT current_setting('role'), CHECK (length(x) < 9)); \
     CREATE VIEW counted AS SELECT count(*), max(lower(x)) FROM plain; \
     GRANT ALL ON ALL TABLES IN SCHEMA public TO \"{0}\"; GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO \"{0}\"";

async fn world() -> World {
    let world = World::start().await;
    world.truth(&STORED.replace("{0}", &world.database));
    world
        .truth(&format!("ALTER TABLE customers OWNER TO \"{0}\"; ALTER TABLE orders OWNER TO \"{0}\"", world.database));
    world
}

/// Defaults, checks, policies, domains and views reach code by operators, conversions and the server's own functions.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stored_expressions_reach_is_seen() {
    let world = world().await;
    world.truth("UPDATE customers SET visits = 0");
    let stopped = |sql: &'static str| [sql];
    let attempts = [
        "INSERT INTO by_operator (k) VALUES (1)",
        "INSERT INTO by_check VALUES (1)",
        "INSERT INTO by_conversion (k) VALUES (1)",
        "INSERT INTO by_text (k) VALUES (1)",
        "INSERT INTO by_domain (k) VALUES (1)",
        "INSERT INTO by_server (k) VALUES (1)",
        "INSERT INTO ended VALUES (1)",
        "SELECT * FROM guarded",
        "SELECT * FROM asked",
        "SELECT s::int FROM by_cast",
        "SELECT r::text FROM rowed r",
        "SELECT lower(r) FROM rowed r",
        "SELECT lower(ARRAY[h]) FROM hued",
        "SELECT array_agg(h)::text FROM hued",
        "SELECT range_agg(s)::text FROM spans",
        "INSERT INTO renamed VALUES (1)",
        "SELECT * FROM nested",
        "SELECT * FROM nested_server",
        "SELECT * FROM seen_operator",
        "SELECT * FROM seen_domain",
        "SELECT * FROM seen_aggregate",
        "SELECT * FROM seen_server",
        "CREATE TEMP TABLE made (k ways.adding)",
        "CREATE TEMP TABLE made (k ways.pair[])",
        "CREATE TEMP TABLE made OF ways.pair",
        "CREATE TEMP TABLE made (LIKE by_domain)",
        "CREATE TEMP TABLE made (LIKE by_check INCLUDING ALL)",
    ]
    .map(stopped);
    world.none_harms(&attempts.each_ref().map(<[_; 1]>::as_slice)).await;
    let mut alice = world.raw(&world.alice).await;
    for sql in [
        "INSERT INTO plain (m) VALUES ('good')",
        "SELECT * FROM plain",
        "SELECT * FROM counted",
        "SELECT * FROM ruled",
        "SELECT count(*) FROM information_schema.columns",
        "SELECT count(*) FROM pg_settings",
        "CREATE TEMP TABLE made (m mood, x full_text, y jsonb DEFAULT '{}')",
        "SELECT 'good'::mood, CAST('bad' AS mood), '{good}'::mood[]",
        "SELECT p.mood, p.full_text, p.plain FROM (SELECT 1 AS mood, 2 AS full_text, 3 AS plain) p",
        "SET standard_conforming_strings = on",
        "SET client_encoding TO 'UTF8'",
        "SET NAMES 'utf8'",
    ] {
        assert!(alice.one(sql).await.ends_with(", Z I"), "{sql} is nothing special");
    }
}

/// What an approval rests on goes as deep as what is looked through.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stored_expressions_reach_is_part_of_an_approval() {
    let world = world().await;
    let db = &world.database;
    let owned = format!(
        "CREATE SEQUENCE extra; ALTER SEQUENCE extra OWNER TO \"{db}\"; ALTER SEQUENCE extra OWNED BY customers.id"
    );
    let other = "CREATE OR REPLACE FUNCTION ways.wiped(int, int) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 2; END'";
    for (sql, change) in [
        ("INSERT INTO by_operator (k) VALUES (1)", other),
        ("UPDATE customers SET visits = 99", "ALTER DOMAIN deep DROP CONSTRAINT deep_check"),
        (
            "UPDATE customers SET name = 'good'::mood",
            "ALTER TYPE mood RENAME VALUE 'good' TO 'worse'; ALTER TYPE mood RENAME VALUE 'bad' TO 'good'",
        ),
        ("INSERT INTO customers VALUES (1, 'x') ON CONFLICT DO NOTHING", "CREATE UNIQUE INDEX ON customers (name)"),
        ("DELETE FROM customers WHERE id = 1000", &owned),
        ("DELETE FROM customers WHERE visits = 99", "CREATE OR REPLACE VIEW allowing AS SELECT 2 AS x"),
    ] {
        world.truth("DROP DOMAIN IF EXISTS deep CASCADE; CREATE DOMAIN deep AS int CHECK (VALUE > 0); CREATE DOMAIN top AS deep");
        world.truth("ALTER TABLE customers ADD COLUMN depth top; CREATE OR REPLACE VIEW allowing AS SELECT 1 AS x");
        world.truth("DROP POLICY IF EXISTS guard ON customers; CREATE POLICY guard ON customers USING (EXISTS (SELECT FROM allowing))");
        let mut alice = world.raw(&world.alice).await;
        alice.push(&query(sql)).await;
        let request = alice.held().await;
        world.truth(change);
        world.decide(&world.dora, request, Verdict::Approve, "").await;
        assert_eq!(alice.verdict().await, "refused", "{sql}");
    }
    assert_eq!(world.truth("SELECT count(*) FROM customers WHERE visits = 99"), "0");
    assert_eq!(world.truth("SELECT count(*) FROM by_operator"), "0");
}

/// A key that carries changes on makes changing one table a change of another; whose sequence it is, whose table it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_and_sequences_are_part_of_their_table() {
    let world = World::start_with(&RULES.replace(r#""alter", "#, "")).await;
    let owner = &world.database;
    world.truth(&format!(
        "CREATE TABLE shops (id int PRIMARY KEY); INSERT INTO shops VALUES (0); ALTER TABLE shops OWNER TO \"{owner}\"; \
         ALTER TABLE customers OWNER TO \"{owner}\"; ALTER TABLE customers ADD no int GENERATED ALWAYS AS IDENTITY"
    ));
    for action in ["DELETE CASCADE", "DELETE SET NULL", "UPDATE CASCADE", "UPDATE SET DEFAULT"] {
        let key = format!("ALTER TABLE customers ADD FOREIGN KEY (visits) REFERENCES shops ON {action}");
        world.none_harms(&[&[&key]]).await;
    }
    let mut alice = world.raw(&world.alice).await;
    let plain = "ALTER TABLE customers ADD FOREIGN KEY (visits) REFERENCES shops";
    assert_eq!(alice.one(plain).await, "ALTER TABLE, Z I", "a key that only refuses changes nothing");

    let world = World::start().await;
    let owner = &world.database;
    world.truth(&format!(
        "ALTER TABLE customers OWNER TO \"{owner}\"; ALTER TABLE customers ADD no int GENERATED ALWAYS AS IDENTITY; \
         CREATE TABLE plain (k serial); ALTER TABLE plain OWNER TO \"{owner}\""
    ));
    world.none_harms(&[&["ALTER SEQUENCE customers_no_seq RESTART WITH 1"], &["DROP SEQUENCE customers_no_seq"]]).await;
    world.truth(&format!(
        "CREATE TABLE borrows (k int DEFAULT nextval('customers_no_seq')); ALTER TABLE borrows OWNER TO \"{owner}\"; \
         CREATE TABLE main (id int PRIMARY KEY, x int); CREATE TABLE hangs (id int REFERENCES main ON UPDATE CASCADE); \
         ALTER TABLE customers ADD hung int REFERENCES main ON DELETE CASCADE; \
         ALTER TABLE main OWNER TO \"{owner}\"; ALTER TABLE hangs OWNER TO \"{owner}\""
    ));
    world.none_harms(&[&["INSERT INTO borrows DEFAULT VALUES"], &["DELETE FROM main"]]).await;
    let mut alice = world.raw(&world.alice).await;
    for sql in [
        "UPDATE main SET x = 1",
        "COMMENT ON TABLE main IS 'x'",
        "CREATE INDEX ON main (x)",
        "INSERT INTO main VALUES (1)",
    ] {
        assert!(!is_stopped(&alice.one(sql).await), "{sql} is not carried on");
    }
    assert_eq!(alice.one("ALTER SEQUENCE plain_k_seq RESTART WITH 1").await, "ALTER SEQUENCE, Z I");
}

/// What the server goes by, and where it keeps parts of tables, is no way round a rule on those tables.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_servers_own_tables_are_no_way() {
    let world = World::start().await;
    let toast = world.truth("SELECT reltoastrelid::regclass FROM pg_class WHERE oid = 'customers'::regclass");
    for sql in [
        "UPDATE pg_class SET relname = 'other' WHERE relname = 'customers'",
        "DELETE FROM pg_catalog.pg_trigger",
        "COPY pg_statistic TO STDOUT",
        "ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC",
    ] {
        let mut alice = world.raw(&world.alice).await;
        assert_eq!(alice.one(sql).await, "held", "{sql}");
    }
    world.none_harms(&[&[&format!("SELECT * FROM {toast}")]]).await;
    assert_eq!(world.raw(&world.alice).await.one("SELECT count(*) FROM pg_class").await, "SELECT 1, Z I");
}

/// What the server's own extensions bring stands in for nothing: only its administrator makes functions in C.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn extensions_of_the_server_hold_up_nobody() {
    let world = World::start().await;
    world.truth("CREATE EXTENSION hstore; CREATE EXTENSION citext; CREATE EXTENSION pgcrypto; CREATE TABLE words (w citext, h hstore)");
    world.truth("INSERT INTO words VALUES ('A', 'a=>1'); GRANT ALL ON words TO PUBLIC");
    let mut alice = world.raw(&world.alice).await;
    for sql in [
        "SELECT * FROM customers WHERE name = 'x' AND id - 1 > 0 AND name || 'y' <> 'z'",
        "SELECT max(w), min(w), h -> 'a' FROM words WHERE w = 'a' GROUP BY h",
        "SELECT max(name), gen_random_uuid() FROM customers",
    ] {
        assert!(!is_stopped(&alice.one(sql).await), "{sql}");
    }
    world.truth("CREATE FUNCTION same(text, text) RETURNS bool LANGUAGE sql AS 'SELECT true'");
    world.truth("CREATE OPERATOR public.<-> (FUNCTION = same, LEFTARG = text, RIGHTARG = text)");
    assert!(is_stopped(&world.raw(&world.alice).await.one("SELECT 'a' <-> 'b'").await));
}

/// `f('x')` is a conversion to a type named `f`: such a type gives calls another meaning, and an approval rests on there
/// being none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_type_named_as_a_function_stands_in_for_it() {
    let world = World::start().await;
    world.truth("CREATE DOMAIN age AS text CHECK (length(VALUE) > 0); CREATE TYPE width AS ENUM ('99')");
    world
        .none_harms(&[
            &["SELECT age('5')"],
            &["SELECT width('99')"],
            &["SELECT ('99').width"],
            &["CREATE TYPE length AS ENUM ('99')"],
            &["CREATE TYPE fee AS ENUM ('99')"],
        ])
        .await;
    let mut alice = world.raw(&world.alice).await;
    alice.push(&query("UPDATE customers SET visits = length('99')")).await;
    let request = alice.held().await;
    world.truth("CREATE TYPE length AS ENUM ('99')");
    world.decide(&world.dora, request, Verdict::Approve, "").await;
    assert_eq!(alice.verdict().await, "refused");
}
