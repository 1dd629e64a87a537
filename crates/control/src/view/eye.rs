//! What one actor may see and do with a request at one moment, from the same answers the engine decides by.

use super::{May, PositionView, Scope};
use crate::ask::Actor;
use countersign_core::Permission;
use countersign_core::{Grant, GrantStage, Request, Roster, State, Status, approvers, can_escalate, open_for};
use countersign_journal::{Timestamp, Verdict};

/// One actor looking at the state of one moment.
#[derive(Clone, Copy)]
pub(crate) struct Eye<'a> {
    pub(crate) state: &'a State,
    pub(crate) directory: &'a Roster,
    pub(crate) now: Timestamp,
    pub(crate) actor: &'a Actor,
}

impl Eye<'_> {
    pub(crate) fn in_scope(&self, request: &Request, scope: Scope) -> bool {
        match scope {
            Scope::All => true,
            Scope::Mine => request.person.id == self.actor.person,
            Scope::ForMe => self.position(request).is_some(),
            Scope::MyDecisions => self.is_approver(request),
        }
    }

    /// The requester, whoever decides or decided it, those who were told of alerts in it, and those who may read everything.
    pub(crate) fn may_see(&self, request: &Request) -> bool {
        let person = self.actor.person;
        request.person.id == person || self.lists() || request.alerted.contains(&person) || self.is_approver(request)
    }

    /// Whether the actor sees the sessions under the grant of a request.
    pub(crate) fn may_see_sessions(&self, request: &Request) -> bool {
        self.actor.may(Permission::ListSessions) || self.may_see(request)
    }

    /// Whether the actor sees those of every request.
    pub(crate) fn sees_every_session(&self) -> bool {
        self.actor.may(Permission::ListSessions) || self.lists()
    }

    /// Whether the actor sees everybody's: whoever may act on what others asked for must see it.
    fn lists(&self) -> bool {
        self.actor.may(Permission::ListRequests) || self.actor.may(Permission::ManageRequests)
    }

    /// Whether the actor voted on it, was told of it, or could decide an opened level. An emergency opens all of them.
    fn is_approver(&self, request: &Request) -> bool {
        let person = self.actor.person;
        let could =
            |authority| approvers(self.state, self.directory, self.now, authority, request.about()).contains(&person);
        request.person.id != person
            && request.tracks.iter().any(|t| {
                let opened = if request.emergency.is_some() { t.levels.len() } else { t.at as usize + 1 };
                t.votes.iter().any(|v| v.approver == person)
                    || t.told.contains(&person)
                    || t.escalated.as_ref().is_some_and(|e| could(&e.to))
                    || t.levels.iter().take(opened).any(|l| could(&l.authority))
            })
    }

    /// The level the actor can decide or review now.
    pub(crate) fn position(&self, request: &Request) -> Option<PositionView> {
        open_for(self.state, self.directory, self.now, request, self.actor.person).map(PositionView::from)
    }

    pub(crate) fn may(&self, request: &Request, grant: Option<&Grant>) -> May {
        let mine = request.person.id == self.actor.person;
        let manages = self.actor.may(Permission::ManageRequests);
        let live = grant.is_some_and(|g| !g.has_ended());
        let unused = grant.is_some_and(|g| g.stage == GrantStage::ToBeUsed);
        let approved_it = request
            .tracks
            .iter()
            .flat_map(|t| &t.votes)
            .any(|v| v.approver == self.actor.person && v.verdict == Verdict::Approve);
        let pending = request.status == Status::Pending;
        let active = request.status == Status::Approved && live;
        let others = !mine && (manages || self.is_approver(request));
        let counting = request.emergency.as_ref().is_some_and(|e| e.stopped_by.is_none());
        let position = self.position(request).is_some();
        May {
            decide: pending && position,
            review: !pending && position,
            withdraw: mine && (pending || (request.status == Status::Approved && unused)),
            retract: approved_it && (pending || active),
            revoke: others && active,
            edit: others && active,
            surrender: mine && active && !unused,
            escalate: !mine && pending && manages && request.tracks.iter().any(can_escalate),
            emergency: mine && pending && request.ruling.emergency.is_some() && request.emergency.is_none(),
            stop: others && pending && counting,
        }
    }
}
