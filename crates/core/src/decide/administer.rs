//! Changes of directory and policy (DESIGN §5, Administer): proposed by a request like any other, put in force once and
//! whole under its grant, and what they no longer allow ends with them (R8).
//!
//! Without a rule of its own a change is approved by an administrator other than the one who proposes it. As long as
//! there is only one, they decide alone.

use super::World;
use super::ask::Wanted;
use super::ending;
use crate::digest;
use crate::directory::{About, Directory};
use crate::monitor;
use crate::permission::{Permission, Role};
use crate::planted::{self, Fault};
use crate::refusal::Refusal;
use crate::roster::Roster;
use crate::rulebook::Rulebook;
use crate::ruling::{Asked, Ruling, rule};
use crate::state::{Grant, GrantKind};
use crate::validate;
use countersign_journal::{
    AccountId, Act, Change, Event, GrantEnd, GrantId, Note, Outcome, PersonFacts, PersonId, Policy, Seconds,
    TargetFacts, Terms, Window,
};
use std::collections::BTreeSet;

/// How long a change waits for its approvers.
const WAITS_S: Seconds = 7 * 86_400;

/// A change as a request: only of what is in force now, and only by an administrator.
pub(super) fn wanted(world: &World<'_>, person: &PersonFacts, change: Change) -> Result<Wanted, Refusal> {
    if !world.directory.may(person.id, Permission::ProposeChanges) {
        return Err(Refusal::MayNotAdminister);
    }
    if (change.policy_version, change.directory_version) != (world.state.policy_version, world.state.directory_version)
    {
        return Err(Refusal::ChangedMeanwhile);
    }
    let target = TargetFacts::configuration();
    let ruling = ruling(&world.state.policy, world.directory, person);
    let window = Window::new(world.now, world.now.plus(WAITS_S)).ok_or(Refusal::NoPeriod)?;
    Ok(Wanted { target, act: Act::Administer(change), terms: Terms::in_window(window), ruling, plan: None })
}

/// What the rules demand of a change; the only administrator needs nobody unless a rule says so.
fn ruling(policy: &Rulebook, directory: &Roster, person: &PersonFacts) -> Ruling {
    let ruling = rule(policy, person, &TargetFacts::configuration(), Asked::Administer);
    let alone = directory.administrators().len() <= 1 || planted::is(Fault::AdministersAlone);
    if ruling.reasons.is_empty() && alone {
        return Ruling { outcome: Outcome::Allow, tracks: Vec::new(), ..ruling };
    }
    ruling
}

/// Puts directory and policy in force, both or neither, exactly as approved, and ends what they no longer allow.
pub(super) fn put_in_force(
    world: &World<'_>,
    new: &Roster,
    policy: &Rulebook,
    under: Option<GrantId>,
    secrets: &[(AccountId, u64)],
) -> Result<Vec<Event>, Refusal> {
    let grant = covered(world, new, policy, under)?;
    validate::directory(new).map_err(|f| Refusal::BadPolicy(f.to_string()))?;
    validate::policy(policy, new).map_err(|f| Refusal::BadPolicy(f.to_string()))?;
    stays_changeable(policy, new)?;
    if let Some(by) = grant.map(|g| g.person) {
        may_change(by, world.directory, new)?;
    }
    let (state, by) = (world.state, grant.map(|g| g.person));
    let mut events = Vec::new();
    if new != world.directory {
        let (version, digest) = (state.directory_version + 1, digest::directory(new));
        events.push(Event::DirectoryApplied { version, digest, by, under });
    }
    let overruled = ending::overruled(world, policy, new, under);
    if *policy != state.policy {
        let (version, policy) = (state.policy_version + 1, Policy::clone(policy));
        events.push(Event::PolicyApplied { version, policy, by, under });
    }
    let changed = !events.is_empty();
    events.extend(grant.map(|g| Event::GrantEnded { grant: g.id, how: GrantEnd::UsedUp }));
    events.extend(overruled.into_iter().filter(|_| changed));
    // Behind the uses that end here: none of them was of what is stored now.
    let stored = |(account, version): &(AccountId, u64)| Note::SecretStored { account: *account, version: *version };
    events.extend(secrets.iter().map(|secret| Event::Noted(stored(secret))));
    Ok(events)
}

/// The grant that covers exactly this change. Set-up has none: it is over once there is an administrator.
fn covered<'w>(
    world: &World<'w>,
    new: &Roster,
    policy: &Rulebook,
    under: Option<GrantId>,
) -> Result<Option<&'w Grant>, Refusal> {
    let Some(id) = under else {
        let set_up = world.directory.administrators().is_empty();
        return if set_up { Ok(None) } else { Err(Refusal::MayNotAdminister) };
    };
    let grant = world.state.grants.get(&id).ok_or(Refusal::NoSuchGrant(id))?;
    if !grant.is_live(world.now) || !world.directory.may(grant.person, Permission::ProposeChanges) {
        return Err(Refusal::GrantOver);
    }
    match grant.kind {
        GrantKind::Change { digest } if digest == digest::change(new, policy) => Ok(Some(grant)),
        GrantKind::Change { .. } if planted::is(Fault::ChangeNotCompared) => Ok(Some(grant)),
        _ => Err(Refusal::NotWhatWasApproved),
    }
}

/// Whether a person may propose this directory: who has which role, and what roles may do, is changed by those who give
/// roles. As long as nobody does, administrators do.
///
/// # Errors
/// [`Refusal::MayNotGrantRoles`].
pub fn may_change(by: PersonId, old: &Directory, new: &Directory) -> Result<(), Refusal> {
    let roles = |d: &Directory| {
        let people = d.people.iter().filter(|(_, p)| p.enabled && p.role != Role::Member);
        let people: Vec<_> = people.map(|(id, p)| (*id, p.role)).collect();
        // By role: who moves from one group to another may gain what the other has.
        let given = d.roles.values().map(|r| r.groups.iter().flat_map(|g| d.members(*g)).collect());
        let given: Vec<BTreeSet<PersonId>> = given.collect();
        (people, d.roles.clone(), given)
    };
    if roles(old) == roles(new) || gives_roles(by, old) { Ok(()) } else { Err(Refusal::MayNotGrantRoles) }
}

/// Whether a person may change roles: as [`may_change`] asks it, before there is a change.
#[must_use]
pub fn gives_roles(by: PersonId, directory: &Directory) -> bool {
    directory.may(by, Permission::GrantRoles) || directory.who_may(Permission::GrantRoles).is_empty()
}

/// Nothing is put in force after which no administrator could get a change through.
///
/// # Errors
/// [`Refusal::BadPolicy`].
pub fn stays_changeable(policy: &Rulebook, directory: &Roster) -> Result<(), Refusal> {
    let account = TargetFacts::configuration().account;
    let decidable = |facts: &PersonFacts| {
        let ruling = ruling(policy, directory, facts);
        let about = About { requester: facts.id, account };
        // One person counts once, on whichever level of whichever track.
        let levels: Vec<_> = ruling.tracks.into_iter().flat_map(|t| t.levels).collect();
        ruling.outcome != Outcome::Deny && monitor::too_few(directory, &levels, about).is_none()
    };
    let facts = directory.administrators().into_iter().filter_map(|p| directory.person_facts(p));
    match (directory.administrators().is_empty(), facts.filter(decidable).count()) {
        (true, _) => {
            Err(Refusal::BadPolicy("nobody would be an administrator; give somebody role `administrator`".into()))
        }
        (false, 0) => Err(Refusal::BadPolicy(
            "no administrator could get a change approved any more; let a rule on `administer` name others who decide"
                .into(),
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::{Group, OwnRole, Person};
    use countersign_journal::{GroupId, RoleId};

    /// Whoever may not give roles does not give one by a group either.
    #[test]
    fn r87_moving_somebody_between_groups_with_roles_is_giving_a_role() {
        let person = |handle: &str, role| Person {
            handle: handle.into(),
            name: handle.into(),
            email: None,
            enabled: true,
            role,
            manager: None,
            former_emails: [].into(),
        };
        let (chief, admin, eve, stan) = (PersonId(1), PersonId(2), PersonId(3), PersonId(4));
        let group = |member| Group { members: [member].into(), ..Group::default() };
        let role = |group, permission| OwnRole {
            permissions: [permission].into(),
            groups: [GroupId(group)].into(),
            ..OwnRole::default()
        };
        let old = Directory {
            people: [
                (chief, person("chief", Role::SuperAdministrator)),
                (admin, person("admin", Role::Administrator)),
                (eve, person("eve", Role::Member)),
                (stan, person("stan", Role::Member)),
            ]
            .into(),
            groups: [(GroupId(1), group(eve)), (GroupId(2), group(stan)), (GroupId(3), group(eve))].into(),
            roles: [(RoleId(1), role(1, Permission::ListSessions)), (RoleId(2), role(2, Permission::ManageRequests))]
                .into(),
            ..Directory::default()
        };
        let mut swapped = old.clone();
        swapped.groups.insert(GroupId(1), group(stan));
        swapped.groups.insert(GroupId(2), group(eve));
        assert_eq!(may_change(admin, &old, &swapped), Err(Refusal::MayNotGrantRoles));
        assert_eq!(may_change(chief, &old, &swapped), Ok(()));
        let mut elsewhere = old.clone();
        elsewhere.groups.insert(GroupId(3), group(stan));
        assert_eq!(may_change(admin, &old, &elsewhere), Ok(()), "a group that no role is given to");
    }
}
