//! What was approved with the session before there was one: a change plan stands in for the wait, and for nothing else.

use super::catalogue::Answers;
use super::lock::Lock;
use super::relay::Relay;
use countersign_control::{Permit, Unit};
use countersign_core::digest::UnitPart;
use countersign_journal::ActionFacts;

/// A unit as the session has it at one moment.
pub(super) struct Now {
    /// What would be sent, under which settings, touching what.
    pub(super) unit: Unit,
    /// What it is found to be.
    pub(super) facts: ActionFacts,
    /// What it leads to, to be locked before it is released.
    pub(super) locks: Vec<Lock>,
    /// Why the session may read its text otherwise than the approvers of a plan did, if it may.
    pub(super) unusual: Option<String>,
}

impl Now {
    pub(super) fn unit(parts: &[UnitPart], answers: &Answers) -> Unit {
        Unit { parts: parts.to_vec(), settings: answers.settings.clone(), objects: answers.objects.clone() }
    }
}

impl Relay {
    /// The permit that the plan of this session gives for what would else be held; why it gives none; or nothing where
    /// there is no plan. What is released by it is asked again, as everything is.
    pub(super) fn planned(&self, now: &Now) -> Option<Result<Permit, String>> {
        let found = self.gate.planned(&now.unit, &now.facts)?;
        Some(found.and_then(|permit| match &now.unusual {
            None => Ok(permit),
            Some(why) => Err(format!("the approved plan does not cover this: {why}")),
        }))
    }
}
