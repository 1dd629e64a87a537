//! Alerts: what was typed into a free shell is judged as a command of its own would be, and runs whatever the answer is (R63).

use super::{Gate, Recorded};
use crate::control::Control;
use crate::fault::Fault;
use crate::words::alert_words;
use countersign_core::ruling::{Reason, program_named};
use countersign_core::{Answer, Input};
use countersign_journal::{ALERTS_MAX, ActionFacts, Alert, Outcome};

/// Rules named in one alert.
const RULES_MAX: usize = 8;

/// An alert that is still to be written down; whoever does lets the gate go before.
pub struct Alerting {
    control: Control,
    alert: Alert,
}

/// What came of one.
pub enum Raised {
    /// It is in the journal; this is its mark, and none follows it where `last` is set.
    Noted {
        /// For the transcript.
        mark: Recorded,
        /// Whether the session has its share.
        last: bool,
    },
    /// The rules were replaced meanwhile, or the session has its share.
    Nothing,
}

/// What a recording says where a line may have been one to alert to, and nobody can tell any more.
const NOT_JUDGED: &str = "what was typed here was not judged";

impl Recorded {
    /// That something that was typed into a free shell was not judged.
    #[must_use]
    pub fn not_judged() -> Recorded {
        Recorded::Alert(NOT_JUDGED.to_owned())
    }
}

impl Gate {
    /// What is to be told of a line that was typed into what is recorded as `command`; nothing where the rules would have let it
    /// run. Risk and tries are not counted.
    pub fn alert(&mut self, command: u64, facts: &ActionFacts) -> Option<Alerting> {
        if !self.restricts() || self.alerts_so_far() > ALERTS_MAX {
            return None;
        }
        let ruling = self.ruling(facts);
        let outcome = Some(ruling.outcome).filter(|outcome| *outcome > Outcome::Justify)?;
        let decisive = ruling.reasons.iter().filter(|reason| reason.outcome == outcome && !reason.excluded);
        let decisive: Vec<_> = decisive.take(RULES_MAX).collect();
        if decisive.is_empty() {
            return None;
        }
        let alert = Alert {
            session: self.session,
            command,
            outcome,
            rules: decisive.iter().map(|reason| reason.name.clone()).collect(),
            opaque: decisive.iter().any(|reason| reason.unknown),
            program: self.program_named(&decisive, facts),
        };
        Some(Alerting { control: self.control.clone(), alert })
    }

    /// Notes the mark of an alert. Who watches live sees it at once, but where that would keep keys waiting for the disk: there with
    /// what is shown next.
    ///
    /// # Errors
    /// When the transcript cannot be written.
    pub async fn mark(&mut self, command: u64, mark: Recorded) -> Result<(), Fault> {
        self.recorder.add(command, mark);
        if self.recorder.is_strict() { Ok(()) } else { self.recorder.hand_over().await }
    }

    fn alerts_so_far(&self) -> u32 {
        self.control.state().sessions.get(&self.session).map_or(0, |session| session.alerts)
    }

    /// The program that one of these rules names and speaks of here.
    fn program_named(&self, decisive: &[&Reason], facts: &ActionFacts) -> Option<String> {
        let rules = self.compiled.policy.rules.iter();
        let mut rules = rules.filter(|rule| decisive.iter().any(|reason| reason.rule == rule.id));
        rules.find_map(|rule| program_named(rule, facts)).map(str::to_owned)
    }
}

impl Alerting {
    /// Writes it down, by which those who are to know are told.
    ///
    /// # Errors
    /// When it cannot be written, or the session is over.
    pub async fn raise(self) -> Result<Raised, Fault> {
        let Alerting { control, alert } = self;
        match control.submit(Input::Alert(alert.clone()), Vec::new()).await? {
            Answer::Alerted { last } => Ok(Raised::Noted { mark: Recorded::Alert(alert_words(&alert, last)), last }),
            _ => Ok(Raised::Nothing),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use countersign_journal::SessionId;

    #[test]
    fn r63_an_alert_says_that_nobody_understands_the_line_also_where_it_names_a_program() {
        let alert = |opaque, program: Option<&str>| Alert {
            session: SessionId(1),
            command: 1,
            outcome: Outcome::Approve,
            rules: ["deleting".to_owned()].into(),
            opaque,
            program: program.map(str::to_owned),
        };
        for (alert, words) in [
            (alert(false, Some("rm")), "`rm` would have been held by `deleting`"),
            (alert(true, None), "a line that nobody can understand would have been held by `deleting`"),
            (alert(true, Some("rm")), "`rm`, in a line that nobody can understand, would have been held by `deleting`"),
        ] {
            assert_eq!(alert_words(&alert, false), words);
        }
    }
}
