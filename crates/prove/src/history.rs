//! Random histories, told to the engine and to the [reference](crate::reference) at once: both must give the same answers,
//! and be seen to be in the same state, after every step.

use crate::reference::{Reference, Seen, Setting};
use crate::world::{update, with_reason};
use countersign_core::{
    Account, Ask, AskAct, Contact, Device, Directory, EmergencyCall, Endpoint, GrantKind, GrantStage, Group, Input,
    Person, Position, PostgresEndpoint, Role, Roster, State, Vote, apply, decide, open_for,
};
use countersign_journal::{
    AccountId, ActMatch, Attempt, Authority, Commitment, Conditions, DelegationId, DeviceId, Digest, Emergency, Event,
    Evidence, GrantId, GroupId, Level, Note, Outcome, PersonId, Policy, RequestId, Rule, RuleId, RunOutcome,
    SessionEnd, SessionId, Subjects, Targets, Terms, Timeout, TimeoutAction, Timestamp, Verdict, Window, Workflow,
    WorkflowId, file,
};
use fastrand::Rng;
use std::collections::BTreeSet;

const MINUTE: u64 = 60;
/// 2027-01-15T08:00:00Z, where every history begins.
const BEGINNING: Timestamp = Timestamp(1_800_000_000_000_000);
const PEOPLE: [PersonId; 6] = [PersonId(1), PersonId(2), PersonId(3), PersonId(4), PersonId(5), PersonId(6)];
const ROOT: PersonId = PEOPLE[0];
/// The contact.
const VERA: PersonId = PersonId(7);
const ACCOUNTS: [AccountId; 2] = [AccountId(1), AccountId(2)];
const GROUPS: [GroupId; 3] = [GroupId(1), GroupId(2), GroupId(3)];
/// Inputs of a history.
const STEPS: usize = 30;

/// What a history came to.
#[derive(Clone, Copy, Default, Debug)]
pub struct Told {
    /// Inputs that were accepted.
    pub accepted: u64,
    /// Inputs that were refused.
    pub refused: u64,
}

/// Where engine and reference differ.
#[derive(Clone, Debug)]
pub struct Difference {
    /// In what, and what was said last.
    pub what: String,
    /// Everything the engine decided until then, as an export that `countersign replay` steps through.
    pub journal: Vec<u8>,
}

/// Tells the history of a seed to both.
///
/// # Errors
/// The first [`Difference`].
pub fn tell(seed: u64) -> Result<Told, Box<Difference>> {
    let mut rng = Rng::with_seed(seed);
    // What cannot be put in force, such as a level that escalates to itself, is drawn anew.
    let (mut state, setting) = loop {
        let drawn = setting(&mut rng);
        if let Some(state) = begun(&drawn) {
            break (state, drawn);
        }
    };
    let directory = Roster::new(setting.directory.clone());
    let mut reference = Reference::new(setting);
    let (mut now, mut told, mut journal) = (BEGINNING, Told::default(), Vec::new());
    let mut write = |state: &mut State, now: Timestamp, events: Vec<Event>| {
        for event in events {
            apply(state, now, &event);
            journal.push((now, event));
        }
    };
    for _ in 0..STEPS {
        now = now.plus(later(&mut rng));
        // Time is told first, as often as the engine has something to say about it; sometimes it comes too late.
        if rng.u8(0..8) > 0 {
            while let Ok(decision) = decide(&state, &directory, Input::Tick, now) {
                if decision.events.is_empty() {
                    break;
                }
                write(&mut state, now, decision.events);
            }
            reference.tell(&Input::Tick, now);
        }
        let input = next(&mut rng, &state, &directory, now);
        let decided = decide(&state, &directory, input.clone(), now);
        let differs = match (&decided, reference.tell(&input, now)) {
            (Ok(_), false) => Some("the engine says yes, the reference no".to_owned()),
            (Err(no), true) => Some(format!("the reference says yes, the engine: {no}")),
            _ => None,
        };
        match decided {
            Ok(decision) => {
                write(&mut state, now, decision.events);
                told.accepted += 1;
            }
            Err(_) => told.refused += 1,
        }
        let (engine, other) = (seen(&state, &directory, now), reference.seen(now));
        let differs = differs.or_else(|| {
            (engine != other).then(|| format!("the engine is seen as {engine:?}\nand the reference as {other:?}"))
        });
        if let Some(what) = differs {
            let what = format!("seed {seed}: {what}\nafter {input:?}\nby {reference:?}");
            return Err(Box::new(Difference { what, journal: file::of(journal).unwrap_or_default() }));
        }
    }
    Ok(told)
}

fn seen(state: &State, directory: &Roster, now: Timestamp) -> Seen {
    let placed = |r| PEOPLE.iter().chain([&VERA]).map(|p| open_for(state, directory, now, r, *p)).collect();
    let over = |stage| matches!(stage, GrantStage::Ended(_));
    Seen {
        requests: state.requests.values().map(|r| (r.status, placed(r))).collect(),
        grants: state.grants.values().map(|g| (over(g.stage), g.terms.window)).collect(),
        sessions: state.sessions.values().filter(|s| s.closed.is_none()).map(|s| s.id).collect(),
    }
}

/// The setting, put in force in the engine, if it may be.
fn begun(setting: &Setting) -> Option<State> {
    let flow = |n: usize, levels: &Vec<Level>| {
        let id = n as u64 + 1;
        (id, Workflow { id: WorkflowId(id), name: format!("flow {id}"), levels: levels.clone() })
    };
    let all: Vec<&Vec<Level>> = setting.tracks.iter().chain([&setting.held]).collect();
    let rule = |n: usize, acts: ActMatch| Rule {
        id: RuleId(n as u64 + 1),
        name: format!("rule {n}"),
        subjects: Subjects::default(),
        targets: Targets::default(),
        acts,
        outcome: Outcome::Approve,
        workflow: Some(WorkflowId(n as u64 + 1)),
        unknown: None,
        exclusions: Subjects::default(),
        conditions: Conditions {
            exclusive: setting.exclusive,
            sessions_max: setting.sessions_max,
            ..Conditions::default()
        },
        automatic: None,
        emergency: setting.emergency.map(|countdown_s| Emergency { countdown_s }),
    };
    let held = Rule {
        conditions: Conditions::default(),
        emergency: None,
        ..rule(setting.tracks.len(), ActMatch::Run(crate::world::updates()))
    };
    let mut rules: Vec<Rule> = (0..setting.tracks.len()).map(|n| rule(n, ActMatch::Connect)).collect();
    rules.push(held);
    if setting.tracks.is_empty() {
        let allowed = Rule {
            id: RuleId(9),
            outcome: Outcome::Allow,
            workflow: None,
            emergency: None,
            ..rule(8, ActMatch::Connect)
        };
        rules.push(allowed);
    }
    let workflows = all.iter().enumerate().map(|(n, levels)| flow(n, levels)).collect();
    let policy = Policy { rules, workflows, ..Policy::default() };
    let directory = setting.directory.clone().into();
    let input = Input::Apply { directory, policy: policy.into(), under: None, secrets: Vec::new() };
    let mut state = State::default();
    let set_up = decide(&state, &Roster::default(), input, BEGINNING).ok()?;
    set_up.events.iter().for_each(|event| apply(&mut state, BEGINNING, event));
    Some(state)
}

fn setting(rng: &mut Rng) -> Setting {
    let directory = directory(rng);
    let managers = directory.administrators();
    let track = |rng: &mut Rng| (0..rng.usize(1..4)).map(|_| level(rng, false)).collect();
    let mut tracks: Vec<Vec<Level>> = Vec::new();
    if rng.u8(0..10) > 0 {
        tracks.push(track(rng));
        if rng.u8(0..4) == 0 {
            // Nobody else names the owners, so that neither track is part of the other.
            tracks.push(vec![level(rng, true)]);
        }
    }
    Setting {
        directory,
        managers,
        tracks,
        held: (0..rng.usize(1..3)).map(|_| level(rng, false)).collect(),
        exclusive: rng.u8(0..3) == 0,
        emergency: [None, Some(0), Some(10 * MINUTE)][rng.usize(0..3)],
        sessions_max: [None, Some(1), Some(2)][rng.usize(0..3)],
    }
}

fn level(rng: &mut Rng, owners: bool) -> Level {
    let authority = match rng.u8(0..9) {
        _ if owners => Authority::AccountOwners,
        0..=2 => Authority::Members(any(rng, &GROUPS)),
        3 => Authority::Managers(any(rng, &GROUPS)),
        4 => Authority::Administrators,
        5 => Authority::LineManager,
        6 => Authority::Contacts([VERA].into()),
        _ => Authority::Persons(some(rng, &PEOPLE, 3)),
    };
    let action = match rng.u8(0..3) {
        0 => TimeoutAction::Expire,
        1 => TimeoutAction::EscalateToManagers(any(rng, &GROUPS)),
        _ => TimeoutAction::EscalateToMembers(any(rng, &GROUPS)),
    };
    let timeout = (rng.u8(0..2) == 0).then_some(Timeout { after_s: 30 * MINUTE, action });
    let outside = matches!(authority, Authority::Contacts(_));
    let evidence = if rng.u8(0..8) == 0 && !outside { Evidence::SecondFactor } else { Evidence::SignedIn };
    Level {
        approvals: 1 + u32::from(rng.u8(0..4) == 0),
        rejections: 1 + u32::from(rng.u8(0..3) == 0),
        evidence,
        timeout,
        ..Level::of(authority)
    }
}

fn directory(rng: &mut Rng) -> Directory {
    let person = |rng: &mut Rng, id: PersonId| Person {
        handle: format!("p{}", id.0),
        name: String::new(),
        email: None,
        enabled: id == ROOT || rng.u8(0..12) > 0,
        role: if id == ROOT || rng.u8(0..6) == 0 { Role::Administrator } else { Role::Member },
        manager: (id.0 > 1 && rng.bool()).then(|| PersonId(rng.u64(1..id.0))),
        former_emails: BTreeSet::new(),
    };
    let contact =
        |rng: &mut Rng| Contact { name: "v".into(), email: "v@example.test".into(), enabled: rng.u8(0..12) > 0 };
    let group = |rng: &mut Rng, id: GroupId| Group {
        name: format!("g{}", id.0),
        members: some(rng, &PEOPLE, 5),
        groups: if id.0 > 1 && rng.u8(0..3) == 0 { [GroupId(id.0 - 1)].into() } else { [].into() },
        managers: some(rng, &PEOPLE, 2),
    };
    let device = Device {
        name: "db".into(),
        host: "192.0.2.1".into(),
        port: 5432,
        endpoint: Endpoint::Postgresql(PostgresEndpoint {
            database: "shop".into(),
            ca_pem: String::new(),
            server_name: "db".into(),
        }),
    };
    let account = |rng: &mut Rng, id: AccountId| Account {
        device: DeviceId(1),
        name: format!("a{}", id.0),
        owners: some(rng, &PEOPLE, 2),
        managers: [].into(),
        certificate: false,
    };
    Directory {
        people: PEOPLE.map(|id| (id, person(rng, id))).into(),
        groups: GROUPS.map(|id| (id, group(rng, id))).into(),
        devices: [(DeviceId(1), device)].into(),
        accounts: ACCOUNTS.map(|id| (id, account(rng, id))).into(),
        contacts: [(VERA, contact(rng))].into(),
        next_id: 20,
        ..Directory::default()
    }
}

fn any<T: Copy>(rng: &mut Rng, all: &[T]) -> T {
    all[rng.usize(0..all.len())]
}

/// Somebody; now and then the contact.
fn anybody(rng: &mut Rng) -> PersonId {
    if rng.u8(0..10) == 0 { VERA } else { any(rng, &PEOPLE) }
}

fn some(rng: &mut Rng, all: &[PersonId], most: usize) -> BTreeSet<PersonId> {
    (0..rng.usize(1..=most)).map(|_| any(rng, all)).collect()
}

/// Seconds until the next input.
fn later(rng: &mut Rng) -> u64 {
    match rng.u8(0..10) {
        0..=5 => rng.u64(0..3) * MINUTE,
        6..=8 => rng.u64(1..15) * MINUTE,
        _ => rng.u64(15..120) * MINUTE,
    }
}

/// The number of one of so many things, or of one that is not there.
fn one_of(rng: &mut Rng, many: usize) -> u64 {
    rng.u64(1..many as u64 + 2)
}

fn next(rng: &mut Rng, state: &State, directory: &Roster, now: Timestamp) -> Input {
    let pending: Vec<_> = state.pending.iter().copied().collect();
    let runs = state.unended().any(|g| matches!(g.kind, GrantKind::Once { .. }));
    let kind = rng.u8(0..100);
    // What nothing has prepared yet is said seldom: first there must be a request, a session, something held.
    let kind = match kind {
        _ if rng.u8(0..12) == 0 => kind,
        14..=44 | 68.. if state.requests.is_empty() => 0,
        14..=44 if pending.is_empty() => [0, 50, 60][rng.usize(0..3)],
        55..=61 if state.open_sessions.is_empty() => 50,
        62..=67 if !runs => 60,
        _ => kind,
    };
    let by = anybody(rng);
    let request = RequestId(one_of(rng, state.requests.len()));
    let request = if pending.is_empty() || rng.bool() { request } else { any(rng, &pending) };
    let known = state.requests.get(&request);
    let requester = known.map_or(by, |r| r.person.id);
    let voter = known.and_then(|r| r.tracks.iter().flat_map(|t| &t.votes).last()).map_or(by, |v| v.approver);
    let escalated = state.waiting().flat_map(|r| &r.tracks).find_map(|t| t.escalated.as_ref()?.by);
    let escalator = escalated.unwrap_or(by);
    let grant = GrantId(one_of(rng, state.grants.len()));
    let session = SessionId(one_of(rng, state.sessions.len()));
    match kind {
        0..=13 => reserve(rng, now),
        14..=44 => vote(rng, state, directory, now),
        45..=54 => open(rng, state),
        55..=61 => run(rng, state),
        62..=67 => clear(rng, state),
        68..=69 => Input::Ran { grant, step: None, outcome: RunOutcome::Unknown },
        70..=72 => Input::Close { session, why: SessionEnd::ClientLeft, transcript: None, records: 0 },
        73..=74 => Input::Withdraw { request, by: if rng.bool() { requester } else { by } },
        75..=78 => Input::Retract { request, by: if rng.u8(0..4) > 0 { voter } else { by } },
        79..=80 => Input::Revoke { request, by, reason: None },
        81 => Input::Surrender { grant, by: if rng.bool() { requester } else { by } },
        82..=84 => edit(rng, state, grant, by),
        85..=87 => escalate(rng, state, request, by),
        88..=91 => Input::Emergency(EmergencyCall {
            request,
            by: requester,
            reason: Some(Commitment(Digest::ZERO)),
            evidence: if rng.u8(0..6) == 0 { Evidence::SignedIn } else { Evidence::SecondFactor },
        }),
        92..=93 => Input::StopEmergency { request, by, comment: None },
        94..=96 => Input::Delegate {
            from: if rng.bool() { escalator } else { by },
            to: anybody(rng),
            window: window(rng, now),
        },
        97 => Input::EndDelegation { delegation: DelegationId(one_of(rng, state.delegations.len())), by },
        98 => Input::Note(Note::PasswordSet { person: any(rng, &PEOPLE) }),
        _ => Input::MakeLink { person: any(rng, &PEOPLE), by: any(rng, &PEOPLE) },
    }
}

/// A window on the half hours, so that equal ones meet.
fn window(rng: &mut Rng, now: Timestamp) -> Window {
    let half = 30 * MINUTE;
    let from = now.seconds_since(BEGINNING) / half;
    let start = BEGINNING.plus((from + rng.u64(0..2)) * half);
    Window { start, end: start.plus(rng.u64(1..5) * half) }
}

fn reserve(rng: &mut Rng, now: Timestamp) -> Input {
    let act = AskAct::Connect { account: any(rng, &ACCOUNTS), database: None, window: window(rng, now) };
    let by = if rng.u8(0..40) == 0 { VERA } else { any(rng, &PEOPLE[..4]) };
    Input::Ask(with_reason(Ask::plain(by, act, [0; 32])))
}

fn vote(rng: &mut Rng, state: &State, directory: &Roster, now: Timestamp) -> Input {
    let waiting: Vec<_> =
        state.requests.values().filter(|r| state.pending.contains(&r.id) || !r.debt().is_empty()).collect();
    let request = if waiting.is_empty() { RequestId(1) } else { any(rng, &waiting).id };
    let places: Vec<(PersonId, Position)> = state
        .requests
        .get(&request)
        .map(|r| {
            PEOPLE.iter().chain([&VERA]).filter_map(|p| Some((*p, open_for(state, directory, now, r, *p)?))).collect()
        })
        .unwrap_or_default();
    let open = state.requests.get(&request).and_then(|r| r.tracks.first()).filter(|_| rng.bool());
    let (level, epoch) = open.map_or_else(|| (rng.u32(0..3), rng.u32(0..3)), |t| (t.at, t.epoch));
    let random = (any(rng, &PEOPLE), Position { track: if open.is_some() { 0 } else { rng.u32(0..2) }, level, epoch });
    let (approver, position) = if places.is_empty() || rng.u8(0..8) == 0 { random } else { any(rng, &places) };
    let approver = if rng.u8(0..8) == 0 { anybody(rng) } else { approver };
    let evidence = match rng.u8(0..16) {
        0..=13 if approver == VERA => Evidence::Link,
        0..=3 => Evidence::SignedIn,
        4 => Evidence::Link,
        _ => Evidence::SecondFactor,
    };
    Input::Vote(Vote {
        request,
        position,
        approver,
        verdict: if rng.u8(0..6) == 0 { Verdict::Reject } else { Verdict::Approve },
        terms: (rng.u8(0..5) == 0).then(|| Terms::in_window(window(rng, now))),
        comment: None,
        evidence,
    })
}

fn open(rng: &mut Rng, state: &State) -> Input {
    let live: Vec<_> = state.unended().filter(|g| g.kind == GrantKind::Connect).collect();
    let (person, account) = if live.is_empty() || rng.u8(0..5) == 0 {
        (any(rng, &PEOPLE), any(rng, &ACCOUNTS))
    } else {
        let grant = any(rng, &live);
        (grant.person, grant.target.account)
    };
    Input::Open { person, account, database: None, from: String::new(), nonce: [0; 32] }
}

fn run(rng: &mut Rng, state: &State) -> Input {
    let open: Vec<_> = state.open_sessions.iter().copied().collect();
    let session = if open.is_empty() { SessionId(1) } else { any(rng, &open) };
    let person = state.sessions.get(&session).map_or(ROOT, |s| s.person);
    let act = AskAct::Run { session, attempt: attempt(rng), text: Commitment(Digest::ZERO), facts: update() };
    let person = if rng.u8(0..8) == 0 { any(rng, &PEOPLE) } else { person };
    Input::Ask(Ask::plain(person, act, [0; 32]))
}

fn attempt(rng: &mut Rng) -> Attempt {
    Attempt(Digest([rng.u8(1..3); 32]))
}

fn clear(rng: &mut Rng, state: &State) -> Input {
    let once: Vec<_> = state.grants.values().filter(|g| matches!(g.kind, GrantKind::Once { .. })).collect();
    let open: Vec<_> = state.open_sessions.iter().copied().collect();
    let session = if open.is_empty() { SessionId(1) } else { any(rng, &open) };
    let Some(grant) = (!once.is_empty()).then(|| any(rng, &once)) else {
        return Input::Clear { grant: GrantId(1), session, attempt: attempt(rng) };
    };
    match grant.kind {
        GrantKind::Once { attempt, .. } if rng.u8(0..4) > 0 => Input::Clear { grant: grant.id, session, attempt },
        _ => Input::Clear { grant: grant.id, session, attempt: attempt(rng) },
    }
}

fn edit(rng: &mut Rng, state: &State, grant: GrantId, by: PersonId) -> Input {
    let half = |rng: &mut Rng| rng.u64(0..3) * 15 * MINUTE;
    let known = state.grants.get(&grant);
    let signed = known.map_or(Window { start: BEGINNING, end: BEGINNING.plus(MINUTE) }, |g| g.signed.window);
    let window = Window { start: signed.start.plus(half(rng)), end: signed.start.plus(half(rng) + half(rng)) };
    let by = if rng.bool() { ROOT } else { by };
    let request = known.map_or(RequestId(1), |g| g.request);
    Input::Edit { request, by, terms: Terms::in_window(window), reason: None }
}

fn escalate(rng: &mut Rng, state: &State, request: RequestId, by: PersonId) -> Input {
    let track = rng.u32(0..2);
    let known = state.requests.get(&request).and_then(|r| r.tracks.get(track as usize));
    let (level, epoch) = known.map_or((0, 0), |t| (t.at, t.epoch));
    let by = if rng.bool() { ROOT } else { by };
    Input::Escalate { request, position: Position { track, level, epoch }, by }
}
