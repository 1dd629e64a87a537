//! A second opinion on who may decide and what the rules say, written without the engine's code and as simply as
//! possible. Where the two differ, one of them is wrong.

use crate::{Directory, Role};
use countersign_journal::{ActMatch, Authority, GroupId, Outcome, PersonId, Policy, Subjects, TargetFacts, Targets};

pub(super) fn enabled(directory: &Directory, person: PersonId) -> bool {
    directory.people.get(&person).is_some_and(|p| p.enabled)
}

/// Whether a person may decide under an authority at this moment; the requester never may.
pub(super) fn may_decide(directory: &Directory, authority: &Authority, requester: PersonId, person: PersonId) -> bool {
    let holds = match authority {
        Authority::Persons(named) => named.contains(&person),
        Authority::Members(group) => member(directory, *group, person),
        Authority::Managers(group) => directory.groups.get(group).is_some_and(|g| g.managers.contains(&person)),
        Authority::Administrators => directory.people.get(&person).is_some_and(|p| p.role == Role::Administrator),
    };
    holds && person != requester && enabled(directory, person)
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
    let rules = policy.rules.iter().filter(|r| r.acts == ActMatch::Connect);
    let matching = rules.filter(|r| {
        (r.subjects.is_empty() || named(directory, &r.subjects, person)) && aimed_at(directory, &r.targets, target)
    });
    let outcomes = matching.map(|r| if named(directory, &r.exclusions, person) { Outcome::Allow } else { r.outcome });
    outcomes.max().unwrap_or(Outcome::Deny)
}

fn named(directory: &Directory, subjects: &Subjects, person: PersonId) -> bool {
    subjects.persons.contains(&person) || subjects.groups.iter().any(|g| member(directory, *g, person))
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
