//! Everything read so far, and the way each entry takes through it.

use crate::Report;
use crate::administer::InForce;
use crate::contact::Sides;
use crate::fault::Fault;
use crate::request::Request;
use crate::special::Lent;
use crate::usage::{Grant, Session};
use countersign_journal::{
    AccountId, DelegationId, Entry, Event, GrantEnd, GrantId, Head, Note, PersonId, RequestId, SessionId, Timestamp,
};
use std::collections::{BTreeMap, BTreeSet};

/// What is wrong with an entry, without its number.
pub(crate) type Wrong = String;

/// The fold: what the entries read so far make true.
#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) requests: BTreeMap<RequestId, Request>,
    pub(crate) grants: BTreeMap<GrantId, Grant>,
    pub(crate) sessions: BTreeMap<SessionId, Session>,
    /// Sessions that are open.
    pub(crate) open: BTreeSet<SessionId>,
    /// Requests that are pending or whose one use is still to come, by the connect grant they hang on.
    pub(crate) hanging: BTreeMap<GrantId, BTreeSet<RequestId>>,
    /// What was released in each session and has no outcome yet; the number is that of a plan's statement.
    pub(crate) running: BTreeMap<SessionId, BTreeSet<(GrantId, Option<u32>)>>,
    /// Accounts in exclusive use.
    pub(crate) held: BTreeMap<AccountId, GrantId>,
    /// Who may act as whom, because they could open the link with which the password was set.
    pub(crate) links: BTreeMap<PersonId, BTreeSet<PersonId>>,
    /// The same for links that were made and not opened yet.
    pub(crate) unopened: BTreeMap<PersonId, BTreeSet<PersonId>>,
    /// Rights to decide that were lent.
    pub(crate) lent: BTreeMap<DelegationId, Lent>,
    /// Who is a person and who a contact.
    pub(crate) sides: Sides,
    /// Policy and directory.
    pub(crate) in_force: InForce,
    /// What the next entry must say.
    pub(crate) next: Option<Next>,
    /// When people, votes or an open level last changed: who is left to decide may change at no other moment.
    pub(crate) changed_at: Timestamp,
    last_seq: u64,
    decisions: u64,
    released: u64,
}

/// What an entry makes the one after it say.
#[derive(Clone, Copy)]
pub(crate) enum Next {
    /// A use ends its grant.
    EndUse(GrantId),
    /// A rejected review takes the access away.
    Revoke(RequestId),
    /// A change of policy or directory uses its grant up.
    EndChange(GrantId),
}

impl Next {
    fn is(self, event: &Event) -> bool {
        match (self, event) {
            (Next::EndUse(used), Event::GrantEnded { grant, how: GrantEnd::UsedUp }) => *grant == used,
            (Next::Revoke(rejected), Event::RequestRevoked { request, .. }) => *request == rejected,
            (Next::EndChange(used), Event::PolicyApplied { under, .. }) => *under == Some(used),
            (Next::EndChange(used), Event::GrantEnded { grant, how: GrantEnd::UsedUp }) => *grant == used,
            _ => false,
        }
    }

    fn missing(self) -> Wrong {
        match self {
            Next::EndUse(grant) | Next::EndChange(grant) => {
                format!("`{grant}` was used and the next entry does not end it, so that it could be used again")
            }
            Next::Revoke(request) => {
                format!("the emergency of `{request}` was rejected and the next entry does not revoke it")
            }
        }
    }
}

impl Ledger {
    /// Judges the next entry by what came before, then takes it in.
    pub(crate) fn read(&mut self, entry: Entry) -> Result<(), Fault> {
        let seq = entry.seq;
        if let Some(next) = self.next.take() {
            let before = seq.saturating_sub(1);
            ensure(next.is(&entry.event), || next.missing()).map_err(|what| Fault::Meaning { seq: before, what })?;
        }
        self.last_seq = seq;
        if let Event::Used { grant, .. } = entry.event {
            self.next = Some(Next::EndUse(grant));
        }
        self.fold(entry).map_err(|what| Fault::Meaning { seq, what })
    }

    /// The journal has ended: nothing may be half done.
    pub(crate) fn ended(&self) -> Result<(), Fault> {
        match self.next {
            Some(next) => Err(Fault::Meaning { seq: self.last_seq, what: next.missing() }),
            None => Ok(()),
        }
    }

    /// What was read, up to `head`.
    pub(crate) fn report(&self, head: Head, expected: Option<Head>) -> Report {
        Report {
            head,
            entries: head.len,
            requests: self.requests.len() as u64,
            decisions: self.decisions,
            released: self.released,
            sessions: self.sessions.len() as u64,
            sessions_open: self.open.len() as u64,
            unreported: self.running.values().map(|all| all.len() as u64).sum(),
            expected,
        }
    }

    fn fold(&mut self, entry: Entry) -> Result<(), Wrong> {
        let at = entry.at;
        if matches!(
            entry.event,
            Event::DirectoryApplied { .. }
                | Event::LinkMade { .. }
                | Event::Noted(Note::PasswordSet { .. })
                | Event::PolicyApplied { .. }
                | Event::Voted { .. }
                | Event::Retracted { .. }
                | Event::LevelStarted { .. }
        ) {
            self.changed_at = at;
        }
        self.sides.read(&entry.event)?;
        match entry.event {
            event @ (Event::PolicyApplied { .. } | Event::DirectoryApplied { .. }) => self.applied(at, event),
            Event::RequestMade(made) => self.request_made(at, made),
            event @ Event::LevelStarted { .. } => self.level_started(at, &event),
            event @ Event::Voted { .. } => {
                self.decisions += 1;
                self.voted(at, &event)
            }
            event @ Event::Escalated { .. } => self.escalated(at, &event),
            Event::LevelBlocked { request, track, level } | Event::LevelFreed { request, track, level, .. } => {
                self.is_open(request, track, level)
            }
            event @ Event::EmergencyConfirmed { .. } => self.emergency(at, &event),
            Event::EmergencyStopped { request, by, .. } => self.emergency_stopped(at, request, by),
            event @ Event::Reviewed { .. } => {
                self.decisions += 1;
                self.reviewed(at, &event)
            }
            Event::Delegated { delegation, from, to, window } => self.delegated(at, delegation, from, to, window),
            Event::LinkMade { person, by } => {
                self.link_made(person, by);
                Ok(())
            }
            Event::DelegationEnded { delegation, .. } => self.delegation_ended(at, delegation),
            Event::GrantEdited { grant, by, terms, .. } => self.edited(grant, by, terms),
            event @ Event::Retracted { .. } => self.retracted(&event),
            Event::RequestApproved { request, grant, terms } => self.approved(at, request, grant, terms),
            Event::RequestDisapproved { request, by } => self.disapproved(at, request, by),
            Event::RequestCanceled { request } => self.canceled(request),
            Event::RequestExpired { request, .. } => self.expired(request),
            Event::RequestRevoked { request, by, .. } => self.revoked(at, request, by),
            Event::GrantEnded { grant, how } => self.grant_ended(grant, how),
            Event::SessionOpened { session, grant, first_use, .. } => self.opened(at, session, grant, first_use),
            Event::SessionClosed { session, .. } => self.closed(at, session),
            Event::Used { grant, session, attempt } => {
                self.released += 1;
                self.used(at, grant, session, attempt)
            }
            Event::Ran { grant, .. } => self.ran(grant),
            event @ Event::PlanUsed { .. } => {
                self.released += 1;
                self.plan_used(at, &event)
            }
            Event::PlanRan { grant, step, outcome } => self.plan_ran(grant, step, &outcome),
            Event::Noted(note) => self.noted(at, note),
        }
    }

    /// Notes change nothing but these.
    fn noted(&mut self, at: Timestamp, note: Note) -> Result<(), Wrong> {
        match note {
            Note::PasswordSet { person } => {
                self.password_set(person);
                Ok(())
            }
            Note::TranscriptRead { session, by, under, typed, exported } => {
                self.exported(session, by, typed, exported)?;
                self.watched(at, session, by, under, typed)
            }
            Note::Alerted { alert, told, last } => self.alerted(&alert, &told, last),
            Note::RecordingErased { session, request, kept_days } => {
                self.recording_erased(at, session, request, kept_days)
            }
            _ => Ok(()),
        }
    }
}

/// Says what is wrong unless it holds.
pub(crate) fn ensure(holds: bool, wrong: impl FnOnce() -> Wrong) -> Result<(), Wrong> {
    if holds { Ok(()) } else { Err(wrong()) }
}

/// Numbers are given from 1, without gaps and never twice.
pub(crate) fn ensure_next<Id: Copy + std::fmt::Display, V>(
    known: &BTreeMap<Id, V>,
    id: Id,
    number: u64,
) -> Result<(), Wrong> {
    let next = known.len() as u64 + 1;
    ensure(number == next, || format!("`{id}` is not the next of its kind, which is number {next}"))
}
