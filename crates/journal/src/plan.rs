//! Change plans: the statements a connect request asks to run, approved with it, each once.

use crate::canonical::{Commitment, Digest, is_default};
use crate::facts::ActionFacts;
use serde::{Deserialize, Serialize};

/// Most statements of a plan.
pub const PLAN_STEPS_MAX: usize = 200;
/// Longest plan, in bytes of its texts together.
pub const PLAN_BYTES_MAX: usize = 1 << 20;

/// The statements to be run inside the window of a connect request, as its approvers saw them.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct ChangePlan {
    /// Whether they run as listed.
    pub order: StepOrder,
    /// Their exact texts, one list kept encrypted outside the journal.
    pub texts: Commitment,
    /// The statements; never empty.
    pub steps: Vec<PlanStep>,
}

/// In which order the statements of a plan may run.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepOrder {
    /// As listed. Statements that needed nobody's approval when the plan was made may be left out.
    Listed,
    /// In any.
    Any,
}

/// One statement of a plan.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct PlanStep {
    /// What a gateway compares: see [`ChangePlan::digest_of`].
    pub sql: Digest,
    /// What it is and touches, by its text alone: there was no session yet.
    pub facts: ActionFacts,
    /// Whether a rule demanded that others approve it when the plan was made.
    #[serde(default, skip_serializing_if = "is_default")]
    pub held: bool,
}

impl ChangePlan {
    /// What an exact text is known by.
    #[must_use]
    pub fn digest_of(sql: &[u8]) -> Digest {
        Digest::of("countersign statement v1", &[sql])
    }

    /// Whether both ask for the same statements in the same order; texts are committed to anew each time.
    #[must_use]
    pub fn asks_the_same(&self, other: &ChangePlan) -> bool {
        let texts = |plan: &ChangePlan| plan.steps.iter().map(|s| s.sql).collect::<Vec<_>>();
        self.order == other.order && texts(self) == texts(other)
    }
}
