//! Tickets: whether the system that keeps them knows the one somebody names (R7). Without an answer nothing is asked for.

use crate::control::Control;
use crate::fault::{Fault, TicketRefusal};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Tickets that are asked about at a time.
const ASKED_MAX: usize = 8;

/// A system that keeps tickets. A call may block, and must end by itself.
pub trait Tickets: Send + Sync {
    /// Whether work may be done under this ticket.
    ///
    /// # Errors
    /// [`TicketRefusal::NotKnown`], or [`TicketRefusal::NoAnswer`] when nobody can tell.
    fn known(&self, ticket: &str) -> Result<(), TicketRefusal>;
}

/// Whom to ask.
pub(crate) struct Asked {
    system: Arc<dyn Tickets>,
    places: Arc<Semaphore>,
}

impl Control {
    /// From now on every ticket that is named is asked about there. The first system that is set stays.
    pub fn ask_about_tickets(&self, system: Arc<dyn Tickets>) {
        let asked = Asked { system, places: Arc::new(Semaphore::new(ASKED_MAX)) };
        if self.0.tickets.set(asked).is_err() {
            tracing::warn!("tickets are asked about elsewhere already");
        }
    }

    /// Asks about a ticket, if there is one to ask about and somebody to ask.
    pub(crate) async fn check_ticket(&self, ticket: Option<&str>) -> Result<(), Fault> {
        let (Some(asked), Some(ticket)) = (self.0.tickets.get(), ticket) else { return Ok(()) };
        let place = asked.places.clone().try_acquire_owned().map_err(|_| TicketRefusal::NoAnswer)?;
        let (system, ticket) = (asked.system.clone(), ticket.to_owned());
        let answer = tokio::task::spawn_blocking(move || {
            let _until_answered = place;
            system.known(&ticket)
        });
        Ok(answer.await.map_err(Fault::trouble)??)
    }
}
