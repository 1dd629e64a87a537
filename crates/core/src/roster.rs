//! The directory as decisions look things up in it: who is in which groups, through nesting, and what a target is, found
//! without walking everything there is. It is made whole from a directory and never changes; a change makes another one.
//!
//! Must not say anything the directory does not say.

use crate::directory::Directory;
use countersign_journal::{AccountId, DeviceGroupId, DeviceId, Digest, GroupId, PersonFacts, PersonId, TargetFacts};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

/// A directory with its index. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Roster(Arc<Indexed>);

#[derive(Debug, Default)]
struct Indexed {
    directory: Directory,
    /// The groups a person is named in.
    named_in: HashMap<PersonId, Vec<GroupId>>,
    /// Every group a group is in, itself included.
    within: HashMap<GroupId, BTreeSet<GroupId>>,
    /// The groups of each device, and its pin.
    devices: HashMap<DeviceId, (BTreeSet<DeviceGroupId>, Digest)>,
}

impl Roster {
    /// Indexes a directory.
    #[must_use]
    pub fn new(directory: Directory) -> Roster {
        let mut named_in: HashMap<PersonId, Vec<GroupId>> = HashMap::new();
        for (id, group) in &directory.groups {
            for person in &group.members {
                named_in.entry(*person).or_default().push(*id);
            }
        }
        let mut devices: HashMap<DeviceId, (BTreeSet<DeviceGroupId>, Digest)> =
            directory.devices.iter().map(|(id, device)| (*id, (BTreeSet::new(), device.pin()))).collect();
        for (id, group) in &directory.device_groups {
            for device in &group.devices {
                if let Some((groups, _)) = devices.get_mut(device) {
                    groups.insert(*id);
                }
            }
        }
        Roster(Arc::new(Indexed { within: within(&directory), named_in, devices, directory }))
    }

    /// Every group the person is in, through nesting.
    #[must_use]
    pub fn groups_of(&self, person: PersonId) -> BTreeSet<GroupId> {
        let named = self.0.named_in.get(&person).into_iter().flatten();
        named.filter_map(|group| self.0.within.get(group)).flatten().copied().collect()
    }

    /// The person as a decision sees them; `None` unless enabled.
    #[must_use]
    pub fn person_facts(&self, person: PersonId) -> Option<PersonFacts> {
        let known = self.enabled(person)?;
        Some(PersonFacts { id: person, handle: known.handle.clone(), groups: self.groups_of(person) })
    }

    /// The target as a decision sees it; `None` unless the account exists. An absent database means the device's; where
    /// there are none, none can be named.
    #[must_use]
    pub fn target_facts(&self, account: AccountId, database: Option<&str>) -> Option<TargetFacts> {
        let login = self.accounts.get(&account)?;
        let device = self.devices.get(&login.device)?;
        let (device_groups, pin) = self.0.devices.get(&login.device)?;
        let database = match (device.database(), database.filter(|named| !named.is_empty())) {
            (Some(own), named) => named.unwrap_or(own),
            (None, Some(_)) => return None,
            (None, None) => "",
        };
        Some(TargetFacts {
            device: login.device,
            device_name: device.name.clone(),
            device_groups: device_groups.clone(),
            account,
            account_name: login.name.clone(),
            database: database.to_owned(),
            pin: *pin,
        })
    }
}

/// Every group each group is in, itself included; a cycle of groups ends where it began.
fn within(directory: &Directory) -> HashMap<GroupId, BTreeSet<GroupId>> {
    let mut parents: BTreeMap<GroupId, Vec<GroupId>> = BTreeMap::new();
    for (id, group) in &directory.groups {
        for inner in &group.groups {
            parents.entry(*inner).or_default().push(*id);
        }
    }
    let reach = |group: &GroupId| {
        let (mut found, mut open) = (BTreeSet::new(), vec![*group]);
        while let Some(id) = open.pop() {
            if found.insert(id) {
                open.extend(parents.get(&id).into_iter().flatten());
            }
        }
        (*group, found)
    };
    directory.groups.keys().map(reach).collect()
}

impl Deref for Roster {
    type Target = Directory;

    fn deref(&self) -> &Directory {
        &self.0.directory
    }
}

impl From<Directory> for Roster {
    fn from(directory: Directory) -> Roster {
        Roster::new(directory)
    }
}

// The index follows from the directory.

impl PartialEq for Roster {
    fn eq(&self, other: &Roster) -> bool {
        **self == **other
    }
}

impl Eq for Roster {}

impl Hash for Roster {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        (**self).hash(hasher);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::{Account, Device, Endpoint, Group, PostgresEndpoint, SshEndpoint};
    use countersign_journal::Language;

    #[test]
    fn r52_only_a_target_with_databases_has_one() {
        let at = PostgresEndpoint { database: "shop".into(), ca_pem: String::new(), server_name: "db".into() };
        let device = |endpoint| Device { name: "d".into(), host: "h".into(), port: 1, endpoint };
        let devices = [
            Endpoint::Postgresql(at),
            Endpoint::Ssh(SshEndpoint { host_key: String::new(), legacy_algorithms: [].into() }),
        ]
        .map(device);
        let devices = (1..).map(DeviceId).zip(devices).collect();
        let account = |n| Account {
            device: DeviceId(n),
            name: "a".into(),
            owners: [].into(),
            managers: [].into(),
            certificate: false,
        };
        let accounts = [1, 2].map(|n| (AccountId(n), account(n))).into();
        let roster = Roster::new(Directory { devices, accounts, ..Directory::default() });
        let asked = |n, named| roster.target_facts(AccountId(n), named).map(|t| (t.database.clone(), t.language()));
        for (named, of_database, of_server) in
            [(None, Some("shop"), Some("")), (Some(""), Some("shop"), Some("")), (Some("sales"), Some("sales"), None)]
        {
            assert_eq!(asked(1, named), of_database.map(|d| (d.to_owned(), Language::Sql)));
            assert_eq!(asked(2, named), of_server.map(|d| (d.to_owned(), Language::Shell)));
        }
    }

    #[test]
    fn nested_and_cyclic_groups_end() {
        let person = PersonId(1);
        let group = |members: &[u64], groups: &[u64]| Group {
            members: members.iter().map(|n| PersonId(*n)).collect(),
            groups: groups.iter().map(|n| GroupId(*n)).collect(),
            ..Group::default()
        };
        let groups = [(1, group(&[1], &[3])), (2, group(&[], &[1])), (3, group(&[], &[2])), (4, group(&[2], &[]))];
        let groups = groups.into_iter().map(|(id, g)| (GroupId(id), g)).collect();
        let roster = Roster::new(Directory { groups, ..Directory::default() });
        assert_eq!(roster.groups_of(person), [GroupId(1), GroupId(2), GroupId(3)].into());
        assert_eq!(roster.members(GroupId(3)), [person].into());
        assert!(roster.is_member(GroupId(3), person) && !roster.is_member(GroupId(4), person));
    }

    /// Membership is said twice, from the person and from the group, and must be one truth.
    #[test]
    fn a_person_is_in_exactly_the_groups_that_have_them() {
        let mut rng = fastrand::Rng::with_seed(7);
        for _ in 0..500 {
            let mut some =
                |count: usize, most: u64| -> BTreeSet<u64> { (0..count).map(|_| rng.u64(1..=most)).collect() };
            let group = |people: BTreeSet<u64>, groups: BTreeSet<u64>| Group {
                members: people.into_iter().map(PersonId).collect(),
                groups: groups.into_iter().map(GroupId).collect(),
                ..Group::default()
            };
            let groups = (1..=8).map(|id| (GroupId(id), group(some(2, 6), some(2, 9)))).collect();
            let roster = Roster::new(Directory { groups, ..Directory::default() });
            for person in (1..=7).map(PersonId) {
                let having = roster.groups.keys().copied().filter(|g| roster.members(*g).contains(&person));
                assert_eq!(roster.groups_of(person), having.collect());
                assert!(
                    roster.groups.keys().all(|g| roster.is_member(*g, person) == roster.groups_of(person).contains(g))
                );
            }
        }
    }
}
