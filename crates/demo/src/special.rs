//! The special paths: a level that times out, exclusive use, an emergency, a change of the rules, and why.

use std::fs;

use countersign_harness::{Psql, Terminal, wait_until};

use crate::play::{Play, SOON, misbehaved, said_as};
use crate::tell::DemoError;

const NIGHT: &str = "night-db";

impl Play<'_> {
    /// Plays all of them.
    ///
    /// # Errors
    /// As [`crate::play::play`].
    pub(crate) fn special_paths(&mut self) -> Result<(), DemoError> {
        let reservation = self.timed_out()?;
        self.exclusive(reservation)?;
        self.emergency()?;
        self.changed_by_two()?;
        self.explained()
    }

    fn reserve_night(&mut self, reason: &str) -> Result<u64, DemoError> {
        let ran = self.cli("alice", &["request", NIGHT, "--minutes", "60", "--reason", reason])?;
        self.tell.check("the request is made", ran.code == 0, &ran.stderr)?;
        self.newest("alice", "mine")
    }

    fn timed_out(&mut self) -> Result<u64, DemoError> {
        self.tell.step("At night nobody answers: after its period (2 s here) the level escalates to the database team");
        let request = self.reserve_night("INC-4712: nightly import hangs")?;
        let escalated = || self.newest("dora", "for_me").ok().filter(|waiting| *waiting == request);
        let came = wait_until(SOON, escalated);
        let number = request.to_string();
        self.cli("dora", &["show", &number])?;
        self.tell.check("it is Dora's now", came.is_some(), "it did not escalate")?;
        let ran = self.cli("dora", &["approve", &number])?;
        self.tell.check("approved", ran.code == 0 && self.status(request)? == "Approved", &ran.stderr)?;
        Ok(request)
    }

    fn exclusive(&mut self, reservation: u64) -> Result<(), DemoError> {
        self.tell.step("The account is for one at a time: while Alice is in, even a super administrator waits");
        let psql = self.psql_as("alice", NIGHT)?;
        self.tell.types("alice", &said_as(&psql, ""));
        let mut alice = Terminal::open(&Psql { within: SOON, ..psql })?;
        let said = alice.say("SELECT count(*) FROM customers")?;
        self.tell.check("Alice is in", said.out.contains("100"), &(said.out.clone() + &said.err))?;
        let psql = self.psql_as("ada", NIGHT)?;
        self.tell.types("ada", &said_as(&psql, "SELECT 1"));
        let ran = psql.run("SELECT 1")?;
        self.tell.shows(&ran.stderr);
        let refused = ran.code != 0 && ran.stderr.contains("in exclusive use by another user");
        self.tell.check("refused: in exclusive use by another user", refused, &(ran.stdout + &ran.stderr))?;
        drop(alice);
        let ran = self.cli("alice", &["surrender", &reservation.to_string()])?;
        self.tell.check("she gives it back", ran.code == 0, &ran.stderr)
    }

    fn emergency(&mut self) -> Result<(), DemoError> {
        self.tell.step("An emergency: in at once with a second factor, everybody told, reviewed afterwards");
        let alice = self.stage.countersign.api("alice")?;
        self.second_factor = alice.use_second_factor()?;
        let request = self.reserve_night("INC-4713: checkout is down")?;
        let number = request.to_string();
        // By the API: the second factor was confirmed in this session, not in that of the command line.
        let why = "every minute costs, nobody answers";
        let declared = serde_json::json!({ "reason": why });
        self.tell.types("alice", &format!("countersign emergency {number} --reason \"{why}\""));
        let answer = alice.post(&format!("/requests/{number}/emergency"), &declared)?;
        self.tell.check("declared", answer.status == 200, answer.message())?;
        let ran = self.psql_as("alice", NIGHT)?.run("SELECT count(*) FROM customers")?;
        self.tell.check("she is in, before any approval", ran.stdout.contains("100"), &ran.stderr)?;
        let ran = self.cli("mia", &["approve", &number, "--comment", "right call, I was asleep"])?;
        self.tell.check("Mia reviews it", ran.code == 0, &ran.stderr)?;
        let view = self.json("ada", &["show", &number, "--json"])?;
        self.tell.check("no review is owed any more", view["emergency"]["owed"] == 0, &view.to_string())
    }

    fn changed_by_two(&mut self) -> Result<(), DemoError> {
        self.tell.step("The rules themselves: what Ada proposes is in force once Sam has approved it");
        let file = self.stage.countersign.cli("ada", &["policy"])?.output("countersign policy")?;
        let path = self.stage.countersign.scratch_dir().join("shorter.toml");
        let shorter = file.replace("duration_max_minutes = 240", "duration_max_minutes = 60");
        fs::write(&path, shorter).map_err(|source| DemoError::File { what: "write a policy file".into(), source })?;
        let path = path.display().to_string();
        let ran = self.cli("ada", &["apply", &path, "--reason", "an hour is enough"])?;
        self.tell.check(
            "it waits",
            ran.stdout.contains("waits for its approvers"),
            &(ran.stdout.clone() + &ran.stderr),
        )?;
        let request = self.newest("sam", "for_me")?;
        let ran = self.cli("sam", &["approve", &request.to_string()])?;
        self.tell.check("Sam approves", ran.code == 0, &ran.stderr)?;
        let now = self.stage.countersign.cli("ada", &["policy"])?.output("countersign policy")?;
        let shorter = now.contains("duration_max_minutes = 60");
        self.tell.check("it is in force", shorter, &misbehaved("the shorter period", &now).to_string())
    }

    fn explained(&mut self) -> Result<(), DemoError> {
        self.tell.step("And why: what would be demanded of Alice, by which rules, and who could decide now");
        let ran = self.cli("ada", &["explain", "alice", NIGHT, "connect"])?;
        self.tell.check("explained", ran.stdout.contains("developers-at-night"), &ran.stderr)
    }
}
