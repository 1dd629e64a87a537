//! The gate: what a gateway must hold to let anything through.
//!
//! A [`Gate`] is one open session. Bytes reach the target only as [`Cleared`], which only a gate makes: from a
//! [`Pass`], which comes from a ruling that allows or from a [`Permit`]; or as framing that executes nothing. A permit
//! comes only from an approved hold or an approved plan, can be used once, and is spent by a committed event (`Used`,
//! `PlanUsed`) before its pass exists.

mod alerts;
mod hold;
mod lease;
mod login;
mod tries;

use crate::control::Control;
use crate::dice;
use crate::fault::Fault;
use crate::live::Cut;
use crate::spool::Spool;
pub use crate::transcript::Recorded;
use crate::transcript::Recorder;
pub use alerts::{Alerting, Raised};
use countersign_core::digest::{AttemptParts, UnitPart, attempt};
use countersign_core::ruling::{Ruling, leaves_out, rule_among};
use countersign_core::{Answer, Ask, AskAct, Asked, Device, Input, Planned, Protocol, Refusal, Status, covered};
use countersign_journal::{
    AccountId, ActMatch, ActionFacts, Attempt, ChangePlan, CommandFacts, DeviceGroupId, GrantId, Language, Note,
    Outcome, PersonFacts, PersonId, Policy, RequestId, RunOutcome, Seconds, SessionEnd, SessionId, StepOrder,
    TargetFacts, canonical,
};
pub use lease::Lease;
pub use login::{SshLogin, TargetLogin};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use tokio::sync::watch;

/// How long a hold inside an open transaction may last when no rule says less, in seconds.
const TRANSACTION_HOLD_S: Seconds = 120;

/// One open session, and the right to speak to its target.
pub struct Gate {
    control: Control,
    session: SessionId,
    grant: GrantId,
    person: PersonFacts,
    target: TargetFacts,
    groups: BTreeSet<DeviceGroupId>,
    protocol: Protocol,
    compiled: Compiled,
    recorder: Recorder,
    cut: Cut,
    /// Whether a statement of the plan was taken back in this session.
    taken_back: bool,
    /// How many tries its rules refused.
    refused: u32,
    /// What those that were let through, or held, add up to.
    risk: u64,
}

/// The statement rules that concern this person and target, as of one epoch of the policy.
struct Compiled {
    epoch: u64,
    /// Counts changes of these rules, and of which of them leave the person out.
    generation: u64,
    policy: Policy,
    leave_out: Vec<bool>,
    restricts: bool,
    /// How many refused tries they bear less than.
    interrupt_after: Option<u32>,
}

/// What the rules say of a unit.
#[derive(Debug)]
pub enum Judgement {
    /// It may go.
    Pass(Pass),
    /// Somebody must approve it.
    Hold,
    /// No; the sentence says why.
    Refuse(String),
}

/// The right to send one unit, and the risk that it adds.
#[derive(Debug)]
pub struct Pass(u32);

/// Bytes that may be sent to the target.
#[derive(Debug)]
pub struct Cleared<'b>(&'b [u8]);

impl<'b> Cleared<'b> {
    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &'b [u8] {
        self.0
    }

    /// The first `at` of them, and the rest.
    #[must_use]
    pub fn split_at(self, at: usize) -> (Cleared<'b>, Cleared<'b>) {
        let (first, rest) = self.0.split_at(at.min(self.0.len()));
        (Cleared(first), Cleared(rest))
    }
}

/// A unit as it would be sent now.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Unit {
    /// The statements.
    pub parts: Vec<UnitPart>,
    /// Settings of the session that change meaning, as read on the target.
    pub settings: Vec<(String, String)>,
    /// What it touches on the target, with a fingerprint of each.
    pub objects: Vec<(String, String)>,
}

impl Unit {
    /// The exact texts of its statements, in order.
    pub(crate) fn texts(&self) -> Vec<String> {
        self.parts.iter().map(|p| String::from_utf8_lossy(&p.sql).into_owned()).collect()
    }
}

/// A unit waiting for its verdict.
pub struct Hold {
    control: Control,
    person: PersonId,
    session: SessionId,
    attempt: Attempt,
    settled: watch::Receiver<u64>,
    /// The request.
    pub request: RequestId,
    /// Who can decide it now, by handle.
    pub deciders: Vec<String>,
    /// The page that shows it.
    pub address: String,
}

/// How a hold ended.
#[derive(Debug)]
pub enum Settled {
    /// Approved.
    Approved(Permit),
    /// Not approved; the sentence says why.
    Refused(String),
}

/// The right to release one unit, once. It cannot be copied; only an approved hold or an approved plan makes one.
pub struct Permit {
    control: Control,
    right: Right,
    request: RequestId,
    session: SessionId,
    attempt: Attempt,
    /// The risk that was not counted when it was asked for.
    risk: u32,
}

/// What a permit rests on.
enum Right {
    /// A grant of one use.
    Once(GrantId),
    /// A statement of the plan approved with the session.
    Step(Box<Planned>),
}

/// A use that was made and whose outcome is owed: of a grant, or of a statement of its plan.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Release {
    grant: GrantId,
    step: Option<u32>,
}

impl std::fmt::Debug for Permit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Permit({})", self.request)
    }
}

/// What came of asking for a session.
pub enum Entry {
    /// It is open.
    Open(Box<Gate>),
    /// Something is missing that its person can ask for.
    Missing(Missing),
}

/// What a session still needs.
pub struct Missing {
    /// Whether people must approve it; else a reason is enough (R3).
    pub approval: bool,
    /// The address of the page to ask for it on.
    pub page: String,
    /// What whoever does not ask is refused with.
    pub refusal: Refusal,
}

impl Control {
    /// Opens a session under a live grant, or where the rules simply allow one. What its person can ask for is not refused
    /// yet: whoever does not wait for it says so with [`turned_away`](Self::turned_away).
    ///
    /// # Errors
    /// A refusal that says what to do next; it is in the audit.
    pub async fn open_session(
        &self,
        person: PersonId,
        account: AccountId,
        database: Option<&str>,
        from: &str,
    ) -> Result<Entry, Fault> {
        let database = database.filter(|d| !d.is_empty()).map(str::to_owned);
        let nonce = dice::bytes()?;
        let input = Input::Open { person, account, database, from: from.to_owned(), nonce };
        match self.submit(input, Vec::new()).await {
            Ok(Answer::Session(session)) => Ok(Entry::Open(Box::new(self.gate(session).await?))),
            Ok(_) => Err(Fault::trouble("the engine answered another question")),
            Err(Fault::Refused(refusal)) => {
                if let (Refusal::NeedsRequest { .. }, Some(approval)) = (&refusal, self.is_missing(person, account)) {
                    let page = format!("{}/access/{}/reserve", self.page_address(), account.0);
                    return Ok(Entry::Missing(Missing { approval, page, refusal }));
                }
                self.turned_away(person, account, from, &refusal.to_string()).await?;
                Err(Fault::Refused(refusal))
            }
            Err(fault) => Err(fault),
        }
    }

    /// Notes that somebody who proved who they are did not get in, and why.
    ///
    /// # Errors
    /// When it cannot be noted.
    pub async fn turned_away(&self, person: PersonId, account: AccountId, from: &str, why: &str) -> Result<(), Fault> {
        let directory = self.directory();
        let target = directory.label(account).unwrap_or_default();
        let who = crate::words::name(&directory, person);
        self.note(Note::ConnectRefused { who, target, from: from.to_owned(), why: why.to_owned() }, Vec::new()).await
    }

    async fn gate(&self, session: SessionId) -> Result<Gate, Fault> {
        let (cut, grows) = self.0.live.register(session);
        let (grant, person, target, recording, still_open) = {
            let state = self.state();
            let open = state.sessions.get(&session).and_then(|s| state.grants.get(&s.grant));
            let grant = open.ok_or_else(|| Fault::trouble("an opened session is not there"))?;
            let request = state.requests.get(&grant.request).ok_or(Fault::NotFound)?;
            let recording = request.ruling.conditions.recording;
            (grant.id, request.person.clone(), grant.target.clone(), recording, grant.is_live(self.now()))
        };
        let protocol = self.directory().devices.get(&target.device).map(Device::protocol);
        let begun = Recorder::begin(self, session, recording, grows);
        let (Ok(mut recorder), true, Some(protocol)) = (begun, still_open, protocol) else {
            self.0.live.forget(session);
            let why = SessionEnd::ServerStopped;
            self.submit(Input::Close { session, why, transcript: None, records: 0 }, Vec::new()).await?;
            return Err(Fault::trouble(format!("{session} could not be recorded or its grant ended")));
        };
        recorder.add(0, Recorded::Note(format!("session of {} on {}", person.handle, target.label())));
        let compiled = Compiled {
            epoch: u64::MAX,
            generation: 0,
            policy: Policy::default(),
            leave_out: Vec::new(),
            restricts: true,
            interrupt_after: None,
        };
        let groups = target.device_groups.clone();
        Ok(Gate {
            protocol,
            control: self.clone(),
            session,
            grant,
            person,
            target,
            groups,
            compiled,
            recorder,
            cut,
            taken_back: false,
            refused: 0,
            risk: 0,
        })
    }
}

impl Gate {
    /// Which session.
    #[must_use]
    pub fn session(&self) -> SessionId {
        self.session
    }

    /// Where, as people read it: `root@web-01`.
    pub fn target_label(&self) -> String {
        self.target.label()
    }

    /// Tells when to cut.
    #[must_use]
    pub fn cut(&self) -> Cut {
        self.cut.clone()
    }

    /// Whether any rule could hold or refuse a statement here. Where none can, texts need not be understood.
    pub fn restricts(&mut self) -> bool {
        self.compile();
        self.compiled.restricts
    }

    /// Which generation of the rules the last judgement rested on.
    #[must_use]
    pub fn judged_generation(&self) -> u64 {
        self.compiled.generation
    }

    /// Lets a unit go that was not read, as long as no rule could hold or refuse it; nothing when one could.
    pub fn judge_unread(&mut self) -> Option<Judgement> {
        self.compile();
        if self.cut.borrow().is_some() {
            return Some(Judgement::Refuse("the session is over".into()));
        }
        (!self.compiled.restricts).then_some(Judgement::Pass(Pass(0)))
    }

    /// Which generation of the rules judgements rest on now; another number means that earlier ones are void. A change of
    /// policy that does not concern this person and target makes none.
    pub fn generation(&mut self) -> u64 {
        self.compile();
        self.compiled.generation
    }

    /// What the rules say of a unit.
    pub fn judge(&mut self, facts: &ActionFacts) -> Judgement {
        self.judge_at(self.risk, facts)
    }

    fn judge_at(&mut self, risk_so_far: u64, facts: &ActionFacts) -> Judgement {
        self.compile();
        if self.cut.borrow().is_some() {
            return Judgement::Refuse("the session is over".into());
        }
        if !self.compiled.restricts && !facts.commands.iter().any(CommandFacts::is_named_only) {
            return Judgement::Pass(Pass(0));
        }
        let ruling = self.ruling(facts);
        match (ruling.outcome, ruling.risks_too_much(risk_so_far)) {
            (Outcome::Allow | Outcome::Justify | Outcome::Approve, Some(too_much)) => self.too_risky(too_much),
            (Outcome::Allow | Outcome::Justify, None) => Judgement::Pass(Pass(ruling.conditions.risk)),
            (Outcome::Approve, None) => Judgement::Hold,
            (Outcome::Deny, _) => {
                let denies = ruling.reasons.iter().filter(|r| r.outcome == Outcome::Deny);
                let rules: Vec<String> = denies.map(|r| format!("`{}`", r.name)).collect();
                if rules.is_empty() {
                    return self.no(unnamed(facts));
                }
                let unknown: Vec<&str> = facts.unknown.iter().map(String::as_str).collect();
                let why = if unknown.is_empty() { String::new() } else { format!(" ({})", unknown.join("; ")) };
                self.no(format!("refused by {}{why}; an administrator can change the rule", rules.join(", ")))
            }
        }
    }

    fn ruling(&self, facts: &ActionFacts) -> Ruling {
        let policy = &self.compiled.policy;
        rule_among(policy, policy.rules.iter(), &self.person, Asked::Run(facts))
    }

    /// Programs that rules name and let run whatever their words, for whoever types.
    pub fn lets_run(&mut self) -> Vec<String> {
        self.compile();
        let matched = self.compiled.policy.rules.iter().filter_map(|rule| match &rule.acts {
            ActMatch::Command(wanted) => Some(wanted),
            _ => None,
        });
        let named: BTreeSet<String> = matched.flat_map(|m| m.free.iter().chain(&m.programs)).cloned().collect();
        let passes = |program: &String| {
            let command = CommandFacts { program: Some(program.clone()), ..Default::default() };
            if command.is_named_only() {
                return false;
            }
            let facts = ActionFacts { language: Language::Shell, commands: vec![command], ..Default::default() };
            matches!(self.judge(&facts), Judgement::Pass(_))
        };
        named.into_iter().filter(passes).collect()
    }

    /// Rulings end at the next change of policy or membership.
    fn compile(&mut self) {
        let epoch = self.control.policy_epoch();
        if epoch == self.compiled.epoch {
            return;
        }
        let directory = self.control.directory();
        if let Some(person) = directory.person_facts(self.person.id) {
            self.person = person;
        }
        // Groups of the device as they are now; address and pin as they were granted.
        if let Some(target) = directory.target_facts(self.target.account, Some(&self.target.database)) {
            self.groups = target.device_groups;
        }
        let target = TargetFacts { device_groups: self.groups.clone(), ..self.target.clone() };
        let state = self.control.state();
        let concerning = state.policy.concerning(&self.person, &target);
        let speaks = |acts: &ActMatch| match self.protocol {
            Protocol::Postgresql => matches!(acts, ActMatch::Run(_)),
            Protocol::Ssh => matches!(acts, ActMatch::Command(_)),
        };
        let rules: Vec<_> = concerning.filter(|r| speaks(&r.acts)).cloned().collect();
        let restricts = rules.iter().any(|r| r.outcome > Outcome::Justify || r.conditions.risk > 0);
        let interrupt_after = rules.iter().filter_map(|r| r.conditions.interrupt_after).min();
        let workflows = state.policy.workflows.clone();
        let leave_out: Vec<_> = rules.iter().map(|r| leaves_out(r, &self.person)).collect();
        let changed = rules != self.compiled.policy.rules || leave_out != self.compiled.leave_out;
        let generation = self.compiled.generation + u64::from(changed);
        let policy = Policy { rules, workflows, ..Policy::default() };
        self.compiled = Compiled { epoch, generation, policy, leave_out, restricts, interrupt_after };
    }

    /// Longest hold inside an open transaction, in seconds.
    #[must_use]
    pub fn transaction_hold_max_s(&self) -> Seconds {
        let rules = self.compiled.policy.rules.iter();
        let least = rules.filter_map(|r| r.conditions.transaction_hold_max_s).min();
        least.unwrap_or(TRANSACTION_HOLD_S)
    }

    /// Keeps what is uploaded until it is approved.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub fn spool(&self) -> Result<Spool, Fault> {
        self.control.spool(self.person.id)
    }

    /// Adds a line to the transcript; it is handed over with the next bytes.
    pub fn record(&mut self, statement: u64, what: Recorded) {
        self.recorder.add(statement, what);
    }

    /// Hands the transcript over; must succeed before anything recorded is sent.
    ///
    /// # Errors
    /// When the transcript cannot be written: the session must end.
    pub async fn hand_over(&mut self) -> Result<(), Fault> {
        self.recorder.hand_over().await
    }

    /// Clears the bytes of a unit that may go. The transcript has them first.
    pub fn clear<'b>(&mut self, pass: Pass, statement: u64, what: Recorded, bytes: &'b [u8]) -> Cleared<'b> {
        let Pass(risk) = pass;
        self.recorder.add(statement, what);
        self.weigh(statement, risk);
        Cleared(bytes)
    }

    /// Records what the target shows in a terminal, before its client has it.
    ///
    /// # Errors
    /// When the session has shown as much as is recorded.
    pub fn shown(&mut self, statement: u64, bytes: &[u8]) -> Result<(), Fault> {
        self.recorder.add_shown(statement, bytes)
    }

    /// Clears what is typed into a unit that may go and takes input. The transcript has it first, sealed.
    ///
    /// # Errors
    /// When it cannot be sealed.
    pub fn typed<'b>(&mut self, statement: u64, bytes: &'b [u8]) -> Result<Cleared<'b>, Fault> {
        self.recorder.add_typed(statement, bytes)?;
        Ok(Cleared(bytes))
    }

    /// Clears framing that executes nothing on the target: Parse, Describe, Close, Sync, Flush, Execute of a cleared
    /// portal, data of a cleared COPY, Terminate, and the gateway's own reading of settings and catalogue.
    #[must_use]
    pub fn framing<'b>(&self, bytes: &'b [u8]) -> Cleared<'b> {
        Cleared(bytes)
    }

    fn attempt(&self, unit: &Unit) -> Attempt {
        attempt(&AttemptParts {
            person: self.person.id,
            target: &self.target,
            protocol: self.protocol.word(),
            grant: self.grant,
            unit: &unit.parts,
            settings: &unit.settings,
            objects: &unit.objects,
        })
    }

    /// Asks for a unit to be approved; joins an identical request, or finds its unused approval (R60).
    ///
    /// # Errors
    /// A refusal, or trouble.
    pub async fn hold(&mut self, statement: u64, unit: &Unit, facts: ActionFacts) -> Result<Hold, Fault> {
        let (attempt, ruling) = (self.attempt(unit), self.ruling(&facts));
        let (text, row) = self.control.commit_text(&canonical::encode(unit))?;
        let settled = self.control.0.settled.subscribe();
        let act = AskAct::Run { session: self.session, attempt, text, facts };
        let ask = Ask::plain(self.person.id, act, dice::bytes()?);
        let written = self.control.written_of(self.grant, unit).await?;
        let asked = self.control.submit_written(Input::Ask(ask), vec![row], written).await?;
        let Answer::Request(request) = asked else {
            return Err(Fault::trouble("the engine answered another question"));
        };
        self.recorder.add(statement, Recorded::Held(request, unit.parts.clone()));
        self.weigh(statement, ruling.conditions.risk);
        self.recorder.hand_over().await?;
        Ok(Hold {
            person: self.person.id,
            session: self.session,
            attempt,
            settled,
            request,
            deciders: self.control.deciders(request),
            address: format!("{}/requests/{}", self.control.page_address(), request.0),
            control: self.control.clone(),
        })
    }

    /// Spends a permit on a unit as it would be sent now: its digest is computed again, the use is committed, and only
    /// then may it go.
    ///
    /// # Errors
    /// When the unit is not what was approved, the permit was used or is over, or the use could not be committed.
    pub async fn spend(&mut self, permit: Permit, unit: &Unit) -> Result<(Pass, Release), Fault> {
        let attempt = self.attempt(unit);
        let Permit { control, right, session, attempt: approved, risk, .. } = permit;
        if attempt != approved || session != self.session {
            return Err(countersign_core::Refusal::NotWhatWasApproved.into());
        }
        let release = match right {
            Right::Once(grant) => {
                control.submit(Input::Clear { grant, session, attempt }, Vec::new()).await?;
                Release { grant, step: None }
            }
            Right::Step(planned) => match control.submit(Input::Planned(*planned), Vec::new()).await? {
                Answer::Step(grant, step) => Release { grant, step: Some(step) },
                _ => return Err(Fault::trouble("the engine answered another question")),
            },
        };
        Ok((Pass(risk), release))
    }

    /// The right to send a unit as a statement of the plan that was approved with this session; why the plan does not
    /// cover it; or nothing where there is no plan.
    pub fn planned(&self, unit: &Unit, facts: &ActionFacts) -> Option<Result<Permit, String>> {
        let state = self.control.state();
        let request = state.grants.get(&self.grant).and_then(|g| state.requests.get(&g.request))?;
        let plan = request.plan.as_ref()?;
        if self.taken_back && plan.order == StepOrder::Listed {
            return Some(Err(uncovered("a statement of it was taken back in this session")));
        }
        let exact = |p: &UnitPart| p.parameters.is_empty() && p.parameter_types.is_empty();
        let [part] = unit.parts.as_slice() else { return Some(Err(uncovered("it was not sent alone"))) };
        if !exact(part) || part.row_limits.iter().any(|most| *most != 0) {
            return Some(Err(uncovered("it brings parameters or row limits, and no planned statement has any")));
        }
        let (sql, attempt) = (ChangePlan::digest_of(&part.sql), self.attempt(unit));
        let planned = Planned { session: self.session, sql, attempt, facts: facts.clone() };
        let found = covered(&state, &self.control.directory(), &planned, self.control.now());
        let permit = |_| Permit {
            control: self.control.clone(),
            right: Right::Step(Box::new(planned.clone())),
            request: request.id,
            session: self.session,
            attempt,
            risk: self.ruling(facts).conditions.risk,
        };
        Some(found.map(permit).map_err(|why| why.to_string()))
    }

    /// Records what became of a released unit.
    ///
    /// # Errors
    /// Trouble only.
    pub async fn ran(&self, release: Release, outcome: RunOutcome) -> Result<(), Fault> {
        let Release { grant, step } = release;
        self.control.submit(Input::Ran { grant, step, outcome }, Vec::new()).await.map(|_| ())
    }

    /// What a released unit did was taken back with its transaction: what a plan has behind it would stand alone.
    pub fn taken_back(&mut self, release: Release) {
        self.taken_back |= release.step.is_some();
    }

    /// Notes in the journal that a unit was refused without a request.
    ///
    /// # Errors
    /// Trouble only.
    pub async fn refused(&mut self, statement: u64, parts: Vec<UnitPart>, why: &str) -> Result<(), Fault> {
        let (text, row) = self.control.commit_text(&canonical::encode(&parts))?;
        self.recorder.add(statement, Recorded::Refused(parts, why.to_owned()));
        let note = Note::StatementRefused { session: self.session, text: Some(text), why: why.to_owned() };
        self.control.note(note, vec![row]).await
    }

    /// Why the grant ended, for the person who is cut: with the reason of a revoke.
    pub async fn end_words(&self) -> String {
        if *self.cut.borrow() == Some(SessionEnd::Interrupted) {
            return self.interrupted();
        }
        match self.control.case_of_grant(self.grant).await {
            Ok(Some(case)) if case.request.status == Status::Revoked => self.control.refusal_words(&case.request).await,
            _ => "your access ended".to_owned(),
        }
    }

    /// Closes the session.
    ///
    /// # Errors
    /// When the end could not be committed.
    pub async fn close(mut self, why: SessionEnd) -> Result<(), Fault> {
        self.control.0.live.forget(self.session);
        self.recorder.add(0, Recorded::Note(format!("session closed: {}", crate::words::session_end(why))));
        let (transcript, records) = match self.recorder.finish().await {
            Ok((root, records)) => (Some(root), records),
            Err(_) => (None, 0),
        };
        let input = Input::Close { session: self.session, why, transcript, records };
        self.control.submit(input, Vec::new()).await.map(|_| ())
    }
}

fn unnamed(facts: &ActionFacts) -> String {
    let named: BTreeSet<&str> =
        facts.commands.iter().filter(|c| c.is_named_only()).filter_map(CommandFacts::name).collect();
    let programs: Vec<String> = named.into_iter().map(|program| format!("`{program}`")).collect();
    format!("no rule lets this run; an administrator can name {} in one", programs.join(" and "))
}

fn uncovered(why: &'static str) -> String {
    countersign_core::Refusal::NotPlanned(why).to_string()
}

impl Permit {
    /// The request it came from.
    #[must_use]
    pub fn request(&self) -> RequestId {
        self.request
    }

    /// What the transcript says of its release: a planned statement was not shown there as held before.
    #[must_use]
    pub fn recorded(&self, unit: &[UnitPart]) -> Recorded {
        match self.right {
            Right::Once(_) => Recorded::Released(self.request),
            Right::Step(_) => Recorded::Planned(self.request, unit.to_vec()),
        }
    }
}
