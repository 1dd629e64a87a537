//! What a target opens by itself: taken where it comes of something that was let through and still is, else refused.

use super::local::how;
use super::relay::{Connected, Passed, relay};
use super::remote::Listening;
use super::right::Right;
use super::wish::Wish;
use crate::ssh::session::{Opened, Session};
use countersign_control::{Fault, Gate, Recorded};
use countersign_target::ssh::{By, Came};
use russh::Channel;
use russh::server::{Handle, Msg};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;

/// How long a client may take to take a channel.
const TAKE_WAIT: Duration = Duration::from_secs(10);
/// Characters of an address or path of a target's that are told.
const TOLD_CHARS_MAX: usize = 256;
/// Why what nobody asked for is refused.
pub(super) const UNASKED: &str = ": nobody asked the target for it";

/// A channel that the target opens.
pub(in crate::ssh) enum Arrival {
    /// Of what is listened at.
    Heard(Box<Came>, Arc<Listening>),
    /// Of something that runs.
    Asked(Box<Came>),
}

/// What something that runs may ask the client for.
struct Lent {
    right: Right,
    wish: Wish,
    /// Whether what is for one connection had it.
    is_used: bool,
    /// Dropped with it, which ends what came of it.
    lasts: watch::Sender<()>,
}

/// All that is lent in a session.
#[derive(Default)]
pub(super) struct Loans(Mutex<Vec<Lent>>);

/// Keeps it lent.
pub(in crate::ssh) struct Loan<'s> {
    loans: &'s Loans,
    number: u64,
}

impl Loans {
    pub(super) fn lend(&self, number: u64, lent: impl IntoIterator<Item = (Wish, Right)>) -> Loan<'_> {
        let lent =
            lent.into_iter().map(|(wish, right)| Lent { right, wish, is_used: false, lasts: watch::Sender::new(()) });
        self.all().extend(lent);
        Loan { loans: self, number }
    }

    /// Whose this is, and for how long; nothing where nobody was lent it, and why where it holds no more. What is for one connection
    /// is given once.
    fn taken(&self, by: &By, gate: &mut Gate) -> Result<Option<(u64, watch::Receiver<()>)>, String> {
        let mut all = self.all();
        let is_of = |lent: &Lent| {
            let same = matches!((&lent.wish, by), (Wish::Agent, By::Agent) | (Wish::Display(_), By::Display(..)));
            same && !lent.is_used
        };
        let Some(at) = all.iter().position(is_of) else { return Ok(None) };
        let Some(lent) = all.get_mut(at) else { return Ok(None) };
        let (number, held, lasts) = (lent.right.number, lent.right.still_holds(gate), lent.lasts.subscribe());
        lent.is_used = matches!(&lent.wish, Wish::Display(display) if display.single);
        if held.is_err() {
            all.remove(at);
        }
        held.map(|()| Some((number, lasts)))
    }

    fn all(&self) -> MutexGuard<'_, Vec<Lent>> {
        self.0.lock().expect("nobody panics with them")
    }
}

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        self.loans.all().retain(|lent| lent.right.number != self.number);
    }
}

impl Arrival {
    /// Brings it to its end.
    pub(in crate::ssh) async fn live(self, session: Arc<Session>) {
        let Some(opened) = session.is_opened() else { return };
        let Some(_place) = session.forward_place() else { return };
        let (came, listening) = match self {
            Arrival::Heard(came, listening) => (came, Some(listening)),
            Arrival::Asked(came) => (came, None),
        };
        let held = match &listening {
            Some(listening) => {
                // In this order: whoever notes its end has the right before the gate.
                let mut right = listening.right.lock().await;
                let held = right.still_holds(&mut *opened.gate.lock().await);
                held.map(|()| Some((listening.number, None)))
            }
            None => {
                let taken = session.beside.loans.taken(&came.by, &mut *opened.gate.lock().await);
                taken.map(|taken| taken.map(|(number, lasts)| (number, Some(lasts))))
            }
        };
        match held {
            Ok(Some((number, lasts))) => {
                let address = listening.as_ref().map(|listening| &listening.wish);
                let ends = async {
                    tokio::select! {
                        () = session.ends(opened) => {}
                        () = returned(lasts) => {}
                    }
                };
                pass_on(&session, opened, *came, (number, address), ends).await;
            }
            Ok(None) => session.not_granted(opened, 0, &came.by, UNASKED).await,
            Err(why) => session.not_granted(opened, 0, &came.by, &format!(": {why}")).await,
        }
    }
}

/// Resolves once what was lent is given back.
async fn returned(lasts: Option<watch::Receiver<()>>) {
    match lasts {
        // Nothing is ever sent.
        Some(mut lasts) => while lasts.changed().await.is_ok() {},
        None => std::future::pending().await,
    }
}

async fn pass_on(
    session: &Session,
    opened: &Opened,
    came: Came,
    (number, asked): (u64, Option<&Wish>),
    ends: impl Future<Output = ()>,
) {
    let mut ends = std::pin::pin!(ends);
    let what = words(&came.by);
    let Some(client) = session.client() else { return };
    let opens = timeout(TAKE_WAIT, opens(client, &came.by, asked));
    let channel = tokio::select! {
        channel = opens => channel,
        () = &mut ends => return,
    };
    let Ok(Ok(channel)) = channel else {
        return session.not_granted(opened, number, &came.by, " by the client").await;
    };
    // Nothing passes of which the transcript has nothing.
    if note(opened, number, format!("{what} is open")).await.is_err() {
        return drop(channel.close().await);
    }
    let (line, passed) = (came.accept().await, Passed::default());
    let over = relay(channel, line, Connected::WithOthers, &passed, ends).await;
    drop(note(opened, number, format!("{what} is {}", how(over, &passed))).await);
}

/// The same on the client's side, under the address that it asked for.
async fn opens(client: &Handle, by: &By, asked: Option<&Wish>) -> Result<Channel<Msg>, russh::Error> {
    match by {
        By::Agent => client.channel_open_agent().await,
        By::Display(from, port) => client.channel_open_x11(from.clone(), *port).await,
        By::Socket(path) => client.channel_open_forwarded_streamlocal(path.clone()).await,
        By::Port { address, port, from } => {
            let address = match asked {
                Some(Wish::Remote { address, .. }) => address,
                _ => address,
            };
            client.channel_open_forwarded_tcpip(address.clone(), *port, from.0.clone(), from.1).await
        }
    }
}

/// What a target opens, in words.
pub(in crate::ssh) fn words(by: &By) -> String {
    match by {
        By::Agent => "a connection to the client's agent".to_owned(),
        By::Display(..) => "a connection to the client's display".to_owned(),
        By::Socket(path) => format!("a connection to {:?}", cut(path)),
        By::Port { address, port, from: (from, from_port) } => {
            format!("a connection to {:?} port {port} from {:?} port {from_port}", cut(address), cut(from))
        }
    }
}

/// As much of what a target says as is told.
fn cut(text: &str) -> String {
    text.chars().take(TOLD_CHARS_MAX).collect()
}

/// Notes what a target opens.
///
/// # Errors
/// When the transcript does not take it.
pub(in crate::ssh) async fn note(opened: &Opened, number: u64, words: String) -> Result<(), Fault> {
    let mut gate = opened.gate.lock().await;
    gate.record(number, Recorded::Note(words));
    let noted = gate.hand_over().await;
    if let Err(fault) = &noted {
        tracing::error!("what a target opened could not be noted: {fault}");
    }
    noted
}
