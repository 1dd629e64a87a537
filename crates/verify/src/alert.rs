//! Alerts to what was typed into free shells: in an open session, by rules in force that can demand this of a command, as many as
//! there may be. Whom and what the rules speak of, and who had to be told, is not gone into.

use crate::ledger::{Ledger, Wrong, ensure};
use countersign_journal::{ALERTS_MAX, ActMatch, Alert, CommandMatch, Outcome, PersonId, Rule};
use std::collections::BTreeSet;

impl Ledger {
    pub(crate) fn alerted(&mut self, alert: &Alert, told: &BTreeSet<PersonId>, last: bool) -> Result<(), Wrong> {
        let id = alert.session;
        let session = self.sessions.get(&id).ok_or_else(|| format!("`{id}` is alerted to and was never opened"))?;
        ensure(self.open.contains(&id), || format!("`{id}` is alerted to and is closed"))?;
        let whose = self.request(self.grant(session.grant)?.request)?.made.person.id;
        ensure(!told.contains(&whose), || format!("`{whose}` is told of alerts to their own `{id}`"))?;
        let so_far = session.alerts;
        ensure(so_far <= ALERTS_MAX, || format!("`{id}` is alerted to again, although no more were to come"))?;
        ensure(last == (so_far == ALERTS_MAX), || {
            format!("`{id}` says wrongly whether more alerts came, behind {so_far} of them")
        })?;
        ensure(!alert.rules.is_empty(), || format!("an alert to `{id}` is by no rule"))?;
        let mut rules = Vec::new();
        for name in &alert.rules {
            let rule = self.in_force.rule(name).ok_or_else(|| format!("no rule `{name}` is in force"))?;
            ensure(could_say(rule, alert).is_some(), || {
                format!("`{name}` could not have said of a line in `{id}` what the alert says")
            })?;
            rules.extend(could_say(rule, alert));
        }
        if let Some(program) = &alert.program {
            ensure(rules.iter().any(|wanted| wanted.programs.contains(program)), || {
                format!("an alert to `{id}` tells a word that no rule of it names")
            })?;
        }
        self.sessions.entry(id).and_modify(|s| s.alerts += 1);
        Ok(())
    }
}

/// What the rule speaks of, if it can demand this of a command: its own outcome of one that it knows, and of one that nobody
/// understands approval where it says by whom, else no.
fn could_say<'r>(rule: &'r Rule, alert: &Alert) -> Option<&'r CommandMatch> {
    let ActMatch::Command(wanted) = &rule.acts else { return None };
    let by_unknown = if rule.unknown.is_some() { Outcome::Approve } else { Outcome::Deny };
    let stops = rule.outcome > Outcome::Justify;
    let says = rule.outcome == alert.outcome || (alert.opaque && by_unknown == alert.outcome);
    (stops && says).then_some(wanted)
}
