//! The one writer: decides on the fold that includes its predecessors in the batch, commits events, rows and outbox in
//! one transaction, and only then publishes state and answers. If the commit fails, nothing happened.

use crate::clock::Clock;
use crate::fault::Fault;
use crate::outbox::LetterKind;
use crate::store::{Row, Store, StoredEntry};
use arc_swap::ArcSwap;
use countersign_core::{Answer, Directory, Effect, Input, Roster, State, apply, decide, effects, wake_at};
use countersign_journal::{Chain, Event, Timestamp, canonical};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Inputs decided in one commit at most.
const BATCH_MAX: usize = 512;
/// Inputs waiting at most; beyond it, whoever asks waits.
pub(crate) const QUEUE_MAX: usize = 4_096;
/// Entries read at a time when the journal is folded at start.
const FOLD_PAGE: u32 = 4_096;
/// Longest the writer sleeps before it looks at the clock again.
const SLEEP_MAX: Duration = Duration::from_secs(60);

/// Where the answer goes.
type Reply = oneshot::Sender<Result<Answer, Fault>>;
/// What is done with the effects of a commit.
pub(crate) type AfterCommit = Box<dyn Fn(&[Effect]) + Send + Sync>;

/// One input, the rows that go with it, and who waits for the answer.
pub(crate) struct Command {
    pub(crate) input: Input,
    pub(crate) rows: Vec<Row>,
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

/// Reads the journal from its beginning, checks the chain, and folds it.
pub(crate) async fn fold(store: &Store) -> Result<Published, Fault> {
    let (mut chain, mut state) = (Chain::default(), State::default());
    loop {
        let page = store.entries(chain.head().len, FOLD_PAGE).await?;
        if page.is_empty() {
            break;
        }
        for stored in page {
            let entry =
                chain.follow(&stored.bytes).map_err(|e| Fault::trouble(format!("the journal is damaged: {e}")))?;
            apply(&mut state, entry.at, &entry.event);
        }
    }
    let directory = ArcSwap::from_pointee(Roster::new(store.directory().await?));
    Ok(Published { state: RwLock::new(state), directory, chain: RwLock::new(chain), policy_epoch: AtomicU64::new(0) })
}

/// The writer task's own view, ahead of the published one by at most one batch.
pub(crate) struct Writer {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) published: Arc<Published>,
    pub(crate) after_commit: AfterCommit,
    state: State,
    directory: Roster,
    chain: Chain,
}

/// What one batch will commit.
#[derive(Default)]
struct Batch {
    entries: Vec<StoredEntry>,
    events: Vec<(Timestamp, Event)>,
    effects: Vec<Effect>,
    rows: Vec<Row>,
    replies: Vec<(Reply, Result<Answer, Fault>)>,
}

impl Writer {
    pub(crate) fn new(store: Store, clock: Clock, published: Arc<Published>, after_commit: AfterCommit) -> Writer {
        let state = published.state.read().expect("no holder of this lock panics").clone();
        let chain = published.chain.read().expect("no holder of this lock panics").clone();
        let directory = Roster::clone(&published.directory.load());
        Writer { store, clock, published, after_commit, state, directory, chain }
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
                self.take(command, &mut batch);
            }
            self.finish(batch).await;
        }
    }

    fn until_wake(&self) -> Duration {
        let wake = wake_at(&self.state).map(|at| u64::try_from(at.0.saturating_sub(self.clock.now().0)).unwrap_or(0));
        wake.map_or(SLEEP_MAX, |us| Duration::from_micros(us).min(SLEEP_MAX))
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
    }

    fn take(&mut self, command: Command, batch: &mut Batch) {
        let Command { input, rows, reply } = command;
        let new_directory = match &input {
            Input::Apply { directory, .. } => Some(directory.clone()),
            _ => None,
        };
        let now = self.now();
        match decide(&self.state, &self.directory, input, now) {
            Err(refusal) => batch.replies.push((reply, Err(Fault::Refused(refusal)))),
            Ok(decision) => {
                self.fold_in(decision.events, now, batch);
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

    /// Events are dated with the moment they were decided at.
    fn fold_in(&mut self, events: Vec<Event>, at: Timestamp, batch: &mut Batch) {
        for event in events {
            let (seq, bytes) = self.chain.append(at, event.clone());
            apply(&mut self.state, at, &event);
            for effect in effects(&self.state, &event) {
                outbox_rows(&effect, &self.directory, seq, at, &mut batch.rows);
                batch.effects.push(effect);
            }
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

/// Messages are rows of the same transaction; their id is the event, the person and what is said, so that each is made
/// once.
fn outbox_rows(effect: &Effect, directory: &Directory, seq: u64, at: Timestamp, rows: &mut Vec<Row>) {
    let (request, people, kind) = match effect {
        Effect::Tell { request, people, message } => (*request, people.clone(), LetterKind::of(*message)),
        Effect::Alarm { request } => (*request, directory.administrators(), LetterKind::Alarm),
        Effect::Settle { .. } | Effect::Cut { .. } => return,
    };
    rows.extend(people.into_iter().map(|person| Row::Outbox {
        id: format!("{seq}-{}-{}", person.0, kind.word()),
        request,
        person,
        kind: kind.word(),
        due_at: at,
    }));
}
