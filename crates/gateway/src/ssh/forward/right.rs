//! The right to forward: what the rules say, and where they ask for it the verdict of people; and whether it still holds when
//! something comes of it later.

use super::wish::Wish;
use crate::ssh::session::{Opened, Session};
use countersign_control::{Gate, Hold, Judgement, Pass, Permit, Recorded, Release, Settled};
use countersign_journal::{ActionFacts, RunOutcome};
use tokio::sync::MutexGuard;

/// Whether one can wait for a verdict.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Awaited,
    /// Nothing of the whole connection would go on meanwhile.
    OnlyIfThere,
}

/// What was let through, and under which rules.
pub(in crate::ssh) struct Right {
    /// Its number in the transcript.
    pub(super) number: u64,
    facts: ActionFacts,
    generation: u64,
    /// Whether people approved it: then it holds under rules that would ask for approval, and not under those that deny it.
    approved: bool,
    release: Option<Release>,
}

impl Right {
    /// What a command was let run with.
    pub(in crate::ssh) fn of_command(number: u64, facts: ActionFacts, gate: &Gate, approved: bool) -> Right {
        Right { number, facts, generation: gate.judged_generation(), approved, release: None }
    }

    /// Whether something may still come of it: where the rules were changed, they are asked again.
    pub(super) fn still_holds(&mut self, gate: &mut Gate) -> Result<(), String> {
        gate.still_lets(&self.facts, self.approved, &mut self.generation)
    }

    /// Notes how it ended, once.
    pub(super) async fn ended(&mut self, opened: &Opened, words: String, outcome: RunOutcome) {
        let mut gate = opened.gate.lock().await;
        gate.record(self.number, Recorded::Outcome(words));
        let noted = match self.release.take() {
            Some(release) => gate.ran(release, outcome).await,
            None => Ok(()),
        };
        if let Err(fault) = noted.and(gate.hand_over().await) {
            tracing::error!("what became of a forward could not be noted: {fault}");
        }
    }
}

/// The right to do what is wished for; the transcript has it before anybody else does.
///
/// # Errors
/// Why there is none, in words for whoever asked.
pub(super) async fn right(session: &Session, opened: &Opened, wish: &Wish, verdict: Verdict) -> Result<Right, String> {
    let (number, unit, facts) = (session.number(), wish.unit(), wish.facts());
    let mut gate = opened.gate.lock().await;
    match gate.judge(&facts) {
        Judgement::Pass(pass) => {
            let recorded = Recorded::Allowed(unit.parts[0].clone());
            begun(gate, Right { number, facts, generation: 0, approved: false, release: None }, pass, recorded, wish)
                .await
        }
        Judgement::Refuse(why) => {
            gate.tried(number);
            gate.refused(number, unit.parts, &why).await.map_err(|fault| fault.to_string())?;
            Err(why)
        }
        Judgement::Hold => {
            let hold = gate.hold(number, &unit, facts.clone()).await.map_err(|fault| fault.to_string())?;
            drop(gate);
            let permit = permit((session, opened), hold, (wish, verdict), number).await?;
            let recorded = permit.recorded(&unit.parts);
            let mut gate = opened.gate.lock().await;
            let (pass, release) = gate.spend(permit, &unit).await.map_err(|fault| fault.to_string())?;
            let release = Some(release);
            begun(gate, Right { number, facts, generation: 0, approved: true, release }, pass, recorded, wish).await
        }
    }
}

async fn begun(
    mut gate: MutexGuard<'_, Gate>,
    mut right: Right,
    pass: Pass,
    recorded: Recorded,
    wish: &Wish,
) -> Result<Right, String> {
    right.generation = gate.judged_generation();
    gate.clear(pass, right.number, recorded, wish.text().as_bytes());
    gate.hand_over().await.map_err(|fault| fault.to_string())?;
    Ok(right)
}

async fn permit(
    (session, opened): (&Session, &Opened),
    mut hold: Hold,
    (wish, verdict): (&Wish, Verdict),
    number: u64,
) -> Result<Permit, String> {
    let settled = match verdict {
        Verdict::OnlyIfThere => match hold.now().await {
            Some(settled) => settled,
            None => {
                let words = format!("{}; ask for it again then", hold.words());
                session.say(format!("{}: {words}", wish.text()));
                return Err(words);
            }
        },
        Verdict::Awaited => {
            session.say(format!("{}: {}", wish.text(), hold.words()));
            tokio::select! {
                biased;
                () = opened.cut() => return Err(opened.gate.lock().await.end_words().await),
                // The request stays: the same, asked for again, finds it or its approval.
                () = session.leaves() => return Err("the client left".to_owned()),
                settled = hold.settled() => settled,
            }
        }
    };
    match settled {
        Settled::Approved(permit) => Ok(permit),
        Settled::Refused(why) => {
            let mut gate = opened.gate.lock().await;
            gate.record(number, Recorded::Outcome(format!("not done: {why}")));
            gate.hand_over().await.map_err(|fault| fault.to_string())?;
            Err(why)
        }
    }
}
