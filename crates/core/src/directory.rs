//! Who and what there is: people, groups, devices, accounts, as one snapshot. The control plane keeps it in tables;
//! decisions embed what they used of it.

use crate::permission::{self, Permission, Role};
use crate::planted::{self, Fault};
use countersign_journal::canonical::is_default;
use countersign_journal::{AccountId, Authority, DeviceGroupId, DeviceId, Digest, GroupId, Module, PersonId, RoleId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// One human.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Person {
    /// The name they sign in with; lower case, unique.
    pub handle: String,
    /// The name people call them.
    pub name: String,
    /// Where messages go.
    pub email: Option<String>,
    /// Whether they may do anything at all.
    pub enabled: bool,
    /// Their role.
    pub role: Role,
    /// Their line manager.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manager: Option<PersonId>,
    /// Addresses they held before, as [`address`] writes them; never forgotten.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub former_emails: BTreeSet<String>,
}

/// Somebody outside, known only by an address, who decides by the links mailed to it (R11). Another address is another
/// contact, so that a fresh one decides nothing older than itself.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Contact {
    /// The name people call them; unique among enabled contacts.
    pub name: String,
    /// Their address, as [`address`] writes it; no person holds or held it.
    pub email: String,
    /// Whether their links open anything.
    pub enabled: bool,
}

/// An address as it is compared: trimmed, in lower case.
#[must_use]
pub fn address(text: &str) -> String {
    text.trim().to_lowercase()
}

/// Whether a text can be an address at all.
#[must_use]
pub fn is_address(text: &str) -> bool {
    let parts: Vec<&str> = text.split('@').collect();
    parts.len() == 2 && !parts.contains(&"") && !text.contains(char::is_whitespace)
}

/// People, nested or not, with managers of their own.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Group {
    /// Unique name.
    pub name: String,
    /// Direct members.
    pub members: BTreeSet<PersonId>,
    /// Groups whose members are members too.
    pub groups: BTreeSet<GroupId>,
    /// Who manages it.
    pub managers: BTreeSet<PersonId>,
}

/// An endpoint. A database is a device, and so is a server one signs in to by SSH.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Device {
    /// Unique name, as people type it.
    pub name: String,
    /// Host name or address to connect to.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// How it is spoken to, and what it must prove to be.
    pub endpoint: Endpoint,
}

/// What is particular to a protocol, with the identity a device is pinned to.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// A PostgreSQL server over TLS.
    Postgresql(PostgresEndpoint),
    /// An SSH server (RFC 4251).
    Ssh(SshEndpoint),
}

/// How a device is spoken to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// PostgreSQL over TLS.
    #[default]
    Postgresql,
    /// SSH.
    Ssh,
}

impl Protocol {
    /// As it is written in digests.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Protocol::Postgresql => "postgresql",
            Protocol::Ssh => "ssh",
        }
    }

    /// The port meant when none is given.
    #[must_use]
    pub fn port(self) -> u16 {
        match self {
            Protocol::Postgresql => 5432,
            Protocol::Ssh => 22,
        }
    }
}

/// What is particular to a PostgreSQL server.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct PostgresEndpoint {
    /// The database meant when a client names none.
    pub database: String,
    /// PEM certificates the target's certificate must chain to; the name checked is `server_name`.
    pub ca_pem: String,
    /// The name the target's certificate must carry.
    pub server_name: String,
}

/// What is particular to an SSH server.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct SshEndpoint {
    /// The public key it must prove to hold, as in `ssh_host_ed25519_key.pub`, without a comment.
    pub host_key: String,
    /// Algorithms that are agreed on with it although they are no longer modern, by name.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub legacy_algorithms: BTreeSet<String>,
}

impl Device {
    /// Digest of address and pinned identity: a device with another one is another target.
    #[must_use]
    pub fn pin(&self) -> Digest {
        let (host, port) = (self.host.as_bytes(), self.port.to_be_bytes());
        match &self.endpoint {
            Endpoint::Postgresql(at) => {
                Digest::of("countersign pin v1", &[host, &port, at.server_name.as_bytes(), at.ca_pem.as_bytes()])
            }
            Endpoint::Ssh(at) => Digest::of("countersign ssh pin v1", &[host, &port, at.host_key.as_bytes()]),
        }
    }

    /// How it is spoken to.
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        match self.endpoint {
            Endpoint::Postgresql(_) => Protocol::Postgresql,
            Endpoint::Ssh(_) => Protocol::Ssh,
        }
    }

    /// The database meant when none is named; nothing where there are no databases.
    #[must_use]
    pub fn database(&self) -> Option<&str> {
        match &self.endpoint {
            Endpoint::Postgresql(at) => Some(&at.database),
            Endpoint::Ssh(_) => None,
        }
    }
}

/// A named set of devices.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub struct DeviceGroup {
    /// Unique name.
    pub name: String,
    /// Its devices.
    pub devices: BTreeSet<DeviceId>,
}

/// A login on a device.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Account {
    /// The device it belongs to.
    pub device: DeviceId,
    /// Its login name there.
    pub name: String,
    /// Who owns it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub owners: BTreeSet<PersonId>,
    /// Who manages it for them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub managers: BTreeSet<PersonId>,
    /// Whether each connection signs in with a certificate that our own authority makes for it, of a key that lives as long as
    /// the sign-in; else with the secret that is stored. SSH only.
    #[serde(default, skip_serializing_if = "is_default")]
    pub certificate: bool,
}

/// A role of one's own: a bundle of permissions, given to people and groups.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub struct OwnRole {
    /// Unique name.
    pub name: String,
    /// What it lets them do.
    pub permissions: BTreeSet<Permission>,
    /// Who has it.
    pub people: BTreeSet<PersonId>,
    /// Groups whose members have it.
    pub groups: BTreeSet<GroupId>,
}

/// What an authority may depend on besides the directory: who asks, and for which account.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct About {
    /// Who asks.
    pub requester: PersonId,
    /// For which account.
    pub account: AccountId,
}

/// Everyone and everything, by id.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Directory {
    /// People.
    #[serde(with = "countersign_journal::canonical::pairs")]
    pub people: BTreeMap<PersonId, Person>,
    /// Groups of people.
    #[serde(with = "countersign_journal::canonical::pairs")]
    pub groups: BTreeMap<GroupId, Group>,
    /// Devices.
    #[serde(with = "countersign_journal::canonical::pairs")]
    pub devices: BTreeMap<DeviceId, Device>,
    /// Groups of devices.
    #[serde(with = "countersign_journal::canonical::pairs")]
    pub device_groups: BTreeMap<DeviceGroupId, DeviceGroup>,
    /// Accounts.
    #[serde(with = "countersign_journal::canonical::pairs")]
    pub accounts: BTreeMap<AccountId, Account>,
    /// Roles beside the built-in ones.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", with = "countersign_journal::canonical::pairs")]
    pub roles: BTreeMap<RoleId, OwnRole>,
    /// Contacts. They share the numbers of people, so that votes stay distinct by number, and stand apart, so that nothing
    /// that looks among people ever finds one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", with = "countersign_journal::canonical::pairs")]
    pub contacts: BTreeMap<PersonId, Contact>,
    /// Who decides for each module (R75).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub approvers: BTreeMap<Module, BTreeSet<PersonId>>,
    /// The number the next new thing gets, whatever its kind; ids are never reused.
    pub next_id: u64,
}

impl Directory {
    /// The person, if known and enabled.
    #[must_use]
    pub fn enabled(&self, person: PersonId) -> Option<&Person> {
        self.people.get(&person).filter(|p| p.enabled)
    }

    /// The contact, if known and enabled.
    #[must_use]
    pub fn contact(&self, id: PersonId) -> Option<&Contact> {
        self.contacts.get(&id).filter(|c| c.enabled)
    }

    /// Whether the person is enabled and has a permission: by their role, or by one given to them or a group of theirs.
    #[must_use]
    pub fn may(&self, person: PersonId, permission: Permission) -> bool {
        let Some(known) = self.enabled(person) else { return false };
        let own = self.roles.values().filter(|r| r.permissions.contains(&permission));
        let has = |r: &OwnRole| r.people.contains(&person) || r.groups.iter().any(|g| self.is_member(*g, person));
        known.role.has(permission) || own.into_iter().any(has)
    }

    /// Everything a person may do.
    #[must_use]
    pub fn permissions(&self, person: PersonId) -> BTreeSet<Permission> {
        permission::TABLE.iter().map(|l| l.permission).filter(|p| self.may(person, *p)).collect()
    }

    /// Who is enabled and has a permission.
    #[must_use]
    pub fn who_may(&self, permission: Permission) -> BTreeSet<PersonId> {
        let by_role = self.people.iter().filter(|(_, p)| p.role.has(permission)).map(|(id, _)| *id);
        let own = self.roles.values().filter(|r| r.permissions.contains(&permission));
        let given = own.flat_map(|r| r.people.iter().copied().chain(r.groups.iter().flat_map(|g| self.members(*g))));
        by_role.chain(given).filter(|p| self.enabled(*p).is_some()).collect()
    }

    /// The group and every group in it, through nesting; a cycle of groups ends where it began.
    fn nested(&self, group: GroupId) -> impl Iterator<Item = &Group> {
        let (mut seen, mut open) = (BTreeSet::new(), vec![group]);
        std::iter::from_fn(move || {
            loop {
                let id = open.pop()?;
                if let Some(found) = self.groups.get(&id).filter(|_| seen.insert(id)) {
                    open.extend(&found.groups);
                    return Some(found);
                }
            }
        })
    }

    /// Every member of the group, through nesting.
    #[must_use]
    pub fn members(&self, group: GroupId) -> BTreeSet<PersonId> {
        self.nested(group).flat_map(|g| &g.members).copied().collect()
    }

    /// Whether the person is a member of the group, through nesting.
    #[must_use]
    pub fn is_member(&self, group: GroupId, person: PersonId) -> bool {
        self.nested(group).any(|g| g.members.contains(&person))
    }

    /// How people call an account: `app@prod-db`; `None` when it is not there.
    #[must_use]
    pub fn label(&self, account: AccountId) -> Option<String> {
        let login = self.accounts.get(&account)?;
        let device = self.devices.get(&login.device)?;
        Some(format!("{}@{}", login.name, device.name))
    }

    /// The enabled people who decide on changes of the configuration.
    #[must_use]
    pub fn administrators(&self) -> BTreeSet<PersonId> {
        self.who_may(Permission::ProposeChanges)
    }

    /// The enabled people, or contacts, whom an authority names at this moment, the requester never among them (R38). Who of
    /// them can use it is for the decision to say (`decide::who`).
    #[must_use]
    pub fn named(&self, authority: &Authority, about: About) -> BTreeSet<PersonId> {
        let account = || self.accounts.get(&about.account);
        let mut named: BTreeSet<PersonId> = match authority {
            Authority::Persons(persons) => persons.clone(),
            Authority::Members(group) => self.members(*group),
            Authority::Managers(group) => self.groups.get(group).map(|g| g.managers.clone()).unwrap_or_default(),
            Authority::Administrators => self.administrators(),
            Authority::LineManager => self.people.get(&about.requester).and_then(|p| p.manager).into_iter().collect(),
            Authority::AccountOwners => account().map(|a| a.owners.clone()).unwrap_or_default(),
            Authority::AccountManagers => account().map(|a| a.managers.clone()).unwrap_or_default(),
            Authority::Approvers(module) => self.approvers.get(module).cloned().unwrap_or_default(),
            // A contact is nobody's requester, and nothing of what follows is theirs.
            Authority::Contacts(named) => {
                return named.iter().copied().filter(|c| self.contact(*c).is_some()).collect();
            }
        };
        named.retain(|p| self.enabled(*p).is_some() && (*p != about.requester || planted::is(Fault::OwnVoteCounts)));
        named
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Directories are stored and named by their canonical bytes, whose maps cannot have numbers as keys.
    #[test]
    fn a_directory_reads_back_from_its_canonical_bytes() {
        let person = Person {
            handle: "alice".into(),
            name: "Alice".into(),
            email: None,
            enabled: true,
            role: Role::Member,
            manager: None,
            former_emails: BTreeSet::new(),
        };
        let directory = Directory { people: [(PersonId(1), person)].into(), next_id: 2, ..Directory::default() };
        let bytes = countersign_journal::canonical::encode(&directory);
        assert_eq!(countersign_journal::canonical::decode::<Directory>(&bytes), Ok(directory));
    }
}
