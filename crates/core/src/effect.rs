//! Effects: what the world must now do because of an event. Derived, idempotent, delivered from an outbox.

use crate::state::{GrantKind, Request, State};
use countersign_journal::{Event, Note, PersonId, RequestId, SessionId, Timestamp};
use std::collections::BTreeSet;

/// One thing the world must do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Tell these people something about a request.
    Tell {
        /// Which request.
        request: RequestId,
        /// Whom.
        people: BTreeSet<PersonId>,
        /// What.
        message: Message,
    },
    /// Tell the administrators that too few people are left to decide a request.
    Alarm {
        /// Which request.
        request: RequestId,
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
    /// See to where what the session recorded is kept, or that it is gone.
    Keep {
        /// Which session.
        session: SessionId,
    },
}

/// What people are told about a request.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Message {
    /// It waits for them.
    Asked,
    /// It waits for others (R18).
    Informed,
    /// How it ended, or what became of its grant.
    Settled,
    /// It was approved by itself, and would else have been theirs to decide (R6).
    Automatic,
    /// Access was or will be opened before approval; they are to review it (R39).
    Emergency,
    /// In a free shell under it something was typed that the rules would not have let run (R63).
    Alerted,
}

/// What follows from an event that was just folded into `state`.
#[must_use]
pub fn effects(state: &State, event: &Event) -> Vec<Effect> {
    let tell = |request, people: &BTreeSet<PersonId>, message| {
        (!people.is_empty()).then(|| Effect::Tell { request, people: people.clone(), message })
    };
    match event {
        Event::RequestMade(made) => {
            let approvers = made.automatic.iter().find_map(|a| tell(made.request, a, Message::Automatic));
            approvers.into_iter().collect()
        }
        Event::LevelStarted { request, track, level, approvers, informed, .. } => {
            let asked = state.requests.get(request).map(|r| asked(r, *track, *level, approvers)).unwrap_or_default();
            let told = [tell(*request, &asked, Message::Asked), tell(*request, informed, Message::Informed)];
            told.into_iter().flatten().collect()
        }
        Event::LevelFreed { request, approvers, .. } | Event::Escalated { request, approvers, .. } => {
            tell(*request, approvers, Message::Asked).into_iter().collect()
        }
        Event::LevelBlocked { request, .. } => vec![Effect::Alarm { request: *request }],
        Event::EmergencyConfirmed { request, approvers, .. } => {
            tell(*request, approvers, Message::Emergency).into_iter().collect()
        }
        Event::RequestApproved { request, .. }
        | Event::RequestDisapproved { request, .. }
        | Event::RequestExpired { request, .. }
        | Event::RequestRevoked { request, .. } => settled(state, *request),
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
        Event::SessionClosed { session, .. } | Event::Noted(Note::RecordingErased { session, .. }) => {
            vec![Effect::Keep { session: *session }]
        }
        Event::Noted(Note::Alerted { told, .. }) => {
            let request = state.request_of(event);
            request.and_then(|request| tell(request, told, Message::Alerted)).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

/// Whom the level asks: nobody by mail where mail is off, and of all approvers those the requester chose, where the
/// level leaves the choice and one of them can decide (R12, R14).
fn asked(request: &Request, track: u32, level: u32, approvers: &BTreeSet<PersonId>) -> BTreeSet<PersonId> {
    let Some(plan) = request.tracks.get(track as usize).and_then(|t| t.levels.get(level as usize)) else {
        return BTreeSet::new();
    };
    if !plan.tools.mail {
        return BTreeSet::new();
    }
    let chosen = approvers & &request.chosen;
    if plan.choose && !chosen.is_empty() { chosen } else { approvers.clone() }
}

/// The end of a request wakes its hold, and is told to the requester and whoever follows; nobody is told of what needed
/// nobody.
fn settled(state: &State, request: RequestId) -> Vec<Effect> {
    let mut all = vec![Effect::Settle { request }];
    if let Some(r) = state.requests.get(&request).filter(|r| !r.tracks.is_empty()) {
        let mut people = r.followers.clone();
        people.insert(r.person.id);
        all.push(Effect::Tell { request, people, message: Message::Settled });
    }
    all
}

/// When the engine wants a Tick: the earliest end of anything that is pending or live, the earliest timeout of an open
/// level, and the moment a declared emergency opens.
#[must_use]
pub fn wake_at(state: &State) -> Option<Timestamp> {
    state.deadlines.first()
}

/// When something recorded is first kept no longer.
#[must_use]
pub fn erases_at(state: &State) -> Option<Timestamp> {
    state.keeping.first()
}
