//! The life of one command: what it is, what the rules say of it, the wait where somebody must approve it, and its run.

use super::session::{Opened, Session};
use crate::enter::Client;
use bytes::Bytes;
use countersign_control::{Gate, Hold, Judgement, Pass, Recorded, Release, Settled, Unit};
use countersign_core::digest::UnitPart;
use countersign_inspect::shell;
use countersign_inspect::show::is_invisible;
use countersign_journal::{ActionFacts, RunOutcome};
use countersign_target::ssh::{Running, Said};
use russh::server::Msg;
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf};
use std::sync::Arc;
use tokio::sync::{MutexGuard, SemaphorePermit};

/// What a refused command exits with: found, and not to be run (POSIX, Shell Command Language, 2.8.2).
const REFUSED: u32 = 126;
/// What a command exits with of which nobody knows how it ended, as clients of SSH have it.
const LOST: u32 = 255;

/// Refuses whatever is asked in a channel, without waiting for it.
pub(super) fn refuse(channel: Channel<Msg>, why: &'static str) {
    tokio::spawn(async move { Talk::new(channel).end(Some(why), REFUSED).await });
}

/// A command as it came.
pub(super) struct Command {
    session: Arc<Session>,
    /// Its number in the transcript.
    number: u64,
    unit: Unit,
    facts: ActionFacts,
}

/// The right to send a command, what the transcript says of it, and whose use it is. The gate is locked with it, so that
/// nothing comes between the right and its use.
struct Right<'o> {
    place: SemaphorePermit<'o>,
    gate: MutexGuard<'o, Gate>,
    pass: Pass,
    recorded: Recorded,
    release: Option<Release>,
}

impl Command {
    pub(super) fn new(session: Arc<Session>, number: u64, line: Vec<u8>) -> Command {
        let facts = shell::facts(&String::from_utf8_lossy(&line));
        // That it has no input and no terminal is part of what is approved.
        let settings = [("input", "none"), ("terminal", "none")];
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let unit = Unit { parts: vec![UnitPart::alone(&line)], settings, objects: Vec::new() };
        Command { session, number, unit, facts }
    }

    pub(super) async fn live(self, mut talk: Talk) {
        let (said, status) = match self.run(&mut talk).await {
            Ok(status) => (None, status),
            Err(why) => (Some(why), REFUSED),
        };
        talk.end(said.as_deref(), status).await;
    }

    /// Brings the command to its end; or says why it never ran.
    async fn run(&self, talk: &mut Talk) -> Result<u32, String> {
        if std::str::from_utf8(&self.unit.parts[0].sql).is_err() {
            return Err("the command is not UTF-8 text; nobody could be shown it as it is".to_owned());
        }
        let opened = self.session.opened(talk).await?;
        let Right { place: _place, mut gate, pass, recorded, release } = self.right(opened, talk).await?;
        let cleared = gate.clear(pass, self.number, recorded, &self.unit.parts[0].sql);
        let sent = match gate.hand_over().await {
            Ok(()) => opened.target.exec(cleared.bytes()).await.map_err(|fault| fault.to_string()),
            Err(fault) => Err(fault.to_string()),
        };
        drop(gate);
        match sent {
            Ok(running) => {
                let (outcome, status) = follow(opened, running, talk).await;
                self.ran(opened, release, outcome).await;
                if opened.is_cut() {
                    return Err(opened.gate.lock().await.end_words().await);
                }
                Ok(status)
            }
            Err(why) => {
                self.ran(opened, release, RunOutcome::Unknown).await;
                Err(why)
            }
        }
    }

    /// What the rules say, and where they ask for it the verdict of people.
    async fn right<'o>(&'o self, opened: &'o Opened, talk: &mut Talk) -> Result<Right<'o>, String> {
        let place = self.session.place().await;
        let mut gate = opened.gate.lock().await;
        match gate.judge(&self.facts) {
            Judgement::Pass(pass) => {
                let recorded = Recorded::Allowed(self.unit.parts[0].clone());
                Ok(Right { place, gate, pass, recorded, release: None })
            }
            Judgement::Refuse(why) => {
                gate.refused(self.number, self.unit.parts.clone(), &why).await.map_err(|fault| fault.to_string())?;
                Err(why)
            }
            Judgement::Hold => {
                let held = gate.hold(self.number, &self.unit, self.facts.clone()).await;
                drop((gate, place));
                self.held(opened, held.map_err(|fault| fault.to_string())?, talk).await
            }
        }
    }

    async fn held<'o>(&'o self, opened: &'o Opened, mut hold: Hold, talk: &mut Talk) -> Result<Right<'o>, String> {
        let who = match hold.deciders.as_slice() {
            [] => "nobody can decide it now".to_owned(),
            some => format!("{} can decide", some.join(", ")),
        };
        let (request, page) = (hold.request, hold.address.clone());
        talk.say(&format!("held for approval as {request}; {who}: {page}")).await;
        let settled = tokio::select! {
            settled = hold.settled() => settled,
            () = opened.cut() => return Err(opened.gate.lock().await.end_words().await),
            // The request stays: the same command, sent again, finds it or its approval.
            () = talk.left() => return Err("the client left".to_owned()),
        };
        let permit = match settled {
            Settled::Approved(permit) => permit,
            Settled::Refused(why) => return Err(why),
        };
        talk.say(&format!("{request} is approved")).await;
        let (recorded, place) = (permit.recorded(&self.unit.parts), self.session.place().await);
        let mut gate = opened.gate.lock().await;
        let (pass, release) = gate.spend(permit, &self.unit).await.map_err(|fault| fault.to_string())?;
        Ok(Right { place, gate, pass, recorded, release: Some(release) })
    }

    async fn ran(&self, opened: &Opened, release: Option<Release>, outcome: RunOutcome) {
        let mut gate = opened.gate.lock().await;
        gate.record(self.number, Recorded::Outcome(words(&outcome)));
        let noted = match release {
            Some(release) => gate.ran(release, outcome).await,
            None => Ok(()),
        };
        if let Err(fault) = noted.and(gate.hand_over().await) {
            tracing::error!("what became of a command could not be noted: {fault}");
        }
    }
}

fn words(outcome: &RunOutcome) -> String {
    match outcome {
        RunOutcome::Exited { status } => format!("exit status {status}"),
        RunOutcome::Failed { code } => code.clone(),
        RunOutcome::Completed { .. } | RunOutcome::Unknown => "outcome unknown".to_owned(),
    }
}

/// Passes on what a command says until it ends; kills it when the session is cut or its client leaves.
async fn follow(opened: &Opened, mut running: Running, talk: &mut Talk) -> (RunOutcome, u32) {
    let mut outcome = (RunOutcome::Unknown, LOST);
    loop {
        let said = tokio::select! {
            said = running.said() => said,
            () = opened.cut() => return killed(running, outcome).await,
            () = talk.left() => return killed(running, outcome).await,
        };
        let passed = match said {
            Ok(Said::Out(bytes)) => talk.out(bytes, opened).await,
            Ok(Said::Error(bytes)) => talk.error(bytes, opened).await,
            Ok(ended @ (Said::Exited(_) | Said::Killed(_))) => {
                outcome = how(ended);
                true
            }
            Ok(Said::Closed) | Err(_) => return outcome,
        };
        if !passed {
            return killed(running, outcome).await;
        }
    }
}

fn how(ended: Said) -> (RunOutcome, u32) {
    match ended {
        Said::Exited(status) => (RunOutcome::Exited { status }, status),
        Said::Killed(signal) => (RunOutcome::Failed { code: format!("signal {signal}") }, LOST),
        Said::Out(_) | Said::Error(_) | Said::Closed => (RunOutcome::Unknown, LOST),
    }
}

/// Ends a command, and waits for the target to say that it did: until then it keeps its place, so that there is always a
/// channel left by which all of them can be ended.
async fn killed(mut running: Running, so_far: (RunOutcome, u32)) -> (RunOutcome, u32) {
    running.kill().await;
    loop {
        match running.said().await {
            Ok(ended @ (Said::Exited(_) | Said::Killed(_))) => return how(ended),
            Ok(Said::Closed) | Err(_) => return so_far,
            Ok(Said::Out(_) | Said::Error(_)) => {}
        }
    }
}

/// The client's side of a channel.
pub(super) struct Talk {
    read: ChannelReadHalf,
    write: ChannelWriteHalf<Msg>,
    /// Whether the client was told that its input goes nowhere.
    told: bool,
}

impl Talk {
    pub(super) fn new(channel: Channel<Msg>) -> Talk {
        let (read, write) = channel.split();
        Talk { read, write, told: false }
    }

    /// A line of ours, which nothing the target says can be mistaken for: it goes to the error output, marked.
    pub(super) async fn say(&self, words: &str) {
        let line = format!("countersign: {}\n", words.replace(is_invisible, " "));
        // A client that left is noticed by whoever reads.
        let _ = self.write.extended_data_bytes(1, Bytes::from(line)).await;
    }

    /// Passes output on; whether it could be.
    async fn out(&self, bytes: Bytes, opened: &Opened) -> bool {
        tokio::select! {
            sent = self.write.data_bytes(bytes) => sent.is_ok(),
            () = opened.cut() => false,
        }
    }

    async fn error(&self, bytes: Bytes, opened: &Opened) -> bool {
        tokio::select! {
            sent = self.write.extended_data_bytes(1, bytes) => sent.is_ok(),
            () = opened.cut() => false,
        }
    }

    /// The last word, and the channel's end.
    async fn end(self, said: Option<&str>, status: u32) {
        if let Some(words) = said {
            self.say(words).await;
        }
        // Whoever left needs no end.
        let _ = self.write.exit_status(status).await;
        let _ = self.write.eof().await;
        let _ = self.write.close().await;
    }
}

impl Client for Talk {
    async fn needs_reason(&mut self, page: &str) {
        self.say(&format!("a reason is needed: give it on the page, and this command goes on: {page}")).await;
    }

    /// Resolves when the client left. Its input goes nowhere, and it is told so once.
    async fn left(&mut self) {
        loop {
            match self.read.wait().await {
                Some(ChannelMsg::Data { data }) if !data.is_empty() && !self.told => {
                    self.told = true;
                    self.say("what you send is not passed on: a command has no input here").await;
                }
                Some(ChannelMsg::Close) | None => return,
                Some(_) => {}
            }
        }
    }
}
