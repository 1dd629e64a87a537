//! Emergency access (R39): in at once, or after a countdown any approver can stop; each level then reviews it. It skips
//! approval and nothing else: rules that deny, hours, and exclusive use hold as ever.

use super::World;
use super::ask::check_period;
use super::ending::end_grant;
use super::vote::pending;
use super::who::{able, check_evidence, is_approver, standing};
use crate::input::{EmergencyCall, Vote};
use crate::permission::Permission;
use crate::planted::{self, Fault};
use crate::refusal::Refusal;
use crate::ruling::{Asked, rule};
use crate::state::{Request, Status, same_target};
use countersign_journal::{
    Commitment, Event, Evidence, Expiry, GrantEnd, Outcome, PersonId, RequestId, Seconds, Terms, Verdict, Window,
};
use std::collections::BTreeSet;

/// How long after a no the same person cannot have the same by emergency.
const AFTER_REFUSAL_S: Seconds = 24 * 3600;

/// The requester declares an emergency on a request that waits.
pub(super) fn declare(world: &World<'_>, call: &EmergencyCall) -> Result<Vec<Event>, Refusal> {
    let known = world.state.requests.get(&call.request).ok_or(Refusal::NoSuchRequest(call.request))?;
    if known.person.id != call.by {
        return Err(Refusal::NotYours(call.request));
    }
    let request = pending(world, known)?;
    if request.emergency.is_some() {
        return Err(Refusal::EmergencyDeclared);
    }
    let countdown_s = allowed(world, request)?;
    if refused_lately(world, request) {
        return Err(Refusal::RefusedLately);
    }
    if call.evidence < Evidence::SecondFactor {
        return Err(Refusal::EvidenceTooWeak);
    }
    let reason = call.reason.ok_or(Refusal::ReasonTooShort { least: 1, found: 0 })?;
    let opens_at = world.now.plus(countdown_s);
    let levels = request.tracks.iter().flat_map(|t| &t.levels);
    let approvers: BTreeSet<PersonId> = levels.flat_map(|l| able(world, &l.authority, request.about())).collect();
    let mut events =
        vec![Event::EmergencyConfirmed { request: request.id, reason, evidence: call.evidence, opens_at, approvers }];
    if countdown_s == 0 {
        events.push(opened(world, request)?);
    }
    Ok(events)
}

/// The countdown, if every approve rule that speaks now, and spoke when the request was made, lets emergencies through.
fn allowed(world: &World<'_>, request: &Request) -> Result<Seconds, Refusal> {
    let then = request.ruling.emergency;
    then.ok_or(Refusal::NoEmergencyHere)?;
    let person = world.directory.person_facts(request.person.id).ok_or(Refusal::NobodyThere)?;
    let target = world.directory.target_facts(request.target.account, Some(&request.target.database));
    let target = target.filter(|t| same_target(t, &request.target)).ok_or(Refusal::NoSuchTarget)?;
    let now = rule(&world.state.policy, &person, &target, Asked::from(&request.act));
    let still = now.outcome != Outcome::Approve || now.emergency.is_some();
    let then = then.filter(|_| now.outcome != Outcome::Deny && still).ok_or(Refusal::NoEmergencyHere)?;
    Ok(now.emergency.map_or(then.countdown_s, |e| e.countdown_s.max(then.countdown_s)))
}

/// Whether approvers said no lately to the same person on the same account for the same act, whichever statement or
/// database it was: a request was disapproved, an emergency stopped, rejected in its review, or taken away.
fn refused_lately(world: &World<'_>, request: &Request) -> bool {
    let last = request.access().and_then(|access| world.state.noes.get(&access));
    last.is_some_and(|at| world.now.seconds_since(*at) < AFTER_REFUSAL_S)
}

/// The grant of an emergency: from now on, for as long as was asked.
fn opened(world: &World<'_>, request: &Request) -> Result<Event, Refusal> {
    let asked = request.terms.window;
    let end = if asked.start > world.now { world.now.plus(asked.seconds()) } else { asked.end };
    let window = Window::new(world.now, end).ok_or(Refusal::NoPeriod)?;
    check_period(world, &window, &request.ruling.conditions)?;
    let terms = Terms { window, ..request.terms };
    Ok(Event::RequestApproved { request: request.id, grant: world.state.next_grant(), terms })
}

/// Opens an emergency whose countdown is over; what rules no longer allow ends instead.
pub(super) fn countdown_over(world: &World<'_>, request: &Request) -> Option<Event> {
    request.emergency.as_ref().filter(|e| e.stopped_by.is_none() && world.now >= e.opens_at)?;
    let open = allowed(world, request).and_then(|_| opened(world, request));
    Some(open.unwrap_or(Event::RequestExpired { request: request.id, why: Expiry::NotOpened }))
}

/// Any approver of any level stops a countdown; the request goes on waiting for its levels.
pub(super) fn stop(
    world: &World<'_>,
    id: RequestId,
    by: PersonId,
    comment: Option<Commitment>,
) -> Result<Vec<Event>, Refusal> {
    let request = world.state.requests.get(&id).ok_or(Refusal::NoSuchRequest(id))?;
    world.directory.enabled(by).ok_or(Refusal::NobodyThere)?;
    if by == request.person.id
        || !(is_approver(world, request, by) || world.directory.may(by, Permission::ManageRequests))
    {
        return Err(Refusal::NotAnApprover(id));
    }
    let counting = request.status == Status::Pending
        && request.emergency.as_ref().is_some_and(|e| e.stopped_by.is_none() && world.now < e.opens_at);
    if counting { Ok(vec![Event::EmergencyStopped { request: id, by, comment }]) } else { Err(Refusal::NothingToStop) }
}

/// An answer on a level of an emergency that was opened: a review. Rejections that complete a level revoke what is still
/// live; one that comes too late stays in the record.
pub(super) fn review(world: &World<'_>, request: &Request, vote: &Vote) -> Result<Vec<Event>, Refusal> {
    let (track, level) = (vote.position.track, vote.position.level);
    let plan = request.tracks.get(track as usize).and_then(|t| t.levels.get(level as usize));
    let plan = plan.filter(|_| !request.reviewed(track, level)).ok_or(Refusal::LevelMoved)?;
    let standing = standing(world, request, &plan.authority, vote.approver)?;
    check_evidence(world, vote, plan.evidence)?;
    let mut events = vec![Event::Reviewed {
        request: request.id,
        track,
        level,
        approver: vote.approver,
        verdict: vote.verdict,
        comment: vote.comment,
        evidence: vote.evidence,
        authority: plan.authority.clone(),
        digest: request.digest,
        behalf: standing.behalf,
    }];
    let before = request.reviews.iter().filter(|r| (r.track, r.level, r.verdict) == (track, level, Verdict::Reject));
    let rejected = vote.verdict == Verdict::Reject
        && before.count() + 1 >= plan.rejections as usize
        && !planted::is(Fault::RejectedReviewChangesNothing);
    let unended = world.state.grant_of(request).filter(|g| !g.has_ended());
    if let Some(grant) = unended.filter(|_| rejected && request.status == Status::Approved) {
        events.push(Event::RequestRevoked { request: request.id, by: vote.approver, reason: vote.comment });
        events.extend(end_grant(world, grant, GrantEnd::Revoked));
    }
    Ok(events)
}
