//! Deciding (R31–R33): one vote, counted once, on the level and epoch the approver saw.

use super::World;
use super::ask::{able, check_duration};
use crate::input::Vote;
use crate::planted::{self, Fault};
use crate::refusal::Refusal;
use crate::ruling::{Asked, rule};
use crate::state::{Request, Status, Track, remaining};
use countersign_journal::{Act, Event, Level, PersonId, RequestId, Terms, Verdict, Window};

pub(super) fn vote(world: &World<'_>, vote: Vote) -> Result<Vec<Event>, Refusal> {
    let request = pending(world, vote.request)?;
    let (track, level) = open_level(request, &vote)?;
    entitled(world, request, level, &vote)?;
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
        authority: level.authority.clone(),
        digest: request.digest,
    }];
    let count = track.votes_on(vote.position.level, vote.verdict).count() + 1;
    match vote.verdict {
        Verdict::Reject if count >= level.rejections as usize => {
            events.push(Event::RequestDisapproved { request: request.id, by: vote.approver });
        }
        Verdict::Approve if count >= level.approvals as usize => {
            events.push(passed(world, request, track, &vote, terms)?);
        }
        Verdict::Approve | Verdict::Reject => {}
    }
    Ok(events)
}

fn pending<'a>(world: &World<'a>, id: RequestId) -> Result<&'a Request, Refusal> {
    let request = world.state.requests.get(&id).ok_or(Refusal::NoSuchRequest(id))?;
    if request.status == Status::Pending && world.now < request.terms.window.end {
        return Ok(request);
    }
    let status = if request.status == Status::Pending { Status::Expired } else { request.status };
    Err(Refusal::NotPending { request: id, status })
}

/// The level the approver saw, if it is still the open one in the same epoch: the compare of compare-and-set.
fn open_level<'r>(request: &'r Request, vote: &Vote) -> Result<(&'r Track, &'r Level), Refusal> {
    let track = request.tracks.get(vote.position.track as usize).ok_or(Refusal::LevelMoved)?;
    let level = track.open().ok_or(Refusal::LevelMoved)?;
    let same = track.at == vote.position.level && track.epoch == vote.position.epoch;
    if same { Ok((track, level)) } else { Err(Refusal::LevelMoved) }
}

/// Members are resolved now, not when the request was made: a leaver cannot decide, a joiner can.
fn entitled(world: &World<'_>, request: &Request, level: &Level, vote: &Vote) -> Result<(), Refusal> {
    if world.directory.enabled(vote.approver).is_none() {
        return Err(Refusal::NobodyThere);
    }
    if vote.approver == request.person.id && !planted::is(Fault::OwnVoteCounts) {
        return Err(Refusal::OwnRequest);
    }
    if !able(world, &level.authority, request.person.id).contains(&vote.approver) {
        return Err(Refusal::NotAnApprover(request.id));
    }
    let counted = request.tracks.iter().flat_map(|t| &t.votes).any(|v| v.approver == vote.approver);
    if counted && !planted::is(Fault::OnePersonCountsTwice) {
        return Err(Refusal::AlreadyCounted);
    }
    if vote.evidence < level.evidence {
        return Err(Refusal::EvidenceTooWeak);
    }
    Ok(())
}

/// What everybody who approved has signed, this vote included: the intersection of all terms (R32).
fn agreed_terms(world: &World<'_>, request: &Request, vote: &Vote) -> Result<Terms, Refusal> {
    let signed = vote.terms.unwrap_or(request.terms).window;
    let signed = Window::new(signed.start, signed.end).ok_or(Refusal::NoPeriod)?;
    if vote.verdict == Verdict::Reject {
        return Ok(Terms { window: signed });
    }
    match request.act {
        Act::Connect => {
            let ruling = rule(&world.state.policy, &request.person, &request.target, Asked::Connect);
            check_duration(world, &signed, &ruling)?;
        }
        Act::Run(_) if request.terms.window.intersection(&signed) != Some(signed) => {
            return Err(Refusal::WiderThanAsked);
        }
        Act::Run(_) => {}
    }
    let approvals = request.tracks.iter().flat_map(|t| &t.votes).filter(|v| v.verdict == Verdict::Approve);
    let common = approvals.map(|v| v.terms.window).try_fold(signed, |sum, w| sum.intersection(&w));
    let common = common.ok_or(Refusal::NoCommonPeriod)?;
    remaining(&common, world.now).map(|window| Terms { window }).ok_or(Refusal::NoPeriod)
}

/// What follows when a level has its approvals: the next level opens, or the request is approved. A later level that
/// nobody can decide opens all the same, and blocks: it is never skipped.
fn passed(world: &World<'_>, request: &Request, track: &Track, vote: &Vote, terms: Terms) -> Result<Event, Refusal> {
    let next = vote.position.level + 1;
    if let Some(level) = track.levels.get(next as usize) {
        let approvers = able(world, &level.authority, request.person.id);
        let (request, track, epoch) = (request.id, vote.position.track, vote.position.epoch);
        return Ok(Event::LevelStarted { request, track, level: next, epoch, approvers });
    }
    let others_passed =
        (0..).zip(&request.tracks).all(|(n, other): (u32, _)| n == vote.position.track || other.open().is_none());
    if others_passed {
        Ok(Event::RequestApproved { request: request.id, grant: world.state.next_grant(), terms })
    } else {
        let (request, track, epoch) = (request.id, vote.position.track, vote.position.epoch);
        Ok(Event::LevelStarted { request, track, level: next, epoch, approvers: [].into() })
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
            let authority = track.levels.get(level as usize).map(|l| &l.authority).ok_or(Refusal::LevelMoved)?;
            let approvers = able(world, authority, request.person.id);
            Ok(vec![
                Event::Retracted { request: id, track: n, level, epoch, by },
                Event::LevelStarted { request: id, track: n, level, epoch, approvers },
            ])
        }
        Status::Approved => super::ending::revoke(world, id, by, None),
        status => Err(Refusal::NotPending { request: id, status }),
    }
}
