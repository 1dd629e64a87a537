//! Cases that are over: a request, what it yielded and the sessions under it, once no input can touch them any more. They
//! are released from the state, which then holds what is alive and nothing else; whoever keeps them hands one back when an
//! input names it, so that the answer is the one it would have got had the case stayed. It is always a no.

use crate::input::Input;
use crate::planted::{self, Fault};
use crate::state::{Grant, Request, Session, State, Status};
use countersign_journal::{Event, GrantId, Note, RequestId};
use serde::{Deserialize, Serialize};

/// A request with everything that hangs on it.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Case {
    /// The request.
    pub request: Request,
    /// What it yielded.
    pub grant: Option<Grant>,
    /// The sessions under its grant, in order.
    pub sessions: Vec<Session>,
}

impl Case {
    /// Whether nothing can touch it any more: it does not wait, its grant is over, its sessions are closed, what they ran
    /// is reported on, and no review is owed.
    #[must_use]
    pub fn is_over(&self) -> bool {
        is_over(&self.request, self.grant.as_ref(), self.sessions.iter())
    }

    /// Whether its parts are parts of each other.
    fn is_whole(&self) -> bool {
        let grant = self.grant.as_ref();
        let sessions = || self.sessions.iter().map(|s| (s.id, Some(s.grant)));
        grant.map(|g| g.id) == self.request.grant
            && grant.is_none_or(|g| g.request == self.request.id)
            && sessions().eq(grant.into_iter().flat_map(|g| g.sessions.iter().map(|s| (*s, Some(g.id)))))
    }
}

/// What an input names, as far as it can be over.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Named {
    /// A request.
    Request(RequestId),
    /// A grant.
    Grant(GrantId),
}

impl Input {
    /// The request or grant the input is about. A session that is over is told apart from none by nobody.
    #[must_use]
    pub fn names(&self) -> Option<Named> {
        match self {
            Input::Vote(vote) => Some(Named::Request(vote.request)),
            Input::Emergency(call) => Some(Named::Request(call.request)),
            Input::Withdraw { request, .. }
            | Input::Retract { request, .. }
            | Input::Revoke { request, .. }
            | Input::Edit { request, .. }
            | Input::Escalate { request, .. }
            | Input::StopEmergency { request, .. } => Some(Named::Request(*request)),
            Input::Surrender { grant, .. } | Input::Clear { grant, .. } | Input::Ran { grant, .. } => {
                Some(Named::Grant(*grant))
            }
            Input::Apply { under, .. } => under.map(Named::Grant),
            Input::Ask(_)
            | Input::Delegate { .. }
            | Input::EndDelegation { .. }
            | Input::MakeLink { .. }
            | Input::Open { .. }
            | Input::Close { .. }
            | Input::Planned(_)
            | Input::Watch { .. }
            | Input::Alert(_)
            | Input::Tick
            | Input::Erase { .. }
            | Input::Note(_) => None,
        }
    }
}

impl State {
    /// A request with everything that hangs on it, if the state has it.
    #[must_use]
    pub fn case(&self, id: RequestId) -> Option<Case> {
        let request = self.requests.get(&id)?.clone();
        let grant = self.grant_of(&request).cloned();
        let sessions = self.sessions_under(grant.as_ref()).cloned().collect();
        Some(Case { request, grant, sessions })
    }

    /// The sessions ever opened under a grant, in order.
    pub fn sessions_under<'s>(&'s self, grant: Option<&'s Grant>) -> impl Iterator<Item = &'s Session> {
        grant.into_iter().flat_map(|g| &g.sessions).filter_map(|id| self.sessions.get(id))
    }

    /// Takes a case out of the state if it is over.
    pub fn release(&mut self, id: RequestId) -> Option<Case> {
        let request = self.requests.get(&id)?;
        let grant = self.grant_of(request);
        if !is_over(request, grant, self.sessions_under(grant)) {
            return None;
        }
        let request = self.requests.remove(&id)?;
        let grant = request.grant.and_then(|id| self.grants.remove(&id));
        let ids = grant.iter().flat_map(|g| &g.sessions);
        let sessions = ids.filter_map(|id| self.sessions.remove(id)).collect();
        Some(Case { request, grant, sessions })
    }

    /// Takes back a case, so that it can be released again; `None`, and nothing is done, if it is none that was released:
    /// over, whole, and nothing of it there.
    pub fn recall(&mut self, case: Case) -> Option<RequestId> {
        let id = case.request.id;
        let released = case.is_over() && case.is_whole() && self.has_released(Named::Request(id));
        let grant = case.request.grant.is_none_or(|id| self.has_released(Named::Grant(id)));
        let sessions = case.sessions.iter().all(|s| !self.sessions.contains_key(&s.id));
        if !(released && grant && sessions) {
            return None;
        }
        self.sessions.extend(case.sessions.into_iter().map(|s| (s.id, s)));
        self.grants.extend(case.grant.map(|g| (g.id, g)));
        self.requests.insert(id, case.request);
        Some(id)
    }

    /// Whether something has been there and was released.
    #[must_use]
    pub fn has_released(&self, named: Named) -> bool {
        match named {
            Named::Request(id) => (1..=self.given.requests).contains(&id.0) && !self.requests.contains_key(&id),
            Named::Grant(id) => (1..=self.given.grants).contains(&id.0) && !self.grants.contains_key(&id),
        }
    }

    /// The request an event is about, directly or by what it yielded.
    #[must_use]
    pub fn request_of(&self, event: &Event) -> Option<RequestId> {
        let of_grant = |grant| self.grants.get(grant).map(|g| g.request);
        match event {
            Event::RequestMade(made) => Some(made.request),
            Event::LevelStarted { request, .. }
            | Event::Voted { request, .. }
            | Event::Retracted { request, .. }
            | Event::RequestApproved { request, .. }
            | Event::RequestDisapproved { request, .. }
            | Event::RequestCanceled { request }
            | Event::RequestExpired { request, .. }
            | Event::RequestRevoked { request, .. }
            | Event::Escalated { request, .. }
            | Event::LevelBlocked { request, .. }
            | Event::LevelFreed { request, .. }
            | Event::EmergencyConfirmed { request, .. }
            | Event::EmergencyStopped { request, .. }
            | Event::Reviewed { request, .. }
            | Event::Noted(
                Note::NotificationSent { request, .. }
                | Note::NotificationFailed { request, .. }
                | Note::RecordingErased { request, .. },
            ) => Some(*request),
            Event::GrantEdited { grant, .. }
            | Event::GrantEnded { grant, .. }
            | Event::SessionOpened { grant, .. }
            | Event::Used { grant, .. }
            | Event::Ran { grant, .. }
            | Event::PlanUsed { grant, .. }
            | Event::PlanRan { grant, .. }
            | Event::Noted(Note::TranscriptRead { under: Some(grant), .. }) => of_grant(grant),
            Event::SessionClosed { session, .. } => self.sessions.get(session).and_then(|s| of_grant(&s.grant)),
            Event::Noted(Note::Alerted { alert, .. }) => {
                self.sessions.get(&alert.session).and_then(|s| of_grant(&s.grant))
            }
            Event::PolicyApplied { .. }
            | Event::DirectoryApplied { .. }
            | Event::Delegated { .. }
            | Event::DelegationEnded { .. }
            | Event::LinkMade { .. }
            | Event::Noted(_) => None,
        }
    }
}

fn is_over<'s>(request: &Request, grant: Option<&Grant>, mut sessions: impl Iterator<Item = &'s Session>) -> bool {
    let reported =
        |g: &Grant| g.used_in.is_some() == g.outcome.is_some() && g.steps.values().all(|used| used.outcome.is_some());
    let ended = |g: &Grant| g.has_ended() && reported(g);
    let closed = sessions.all(|s| s.closed.is_some()) || planted::is(Fault::ReleasedTooEarly);
    request.status != Status::Pending && grant.is_none_or(ended) && closed && request.debt().is_empty()
}
