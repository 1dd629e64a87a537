//! Change plans: the statements somebody asks to run, committed to, and shown again with what became of each.

use crate::control::Control;
use crate::fault::Fault;
use crate::store::Row;
use crate::view::{PlanView, StepView};
use crate::words;
use countersign_core::{Grant, Refusal, Request};
use countersign_journal::{
    ActionFacts, ChangePlan, PLAN_BYTES_MAX, PLAN_STEPS_MAX, PlanStep, SessionId, StepOrder, Timestamp, canonical,
};

/// Most bytes that what a plan is and touches may take in the journal.
const FACTS_BYTES_MAX: usize = 4 << 20;

/// Statements to be run in a session, exactly as they will be sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Script {
    /// Whether they run as listed.
    pub order: StepOrder,
    /// Each text, and what it is and touches.
    pub statements: Vec<(String, ActionFacts)>,
}

impl Control {
    /// Commits to the texts of a script; an empty one is none.
    pub(crate) fn commit_plan(&self, script: &Script) -> Result<Option<(ChangePlan, Row)>, Fault> {
        let count = script.statements.len();
        if count > PLAN_STEPS_MAX {
            return Err(Refusal::BadPlan(count).into());
        }
        let bytes: usize = script.statements.iter().map(|(text, _)| text.len()).sum();
        if bytes > PLAN_BYTES_MAX {
            return Err(Fault::Input(format!("a plan has at most {PLAN_BYTES_MAX} bytes of text; this has {bytes}")));
        }
        if count == 0 {
            return Ok(None);
        }
        let all: Vec<&str> = script.statements.iter().map(|(text, _)| text.as_str()).collect();
        let (texts, row) = self.commit_text(&canonical::encode(&all))?;
        let step = |(sql, facts): &(String, ActionFacts)| PlanStep {
            sql: ChangePlan::digest_of(sql.as_bytes()),
            facts: facts.clone(),
            held: false,
        };
        let plan = ChangePlan { order: script.order, texts, steps: script.statements.iter().map(step).collect() };
        if canonical::encode(&plan).len() > FACTS_BYTES_MAX {
            return Err(Fault::Input("the statements to be run name too much for one request; ask for fewer".into()));
        }
        Ok(Some((plan, row)))
    }

    /// The plan of a request, for showing.
    pub(crate) async fn plan_view(&self, request: &Request, grant: Option<&Grant>) -> Result<Option<PlanView>, Fault> {
        let Some(plan) = &request.plan else { return Ok(None) };
        let texts: Vec<String> = match self.text(&plan.texts).await? {
            Some(bytes) => canonical::decode(&bytes).map_err(Fault::trouble)?,
            None => Vec::new(),
        };
        let erased = || "(erased)".to_owned();
        let mut steps = Vec::new();
        for (place, step) in (0..).zip(&plan.steps) {
            let used = grant.and_then(|g| g.steps.get(&place));
            let ran: Option<(Timestamp, SessionId)> = used.map(|u| (u.at, u.session));
            let outcome = used.map(|u| u.outcome.as_ref().map_or_else(|| "running".to_owned(), words::run_outcome));
            steps.push(StepView {
                text: texts.get(place as usize).cloned().unwrap_or_else(erased),
                kinds: words::kind_words(&step.facts),
                touches: words::touches(&step.facts),
                unknown: step.facts.unknown.iter().cloned().collect(),
                held: step.held,
                ran_at: ran.map(|(at, _)| at),
                session: ran.map(|(_, session)| session),
                outcome: outcome.unwrap_or_default(),
            });
        }
        Ok(Some(PlanView { in_order: plan.order == StepOrder::Listed, steps }))
    }
}
