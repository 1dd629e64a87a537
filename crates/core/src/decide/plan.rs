//! Change plans: statements approved with the connect request that brought them. Everyone who would have to approve one
//! of them approves the plan; then each runs once, byte for byte, and only as what its approvers saw.

use super::World;
use crate::input::{Answer, Decision, Planned};
use crate::planted::{self, Fault};
use crate::refusal::Refusal;
use crate::roster::Roster;
use crate::ruling::{Asked, Ruling, rule};
use crate::state::{Grant, GrantKind, Request, Session, State, Status, StepUse, same_target};
use countersign_journal::{
    ActionFacts, ChangePlan, Event, Name, Outcome, PLAN_STEPS_MAX, PersonFacts, PlanStep, RelationUse, RunOutcome,
    StatementFacts, StepOrder, TargetFacts, Timestamp,
};
use std::collections::BTreeMap;

/// The ruling on a session that brings a plan, and the plan with every statement that a rule holds marked.
pub(super) fn asked(
    world: &World<'_>,
    person: &PersonFacts,
    target: &TargetFacts,
    session: Ruling,
    plan: &ChangePlan,
) -> Result<(Ruling, ChangePlan), Refusal> {
    if plan.steps.is_empty() || plan.steps.len() > PLAN_STEPS_MAX {
        return Err(Refusal::BadPlan(plan.steps.len()));
    }
    let mut plan = plan.clone();
    let mut runs = Vec::new();
    for (step, planned) in (1..).zip(&mut plan.steps) {
        let run = rule(&world.state.policy, person, target, Asked::Run(&planned.facts));
        if run.outcome == Outcome::Deny {
            return Err(Refusal::StepDenied { step, rules: run.denying() });
        }
        planned.held = run.outcome == Outcome::Approve;
        runs.push(run);
    }
    Ok((session.with_planned(runs), plan))
}

/// Whether the plan of the session's grant covers a statement now, and as which of its statements. The rules are asked
/// anew: what they demand of it today must be what the plan's approvers were.
///
/// # Errors
/// Why it does not; it is then held or refused as any other statement.
pub fn covered(state: &State, directory: &Roster, planned: &Planned, now: Timestamp) -> Result<u32, Refusal> {
    let open = |s: &&Session| s.closed.is_none() && directory.enabled(s.person).is_some();
    let session = state.sessions.get(&planned.session).filter(open).ok_or(Refusal::NoSuchSession)?;
    let live = |g: &&Grant| g.kind == GrantKind::Connect && g.is_live(now);
    let grant = state.grants.get(&session.grant).filter(live).ok_or(Refusal::GrantOver)?;
    let approved = |r: &&Request| r.status == Status::Approved;
    let request = state.requests.get(&grant.request).filter(approved).ok_or(Refusal::GrantOver)?;
    let plan = request.plan.as_ref().ok_or(Refusal::NotPlanned("there is none"))?;
    if request.automatic || request.was_emergency() {
        return Err(Refusal::NotPlanned("nobody approved it beforehand"));
    }
    let person = directory.person_facts(session.person).ok_or(Refusal::NobodyThere)?;
    let target = directory.target_facts(grant.target.account, Some(&grant.target.database));
    let target = target.filter(|t| same_target(t, &grant.target)).ok_or(Refusal::NoSuchTarget)?;
    let ruling = rule(&state.policy, &person, &target, Asked::Run(&planned.facts));
    if ruling.outcome == Outcome::Deny {
        return Err(Refusal::Denied { rules: ruling.denying() });
    }
    let step = next(plan, &grant.steps, planned)?;
    if !ruling.is_met_by(request.tracks.iter().map(|t| t.levels.as_slice())) {
        return Err(Refusal::NotPlanned("the rules demand other approvers for it now"));
    }
    let elsewhere = grant.steps.values().any(|used| used.session != planned.session);
    if plan.order == StepOrder::Listed && elsewhere {
        return Err(Refusal::NotPlanned("it is to run in its order, and others of it ran in another session"));
    }
    if ruling.conditions.same_session && elsewhere {
        return Err(Refusal::NotPlanned("the rules keep it to one session, and others of it ran in another"));
    }
    Ok(step)
}

/// The last question before a planned statement leaves. Its answer is committed before a byte goes out.
pub(super) fn clear(world: &World<'_>, planned: Planned) -> Result<Decision, Refusal> {
    let step = covered(world.state, world.directory, &planned, world.now)?;
    let session = world.state.sessions.get(&planned.session).ok_or(Refusal::NoSuchSession)?;
    let Planned { session: id, sql, attempt, facts } = planned;
    let used = Event::PlanUsed { grant: session.grant, session: id, step, sql, attempt, facts };
    Ok(Decision { events: vec![used], answer: Answer::Step(session.grant, step) })
}

/// The statement of the plan that this is: not used yet, its turn, and nothing but what approvers saw.
fn next(plan: &ChangePlan, used: &BTreeMap<u32, StepUse>, now: &Planned) -> Result<u32, Refusal> {
    let again = planted::is(Fault::StepTwice);
    let places = || (0u32..).zip(&plan.steps);
    let same = places().filter(|(_, step)| step.sql == now.sql);
    let Some((_, as_shown)) = same.clone().next() else {
        return Err(Refusal::NotPlanned("its text is none of the planned ones, byte for byte"));
    };
    shows(as_shown, &now.facts)?;
    let mut left = same.filter(|(n, _)| again || !used.contains_key(n)).map(|(n, _)| n).peekable();
    if left.peek().is_none() {
        return Err(Refusal::NotPlanned("this statement of it was used"));
    }
    // One that failed, or of which nobody knows what became, was to come first and did not.
    let done = |n: &u32| used.get(n).is_some_and(|u| matches!(u.outcome, Some(RunOutcome::Completed { .. })));
    let in_turn = |n: &u32| {
        let passed = used.keys().any(|later| later > n);
        let owed = places().any(|(before, step)| before < *n && step.held && !done(&before));
        again || !(passed || owed)
    };
    match plan.order {
        StepOrder::Any => left.next(),
        StepOrder::Listed => left.find(in_turn),
    }
    .ok_or(Refusal::NotPlanned("it is not the turn of this statement"))
}

/// What the statement turns out to be in the session must be what approvers were shown. Where they were shown that it
/// is not understood, its exact bytes are what they approved.
fn shows(step: &PlanStep, found: &ActionFacts) -> Result<(), Refusal> {
    let by_name = |s: &StatementFacts| !s.prepared.is_empty() || !s.cursors.is_empty();
    if step.facts.statements.iter().chain(&found.statements).any(by_name) {
        return Err(Refusal::NotPlanned("what it runs goes by a name that the session gave"));
    }
    if !step.facts.unknown.is_empty() {
        return Ok(());
    }
    if !found.unknown.is_empty() {
        return Err(Refusal::NotPlanned(
            "in this session it is not fully understood, and its approvers saw no such doubt",
        ));
    }
    let shown: Vec<&RelationUse> = step.facts.relations().collect();
    let touched = |u: &RelationUse| shown.iter().any(|s| s.kind == u.kind && names(&s.relation, &u.relation));
    if found.kinds().is_subset(&step.facts.kinds()) && found.relations().all(touched) {
        return Ok(());
    }
    Err(Refusal::NotPlanned("in this session it touches more than its approvers were shown"))
}

/// A relation named without its schema is the one in `public`, as approvers are told; or the server's own.
fn names(shown: &Name, found: &Name) -> bool {
    let usual = |schema: &Option<String>| schema.as_deref().is_none_or(|s| matches!(s, "public" | "pg_catalog"));
    shown.name == found.name && (shown.schema == found.schema || (shown.schema.is_none() && usual(&found.schema)))
}
