//! Endings: withdraw, revoke, surrender, expiry, and what a change of policy or directory ends.

use super::World;
use super::ask::check_period;
use super::who::is_approver;
use super::{emergency, level};
use crate::permission::Permission;
use crate::planted::{self, Fault};
use crate::refusal::Refusal;
use crate::roster::Roster;
use crate::rulebook::Rulebook;
use crate::ruling::{Asked, rule};
use crate::state::{Grant, GrantKind, GrantStage, Request, Status, same_target};
use countersign_journal::{
    Act, Commitment, Event, Expiry, GrantEnd, GrantId, Outcome, PersonId, RequestId, Terms, Window,
};
use std::collections::BTreeSet;

/// The requester takes a request back while pending, or approved but unused (R34).
pub(super) fn withdraw(world: &World<'_>, id: RequestId, by: PersonId) -> Result<Vec<Event>, Refusal> {
    let request = world.state.requests.get(&id).ok_or(Refusal::NoSuchRequest(id))?;
    if request.person.id != by {
        return Err(Refusal::NotYours(id));
    }
    match (request.status, world.state.grant_of(request)) {
        (Status::Pending, _) => Ok(vec![Event::RequestCanceled { request: id }]),
        _ if planted::is(Fault::EndsTwice) => Ok(vec![Event::RequestCanceled { request: id }]),
        (Status::Approved, Some(grant)) => match grant.stage {
            GrantStage::ToBeUsed => {
                let mut events = vec![Event::RequestCanceled { request: id }];
                events.extend(end_grant(world, grant, GrantEnd::Unused));
                Ok(events)
            }
            GrantStage::InUse => Err(Refusal::AlreadyUsed),
            GrantStage::Ended(_) => Err(Refusal::GrantOver),
        },
        (status, _) => Err(Refusal::NotPending { request: id, status }),
    }
}

/// Any one approver, or an administrator, ends an approved request (R35).
pub(super) fn revoke(
    world: &World<'_>,
    id: RequestId,
    by: PersonId,
    reason: Option<Commitment>,
) -> Result<Vec<Event>, Refusal> {
    let request = world.state.requests.get(&id).ok_or(Refusal::NoSuchRequest(id))?;
    if !may_revoke(world, request, by) {
        return Err(Refusal::MayNotRevoke);
    }
    let unended = world.state.grant_of(request).filter(|g| !g.has_ended());
    match (request.status, unended) {
        (Status::Approved, Some(grant)) => {
            let mut events = vec![Event::RequestRevoked { request: id, by, reason }];
            events.extend(end_grant(world, grant, GrantEnd::Revoked));
            Ok(events)
        }
        (Status::Approved, None) => Err(Refusal::GrantOver),
        (status, _) => Err(Refusal::NotRevocable { request: id, status }),
    }
}

/// An approver of any level, by a standing vote or by authority held now; or an administrator. Never for oneself:
/// the requester has surrender.
fn may_revoke(world: &World<'_>, request: &Request, by: PersonId) -> bool {
    by != request.person.id
        && world.directory.enabled(by).is_some()
        && (world.directory.may(by, Permission::ManageRequests) || is_approver(world, request, by))
}

/// Changes the terms of a grant, before or during its use (R37): narrower always, wider only up to what was signed. An
/// end that is past ends it now.
pub(super) fn edit(
    world: &World<'_>,
    id: RequestId,
    by: PersonId,
    terms: Terms,
    reason: Option<Commitment>,
) -> Result<Vec<Event>, Refusal> {
    let request = world.state.requests.get(&id).ok_or(Refusal::NoSuchRequest(id))?;
    if !may_revoke(world, request, by) {
        return Err(Refusal::MayNotRevoke);
    }
    match request.status {
        Status::Approved => {}
        Status::Pending => return Err(Refusal::NotGrantedYet(id)),
        status => return Err(Refusal::NotEditable { request: id, status }),
    }
    let grant = world.state.grant_of(request).filter(|g| !g.has_ended()).ok_or(Refusal::GrantOver)?;
    Window::new(terms.window.start, terms.window.end).ok_or(Refusal::NoPeriod)?;
    if terms.reset_after_use && matches!(request.act, Act::Watch(_)) {
        return Err(Refusal::NothingToReset);
    }
    if !terms.within(&grant.signed) && !planted::is(Fault::EditWidens) {
        return Err(Refusal::WiderThanSigned);
    }
    if grant.kind == GrantKind::Connect {
        let ruling = rule(&world.state.policy, &request.person, &request.target, Asked::Connect);
        check_period(world, &terms.window, &ruling.conditions)?;
    }
    let mut events = vec![Event::GrantEdited { grant: grant.id, by, terms, reason }];
    if terms.window.end <= world.now || (grant.stage == GrantStage::InUse && terms.window.start > world.now) {
        events.extend(end_grant(world, grant, GrantEnd::Expired));
    }
    Ok(events)
}

/// The holder gives a grant back early (R55).
pub(super) fn surrender(world: &World<'_>, id: GrantId, by: PersonId) -> Result<Vec<Event>, Refusal> {
    let grant = world.state.grants.get(&id).ok_or(Refusal::NoSuchGrant(id))?;
    if grant.person != by {
        return Err(Refusal::NotYours(grant.request));
    }
    match grant.stage {
        GrantStage::Ended(_) => Err(Refusal::GrantOver),
        GrantStage::ToBeUsed | GrantStage::InUse => Ok(end_grant(world, grant, GrantEnd::Surrendered)),
    }
}

/// The events that end a grant: what hangs on a connect grant ends with it.
pub(super) fn end_grant(world: &World<'_>, grant: &Grant, how: GrantEnd) -> Vec<Event> {
    let mut events = Vec::new();
    if grant.kind == GrantKind::Connect && !planted::is(Fault::EndedGrantReleases) {
        for request in world.state.waiting() {
            if matches!(&request.act, Act::Run(run) if run.grant == grant.id) {
                events.push(Event::RequestExpired { request: request.id, why: Expiry::AccessEnded });
            }
        }
        for hanging in world.state.unended() {
            if matches!(hanging.kind, GrantKind::Once { under, .. } if under == grant.id) {
                events.push(Event::GrantEnded { grant: hanging.id, how: GrantEnd::Unused });
            }
        }
    }
    events.push(Event::GrantEnded { grant: grant.id, how });
    events
}

/// What time has done: levels timed out, an emergency's countdown over, pending requests past their window, grants past
/// theirs. One emergency opens per call; the engine wants to be woken again at once for the next.
pub(super) fn tick(world: &World<'_>) -> Vec<Event> {
    let mut ended = Ended::default();
    let due = world.state.deadlines.due(world.now);
    let due: Vec<&Request> = due.iter().filter_map(|id| world.state.requests.get(id)).collect();
    let grants: BTreeSet<GrantId> =
        due.iter().filter(|r| r.status != Status::Pending).filter_map(|r| r.grant).collect();
    for grant in grants.iter().filter_map(|id| world.state.grants.get(id)) {
        let how = if grant.stage == GrantStage::ToBeUsed { GrantEnd::Unused } else { GrantEnd::Expired };
        ended.extend(end_grant(world, grant, how));
    }
    let mut opened = false;
    for request in due.into_iter().filter(|r| r.status == Status::Pending) {
        if ended.has_expired(request.id) {
            continue;
        }
        if world.now >= request.terms.window.end {
            ended.extend(vec![Event::RequestExpired { request: request.id, why: Expiry::Undecided }]);
            continue;
        }
        match emergency::countdown_over(world, request) {
            Some(Event::RequestApproved { .. }) if opened => {}
            Some(event) => {
                opened |= matches!(event, Event::RequestApproved { .. });
                ended.extend(vec![event]);
            }
            None => ended.extend(level::timed_out(world, request)),
        }
    }
    ended.events
}

/// What a new policy or directory ends: everything of people and targets that are gone or disabled, everything a rule
/// now denies or that was allowed and now needs more, waiting or granted, sessions and single statements alike, and every
/// other change, which started from what is no longer in force. Levels that lost their approvers escalate or are blocked.
pub(super) fn overruled(
    world: &World<'_>,
    policy: &Rulebook,
    directory: &Roster,
    under: Option<GrantId>,
) -> Vec<Event> {
    let mut ended = Ended::default();
    let first = under.and_then(|id| world.state.grants.get(&id)).map(|g| g.request);
    for request in world.state.waiting() {
        match no_longer(request, policy, directory, first) {
            None => ended.extend(level::rechecked(&World { directory, ..*world }, request)),
            Some(why) => ended.extend(vec![Event::RequestExpired { request: request.id, why }]),
        }
    }
    for grant in world.state.unended().filter(|g| Some(g.id) != under) {
        let request = world.state.requests.get(&grant.request);
        if request.is_none_or(|r| no_longer(r, policy, directory, first).is_some()) {
            ended.extend(end_grant(world, grant, GrantEnd::Overruled));
        }
    }
    ended.events
}

/// Why a request is not to be had any more under a policy and directory, which came in force by the request `first`; nothing
/// when it still is. Another change did not start from what is in force now, whatever the rules say of it.
fn no_longer(request: &Request, policy: &Rulebook, directory: &Roster, first: Option<RequestId>) -> Option<Expiry> {
    if matches!(request.act, Act::Administer(_)) {
        return Some(Expiry::Overtaken(first));
    }
    let Some(person) = directory.person_facts(request.person.id) else { return Some(Expiry::PersonGone) };
    let target = request.target_now(directory).filter(|t| same_target(t, &request.target));
    let Some(target) = target else { return Some(Expiry::TargetGone) };
    // What people approved stands, unless a rule denies it now; what was only allowed needs them now (R8, R20).
    let ruling = rule(policy, &person, &target, Asked::from(&request.act));
    let allowed = ruling.outcome <= request.ruling.outcome || planted::is(Fault::AllowedOutlivesItsRule);
    (ruling.outcome == Outcome::Deny || !allowed).then(|| Expiry::Denied(ruling.denying()))
}

/// Endings gathered from several causes, each at most once.
#[derive(Default)]
struct Ended {
    events: Vec<Event>,
}

impl Ended {
    fn has_expired(&self, id: RequestId) -> bool {
        self.events.iter().any(|e| matches!(e, Event::RequestExpired { request, .. } if *request == id))
    }

    fn extend(&mut self, more: Vec<Event>) {
        for event in more {
            let already = self.events.iter().any(|e| match (e, &event) {
                (Event::RequestExpired { request: a, .. }, Event::RequestExpired { request: b, .. }) => a == b,
                (Event::GrantEnded { grant: a, .. }, Event::GrantEnded { grant: b, .. }) => a == b,
                _ => false,
            });
            if !already {
                self.events.push(event);
            }
        }
    }
}
