//! Two gateways that race for the same grants, in a world where each of them, and the control plane, may fall over at any
//! moment: between asking and the writing, between the writing and the answer, between the answer and the bytes, between the
//! bytes and the report. What decides is the engine; here are only the wires, the journal and the target.
//!
//! The laws: what is not written has no effect, what has an effect was written before, nothing runs twice, nobody disturbs
//! exclusive use on the target itself, and a control plane that comes back knows from the journal what it knew.

use super::{ALICE, APP, BEGINNING, BOB, CAROL, ROOT, World, base, held_rule, persons, update};
use crate::node::Node;
use countersign_core::{Ask, AskAct, GrantKind, Input, Position, State, Vote, apply};
use countersign_journal::{
    Attempt, Commitment, Digest, Event, Evidence, GrantId, Outcome, PersonId, RequestId, RunOutcome, SessionEnd,
    SessionId, Timestamp, Verdict,
};
use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

/// How often somebody may fall over.
const FALLS_MAX: u32 = 2;
/// The one statement both are about to send.
const STATEMENT: Attempt = Attempt(Digest([1; 32]));

/// Two gateways before one control plane.
#[derive(Clone)]
pub struct Racing {
    /// What it is called.
    pub name: &'static str,
    world: World,
    careless: Careless,
    /// What has happened when it begins.
    before: Vec<Step>,
}

/// What a build would do that does not keep to the order, so that it is seen that the laws find it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Careless {
    /// As it is built.
    No,
    /// A gateway sends when it has asked, before anything is written.
    SendsUnwritten,
    /// A gateway that fell over remembers what it was allowed, and sends it again.
    SendsAgain,
    /// Gateways live on with their sessions when the control plane falls over, which closes these in the journal.
    Outlives,
    /// The control plane answers first and loses what it did not write.
    AnswersUnwritten,
}

/// What a gateway asks the control plane.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Call {
    /// A session for a client.
    Open(PersonId),
    /// That the statement of its client is held.
    Hold,
    /// To send the statement under this grant.
    Clear(GrantId),
    /// That it ran.
    Ran(GrantId),
    /// That the session is over.
    Close,
}

/// What a gateway remembers; gone when it falls over.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
struct Gateway {
    /// The session whose connection to the target it holds.
    serves: Option<SessionId>,
    /// What it asked and nobody decided yet.
    asked: Option<Call>,
    /// What was decided, on its way back: the session opened, or the grant that was used.
    answer: Option<Answered>,
    /// What it may send, once.
    permit: Option<GrantId>,
    /// What it sent and has not reported.
    sent: Option<GrantId>,
    /// What it may send again because it is careless.
    kept: Option<GrantId>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Answered {
    Opened(SessionId),
    Cleared(GrantId),
}

/// Everything ever written. Two moments that differ in nothing else are one.
#[derive(Clone, Debug)]
struct Journal(Vec<(Timestamp, Event)>);

impl PartialEq for Journal {
    fn eq(&self, _: &Journal) -> bool {
        true
    }
}

impl Eq for Journal {}

impl Hash for Journal {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

/// One moment.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Moment {
    /// What the control plane knows, and what was broken.
    pub node: Node,
    gateways: [Gateway; 2],
    /// How often the statement of a grant reached the target.
    runs: BTreeMap<GrantId, u32>,
    falls: u32,
    journal: Journal,
}

/// What may happen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// Somebody decides, revokes, or time passes.
    Say(Box<Input>),
    /// A gateway asks; its words are on the wire.
    Call(usize, Call),
    /// The control plane decides what a gateway asked, writes it, and only then answers.
    Decide(usize),
    /// The answer arrives.
    Hear(usize),
    /// The bytes leave.
    Send(usize),
    /// A gateway falls over.
    Fall(usize),
    /// The control plane notices a session without a gateway.
    Notice(SessionId),
    /// The control plane falls over, and comes back with what is written.
    Restart,
}

impl Step {
    fn said(input: Input) -> Step {
        Step::Say(Box::new(input))
    }
}

/// The worlds: one begins when both serve Alice under one grant and her statement was approved once, so that they race for
/// it; in the others they race for the sessions, in shared use and in exclusive use.
#[must_use]
pub fn racing(careless: Careless) -> Vec<Racing> {
    let racing = |name, exclusive, requesters: &[PersonId], requests_max, before| {
        let mut world = base(name, vec![persons(&[BOB])]);
        (world.rule.outcome, world.rule.workflow) = (Outcome::Allow, None);
        world.rule.conditions.exclusive = exclusive;
        world.held = Some(held_rule());
        (world.requesters, world.requests_max, world.sessions_max) = (requesters.to_vec(), requests_max, 3);
        Racing { name, world, careless, before }
    };
    vec![
        racing("two gateways, one statement", false, &[ALICE], 2, approved()),
        racing("two gateways, sessions in shared use", false, &[ALICE, CAROL], 4, Vec::new()),
        racing("two gateways, sessions in exclusive use", true, &[ALICE, CAROL], 4, Vec::new()),
    ]
}

/// Both serve Alice, and Bob has approved what she was held with.
fn approved() -> Vec<Step> {
    let asks = |n, call| [Step::Call(n, call), Step::Decide(n), Step::Hear(n)];
    let vote = Vote {
        request: RequestId(2),
        position: Position { track: 0, level: 0, epoch: 0 },
        approver: BOB,
        verdict: Verdict::Approve,
        terms: None,
        comment: None,
        evidence: Evidence::SecondFactor,
    };
    let asked = [asks(0, Call::Open(ALICE)), asks(1, Call::Open(ALICE)), asks(0, Call::Hold)];
    asked.into_iter().flatten().chain([Step::said(Input::Vote(vote))]).collect()
}

impl Racing {
    /// States the binary explores at most.
    #[must_use]
    pub fn states_max(&self) -> usize {
        self.world.states_max / 2
    }

    /// Where it begins.
    #[must_use]
    pub fn beginning(&self) -> Moment {
        let taken = |at: Moment, step: &Step| self.take(&at, step.clone()).expect("what has happened can happen");
        self.before.iter().fold(self.set_up(), taken)
    }

    fn set_up(&self) -> Moment {
        let (node, written) = self.world.set_up();
        let journal = Journal(written.into_iter().map(|event| (BEGINNING, event)).collect());
        Moment { node, gateways: [Gateway::default(); 2], runs: BTreeMap::new(), falls: 0, journal }
    }

    /// Everything that may happen now.
    #[must_use]
    pub fn steps(&self, at: &Moment) -> Vec<Step> {
        let requests = at.node.state.requests.keys();
        let revokes = requests.map(|request| Input::Revoke { request: *request, by: ROOT, reason: None });
        let mut all: Vec<Step> = self.world.inputs(&at.node).into_iter().chain(revokes).map(Step::said).collect();
        for (n, gateway) in at.gateways.iter().enumerate() {
            all.extend(self.calls(at, n).into_iter().map(|call| Step::Call(n, call)));
            all.extend(gateway.asked.map(|_| Step::Decide(n)));
            all.extend(gateway.answer.map(|_| Step::Hear(n)));
            let unwritten = self.careless == Careless::SendsUnwritten && matches!(gateway.asked, Some(Call::Clear(_)));
            if gateway.serves.is_some() && (gateway.permit.is_some() || gateway.kept.is_some() || unwritten) {
                all.push(Step::Send(n));
            }
            if at.falls < FALLS_MAX && *gateway != Gateway::default() {
                all.push(Step::Fall(n));
            }
        }
        let held = |session: &SessionId| at.gateways.iter().any(|g| g.holds(*session));
        all.extend(at.node.state.open_sessions.iter().filter(|s| !held(s)).map(|s| Step::Notice(*s)));
        if at.falls < FALLS_MAX {
            all.push(Step::Restart);
        }
        all
    }

    /// What a gateway may ask now, one thing at a time.
    fn calls(&self, at: &Moment, n: usize) -> Vec<Call> {
        let (gateway, state) = (&at.gateways[n], &at.node.state);
        if gateway.asked.is_some() || gateway.answer.is_some() || gateway.permit.is_some() {
            return Vec::new();
        }
        if let Some(grant) = gateway.sent {
            return vec![Call::Ran(grant)];
        }
        if gateway.serves.is_none() {
            let room = state.sessions.len() < self.world.sessions_max;
            return self.world.requesters.iter().filter(|_| room).map(|person| Call::Open(*person)).collect();
        }
        let once = state.grants.values().filter(|g| matches!(g.kind, GrantKind::Once { .. }));
        let clear = once.map(|g| Call::Clear(g.id));
        let hold = Some(Call::Hold).filter(|_| state.requests.len() < self.world.requests_max);
        clear.chain(hold).chain([Call::Close]).collect()
    }

    /// What a step leads to, judged; nothing when it was refused and changed nothing.
    #[must_use]
    pub fn take(&self, at: &Moment, step: Step) -> Option<Moment> {
        let mut next = at.clone();
        match step {
            Step::Say(input) => self.written(&mut next, *input).then_some(())?,
            Step::Call(n, call) => next.gateways[n].ask(call),
            Step::Decide(n) => self.decide(&mut next, n),
            Step::Hear(n) => next.gateways[n].hear(),
            Step::Send(n) => self.send(&mut next, n),
            Step::Fall(n) => self.fall(&mut next, n),
            Step::Notice(session) => self.written(&mut next, close(session)).then_some(())?,
            Step::Restart => self.restart(&mut next),
        }
        if next.node.broken.is_none() {
            next.node.broken = judge(&next).err();
        }
        Some(next)
    }

    /// Has the engine decide and writes what it decided; whether there was anything to write.
    fn written(&self, next: &mut Moment, input: Input) -> bool {
        let Some((node, events)) = self.world.decided(&next.node, input) else { return false };
        next.journal.0.extend(events.into_iter().map(|event| (node.now, event)));
        next.node = node;
        true
    }

    fn decide(&self, next: &mut Moment, n: usize) {
        let Some(call) = next.gateways[n].asked.take() else { return };
        let before = next.clone();
        let decided = next.input(n, call).is_some_and(|input| self.written(next, input));
        let opened = next.node.state.given.sessions;
        next.gateways[n].answer = match call {
            Call::Open(_) if decided => Some(Answered::Opened(SessionId(opened))),
            Call::Clear(grant) if decided => Some(Answered::Cleared(grant)),
            _ => None,
        };
        if self.careless == Careless::AnswersUnwritten && matches!(call, Call::Clear(_)) {
            let answer = next.gateways[n].answer;
            *next = before;
            next.gateways[n].answer = answer;
        }
    }

    fn send(&self, next: &mut Moment, n: usize) {
        let gateway = &mut next.gateways[n];
        let unwritten = match gateway.asked {
            Some(Call::Clear(grant)) if self.careless == Careless::SendsUnwritten => Some(grant),
            _ => None,
        };
        let Some(grant) = gateway.permit.take().or_else(|| gateway.kept.take()).or(unwritten) else { return };
        gateway.sent = Some(grant);
        *next.runs.entry(grant).or_default() += 1;
    }

    fn fall(&self, next: &mut Moment, n: usize) {
        let kept = Some(next.gateways[n]).filter(|_| self.careless == Careless::SendsAgain);
        let kept = kept.and_then(|g| g.permit.or(g.sent).or(g.kept));
        next.gateways[n] = Gateway { kept, ..Gateway::default() };
        next.falls += 1;
    }

    /// One program holds control plane and gateways, so that these fall with it. What was on the wires is gone, and every
    /// session that was open is closed, when it comes back.
    fn restart(&self, next: &mut Moment) {
        let mut state = State::default();
        next.journal.0.iter().for_each(|(at, event)| apply(&mut state, *at, event));
        if state != next.node.state {
            next.node.broken = Some("10: the journal does not tell what was known".to_owned());
        }
        next.node.state = state;
        next.falls += 1;
        for n in 0..next.gateways.len() {
            match self.careless {
                Careless::Outlives => next.gateways[n] = Gateway { asked: None, answer: None, ..next.gateways[n] },
                _ => next.gateways[n] = Gateway::default(),
            }
        }
        for session in next.node.state.open_sessions.clone() {
            self.written(next, close(session));
        }
    }
}

impl Gateway {
    /// Whether it holds the session, or is about to be told of it.
    fn holds(&self, session: SessionId) -> bool {
        self.serves == Some(session)
            || self.answer == Some(Answered::Opened(session))
            || self.asked == Some(Call::Close)
    }

    fn ask(&mut self, call: Call) {
        self.asked = Some(call);
        if matches!(call, Call::Ran(_)) {
            self.sent = None;
        }
    }

    fn hear(&mut self) {
        match self.answer.take() {
            Some(Answered::Opened(session)) => self.serves = Some(session),
            Some(Answered::Cleared(grant)) => self.permit = Some(grant),
            None => {}
        }
    }
}

impl Moment {
    /// What the control plane is asked, in the engine's words; nothing when the gateway no longer has what it asks about.
    fn input(&mut self, n: usize, call: Call) -> Option<Input> {
        let serves = self.gateways[n].serves;
        Some(match call {
            Call::Open(person) => {
                Input::Open { person, account: APP, database: None, from: String::new(), nonce: [0; 32] }
            }
            Call::Hold => {
                let session = serves?;
                let grant =
                    self.node.state.sessions.get(&session).and_then(|s| self.node.state.grants.get(&s.grant))?;
                let act = AskAct::Run { session, attempt: STATEMENT, text: Commitment(Digest::ZERO), facts: update() };
                Input::Ask(Ask::plain(grant.person, act, [0; 32]))
            }
            Call::Clear(grant) => Input::Clear { grant, session: serves?, attempt: STATEMENT },
            Call::Ran(grant) => Input::Ran { grant, step: None, outcome: RunOutcome::Completed { rows: 1 } },
            // The connection to the target is gone before the session is said to be over.
            Call::Close => close(self.gateways[n].serves.take()?),
        })
    }
}

fn close(session: SessionId) -> Input {
    Input::Close { session, why: SessionEnd::ServerStopped, transcript: None, records: 0 }
}

/// What must hold on the target and on the wires.
fn judge(at: &Moment) -> Result<(), String> {
    let state = &at.node.state;
    for (grant, runs) in &at.runs {
        if *runs > 1 {
            return Err(format!("6: the statement of {grant} reached the target {runs} times"));
        }
        let used = state.grants.get(grant).is_some_and(|g| g.used_in.is_some());
        if !used {
            return Err(format!("6: the statement of {grant} reached the target and nothing says so"));
        }
    }
    let mut held = BTreeMap::new();
    for gateway in &at.gateways {
        let Some(session) = gateway.serves.and_then(|s| state.sessions.get(&s)) else {
            match gateway.serves {
                None => continue,
                Some(session) => return Err(format!("1: {session} is on the target and in no journal")),
            }
        };
        let grant = state.grants.get(&session.grant).ok_or("1: a session on the target without a grant")?;
        held.insert(session.id, (grant.id, grant.exclusive));
        for grant in gateway.permit.iter() {
            let here = state.grants.get(grant).and_then(|g| g.used_in) == Some(session.id);
            if !here {
                return Err(format!("6: {grant} may be sent in {} and was used elsewhere", session.id));
            }
        }
    }
    let disturbed = held.values().any(|(_, exclusive)| *exclusive)
        && held.values().any(|(g, _)| held.values().any(|(o, _)| o != g));
    if disturbed { Err("8: two grants are on the target, and one of them has it to itself".to_owned()) } else { Ok(()) }
}
