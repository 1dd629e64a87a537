//! What a session has beside its commands: forwards, what is listened at for them, and what is lent to what runs.

use super::came::{Arrival, Loan, Loans, note, words};
use super::remote::Listens;
use super::right::Right;
use super::wish::Wish;
use super::{FORWARDS_MAX, REACHING_MAX};
use crate::ssh::session::{Opened, Session, reach};
use countersign_control::Gate;
use countersign_journal::ActionFacts;
use countersign_target::ssh::{By, Came, Connection, Taken};
use russh::server::Handle;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock};
use tokio::sync::{Semaphore, SemaphorePermit, broadcast, mpsc, watch};

/// Lines for whoever runs something that wait to be told.
const WORDS_MAX: usize = 16;
/// How often it is noted that a target opened what nobody asked for.
const NOT_GRANTED_MAX: u32 = 100;

/// What a session has beside its commands.
pub(in crate::ssh) struct Beside {
    /// The client's side, for channels to it.
    client: OnceLock<Handle>,
    places: Semaphore,
    /// Who connects to the target now.
    reaching: Semaphore,
    pub(super) loans: Loans,
    listens: Mutex<Listens>,
    arrivals: mpsc::Sender<Arrival>,
    /// Who is handed what the target opens on the connection of the commands.
    pub(in crate::ssh) taken: Taken,
    /// What is told wherever something runs.
    words: broadcast::Sender<String>,
    left: watch::Sender<bool>,
    not_granted: AtomicU32,
}

/// What comes to a session by itself.
pub(in crate::ssh) struct Comes {
    pub(in crate::ssh) arrivals: mpsc::Receiver<Arrival>,
    pub(in crate::ssh) came: mpsc::Receiver<Box<Came>>,
}

impl Beside {
    pub(in crate::ssh) fn new() -> (Beside, Comes) {
        let ((taken, came), (arrivals, to_come)) = (mpsc::channel(FORWARDS_MAX), mpsc::channel(FORWARDS_MAX));
        let beside = Beside {
            client: OnceLock::new(),
            places: Semaphore::new(FORWARDS_MAX),
            reaching: Semaphore::new(REACHING_MAX),
            loans: Loans::default(),
            listens: Mutex::default(),
            arrivals,
            taken,
            words: broadcast::Sender::new(WORDS_MAX),
            left: watch::Sender::new(false),
            not_granted: AtomicU32::new(0),
        };
        (beside, Comes { arrivals: to_come, came })
    }

    /// Begins with a client.
    pub(in crate::ssh) fn begins(&self, client: Handle) {
        // There is one only.
        let _ = self.client.set(client);
    }

    /// Tells all of it that the client left.
    pub(in crate::ssh) fn left(&self) {
        self.left.send_replace(true);
    }

    /// What is told wherever something runs, from now on.
    pub(in crate::ssh) fn words(&self) -> broadcast::Receiver<String> {
        self.words.subscribe()
    }
}

impl Session {
    /// A place for a forward, given up by dropping it.
    pub(super) fn forward_place(&self) -> Option<SemaphorePermit<'_>> {
        self.beside.places.try_acquire().ok()
    }

    pub(super) fn client(&self) -> Option<&Handle> {
        self.beside.client.get()
    }

    pub(super) fn listens(&self) -> MutexGuard<'_, Listens> {
        self.beside.listens.lock().expect("nobody panics with them")
    }

    /// Tells whoever runs something in this connection.
    pub(super) fn say(&self, words: String) {
        // Where nothing runs nobody hears it.
        let _ = self.beside.words.send(words);
    }

    /// Takes on a channel that the target opened; it is refused where too many wait.
    pub(super) fn arrives(&self, arrival: Arrival) {
        let _ = self.beside.arrivals.try_send(arrival);
    }

    /// Resolves when the client left.
    pub(super) async fn leaves(&self) {
        let mut left = self.beside.left.subscribe();
        // The sender is ours.
        let _ = left.wait_for(|left| *left).await;
    }

    /// Resolves when nothing more may go on.
    pub(super) async fn ends(&self, opened: &Opened) {
        tokio::select! {
            () = self.leaves() => {}
            () = opened.cut() => {}
        }
    }

    /// Another connection to the target, for one forward alone: what it does not take keeps nothing else waiting.
    pub(super) async fn another_for(&self, opened: &Opened, came: Option<Taken>) -> Result<Connection, String> {
        let _turn = self.beside.reaching.acquire().await.map_err(|fault| fault.to_string())?;
        let login = opened.gate.lock().await.ssh_login().await.map_err(|fault| fault.to_string())?;
        reach(login, came).await
    }

    /// Notes that what the target opened is refused, as long as it did not do so too often: it may go on without end.
    pub(super) async fn not_granted(&self, opened: &Opened, number: u64, by: &By, why: &str) {
        let before = self.beside.not_granted.fetch_add(1, Ordering::Relaxed);
        let last = if before + 1 == NOT_GRANTED_MAX { "; what else is refused is not noted" } else { "" };
        if before < NOT_GRANTED_MAX {
            drop(note(opened, number, format!("{} is refused{why}{last}", words(by))).await);
        }
    }

    /// Lends a command what it was let run with, until that is dropped.
    pub(in crate::ssh) fn lend(
        &self,
        number: u64,
        wishes: &[Wish],
        (facts, gate, approved): (&ActionFacts, &Gate, bool),
    ) -> Loan<'_> {
        let right = || Right::of_command(number, facts.clone(), gate, approved);
        self.beside.loans.lend(number, wishes.iter().map(|wish| (wish.clone(), right())))
    }
}
