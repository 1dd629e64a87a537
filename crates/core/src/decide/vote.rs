//! Deciding (R31–R33): one vote, counted once, on the level and epoch the approver saw.

use super::World;
use super::ask::check_period;
use super::level::{self, At};
use super::who::{check_evidence, is_one_of, standing};
use super::{emergency, ending};
use crate::input::Vote;
use crate::planted::{self, Fault};
use crate::refusal::Refusal;
use crate::ruling::{Asked, rule};
use crate::state::{Request, Status, Track, remaining};
use countersign_journal::{Act, Authority, Event, Level, PersonId, RequestId, Terms, Verdict, Window};
use std::collections::BTreeSet;

pub(super) fn vote(world: &World<'_>, vote: Vote) -> Result<Vec<Event>, Refusal> {
    let known = world.state.requests.get(&vote.request).ok_or(Refusal::NoSuchRequest(vote.request))?;
    if known.was_emergency() {
        return emergency::review(world, known, &vote);
    }
    let request = pending(world, known)?;
    let (track, level) = open_level(request, &vote)?;
    let authority = deciding(world, track).ok_or(Refusal::LevelMoved)?;
    let standing = standing(world, request, authority, vote.approver)?;
    let escalator = track.escalated.as_ref().and_then(|e| e.by).filter(|_| !planted::is(Fault::EscalatorDecides));
    if standing.of(vote.approver).any(|p| is_one_of(world, p, &escalator)) {
        return Err(Refusal::EscalatedByYou);
    }
    check_evidence(world, &vote, level.evidence)?;
    let terms = agreed_terms(world, request, &vote)?;
    let mut events = vec![Event::Voted {
        request: request.id,
        track: vote.position.track,
        level: vote.position.level,
        epoch: vote.position.epoch,
        approver: vote.approver,
        verdict: vote.verdict,
        terms: vote.terms.unwrap_or(request.terms),
        comment: vote.comment,
        evidence: vote.evidence,
        authority: authority.clone(),
        digest: request.digest,
        behalf: standing.behalf,
    }];
    let count = track.votes_on(vote.position.level, vote.verdict).count() + 1;
    match vote.verdict {
        Verdict::Reject if count >= level.rejections as usize => {
            events.push(Event::RequestDisapproved { request: request.id, by: vote.approver });
        }
        Verdict::Approve if count >= level.approvals as usize => {
            events.push(passed(world, request, track, &vote, terms));
        }
        Verdict::Approve | Verdict::Reject => {}
    }
    Ok(level::followed(world, request, events))
}

/// Who decides the open level: those it named when the request was made, or whom it escalated to (R20).
fn deciding<'a>(world: &World<'a>, track: &'a Track) -> Option<&'a Authority> {
    let today = track.workflow.filter(|_| planted::is(Fault::LevelsNotFrozen));
    let today = today.and_then(|id| world.state.policy.workflow(id)?.levels.get(track.at as usize));
    today.map(|level| &level.authority).or_else(|| track.authority())
}

/// A request that still waits; one whose window is over does not, also before the next Tick.
pub(super) fn pending<'a>(world: &World<'a>, request: &'a Request) -> Result<&'a Request, Refusal> {
    if request.status == Status::Pending && world.now < request.terms.window.end {
        return Ok(request);
    }
    let status = if request.status == Status::Pending { Status::Expired } else { request.status };
    Err(Refusal::NotPending { request: request.id, status })
}

/// The level the approver saw, if it is still the open one in the same epoch: the compare of compare-and-set.
fn open_level<'r>(request: &'r Request, vote: &Vote) -> Result<(&'r Track, &'r Level), Refusal> {
    let track = request.tracks.get(vote.position.track as usize).ok_or(Refusal::LevelMoved)?;
    let level = track.open().ok_or(Refusal::LevelMoved)?;
    let same = track.at == vote.position.level && track.epoch == vote.position.epoch;
    if same { Ok((track, level)) } else { Err(Refusal::LevelMoved) }
}

/// What everybody who approved has signed, this vote included: the intersection of all terms (R32).
fn agreed_terms(world: &World<'_>, request: &Request, vote: &Vote) -> Result<Terms, Refusal> {
    let signed = vote.terms.unwrap_or(request.terms);
    Window::new(signed.window.start, signed.window.end).ok_or(Refusal::NoPeriod)?;
    if vote.verdict == Verdict::Reject {
        return Ok(signed);
    }
    match request.act {
        Act::Connect => {
            let ruling = rule(&world.state.policy, &request.person, &request.target, Asked::Connect);
            check_period(world, &signed.window, &ruling.conditions)?;
        }
        Act::Run(_) | Act::Administer(_) | Act::Watch(_)
            if request.terms.window.intersection(&signed.window) != Some(signed.window) =>
        {
            return Err(Refusal::WiderThanAsked);
        }
        Act::Watch(_) if signed.reset_after_use => return Err(Refusal::NothingToReset),
        Act::Run(_) | Act::Administer(_) | Act::Watch(_) => {}
    }
    // Whatever is voted for, a reset after use that was asked for stays.
    let with_its_reset = Terms { window: signed.window, ..request.terms };
    let approvals = request.tracks.iter().flat_map(|t| &t.votes).filter(|v| v.verdict == Verdict::Approve);
    let mut all = approvals.map(|v| v.terms).chain([with_its_reset]);
    let common = all.try_fold(signed, |sum, terms| sum.intersection(&terms)).ok_or(Refusal::NoCommonPeriod)?;
    remaining(&common.window, world.now).map(|window| Terms { window, ..common }).ok_or(Refusal::NoPeriod)
}

/// What follows when a level has its approvals: the next level opens, or the request is approved once every track is
/// passed. A passed track stands on the level after its last, which nobody decides.
fn passed(world: &World<'_>, request: &Request, track: &Track, vote: &Vote, terms: Terms) -> Event {
    let (id, n, epoch) = (request.id, vote.position.track, vote.position.epoch);
    let at = At { request: id, track: n, level: vote.position.level + 1, epoch };
    if let Some(level) = track.levels.get(at.level as usize) {
        return level::started(world, at, level, request.about());
    }
    if (0..).zip(&request.tracks).all(|(other, t): (u32, _)| other == n || t.open().is_none()) {
        return Event::RequestApproved { request: id, grant: world.state.next_grant(), terms };
    }
    let nobody = BTreeSet::new;
    Event::LevelStarted {
        request: id,
        track: n,
        level: at.level,
        epoch,
        approvers: nobody(),
        informed: nobody(),
        followers: nobody(),
    }
}

/// Takes an approval back (R33). Before the last level the level is pending again under a new epoch and everything
/// after it is void; after approval it is a revoke.
pub(super) fn retract(world: &World<'_>, id: RequestId, by: PersonId) -> Result<Vec<Event>, Refusal> {
    world.directory.enabled(by).ok_or(Refusal::NobodyThere)?;
    let request = world.state.requests.get(&id).ok_or(Refusal::NoSuchRequest(id))?;
    let mine = (0..).zip(&request.tracks).find_map(|(n, track): (u32, &Track)| {
        track.votes.iter().find(|v| v.approver == by && v.verdict == Verdict::Approve).map(|v| (n, track, v.level))
    });
    let (n, track, level) = mine.ok_or(Refusal::NothingToRetract(id))?;
    match request.status {
        Status::Pending => {
            let epoch = track.epoch + 1;
            let again = track.levels.get(level as usize).ok_or(Refusal::LevelMoved)?;
            let at = At { request: id, track: n, level, epoch };
            let opened = level::started(world, at, again, request.about());
            let events = vec![Event::Retracted { request: id, track: n, level, epoch, by }, opened];
            Ok(level::followed(world, request, events))
        }
        Status::Approved => ending::revoke(world, id, by, None),
        status => Err(Refusal::NotPending { request: id, status }),
    }
}
