//! Using a grant (R50, R53, R54, R61): open, clear, ran, close.

use super::World;
use super::ask::{Wanted, make, reached};
use crate::hours;
use crate::input::{Answer, Ask, AskAct, Decision};
use crate::planted::{self, Fault};
use crate::refusal::Refusal;
use crate::ruling::Ruling;
use crate::state::{Grant, GrantKind, GrantStage, Status};
use countersign_journal::{
    AccountId, Act, Attempt, Digest, Event, GrantEnd, GrantId, Outcome, PersonId, RunOutcome, Seconds, SessionEnd,
    SessionId, Terms, Timestamp, Window,
};

/// How long an access that needs no reservation lasts when no rule says less.
pub const DIRECT_ACCESS_S: Seconds = 8 * 3600;

/// Opens a session under a live connect grant; where the rules simply allow, the request and grant are made on the
/// spot, so that reports are complete.
pub(super) fn open(
    world: &World<'_>,
    person: PersonId,
    account: AccountId,
    database: Option<&str>,
    from: String,
    nonce: [u8; 32],
) -> Result<Decision, Refusal> {
    let facts = world.directory.person_facts(person).ok_or(Refusal::NobodyThere)?;
    let (target, ruling) = reached(world, &facts, account, database)?;
    if ruling.outcome == Outcome::Deny {
        return Err(Refusal::Denied { rules: ruling.denying() });
    }
    closing(world, &ruling)?;
    let session = world.state.next_session();
    let events = match usable(world, person, &target) {
        Some(grant) => {
            exclusive_free(world, account, Some(grant.id), grant.exclusive)?;
            one_more(world, grant, ruling.conditions.sessions_max)?;
            vec![Event::SessionOpened {
                session,
                grant: grant.id,
                from,
                first_use: grant.stage == GrantStage::ToBeUsed,
            }]
        }
        None => {
            let conditions = &ruling.conditions;
            let asks = conditions.reason_chars_min.is_some() || conditions.reasons.is_some() || conditions.ticket;
            if ruling.outcome != Outcome::Allow || asks {
                return Err(not_now(world, person, &target));
            }
            exclusive_free(world, account, None, ruling.conditions.exclusive)?;
            let lasts = ruling.conditions.duration_max_s.unwrap_or(DIRECT_ACCESS_S);
            let end = world.now.plus(lasts).min(closing(world, &ruling)?);
            let window = Window::new(world.now, end).ok_or(Refusal::NoPeriod)?;
            let act = AskAct::Connect { account, database: database.map(str::to_owned), window };
            let ask = Ask::plain(person, act, nonce);
            let terms = Terms { window, reset_after_use: ruling.conditions.reset_after_use };
            let mut events = make(world, facts, Wanted { target, act: Act::Connect, terms, ruling, plan: None }, &ask)?;
            let grant = world.state.next_grant();
            events.push(Event::SessionOpened { session, grant, from, first_use: true });
            events
        }
    };
    Ok(Decision { events, answer: Answer::Session(session) })
}

/// Of several live grants the one to open under: first those that exclusive use leaves free, and of these first one whose
/// plan still has statements to be run.
fn usable<'w>(world: &World<'w>, person: PersonId, target: &'w countersign_journal::TargetFacts) -> Option<&'w Grant> {
    let inside = |g: &&Grant| g.is_live(world.now) || planted::is(Fault::WindowNotAsked);
    let rank = |g: &&Grant| {
        let free = exclusive_free(world, target.account, Some(g.id), g.exclusive).is_ok();
        (!free, !has_plan_left(world, g))
    };
    world.state.connect_grants(person, target).filter(inside).min_by_key(rank)
}

/// Whether statements of the grant's plan are still to be run.
fn has_plan_left(world: &World<'_>, grant: &Grant) -> bool {
    let plan = world.state.requests.get(&grant.request).and_then(|r| r.plan.as_ref());
    plan.is_some_and(|p| grant.steps.len() < p.steps.len())
}

/// When the hours that hold now close; a refusal when some do not hold now (R7).
fn closing(world: &World<'_>, ruling: &Ruling) -> Result<Timestamp, Refusal> {
    let mut end = Timestamp::MAX;
    for open in &ruling.conditions.hours {
        let closes = hours::closes(open, world.now);
        end = end.min(closes.ok_or_else(|| Refusal::OutsideHours { zone: open.zone.clone() })?);
    }
    Ok(end)
}

/// Whether a grant may open one more session.
fn one_more(world: &World<'_>, grant: &Grant, most: Option<u32>) -> Result<(), Refusal> {
    let open = world.state.open_sessions.iter().filter_map(|id| world.state.sessions.get(id));
    let open = open.filter(|s| s.grant == grant.id).count();
    match most {
        Some(most) if open >= most as usize => Err(Refusal::SessionsMax { most }),
        _ => Ok(()),
    }
}

/// Why there is no session yet: too early, or nothing reserved.
fn not_now(world: &World<'_>, person: PersonId, target: &countersign_journal::TargetFacts) -> Refusal {
    let starts = world.state.connect_grants(person, target).map(|g| g.terms.window.start);
    match starts.filter(|s| *s > world.now).min() {
        Some(start) => Refusal::TooEarly { target: target.label(), start },
        None => Refusal::NeedsRequest { target: target.label() },
    }
}

/// Exclusive use belongs to one grant (R54). It lasts until its sessions are cut, not only until its end is written
/// down; and it does not begin while another grant has a session open.
fn exclusive_free(
    world: &World<'_>,
    account: AccountId,
    mine: Option<GrantId>,
    exclusive: bool,
) -> Result<(), Refusal> {
    let held = world.state.exclusive.get(&account).is_some_and(|holder| Some(*holder) != mine);
    let open = world.state.open_sessions.iter().filter_map(|id| world.state.sessions.get(id));
    let mut others = open
        .filter_map(|s| world.state.grants.get(&s.grant))
        .filter(|g| Some(g.id) != mine && g.target.account == account);
    let taken = held || others.any(|g| exclusive || g.exclusive);
    if taken && !planted::is(Fault::ExclusiveNotAsked) { Err(Refusal::InExclusiveUse) } else { Ok(()) }
}

/// The last question before a released unit leaves: the same bytes, unused, under grants that are live, in an open
/// session. Its answer is committed before a byte goes out.
pub(super) fn clear(
    world: &World<'_>,
    grant: GrantId,
    session: SessionId,
    attempt: Attempt,
) -> Result<Vec<Event>, Refusal> {
    let once = world.state.grants.get(&grant).ok_or(Refusal::NoSuchGrant(grant))?;
    let GrantKind::Once { attempt: approved, under, session: only } = once.kind else {
        return Err(Refusal::NoSuchGrant(grant));
    };
    let again = once.used_in.is_some() && planted::is(Fault::OneUseTwice);
    if once.used_in.is_some() && !again {
        return Err(Refusal::AlreadyUsed);
    }
    let approved_still = world.state.requests.get(&once.request).is_some_and(|r| r.status == Status::Approved);
    if !approved_still || !(once.is_live(world.now) || again) {
        return Err(Refusal::GrantOver);
    }
    if approved != attempt && !planted::is(Fault::AttemptNotCompared) {
        return Err(Refusal::NotWhatWasApproved);
    }
    if only.is_some_and(|s| s != session) {
        return Err(Refusal::OtherSession);
    }
    let live = |g: &&Grant| g.is_live(world.now) && world.directory.enabled(g.person).is_some();
    let inside = |g: &&Grant| g.terms.window.contains(world.now) && planted::is(Fault::EndedGrantReleases);
    let asked = |g: &&Grant| live(g) || inside(g);
    world.state.grants.get(&under).filter(asked).ok_or(Refusal::GrantOver)?;
    let open = world.state.sessions.get(&session).filter(|s| s.closed.is_none() && s.grant == under);
    open.ok_or(Refusal::NoSuchSession)?;
    Ok(vec![Event::Used { grant, session, attempt }, Event::GrantEnded { grant, how: GrantEnd::UsedUp }])
}

/// Records what became of a used unit; the first report counts.
pub(super) fn ran(
    world: &World<'_>,
    grant: GrantId,
    step: Option<u32>,
    outcome: RunOutcome,
) -> Result<Vec<Event>, Refusal> {
    let once = world.state.grants.get(&grant).ok_or(Refusal::NoSuchGrant(grant))?;
    if let Some(step) = step {
        return match once.steps.get(&step).map(|used| &used.outcome) {
            Some(None) => Ok(vec![Event::PlanRan { grant, step, outcome }]),
            Some(Some(_)) => Err(Refusal::AlreadyUsed),
            None => Err(Refusal::NoSuchGrant(grant)),
        };
    }
    match (once.used_in, &once.outcome) {
        (Some(_), None) => Ok(vec![Event::Ran { grant, outcome }]),
        (Some(_), Some(_)) => Err(Refusal::AlreadyUsed),
        (None, _) => Err(Refusal::NoSuchGrant(grant)),
    }
}

/// Closes a session; the outcome of what it ran and never reported is unknown, and stays so.
pub(super) fn close(
    world: &World<'_>,
    session: SessionId,
    why: SessionEnd,
    transcript: Option<Digest>,
    records: u64,
) -> Result<Vec<Event>, Refusal> {
    let open = world.state.sessions.get(&session).filter(|s| s.closed.is_none());
    open.ok_or(Refusal::NoSuchSession)?;
    let unreported = world.state.unreported.iter().filter_map(|id| world.state.grants.get(id));
    let mut events: Vec<Event> = unreported
        .filter(|g| g.used_in == Some(session))
        .map(|g| Event::Ran { grant: g.id, outcome: RunOutcome::Unknown })
        .collect();
    let here = |(grant, step): &&(GrantId, u32)| {
        let used = world.state.grants.get(grant).and_then(|g| g.steps.get(step));
        used.is_some_and(|used| used.session == session)
    };
    let unknown =
        |(grant, step): &(GrantId, u32)| Event::PlanRan { grant: *grant, step: *step, outcome: RunOutcome::Unknown };
    events.extend(world.state.unreported_steps.iter().filter(here).map(unknown));
    events.push(Event::SessionClosed { session, why, transcript, records });
    Ok(events)
}
