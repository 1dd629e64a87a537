//! Effects: what the world must now do because of an event. Derived, idempotent, delivered from an outbox.

use crate::state::{GrantKind, State};
use countersign_journal::{Event, PersonId, RequestId, SessionId, Timestamp};
use std::collections::BTreeSet;

/// One thing the world must do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Tell these people that a request waits for them.
    TellApprovers {
        /// Which request.
        request: RequestId,
        /// Whom.
        approvers: BTreeSet<PersonId>,
    },
    /// Tell the requester that the request was settled.
    TellRequester {
        /// Which request.
        request: RequestId,
        /// Whom.
        requester: PersonId,
    },
    /// A hold may be waiting for this request: let it look.
    Settle {
        /// Which request.
        request: RequestId,
    },
    /// Disconnect the session and stop what it runs.
    Cut {
        /// Which session.
        session: SessionId,
    },
}

/// What follows from an event that was just folded into `state`.
#[must_use]
pub fn effects(state: &State, event: &Event) -> Vec<Effect> {
    match event {
        Event::LevelStarted { request, approvers, .. } if !approvers.is_empty() => {
            vec![Effect::TellApprovers { request: *request, approvers: approvers.clone() }]
        }
        Event::RequestApproved { request, .. }
        | Event::RequestDisapproved { request, .. }
        | Event::RequestExpired { request }
        | Event::RequestRevoked { request, .. } => {
            let mut all = vec![Effect::Settle { request: *request }];
            if let Some(requester) = to_tell(state, *request) {
                all.push(Effect::TellRequester { request: *request, requester });
            }
            all
        }
        Event::RequestCanceled { request } => vec![Effect::Settle { request: *request }],
        Event::GrantEnded { grant, .. } => match state.grants.get(grant) {
            Some(g) if g.kind == GrantKind::Connect => state
                .open_sessions
                .iter()
                .filter(|s| state.sessions.get(s).is_some_and(|s| s.grant == *grant))
                .map(|session| Effect::Cut { session: *session })
                .collect(),
            Some(g) => vec![Effect::Settle { request: g.request }],
            None => Vec::new(),
        },
        _ => Vec::new(),
    }
}

/// The requester, unless nobody had to approve: nobody is told of what needed nobody.
fn to_tell(state: &State, request: RequestId) -> Option<PersonId> {
    state.requests.get(&request).filter(|r| !r.tracks.is_empty()).map(|r| r.person.id)
}

/// When the engine wants a Tick: the earliest end of anything that is pending or live.
#[must_use]
pub fn wake_at(state: &State) -> Option<Timestamp> {
    let requests = state.pending.iter().filter_map(|id| state.requests.get(id)).map(|r| r.terms.window.end);
    let grants = state.live_grants.iter().filter_map(|id| state.grants.get(id)).map(|g| g.terms.window.end);
    requests.chain(grants).min()
}
