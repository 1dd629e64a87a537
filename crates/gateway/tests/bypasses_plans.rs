//! Ways to make an approved plan cover more than what was approved, each against a real PostgreSQL.

mod support;

use countersign_control::{Reservation, Script};
use countersign_inspect::sql;
use countersign_journal::{RequestId, StepOrder, Verdict, Window};
use support::*;

const FIRST: &str = "UPDATE customers SET visits = visits + 1 WHERE id = 1;";
const SECOND: &str = "UPDATE customers SET visits = visits + 10 WHERE id = 1;";

/// Asks for an hour with these statements and has dora approve it.
async fn approved(world: &World, statements: &[&str], order: StepOrder) -> RequestId {
    let now = world.control.now();
    let window = Window::new(now, now.plus(3_600)).expect("an hour");
    let account = world.control.account_by_label("prod-db").expect("an account");
    let statements = statements.iter().map(|text| ((*text).to_owned(), sql::facts(text))).collect();
    let script = Some(Script { order, statements });
    let wanted = Reservation { script, ..Reservation::plain(account, window, "ticket 4711") };
    let request = world.control.reserve(&world.alice, wanted).await.expect("asked");
    if world.control.request(&world.dora, request).await.expect("the request").position.is_some() {
        world.decide(&world.dora, request, Verdict::Approve, "").await;
    }
    request
}

/// Sends what must be held, has it rejected, and returns the notice.
async fn held(world: &World, raw: &mut Raw, messages: &[Vec<u8>]) {
    raw.send(messages).await;
    let request = raw.held().await;
    world.decide(&world.dora, request, Verdict::Reject, "no").await;
    let answer = raw.answer().await;
    assert_eq!(answer[0], "E 42501", "{answer:?}");
}

async fn runs(raw: &mut Raw, sql: &str, tag: &str) {
    raw.send(&[query(sql)]).await;
    let answer = raw.answer().await;
    assert!(answer.iter().any(|a| a == tag), "{sql}: {answer:?}");
}

fn visits(world: &World) -> String {
    world.truth("SELECT visits FROM customers WHERE id = 1")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_planned_statement_runs_as_written_once_and_in_its_turn() {
    let world = World::start().await;
    approved(&world, &[FIRST, SECOND], StepOrder::Listed).await;
    let mut alice = world.raw(&world.alice).await;
    for other in [
        SECOND,
        &FIRST.replace(';', ""),
        &FIRST.replace("+ 1", "+ 2"),
        &FIRST.replace("id = 1", "id =  1"),
        &format!("{FIRST} "),
    ] {
        held(&world, &mut alice, &[query(other)]).await;
    }
    let together = alice.one(&format!("{FIRST}{SECOND}")).await;
    assert_eq!(together, "refused");
    alice.verdict().await;
    runs(&mut alice, FIRST, "UPDATE 1").await;
    held(&world, &mut alice, &[query(FIRST)]).await;
    runs(&mut alice, "BEGIN", "BEGIN").await;
    runs(&mut alice, SECOND, "UPDATE 1").await;
    runs(&mut alice, "ROLLBACK", "ROLLBACK").await;
    held(&world, &mut alice, &[query(SECOND)]).await;
    assert_eq!(visits(&world), "1", "what was rolled back was used");
}

/// What a plan has in order never runs without what was to come before it.
#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_failed_or_was_taken_back_ends_the_plan() {
    let fails = "UPDATE customers SET visits = 1 / 0;";
    for (before, runs_first) in [
        (&["BEGIN", FIRST, "ROLLBACK"][..], FIRST),
        (&["BEGIN", "SAVEPOINT s", FIRST, "ROLLBACK TO s"], FIRST),
        (&["BEGIN", FIRST, "SELECT 1 / 0", "COMMIT"], FIRST),
        (&[fails], fails),
    ] {
        let world = World::start().await;
        approved(&world, &[runs_first, SECOND], StepOrder::Listed).await;
        let mut alice = world.raw(&world.alice).await;
        for sql in before {
            alice.send(&[query(sql)]).await;
            alice.answer().await;
        }
        held(&world, &mut alice, &[query(SECOND)]).await;
        let mut other = world.raw(&world.alice).await;
        held(&world, &mut other, &[query(SECOND)]).await;
        assert_eq!(visits(&world), "0", "{before:?}");
    }
    // The end of a transaction inside an open batch, of which the target says nothing more before its Sync.
    let world = World::start().await;
    approved(&world, &[FIRST, SECOND], StepOrder::Listed).await;
    let mut alice = world.raw(&world.alice).await;
    runs(&mut alice, "BEGIN", "BEGIN").await;
    runs(&mut alice, FIRST, "UPDATE 1").await;
    let back = [parse("", "ROLLBACK"), bind_to("", "", &[]), execute(""), flush()].concat();
    alice.push(&back).await;
    for answer in [b'1', b'2', b'C'] {
        assert_eq!(alice.next().await.0, answer);
    }
    held(&world, &mut alice, &[parse("", SECOND), bind_to("", "", &[]), execute(""), sync()]).await;
    assert_eq!(visits(&world), "0");

    let world = World::start().await;
    approved(&world, &[FIRST, SECOND], StepOrder::Any).await;
    let mut alice = world.raw(&world.alice).await;
    for (sql, tag) in [("BEGIN", "BEGIN"), (FIRST, "UPDATE 1"), ("ROLLBACK", "ROLLBACK"), (SECOND, "UPDATE 1")] {
        runs(&mut alice, sql, tag).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_covers_nothing_under_other_settings() {
    let world = World::start().await;
    world.truth(&format!(
        "CREATE SCHEMA other; CREATE TABLE other.customers (LIKE public.customers); GRANT ALL ON SCHEMA other TO \"{0}\"; \
         GRANT ALL ON other.customers TO \"{0}\"; CREATE ROLE \"second_{0}\"; GRANT \"second_{0}\" TO \"{0}\"; \
         GRANT ALL ON customers TO \"second_{0}\"",
        world.database
    ));
    approved(&world, &[FIRST], StepOrder::Any).await;
    let role = format!("SET ROLE \"second_{}\"", world.database);
    for set in
        ["SET search_path = other, public", "SET datestyle = 'SQL, DMY'", "SET LOCAL timezone = 'Asia/Tokyo'", &role]
    {
        let mut alice = world.raw(&world.alice).await;
        runs(&mut alice, "BEGIN", "BEGIN").await;
        runs(&mut alice, set, "SET").await;
        held(&world, &mut alice, &[query(FIRST)]).await;
    }
    for parameter in [("search_path", "other, public"), ("options", "-c datestyle=SQL,DMY"), ("TimeZone", "Asia/Tokyo")]
    {
        let mut alice = world.raw_with(&world.alice, &[parameter]).await;
        held(&world, &mut alice, &[query(FIRST)]).await;
    }
    for kept in ["ROLE \"{}\"", "DATABASE \"{}\"", "ROLE \"{0}\" IN DATABASE \"{0}\""] {
        let whose = kept.replace("{}", &world.database).replace("{0}", &world.database);
        world.truth(&format!("ALTER {whose} SET search_path = other, public"));
        let mut alice = world.raw(&world.alice).await;
        held(&world, &mut alice, &[query(FIRST)]).await;
        world.truth(&format!("ALTER {whose} RESET search_path"));
    }
    let mut alice = world.raw(&world.alice).await;
    runs(&mut alice, "SET lock_timeout = '5s'", "SET").await;
    runs(&mut alice, FIRST, "UPDATE 1").await;
    assert_eq!((visits(&world), world.truth("SELECT count(*) FROM other.customers")), ("1".into(), "0".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_has_no_parameters_and_no_names() {
    let world = World::start().await;
    let text = "UPDATE customers SET visits = visits + $1 WHERE id = 1";
    approved(&world, &[FIRST, text, "PREPARE p AS SELECT 1;", "EXECUTE p;"], StepOrder::Any).await;
    let mut alice = world.raw(&world.alice).await;
    let bound = [parse("", text), bind_to("", "", &["5"]), execute(""), sync()];
    held(&world, &mut alice, &bound).await;
    let two = [
        parse("", FIRST),
        bind_to("", "", &[]),
        execute(""),
        parse("", FIRST),
        bind_to("", "", &[]),
        execute(""),
        sync(),
    ];
    held(&world, &mut alice, &two).await;
    runs(&mut alice, "PREPARE p AS SELECT 1;", "PREPARE").await;
    held(&world, &mut alice, &[query("EXECUTE p;")]).await;
    // Without parameters the extended protocol is another way to say the same.
    alice.send(&[parse("", FIRST), bind_to("", "", &[]), execute(""), sync()]).await;
    assert_eq!(alice.answer().await, ["1", "2", "UPDATE 1", "Z I"]);
    assert_eq!(visits(&world), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_sessions_at_once_use_a_planned_statement_once() {
    let world = World::start().await;
    approved(&world, &[FIRST], StepOrder::Any).await;
    let (mut one, mut other) = (world.raw(&world.alice).await, world.raw(&world.alice).await);
    one.send(&[query(FIRST)]).await;
    other.send(&[query(FIRST)]).await;
    let found = tokio::join!(one.verdict(), other.verdict());
    // Who asked first ran; the other is held, or was about to run and is refused.
    let ran = [&found.0, &found.1].iter().filter(|v| v.starts_with("UPDATE 1")).count();
    assert_eq!(ran, 1, "{found:?}");
    assert_eq!(visits(&world), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_covers_only_what_its_text_shows() {
    let world = World::start().await;
    world.truth(&format!(
        "CREATE VIEW regulars AS SELECT * FROM customers; GRANT ALL ON regulars TO \"{}\"",
        world.database
    ));
    let view = "UPDATE regulars SET visits = visits + 1 WHERE id = 1;";
    let removes = "DELETE FROM customers WHERE id = 2;";
    approved(&world, &[view, FIRST, removes], StepOrder::Any).await;
    let mut alice = world.raw(&world.alice).await;
    held(&world, &mut alice, &[query(view)]).await;
    // A cascading key reaches another table.
    held(&world, &mut alice, &[query(removes)]).await;
    world.truth(
        "CREATE FUNCTION more() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.visits := 99; RETURN NEW; END'; \
         CREATE TRIGGER more BEFORE UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION more()",
    );
    let mut alice = world.raw(&world.alice).await;
    held(&world, &mut alice, &[query(FIRST)]).await;
    assert_eq!(visits(&world), "0");
}

/// What approvers were told is not understood runs by its exact bytes, once, and no other does.
#[tokio::test(flavor = "multi_thread")]
async fn a_planned_text_that_nobody_understands_runs_by_its_bytes_alone() {
    let world = World::start().await;
    let block = "DO $$ BEGIN UPDATE customers SET visits = 7 WHERE id = 1; END $$;";
    approved(&world, &[block, FIRST], StepOrder::Listed).await;
    let mut alice = world.raw(&world.alice).await;
    held(&world, &mut alice, &[query(&block.replace('7', "8"))]).await;
    runs(&mut alice, block, "DO").await;
    held(&world, &mut alice, &[query(block)]).await;
    runs(&mut alice, FIRST, "UPDATE 1").await;
    assert_eq!(visits(&world), "8");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_ends_with_its_grant_and_with_a_rule_that_denies() {
    let world = World::start().await;
    let request = approved(&world, &[FIRST, SECOND], StepOrder::Any).await;
    let mut alice = world.raw(&world.alice).await;
    runs(&mut alice, FIRST, "UPDATE 1").await;
    world.control.revoke(&world.dora, request, "enough").await.expect("revoked");
    alice.push(&query(SECOND)).await;
    let answer = alice.answer().await;
    assert_eq!(answer.last().map(String::as_str), Some("closed"), "{answer:?}");

    approved(&world, &[SECOND], StepOrder::Any).await;
    let mut alice = world.raw(&world.alice).await;
    let denied = RULES.replace("outcome = \"approve\"\nworkflow = \"dba\"\nunknown = \"dba\"", "outcome = \"deny\"");
    world.control.propose(&world.ada, &world.file(&denied), "", None).await.expect("applied");
    alice.send(&[query(SECOND)]).await;
    assert_eq!(alice.verdict().await, "refused");
    assert_eq!(visits(&world), "1");
}
