//! Asking (R30): a ruling, a request with frozen levels, and the first level opened.

use super::level::{self, At};
use super::who::able;
use super::{World, administer, plan, watch};
use crate::digest::{self, RequestParts};
use crate::directory::About;
use crate::hours;
use crate::input::{Answer, Ask, AskAct, Decision};
use crate::refusal::Refusal;
use crate::ruling::{Asked, Ruling, rule};
use crate::state::{GrantKind, Request, Status, remaining, same_target};
use countersign_journal::{
    Act, ChangePlan, Conditions, Event, Outcome, PersonFacts, PersonId, RequestMade, RulingRecord, Run, Seconds,
    TargetFacts, Terms, Window,
};

pub(super) fn ask(world: &World<'_>, ask: Ask) -> Result<Decision, Refusal> {
    let person = world.directory.person_facts(ask.person).ok_or(Refusal::NobodyThere)?;
    let wanted = match &ask.act {
        AskAct::Connect { account, database, window } => {
            let wanted = connect(world, &person, *account, database.as_deref(), window)?;
            planned(world, &person, wanted, &ask)?
        }
        AskAct::Run { .. } => run(world, &person, &ask)?,
        AskAct::Administer(change) => administer::wanted(world, &person, *change)?,
        AskAct::Watch { watch, target, window } => watch::wanted(world, &person, *watch, target, window)?,
    };
    if let Some(same) = joinable(world, &person, &wanted) {
        return Ok(Decision { events: Vec::new(), answer: Answer::Request(same) });
    }
    check_reason(&ask, &wanted)?;
    let events = make(world, person, wanted, &ask)?;
    Ok(Decision { events, answer: Answer::Request(world.state.next_request()) })
}

/// What is asked for, resolved and ruled on.
pub(super) struct Wanted {
    pub(super) target: TargetFacts,
    pub(super) act: Act,
    pub(super) terms: Terms,
    pub(super) ruling: Ruling,
    pub(super) plan: Option<ChangePlan>,
}

fn connect(
    world: &World<'_>,
    person: &PersonFacts,
    account: countersign_journal::AccountId,
    database: Option<&str>,
    window: &Window,
) -> Result<Wanted, Refusal> {
    let (target, ruling) = reached(world, person, account, database)?;
    let window = remaining(window, world.now).ok_or(Refusal::NoPeriod)?;
    check_period(world, &window, &ruling.conditions)?;
    let terms = Terms { window, reset_after_use: ruling.conditions.reset_after_use };
    Ok(Wanted { target, act: Act::Connect, terms, ruling, plan: None })
}

/// The target, and what the rules say of a session on it. A target no rule speaks of for this person is none: they learn
/// from no refusal that it is there.
pub(super) fn reached(
    world: &World<'_>,
    person: &PersonFacts,
    account: countersign_journal::AccountId,
    database: Option<&str>,
) -> Result<(TargetFacts, Ruling), Refusal> {
    let target = world.directory.target_facts(account, database).ok_or(Refusal::NoSuchTarget)?;
    let ruling = rule(&world.state.policy, person, &target, Asked::Connect);
    if ruling.reasons.is_empty() { Err(Refusal::NoSuchTarget) } else { Ok((target, ruling)) }
}

/// A session with the statements to be run in it.
fn planned(world: &World<'_>, person: &PersonFacts, wanted: Wanted, ask: &Ask) -> Result<Wanted, Refusal> {
    let Some(plan) = &ask.plan else { return Ok(wanted) };
    let (ruling, plan) = plan::asked(world, person, &wanted.target, wanted.ruling, plan)?;
    Ok(Wanted { ruling, plan: Some(plan), ..wanted })
}

/// How far ahead a window may end, whatever the rules say: nothing waits, or is granted, for ever.
const AHEAD_S_MAX: Seconds = 3_660 * 86_400;

/// Whether conditions allow a period: not too long, not too far ahead, and wholly inside the allowed hours (R7).
pub(super) fn check_period(world: &World<'_>, window: &Window, conditions: &Conditions) -> Result<(), Refusal> {
    let ahead = window.end.seconds_since(world.now);
    if ahead > AHEAD_S_MAX {
        return Err(Refusal::TooLong { most: AHEAD_S_MAX, asked: ahead });
    }
    if let Some(most) = conditions.duration_max_s.filter(|most| window.seconds() > *most) {
        return Err(Refusal::TooLong { most, asked: window.seconds() });
    }
    let starts_in = window.start.seconds_since(world.now);
    if let Some(most) = conditions.ahead_max_s.filter(|most| starts_in > *most) {
        return Err(Refusal::TooFarAhead { most, asked: starts_in });
    }
    match conditions.hours.iter().find(|h| !hours::covers(h, window)) {
        Some(closed) => Err(Refusal::OutsideHours { zone: closed.zone.clone() }),
        None => Ok(()),
    }
}

fn run(world: &World<'_>, person: &PersonFacts, ask: &Ask) -> Result<Wanted, Refusal> {
    let AskAct::Run { session: id, attempt, text, facts } = &ask.act else { return Err(Refusal::NoSuchSession) };
    let session = world.state.sessions.get(id).filter(|s| s.closed.is_none() && s.person == person.id);
    let session = session.ok_or(Refusal::NoSuchSession)?;
    let grant = world.state.grants.get(&session.grant).filter(|g| g.is_live(world.now)).ok_or(Refusal::GrantOver)?;
    // Resolved now: a device that was put into another group since is ruled as what it is.
    let target = world.directory.target_facts(grant.target.account, Some(&grant.target.database));
    let target = target.filter(|t| same_target(t, &grant.target)).ok_or(Refusal::NoSuchTarget)?;
    let ruling = rule(&world.state.policy, person, &target, Asked::Run(facts));
    let window = remaining(&grant.terms.window, world.now).ok_or(Refusal::GrantOver)?;
    let run = Run {
        grant: grant.id,
        session: *id,
        attempt: *attempt,
        text: *text,
        facts: facts.clone(),
        same_session: ruling.conditions.same_session,
    };
    Ok(Wanted { target, act: Act::Run(Box::new(run)), terms: Terms::in_window(window), ruling, plan: None })
}

/// An identical request that waits already, or whose approval was not used yet (R60): the same bytes under the same
/// grant, or the same reservation.
fn joinable(world: &World<'_>, person: &PersonFacts, wanted: &Wanted) -> Option<countersign_journal::RequestId> {
    let state = world.state;
    let same = |r: &&Request| r.person.id == person.id && same_act(world, r, wanted);
    let pending = state.pending.iter().filter_map(|id| state.requests.get(id)).find(same);
    let unused = || {
        // Only what is for one use can be there and unused.
        let runs = matches!(wanted.act, Act::Run(_)).then(|| state.unended()).into_iter().flatten();
        runs.filter(|g| matches!(g.kind, GrantKind::Once { .. }) && g.is_live(world.now))
            .filter_map(|g| state.requests.get(&g.request))
            .find(|r| same(r) && r.status == Status::Approved)
    };
    pending.or_else(unused).map(|r| r.id)
}

/// Two reservations are one when they are for the same period.
fn same_act(world: &World<'_>, request: &Request, wanted: &Wanted) -> bool {
    match (&request.act, &wanted.act) {
        (Act::Connect, Act::Connect) => {
            let same_plan = match (&request.plan, &wanted.plan) {
                (Some(a), Some(b)) => a.asks_the_same(b),
                (a, b) => a.is_none() && b.is_none(),
            };
            same_plan
                && same_target(&request.target, &wanted.target)
                && same_period(world, request, &wanted.terms.window)
        }
        (Act::Run(a), Act::Run(b)) => {
            a.grant == b.grant && a.attempt == b.attempt && (!a.same_session || a.session == b.session)
        }
        (Act::Administer(a), Act::Administer(b)) => a == b,
        (Act::Watch(a), Act::Watch(b)) => a == b && same_period(world, request, &wanted.terms.window),
        _ => false,
    }
}

/// How long after a request for access from now on another such, as long as it, is the same attempt again.
const AGAIN_S: Seconds = 300;
/// What may lie between two lengths that people mean as one: the time from the wish to its decision.
const SAME_LENGTH_S: Seconds = 1;

/// Two periods are one when what remains of them now is: asking for an earlier start is asking for more. Both may also begin
/// when they are asked for, moments apart, and last as long: then clocks went on between them, and nothing else.
fn same_period(world: &World<'_>, request: &Request, wanted: &Window) -> bool {
    let made = request.terms.window;
    let at_once = made.start == request.at && wanted.start == world.now;
    let again = at_once && world.now.seconds_since(request.at) <= AGAIN_S;
    let length = |w: &Window| w.end.0.abs_diff(w.start.0);
    let as_long = length(&made).abs_diff(length(wanted)) <= SAME_LENGTH_S * 1_000_000;
    remaining(&made, world.now) == Some(*wanted) || (again && as_long)
}

/// A statement needs no reason of its own: it is asked by the gateway, under a connect grant that has one.
fn check_reason(ask: &Ask, wanted: &Wanted) -> Result<(), Refusal> {
    let required = match wanted.ruling.outcome {
        _ if matches!(wanted.act, Act::Run(_)) => 0,
        Outcome::Allow | Outcome::Deny => wanted.ruling.conditions.reason_chars_min.unwrap_or(0),
        Outcome::Justify | Outcome::Approve => wanted.ruling.conditions.reason_chars_min.unwrap_or(1),
    };
    let found = if ask.reason.is_some() { ask.reason_chars } else { 0 };
    if found < required {
        return Err(Refusal::ReasonTooShort { least: required, found });
    }
    check_choice_and_ticket(ask, wanted)
}

fn check_choice_and_ticket(ask: &Ask, wanted: &Wanted) -> Result<(), Refusal> {
    if matches!(wanted.act, Act::Run(_)) {
        return Ok(());
    }
    let conditions = &wanted.ruling.conditions;
    if let Some(list) = conditions.reasons.as_ref().filter(|l| !ask.choice.as_ref().is_some_and(|c| l.contains(c))) {
        return Err(Refusal::ReasonNotListed { list: list.iter().cloned().collect() });
    }
    let ticket = ask.ticket.as_deref().unwrap_or_default();
    if !is_ticket(ticket) {
        return Err(Refusal::BadTicket);
    }
    if conditions.ticket && ticket.is_empty() { Err(Refusal::TicketMissing) } else { Ok(()) }
}

/// Whether a text can be a ticket id, or none: at most 64 printable characters without spaces.
#[must_use]
pub fn is_ticket(text: &str) -> bool {
    text.chars().count() <= TICKET_CHARS_MAX && text.chars().all(|c| TICKET_CHARS.contains(&c))
}

/// Longest ticket id, in characters.
const TICKET_CHARS_MAX: usize = 64;
/// What a ticket id may consist of: printable ASCII without space.
const TICKET_CHARS: std::ops::RangeInclusive<char> = '!'..='~';

/// Most requests of one person that wait at once, the statements held for them included.
pub const PENDING_MAX: usize = 100;
/// Most of these that bring a change plan, whose texts have up to 1 MiB each.
pub const PENDING_PLANS_MAX: usize = 10;

/// Whether one more request of a person may wait.
fn room(world: &World<'_>, person: PersonId, with_plan: bool) -> Result<(), Refusal> {
    let waiting = || world.state.waiting().filter(|r| r.person.id == person);
    if waiting().count() >= PENDING_MAX {
        return Err(Refusal::TooManyPending { most: PENDING_MAX, what: "requests" });
    }
    if with_plan && waiting().filter(|r| r.plan.is_some()).count() >= PENDING_PLANS_MAX {
        return Err(Refusal::TooManyPending { most: PENDING_PLANS_MAX, what: "requests with a plan" });
    }
    Ok(())
}

/// The events of a new request: made, and then approved at once or its first levels opened.
pub(super) fn make(world: &World<'_>, person: PersonFacts, wanted: Wanted, ask: &Ask) -> Result<Vec<Event>, Refusal> {
    if wanted.ruling.outcome == Outcome::Deny {
        return Err(Refusal::Denied { rules: wanted.ruling.denying() });
    }
    let request = world.state.next_request();
    let rules = wanted.ruling.rule_ids();
    let digest = digest::request(&RequestParts {
        request,
        person: &person,
        target: &wanted.target,
        act: &wanted.act,
        reason: ask.reason,
        terms: wanted.terms,
        rules: &rules,
        tracks: &wanted.ruling.tracks,
        choice: ask.choice.as_deref(),
        ticket: ask.ticket.as_deref(),
        plan: wanted.plan.as_ref(),
        nonce: ask.nonce,
    });
    let about = About { requester: person.id, account: wanted.target.account };
    let automatic = wanted.ruling.approves_itself(world.now, wanted.terms.window.start);
    let mut opened = Vec::new();
    for (track, plan) in (0..).zip(&wanted.ruling.tracks).filter(|_| !automatic) {
        opened.push(level::first(world, At { request, track, level: 0, epoch: 0 }, plan, about)?);
    }
    if !opened.is_empty() {
        room(world, person.id, wanted.plan.is_some())?;
    }
    let levels = wanted.ruling.tracks.iter().flat_map(|t| &t.levels);
    let approvers = || levels.flat_map(|l| able(world, &l.authority, about)).collect();
    let terms = wanted.terms;
    let made = Event::RequestMade(Box::new(RequestMade {
        request,
        person,
        target: wanted.target,
        act: wanted.act,
        reason: ask.reason,
        terms,
        ruling: RulingRecord {
            outcome: wanted.ruling.outcome,
            rules,
            emergency: wanted.ruling.emergency,
            conditions: wanted.ruling.conditions,
        },
        automatic: automatic.then(approvers),
        tracks: wanted.ruling.tracks,
        choice: ask.choice.clone(),
        ticket: ask.ticket.clone(),
        chosen: ask.chosen.clone(),
        plan: wanted.plan,
        digest,
        nonce: ask.nonce,
    }));
    if opened.is_empty() {
        opened.push(Event::RequestApproved { request, grant: world.state.next_grant(), terms });
    }
    Ok(std::iter::once(made).chain(opened).collect())
}
