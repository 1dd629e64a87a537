//! A second opinion on who may decide and what the rules say, written without the engine's code and as simply as
//! possible. Where the two differ, one of them is wrong.

use crate::{Directory, Role};
use countersign_journal::{
    ActMatch, Authority, GroupId, Hours, Outcome, PersonId, Policy, RequestMade, Rule, Subjects, TargetFacts, Targets,
    Timestamp,
};

pub(super) fn enabled(directory: &Directory, person: PersonId) -> bool {
    directory.people.get(&person).is_some_and(|p| p.enabled)
}

/// Whether somebody is a contact whose links open something.
pub(super) fn outside(directory: &Directory, person: PersonId) -> bool {
    directory.contacts.get(&person).is_some_and(|c| c.enabled)
}

/// Whether a person holds an authority at this moment; the requester never does.
pub(super) fn holds(directory: &Directory, authority: &Authority, made: &RequestMade, person: PersonId) -> bool {
    let account = directory.accounts.get(&made.target.account);
    let holds = match authority {
        Authority::Persons(named) => named.contains(&person),
        Authority::Members(group) => member(directory, *group, person),
        Authority::Managers(group) => directory.groups.get(group).is_some_and(|g| g.managers.contains(&person)),
        Authority::Administrators => directory.people.get(&person).is_some_and(|p| p.role == Role::Administrator),
        Authority::LineManager => directory.people.get(&made.person.id).is_some_and(|p| p.manager == Some(person)),
        Authority::AccountOwners => account.is_some_and(|a| a.owners.contains(&person)),
        Authority::AccountManagers => account.is_some_and(|a| a.managers.contains(&person)),
        Authority::Approvers(module) => directory.approvers.get(module).is_some_and(|a| a.contains(&person)),
        Authority::Contacts(named) => return named.contains(&person) && outside(directory, person),
    };
    holds && person != made.person.id && enabled(directory, person)
}

/// Whether a person is in a group, directly or through nested groups.
pub(super) fn member(directory: &Directory, group: GroupId, person: PersonId) -> bool {
    within(directory, group, person, directory.groups.len())
}

/// A path through nested groups that visits more groups than there are has gone in a circle.
fn within(directory: &Directory, group: GroupId, person: PersonId, depth: usize) -> bool {
    directory.groups.get(&group).is_some_and(|g| {
        g.members.contains(&person)
            || (depth > 0 && g.groups.iter().any(|inner| within(directory, *inner, person, depth - 1)))
    })
}

/// What all connect rules together demand: the strictest, and deny where none speaks.
pub(super) fn connect_outcome(
    policy: &Policy,
    directory: &Directory,
    person: PersonId,
    target: &TargetFacts,
) -> Outcome {
    let outcomes = connect_rules(policy, directory, person, target)
        .map(|r| if named(directory, &r.exclusions, person) { Outcome::Allow } else { r.outcome });
    outcomes.max().unwrap_or(Outcome::Deny)
}

/// Whether a person administers: by their role, or by a role of one's own; nobody else holds these permissions here.
pub(super) fn administers(directory: &Directory, person: PersonId) -> bool {
    let known = directory.people.get(&person);
    known.is_some_and(|p| {
        p.enabled && (p.role == crate::Role::Administrator || p.role == crate::Role::SuperAdministrator)
    })
}

/// What a change of policy and directory demands of a person: nothing for the only administrator where no rule speaks,
/// else the strictest, and approval where none does. Nobody else may propose one.
pub(super) fn administer_outcome(policy: &Policy, directory: &Directory, person: PersonId) -> Option<Outcome> {
    if !administers(directory, person) {
        return None;
    }
    let others = directory.people.keys().any(|p| *p != person && administers(directory, *p));
    let speak = policy.rules.iter().filter(|r| r.acts == ActMatch::Administer);
    let speak = speak.filter(|r| r.subjects.is_empty() || named(directory, &r.subjects, person));
    let strictest =
        speak.map(|r| if named(directory, &r.exclusions, person) { Outcome::Allow } else { r.outcome }).max();
    Some(strictest.unwrap_or(if others { Outcome::Approve } else { Outcome::Allow }))
}

/// Whether a person may watch a session of somebody: their own, or anybody's from auditors on.
pub(super) fn watches(directory: &Directory, person: PersonId, whose: PersonId) -> bool {
    let known = directory.people.get(&person);
    known.is_some_and(|p| p.enabled && (person == whose || p.role != Role::Member))
}

/// What watching demands, of everybody alike.
pub(super) fn watch_outcome(policy: &Policy, typed: bool) -> Outcome {
    if typed || policy.parameters.watch_approval { Outcome::Approve } else { Outcome::Allow }
}

/// The connect rules that speak of a person and a target.
pub(super) fn connect_rules<'p>(
    policy: &'p Policy,
    directory: &'p Directory,
    person: PersonId,
    target: &'p TargetFacts,
) -> impl Iterator<Item = &'p Rule> {
    policy.rules.iter().filter(|r| r.acts == ActMatch::Connect).filter(move |r| {
        (r.subjects.is_empty() || named(directory, &r.subjects, person)) && aimed_at(directory, &r.targets, target)
    })
}

/// Whether hours in UTC that open every day, and close on the day they open, hold a moment.
pub(super) fn in_hours(hours: &Hours, at: Timestamp) -> bool {
    let minute = at.0.rem_euclid(86_400_000_000) / 60_000_000;
    hours.openings.iter().any(|o| i64::from(o.from_minute) <= minute && minute < i64::from(o.until_minute))
}

pub(super) fn named(directory: &Directory, subjects: &Subjects, person: PersonId) -> bool {
    subjects.persons.contains(&person) || subjects.groups.iter().any(|g| member(directory, *g, person))
}

/// The target of a request as it is now, whichever groups its device is in by now.
pub(super) fn target_now(directory: &Directory, made: &TargetFacts) -> Option<TargetFacts> {
    let login = directory.accounts.get(&made.account)?;
    let device = directory.devices.get(&login.device)?;
    let groups = directory.device_groups.iter().filter(|(_, g)| g.devices.contains(&login.device));
    Some(TargetFacts {
        device: login.device,
        device_name: device.name.clone(),
        device_groups: groups.map(|(id, _)| *id).collect(),
        account_name: login.name.clone(),
        pin: device.pin(),
        ..made.clone()
    })
}

fn aimed_at(directory: &Directory, targets: &Targets, target: &TargetFacts) -> bool {
    *targets == Targets::default()
        || targets.devices.contains(&target.device)
        || targets.accounts.contains(&target.account)
        || targets
            .groups
            .iter()
            .any(|g| directory.device_groups.get(g).is_some_and(|g| g.devices.contains(&target.device)))
}
