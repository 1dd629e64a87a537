//! What is typed into a free shell: it runs, whatever the rules would have said of it. That they would not have let it run is
//! written down, and whoever let the person in is told of it, each of them of each rule once in a session (R63).

use super::World;
use crate::input::{Answer, Decision};
use crate::refusal::Refusal;
use crate::ruling::by_unknown;
use crate::state::{Request, Session};
use countersign_journal::{ALERTS_MAX, ActMatch, Alert, Event, Note, Outcome, PersonId, Rule, Verdict};
use std::collections::BTreeSet;

/// One alert: nothing where its rules were replaced meanwhile, or the session has its share.
pub(super) fn alerted(world: &World<'_>, mut alert: Alert) -> Result<Decision, Refusal> {
    let session = world.state.sessions.get(&alert.session).filter(|s| s.closed.is_none());
    let session = session.ok_or(Refusal::NoSuchSession)?;
    let (outcome, opaque) = (alert.outcome, alert.opaque);
    let rules = || world.state.policy.rules.iter().filter(|rule| could_say(rule, outcome, opaque));
    alert.rules.retain(|name| rules().any(|rule| rule.name == *name));
    let program = alert.program.take();
    let named = |program: &String| rules().any(|rule| alert.rules.contains(&rule.name) && names(rule, program));
    alert.program = program.filter(named);
    if alert.rules.is_empty() || session.alerts > ALERTS_MAX {
        return Ok(Decision { events: Vec::new(), answer: Answer::Done });
    }
    let mut told = to_be_told(world, session);
    told.retain(|person| !session.told.get(person).is_some_and(|known| alert.rules.is_subset(known)));
    let last = session.alerts == ALERTS_MAX;
    Ok(Decision { events: vec![Event::Noted(Note::Alerted { alert, told, last })], answer: Answer::Alerted { last } })
}

/// Whether the rule can demand this of a command, or of one that nobody understands.
fn could_say(rule: &Rule, outcome: Outcome, opaque: bool) -> bool {
    let stops = matches!(rule.acts, ActMatch::Command(_)) && rule.outcome > Outcome::Justify;
    stops && (rule.outcome == outcome || (opaque && by_unknown(rule) == outcome))
}

fn names(rule: &Rule, program: &str) -> bool {
    matches!(&rule.acts, ActMatch::Command(wanted) if wanted.programs.contains(program))
}

/// Who approved the access, or what goes on in the session, and who owns the account; administrators where there is nobody.
/// Never whose session it is.
fn to_be_told(world: &World<'_>, session: &Session) -> BTreeSet<PersonId> {
    let (state, directory) = (world.state, world.directory);
    let grant = state.grants.get(&session.grant);
    let going_on = state.unreported.iter().filter_map(|id| state.grants.get(id));
    let in_it = going_on.filter(|g| g.used_in == Some(session.id));
    let requests = grant.into_iter().chain(in_it).filter_map(|g| state.requests.get(&g.request));
    let owners = grant.and_then(|g| directory.accounts.get(&g.target.account)).map(|account| account.owners.clone());
    let mut told: BTreeSet<PersonId> = requests.flat_map(approvers).chain(owners.unwrap_or_default()).collect();
    let may_hear = |p: &PersonId| *p != session.person && directory.enabled(*p).is_some();
    told.retain(may_hear);
    if told.is_empty() {
        told = directory.administrators();
        told.retain(may_hear);
    }
    told
}

fn approvers(request: &Request) -> impl Iterator<Item = PersonId> + '_ {
    let votes = request.tracks.iter().flat_map(|track| &track.votes);
    votes.filter(|vote| vote.verdict == Verdict::Approve).map(|vote| vote.approver)
}
