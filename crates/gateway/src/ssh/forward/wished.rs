//! What a client asks for in a channel before anything runs there: variables, its agent, its display. All of it is judged with what it
//! comes with, and is part of what is approved; what the rules refuse is left out, and the rest goes on.

use super::wish::Wish;
use crate::ssh::session::{Opened, Session};
use crate::ssh::talk::Tell;
use countersign_control::Judgement;

const WAS_REFUSED: &str = "the rules did not let it when it was asked for";
const HELD: &str = "it must be approved, which it can be with a command only";
const ONLY_VARIABLES: &str = "only what a command or shell runs has it";

/// What was asked for, and whether the client was told that it is granted.
#[derive(Default)]
pub(in crate::ssh) struct Wished(Vec<(Wish, bool)>);

/// What may come with a thing that runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::ssh) enum With {
    /// What is held is held with it.
    Command,
    /// Variables that nobody must approve.
    Files,
    /// Nothing.
    GatedShell,
}

impl Wished {
    pub(in crate::ssh) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Notes a wish. Of the same thing the last counts.
    pub(in crate::ssh) fn add(&mut self, wish: Wish, told: bool) {
        let same = |known: &Wish| match (known, &wish) {
            (Wish::Variable(known, _), Wish::Variable(name, _)) => known == name,
            (known, wish) => std::mem::discriminant(known) == std::mem::discriminant(wish),
        };
        self.0.retain(|(known, _)| !same(known));
        self.0.push((wish, told));
    }

    /// What of it comes with something that runs. What does not is noted, and said to whoever asked.
    pub(in crate::ssh) async fn settled(
        self,
        (session, opened): (&Session, &Opened),
        with: With,
        tell: &Tell,
    ) -> Result<Vec<Wish>, String> {
        let mut granted = Vec::new();
        for (wish, told) in self.0 {
            let mut gate = opened.gate.lock().await;
            let why = match gate.judge(&wish.facts()) {
                _ if with == With::GatedShell => "not in a gated shell".to_owned(),
                Judgement::Refuse(why) => why,
                _ if !told => WAS_REFUSED.to_owned(),
                Judgement::Hold if with == With::Files => HELD.to_owned(),
                _ if with == With::Files && !matches!(wish, Wish::Variable(..)) => ONLY_VARIABLES.to_owned(),
                Judgement::Pass(_) | Judgement::Hold => {
                    granted.push(wish);
                    continue;
                }
            };
            if wish.is_quiet() {
                continue;
            }
            let (number, parts) = (session.number(), wish.unit().parts);
            gate.refused(number, parts, &why).await.map_err(|fault| fault.to_string())?;
            drop(gate);
            tell.say(&format!("{}: {why}", wish.text())).await;
        }
        Ok(granted)
    }
}
