//! Getting in: a session under a live grant; or, where a reason is all that is missing, under the one the client brings, or
//! after a wait until it is given on the page whose address the client is told (R3).

use countersign_control::{Control, Entry, Fault, Gate};
use countersign_journal::{AccountId, PersonId};
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;

/// How long a connection waits for its reason.
const REASON_WAIT: Duration = Duration::from_secs(300);

/// A client at the door, in its own protocol.
pub(crate) trait Client {
    /// Tells it that a reason is needed, and where it is given.
    async fn needs_reason(&mut self, page: &str);
    /// Resolves when it left, or did what ends the wait; at once when it could not be told.
    async fn left(&mut self);
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
        mut reason: Option<&str>,
        client: &mut impl Client,
    ) -> Result<Gate, Fault> {
        loop {
            let page = match control.open_session(self.person, self.account, self.database, self.from).await? {
                Entry::Open(gate) => return Ok(*gate),
                Entry::NeedsReason { page } => page,
            };
            if let Some(reason) = reason.take() {
                control.justify(self.person, self.account, self.database.map(str::to_owned), reason).await?;
                continue;
            }
            client.needs_reason(&page).await;
            let why = tokio::select! {
                () = self.granted(control) => continue,
                () = tokio::time::sleep(REASON_WAIT) => "no reason was given within 5 minutes",
                () = client.left() => "the client left before a reason was given",
            };
            control.turned_away(self.person, self.account, self.from, why).await?;
            return Err(Fault::Input(why.to_owned()));
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
