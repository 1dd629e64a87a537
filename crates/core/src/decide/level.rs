//! Levels in time: opened, escalated, blocked, freed, timed out (R15–R19). A level nobody can decide is never skipped.

use super::World;
use super::who::{able, holders, is_one_of, votes_left};
use crate::apply;
use crate::directory::About;
use crate::input::Position;
use crate::permission::Permission;
use crate::planted::{self, Fault};
use crate::refusal::Refusal;
use crate::state::{Request, State, Status, Track};
use countersign_journal::{
    Authority, Event, Evidence, Expiry, Level, NoticeScope, PersonId, RequestId, TimeoutAction, TrackPlan, Verdict,
};
use std::collections::BTreeSet;

/// Which level of which track, under which epoch.
#[derive(Clone, Copy)]
pub(super) struct At {
    pub(super) request: RequestId,
    pub(super) track: u32,
    pub(super) level: u32,
    pub(super) epoch: u32,
}

/// The event that opens a level, with whom it concerns at this moment.
pub(super) fn started(world: &World<'_>, at: At, level: &Level, about: About) -> Event {
    let hears = |wanted: NoticeScope| {
        let groups = level.notify.iter().filter(|n| n.scope == wanted || n.scope == NoticeScope::All);
        let members = groups.flat_map(|n| world.directory.members(n.group));
        members.filter(|p| world.directory.enabled(*p).is_some()).collect::<BTreeSet<PersonId>>()
    };
    let approvers = able(world, &level.authority, about);
    let informed = &hears(NoticeScope::Approver) - &approvers;
    let followers = hears(NoticeScope::Requester);
    let At { request, track, level, epoch } = at;
    Event::LevelStarted { request, track, level, epoch, approvers, informed, followers }
}

/// Opens level 0 of a track; refused when too few besides the requester could decide it, or a rule beside the one that
/// names contacts demands of them what no link is.
pub(super) fn first(world: &World<'_>, at: At, plan: &TrackPlan, about: About) -> Result<Event, Refusal> {
    let nobody = |what: &str| Refusal::NobodyCanDecide { what: what.to_owned() };
    let level = plan.levels.first().ok_or_else(|| nobody("the rule names no workflow"))?;
    let asks_too_much = |l: &Level| matches!(l.authority, Authority::Contacts(_)) && l.evidence > Evidence::Link;
    if plan.levels.iter().any(asks_too_much) {
        return Err(nobody("a rule demands a second factor where contacts decide, who have none"));
    }
    let holders = holders(world, &level.authority, about).len();
    match holders {
        0 => Err(nobody("level 1 has no approver besides the requester")),
        n if n < level.approvals as usize => Err(nobody("level 1 has fewer approvers than it requires")),
        _ => Ok(started(world, at, level, about)),
    }
}

/// The escalation to `to`, if that is anybody else and enough of them could still decide.
fn others(
    world: &World<'_>,
    request: &Request,
    n: u32,
    track: &Track,
    to: Authority,
    by: Option<PersonId>,
) -> Option<Event> {
    let level = track.open()?;
    let counted: BTreeSet<PersonId> = request.counted().chain(by).collect();
    let holders = holders(world, &to, request.about());
    let free = holders.iter().filter(|p| !is_one_of(world, **p, &counted)).count();
    let enough = free >= missing(track, level) as usize || planted::is(Fault::EscalatesToNobody);
    if Some(&to) == track.authority() || !enough {
        return None;
    }
    let mut approvers = able(world, &to, request.about());
    approvers.retain(|p| Some(*p) != by);
    let (level, epoch) = (track.at, track.epoch + 1);
    Some(Event::Escalated { request: request.id, track: n, level, epoch, to, approvers, by })
}

/// What time has done to the open levels of a pending request: escalations; or its end, when there is nothing to escalate
/// to, nobody there, or it was escalated before.
pub(super) fn timed_out(world: &World<'_>, request: &Request) -> Vec<Event> {
    let mut events = Vec::new();
    for (n, track) in (0..).zip(&request.tracks) {
        if track.due().is_none_or(|due| world.now < due) {
            continue;
        }
        let to = track.open().and_then(|level| target(track, level));
        match to.and_then(|to| others(world, request, n, track, to, None)) {
            Some(escalated) => events.push(escalated),
            None => return vec![Event::RequestExpired { request: request.id, why: Expiry::Undecided }],
        }
    }
    events
}

/// An administrator escalates by hand, where the level has somebody to escalate to (R17). Whoever does cannot decide it.
pub(super) fn by_hand(
    world: &World<'_>,
    id: RequestId,
    position: Position,
    by: PersonId,
) -> Result<Vec<Event>, Refusal> {
    let request = world.state.requests.get(&id).ok_or(Refusal::NoSuchRequest(id))?;
    if !world.directory.may(by, Permission::ManageRequests) {
        return Err(Refusal::MayNotEscalate);
    }
    if by == request.person.id {
        return Err(Refusal::OwnRequest);
    }
    if request.status != Status::Pending {
        return Err(Refusal::NotPending { request: id, status: request.status });
    }
    let track = request.tracks.get(position.track as usize).ok_or(Refusal::LevelMoved)?;
    let open = track.open().filter(|_| (track.at, track.epoch) == (position.level, position.epoch));
    let level = open.ok_or(Refusal::LevelMoved)?;
    let to = target(track, level).ok_or(Refusal::NothingToEscalateTo)?;
    let escalated = others(world, request, position.track, track, to, Some(by));
    escalated.map(|e| vec![e]).ok_or_else(|| Refusal::NobodyCanDecide { what: "the escalation group".into() })
}

/// The events of a decision on one request, and what follows for its open levels from who counts then.
pub(super) fn followed(world: &World<'_>, request: &Request, mut events: Vec<Event>) -> Vec<Event> {
    let mut alone = State { requests: [(request.id, request.clone())].into(), ..State::default() };
    for event in &events {
        apply(&mut alone, world.now, event);
    }
    let after = alone.requests.get(&request.id).filter(|r| r.status == Status::Pending);
    events.extend(after.map(|r| rechecked(world, r)).unwrap_or_default());
    events
}

/// What follows for the open levels of a pending request from who can decide them now. One that too few can decide
/// escalates; has it nobody left to escalate to, the request expires; has it no escalation at all, it is blocked. A blocked
/// one may be free again.
pub(super) fn rechecked(world: &World<'_>, request: &Request) -> Vec<Event> {
    let mut events = Vec::new();
    for (n, track) in (0..).zip(&request.tracks) {
        let (Some(level), Some(authority)) = (track.open(), track.authority()) else { continue };
        let enough = votes_left(world, request, track, authority) >= missing(track, level) as usize;
        match (enough || planted::is(Fault::NobodyLeftRaisesNoAlarm), track.blocked) {
            (true, false) | (false, true) => {}
            (true, true) => {
                let approvers = able(world, authority, request.about());
                events.push(Event::LevelFreed { request: request.id, track: n, level: track.at, approvers });
            }
            (false, false) => match target(track, level) {
                Some(to) => match others(world, request, n, track, to, None) {
                    Some(escalated) => events.push(escalated),
                    None => {
                        return vec![Event::RequestExpired { request: request.id, why: Expiry::NobodyLeft }];
                    }
                },
                None => events.push(Event::LevelBlocked { request: request.id, track: n, level: track.at }),
            },
        }
    }
    events
}

/// Who decides an open level instead, if it can still escalate.
fn target(track: &Track, level: &Level) -> Option<Authority> {
    level.timeout.as_ref().and_then(|t| t.action.target()).filter(|_| track.escalated.is_none())
}

/// Approvals an open level still needs.
fn missing(track: &Track, level: &Level) -> u32 {
    let found = u32::try_from(track.votes_on(track.at, Verdict::Approve).count()).unwrap_or(u32::MAX);
    level.approvals.max(1).saturating_sub(found)
}

/// Whether a level can be escalated by hand now.
#[must_use]
pub fn can_escalate(track: &Track) -> bool {
    let target = |l: &Level| l.timeout.as_ref().is_some_and(|t| t.action != TimeoutAction::Expire);
    track.escalated.is_none() && track.open().is_some_and(target)
}
