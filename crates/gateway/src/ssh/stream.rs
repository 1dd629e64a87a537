//! What goes between a client and what runs for it: output, and input where it takes any. The transcript has all of it first.

use super::alerts::Alerts;
use super::line::INTERRUPT;
use super::session::Opened;
use super::talk::{Hear, Heard, Talk, Tell};
use super::warn;
use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use countersign_control::{Gate, Recorded};
use countersign_journal::{ActionFacts, RunOutcome};
use countersign_target::ssh::{Connection, Running, Said, Says, Size, Told};
use tokio::sync::broadcast;

/// What a command exits with of which nobody knows how it ended, as clients of SSH have it.
const LOST: u32 = 255;
/// What a line that was interrupted exits with, as a shell has it.
const INTERRUPTED: u32 = 130;
/// How much of the input of a command without a terminal is kept, in bytes.
const KEPT_MAX: u64 = 1 << 20;

/// What runs, with what becomes of its output and input.
pub(super) struct Stream<'s> {
    pub(super) opened: &'s Opened,
    /// Where it runs.
    pub(super) target: &'s Connection,
    /// Its number in the transcript.
    pub(super) number: u64,
    /// Under which number its output is recorded, if it is.
    pub(super) shown: Option<u64>,
    /// The size its terminal begins with, if it has one.
    pub(super) terminal: Option<Size>,
    /// Whether it is a line of a gated shell: alone in its connection, and shown in that shell's terminal.
    pub(super) gated: bool,
    /// What is typed, where it takes anything.
    pub(super) typing: Option<Typing>,
}

/// The input of something that runs.
pub(super) struct Typing {
    /// What was judged.
    facts: ActionFacts,
    /// Under which generation of the rules.
    generation: u64,
    /// Whether people approved it: then it goes on under rules that would ask for approval, and not under those that deny it.
    approved: bool,
    /// How much of it is kept.
    kept_max: u64,
    /// How much came.
    came: u64,
    hash: Context,
}

/// How it ended.
pub(super) struct Ended {
    pub(super) outcome: RunOutcome,
    pub(super) status: u32,
    /// Why it was ended, where the rules or the transcript say no more.
    pub(super) why: Option<String>,
}

impl Typing {
    /// All of it is kept where there is a terminal.
    pub(super) fn new(facts: ActionFacts, gate: &Gate, approved: bool, terminal: bool) -> Typing {
        let kept_max = if terminal { u64::MAX } else { KEPT_MAX };
        let generation = gate.judged_generation();
        Typing { facts, generation, approved, kept_max, came: 0, hash: Context::new(&SHA256) }
    }

    /// Clears what was typed, unless the rules that let it run are no longer in force.
    async fn clear(&mut self, gate: &mut Gate, number: u64, bytes: &Bytes) -> Result<Bytes, String> {
        gate.still_lets(&self.facts, self.approved, &mut self.generation)?;
        self.came += bytes.len() as u64;
        self.hash.update(bytes);
        let cleared = if self.came <= self.kept_max {
            gate.typed(number, bytes).map_err(|fault| fault.to_string())?
        } else {
            gate.framing(bytes)
        };
        gate.hand_over().await.map_err(|fault| fault.to_string())?;
        Ok(bytes.slice_ref(cleared.bytes()))
    }

    /// What the transcript says of input that was not kept whole.
    fn summary(self) -> Option<Recorded> {
        let hash = data_encoding::HEXLOWER.encode(self.hash.finish().as_ref());
        let note = format!("its input had {} bytes, of which not all are kept; their SHA-256 is {hash}", self.came);
        (self.came > self.kept_max).then_some(Recorded::Note(note))
    }
}

impl Stream<'_> {
    /// Follows it until it ends; ends it when the session is cut, its client leaves, or nothing more may go on. Its client is told
    /// `words` meanwhile, for which there is no other place. What is typed at a terminal is judged beside, and nothing waits for it.
    pub(super) async fn follow(
        mut self,
        running: Running,
        talk: &mut Talk,
        words: broadcast::Receiver<String>,
    ) -> Ended {
        let typing = self.typing.take();
        let Some(size) = self.terminal.filter(|_| typing.is_some()) else {
            return self.goes_on(running, talk, words, typing, None).await;
        };
        let (alerts, found) = Alerts::new(size);
        let (opened, number) = (self.opened, self.shown.unwrap_or(self.number));
        found.judged_beside(opened, number, self.goes_on(running, talk, words, typing, Some(alerts))).await
    }

    async fn goes_on(
        self,
        running: Running,
        talk: &mut Talk,
        mut words: broadcast::Receiver<String>,
        mut typing: Option<Typing>,
        alerts: Option<Alerts>,
    ) -> Ended {
        let Running { mut says, told } = running;
        let mut so_far = Ended { outcome: RunOutcome::Unknown, status: LOST, why: None };
        let over = tokio::select! {
            over = self.shows(&mut says, &talk.tell, alerts.as_ref(), &mut so_far) => over,
            over = self.types(typing.as_mut(), alerts.as_ref(), &mut talk.hear, (&talk.tell, &told)) => over,
            () = self.warned(&talk.tell) => Over::Ended,
            () = self.opened.cut() => Over::Cut,
            over = tells(&mut words, &talk.tell) => over,
        };
        drop(alerts);
        match over {
            Over::Ended => {}
            Over::Cut => self.killed(&mut says, &told, &mut so_far).await,
            Over::Left => self.left(&mut says, &told, &mut so_far).await,
            Over::Interrupted => {
                tokio::select! {
                    () = self.stopped(&mut says, &told, &mut so_far) => {}
                    // Whoever does not wait for its end leaves it to the end of the session.
                    _ = talk.hear.gone() => if let Err(fault) = self.target.keep_an_end().await {
                        tracing::error!("a line of a gated shell may go on: {fault}");
                    },
                    () = self.opened.cut() => {}
                }
                so_far.status = INTERRUPTED;
            }
            Over::Refused(why) => {
                self.left(&mut says, &told, &mut so_far).await;
                so_far.why = Some(why);
            }
            Over::Broken(why) => {
                self.hung_up(&mut says, &told, &mut so_far).await;
                so_far.why = Some(why);
            }
        }
        if let Some(summary) = typing.and_then(Typing::summary) {
            self.opened.gate.lock().await.record(self.number, summary);
        }
        so_far
    }

    fn has_terminal(&self) -> bool {
        self.terminal.is_some()
    }

    /// Passes on what it says.
    async fn shows(&self, says: &mut Says, tell: &Tell, alerts: Option<&Alerts>, so_far: &mut Ended) -> Over {
        loop {
            let (bytes, error) = match says.next().await {
                Ok(Said::Out(bytes)) => (bytes, false),
                Ok(Said::Error(bytes)) => (bytes, true),
                Ok(ended @ (Said::Exited(_) | Said::Killed(_))) => {
                    so_far.is_said(&ended);
                    continue;
                }
                Ok(Said::Closed) => return Over::Ended,
                Err(fault) => return Over::Broken(fault.to_string()),
            };
            let bytes = if self.gated && !self.has_terminal() { with_returns(&bytes) } else { bytes };
            if let Some(number) = self.shown {
                let mut gate = self.opened.gate.lock().await;
                let recorded = gate.shown(number, &bytes);
                if let Err(fault) = recorded.and(gate.hand_over().await) {
                    return Over::Refused(fault.to_string());
                }
                if let Some(alerts) = alerts {
                    alerts.shown(gate.restricts(), &bytes);
                }
            }
            // In a gated shell the error output is ours alone.
            let error = error && !self.gated;
            let passed = if error { tell.error(bytes, self.opened).await } else { tell.out(bytes, self.opened).await };
            if !passed {
                return if self.opened.is_cut() { Over::Cut } else { Over::Left };
            }
        }
    }

    /// Passes on to whoever is at a terminal that their access ends; never resolves.
    async fn warned(&self, tell: &Tell) {
        let mut warnings = self.opened.warnings();
        loop {
            let words = warn::next(&mut warnings).await;
            if self.has_terminal() || self.gated {
                tell.say(&words).await;
            }
        }
    }

    /// Passes on what is typed, where it takes anything; else the client is told once that it goes nowhere.
    async fn types(
        &self,
        mut typing: Option<&mut Typing>,
        alerts: Option<&Alerts>,
        hear: &mut Hear,
        (tell, told): (&Tell, &Told),
    ) -> Over {
        let mut warned = false;
        loop {
            match (hear.next().await, typing.as_deref_mut()) {
                (Heard::Typed(bytes), Some(typing)) => {
                    let mut gate = self.opened.gate.lock().await;
                    let cleared = match typing.clear(&mut gate, self.number, &bytes).await {
                        Ok(cleared) => cleared,
                        Err(why) => return Over::Refused(why),
                    };
                    if let Some(alerts) = alerts {
                        alerts.typed(gate.restricts(), &bytes);
                    }
                    drop(gate);
                    // One that takes no more is about to say that it ended.
                    let _ = told.input(cleared).await;
                }
                (Heard::Typed(bytes), None) if self.gated => match bytes.iter().position(|b| *b == INTERRUPT) {
                    Some(at) => {
                        hear.forget_keys().await;
                        hear.put_back(&bytes[at + 1..]);
                        return Over::Interrupted;
                    }
                    None => hear.keep(Heard::Typed(bytes)),
                },
                (Heard::NoMore, None) if self.gated => hear.keep(Heard::NoMore),
                (Heard::Resized(size), None) if self.gated => hear.keep(Heard::Resized(size)),
                (Heard::Typed(_), None) if !warned => {
                    warned = true;
                    tell.say("what you send is not passed on: a command has no input here").await;
                }
                (Heard::NoMore, Some(_)) => told.no_more().await,
                (Heard::Resized(size), Some(_)) => {
                    let (columns, rows) = (size.columns, size.rows);
                    let number = self.shown.unwrap_or(self.number);
                    self.opened.gate.lock().await.record(number, Recorded::Terminal { columns, rows });
                    if let Some(alerts) = alerts {
                        alerts.resized(size);
                    }
                    told.resized(size).await;
                    if self.gated {
                        hear.keep(Heard::Resized(size));
                    }
                }
                (Heard::Left, _) => return Over::Left,
                (Heard::Typed(_) | Heard::NoMore | Heard::Resized(_), None) => {}
            }
        }
    }

    /// Ends it where it runs on without its client.
    async fn left(&self, says: &mut Says, told: &Told, so_far: &mut Ended) {
        if self.gated {
            self.stopped(says, told, so_far).await;
        } else if self.has_terminal() {
            self.hung_up(says, told, so_far).await;
        } else {
            self.killed(says, told, so_far).await;
        }
    }

    /// Ends a line of a gated shell, and all that runs in its connection, which is that line.
    async fn stopped(&self, says: &mut Says, told: &Told, so_far: &mut Ended) {
        if so_far.outcome != RunOutcome::Unknown {
            // It ended; what it left in the background keeps its channel open.
            return told.hang_up().await;
        }
        let (ended, ()) = tokio::join!(self.target.end_all(), so_far.wait(says));
        if let Err(fault) = ended {
            tracing::error!("a line of a gated shell could not be stopped: {fault}");
        }
    }

    /// Leaves it without knowing what becomes of it; whatever goes on is ended with the session.
    async fn hung_up(&self, says: &mut Says, told: &Told, so_far: &mut Ended) {
        let leaves = async {
            match self.target.keep_an_end().await {
                Ok(()) => told.hang_up().await,
                Err(fault) => {
                    tracing::error!("a channel is kept until its session ends: {fault}");
                    std::future::pending().await
                }
            }
        };
        // What it says meanwhile is taken: else nothing more of the whole connection would be read.
        tokio::select! {
            () = leaves => {}
            () = so_far.wait(says) => {}
        }
    }

    /// Ends it, and waits for the target to say that it did: until then it keeps its place, so that there is always a channel
    /// left by which all of them can be ended. What has a terminal is left to just that, which also finds what would not mind
    /// being hung up on.
    async fn killed(&self, says: &mut Says, told: &Told, so_far: &mut Ended) {
        let ends = async {
            if !self.has_terminal() {
                told.kill().await;
                // One that no signal reaches may end when nothing more is typed. Not where the session is cut: a shell that ended by
                // itself would leave behind, unfound, what it runs in the background.
                if !self.opened.is_cut() {
                    told.no_more().await;
                }
            }
        };
        tokio::join!(ends, so_far.wait(says));
    }
}

/// Tells its client what there is no other place for.
async fn tells(words: &mut broadcast::Receiver<String>, tell: &Tell) -> Over {
    loop {
        match words.recv().await {
            Ok(line) => tell.say(&line).await,
            // Some were too many to be told.
            Err(broadcast::error::RecvError::Lagged(_)) => {}
            // The session is over, and so is all that runs in it.
            Err(broadcast::error::RecvError::Closed) => return Over::Cut,
        }
    }
}

/// Output of what has no terminal, as one shows it.
fn with_returns(bytes: &[u8]) -> Bytes {
    bytes
        .iter()
        .flat_map(|byte| if *byte == b'\n' { b"\r\n".as_slice() } else { std::slice::from_ref(byte) })
        .copied()
        .collect()
}

/// Why nothing more goes between the two.
enum Over {
    /// It ended.
    Ended,
    /// The session was cut.
    Cut,
    /// The client left.
    Left,
    /// Whoever types in a gated shell stopped it.
    Interrupted,
    /// It may not go on; the sentence says why.
    Refused(String),
    /// The target does not run it as it was asked; nobody knows what it does instead.
    Broken(String),
}

impl Ended {
    /// Waits for the target to say that it ended.
    async fn wait(&mut self, says: &mut Says) {
        while let Ok(said) = says.next().await {
            match said {
                Said::Exited(_) | Said::Killed(_) => return self.is_said(&said),
                Said::Closed => return,
                Said::Out(_) | Said::Error(_) => {}
            }
        }
    }

    fn is_said(&mut self, said: &Said) {
        (self.outcome, self.status) = match said {
            Said::Exited(status) => (RunOutcome::Exited { status: *status }, *status),
            Said::Killed(signal) => (RunOutcome::Failed { code: format!("signal {signal}") }, LOST),
            Said::Out(_) | Said::Error(_) | Said::Closed => return,
        };
    }
}
