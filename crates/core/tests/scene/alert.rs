//! Alerts in scripts: `alert PROGRAM by RULE in SESSION`, the rule by its number.

use super::number;
use countersign_core::Input;
use countersign_journal::{ActMatch, Alert, CommandMatch, Outcome, SessionId};

/// Commands that delete.
pub fn deleting() -> ActMatch {
    ActMatch::Command(CommandMatch { programs: ["rm".to_owned()].into(), ..CommandMatch::default() })
}

/// That a line would have had to be approved.
pub fn raised(program: &str, rule: &str, session: &str) -> Input {
    Input::Alert(Alert {
        session: SessionId(number(session)),
        command: 1,
        outcome: Outcome::Approve,
        rules: [format!("rule {rule}")].into(),
        opaque: false,
        program: Some(program.to_owned()),
    })
}
