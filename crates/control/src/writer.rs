//! The one writer: decides on the fold that includes its predecessors in the batch, commits events, rows and outbox in
//! one transaction, and only then publishes state and answers. If the commit fails, nothing happened.

use crate::clock::Clock;
use crate::fault::Fault;
use crate::marks::{self, Mark};
use crate::outbox::LetterKind;
use crate::store::{Row, Store, StoredEntry};
use crate::vault::Vault;
use arc_swap::ArcSwap;
use countersign_core::{
    Answer, Case, Directory, Effect, Input, Named, Request, Roster, State, apply, decide, effects, erases_at, wake_at,
};
use countersign_journal::{Chain, Event, Note, RequestId, Timestamp, canonical};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Inputs decided in one commit at most.
const BATCH_MAX: usize = 512;
/// Inputs waiting at most; beyond it, whoever asks waits.
pub(crate) const QUEUE_MAX: usize = 4_096;
/// Longest the writer sleeps before it looks at the clock again.
const SLEEP_MAX: Duration = Duration::from_secs(60);

/// Where the answer goes.
type Reply = oneshot::Sender<Result<Answer, Fault>>;
/// What is done with the effects of a commit.
pub(crate) type AfterCommit = Box<dyn Fn(&[Effect]) + Send + Sync>;

/// One input, the rows that go with it, the marks of what was written in a request it makes, and who waits for the answer.
pub(crate) struct Command {
    pub(crate) input: Input,
    pub(crate) rows: Vec<Row>,
    pub(crate) written: Vec<Mark>,
    pub(crate) reply: Reply,
}

/// What everybody else may look at: published after each commit.
pub(crate) struct Published {
    pub(crate) state: RwLock<State>,
    pub(crate) directory: ArcSwap<Roster>,
    pub(crate) chain: RwLock<Chain>,
    /// Counts up with each change of policy or directory: rulings compiled before are void.
    pub(crate) policy_epoch: AtomicU64,
}

/// The writer task's own view, ahead of the published one by at most one batch.
pub(crate) struct Writer {
    pub(crate) store: Store,
    pub(crate) vault: Arc<Vault>,
    pub(crate) clock: Clock,
    pub(crate) published: Arc<Published>,
    pub(crate) after_commit: AfterCommit,
    state: State,
    directory: Roster,
    chain: Chain,
    /// Whether the clock was seen to have gone ahead.
    is_ahead: bool,
}

/// What one batch will commit.
#[derive(Default)]
struct Batch {
    entries: Vec<StoredEntry>,
    events: Vec<(Timestamp, Event)>,
    effects: Vec<Effect>,
    rows: Vec<Row>,
    /// Requests that something happened to, and those that are over by it.
    touched: BTreeSet<RequestId>,
    over: Vec<RequestId>,
    replies: Vec<(Reply, Result<Answer, Fault>)>,
}

impl Writer {
    pub(crate) fn new(
        store: Store,
        vault: Arc<Vault>,
        clock: Clock,
        published: Arc<Published>,
        after_commit: AfterCommit,
    ) -> Writer {
        let state = published.state.read().expect("no holder of this lock panics").clone();
        let chain = published.chain.read().expect("no holder of this lock panics").clone();
        let directory = Roster::clone(&published.directory.load());
        Writer { store, vault, clock, published, after_commit, state, directory, chain, is_ahead: false }
    }

    /// Runs until every sender is gone.
    pub(crate) async fn run(mut self, mut inbox: mpsc::Receiver<Command>) {
        loop {
            let first = tokio::select! {
                command = inbox.recv() => match command {
                    Some(command) => Some(command),
                    None => return,
                },
                () = tokio::time::sleep(self.until_wake()) => None,
            };
            let mut batch = Batch::default();
            self.tick(&mut batch);
            let more = std::iter::from_fn(|| inbox.try_recv().ok()).take(BATCH_MAX - 1);
            for command in first.into_iter().chain(more) {
                match self.released(&command.input).await {
                    Ok(None) => self.take(command, &mut batch),
                    Ok(Some(case)) => batch.replies.push((command.reply, Err(self.refuse(case, command.input)))),
                    Err(fault) => batch.replies.push((command.reply, Err(fault))),
                }
            }
            self.release(&mut batch);
            self.finish(batch).await;
        }
    }

    fn until_wake(&self) -> Duration {
        let from = |now: Timestamp, at: Timestamp| u64::try_from(at.0.saturating_sub(now.0)).unwrap_or(0);
        let wake = wake_at(&self.state).map(|at| from(self.clock.now(), at));
        let erases = erases_at(&self.state).and_then(|at| Some(from(self.clock.certain()?, at)));
        wake.into_iter().chain(erases).min().map_or(SLEEP_MAX, |us| Duration::from_micros(us).min(SLEEP_MAX))
    }

    /// The moment decisions are made at: never before the last entry, so that a clock set back extends nothing.
    fn now(&self) -> Timestamp {
        self.clock.now().max(self.chain.last_at())
    }

    fn tick(&mut self, batch: &mut Batch) {
        let now = self.now();
        if let Ok(decision) = decide(&self.state, &self.directory, Input::Tick, now) {
            self.fold_in(decision.events, now, batch);
        }
        self.erase(now, batch);
    }

    /// Erases what is kept no longer, as far as it is certain what time it is: a clock that was set ahead erases nothing early.
    fn erase(&mut self, now: Timestamp, batch: &mut Batch) {
        let is_ahead = self.clock.is_ahead();
        if is_ahead && !self.is_ahead {
            tracing::error!(
                "the clock of this machine has gone ahead of the time that passed since the start; until the next start what \
                 was recorded is erased by the time that passed"
            );
        }
        self.is_ahead = is_ahead;
        let Some(until) = self.clock.certain() else { return };
        if let Ok(decision) = decide(&self.state, &self.directory, Input::Erase { until }, now) {
            self.fold_in(decision.events, now, batch);
        }
    }

    /// What an input names, if that is over and no longer in the state.
    async fn released(&self, input: &Input) -> Result<Option<Case>, Fault> {
        match input.names().filter(|named| self.state.has_released(*named)) {
            Some(Named::Request(id)) => self.store.case(id).await,
            Some(Named::Grant(id)) => self.store.case_of_grant(id).await,
            None => Ok(None),
        }
    }

    /// Answers an input about something that is over, as if it were still in the state. Nothing follows from a row: where
    /// there would be a yes, it is not what the journal says.
    fn refuse(&mut self, case: Case, input: Input) -> Fault {
        let lie = format!("the row of {} is not what the journal says", case.request.id);
        let Some(id) = self.state.recall(case) else { return Fault::trouble(lie) };
        let decided = decide(&self.state, &self.directory, input, self.now());
        self.state.release(id);
        match decided {
            Err(refusal) => Fault::Refused(refusal),
            Ok(_) => Fault::trouble(lie),
        }
    }

    fn take(&mut self, command: Command, batch: &mut Batch) {
        let Command { input, rows, written, reply } = command;
        let new_directory = match &input {
            Input::Apply { directory, .. } => Some(directory.clone()),
            _ => None,
        };
        let now = self.now();
        let decided = decide(&self.state, &self.directory, input, now).map_err(Fault::Refused);
        match decided.and_then(|decision| Ok((self.marks(&decision.events, &written, now)?, decision))) {
            Err(fault) => batch.replies.push((reply, Err(fault))),
            Ok((marks, decision)) => {
                self.fold_in(decision.events, now, batch);
                batch.rows.extend(marks);
                if let Some(directory) = new_directory {
                    batch.rows.push(Row::Directory {
                        version: self.state.directory_version,
                        bytes: canonical::encode(&*directory),
                    });
                    self.directory = directory;
                }
                batch.rows.extend(rows);
                batch.replies.push((reply, Ok(decision.answer)));
            }
        }
    }

    /// What a request that is being made can be found by.
    fn marks(&self, events: &[Event], written: &[Mark], now: Timestamp) -> Result<Option<Row>, Fault> {
        let mut alone = State::default();
        events.iter().filter(|e| matches!(e, Event::RequestMade(_))).for_each(|e| apply(&mut alone, now, e));
        let made = alone.requests.into_values().next();
        let marks = made.map(|made| found_by(&self.vault, &self.directory, &made, written));
        marks.transpose()
    }

    /// Takes out of the state what is over by this batch, and puts it into rows.
    fn release(&mut self, batch: &mut Batch) {
        for id in std::mem::take(&mut batch.touched) {
            if let Some(case) = self.state.release(id) {
                batch.rows.extend(rows_of(case));
                batch.over.push(id);
            }
        }
    }

    /// Events are dated with the moment they were decided at.
    fn fold_in(&mut self, events: Vec<Event>, at: Timestamp, batch: &mut Batch) {
        for event in events {
            let (seq, bytes) = self.chain.append(at, event.clone());
            apply(&mut self.state, at, &event);
            for effect in effects(&self.state, &event) {
                outbox_rows(&effect, &self.directory, seq, at, &mut batch.rows);
                batch.effects.push(effect);
            }
            batch.rows.extend(recording_row(&event, seq, at));
            batch.touched.extend(self.state.request_of(&event));
            batch.entries.push(StoredEntry { seq, at, kind: crate::words::kind(&event).to_owned(), bytes });
            batch.events.push((at, event));
        }
    }

    async fn finish(&mut self, batch: Batch) {
        let nothing = batch.entries.is_empty() && batch.rows.is_empty();
        let committed = if nothing { Ok(()) } else { self.commit(&batch).await };
        match committed {
            Ok(()) => {
                self.publish(&batch);
                (self.after_commit)(&batch.effects);
                for (reply, answer) in batch.replies {
                    // Whoever asked may have left; what happened stays true.
                    let _ = reply.send(answer);
                }
            }
            Err(fault) => {
                self.roll_back();
                for (reply, _) in batch.replies {
                    let _ = reply.send(Err(fault.clone()));
                }
            }
        }
    }

    /// Commits; an error whose outcome is unknown is settled by reading how long the journal is now.
    async fn commit(&self, batch: &Batch) -> Result<(), Fault> {
        let Err(fault) = self.store.commit(&batch.entries, &batch.rows).await else { return Ok(()) };
        match (batch.entries.is_empty(), self.store.len().await) {
            (false, Ok(len)) if len == self.chain.head().len => Ok(()),
            _ => Err(fault),
        }
    }

    fn publish(&mut self, batch: &Batch) {
        let mut state = self.published.state.write().expect("no holder of this lock panics");
        for (at, event) in &batch.events {
            apply(&mut state, *at, event);
        }
        for id in &batch.over {
            state.release(*id);
        }
        *self.published.chain.write().expect("no holder of this lock panics") = self.chain.clone();
        self.published.directory.store(Arc::new(self.directory.clone()));
        let policy =
            |(_, e): &(Timestamp, Event)| matches!(e, Event::PolicyApplied { .. } | Event::DirectoryApplied { .. });
        if batch.events.iter().any(policy) {
            self.published.policy_epoch.fetch_add(1, Ordering::Release);
        }
    }

    fn roll_back(&mut self) {
        self.state = self.published.state.read().expect("no holder of this lock panics").clone();
        self.chain = self.published.chain.read().expect("no holder of this lock panics").clone();
        self.directory = Roster::clone(&self.published.directory.load());
    }
}

/// The row of what a request is found by.
pub(crate) fn found_by(
    vault: &Vault,
    directory: &Directory,
    request: &Request,
    written: &[Mark],
) -> Result<Row, Fault> {
    let marks = marks::of_request(vault, directory, request, written)?;
    Ok(Row::Marks { request: request.id, marks })
}

/// The rows of a request that is over.
pub(crate) fn rows_of(case: Case) -> Vec<Row> {
    let request = case.request.id;
    let sessions = case.sessions.iter().map(|session| Row::Session { session: session.clone(), request });
    let marks = marks::of_deciders(&case).into_iter().collect();
    let mut rows: Vec<Row> = sessions.chain([Row::Marks { request, marks }]).collect();
    rows.push(Row::Case(Box::new(case)));
    rows
}

/// The row of a recording that an event says is erased, or kept in a store.
pub(crate) fn recording_row(event: &Event, seq: u64, at: Timestamp) -> Option<Row> {
    match event {
        Event::Noted(Note::RecordingErased { session, .. }) => Some(Row::Erased { session: *session, seq, at }),
        Event::Noted(Note::RecordingStored { session, .. }) => Some(Row::Stored { session: *session, seq }),
        _ => None,
    }
}

/// Messages are rows of the same transaction; their id is the event, the person and what is said, so that each is made
/// once.
fn outbox_rows(effect: &Effect, directory: &Directory, seq: u64, at: Timestamp, rows: &mut Vec<Row>) {
    let (request, people, kind) = match effect {
        Effect::Tell { request, people, message } => (*request, people.clone(), LetterKind::of(*message)),
        Effect::Alarm { request } => (*request, directory.administrators(), LetterKind::Alarm),
        Effect::Settle { .. } | Effect::Cut { .. } | Effect::Keep { .. } => return,
    };
    rows.extend(people.into_iter().map(|person| Row::Outbox {
        id: format!("{seq}-{}-{}", person.0, kind.word()),
        request,
        person,
        kind: kind.word(),
        due_at: at,
    }));
}
