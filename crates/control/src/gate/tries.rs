//! What the rules refused in a session, and what it risks (R63): counted here. What they bear of both is theirs to say.

use super::{Gate, Judgement, Recorded};
use countersign_journal::{ActionFacts, SessionEnd};

impl Gate {
    /// Counts a try that the rules refused. As many as they bear end the session.
    pub fn tried(&mut self, statement: u64) {
        self.refused = self.refused.saturating_add(1);
        if self.compiled.interrupt_after.is_some_and(|most| self.refused >= most) {
            self.recorder.add(statement, Recorded::Note(self.interrupted()));
            self.control.0.live.cut(self.session, SessionEnd::Interrupted);
        }
    }

    /// Whether what was let run, or approved, may go on: where the rules were changed since `generation`, they are asked again. Its
    /// risk was counted when it began.
    ///
    /// # Errors
    /// Why it may not, in words.
    pub fn still_lets(&mut self, facts: &ActionFacts, approved: bool, generation: &mut u64) -> Result<(), String> {
        if *generation == self.generation() {
            return Ok(());
        }
        match self.judge_at(0, facts) {
            Judgement::Pass(_) => {}
            Judgement::Hold if approved => {}
            Judgement::Hold => return Err("the rules no longer let this run without approval".to_owned()),
            Judgement::Refuse(why) => return Err(why),
        }
        *generation = self.judged_generation();
        Ok(())
    }

    /// A no, with what follows if it is tried.
    pub(super) fn no(&self, why: String) -> Judgement {
        let tries = self.refused.saturating_add(1);
        let last = self.compiled.interrupt_after.is_some_and(|most| tries >= most);
        Judgement::Refuse(if last { format!("{why}. {}", interrupted(tries)) } else { why })
    }

    /// A no for what would bring the risk to so much, of so much.
    pub(super) fn too_risky(&self, (risk, most): (u64, u32)) -> Judgement {
        self.no(format!(
            "it would bring the risk of this session to {risk}, of at most {most}; an administrator can change the rules"
        ))
    }

    /// Counts the risk of a unit that is let through or held.
    pub(super) fn weigh(&mut self, statement: u64, risk: u32) {
        if risk > 0 {
            self.risk = self.risk.saturating_add(u64::from(risk));
            self.recorder.add(statement, Recorded::Note(format!("risk {risk}, {} in this session so far", self.risk)));
        }
    }

    /// What is said once the session ends by its tries.
    pub(super) fn interrupted(&self) -> String {
        interrupted(self.refused)
    }
}

fn interrupted(tries: u32) -> String {
    match tries {
        1 => "What is refused ends the session".to_owned(),
        tries => format!("{tries} tries were refused, which ends the session"),
    }
}
