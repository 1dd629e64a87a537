//! The main job, step by step, each with its real output. The first step that misbehaves ends it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use countersign_harness::{Layout, Psql, Ran, Terminal, wait_until};
use serde_json::Value;

use crate::stage::Stage;
use crate::tell::{DemoError, Narrator};

/// How long anything may take that should take milliseconds.
pub(crate) const SOON: Duration = Duration::from_secs(20);
/// The statement that is approved.
const UPDATE: &str = "UPDATE customers SET credit_limit = credit_limit + 250 WHERE id = 42";
/// The statement that is rejected.
const DELETE: &str = "DELETE FROM customers WHERE city = 'Porto'";
/// What shows whether the first ran, and how often.
const LIMIT: &str = "SELECT credit_limit FROM customers WHERE id = 42";

/// What is planned and approved beforehand.
const PLAN: &str = "\
UPDATE customers SET credit_limit = credit_limit + 100 WHERE id = 7;
UPDATE customers SET credit_limit = credit_limit + 100 WHERE id = 8;
UPDATE customers SET credit_limit = credit_limit - 200 WHERE id = 9;
SELECT sum(credit_limit) FROM customers WHERE id BETWEEN 7 AND 9;
UPDATE customers SET city = 'Porto' WHERE id = 9;
";

/// Plays everything. Returns the key of the authenticator that Alice got in it.
///
/// # Errors
/// [`DemoError::Misbehaved`] with what was expected and what came.
pub fn play(stage: &Stage, export: &Path) -> Result<String, DemoError> {
    let mut play = Play { stage, tell: Narrator::new(), second_factor: String::new() };
    play.refused_without_a_reservation()?;
    let reservation = play.reserve()?;
    play.approve(reservation)?;
    let mut alice = play.connect()?;
    play.held_and_approved(&mut alice)?;
    play.held_and_rejected(&mut alice)?;
    play.revoked(&mut alice, reservation)?;
    drop(alice);
    play.planned()?;
    play.commands()?;
    play.special_paths()?;
    play.proved(export)?;
    Ok(play.second_factor)
}

pub(crate) struct Play<'s> {
    pub(crate) stage: &'s Stage,
    pub(crate) tell: Narrator,
    /// The key of Alice's authenticator, once she has one.
    pub(crate) second_factor: String,
}

impl Play<'_> {
    fn refused_without_a_reservation(&mut self) -> Result<(), DemoError> {
        self.tell.step("Alice, a developer, tries the production database without a reservation");
        let psql = self.psql()?;
        self.tell.types("alice", &said_as(&psql, "SELECT count(*) FROM customers"));
        let ran = psql.run("SELECT count(*) FROM customers")?;
        self.tell.shows(&ran.stderr);
        let refused = ran.code != 0 && ran.stderr.contains("requested first");
        self.tell.check("refused, and told what to do", refused, &(ran.stdout + &ran.stderr))?;
        let backends = self.stage.backends()?;
        self.tell.check("the target was not even connected to", backends == "0", &backends)
    }

    fn reserve(&mut self) -> Result<u64, DemoError> {
        self.tell.step("She reserves it for two hours and says why");
        let reason = "INC-4711: customer 42 cannot check out, limit too low";
        let ran = self.cli("alice", &["request", "prod-db", "--minutes", "120", "--reason", reason])?;
        self.tell.check("the request is made", ran.code == 0, &ran.stderr)?;
        let reservation = self.newest("alice", "mine")?;
        self.mail_to("mia@shop.example", "her manager has mail about it")?;
        Ok(reservation)
    }

    fn approve(&mut self, reservation: u64) -> Result<(), DemoError> {
        self.tell.step("Mia, her manager, looks at it and approves");
        let number = reservation.to_string();
        self.cli("mia", &["show", &number])?;
        let ran = self.cli("mia", &["approve", &number, "--comment", "go ahead, tell me when done"])?;
        self.tell.check("approved", ran.code == 0 && self.status(reservation)? == "Approved", &ran.stderr)
    }

    fn connect(&mut self) -> Result<Terminal, DemoError> {
        self.tell.step("Now the same psql connects, and an ordinary query just runs");
        let psql = self.psql()?;
        self.tell.types("alice", &said_as(&psql, ""));
        let mut alice = Terminal::open(&Psql { layout: Layout::Table, within: SOON, ..psql })?;
        let sql = "SELECT id, name, city, credit_limit FROM customers WHERE id BETWEEN 41 AND 43 ORDER BY id";
        let said = self.says(&mut alice, sql)?;
        self.tell.check("three rows came at once", said.contains("(3 rows)"), &said)?;
        Ok(alice)
    }

    fn held_and_approved(&mut self, alice: &mut Terminal) -> Result<(), DemoError> {
        self.tell.step("She changes a customer: this statement waits for a countersignature");
        let before = self.stage.target(LIMIT)?;
        self.tell.types("alice", &format!("{UPDATE};"));
        alice.begin(UPDATE)?;
        let request = self.held()?;
        let notice = alice.told("NOTICE")?;
        self.tell.shows(&alice.told_so_far());
        self.tell.check("she is told that it waits, and for whom", !notice.is_empty(), &notice)?;
        let meanwhile = self.stage.target(LIMIT)?;
        self.tell.check("the target has not seen it", meanwhile == before, &meanwhile)?;
        self.mail_to("dora@shop.example", "the database team has mail about it")?;

        self.tell.step("Dora, of the database team, reads the exact statement and approves");
        let number = request.to_string();
        self.cli("dora", &["show", &number])?;
        let ran = self.cli("dora", &["approve", &number, "--comment", "one row, fine"])?;
        self.tell.check("approved", ran.code == 0, &ran.stderr)?;
        let said = alice.end()?;
        self.tell.shows(&said.out);
        self.tell.check(
            "psql, which had waited, has its answer",
            said.out.trim() == "UPDATE 1",
            &(said.out + &said.err),
        )?;
        let after = self.stage.target(LIMIT)?;
        let expected = self.stage.target(&format!("SELECT {before}::numeric(10, 2) + 250"))?;
        self.tell.check(&format!("it ran once: the limit was {before} and is {after}"), after == expected, &after)
    }

    fn held_and_rejected(&mut self, alice: &mut Terminal) -> Result<(), DemoError> {
        self.tell.step("She goes too far, and Dora says no");
        self.tell.types("alice", &format!("{DELETE};"));
        alice.begin(DELETE)?;
        let request = self.held()?;
        let comment = "customers are archived, never deleted; see the runbook";
        let ran = self.cli("dora", &["reject", &request.to_string(), "--comment", comment])?;
        self.tell.check("rejected", ran.code == 0, &ran.stderr)?;
        let said = alice.end()?;
        self.tell.shows(&said.err);
        let clear = said.err.contains("42501") && said.err.contains(comment);
        self.tell.check("a clear refusal with Dora's words (SQLSTATE 42501)", clear, &said.err)?;
        let said = self.says(alice, "SELECT count(*) FROM customers")?;
        self.tell.check("nobody was deleted, and the session goes on", said.contains("100"), &said)
    }

    fn planned(&mut self) -> Result<(), DemoError> {
        self.tell.step("For the next change she asks for all five statements at once, before it begins");
        let file = self.stage.countersign.scratch_dir().join("change.sql");
        fs::write(&file, PLAN)
            .map_err(|source| DemoError::File { what: format!("write `{}`", file.display()), source })?;
        let (file, reason) = (file.display().to_string(), "CHG-12: move credit between customers");
        let ask = ["request", "prod-db", "--minutes", "30", "--reason", reason, "--script", &file];
        let ran = self.cli("alice", &ask)?;
        self.tell.check("the request is made, with its statements", ran.code == 0, &ran.stderr)?;
        let request = self.newest("alice", "mine")?;
        let number = request.to_string();
        self.cli("dora", &["show", &number])?;
        for person in ["mia", "dora"] {
            let ran = self.cli(person, &["approve", &number, "--comment", "read all five"])?;
            self.tell.check("approved", ran.code == 0, &ran.stderr)?;
        }
        let asked_before = self.json("dora", &["requests", "--scope", "my_decisions", "--json"])?;
        let mut alice = Terminal::open(&Psql { layout: Layout::Table, within: SOON, ..self.psql()? })?;
        for statement in PLAN.lines() {
            let said = self.says(&mut alice, statement.trim_end_matches(';'))?;
            self.tell.check("it ran at once", !said.contains("held") && !said.contains("ERROR"), &said)?;
        }
        let asked = self.json("dora", &["requests", "--scope", "my_decisions", "--json"])?;
        let count = |list: &Value| list.as_array().map_or(0, Vec::len);
        self.tell.check("and nobody was asked again", count(&asked) == count(&asked_before), &asked.to_string())?;
        let again = PLAN.lines().next().unwrap_or_default().trim_end_matches(';');
        self.tell.types("alice", &format!("{again};"));
        alice.begin(again)?;
        let held = self.held()?;
        let ran = self.cli("dora", &["reject", &held.to_string(), "--comment", "once was planned"])?;
        self.tell.check("a second time it waits, and Dora rejects it", ran.code == 0, &ran.stderr)?;
        alice.end()?;
        self.cli("alice", &["show", &number])?;
        let ran = self.cli("alice", &["surrender", &number])?;
        self.tell.check("done, she gives the rest back", ran.code == 0, &ran.stderr)
    }

    fn revoked(&mut self, alice: &mut Terminal, reservation: u64) -> Result<(), DemoError> {
        self.tell.step("Mia takes the access away while a statement is running");
        self.tell.types("alice", "SELECT pg_sleep(60);");
        alice.begin("SELECT pg_sleep(60)")?;
        let runs = self.becomes("1", "the target runs it", |stage| {
            stage.target("SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid()")
        });
        runs?;
        let ran = self.cli("mia", &["revoke", &reservation.to_string(), "--reason", "the incident is closed"])?;
        self.tell.check("revoked", ran.code == 0, &ran.stderr)?;
        let fatal = alice.told("FATAL")?;
        self.tell.shows(&alice.told_so_far());
        self.tell.check("psql was disconnected at once", fatal.contains("FATAL"), &fatal)?;
        self.becomes("0", "the target has no such backend any more", Stage::backends)?;
        let ran = self.psql()?.run("SELECT 1")?;
        self.tell.check("and she cannot come back", ran.code != 0, &ran.stdout)
    }

    fn proved(&mut self, export: &Path) -> Result<(), DemoError> {
        self.tell.step("The journal proves all of it, without trusting the server");
        let path = export.display().to_string();
        let old = fs::remove_file(export);
        if let Err(source) = old.or_else(absent_is_fine) {
            return Err(DemoError::File { what: format!("remove the old `{path}`"), source });
        }
        let ran = self.cli("ada", &["export", &path])?;
        self.tell.check("exported", ran.code == 0, &ran.stderr)?;
        let ran = self.cli("ada", &["verify", &path])?;
        self.tell.check("verified, chain and meaning", ran.code == 0, &ran.stderr)?;

        self.tell.step("Somebody changes one byte of a copy");
        let (copy, entry) = tampered(export)?;
        let ran = self.cli("ada", &["verify", &copy.display().to_string()])?;
        // What was changed shows in the entry itself, or in the next one, which names the hash of what was there.
        let names = |entry: usize| ran.stderr.contains(&format!("entry {entry} "));
        let named = ran.code != 0 && (names(entry) || names(entry + 1));
        let expected = format!("entry {entry} was changed, and the verifier says where");
        self.tell.check(&expected, named, &(ran.stdout + &ran.stderr))
    }

    /// Runs the command line as a person, and shows it.
    pub(crate) fn cli(&self, person: &str, arguments: &[&str]) -> Result<Ran, DemoError> {
        let quoted =
            arguments.iter().map(|word| if word.contains(' ') { format!("\"{word}\"") } else { (*word).to_owned() });
        self.tell.types(person, &format!("countersign {}", quoted.collect::<Vec<_>>().join(" ")));
        let ran = self.stage.countersign.cli(person, arguments)?;
        self.tell.shows(&ran.stdout);
        self.tell.shows(&ran.stderr);
        Ok(ran)
    }

    /// Runs a statement in an open psql, and shows it.
    fn says(&self, alice: &mut Terminal, sql: &str) -> Result<String, DemoError> {
        self.tell.types("alice", &format!("{sql};"));
        let said = alice.say(sql)?;
        self.tell.shows(&said.out);
        self.tell.shows(&said.err);
        Ok(said.out + &said.err)
    }

    /// A psql with a fresh token.
    fn psql(&self) -> Result<Psql, DemoError> {
        self.psql_as("alice", "prod-db")
    }

    /// A person's psql with a fresh token for a target.
    pub(crate) fn psql_as(&self, person: &str, target: &str) -> Result<Psql, DemoError> {
        Ok(self.stage.countersign.psql(person, target)?)
    }

    /// The number of the newest request a person has in a list.
    pub(crate) fn newest(&self, person: &str, scope: &str) -> Result<u64, DemoError> {
        let list = self.json(person, &["requests", "--scope", scope, "--json"])?;
        let number = list[0]["id"].as_u64();
        number.ok_or_else(|| misbehaved("a request in the list", &list.to_string()))
    }

    pub(crate) fn status(&self, request: u64) -> Result<String, DemoError> {
        let view = self.json("ada", &["show", &request.to_string(), "--json"])?;
        Ok(view["status"].as_str().unwrap_or_default().to_owned())
    }

    pub(crate) fn json(&self, person: &str, arguments: &[&str]) -> Result<Value, DemoError> {
        let said = self.stage.countersign.cli(person, arguments)?.output("countersign")?;
        serde_json::from_str(&said).map_err(|error| misbehaved("JSON", &format!("{error}: {said}")))
    }

    /// The number of the statement that waits for Dora.
    pub(crate) fn held(&self) -> Result<u64, DemoError> {
        let found = wait_until(SOON, || self.newest("dora", "for_me").ok());
        found.ok_or_else(|| misbehaved("a held statement in Dora's inbox", "none"))
    }

    /// Waits for a mail to this address and shows the subject of the newest one.
    fn mail_to(&self, address: &str, what: &str) -> Result<(), DemoError> {
        let newest =
            || self.stage.mail.messages().ok()?.into_iter().rev().find(|mail| mail.to.iter().any(|to| to == address));
        let mail = wait_until(SOON, newest);
        if let Some(mail) = &mail {
            self.tell.shows(&format!("To: {address}\nSubject: {}", mail.subject));
        }
        self.tell.check(what, mail.is_some(), "no mail")
    }

    /// Waits until the target answers `expected`.
    fn becomes(
        &self,
        expected: &str,
        what: &str,
        ask: impl Fn(&Stage) -> Result<String, DemoError>,
    ) -> Result<(), DemoError> {
        let came = wait_until(SOON, || ask(self.stage).ok().filter(|answer| answer == expected));
        let last = ask(self.stage)?;
        self.tell.check(what, came.is_some(), &last)
    }
}

/// A psql command as somebody would type it; the token is in the environment.
pub(crate) fn said_as(psql: &Psql, sql: &str) -> String {
    let Psql { host, port, user, database, .. } = psql;
    let line = format!("psql \"host={host} port={port} user={user} dbname={database} sslmode=verify-full …\"");
    if sql.is_empty() { line } else { format!("{line} \\\n-c \"{sql}\"") }
}

pub(crate) fn misbehaved(expected: &str, came: &str) -> DemoError {
    DemoError::Misbehaved { step: 0, expected: expected.to_owned(), came: came.to_owned() }
}

fn absent_is_fine(error: std::io::Error) -> std::io::Result<()> {
    if error.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

/// A copy of the export with one bit of its middle turned over, and the number of the entry this is in.
fn tampered(export: &Path) -> Result<(PathBuf, usize), DemoError> {
    let copy = export.with_extension("tampered");
    let changed = fs::read(export).and_then(|mut bytes| {
        let middle = bytes.len() / 2;
        let entry = entry_at(&bytes, middle);
        if let Some(byte) = bytes.get_mut(middle) {
            *byte ^= 1;
        }
        fs::write(&copy, bytes).map(|()| entry)
    });
    let entry = changed.map_err(|source| DemoError::File { what: "make a tampered copy".to_owned(), source })?;
    Ok((copy, entry))
}

/// The number of the entry a place lies in: after the first line, each entry stands behind its length (four bytes,
/// big-endian).
fn entry_at(export: &[u8], place: usize) -> usize {
    let mut at = export.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let mut entry = 0;
    while let Some(Ok(length)) = export.get(at..at + 4).map(<[u8; 4]>::try_from) {
        at += 4 + u32::from_be_bytes(length) as usize;
        if place < at {
            break;
        }
        entry += 1;
    }
    entry
}
