//! Change plans: each statement used was one of those approved, once, in its turn, in a live session of the grant.

use crate::ledger::{Ledger, Wrong, ensure};
use countersign_journal::{
    Act, ChangePlan, Event, GrantId, Outcome, PLAN_STEPS_MAX, PlanStep, RequestMade, RunOutcome, SessionId, StepOrder,
    Timestamp,
};

/// How far the use of a planned statement is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Used {
    Running,
    Completed,
    Stopped,
}

/// One use of a planned statement.
#[derive(Clone, Copy)]
pub(crate) struct StepUse {
    session: SessionId,
    used: Used,
}

/// A plan belongs to a session, and what others must approve of it never opens without them.
pub(crate) fn asked(made: &RequestMade) -> Result<(), Wrong> {
    let (id, Some(plan)) = (made.request, &made.plan) else { return Ok(()) };
    ensure(made.act == Act::Connect, || format!("`{id}` has a plan and is not for sessions"))?;
    ensure((1..=PLAN_STEPS_MAX).contains(&plan.steps.len()), || {
        format!("`{id}` plans {} statements", plan.steps.len())
    })?;
    let held = plan.steps.iter().any(|s| s.held);
    ensure(!held || made.ruling.outcome == Outcome::Approve, || {
        format!("`{id}` plans what others must approve and nobody was to approve it")
    })?;
    ensure(!held || (made.automatic.is_none() && made.ruling.emergency.is_none()), || {
        format!("`{id}` plans what others must approve and could open without them")
    })
}

impl Ledger {
    pub(crate) fn plan_used(&mut self, at: Timestamp, event: &Event) -> Result<(), Wrong> {
        let Event::PlanUsed { grant: id, session, step, sql, facts, .. } = event else { return Ok(()) };
        let made = self.live(at, *session, *id)?;
        let none = || format!("`{id}` has no plan and a statement of it is used");
        let plan = made.plan.as_ref().ok_or_else(none)?;
        let request = self.request(made.request)?;
        let early = made.automatic.is_some() || request.emergency.as_ref().is_some_and(|e| e.opened);
        ensure(!early, || format!("`{id}` runs a plan that nobody approved beforehand"))?;
        let signed = plan.steps.get(*step as usize).filter(|s| s.sql == *sql);
        let signed = signed.ok_or_else(|| format!("statement {step} of `{id}` is used for another text"))?;
        ensure(facts.unknown.is_empty() || !signed.facts.unknown.is_empty(), || {
            format!("statement {step} of `{id}` was not understood and its approvers were not told")
        })?;
        self.in_turn(*id, plan, *session, *step)?;
        self.grant_mut(*id)?.steps.insert(*step, StepUse { session: *session, used: Used::Running });
        self.released(*session, (*id, Some(*step)));
        Ok(())
    }

    fn in_turn(&self, id: GrantId, plan: &ChangePlan, session: SessionId, step: u32) -> Result<(), Wrong> {
        let used = &self.grant(id)?.steps;
        ensure(!used.contains_key(&step), || format!("statement {step} of `{id}` is used a second time"))?;
        if plan.order == StepOrder::Any {
            return Ok(());
        }
        let done = |n: &u32| used.get(n).is_some_and(|u| u.used == Used::Completed);
        let owed = |(n, s): (u32, &PlanStep)| n < step && s.held && !done(&n);
        let out = used.keys().any(|n| *n > step) || (0..).zip(&plan.steps).any(owed);
        ensure(!out, || format!("statement {step} of `{id}` is used out of turn"))?;
        ensure(used.values().all(|u| u.session == session), || {
            format!("statements of `{id}`, to be run in order, are used in several sessions")
        })
    }

    pub(crate) fn plan_ran(&mut self, id: GrantId, step: u32, outcome: &RunOutcome) -> Result<(), Wrong> {
        let never = || format!("statement {step} of `{id}` has an outcome and was never used");
        let used = self.grant_mut(id)?.steps.get_mut(&step).ok_or_else(never)?;
        ensure(used.used == Used::Running, || format!("statement {step} of `{id}` has a second outcome"))?;
        used.used = if matches!(outcome, RunOutcome::Completed { .. }) { Used::Completed } else { Used::Stopped };
        self.reported((id, Some(step)));
        Ok(())
    }
}
