//! Commands on a server, over SSH: one that just runs, and one that waits for its countersignature.

use std::path::Path;

use countersign_harness::{Ssh, wait_until};

use crate::play::{Play, SOON};
use crate::tell::DemoError;

const SERVER: &str = "web-01";

impl Play<'_> {
    /// # Errors
    /// As [`crate::play::play`].
    pub(crate) fn commands(&mut self) -> Result<(), DemoError> {
        self.tell.step("On a server Alice runs commands with her own ssh; an ordinary one just runs");
        let reason = "INC-4713: release 12 needs a folder";
        let ran = self.cli("alice", &["request", SERVER, "--minutes", "60", "--reason", reason])?;
        self.tell.check("the request is made", ran.code == 0, &ran.stderr)?;
        let reservation = self.newest("alice", "mine")?;
        let ran = self.cli("mia", &["approve", &reservation.to_string()])?;
        self.tell.check("approved", ran.code == 0, &ran.stderr)?;
        let ssh = self.stage.countersign.ssh("alice", SERVER)?;
        let command = "uname -n; id";
        self.tell.types("alice", &format!("ssh {SERVER} '{command}'"));
        let ran = ssh.run(command, "")?;
        self.tell.shows(&ran.stdout);
        let said = ran.code == 0 && ran.stdout.contains("uid=");
        self.tell.check("it ran there, as it would without us", said, &(ran.stdout + &ran.stderr))?;

        self.tell.step("Making a folder there waits for the database team, and then runs once, byte for byte");
        let folder = self.stage.countersign.scratch_dir().join("releases");
        let command = format!("mkdir {}", folder.display());
        self.tell.types("alice", &format!("ssh {SERVER} '{command}'"));
        let waiting = ssh.spawn(&command)?;
        let request = self.held()?;
        self.tell.shows(&waiting.stderr.wait_for("held for approval", SOON)?);
        self.tell.check("the server has not seen it", !folder.exists(), "the folder is there")?;
        let number = request.to_string();
        self.cli("dora", &["show", &number])?;
        let ran = self.cli("dora", &["approve", &number, "--comment", "for the release"])?;
        self.tell.check("approved", ran.code == 0, &ran.stderr)?;
        let ran = waiting.finish(SOON)?;
        self.tell.check("ssh, which had waited, is done", ran.code == 0, &(ran.stdout + &ran.stderr))?;
        self.tell.check("the folder is there", folder.is_dir(), "there is none")?;
        self.shell(&ssh)?;
        self.watched()?;
        self.revoked_there(&folder, &reservation.to_string())
    }

    fn shell(&mut self, ssh: &Ssh) -> Result<(), DemoError> {
        self.tell.step(
            "In a shell each line is judged; a free one may run anything, needs an approval of its own and is recorded",
        );
        self.tell.types("alice", &format!("ssh {SERVER}"));
        let mut shell = ssh.terminal("")?;
        self.tell.shows(&shell.stderr.wait_for("each line is judged", SOON)?);
        shell.send("echo in a gated shell\r")?;
        shell.stdout.wait_for("in a gated shell", SOON)?;
        self.tell.types("alice", "bash -l");
        shell.send("bash -l\r")?;
        let request = self.held()?;
        self.tell.shows(&shell.stderr.wait_for("held for approval", SOON)?);
        let ran = self.cli("dora", &["approve", &request.to_string(), "--comment", "I watch"])?;
        self.tell.check("approved", ran.code == 0, &ran.stderr)?;
        shell.send("echo in a shell on $(uname -n)\n")?;
        shell.stdout.wait_for("in a shell on", SOON)?;
        shell.send("exit 7\n")?;
        let prompt = wait_until(SOON, || shell.stdout.so_far().contains("[7] ").then_some(()));
        self.tell.check("the gated shell is back", prompt.is_some(), &shell.stdout.so_far())?;
        shell.send("exit 0\r")?;
        let ran = shell.finish(SOON)?;
        self.tell.check("she had her shell", ran.code == 0, &(ran.stdout + &ran.stderr))
    }

    fn watched(&mut self) -> Result<(), DemoError> {
        self.tell.step("Watching what she did must be approved as well, also for a super administrator");
        let sessions = self.stage.countersign.cli("ada", &["sessions", "--json"])?.output("countersign sessions")?;
        let sessions: serde_json::Value = serde_json::from_str(&sessions).unwrap_or_default();
        let of_server = |s: &&serde_json::Value| s["target"].as_str().is_some_and(|t| t.ends_with(SERVER));
        let shell = sessions.as_array().into_iter().flatten().filter(of_server).filter_map(|s| s["id"].as_u64()).max();
        let session = shell.unwrap_or_default().to_string();
        let ran = self.cli("ada", &["play", &session])?;
        let refused = ran.code != 0 && ran.stderr.contains("must be approved first");
        self.tell.check("refused", refused, &(ran.stdout + &ran.stderr))?;
        let ran = self.cli("ada", &["watch", &session, "--reason", "INC-4713: what was done in that shell?"])?;
        self.tell.check("asked for", ran.code == 0, &ran.stderr)?;
        let ran = self.cli("mia", &["approve", &self.newest("mia", "for_me")?.to_string()])?;
        self.tell.check("Mia approves", ran.code == 0, &ran.stderr)?;
        let ran = self.cli("ada", &["play", &session])?;
        self.tell.check("Ada sees it", ran.stdout.contains("in a shell on"), &(ran.stdout + &ran.stderr))?;
        let audit = self.json("ada", &["audit", "--kind", "transcript_read", "--json"])?;
        let noted = audit[0]["sentence"].as_str().is_some_and(|s| s.contains("watched") && s.contains("under grant"));
        self.tell.check("and the audit says that she did", noted, &audit.to_string())
    }

    fn revoked_there(&mut self, folder: &Path, reservation: &str) -> Result<(), DemoError> {
        self.tell.step("Mia takes the access back: what runs there ends on the server itself");
        let ssh = self.stage.countersign.ssh("alice", SERVER)?;
        let (begun, ended) = (folder.join("begun"), folder.join("ended"));
        let command = format!("echo > {}; sleep 60; echo > {}", begun.display(), ended.display());
        self.tell.types("alice", &format!("ssh {SERVER} '{command}'"));
        let running = ssh.spawn(&command)?;
        let runs = wait_until(SOON, || begun.exists().then_some(()));
        self.tell.check("it runs", runs.is_some(), "it did not begin")?;
        let ran = self.cli("mia", &["revoke", reservation, "--reason", "the release is called off"])?;
        self.tell.check("revoked", ran.code == 0, &ran.stderr)?;
        let ran = running.finish(SOON)?;
        self.tell.shows(&ran.stderr);
        let told = ran.code != 0 && ran.stderr.contains("the release is called off");
        self.tell.check("her ssh is told why, and over", told, &(ran.stdout + &ran.stderr))?;
        self.tell.check("nothing of it goes on there", !ended.exists(), "it went on")
    }
}
