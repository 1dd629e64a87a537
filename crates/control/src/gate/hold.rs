//! Waiting for the verdict on what is held.

use super::{Hold, Permit, Right, Settled};
use crate::fault::Fault;
use countersign_core::{GrantKind, Status};

impl Hold {
    /// What whoever waits is told.
    #[must_use]
    pub fn words(&self) -> String {
        let who = match self.deciders.as_slice() {
            [] => "nobody can decide it now".to_owned(),
            some => format!("{} can decide", some.join(", ")),
        };
        format!("held for approval as {}; {who}: {}", self.request, self.address)
    }

    /// Waits until the request is settled. Dropping the wait loses nothing.
    pub async fn settled(&mut self) -> Settled {
        loop {
            self.settled.borrow_and_update();
            match self.look().await {
                Ok(Some(settled)) => return settled,
                Ok(None) => {}
                Err(fault) => return Settled::Refused(fault.to_string()),
            }
            if self.settled.changed().await.is_err() {
                return Settled::Refused("the server is stopping; send the statement again later".into());
            }
        }
    }

    /// How it was settled, if it was already.
    pub async fn now(&self) -> Option<Settled> {
        self.look().await.unwrap_or_else(|fault| Some(Settled::Refused(fault.to_string())))
    }

    async fn look(&self) -> Result<Option<Settled>, Fault> {
        let case = self.control.case(self.request).await?.ok_or(Fault::NotFound)?;
        let live = case.grant.filter(|g| {
            matches!(&g.kind, GrantKind::Once { attempt, .. } if *attempt == self.attempt)
                && g.used_in.is_none()
                && g.is_live(self.control.now())
        });
        Ok(match (case.request.status, live.map(|g| g.id)) {
            (Status::Pending, _) => None,
            (Status::Approved, Some(grant)) => Some(Settled::Approved(Permit {
                control: self.control.clone(),
                right: Right::Once(grant),
                request: self.request,
                session: self.session,
                attempt: self.attempt,
                risk: 0,
            })),
            _ => Some(Settled::Refused(self.control.refusal_words(&case.request).await)),
        })
    }

    /// Withdraws the request, as a cancel does.
    ///
    /// # Errors
    /// A refusal when it was settled meanwhile.
    pub async fn withdraw(self) -> Result<(), Fault> {
        self.control.unask(self.person, self.request).await
    }
}
