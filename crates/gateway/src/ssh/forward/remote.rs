//! What listens on the target for its client (`-R`): an address and port, or a socket, on a connection of its own, until it is
//! cancelled, the client leaves or the session is cut.
//!
//! The client is answered before anything else of its connection is read, so that nobody's verdict is waited for: what must be
//! approved is asked for and refused, and let through when it is asked for again.

use super::came::{Arrival, UNASKED};
use super::local::Door;
use super::right::{Right, Verdict, right};
use super::wish::Wish;
use super::{FORWARDS_MAX, TOO_MANY};
use crate::ssh::session::{Opened, Session};
use countersign_control::Recorded;
use countersign_journal::RunOutcome;
use countersign_target::ssh::{By, Came, Connection, Taken};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::{Mutex, mpsc, oneshot};

/// A client asks for something to be listened at. It is told the port, or nothing where it is refused.
pub(in crate::ssh) struct Listen {
    pub(in crate::ssh) wish: Wish,
    pub(in crate::ssh) answer: oneshot::Sender<Option<u16>>,
}

/// A client wants it to end.
pub(in crate::ssh) struct Unlisten {
    pub(in crate::ssh) wish: Wish,
    pub(in crate::ssh) answer: oneshot::Sender<bool>,
}

/// What is listened at, as it reads, and who is told to stop.
pub(in crate::ssh) type Listens = HashMap<String, oneshot::Sender<()>>;

/// Something that is listened at, for as long as anything of it goes on.
pub(in crate::ssh) struct Listening {
    /// As the client asked for it, with the port that was chosen.
    pub(super) wish: Wish,
    pub(super) connection: Connection,
    pub(super) right: Mutex<Right>,
    pub(super) number: u64,
}

impl Listening {
    /// Whether this is what was asked for.
    fn asked_for(&self, by: &By) -> bool {
        match (&self.wish, by) {
            (Wish::Remote { address, port }, By::Port { address: told, port: at, .. }) => {
                address == told && u32::from(*port) == *at
            }
            (Wish::RemoteSocket(path), By::Socket(told)) => path == told,
            _ => false,
        }
    }

    async fn no_more(&self) {
        let stopped = match &self.wish {
            Wish::Remote { address, port } => self.connection.listen_no_more(address, u32::from(*port)).await,
            Wish::RemoteSocket(path) => self.connection.listen_at_no_more(path).await,
            _ => Ok(()),
        };
        // Where it goes on, nothing that comes of it is taken.
        if let Err(fault) = stopped {
            tracing::debug!("a target goes on listening: {fault}");
        }
    }
}

impl Unlisten {
    /// Ends it, if there is one.
    pub(in crate::ssh) fn done(self, session: &Session) {
        let stop = session.listens().remove(&self.wish.text());
        let stopped = stop.is_some_and(|stop| stop.send(()).is_ok());
        // Nobody waits for it where the client left.
        let _ = self.answer.send(stopped);
    }
}

impl Listen {
    /// Brings it to its end.
    pub(in crate::ssh) async fn live(self, session: Arc<Session>) {
        let Listen { wish, answer } = self;
        let Some(_place) = session.forward_place() else {
            session.say(format!("{}: {TOO_MANY}", wish.text()));
            return;
        };
        let (taken, came) = mpsc::channel(FORWARDS_MAX);
        // What was begun is brought to its end, also where the client is told no meanwhile.
        match begun(&session, &wish, taken).await {
            Ok((opened, listening)) => listens(&session, opened, listening, came, answer).await,
            Err(why) => {
                session.say(format!("{}: {why}", wish.text()));
                // Nobody waits for it where the client left.
                let _ = answer.send(None);
            }
        }
    }
}

async fn begun<'s>(session: &'s Session, wish: &Wish, taken: Taken) -> Result<(&'s Opened, Listening), String> {
    let opened = session.opened(&mut Door { session, waits: false }).await?;
    let mut right = right(session, opened, wish, Verdict::OnlyIfThere).await?;
    let (number, begins) = (right.number, async {
        let connection = session.another_for(opened, Some(taken)).await?;
        let wish = match wish {
            Wish::Remote { address, port } => {
                let chosen = connection.listen(address, u32::from(*port)).await.map_err(|fault| fault.to_string())?;
                let port = u16::try_from(chosen).map_err(|_| "the target chose no port".to_owned())?;
                Wish::Remote { address: address.clone(), port }
            }
            Wish::RemoteSocket(path) => {
                connection.listen_at(path).await.map_err(|fault| fault.to_string())?;
                wish.clone()
            }
            _ => return Err("nobody listens at this".to_owned()),
        };
        Ok((wish, connection))
    });
    match begins.await {
        Ok((wish, connection)) => Ok((opened, Listening { wish, connection, right: Mutex::new(right), number })),
        Err(why) => {
            right.ended(opened, format!("not listened at: {why}"), RunOutcome::Unknown).await;
            Err(why)
        }
    }
}

/// Hands on what comes of it.
async fn listens(
    session: &Session,
    opened: &Opened,
    listening: Listening,
    mut came: mpsc::Receiver<Box<Came>>,
    answer: oneshot::Sender<Option<u16>>,
) {
    let (listening, (stop, mut stopped)) = (Arc::new(listening), oneshot::channel());
    let text = listening.wish.text();
    let chosen = match listening.wish {
        Wish::Remote { port, .. } => port,
        _ => 0,
    };
    let is_new = !session.listens().contains_key(&text);
    if !is_new {
        listening.no_more().await;
        let twice = "not listened at: it is already".to_owned();
        listening.right.lock().await.ended(opened, twice, RunOutcome::Unknown).await;
        let _ = answer.send(None);
        return;
    }
    session.listens().insert(text.clone(), stop);
    opened.gate.lock().await.record(listening.number, Recorded::Note(format!("listens: {text}")));
    // Whoever asked is gone where they do not hear it.
    if answer.send(Some(chosen)).is_ok() {
        loop {
            tokio::select! {
                Some(came) = came.recv() => {
                    if listening.asked_for(&came.by) {
                        session.arrives(Arrival::Heard(came, listening.clone()));
                    } else {
                        session.not_granted(opened, listening.number, &came.by, UNASKED).await;
                    }
                }
                _ = &mut stopped => break,
                () = session.ends(opened) => break,
            }
        }
    }
    session.listens().remove(&text);
    listening.no_more().await;
    // What came of it goes on.
    listening.right.lock().await.ended(opened, "listens no more".to_owned(), RunOutcome::Exited { status: 0 }).await;
}
