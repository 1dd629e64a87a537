//! The worlds: who there is, which rules hold, and what may be said at any moment. Together they cover every kind of event.

pub mod gateways;
mod watching;

use crate::law;
use crate::node::Node;
use countersign_core::{
    Account, Ask, AskAct, Contact, Device, Directory, EmergencyCall, Endpoint, GrantKind, Group, Input, Person,
    Planned, Position, PostgresEndpoint, Role, Roster, Rulebook, State, Vote, apply, decide, digest, wake_at,
};
use countersign_journal::{
    AccountId, ActMatch, ActionFacts, Attempt, Authority, Change, ChangePlan, Commitment, Conditions, DeviceId, Digest,
    Emergency, Event, Evidence, GroupId, Level, Module, Name, Note, Outcome, Parameters, PersonId, PlanStep, Policy,
    RelationUse, Rule, RuleId, RunOutcome, SessionEnd, StatementFacts, StatementKind, StatementMatch, StepOrder,
    Subjects, Targets, Terms, Timeout, TimeoutAction, Timestamp, Verdict, Window, Workflow, WorkflowId,
};
use std::collections::{BTreeMap, BTreeSet};

const MINUTE: u64 = 60;
/// 2027-01-15T08:00:00Z, where every world begins.
const BEGINNING: Timestamp = Timestamp(1_800_000_000_000_000);
const ROOT: PersonId = PersonId(1);
const ALICE: PersonId = PersonId(2);
const BOB: PersonId = PersonId(3);
const CAROL: PersonId = PersonId(4);
/// The contact.
const VERA: PersonId = PersonId(5);
const DBA: GroupId = GroupId(1);
const ON_CALL: GroupId = GroupId(2);
const APP: AccountId = AccountId(1);

/// What may be said in a world, beside asking, deciding and the passing of time.
#[derive(Clone, Copy, Default, Debug)]
pub struct Said {
    /// Requesters ask for sessions, open and close them.
    pub sessions: bool,
    /// Statements are held, released and reported.
    pub statements: bool,
    /// Approvals are taken back, requests withdrawn, revoked, given back.
    pub endings: bool,
    /// Emergencies are declared and stopped.
    pub emergencies: bool,
    /// Levels are escalated by hand.
    pub escalations: bool,
    /// Rights are lent, and links made.
    pub lending: bool,
    /// Terms are edited.
    pub edits: bool,
    /// The directory is changed.
    pub changes: bool,
    /// Sessions are asked for with statements to be run in them.
    pub plans: bool,
    /// Sessions are watched, which has to be approved.
    pub watching: bool,
}

/// A small world.
#[derive(Clone)]
pub struct World {
    /// What it is called.
    pub name: &'static str,
    levels: Vec<Level>,
    rule: Rule,
    held: Option<Rule>,
    said: Said,
    requesters: Vec<PersonId>,
    requests_max: usize,
    sessions_max: usize,
    epochs_max: u32,
    /// States the binary explores at most.
    pub states_max: usize,
}

/// Every world.
#[must_use]
pub fn worlds() -> Vec<World> {
    let timed = |level: Level| Level {
        timeout: Some(Timeout { after_s: 30 * MINUTE, action: TimeoutAction::EscalateToMembers(ON_CALL) }),
        ..level
    };
    let members = || Level::of(Authority::Members(DBA));
    let three = vec![timed(members()), persons(&[CAROL]), Level { approvals: 1, ..persons(&[ROOT]) }];
    let mut levels = base("three levels, timeouts, retract, revoke", three);
    (levels.requesters, levels.requests_max, levels.sessions_max) = (vec![ALICE, BOB], 2, 2);
    levels.said = Said { endings: true, escalations: true, sessions: true, ..Said::default() };
    let mut urgent = base("emergency with a countdown, exclusive use", vec![timed(members())]);
    urgent.rule.emergency = Some(Emergency { countdown_s: MINUTE });
    urgent.rule.conditions.exclusive = true;
    urgent.requesters = vec![ALICE, CAROL];
    (urgent.requests_max, urgent.sessions_max) = (2, 2);
    urgent.said = Said { emergencies: true, sessions: true, endings: true, ..Said::default() };
    let mut held = base("statements, each once", vec![persons(&[BOB])]);
    held.rule.outcome = Outcome::Allow;
    held.rule.workflow = None;
    held.held = Some(held_rule());
    (held.requests_max, held.sessions_max) = (4, 2);
    held.said = Said { sessions: true, statements: true, endings: true, ..Said::default() };
    let mut lent = base("lent rights, links, edits", vec![Level { approvals: 2, ..members() }]);
    (lent.requesters, lent.requests_max) = (vec![ALICE, ROOT], 2);
    lent.said = Said { lending: true, edits: true, endings: true, ..Said::default() };
    let mut changed = base("changes of the directory", vec![persons(&[BOB])]);
    (changed.requests_max, changed.epochs_max) = (4, 1);
    changed.said = Said { changes: true, endings: true, ..Said::default() };
    let mut planned = base("statements planned with the session", vec![persons(&[BOB, CAROL])]);
    planned.held = Some(held_rule());
    (planned.requests_max, planned.sessions_max) = (2, 2);
    planned.said = Said { plans: true, sessions: true, statements: true, endings: true, ..Said::default() };
    let vera = Level::of(Authority::Contacts([VERA].into()));
    let mut outside = base("a contact decides after the members, or reviews", vec![timed(members()), vera]);
    outside.rule.emergency = Some(Emergency { countdown_s: MINUTE });
    outside.requests_max = 2;
    outside.requesters = vec![ALICE, CAROL];
    outside.said = Said { emergencies: true, escalations: true, endings: true, ..Said::default() };
    let mut watched = base("sessions watched, each viewing approved", vec![persons(&[BOB])]);
    (watched.rule.outcome, watched.rule.workflow) = (Outcome::Allow, None);
    (watched.requests_max, watched.sessions_max, watched.epochs_max) = (4, 1, 1);
    watched.said = Said { watching: true, sessions: true, changes: true, endings: true, ..Said::default() };
    vec![levels, urgent, held, lent, changed, planned, outside, watched]
}

fn persons(people: &[PersonId]) -> Level {
    Level::of(Authority::Persons(people.iter().copied().collect()))
}

fn base(name: &'static str, levels: Vec<Level>) -> World {
    World {
        name,
        levels,
        rule: connect_rule(),
        held: None,
        said: Said::default(),
        requesters: vec![ALICE],
        requests_max: 1,
        sessions_max: 1,
        epochs_max: 2,
        states_max: 8_000_000,
    }
}

fn connect_rule() -> Rule {
    Rule {
        id: RuleId(1),
        name: "connect".into(),
        subjects: Subjects::default(),
        targets: Targets::default(),
        acts: ActMatch::Connect,
        outcome: Outcome::Approve,
        workflow: Some(WorkflowId(1)),
        unknown: None,
        exclusions: Subjects::default(),
        conditions: Conditions::default(),
        automatic: None,
        emergency: None,
    }
}

fn held_rule() -> Rule {
    Rule { id: RuleId(2), name: "held".into(), acts: ActMatch::Run(updates()), ..connect_rule() }
}

pub(crate) fn updates() -> StatementMatch {
    StatementMatch { kinds: [StatementKind::Update].into(), ..StatementMatch::default() }
}

/// The kind of an event, as a bit.
#[must_use]
pub fn bit(event: &Event) -> u32 {
    let n = match event {
        Event::PolicyApplied { .. } => 0,
        Event::DirectoryApplied { .. } => 1,
        Event::RequestMade(_) => 2,
        Event::LevelStarted { .. } => 3,
        Event::Escalated { .. } => 4,
        Event::LevelBlocked { .. } => 5,
        Event::LevelFreed { .. } => 6,
        Event::Voted { .. } => 7,
        Event::Retracted { .. } => 8,
        Event::RequestApproved { .. } => 9,
        Event::RequestDisapproved { .. } => 10,
        Event::RequestCanceled { .. } => 11,
        Event::RequestExpired { .. } => 12,
        Event::RequestRevoked { .. } => 13,
        Event::EmergencyConfirmed { .. } => 14,
        Event::EmergencyStopped { .. } => 15,
        Event::Reviewed { .. } => 16,
        Event::Delegated { .. } => 17,
        Event::DelegationEnded { .. } => 18,
        Event::LinkMade { .. } => 19,
        Event::GrantEdited { .. } => 20,
        Event::GrantEnded { .. } => 21,
        Event::SessionOpened { .. } => 22,
        Event::SessionClosed { .. } => 23,
        Event::Used { .. } => 24,
        Event::Ran { .. } => 25,
        Event::PlanUsed { .. } => 26,
        Event::PlanRan { .. } => 27,
        Event::Noted(Note::TranscriptRead { .. }) => 28,
        Event::Noted(_) => 29,
    };
    1 << n
}

/// All kinds but the first, which set-up alone makes here, and other notes, which change nothing.
pub const ALL_BITS: u32 = ((1 << 29) - 1) & !1;

impl World {
    /// The world set up: one step of the engine, like all others.
    #[must_use]
    pub fn beginning(&self) -> Node {
        self.set_up().0
    }

    /// The same, with what was written.
    fn set_up(&self) -> (Node, Vec<Event>) {
        let directory = Roster::new(self.directory());
        let workflow = Workflow { id: WorkflowId(1), name: "flow".into(), levels: self.levels.clone() };
        let rules = std::iter::once(self.rule.clone()).chain(self.held.clone()).collect();
        let parameters = Parameters { watch_approval: self.said.watching, ..Parameters::default() };
        let policy = Policy { rules, workflows: [(1, workflow)].into(), parameters };
        let input =
            Input::Apply { directory: directory.clone(), policy: policy.into(), under: None, secrets: Vec::new() };
        let (mut state, broken) = (State::default(), None);
        let set_up = decide(&state, &Roster::default(), input, BEGINNING).expect("a world can be set up");
        set_up.events.iter().for_each(|event| apply(&mut state, BEGINNING, event));
        (Node { now: BEGINNING, state, directory, proposed: BTreeMap::new(), broken }, set_up.events)
    }

    fn directory(&self) -> Directory {
        let person = |handle: &str, role| Person {
            handle: handle.into(),
            name: handle.into(),
            email: None,
            enabled: true,
            role,
            manager: None,
            former_emails: BTreeSet::new(),
        };
        let group = |name: &str, members: &[PersonId]| Group {
            name: name.into(),
            members: members.iter().copied().collect(),
            ..Group::default()
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
        let account = Account {
            device: DeviceId(1),
            name: "app".into(),
            owners: [].into(),
            managers: [].into(),
            certificate: false,
        };
        let vera = Contact { name: "vera".into(), email: "vera@example.test".into(), enabled: true };
        // A second administrator only where changes are proposed: elsewhere nobody proposes any.
        let carol = if self.said.changes { Role::Administrator } else { Role::Member };
        Directory {
            people: [
                (ROOT, person("root", Role::Administrator)),
                (ALICE, person("alice", Role::Member)),
                (BOB, person("bob", Role::Member)),
                (CAROL, person("carol", carol)),
            ]
            .into(),
            groups: [(DBA, group("dba", &[BOB, CAROL])), (ON_CALL, group("on-call", &[CAROL, ROOT]))].into(),
            devices: [(DeviceId(1), device)].into(),
            accounts: [(APP, account)].into(),
            contacts: [(VERA, vera)].into(),
            approvers: [(Module::PamCore, [BOB, ROOT].into())].into(),
            next_id: 9,
            ..Directory::default()
        }
    }

    /// One step: the engine's answer, folded and judged; nothing when it refused. With it, the kinds of event it made.
    #[must_use]
    pub fn step(&self, node: &Node, input: Input) -> Option<(Node, u32)> {
        let (next, events) = self.decided(node, input)?;
        Some((next, events.iter().fold(0, |seen, event| seen | bit(event))))
    }

    /// The same, with what is to be written.
    fn decided(&self, node: &Node, input: Input) -> Option<(Node, Vec<Event>)> {
        let mut next = node.clone();
        if matches!(input, Input::Tick) {
            next.now = wake_at(&node.state)?.max(node.now);
        }
        let new_directory = match &input {
            Input::Apply { directory, .. } => Some(directory.clone()),
            _ => None,
        };
        let decision = decide(&node.state, &node.directory, input.clone(), next.now).ok()?;
        if let Input::Ask(Ask { act: AskAct::Administer(change), .. }) = &input {
            next.proposed.insert(change.digest, self.disabled(&node.directory, &node.state.policy));
        }
        decision.events.iter().for_each(|event| apply(&mut next.state, next.now, event));
        if let Some(directory) = new_directory {
            next.directory = directory;
        }
        next.broken = law::judge(node, &input, &decision.events, &next).err();
        Some((next, decision.events))
    }

    /// The one change there is: Bob leaves, or comes back.
    fn disabled(&self, directory: &Roster, policy: &Rulebook) -> (Roster, Rulebook) {
        let mut changed = Directory::clone(directory);
        changed.people.entry(BOB).and_modify(|p| p.enabled = !p.enabled);
        (changed.into(), policy.clone())
    }

    /// Everything that may be said now.
    #[must_use]
    pub fn inputs(&self, node: &Node) -> Vec<Input> {
        let mut all = vec![Input::Tick];
        self.asked(node, &mut all);
        votes(node, &mut all);
        let said = self.said;
        if said.sessions {
            self.sessions(node, &mut all);
        }
        if said.statements {
            statements(node, self.requests_max, &mut all);
        }
        if said.endings {
            self.endings(node, &mut all);
        }
        if said.emergencies {
            emergencies(node, &mut all);
        }
        if said.escalations {
            escalations(node, self.epochs_max, &mut all);
        }
        if said.lending {
            lending(node, &mut all);
        }
        if said.edits {
            edits(node, &mut all);
        }
        if said.plans {
            plans(node, &mut all);
        }
        if said.changes {
            self.changes(node, &mut all);
        }
        if said.watching {
            watching::inputs(node, self.requests_max, &mut all);
        }
        all
    }

    fn asked(&self, node: &Node, all: &mut Vec<Input>) {
        if node.state.requests.len() >= self.requests_max || self.rule.outcome == Outcome::Allow {
            return;
        }
        let window = Window { start: BEGINNING, end: BEGINNING.plus(120 * MINUTE) };
        for person in &self.requesters {
            let act = AskAct::Connect { account: APP, database: None, window };
            let plan = self.said.plans.then(|| Box::new(plan()));
            all.push(Input::Ask(Ask { plan, ..with_reason(Ask::plain(*person, act, [0; 32])) }));
        }
    }

    fn sessions(&self, node: &Node, all: &mut Vec<Input>) {
        if node.state.sessions.len() < self.sessions_max {
            all.extend(self.requesters.iter().map(|person| Input::Open {
                person: *person,
                account: APP,
                database: None,
                from: String::new(),
                nonce: [0; 32],
            }));
        }
        // A client that leaves, or a server that was killed: the session is gone either way.
        all.extend(node.state.open_sessions.iter().map(|session| Input::Close {
            session: *session,
            why: SessionEnd::ServerStopped,
            transcript: None,
            records: 0,
        }));
    }

    fn endings(&self, node: &Node, all: &mut Vec<Input>) {
        for request in node.state.requests.values() {
            let id = request.id;
            all.push(Input::Withdraw { request: id, by: request.person.id });
            let fresh = request.tracks.iter().all(|t| t.epoch < self.epochs_max);
            let voters: BTreeSet<PersonId> = request.tracks.iter().flat_map(|t| &t.votes).map(|v| v.approver).collect();
            all.extend(voters.iter().filter(|_| fresh).map(|by| Input::Retract { request: id, by: *by }));
            all.push(Input::Revoke { request: id, by: ROOT, reason: None });
            if let Some(grant) = request.grant {
                all.push(Input::Surrender { grant, by: request.person.id });
            }
        }
    }

    fn changes(&self, node: &Node, all: &mut Vec<Input>) {
        if node.state.requests.len() < self.requests_max {
            let (directory, policy) = self.disabled(&node.directory, &node.state.policy);
            let change = Change {
                digest: digest::change(&directory, &policy),
                text: Commitment(Digest::ZERO),
                policy_version: node.state.policy_version,
                directory_version: node.state.directory_version,
            };
            all.push(Input::Ask(with_reason(Ask::plain(ROOT, AskAct::Administer(change), [0; 32]))));
        }
        for grant in node.state.grants.values().filter(|g| matches!(g.kind, GrantKind::Change { .. })) {
            for (directory, policy) in node.proposed.values() {
                let under = Some(grant.id);
                let (directory, policy) = (directory.clone(), policy.clone());
                all.push(Input::Apply { directory, policy, under, secrets: Vec::new() });
            }
        }
    }
}

pub(crate) fn with_reason(ask: Ask) -> Ask {
    Ask { reason: Some(Commitment(Digest::ZERO)), reason_chars: 9, ..ask }
}

const PEOPLE: [PersonId; 4] = [ROOT, ALICE, BOB, CAROL];

/// Everybody with their second factor; where a contact is named, the contact with link and without, and Bob with a link.
fn voters(request: &countersign_core::Request) -> impl Iterator<Item = (PersonId, Evidence)> {
    let levels = request.tracks.iter().flat_map(|t| &t.levels);
    let named = levels.into_iter().any(|l| matches!(l.authority, Authority::Contacts(_)));
    let outside = [(VERA, Evidence::Link), (VERA, Evidence::SecondFactor), (BOB, Evidence::Link)];
    let people = PEOPLE.into_iter().map(|p| (p, Evidence::SecondFactor));
    people.chain(outside.into_iter().filter(move |_| named))
}

/// Every person says yes and no to every open level, and to one that is over.
fn votes(node: &Node, all: &mut Vec<Input>) {
    let open = |r: &&countersign_core::Request| node.state.pending.contains(&r.id) || !r.debt().is_empty();
    for request in node.state.requests.values().filter(open) {
        let owed = request.debt();
        for (n, track) in (0u32..).zip(&request.tracks) {
            let levels: BTreeSet<u32> = owed.iter().map(|(_, level)| *level).chain([track.at]).collect();
            for (level, (approver, evidence)) in levels.iter().flat_map(|l| voters(request).map(|v| (*l, v))) {
                for verdict in [Verdict::Approve, Verdict::Reject] {
                    all.push(Input::Vote(Vote {
                        request: request.id,
                        position: Position { track: n, level, epoch: track.epoch },
                        approver,
                        verdict,
                        terms: None,
                        comment: None,
                        evidence,
                    }));
                }
            }
        }
    }
}

fn statements(node: &Node, requests_max: usize, all: &mut Vec<Input>) {
    let open: Vec<_> = node.state.open_sessions.iter().copied().collect();
    let attempts = [Attempt(Digest([1; 32])), Attempt(Digest([2; 32]))];
    for session in &open {
        for attempt in attempts.iter().filter(|_| node.state.requests.len() < requests_max) {
            let act =
                AskAct::Run { session: *session, attempt: *attempt, text: Commitment(Digest::ZERO), facts: update() };
            all.push(Input::Ask(Ask::plain(ALICE, act, [0; 32])));
        }
        for grant in node.state.grants.values().filter(|g| matches!(g.kind, GrantKind::Once { .. })) {
            all.extend(attempts.map(|attempt| Input::Clear { grant: grant.id, session: *session, attempt }));
        }
    }
    let outcome = RunOutcome::Completed { rows: 1 };
    all.extend(node.state.unreported.iter().map(|grant| Input::Ran {
        grant: *grant,
        step: None,
        outcome: outcome.clone(),
    }));
}

/// Two statements, in their order.
fn plan() -> ChangePlan {
    let step = |n| PlanStep { sql: planned(n), facts: update(), held: false };
    ChangePlan { order: StepOrder::Listed, texts: Commitment(Digest::ZERO), steps: vec![step(0), step(1)] }
}

fn planned(n: u8) -> Digest {
    Digest([n; 32])
}

/// Each statement of the plan is about to be sent, and one that is not in it.
fn plans(node: &Node, all: &mut Vec<Input>) {
    for session in &node.state.open_sessions {
        all.extend((0..3).map(|n| {
            let attempt = Attempt(planned(n));
            Input::Planned(Planned { session: *session, sql: planned(n), attempt, facts: update() })
        }));
    }
    let outcome = RunOutcome::Unknown;
    let unreported = node.state.unreported_steps.iter();
    all.extend(unreported.map(|(grant, step)| Input::Ran {
        grant: *grant,
        step: Some(*step),
        outcome: outcome.clone(),
    }));
}

pub(crate) fn update() -> ActionFacts {
    let relation = Name { schema: None, name: "customers".into() };
    let statement = StatementFacts {
        kinds: [StatementKind::Update].into(),
        relations: [RelationUse { kind: StatementKind::Update, relation }].into(),
        ..StatementFacts::default()
    };
    ActionFacts { statements: vec![statement], ..ActionFacts::default() }
}

fn emergencies(node: &Node, all: &mut Vec<Input>) {
    for request in node.state.waiting() {
        all.push(Input::Emergency(EmergencyCall {
            request: request.id,
            by: request.person.id,
            reason: Some(Commitment(Digest::ZERO)),
            evidence: Evidence::SecondFactor,
        }));
        let everybody = PEOPLE.into_iter().chain([VERA]);
        all.extend(everybody.map(|by| Input::StopEmergency { request: request.id, by, comment: None }));
    }
}

fn escalations(node: &Node, epochs_max: u32, all: &mut Vec<Input>) {
    for request in node.state.waiting() {
        for (n, track) in (0u32..).zip(&request.tracks).filter(|(_, t)| t.epoch < epochs_max) {
            let position = Position { track: n, level: track.at, epoch: track.epoch };
            all.push(Input::Escalate { request: request.id, position, by: ROOT });
        }
    }
}

fn lending(node: &Node, all: &mut Vec<Input>) {
    let window = Window { start: BEGINNING, end: BEGINNING.plus(90 * MINUTE) };
    if node.state.delegations.len() < 2 {
        for (from, to) in [(BOB, ROOT), (CAROL, BOB), (BOB, ALICE)] {
            all.push(Input::Delegate { from, to, window });
        }
    }
    let live = node.state.delegations.values().filter(|d| d.ended_by.is_none());
    all.extend(live.map(|d| Input::EndDelegation { delegation: d.id, by: d.from }));
    if node.state.links.is_empty() {
        all.extend([(BOB, ALICE), (CAROL, ROOT)].map(|(person, by)| Input::MakeLink { person, by }));
    }
    if node.state.links.waits(BOB) {
        all.push(Input::Note(Note::PasswordSet { person: BOB }));
    }
}

fn edits(node: &Node, all: &mut Vec<Input>) {
    for grant in node.state.grants.values().filter(|g| !g.has_ended()) {
        for minutes in [30, 60, 120, 180] {
            let window = Window { start: grant.terms.window.start, end: BEGINNING.plus(minutes * MINUTE) };
            let terms = Terms { window, reset_after_use: false };
            all.push(Input::Edit { request: grant.request, by: ROOT, terms, reason: None });
        }
    }
}
