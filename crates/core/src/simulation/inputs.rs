//! Random inputs, sensible ones more often than not: chance alone would hardly ever get a statement run.

use super::people::{chance, changed, one, policy, some};
use crate::digest;
use crate::{Ask, AskAct, Directory, Export, GrantKind, Input, Planned, Position, Request, Roster, State, Vote};
use countersign_journal::{
    AccountId, Act, ActionFacts, Attempt, Authority, Change, ChangePlan, CommandFacts, Commitment, Digest, Evidence,
    Exported, GrantId, Language, Name, Note, PersonId, PlanStep, Policy, RelationUse, RequestId, RunOutcome,
    SessionEnd, SessionId, StatementFacts, StatementKind, StepOrder, Terms, Timestamp, Verdict, Watch, Window,
};
use fastrand::Rng;

/// An hour, in microseconds.
const HOUR: i64 = 3_600_000_000;

/// The moment of the next input: mostly soon, sometimes after every window.
pub(super) fn later(rng: &mut Rng, now: Timestamp) -> Timestamp {
    let seconds = match rng.u32(0..100) {
        0..=29 => 0,
        30..=87 => rng.u64(1..120),
        88..=97 => rng.u64(120..3_600),
        _ => rng.u64(3_600..30_000),
    };
    now.plus(seconds)
}

pub(super) fn next(rng: &mut Rng, state: &State, directory: &Roster, drafts: &mut Vec<Draft>, now: Timestamp) -> Input {
    let waits = state.unended().any(|g| matches!(g.kind, GrantKind::Change { .. }));
    let blocked = state.waiting().any(|r| r.tracks.iter().any(|t| t.blocked));
    if (waits && chance(rng, 40)) || (blocked && chance(rng, 20)) {
        return change(rng, state, directory, drafts);
    }
    if let Some(input) = watch(rng, state, directory, now).filter(|_| chance(rng, 6)) {
        return input;
    }
    let by = someone(rng, directory);
    let request = any_request(rng, state);
    match rng.u32(0..100) {
        0..=8 => Input::Ask(ask_connect(rng, directory, now)),
        9..=19 => special(rng, state, directory, now),
        20..=26 => open(rng, state, directory),
        27..=36 => ask_run(rng, state).map_or_else(|| open(rng, state, directory), Input::Ask),
        37..=69 => vote(rng, state, directory, now),
        70..=78 => planned(rng, state).unwrap_or_else(|| clear(rng, state)),
        79..=81 => ran(rng, state),
        82 => Input::Close {
            session: any_session(rng, state),
            why: one(rng, &[SessionEnd::ClientLeft, SessionEnd::TargetLeft, SessionEnd::GrantEnded]),
            transcript: None,
            records: rng.u64(0..9),
        },
        83 => Input::Withdraw { by: requester_or(rng, state, request, by), request },
        84..=88 => {
            let request = voted_request(rng, state).unwrap_or(request);
            Input::Retract { by: voter_or(rng, state, request, by), request }
        }
        89..=90 => Input::Revoke { by: voter_or(rng, state, request, by), request, reason: None },
        91 => {
            let grant = any_grant(rng, state);
            let holder = state.grants.get(&grant).map_or(by, |g| g.person);
            Input::Surrender { grant, by: if chance(rng, 80) { holder } else { by } }
        }
        92..=93 => Input::Tick,
        94 => Input::Erase { until: now },
        95 if chance(rng, 60) => Input::MakeLink { person: someone(rng, directory), by },
        95 => Input::Note(Note::PasswordSet { person: someone(rng, directory) }),
        _ => change(rng, state, directory, drafts),
    }
}

/// Escalations by hand, emergencies, delegations, edits.
fn special(rng: &mut Rng, state: &State, directory: &Roster, now: Timestamp) -> Input {
    let pending: Vec<RequestId> = state.pending.iter().copied().collect();
    let waiting = rng.choice(&pending).copied().unwrap_or_else(|| any_request(rng, state));
    let by = someone(rng, directory);
    let counts = |r: &Request| r.emergency.as_ref().is_some_and(|e| e.stopped_by.is_none());
    let kind = if state.waiting().any(counts) && chance(rng, 60) { 50 } else { rng.u32(0..100) };
    match kind {
        0..=11 => {
            let position = state.requests.get(&waiting).map(|r| position(rng, r));
            let administrators: Vec<PersonId> = directory.administrators().into_iter().collect();
            Input::Escalate {
                request: waiting,
                position: position.unwrap_or(Position { track: 0, level: 0, epoch: 0 }),
                by: rng.choice(&administrators).copied().filter(|_| chance(rng, 90)).unwrap_or(by),
            }
        }
        12..=44 => Input::Emergency(crate::EmergencyCall {
            request: waiting,
            by: requester_or(rng, state, waiting, by),
            reason: chance(rng, 95).then_some(Commitment(Digest::ZERO)),
            evidence: if chance(rng, 90) { Evidence::SecondFactor } else { Evidence::SignedIn },
        }),
        45..=56 => {
            let counting = state.waiting().find(|r| counts(r));
            let request = counting.map_or(waiting, |r| r.id);
            let told: Vec<PersonId> =
                counting.iter().flat_map(|r| &r.tracks).flat_map(|t| t.told.iter().copied()).collect();
            Input::StopEmergency { request, by: rng.choice(&told).copied().unwrap_or(by), comment: None }
        }
        57..=69 => Input::Delegate { from: by, to: someone(rng, directory), window: period(rng, now) },
        70..=82 => {
            let live: Vec<_> = state.delegations.values().filter(|d| d.is_live(now)).map(|d| (d.id, d.from)).collect();
            let known = rng.choice(&live).copied();
            let (delegation, from) = known.unwrap_or((countersign_journal::DelegationId(99), by));
            Input::EndDelegation { delegation, by: if chance(rng, 70) { from } else { by } }
        }
        _ => {
            let live: Vec<_> = state.unended().map(|g| (g.request, g.terms)).collect();
            let granted = rng.choice(&live).copied();
            let request = granted.map_or(waiting, |(request, _)| request);
            let window = edited(rng, state.requests.get(&request), now);
            let reset_after_use = granted.is_some_and(|(_, t)| t.reset_after_use) || chance(rng, 40);
            let by = voter_or(rng, state, request, by);
            Input::Edit { request, by, terms: Terms { window, reset_after_use }, reason: None }
        }
    }
}

/// A change that was proposed, as the server keeps it until it is put in force.
pub(super) struct Draft {
    digest: Digest,
    pub(super) directory: Directory,
    pub(super) policy: Policy,
}

impl Draft {
    pub(super) fn new(directory: Directory, policy: Policy) -> Draft {
        Draft { digest: digest::change(&directory, &policy), directory, policy }
    }

    pub(super) fn apply(&self, under: Option<GrantId>) -> Input {
        let (directory, policy) = (self.directory.clone().into(), self.policy.clone().into());
        Input::Apply { directory, policy, under, secrets: Vec::new() }
    }
}

/// Mostly an administrator proposes something, or something approved is put in force; some of it is not what it says.
fn change(rng: &mut Rng, state: &State, directory: &Roster, drafts: &mut Vec<Draft>) -> Input {
    let granted = state.unended().find_map(|g| match g.kind {
        GrantKind::Change { digest } => Some((g.id, digest)),
        _ => None,
    });
    if let Some((grant, digest)) = granted.filter(|_| chance(rng, 70)) {
        let approved = drafts.iter().rev().find(|d| d.digest == digest).filter(|_| chance(rng, 85));
        return match approved.or_else(|| drafts.last()) {
            Some(draft) => draft.apply(Some(grant)),
            None => Input::Tick,
        };
    }
    if chance(rng, 5) {
        return drafted(rng, state, directory).apply(chance(rng, 50).then(|| any_grant(rng, state)));
    }
    let draft = drafted(rng, state, directory);
    let stale = u64::from(chance(rng, 5));
    let change = Change {
        digest: draft.digest,
        text: Commitment(Digest::ZERO),
        policy_version: state.policy_version.saturating_sub(stale),
        directory_version: state.directory_version,
    };
    drafts.push(draft);
    let administrators: Vec<PersonId> = directory.administrators().into_iter().collect();
    let by = rng.choice(&administrators).copied().filter(|_| chance(rng, 90));
    let ask = Ask::plain(by.unwrap_or_else(|| someone(rng, directory)), AskAct::Administer(change), [rng.u8(..); 32]);
    Input::Ask(Ask { reason: Some(Commitment(Digest::ZERO)), reason_chars: 9, ..ask })
}

/// Policy and directory, together or alone; some of the policies are not valid.
fn drafted(rng: &mut Rng, state: &State, directory: &Roster) -> Draft {
    let mut new = Directory::clone(directory);
    if chance(rng, 80) {
        new = changed(rng, directory);
    }
    if chance(rng, 90) {
        mend(state, &mut new);
    }
    let mut rules = Policy::clone(&state.policy);
    if chance(rng, 30) {
        rules = policy(rng, &new);
        if chance(rng, 25) {
            rules.workflows.values_mut().for_each(|w| w.levels.clear());
        }
    }
    Draft::new(new, rules)
}

/// Gives blocked levels somebody who can decide.
fn mend(state: &State, directory: &mut Directory) {
    let enabled: Vec<PersonId> = directory.people.iter().filter(|(_, p)| p.enabled).map(|(id, _)| *id).collect();
    let tracks = state.waiting().flat_map(|r| &r.tracks).filter(|t| t.blocked);
    for authority in tracks.filter_map(crate::state::Track::authority) {
        match authority {
            Authority::Members(id) => {
                directory.groups.entry(*id).and_modify(|g| g.members.extend(&enabled));
            }
            Authority::Managers(id) => {
                directory.groups.entry(*id).and_modify(|g| g.managers.extend(&enabled));
            }
            Authority::Contacts(named) => named.iter().for_each(|c| {
                directory.contacts.entry(*c).and_modify(|c| c.enabled = true);
            }),
            Authority::Approvers(module) => {
                directory.approvers.entry(*module).or_default().extend(&enabled);
            }
            Authority::Persons(named) => named.iter().for_each(|p| {
                directory.people.entry(*p).and_modify(|p| p.enabled = true);
            }),
            _ => {}
        }
    }
}

/// Somebody; now and then a contact, or nobody there is.
fn someone(rng: &mut Rng, directory: &Roster) -> PersonId {
    let contacts = directory.contacts.keys().copied().filter(|_| chance(rng, 10));
    if let Some(contact) = contacts.collect::<Vec<_>>().pop() {
        return contact;
    }
    let persons: Vec<PersonId> = directory.people.keys().copied().collect();
    if chance(rng, 2) { PersonId(99) } else { one(rng, &persons) }
}

fn any_account(rng: &mut Rng, directory: &Roster) -> AccountId {
    any_of(rng, &directory.accounts.keys().copied().collect::<Vec<_>>(), AccountId(99))
}

fn any_of<Id: Copy>(rng: &mut Rng, ids: &[Id], missing: Id) -> Id {
    if ids.is_empty() || chance(rng, 2) { missing } else { one(rng, ids) }
}

fn any_request(rng: &mut Rng, state: &State) -> RequestId {
    any_of(rng, &state.requests.keys().copied().collect::<Vec<_>>(), RequestId(99))
}

fn any_grant(rng: &mut Rng, state: &State) -> GrantId {
    any_of(rng, &state.grants.keys().copied().collect::<Vec<_>>(), GrantId(99))
}

fn any_session(rng: &mut Rng, state: &State) -> SessionId {
    any_of(rng, &state.sessions.keys().copied().collect::<Vec<_>>(), SessionId(99))
}

/// Mostly one whose outcome is still owed.
fn used_grant(rng: &mut Rng, state: &State) -> GrantId {
    let owed: Vec<GrantId> = state.unreported.iter().copied().collect();
    if owed.is_empty() || chance(rng, 20) { any_grant(rng, state) } else { one(rng, &owed) }
}

/// One that somebody has voted on and that still waits.
fn voted_request(rng: &mut Rng, state: &State) -> Option<RequestId> {
    let requests = state.pending.iter().filter_map(|id| state.requests.get(id));
    let voted = requests.filter(|r| r.tracks.iter().any(|t| !t.votes.is_empty()));
    let ids: Vec<RequestId> = voted.map(|r| r.id).collect();
    rng.choice(&ids).copied().filter(|_| chance(rng, 80))
}

fn requester_or(rng: &mut Rng, state: &State, request: RequestId, other: PersonId) -> PersonId {
    let requester = state.requests.get(&request).map(|r| r.person.id);
    requester.filter(|_| chance(rng, 80)).unwrap_or(other)
}

fn voter_or(rng: &mut Rng, state: &State, request: RequestId, other: PersonId) -> PersonId {
    let votes = state.requests.get(&request).into_iter().flat_map(|r| &r.tracks).flat_map(|t| &t.votes);
    let voters: Vec<PersonId> = votes.map(|v| v.approver).collect();
    if voters.is_empty() || chance(rng, 20) { other } else { one(rng, &voters) }
}

fn ask_connect(rng: &mut Rng, directory: &Roster, now: Timestamp) -> Ask {
    let database = chance(rng, 10).then(|| "other".to_owned());
    let act = AskAct::Connect { account: any_account(rng, directory), database, window: period(rng, now) };
    let persons: Vec<PersonId> = directory.people.keys().copied().collect();
    Ask {
        reason: chance(rng, 90).then_some(Commitment(Digest::ZERO)),
        reason_chars: rng.u32(0..40),
        choice: chance(rng, 60).then(|| one(rng, &["repair", "release", "fun"]).to_owned()),
        ticket: chance(rng, 60).then(|| one(rng, &["T-1", "T-2", "a b"]).to_owned()),
        chosen: some(rng, persons.into_iter(), 10),
        plan: chance(rng, 30).then(|| Box::new(plan(rng))),
        ..Ask::plain(someone(rng, directory), act, [rng.u8(..); 32])
    }
}

/// A window on the hour; few enough that people ask for the same one twice, and some that are no window at all.
fn period(rng: &mut Rng, now: Timestamp) -> Window {
    let hour = now.0 - now.0.rem_euclid(HOUR);
    let start = if chance(rng, 65) { now } else { Timestamp(hour + HOUR * rng.i64(-2..4)) };
    match rng.u32(0..100) {
        0 => Window { start, end: Timestamp::MAX },
        1 => Window { start: Timestamp(i64::MAX - 9), end: Timestamp(i64::MAX - 1) },
        2..=4 => Window { start, end: start },
        _ => Window { start, end: Timestamp(start.0 - start.0.rem_euclid(HOUR) + HOUR * rng.i64(1..6)) },
    }
}

/// A held unit, in any open session.
fn ask_run(rng: &mut Rng, state: &State) -> Option<Ask> {
    let open: Vec<SessionId> = state.open_sessions.iter().copied().collect();
    let session = rng.choice(&open).copied()?;
    let act = AskAct::Run { session, attempt: attempt(rng), text: Commitment(Digest::ZERO), facts: facts(rng) };
    let owner = state.sessions.get(&session)?.person;
    let person = if chance(rng, 97) { owner } else { PersonId(1) };
    Some(Ask::plain(person, act, [rng.u8(..); 32]))
}

/// A session to be watched, or asked for; mostly by those who could, of those approved mostly inside their window.
fn watch(rng: &mut Rng, state: &State, directory: &Roster, now: Timestamp) -> Option<Input> {
    let sessions: Vec<SessionId> = state.sessions.keys().copied().collect();
    let granted = state.unended().filter_map(|g| match g.kind {
        GrantKind::Watch { session, typed } => Some((session, g.person, typed)),
        _ => None,
    });
    let granted = rng.choice(&granted.collect::<Vec<_>>()).copied().filter(|_| chance(rng, 70));
    let session = granted.map(|(session, ..)| session).or_else(|| rng.choice(&sessions).copied())?;
    let opened = state.sessions.get(&session)?;
    let typed = granted.map_or(is_meant(now), |(_, _, typed)| typed || session.0.is_multiple_of(5));
    let watch = Watch { session, whose: opened.person, typed };
    let by = granted.map(|(_, by, _)| by).filter(|_| chance(rng, 85)).unwrap_or_else(|| someone(rng, directory));
    let grant = state.grants.get(&opened.grant)?;
    if granted.is_some() || chance(rng, 40) {
        let forbidden_by = || Some(state.requests.get(&grant.request)?.ruling.conditions.export_forbidden_by.clone());
        let what = || if now.0 % 2 == 0 { Exported::Transcript } else { Exported::Terminal(1) };
        let export = if leaves(now) { Some(Export { what: what(), forbidden_by: forbidden_by()? }) } else { None };
        return Some(Input::Watch { watch, by, export });
    }
    let target = Box::new(grant.target.clone());
    let ask = Ask::plain(by, AskAct::Watch { watch, target, window: period(rng, now) }, [rng.u8(..); 32]);
    let reason = chance(rng, 90).then_some(Commitment(Digest::ZERO));
    Some(Input::Ask(Ask { reason, reason_chars: 9, ..ask }))
}

/// Whether what was typed is meant, three times in ten: told by the moment, so that no other draw hangs on it.
fn is_meant(now: Timestamp) -> bool {
    now.0.unsigned_abs().wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 60 < 5
}

/// Whether it is to leave as a file, half the time: told by the moment as well.
fn leaves(now: Timestamp) -> bool {
    now.0.unsigned_abs().wrapping_mul(0xD6E8_FEB8_6659_FD93) >> 63 == 1
}

fn attempt(rng: &mut Rng) -> Attempt {
    Attempt(Digest([rng.u8(0..4); 32]))
}

fn facts(rng: &mut Rng) -> ActionFacts {
    if chance(rng, 15) {
        return ActionFacts::opaque("a DO block");
    }
    if chance(rng, 20) {
        let program = one(rng, &["ls", "/bin/rm", "/opt/tool"]);
        let arguments = vec![Some("-r".to_owned()), chance(rng, 80).then(|| one(rng, &["/srv/x", "hosts"]).to_owned())];
        let unlisted = program == "/opt/tool";
        let command =
            CommandFacts { program: Some(program.to_owned()), arguments, unlisted, ..CommandFacts::default() };
        return ActionFacts { language: Language::Shell, commands: vec![command], ..ActionFacts::default() };
    }
    let kind = one(rng, &[StatementKind::Select, StatementKind::Update, StatementKind::Delete]);
    let name = one(rng, &["customers", "orders"]).to_owned();
    let relation = Name { schema: chance(rng, 50).then(|| "public".to_owned()), name };
    let statement = StatementFacts {
        kinds: [kind].into(),
        relations: [RelationUse { kind, relation }].into(),
        ..StatementFacts::default()
    };
    ActionFacts { statements: vec![statement], ..ActionFacts::default() }
}

fn open(rng: &mut Rng, state: &State, directory: &Roster) -> Input {
    let connects: Vec<_> = state.grants.values().filter(|g| g.kind == GrantKind::Connect).collect();
    let (person, account, database) = match rng.choice(&connects) {
        Some(grant) if chance(rng, 70) => (grant.person, grant.target.account, Some(grant.target.database.clone())),
        _ => (someone(rng, directory), any_account(rng, directory), None),
    };
    Input::Open { person, account, database, from: "192.0.2.1".into(), nonce: [rng.u8(..); 32] }
}

fn vote(rng: &mut Rng, state: &State, directory: &Roster, now: Timestamp) -> Input {
    let pending: Vec<RequestId> = state.pending.iter().copied().collect();
    let changes: Vec<RequestId> =
        state.waiting().filter(|r| matches!(r.act, Act::Administer(_))).map(|r| r.id).collect();
    let owed: Vec<RequestId> = state.requests.values().filter(|r| !r.debt().is_empty()).map(|r| r.id).collect();
    let id = match rng.u32(0..100) {
        0..=34 if !owed.is_empty() => one(rng, &owed),
        0..=44 if !changes.is_empty() => one(rng, &changes),
        0..=91 if !pending.is_empty() => one(rng, &pending),
        _ => any_request(rng, state),
    };
    let request = state.requests.get(&id);
    let review = request.and_then(|r| r.debt().first().copied());
    let review = review.map(|(track, level)| Position { track, level, epoch: 0 });
    let position = review.or_else(|| request.map(|r| position(rng, r)));
    let position = position.unwrap_or(Position { track: 0, level: 0, epoch: 0 });
    let approver = approver(rng, state, directory, request, position, now).unwrap_or_else(|| someone(rng, directory));
    let terms = chance(rng, 40).then(|| Terms { window: edited(rng, request, now), reset_after_use: chance(rng, 40) });
    Input::Vote(Vote {
        request: id,
        position,
        approver,
        verdict: if chance(rng, 82) { Verdict::Approve } else { Verdict::Reject },
        terms,
        comment: chance(rng, 20).then_some(Commitment(Digest::ZERO)),
        evidence: evidence(rng, directory.contacts.contains_key(&approver)),
    })
}

/// Mostly what is enough: of a contact the link, which is nothing to anybody else.
fn evidence(rng: &mut Rng, contact: bool) -> Evidence {
    match rng.u32(0..100) {
        0..=89 if contact => Evidence::Link,
        0..=1 => Evidence::Link,
        2..=80 => Evidence::SecondFactor,
        _ => Evidence::SignedIn,
    }
}

/// Mostly what is open; sometimes a level passed or to come, an old epoch, a track there is not.
fn position(rng: &mut Rng, request: &Request) -> Position {
    let tracks = u32::try_from(request.tracks.len()).unwrap_or(u32::MAX);
    let track = rng.u32(0..tracks.max(1));
    let open = request.tracks.get(track as usize).map_or((0, 0), |t| (t.at, t.epoch));
    match rng.u32(0..100) {
        0..=3 => Position { track, level: rng.u32(0..4), epoch: open.1 },
        4..=7 => Position { track, level: open.0, epoch: rng.u32(0..3) },
        8 => Position { track: track + 1, level: 0, epoch: 0 },
        _ => Position { track, level: open.0, epoch: open.1 },
    }
}

/// Mostly someone the level names, sometimes the requester, sometimes who decided before, else anybody.
fn approver(
    rng: &mut Rng,
    state: &State,
    directory: &Roster,
    request: Option<&Request>,
    at: Position,
    now: Timestamp,
) -> Option<PersonId> {
    let request = request?;
    let track = request.tracks.get(at.track as usize)?;
    match rng.u32(0..100) {
        0..=4 => return Some(request.person.id),
        5..=14 => return track.votes.first().map(|v| v.approver),
        15..=24 => return None,
        _ => {}
    }
    let level = track.levels.get(at.level as usize)?;
    let authority = track.authority().filter(|_| chance(rng, 80)).unwrap_or(&level.authority);
    let named: Vec<PersonId> =
        crate::approvers(state, directory, now, authority, request.about()).into_iter().collect();
    rng.choice(&named).copied()
}

/// Terms an approver may choose: some of the asked window, all of it, more of it, or something else entirely.
fn edited(rng: &mut Rng, request: Option<&Request>, now: Timestamp) -> Window {
    let Some(asked) = request.map(|r| r.terms.window).filter(|_| chance(rng, 85)) else { return period(rng, now) };
    let minutes = rng.i64(-40..10) * 60_000_000;
    Window { start: asked.start, end: Timestamp(asked.end.0.saturating_add(minutes)) }
}

/// A release: mostly of what was approved, in a session of its grant; any grant may be tried again.
fn clear(rng: &mut Rng, state: &State) -> Input {
    let once = |g: &&crate::Grant| matches!(g.kind, GrantKind::Once { .. });
    let grants: Vec<_> = state.grants.values().filter(once).collect();
    let picked = rng.choice(&grants).map(|g| (g.id, g.kind.clone()));
    let Some((grant, GrantKind::Once { attempt: approved, under, session })) = picked else {
        let (grant, session) = (any_grant(rng, state), any_session(rng, state));
        return Input::Clear { grant, session, attempt: attempt(rng) };
    };
    let open = |id: &&SessionId| state.sessions.get(id).is_some_and(|s| s.grant == under);
    let sessions: Vec<SessionId> = state.open_sessions.iter().filter(open).copied().collect();
    let own = session.or_else(|| rng.choice(&sessions).copied());
    Input::Clear {
        grant,
        session: own.filter(|_| chance(rng, 85)).unwrap_or_else(|| any_session(rng, state)),
        attempt: if chance(rng, 80) { approved } else { attempt(rng) },
    }
}

/// A report on what was used; now and then on what was not.
fn ran(rng: &mut Rng, state: &State) -> Input {
    let steps: Vec<_> = state.unreported_steps.iter().copied().collect();
    let step = rng.choice(&steps).copied().filter(|_| chance(rng, 60));
    match step {
        Some((grant, step)) => Input::Ran { grant, step: Some(step), outcome: outcome(rng) },
        None => {
            let step = chance(rng, 5).then_some(0);
            Input::Ran { grant: used_grant(rng, state), step, outcome: outcome(rng) }
        }
    }
}

fn plan(rng: &mut Rng) -> ChangePlan {
    let order = if chance(rng, 60) { StepOrder::Listed } else { StepOrder::Any };
    let step = |facts: ActionFacts| PlanStep { sql: Digest::of_value("a text", &facts), facts, held: false };
    let steps = (0..rng.usize(1..4)).map(|_| step(facts(rng))).collect();
    ChangePlan { order, texts: Commitment(Digest::ZERO), steps }
}

/// A statement of a plan, in a session under its grant; mostly the next, sometimes another or none of them.
fn planned(rng: &mut Rng, state: &State) -> Option<Input> {
    let plan_of = |id: &SessionId| {
        let grant = state.grants.get(&state.sessions.get(id)?.grant)?;
        Some((*id, grant, state.requests.get(&grant.request)?.plan.as_ref()?))
    };
    let open: Vec<_> = state.open_sessions.iter().filter_map(plan_of).collect();
    let (session, grant, plan) = rng.choice(&open).copied().filter(|_| chance(rng, 70))?;
    let next = (0..).zip(&plan.steps).find(|(n, _)| !grant.steps.contains_key(n)).map(|(_, step)| step);
    let step = next.filter(|_| chance(rng, 70)).unwrap_or(&plan.steps[rng.usize(..plan.steps.len())]);
    let mut facts = step.facts.clone();
    if chance(rng, 10) {
        facts = self::facts(rng);
    }
    let sql = if chance(rng, 90) { step.sql } else { Digest::ZERO };
    Some(Input::Planned(Planned { session, sql, attempt: attempt(rng), facts }))
}

fn outcome(rng: &mut Rng) -> RunOutcome {
    match rng.u32(0..3) {
        0 => RunOutcome::Completed { rows: rng.u64(0..99) },
        1 => RunOutcome::Failed { code: "42501".into() },
        _ => RunOutcome::Unknown,
    }
}
