//! The life of one command or login shell: what it is, what the rules say of it, the wait where somebody must approve it,
//! and its run.
//!
//! A shell, and a command with a terminal, take what is typed, of which nobody knows beforehand what comes: the rules judge
//! them as something that may run anything ([`shell::typed`]), and what they approve is all of it. Any other command has no
//! input, unless the rules would let a shell run as well.

use super::forward::{Wish, Wished, With, with};
use super::gated::{FreeShell, Gated};
use super::login_shell;
use super::session::{Opened, Session};
use super::stream::{Ended, Stream, Typing};
use super::talk::Talk;
use super::warn;
use crate::enter::Gone;
use countersign_control::{Gate, Hold, Judgement, Pass, Permit, Recorded, Release, Settled, Unit};
use countersign_core::digest::UnitPart;
use countersign_inspect::shell;
use countersign_journal::{ActionFacts, LOGIN_SHELL, RunOutcome};
use countersign_target::ssh::{Connection, Reads, Size, Start, Terminal};
use std::sync::Arc;
use tokio::sync::{MutexGuard, SemaphorePermit};

/// What a refused command exits with: found, and not to be run (POSIX, Shell Command Language, 2.8.2).
pub(super) const REFUSED: u32 = 126;

/// Refuses whatever is asked in a channel, without waiting for it.
pub(super) fn refuse(talk: Talk, why: &'static str) {
    tokio::spawn(async move { talk.end(Some(why), REFUSED).await });
}

/// What a client asks to run.
pub(super) struct Wanted {
    pub(super) talk: Talk,
    /// The command; none is the login shell.
    pub(super) line: Option<Vec<u8>>,
    pub(super) terminal: Option<Terminal>,
    /// What was asked for in its channel before.
    pub(super) wished: Wished,
}

/// A command as it came.
pub(super) struct Command {
    session: Arc<Session>,
    /// Its number in the transcript.
    number: u64,
    /// Whether it is the login shell.
    shell: bool,
    terminal: Option<Terminal>,
    /// The gated shell that it is a line of.
    within: Option<Within>,
    unit: Unit,
    facts: ActionFacts,
    /// What comes with it.
    wishes: Vec<Wish>,
}

/// The gated shell a line is of.
#[derive(Clone)]
pub(super) struct Within {
    /// Its number in the transcript, which has all that its terminal shows.
    pub(super) number: u64,
    /// Its own connection to the target.
    pub(super) target: Arc<Connection>,
}

/// The right to send a command, what the transcript says of it, and whose use it is. The gate is locked with it, so that
/// nothing comes between the right and the transcript's having it.
struct Right<'o> {
    place: SemaphorePermit<'o>,
    gate: MutexGuard<'o, Gate>,
    pass: Pass,
    recorded: Recorded,
    release: Option<Release>,
    typing: Option<Typing>,
}

impl Command {
    /// A command, the channel it came in, and what was asked for there.
    pub(super) fn new(session: Arc<Session>, number: u64, wanted: Wanted) -> (Command, Talk, Wished) {
        let Wanted { talk, line, terminal, wished } = wanted;
        (Command::of(session, number, line, terminal, None), talk, wished)
    }

    /// A text of a gated shell, which has no input, unless it is a program for that shell's terminal.
    pub(super) fn line(session: Arc<Session>, text: String, terminal: Option<Terminal>, within: Within) -> Command {
        let number = session.number();
        Command::of(session, number, Some(text.into_bytes()), terminal, Some(within))
    }

    fn of(
        session: Arc<Session>,
        number: u64,
        line: Option<Vec<u8>>,
        terminal: Option<Terminal>,
        within: Option<Within>,
    ) -> Command {
        let (shell, line) = (line.is_none(), line.unwrap_or_else(|| LOGIN_SHELL.into()));
        let of_line = (!shell).then(|| shell::facts(&String::from_utf8_lossy(&line)));
        let typed = (shell || terminal.is_some()).then(shell::typed);
        // Whether it has an input and a terminal is part of what is approved.
        let input = if typed.is_some() { "typed" } else { "none" };
        let has_terminal = if terminal.is_some() { "its own" } else { "none" };
        let settings = [("input", input), ("terminal", has_terminal)];
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let unit = Unit { parts: vec![UnitPart::alone(&line)], settings, objects: Vec::new() };
        let facts = ActionFacts::joined(of_line.into_iter().chain(typed));
        Command { session, number, shell, terminal, within, unit, facts, wishes: Vec::new() }
    }

    pub(super) async fn live(mut self, mut talk: Talk, wished: Wished) {
        let ran = match self.begins(&mut talk, wished).await {
            Ok(Some(gated)) => Box::pin(gated.run(&mut talk)).await,
            Ok(None) => self.run(&mut talk).await,
            Err(why) => Err(why),
        };
        let (said, status) = match ran {
            Ok(status) => (None, status),
            Err(why) => (Some(why), REFUSED),
        };
        talk.end(said.as_deref(), status).await;
    }

    /// What it is begun as, and with what.
    async fn begins(&mut self, talk: &mut Talk, wished: Wished) -> Result<Option<Gated>, String> {
        let gated = self.gated(talk).await?;
        if !wished.is_empty() {
            let session = self.session.clone();
            let opened = session.opened(talk).await?;
            let comes = if gated.is_some() { With::GatedShell } else { With::Command };
            self.comes_with(wished.settled((&session, opened), comes, &talk.tell).await?);
        }
        Ok(gated)
    }

    /// What comes with it is judged, shown and approved with it.
    fn comes_with(&mut self, wishes: Vec<Wish>) {
        let mut facts = std::mem::take(&mut self.facts);
        for wish in &wishes {
            if let Wish::Variable(name, _) = wish {
                shell::set(&mut facts, name);
            }
        }
        self.facts = ActionFacts::joined(std::iter::once(facts).chain(wishes.iter().map(Wish::facts)));
        self.unit.settings.extend(wishes.iter().map(Wish::setting));
        self.unit.settings.sort();
        self.wishes = wishes;
    }

    /// The gated shell that somebody at a terminal gets who asks for a shell, where the rules do not just let one run.
    async fn gated(&self, talk: &mut Talk) -> Result<Option<Gated>, String> {
        let (true, Some(terminal)) = (self.shell, &self.terminal) else { return Ok(None) };
        let opened = self.session.opened(talk).await?;
        let judged = opened.gate.lock().await.judge(&self.facts);
        let free = match judged {
            Judgement::Pass(_) => return Ok(None),
            Judgement::Hold => FreeShell::Held,
            Judgement::Refuse(_) => FreeShell::Refused,
        };
        Ok(Some(Gated::new(self.session.clone(), self.number, terminal.clone(), free)))
    }

    /// Brings the command to its end; or says why it never ran.
    pub(super) async fn run(&self, talk: &mut Talk) -> Result<u32, String> {
        if std::str::from_utf8(&self.unit.parts[0].sql).is_err() {
            return Err("the command is not UTF-8 text; nobody could be shown it as it is".to_owned());
        }
        let opened = self.session.opened(talk).await?;
        let right = Box::pin(self.right(opened, talk)).await?;
        let Right { place: _place, mut gate, pass, recorded, release, typing } = right;
        let cleared = gate.clear(pass, self.number, recorded, &self.unit.parts[0].sql);
        if let (Some(Size { columns, rows }), None) = (self.terminal.as_ref().map(|t| t.size), &self.within) {
            gate.record(self.number, Recorded::Terminal { columns, rows });
        }
        let (command, with) = ((!self.shell).then_some(cleared.bytes()), &with(&self.wishes));
        let start = Start { command, terminal: self.terminal.as_ref(), input: typing.is_some(), with };
        for (name, value) in self.wishes.iter().map(Wish::setting) {
            gate.record(self.number, Recorded::Note(format!("with {name}: {value}")));
        }
        let _lent = self.session.lend(self.number, &self.wishes, (&self.facts, &gate, release.is_some()));
        let recorded = gate.hand_over().await;
        // Others go on meanwhile: the target may take its time, and their output needs the gate.
        drop(gate);
        let sent = match recorded {
            Ok(()) if opened.is_cut() => Err("the session is over".to_owned()),
            Ok(()) => self.target(opened).start(start).await.map_err(|fault| fault.to_string()),
            Err(fault) => Err(fault.to_string()),
        };
        match sent {
            Ok(running) => {
                let (stream, words) = (self.stream(opened, typing), self.session.beside.words());
                let Ended { outcome, status, why } = stream.follow(running, talk, words).await;
                self.ran(opened, release, outcome).await;
                if opened.is_cut() {
                    return Err(opened.gate.lock().await.end_words().await);
                }
                why.map_or(Ok(status), Err)
            }
            Err(why) => {
                self.ran(opened, release, RunOutcome::Unknown).await;
                Err(why)
            }
        }
    }

    fn stream<'s>(&'s self, opened: &'s Opened, typing: Option<Typing>) -> Stream<'s> {
        let shown = match &self.within {
            Some(within) => Some(within.number),
            None => self.has_input().then_some(self.number),
        };
        let (terminal, gated) = (self.terminal.as_ref().map(|t| t.size), self.within.is_some());
        Stream { opened, target: self.target(opened), number: self.number, shown, terminal, gated, typing }
    }

    /// Where it runs.
    fn target<'t>(&'t self, opened: &'t Opened) -> &'t Connection {
        self.within.as_ref().map_or(&opened.target, |within| within.target.as_ref())
    }

    /// The input of a command that the rules let run: what is typed into a shell or terminal was judged with it; for any
    /// other it is judged here.
    fn typing(&self, gate: &mut Gate) -> Option<Typing> {
        let judged = if self.has_input() {
            self.facts.clone()
        } else if self.within.is_some() {
            return None;
        } else {
            Some(shell::typed()).filter(|typed| matches!(gate.judge(typed), Judgement::Pass(_)))?
        };
        Some(Typing::new(judged, gate, false, self.terminal.is_some()))
    }

    fn has_input(&self) -> bool {
        self.shell || self.terminal.is_some()
    }

    /// What the rules say, and where they ask for it the verdict of people.
    async fn right<'o>(&'o self, opened: &'o Opened, talk: &mut Talk) -> Result<Right<'o>, String> {
        let place = self.session.place().await;
        let mut gate = opened.gate.lock().await;
        let mut judged = gate.judge(&self.facts);
        let is_read = self.target(opened).login_shell_reads() == Some(Reads::AsPosix);
        if gate.restricts() && !is_read && !matches!(judged, Judgement::Refuse(_)) {
            drop(gate);
            let readable = login_shell::ask(opened, self.target(opened)).await;
            gate = opened.gate.lock().await;
            if let Err(why) = readable {
                // What the target cannot do is nobody's try.
                gate.refused(self.number, self.unit.parts.clone(), &why).await.map_err(|fault| fault.to_string())?;
                return Err(why);
            }
            // The rules may be others now.
            judged = gate.judge(&self.facts);
        }
        match judged {
            Judgement::Pass(pass) => {
                let recorded = Recorded::Allowed(self.unit.parts[0].clone());
                let typing = self.typing(&mut gate);
                Ok(Right { place, gate, pass, recorded, release: None, typing })
            }
            Judgement::Refuse(why) => {
                gate.tried(self.number);
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

    async fn held<'o>(&'o self, opened: &'o Opened, hold: Hold, talk: &mut Talk) -> Result<Right<'o>, String> {
        let (request, words) = (hold.request, hold.words());
        let permit = self.verdict(opened, hold, talk, &words).await;
        // What was typed before anybody knew, goes nowhere.
        let gave_up = talk.hear.forget_keys().await;
        let permit = permit?;
        if gave_up {
            return Err(format!("{request} is approved, and was not run: Ctrl-C came first; send it again to run it"));
        }
        talk.tell.say(&format!("{request} is approved")).await;
        let (recorded, place) = (permit.recorded(&self.unit.parts), self.session.place().await);
        let mut gate = opened.gate.lock().await;
        let (pass, release) = gate.spend(permit, &self.unit).await.map_err(|fault| fault.to_string())?;
        let typing = self.has_input().then(|| Typing::new(self.facts.clone(), &gate, true, self.terminal.is_some()));
        Ok(Right { place, gate, pass, recorded, release: Some(release), typing })
    }

    /// Waits for the verdict, and tells what it waits for.
    async fn verdict(&self, opened: &Opened, mut hold: Hold, talk: &mut Talk, words: &str) -> Result<Permit, String> {
        let request = hold.request;
        talk.tell.say(words).await;
        let mut warnings = opened.warnings();
        let settled = loop {
            tokio::select! {
                settled = hold.settled() => break settled,
                () = opened.cut() => return Err(opened.gate.lock().await.end_words().await),
                warning = warn::next(&mut warnings) => if self.terminal.is_some() || self.within.is_some() {
                    talk.tell.say(&warning).await;
                },
                gone = talk.hear.gone() => return match gone {
                    // The request stays: the same command, sent again, finds it or its approval.
                    Gone::Left => Err("the client left".to_owned()),
                    Gone::GaveUp => Err(hold.withdraw().await.map_or_else(|fault| fault.to_string(), |()| format!("{request} is withdrawn"))),
                },
            }
        };
        match settled {
            Settled::Approved(permit) => Ok(permit),
            Settled::Refused(why) => Err(why),
        }
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
