//! Getting in: a session under a live grant; or, where somebody can still ask for one, after a wait. The reason comes with the
//! client, from whoever types at it, or from the page whose address it is told; then approval may have to be waited for.

use countersign_control::{Control, Entry, Fault, Gate, Missing};
use countersign_journal::{AccountId, PersonId, RequestId};
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;

/// How long a connection waits for its reason.
const REASON_WAIT: Duration = Duration::from_secs(300);
/// How long it waits for approval; the request may wait longer than that.
const APPROVAL_WAIT: Duration = Duration::from_secs(3_600);
/// Why a connection whose client went meanwhile did not open.
const LEFT: &str = "the client left before a reason was given";
/// How often somebody is asked for a reason that does.
const REASONS_MAX: usize = 3;

/// A client at the door, in its own protocol.
pub(crate) trait Client {
    /// Asks for something, where somebody types at the client.
    async fn ask(&mut self, question: &str) -> Asked;
    /// Tells it what it waits for, and where that is given.
    async fn waits(&mut self, words: &str, page: &str);
    /// Resolves when it went, or did what ends the wait; at once when it could not be told.
    async fn gone(&mut self) -> Gone;
}

/// What came of a question.
pub(crate) enum Asked {
    /// This was typed.
    Given(String),
    /// Nobody types there.
    Nobody,
    /// The client went instead.
    Gone,
}

/// How a client that waited went.
pub(crate) enum Gone {
    /// It left.
    Left,
    /// Somebody gave up.
    GaveUp,
}

/// Who proved who they are, and where they want to go.
pub(crate) struct Way<'w> {
    pub(crate) person: PersonId,
    pub(crate) account: AccountId,
    pub(crate) database: Option<&'w str>,
    pub(crate) from: &'w str,
}

impl Way<'_> {
    /// A session.
    ///
    /// # Errors
    /// Why there is none, in words for the client; it is in the audit.
    pub(crate) async fn enter(
        &self,
        control: &Control,
        mut brought: Option<&str>,
        client: &mut impl Client,
    ) -> Result<Gate, Fault> {
        loop {
            let missing = match control.open_session(self.person, self.account, self.database, self.from).await? {
                Entry::Open(gate) => return Ok(*gate),
                Entry::Missing(missing) => missing,
            };
            let came = match brought.take() {
                Some(reason) => self.asked_for(control, reason, client).await,
                None => self.asks(control, &missing, client).await,
            };
            if let Err(fault) = came {
                control.turned_away(self.person, self.account, self.from, &fault.to_string()).await?;
                return Err(fault);
            }
        }
    }

    /// Waits for a reason, and for what it leads to.
    async fn asks(&self, control: &Control, missing: &Missing, client: &mut impl Client) -> Result<(), Fault> {
        let question = if missing.approval {
            "this needs approval; why do you need it?"
        } else {
            "a reason is needed; why do you need it?"
        };
        let mut last = missing.refusal.clone();
        for nth in 0..REASONS_MAX {
            let asked = if nth == 0 { question.to_owned() } else { format!("{last}; {question}") };
            match client.ask(&asked).await {
                Asked::Given(reason) => match self.asked_for(control, &reason, client).await {
                    // The words say what would do.
                    Err(Fault::Refused(refusal)) => last = refusal,
                    came => return came,
                },
                Asked::Gone => return Err(Fault::Input(LEFT.to_owned())),
                Asked::Nobody if missing.approval => return Err(Fault::Refused(missing.refusal.clone())),
                Asked::Nobody => {
                    let words = "a reason is needed: give it on the page, and this goes on";
                    client.waits(words, &missing.page).await;
                    return tokio::select! {
                        () = self.granted(control) => Ok(()),
                        () = tokio::time::sleep(REASON_WAIT) => Err(Fault::Input("no reason was given within 5 minutes".into())),
                        _ = client.gone() => Err(Fault::Input(LEFT.to_owned())),
                    };
                }
            }
        }
        Err(Fault::Refused(last))
    }

    /// Asks for access with this reason, and waits for approval where it needs one.
    async fn asked_for(&self, control: &Control, reason: &str, client: &mut impl Client) -> Result<(), Fault> {
        let database = self.database.map(str::to_owned);
        let request = control.ask_now(self.person, self.account, database, reason).await?;
        if control.has_grant(self.person, self.account, self.database) {
            return Ok(());
        }
        let deciders = control.deciders(request);
        let who = if deciders.is_empty() { "nobody".to_owned() } else { deciders.join(", ") };
        let page = format!("{}/requests/{}", control.page_address(), request.0);
        client.waits(&format!("{request} waits for approval; {who} can decide"), &page).await;
        tokio::select! {
            () = self.granted(control) => Ok(()),
            ended = ended(control, request) => Err(ended),
            () = tokio::time::sleep(APPROVAL_WAIT) => {
                Err(Fault::Input(format!("nobody decided on {request} within an hour; it still waits: connect again later")))
            }
            gone = client.gone() => Err(match gone {
                // Whoever comes back finds it, or its approval.
                Gone::Left => Fault::Input(format!("the client left while {request} waited")),
                Gone::GaveUp => {
                    control.unask(self.person, request).await?;
                    Fault::Input(format!("{request} is withdrawn"))
                }
            }),
        }
    }

    /// Waits until there is a grant.
    async fn granted(&self, control: &Control) {
        let mut changes = control.changes();
        while !control.has_grant(self.person, self.account, self.database) {
            if let Err(RecvError::Closed) = changes.recv().await {
                return;
            }
        }
    }
}

/// Waits until a request can lead to nothing any more, and says why.
async fn ended(control: &Control, request: RequestId) -> Fault {
    let mut changes = control.changes();
    loop {
        match control.came_to_nothing(request).await {
            Ok(Some(why)) => return Fault::Input(why),
            Ok(None) => {}
            Err(fault) => return fault,
        }
        if let Err(RecvError::Closed) = changes.recv().await {
            return Fault::trouble("the server is stopping");
        }
    }
}
