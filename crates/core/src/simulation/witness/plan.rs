//! The witness on change plans: whoever would have to approve a statement approved the plan, and each ran once, as listed.

use super::{Held, Witness, ensure, known};
use crate::simulation::naive;
use crate::{Asked, Directory};
use countersign_journal::{
    ActionFacts, ChangePlan, Event, GrantId, Outcome, PersonFacts, RequestMade, RunOutcome, SessionId, StepOrder,
    Timestamp, TrackPlan,
};

/// A planned statement that was used.
pub(super) struct Step {
    session: SessionId,
    reports: u32,
    completed: bool,
}

impl Witness {
    /// What a request with a plan demands: as much as its session and each of its statements.
    pub(super) fn plan_made(&self, made: &RequestMade, plan: &ChangePlan, session: Outcome) -> Held {
        let (id, mut expected) = (made.request, session);
        for step in &plan.steps {
            let ruling = crate::rule(&self.policy, &made.person, &made.target, Asked::Run(&step.facts));
            ensure(ruling.outcome != Outcome::Deny, 1, || format!("{id} plans what the rules deny"))?;
            let held = ruling.outcome == Outcome::Approve;
            ensure(step.held == held, 6, || format!("{id} says wrongly which of its statements are held"))?;
            ensure(contains(&made.tracks, &ruling.tracks), 2, || {
                format!("{id} plans a statement that others than its approvers would have to approve")
            })?;
            if held {
                expected = Outcome::Approve;
                let early = made.automatic.is_some() || made.ruling.emergency.is_some();
                ensure(!early, 9, || format!("{id} plans held statements and could open without its approvers"))?;
            }
        }
        ensure(made.ruling.outcome == expected, 1, || {
            format!("request {id} is ruled {:?}, not {expected:?}", made.ruling.outcome)
        })
    }

    pub(super) fn planned(&mut self, directory: &Directory, now: Timestamp, event: &Event) -> Held {
        match event {
            Event::PlanUsed { grant: id, session, step, sql, facts, .. } => {
                self.live_session(directory, now, *session, *id)?;
                let grant = known(self.grants.get(id), "the grant of the plan")?;
                let seen = known(self.requests.get(&grant.request), "the request of the plan")?;
                let plan = known(seen.made.plan.as_ref(), "the plan used")?;
                let as_signed = plan.steps.get(*step as usize);
                ensure(as_signed.is_some_and(|s| s.sql == *sql), 6, || {
                    format!("statement {step} of {id} is used for something that was not planned")
                })?;
                ensure(!grant.steps.contains_key(step), 6, || format!("statement {step} of {id} is used twice"))?;
                if plan.order == StepOrder::Listed {
                    let later = grant.steps.keys().any(|used| used > step);
                    let done = |n: &u32| grant.steps.get(n).is_some_and(|s| s.completed);
                    let owed = (0..).zip(&plan.steps).any(|(n, s)| n < *step && s.held && !done(&n));
                    ensure(!later && !owed, 6, || format!("statement {step} of {id} is not the next"))?;
                    let elsewhere = grant.steps.values().any(|s| s.session != *session);
                    ensure(!elsewhere, 6, || format!("statements of {id} in order are used in several sessions"))?;
                }
                let beforehand = seen.made.automatic.is_none() && !seen.opened_early;
                ensure(beforehand, 9, || format!("{id} runs a plan that nobody approved beforehand"))?;
                self.still_demanded(directory, *id, facts)?;
                let grant = known(self.grants.get_mut(id), "the grant of the plan")?;
                grant.steps.insert(*step, Step { session: *session, reports: 0, completed: false });
            }
            Event::PlanRan { grant, step, outcome } => {
                let grant = known(self.grants.get_mut(grant), "the grant of the plan")?;
                let used = known(grant.steps.get_mut(step), "the use of the statement that ran")?;
                used.reports += 1;
                used.completed = matches!(outcome, RunOutcome::Completed { .. });
                ensure(used.reports == 1, 6, || "a planned statement has two outcomes".into())?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Whatever the rules demand of the statement at this moment was demanded of the plan.
    fn still_demanded(&self, directory: &Directory, id: GrantId, facts: &ActionFacts) -> Held {
        let grant = known(self.grants.get(&id), "the grant of the plan")?;
        let made = &known(self.requests.get(&grant.request), "the request of the plan")?.made;
        let person = made.person.id;
        let groups = directory.groups.keys().copied().filter(|g| naive::member(directory, *g, person)).collect();
        let person = PersonFacts { groups, ..made.person.clone() };
        let target = known(naive::target_now(directory, &made.target), "the target of the plan")?;
        let ruling = crate::rule(&self.policy, &person, &target, Asked::Run(facts));
        ensure(ruling.outcome != Outcome::Deny, 1, || format!("{id} runs what the rules deny"))?;
        ensure(contains(&made.tracks, &ruling.tracks), 2, || {
            format!("{id} runs what others than the approvers of its plan would have to approve")
        })
    }
}

/// Whether the levels of each demanded track are, in order, among those of one that was passed.
fn contains(passed: &[TrackPlan], demanded: &[TrackPlan]) -> bool {
    let within = |wide: &TrackPlan, narrow: &TrackPlan| {
        let mut rest = wide.levels.iter();
        narrow
            .levels
            .iter()
            .all(|n| rest.any(|w| w.authority == n.authority && w.approvals >= n.approvals && w.evidence >= n.evidence))
    };
    demanded.iter().all(|d| passed.iter().any(|p| within(p, d)))
}
