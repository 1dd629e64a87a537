//! What would change, one line each.

use super::Desired;
use countersign_core::Directory;
use countersign_journal::{AccountId, Policy};
use std::collections::BTreeMap;

pub(super) fn compare(old: &Directory, old_policy: &Policy, new: &Desired) -> Vec<String> {
    let mut changes = Vec::new();
    let enabled = |d: &Directory| {
        let people = d.people.values().filter(|p| p.enabled);
        people.map(|p| (p.handle.clone(), format!("{p:?}"))).collect::<BTreeMap<_, _>>()
    };
    differences("person", &enabled(old), &enabled(&new.directory), &mut changes);
    let contacts = |d: &Directory| {
        let contacts = d.contacts.values().filter(|c| c.enabled);
        contacts.map(|c| (c.email.clone(), c.name.clone())).collect::<BTreeMap<_, _>>()
    };
    differences("contact", &contacts(old), &contacts(&new.directory), &mut changes);
    let named = |pairs: Vec<(String, String)>| pairs.into_iter().collect::<BTreeMap<_, _>>();
    let groups = |d: &Directory| named(d.groups.values().map(|g| (g.name.clone(), format!("{g:?}"))).collect());
    differences("group", &groups(old), &groups(&new.directory), &mut changes);
    let roles = |d: &Directory| named(d.roles.values().map(|r| (r.name.clone(), format!("{r:?}"))).collect());
    differences("role", &roles(old), &roles(&new.directory), &mut changes);
    let devices = |d: &Directory| named(d.devices.values().map(|x| (x.name.clone(), format!("{x:?}"))).collect());
    differences("device", &devices(old), &devices(&new.directory), &mut changes);
    let sets = |d: &Directory| named(d.device_groups.values().map(|g| (g.name.clone(), format!("{g:?}"))).collect());
    differences("device group", &sets(old), &sets(&new.directory), &mut changes);
    let accounts = |d: &Directory| {
        let label = |id: &AccountId| d.label(*id).unwrap_or_default();
        named(d.accounts.iter().map(|(id, a)| (label(id), format!("{a:?}"))).collect())
    };
    differences("account", &accounts(old), &accounts(&new.directory), &mut changes);
    if (&old_policy.parameters, &old.approvers) != (&new.policy.parameters, &new.directory.approvers) {
        changes.push("~ parameters".to_owned());
    }
    let flows = |p: &Policy| named(p.workflows.values().map(|w| (w.name.clone(), format!("{w:?}"))).collect());
    differences("workflow", &flows(old_policy), &flows(&new.policy), &mut changes);
    let rules = |p: &Policy| named(p.rules.iter().map(|r| (r.name.clone(), format!("{r:?}"))).collect());
    differences("rule", &rules(old_policy), &rules(&new.policy), &mut changes);
    for account in new.passwords.keys() {
        let label = new.directory.label(*account).unwrap_or_default();
        changes.push(format!("~ secret of {label}: a new version is stored"));
    }
    changes
}

fn differences(what: &str, old: &BTreeMap<String, String>, new: &BTreeMap<String, String>, changes: &mut Vec<String>) {
    for (name, value) in new {
        match old.get(name) {
            None => changes.push(format!("+ {what} {name}")),
            Some(before) if before != value => changes.push(format!("~ {what} {name}")),
            Some(_) => {}
        }
    }
    changes.extend(old.keys().filter(|name| !new.contains_key(*name)).map(|name| format!("- {what} {name}")));
}
