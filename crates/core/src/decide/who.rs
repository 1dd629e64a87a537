//! Who may decide, resolved at the moment of asking: members now, their rights as lent now, never the requester. Contacts
//! decide where a level names them, and do nothing else.

use super::{World, level};
use crate::apply;
use crate::directory::About;
use crate::input::{Position, Vote};
use crate::planted::{self, Fault};
use crate::refusal::Refusal;
use crate::roster::Roster;
use crate::state::{Request, State, Status, Track};
use countersign_journal::{Authority, Event, Evidence, Note, PersonId, Timestamp};
use std::collections::BTreeSet;

/// Who holds the authority and can use it against this requester: nobody can who may be the same by a link to a password,
/// for that would be a decision of the requester's own (R38).
pub(super) fn holders(world: &World<'_>, authority: &Authority, about: About) -> BTreeSet<PersonId> {
    let mut holders = world.directory.named(authority, about);
    holders.retain(|p| !linked(world, *p, about.requester));
    holders
}

/// Whether the person may be the requester by a link to a password.
fn linked(world: &World<'_>, person: PersonId, requester: PersonId) -> bool {
    person != requester && world.state.links.may_be_one(person, requester)
}

/// A password is set by a link. If it replaces one, somebody else may have lent and borrowed under it: that ends.
pub(super) fn password_set(world: &World<'_>, person: PersonId) -> Vec<Event> {
    let theirs = world.state.delegations.values().filter(|d| d.from == person || d.to == person);
    let live = theirs.filter(|d| world.state.links.waits(person) && d.ended_by.is_none() && world.now < d.window.end);
    let ended = live.map(|d| Event::DelegationEnded { delegation: d.id, by: person });
    with_links(world, ended.chain([Event::Noted(Note::PasswordSet { person })]).collect())
}

/// A link to a password is made, with which its maker could become its person.
pub(super) fn link_made(world: &World<'_>, person: PersonId, by: PersonId) -> Vec<Event> {
    with_links(world, vec![Event::LinkMade { person, by }])
}

/// What happened to links, and what follows for the levels that are open.
fn with_links(world: &World<'_>, mut events: Vec<Event>) -> Vec<Event> {
    let mut after = State {
        requests: world.state.waiting().map(|r| (r.id, r.clone())).collect(),
        delegations: world.state.delegations.clone(),
        links: world.state.links.clone(),
        ..State::default()
    };
    events.iter().for_each(|event| apply(&mut after, world.now, event));
    let world = World { state: &after, ..*world };
    let follows = after.requests.values().flat_map(|r| level::rechecked(&world, r));
    events.extend(follows);
    events
}

/// Everyone who could decide: holders of the authority, and whoever borrowed a holder's right (R42).
pub(super) fn able(world: &World<'_>, authority: &Authority, about: About) -> BTreeSet<PersonId> {
    let holders = holders(world, authority, about);
    let lent = world.state.delegations.values().filter(|d| d.is_live(world.now) && holders.contains(&d.from));
    let may = |p: &PersonId| *p != about.requester && !linked(world, *p, about.requester);
    let borrowers = lent.map(|d| d.to).filter(|p| may(p) && world.directory.enabled(*p).is_some());
    let borrowers: BTreeSet<PersonId> = borrowers.collect();
    &holders | &borrowers
}

/// How many more votes an authority could yield on a request: holders whose answer does not count already. A lent right
/// is the lender's one vote.
pub(super) fn votes_left(world: &World<'_>, request: &Request, track: &Track, authority: &Authority) -> usize {
    let mut holders = holders(world, authority, request.about());
    let spoken: Vec<PersonId> = request.counted().chain(track.escalated.as_ref().and_then(|e| e.by)).collect();
    holders.retain(|p| !is_one_of(world, *p, &spoken));
    holders.len()
}

/// Whether a person is one of these, or may be one with one of them by links to passwords.
pub(super) fn is_one_of<'p>(
    world: &World<'_>,
    person: PersonId,
    these: impl IntoIterator<Item = &'p PersonId>,
) -> bool {
    these.into_iter().any(|p| *p == person || world.state.links.may_be_one(*p, person))
}

/// By what right somebody decides.
pub(super) struct Standing {
    /// The lender, when the right was lent.
    pub(super) behalf: Option<PersonId>,
}

impl Standing {
    /// Whose word it is: theirs who decides, and the lender's.
    pub(super) fn of(&self, person: PersonId) -> impl Iterator<Item = PersonId> + use<> {
        [Some(person), self.behalf].into_iter().flatten()
    }
}

/// The right by which `person` may decide under `authority`: their own before a lent one, and never one whose holder
/// counts already.
pub(super) fn standing(
    world: &World<'_>,
    request: &Request,
    authority: &Authority,
    person: PersonId,
) -> Result<Standing, Refusal> {
    if world.directory.enabled(person).is_none() && world.directory.contact(person).is_none() {
        return Err(Refusal::NobodyThere);
    }
    if person == request.person.id && !planted::is(Fault::OwnVoteCounts) {
        return Err(Refusal::OwnRequest);
    }
    let lends = planted::is(Fault::LinkLendsAuthority);
    if linked(world, person, request.person.id) && !lends {
        return Err(Refusal::MayBeOne);
    }
    let about = request.about();
    let holders = if lends { world.directory.named(authority, about) } else { holders(world, authority, about) };
    let voters = || request.tracks.iter().flat_map(|t| &t.votes).map(|v| v.approver);
    let counted: BTreeSet<PersonId> =
        if planted::is(Fault::LenderCountsToo) { voters().collect() } else { request.counted().collect() };
    let counts_already = |p: &PersonId| is_one_of(world, *p, &counted) && !planted::is(Fault::OnePersonCountsTwice);
    if holders.contains(&person) {
        return if counts_already(&person) { Err(Refusal::AlreadyCounted) } else { Ok(Standing { behalf: None }) };
    }
    let mut lenders = world.state.lent_to(person, world.now).filter(|p| holders.contains(p)).peekable();
    if lenders.peek().is_none() {
        return Err(Refusal::NotAnApprover(request.id));
    }
    let lender = lenders.find(|p| !counts_already(p)).filter(|_| !counts_already(&person));
    lender.map(|p| Standing { behalf: Some(p) }).ok_or(Refusal::AlreadyCounted)
}

/// How it was said: a contact has a link to one level and nothing else, and nobody else has one. Lower evidence than the
/// level demands never counts.
pub(super) fn check_evidence(world: &World<'_>, vote: &Vote, least: Evidence) -> Result<(), Refusal> {
    let outside = world.directory.contact(vote.approver).is_some();
    if outside != (vote.evidence == Evidence::Link) && !planted::is(Fault::ContactWithoutLink) {
        return Err(Refusal::NotByLink);
    }
    if vote.evidence < least && !planted::is(Fault::EvidenceNotAsked) {
        return Err(Refusal::EvidenceTooWeak);
    }
    Ok(())
}

/// Whether `person` could decide any level of the request, now or earlier: by a vote that stands, or by right.
pub(super) fn is_approver(world: &World<'_>, request: &Request, person: PersonId) -> bool {
    request.tracks.iter().any(|t| {
        let escalated = t.escalated.as_ref().map(|e| &e.to);
        t.votes.iter().any(|v| v.approver == person)
            || t.levels
                .iter()
                .map(|l| &l.authority)
                .chain(escalated)
                .any(|a| able(world, a, request.about()).contains(&person))
    })
}

/// Everyone who could decide under an authority at `now`, for showing; the same answer as the decision's.
#[must_use]
pub fn approvers(
    state: &State,
    directory: &Roster,
    now: Timestamp,
    authority: &Authority,
    about: About,
) -> BTreeSet<PersonId> {
    able(&World { state, directory, now }, authority, about)
}

/// Where `person` could decide a request, or review its emergency, at `now`; the same answer as the decision's.
#[must_use]
pub fn open_for(
    state: &State,
    directory: &Roster,
    now: Timestamp,
    request: &Request,
    person: PersonId,
) -> Option<Position> {
    let world = World { state, directory, now };
    positions(request).into_iter().find(|at| stands_at(&world, request, *at, person))
}

/// Whether `person` could decide exactly there, or review it, at `now`. A review has no epoch: what was opened by an
/// emergency is not opened again.
#[must_use]
pub fn open_at(
    state: &State,
    directory: &Roster,
    now: Timestamp,
    request: &Request,
    at: Position,
    person: PersonId,
) -> bool {
    let world = World { state, directory, now };
    let there = |open: &Position| {
        (open.track, open.level) == (at.track, at.level) && (request.was_emergency() || open.epoch == at.epoch)
    };
    positions(request).iter().any(there) && stands_at(&world, request, at, person)
}

/// The levels that can be decided, or of an emergency those whose review is owed.
fn positions(request: &Request) -> Vec<Position> {
    if request.was_emergency() {
        let epoch = |track: u32| request.tracks.get(track as usize).map(|t| t.epoch);
        let owed = request.debt().into_iter();
        return owed.filter_map(|(track, level)| Some(Position { track, level, epoch: epoch(track)? })).collect();
    }
    if request.status != Status::Pending {
        return Vec::new();
    }
    let open = (0..).zip(&request.tracks).filter(|(_, t)| t.open().is_some());
    open.map(|(track, t)| Position { track, level: t.at, epoch: t.epoch }).collect()
}

/// Whether `person` has the right to decide there, given that it is open. Who escalated a level does not decide it.
fn stands_at(world: &World<'_>, request: &Request, at: Position, person: PersonId) -> bool {
    let Some(track) = request.tracks.get(at.track as usize) else { return false };
    let reviewed = track.levels.get(at.level as usize).map(|l| &l.authority).filter(|_| request.was_emergency());
    let Some(authority) = reviewed.or_else(|| track.authority()) else { return false };
    let escalated_it = track.escalated.as_ref().and_then(|e| e.by).filter(|_| !request.was_emergency());
    standing(world, request, authority, person)
        .is_ok_and(|stands| !stands.of(person).any(|p| is_one_of(world, p, &escalated_it)))
}
