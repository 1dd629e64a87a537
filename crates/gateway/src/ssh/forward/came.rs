//! What a target opens by itself: taken where it comes of something that was let through and still is, else refused.

use super::local::how;
use super::relay::{Connected, Passed, relay};
use super::remote::Listening;
use super::right::Right;
use super::wish::Wish;
use crate::ssh::session::{Opened, Session};
use countersign_control::{Gate, Recorded};
use countersign_target::ssh::{By, Came};
use russh::Channel;
use russh::server::{Handle, Msg};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::time::timeout;

/// How long a client may take to take a channel.
const TAKE_WAIT: Duration = Duration::from_secs(10);

/// A channel that the target opens.
pub(in crate::ssh) enum Arrival {
    /// Of what is listened at.
    Heard(Came, Arc<Listening>),
    /// Of something that runs.
    Asked(Came),
}

/// What something that runs may ask the client for.
struct Lent {
    right: Right,
    wish: Wish,
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
        self.all().extend(lent.into_iter().map(|(wish, right)| Lent { right, wish }));
        Loan { loans: self, number }
    }

    /// Whose this is; nothing where nobody was lent it, and why where it holds no more. What is for one connection is over.
    fn taken(&self, by: &By, gate: &mut Gate) -> Result<Option<u64>, String> {
        let mut all = self.all();
        let is_of =
            |lent: &Lent| matches!((&lent.wish, by), (Wish::Agent, By::Agent) | (Wish::Display(_), By::Display(..)));
        let Some(at) = all.iter().position(is_of) else { return Ok(None) };
        let Some(lent) = all.get_mut(at) else { return Ok(None) };
        let (number, held) = (lent.right.number, lent.right.still_holds(gate));
        let once = matches!(&lent.wish, Wish::Display(display) if display.single);
        if held.is_err() || once {
            all.remove(at);
        }
        held.map(|()| Some(number))
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
                held.map(|()| Some(listening.number))
            }
            None => session.beside.loans.taken(&came.by, &mut *opened.gate.lock().await),
        };
        match held {
            Ok(Some(number)) => {
                let address = listening.as_ref().map(|listening| &listening.wish);
                pass_on(&session, opened, came, (number, address)).await;
            }
            Ok(None) => session.not_granted(opened, 0, &came.by).await,
            Err(why) => note(opened, 0, format!("{} is refused: {why}", words(&came.by))).await,
        }
    }
}

async fn pass_on(session: &Session, opened: &Opened, came: Came, (number, asked): (u64, Option<&Wish>)) {
    let what = words(&came.by);
    let Some(client) = session.client() else { return };
    let opens = timeout(TAKE_WAIT, opens(client, &came.by, asked));
    let channel = tokio::select! {
        channel = opens => channel,
        () = session.ends(opened) => return,
    };
    let Ok(Ok(channel)) = channel else {
        return note(opened, number, format!("{what} is refused by the client")).await;
    };
    note(opened, number, format!("{what} is open")).await;
    let (line, passed) = (came.accept().await, Passed::default());
    let over = relay(channel, line, Connected::WithOthers, &passed, session.ends(opened)).await;
    note(opened, number, format!("{what} is {}", how(over, &passed))).await;
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
        By::Socket(path) => format!("a connection to {path:?}"),
        By::Port { address, port, from: (from, from_port) } => {
            format!("a connection to {address:?} port {port} from {from:?} port {from_port}")
        }
    }
}

pub(in crate::ssh) async fn note(opened: &Opened, number: u64, words: String) {
    let mut gate = opened.gate.lock().await;
    gate.record(number, Recorded::Note(words));
    if let Err(fault) = gate.hand_over().await {
        tracing::error!("what a target opened could not be noted: {fault}");
    }
}
