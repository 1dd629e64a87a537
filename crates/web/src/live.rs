//! `GET /live`: a stream that says when something committed has changed. It carries no facts: what changed is fetched
//! again, by the same pages, under the same checks.

use crate::guard::Signed;
use crate::site::Site;
use axum::extract::State;
use axum::response::IntoResponse;
use axum::response::sse::{Event, Sse};
use countersign_control::Control;
use futures_util::stream;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

/// Least time between two events to one client.
const BETWEEN: Duration = Duration::from_millis(250);
/// Longest silence; also how soon an ended session is noticed when nothing else happens.
const HEARTBEAT: Duration = Duration::from_secs(10);

struct Follower {
    control: Control,
    credential: String,
    changes: Receiver<()>,
    told: Told,
}

#[derive(PartialEq, Eq)]
enum Told {
    /// Nothing yet.
    Nothing,
    /// Something.
    Something,
    /// That it is over.
    End,
}

/// Answers with the stream; it ends with the session.
pub(crate) async fn follow(State(site): State<Site>, signed: Signed) -> impl IntoResponse {
    let changes = site.control.changes();
    let follower = Follower { control: site.control, credential: signed.credential, changes, told: Told::Nothing };
    Sse::new(stream::unfold(follower, next))
}

async fn next(mut follower: Follower) -> Option<(Result<Event, Infallible>, Follower)> {
    let event = match follower.told {
        Told::End => return None,
        // What changed between the page and this stream must not be missed.
        Told::Nothing => Event::default().event("change").data("0"),
        Told::Something => follower.wait().await?,
    };
    follower.told = if follower.told == Told::Nothing { Told::Something } else { follower.told };
    Some((Ok(event), follower))
}

impl Follower {
    /// The next thing to say; `None` when the control plane is gone.
    async fn wait(&mut self) -> Option<Event> {
        let changed = match tokio::time::timeout(HEARTBEAT, self.changes.recv()).await {
            Ok(Ok(()) | Err(RecvError::Lagged(_))) => true,
            Ok(Err(RecvError::Closed)) => return None,
            Err(_) => false,
        };
        if changed {
            tokio::time::sleep(BETWEEN).await;
            // One event stands for all of them.
            self.changes = self.changes.resubscribe();
        }
        if self.control.actor(&self.credential).await.is_none() {
            self.told = Told::End;
            return Some(Event::default().event("ended").data("signed out"));
        }
        Some(if changed { Event::default().event("change").data("1") } else { Event::default().comment("here") })
    }
}
