//! Ways round the gate by the wire protocol: names, portals, pipelines, COPY. Each must end held, refused, or with the
//! session closed; never with an unapproved statement run. `docs/BYPASSES.md` lists them.

mod support;

use countersign_journal::Verdict;
use support::{Raw, World, bind_to, close, close_portal, execute, flush, message, parse, query, sync};

const HARM: &str = "UPDATE customers SET visits = 99";

async fn unharmed(world: &World, what: &str) {
    assert_eq!(world.truth("SELECT count(*) FROM customers WHERE visits = 0"), "10", "{what}");
}

/// The last Bind to `s` is judged as what the target has under that name.
async fn stopped(world: &World, client: &mut Raw, what: &str) {
    client.push(&[bind_to("", "s", &[]), execute(""), sync()].concat()).await;
    let verdict = client.verdict().await;
    unharmed(world, what).await;
    assert!(matches!(verdict.as_str(), "held" | "refused" | "closed"), "{what}: {verdict}");
    world.others_live().await;
}

/// Reads until the target answered everything there is.
async fn settle(client: &mut Raw, mark: &str) {
    client.push(&[query(&format!("SELECT '{mark}'")), sync()].concat()).await;
    loop {
        let (tag, body) = client.next().await;
        if tag == 0 || (tag == b'D' && body.ends_with(mark.as_bytes())) {
            break;
        }
    }
}

/// While a simple COPY takes data the target ignores a Sync: a gateway that waits for its answer is one answer off, and
/// takes a Parse that succeeded for one that failed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sync_inside_a_simple_copy_does_not_shift_the_answers() {
    let world = World::start().await;
    for (what, syncs_before) in [("sync sent at once", true), ("sync sent while copying", false)] {
        let mut alice = world.raw(&world.alice).await;
        alice.send(&[parse("s", "BEGIN"), parse("t", "BEGIN"), sync()]).await;
        assert_eq!(alice.answer().await, ["1", "1", "Z I"]);
        let copy = query("COPY orders FROM STDIN");
        if syncs_before {
            alice.send(&[copy, sync()]).await;
        } else {
            alice.send(&[copy]).await;
        }
        alice.copying().await;
        alice.push(&[sync(), message(b'c', b"")].concat()).await;
        assert_eq!(alice.answer().await, ["COPY 0", "Z I"]);
        alice.push(&[close("s"), parse("s", HARM), sync()].concat()).await;
        let _ = alice.answer().await;
        // An error of the client's own making drops what the gateway still waits for.
        alice.push(&[bind_to("", "t", &["one too many"]), sync()].concat()).await;
        let _ = alice.verdict().await;
        stopped(&world, &mut alice, what).await;
    }
}

/// Syncs pipelined after the end of COPY data count again; those before do not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn syncs_around_a_pipelined_copy_do_not_shift_the_answers() {
    let world = World::start().await;
    let mut alice = world.raw(&world.alice).await;
    alice.send(&[parse("s", "BEGIN"), parse("c", "COPY orders FROM STDIN"), sync()]).await;
    assert_eq!(alice.answer().await, ["1", "1", "Z I"]);
    // The copy's meaning is known by the second time, so that nothing waits.
    alice.send(&[bind_to("", "c", &[]), execute(""), message(b'c', b""), sync()]).await;
    let _ = alice.answer().await;
    let all = [
        bind_to("", "c", &[]),
        execute(""),
        message(b'c', b""),
        bind_to("", "s", &["one too many"]),
        sync(),
        close("s"),
        parse("s", HARM),
        sync(),
    ];
    alice.push(&all.concat()).await;
    let _ = alice.answer().await;
    let _ = alice.answer().await;
    stopped(&world, &mut alice, "copy, error, sync, close, parse").await;
}

/// A Bind that changes what names mean acts at its Execute, not at its Bind.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_portal_changes_counts_from_its_execute() {
    let world = World::start().await;
    world.truth(&format!(
        "CREATE TABLE harmless (id int PRIMARY KEY, name text, visits int); CREATE SCHEMA a; CREATE SCHEMA b; \
         CREATE VIEW a.v AS SELECT * FROM harmless; CREATE VIEW b.v AS SELECT * FROM customers; \
         GRANT ALL ON SCHEMA a, b TO \"{0}\"; GRANT ALL ON a.v, b.v, harmless TO \"{0}\"",
        world.database
    ));
    let mut alice = world.raw(&world.alice).await;
    alice.send(&[query("SET search_path = a")]).await;
    assert_eq!(alice.answer().await, ["SET", "Z I"]);
    alice.send(&[parse("s", "UPDATE v SET visits = 99"), parse("set", "SET search_path = b"), sync()]).await;
    assert_eq!(alice.answer().await, ["1", "1", "Z I"]);
    alice.send(&[bind_to("p", "set", &[]), bind_to("q", "s", &[]), execute("p"), execute("q"), sync()]).await;
    stopped(&world, &mut alice, "bind set, bind update, execute both").await;
    // The same without a Sync before the second Bind.
    let mut alice = world.raw_with(&world.alice, &[("search_path", "a")]).await;
    alice.send(&[parse("s", "UPDATE v SET visits = 99"), parse("set", "SET search_path = b"), sync()]).await;
    assert_eq!(alice.answer().await, ["1", "1", "Z I"]);
    alice.push(&[bind_to("p", "set", &[]), bind_to("q", "s", &[]), execute("p")].concat()).await;
    stopped(&world, &mut alice, "bind set, bind update, execute the set, bind again").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_of_prepared_statements_cannot_be_played_with() {
    let world = World::start().await;
    let harmless = "SELECT 1";
    let p = |name: &str, sql: &str| parse(name, sql);
    let b = |name: &str| bind_to("", name, &[]);
    let run = || execute("");
    let games: Vec<(&str, Vec<Vec<u8>>)> = vec![
        ("parse and bind at once", vec![p("s", HARM), b("s"), run(), sync()]),
        ("parse again without close", vec![p("s", HARM), p("s", harmless), b("s"), run(), sync()]),
        ("parse again after close", vec![p("s", harmless), close("s"), p("s", HARM), b("s"), run(), sync()]),
        ("the unnamed statement replaced", vec![p("", harmless), p("", HARM), b(""), run(), sync()]),
        (
            "the unnamed statement replaced the other way",
            vec![p("", HARM), sync(), p("s", harmless), b(""), run(), sync()],
        ),
        (
            "close skipped after an error",
            vec![p("s", HARM), sync(), b("nobody"), close("s"), p("s", harmless), sync(), b("s"), run(), sync()],
        ),
        (
            "parse skipped after an error",
            vec![
                p("s", HARM),
                sync(),
                p("bad", "not sql"),
                close("s"),
                p("s", harmless),
                sync(),
                b("s"),
                run(),
                sync(),
            ],
        ),
        ("prepared by SQL", vec![query(&format!("PREPARE s AS {HARM}")), b("s"), run(), sync()]),
        (
            "made known, then deallocated by SQL",
            vec![p("s", HARM), sync(), p("t", harmless), sync(), query("DEALLOCATE t"), b("s"), run(), sync()],
        ),
        (
            "deallocated, prepared and bound in one breath",
            vec![p("s", harmless), p("d", "DEALLOCATE s"), b("d"), run(), p("s", HARM), b("s"), run(), sync()],
        ),
        ("flush in place of sync", vec![p("s", HARM), flush(), b("s"), flush(), run(), flush()]),
        ("execute, then close, then execute", vec![p("s", HARM), b("s"), run(), close_portal(""), run(), sync()]),
        ("query inside the unit", vec![p("s", HARM), b("s"), query("SELECT 1"), run(), sync()]),
        ("query that destroys the unnamed statement", vec![p("", HARM), query(harmless), b(""), run(), sync()]),
        (
            "harmless first",
            vec![p("h", harmless), bind_to("h", "h", &[]), execute("h"), p("s", HARM), b("s"), run(), sync()],
        ),
        (
            "a name of the gateway's own",
            vec![p("_countersign_settings", harmless), sync(), p("s", HARM), b("s"), run(), sync()],
        ),
        ("executed by SQL", vec![p("s", HARM), sync(), query("EXECUTE s")]),
        ("explained and analysed", vec![p("s", HARM), sync(), query("EXPLAIN ANALYZE EXECUTE s")]),
        (
            "a cursor's portal",
            vec![
                query("BEGIN"),
                query("DECLARE c CURSOR FOR SELECT * FROM customers FOR UPDATE"),
                query("FETCH c"),
                query(&format!("{HARM} WHERE CURRENT OF c")),
                execute("c"),
                sync(),
            ],
        ),
        ("a portal before its statement", vec![b("s"), p("s", HARM), run(), sync(), b("s"), run(), sync()]),
        ("portal replaced", vec![p("h", harmless), p("s", HARM), b("h"), b("s"), run(), sync()]),
        ("described between", vec![p("s", HARM), message(b'D', b"Ss\0"), b("s"), message(b'D', b"P\0"), run(), sync()]),
    ];
    for (what, messages) in games {
        let mut alice = world.raw(&world.alice).await;
        alice.push(&messages.concat()).await;
        let mut verdict = String::new();
        for _ in 0..8 {
            verdict = alice.verdict().await;
            if matches!(verdict.as_str(), "held" | "refused" | "closed") {
                break;
            }
            if verdict.contains("E ") && !what.contains("skipped") && !what.contains("before its") {
                break; // the target itself said no
            }
        }
        unharmed(&world, what).await;
        assert!(
            matches!(verdict.as_str(), "held" | "refused" | "closed") || verdict.contains("E "),
            "{what}: {verdict}"
        );
    }
    world.others_live().await;
}

/// A statement prepared while the text was read otherwise stays what it was when that is put back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_parsed_under_other_settings_is_not_known() {
    let world = World::start().await;
    // Two readings: with standard_conforming_strings a harmless query, without it a deletion.
    let two_faced =
        "WITH a AS (SELECT '\\' || '), b AS (UPDATE customers SET visits = 99 RETURNING 1) SELECT 1 /*') SELECT 1 --*/";
    let off = ("standard_conforming_strings", "off");
    // Set by an approved statement, parsed, rolled back.
    let mut alice = world.raw(&world.alice).await;
    alice.send(&[query("BEGIN"), query("SET LOCAL standard_conforming_strings = off")]).await;
    let request = alice.held().await;
    world.decide(&world.dora, request, Verdict::Approve, "").await;
    assert_eq!(alice.answer().await, ["SET", "Z T"]);
    alice.send(&[parse("s", two_faced), sync(), query("ROLLBACK")]).await;
    assert_eq!(alice.answer().await, ["1", "Z T"]);
    assert_eq!(alice.answer().await, ["ROLLBACK", "Z I"]);
    stopped(&world, &mut alice, "set by an approved statement and rolled back").await;
    // Off from the start, parsed, then put on by an approved statement.
    let mut alice = world.raw_with(&world.alice, &[off]).await;
    alice.send(&[parse("s", two_faced), sync(), query("SET standard_conforming_strings = on")]).await;
    assert_eq!(alice.answer().await, ["1", "Z I"]);
    if alice.verdict().await == "held" {
        let request = world.waiting(&world.dora).await.id;
        world.decide(&world.dora, request, Verdict::Approve, "").await;
        let _ = alice.answer().await;
    }
    stopped(&world, &mut alice, "off from the start").await;
    // Off from the start, put on, then off by RESET ALL in a transaction that is rolled back.
    let mut alice = world.raw_with(&world.alice, &[off]).await;
    alice.send(&[query("SET standard_conforming_strings = on")]).await;
    if alice.verdict().await == "held" {
        let request = world.waiting(&world.dora).await.id;
        world.decide(&world.dora, request, Verdict::Approve, "").await;
        let _ = alice.answer().await;
    }
    alice.send(&[query("BEGIN"), query("RESET ALL")]).await;
    let _ = alice.answer().await;
    let reset = alice.verdict().await;
    if reset.starts_with("RESET") {
        alice.send(&[parse("s", two_faced), sync(), query("ROLLBACK")]).await;
        let _ = alice.answer().await;
        let _ = alice.answer().await;
        stopped(&world, &mut alice, "RESET ALL rolled back").await;
    }
    unharmed(&world, "all").await;
}

/// What an approval of `EXECUTE s` covers is the text that stood behind `s`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approved_name_does_not_stand_for_another_text() {
    let world = World::start().await;
    let keep = world.raw(&world.alice).await; // keeps the grant in use
    for by_sql in [true, false] {
        let ask = |s: &str| {
            let unit = [parse("x", "SELECT 3"), parse("s", s), sync(), query("DEALLOCATE x")].concat();
            let run = if by_sql { query("EXECUTE s") } else { [bind_to("", "s", &[]), execute(""), sync()].concat() };
            [unit, run].concat()
        };
        let mut alice = world.raw(&world.alice).await;
        alice.push(&ask("SELECT 1")).await;
        let (_, _) = (alice.answer().await, alice.answer().await);
        let request = alice.held().await;
        drop(alice);
        world.decide(&world.dora, request, Verdict::Approve, "").await;
        let mut alice = world.raw(&world.alice).await;
        alice.push(&ask(HARM)).await;
        let (_, _) = (alice.answer().await, alice.answer().await);
        let verdict = alice.verdict().await;
        unharmed(&world, "an approved name, another text").await;
        assert!(matches!(verdict.as_str(), "held" | "refused"), "{verdict}");
    }
    drop(keep);
}

/// After an error the target skips everything up to the Sync, a simple query too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_after_an_error_in_the_pipeline_is_skipped_on_both_sides() {
    let world = World::start().await;
    let mut alice = world.raw(&world.alice).await;
    alice.send(&[parse("", "not sql"), query("INSERT INTO orders VALUES (50, 1)"), sync()]).await;
    assert_eq!(alice.answer().await, ["E 42601", "Z I"]);
    assert_eq!(world.truth("SELECT count(*) FROM orders WHERE id = 50"), "0");
}

/// A refusal in the middle of an implicit transaction takes what ran before along with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_query_fails_the_implicit_transaction_it_stands_in() {
    let world = World::start().await;
    for refused in [query(HARM), [parse("h", HARM), bind_to("", "h", &[]), execute(""), sync()].concat()] {
        let mut alice = world.raw(&world.alice).await;
        let insert = [parse("i", "INSERT INTO orders VALUES (60, 1)"), bind_to("", "i", &[]), execute("")].concat();
        alice.push(&[insert, refused].concat()).await;
        let request = alice.held().await;
        world.decide(&world.dora, request, Verdict::Reject, "").await;
        assert_eq!(alice.answer().await, ["E 42501", "Z I"]);
        alice.push(&sync()).await;
        settle(&mut alice, "mark").await;
        assert_eq!(world.truth("SELECT count(*) FROM orders WHERE id = 60"), "0", "nothing of it was committed");
    }
}

/// What an implicit transaction changed is gone with its error, before anybody was told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_implicit_transaction_took_back_is_forgotten() {
    let world = World::start().await;
    world.truth(&format!(
        "CREATE TABLE harmless (id int PRIMARY KEY, name text, visits int); CREATE SCHEMA a; \
         CREATE VIEW a.v AS SELECT * FROM harmless; CREATE VIEW public.v AS SELECT * FROM customers; \
         GRANT ALL ON SCHEMA a TO \"{0}\"; GRANT ALL ON a.v, public.v, harmless TO \"{0}\"",
        world.database
    ));
    let mut alice = world.raw(&world.alice).await;
    let prepared = [parse("a", "SET search_path = a"), parse("s", "UPDATE v SET visits = 99"), sync()];
    alice.send(&prepared).await;
    let _ = alice.answer().await;
    let games = [
        bind_to("", "a", &[]),
        execute(""),
        bind_to("", "s", &[]),
        execute(""),
        bind_to("", "s", &["one too many"]),
        sync(),
        bind_to("", "s", &[]),
        execute(""),
        sync(),
    ];
    alice.push(&games.concat()).await;
    let first = alice.verdict().await;
    assert!(first.starts_with("SET, UPDATE 0, E 08P01"), "{first}");
    let verdict = alice.verdict().await;
    unharmed(&world, "set, ask, error, sync, bind").await;
    assert_eq!(verdict, "held");
}

/// Holding back behind a COPY keeps nobody from copying, in both protocols and as libpq does it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copying_still_works() {
    let world = World::start().await;
    let mut alice = world.raw(&world.alice).await;
    let data = || [message(b'd', b"50\t1\n"), message(b'd', b"51\t1\n"), message(b'c', b"")].concat();
    for (what, begin, end) in [
        ("simple", query("COPY orders FROM STDIN"), vec![]),
        (
            "extended, with a Sync at once",
            [parse("", "COPY orders FROM STDIN"), bind_to("", "", &[]), message(b'D', b"P\0"), execute(""), sync()]
                .concat(),
            sync(),
        ),
        (
            "extended, with a Flush",
            [parse("", "COPY orders FROM STDIN"), bind_to("", "", &[]), execute(""), flush()].concat(),
            sync(),
        ),
    ] {
        alice.push(&begin).await;
        alice.copying().await;
        alice.push(&[data(), end].concat()).await;
        assert_eq!(alice.answer().await, ["COPY 2", "Z I"], "{what}");
        alice.push(&query("DELETE FROM orders WHERE id >= 50")).await;
        assert_eq!(alice.answer().await, ["DELETE 2", "Z I"], "{what}");
    }
    for out in [
        query("COPY orders TO STDOUT"),
        [parse("", "COPY orders TO STDOUT"), bind_to("", "", &[]), execute(""), sync()].concat(),
    ] {
        alice.push(&out).await;
        assert!(alice.verdict().await.ends_with("COPY 10, Z I"));
    }
    alice
        .push(&[query("COPY orders FROM STDIN; COPY orders FROM STDIN; SELECT 1"), data(), message(b'c', b"")].concat())
        .await;
    assert_eq!(alice.answer().await, ["G", "COPY 2", "G", "COPY 0", "T", "D", "SELECT 1", "Z I"]);
}

/// Who asks and leaves in one breath is answered first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_asked_before_leaving_is_answered() {
    let world = World::start().await;
    for _ in 0..10 {
        let mut alice = world.raw(&world.alice).await;
        alice.push(&[query("SELECT 1"), message(b'X', &[])].concat()).await;
        assert_eq!(alice.answer().await, ["T", "D", "SELECT 1", "Z I"]);
    }
}
