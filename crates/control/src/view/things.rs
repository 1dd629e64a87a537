//! Groups and devices as lists, for whoever may read them.

use super::{AccessView, PersonView, person_view};
use crate::ask::Actor;
use crate::control::Control;
use crate::fault::Fault;
use countersign_core::{Device, Directory, Endpoint, Group, Permission, Protocol};
use countersign_journal::{AccountId, DeviceId, GroupId};
use serde::Serialize;

/// A group, for showing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct GroupView {
    /// Its name.
    pub name: String,
    /// Who is in it by name.
    pub members: Vec<PersonView>,
    /// Groups whose members are in it too.
    pub groups: Vec<String>,
    /// How many are in it, through others too.
    pub count: usize,
    /// Who decides where a rule for it names no workflow.
    pub managers: Vec<PersonView>,
    /// Rules that speak of it.
    pub rules: Vec<String>,
}

/// A device, for whoever may reach it or read the configuration.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct DeviceView {
    /// Its name.
    pub name: String,
    /// Where it is; none for those who may not read the configuration.
    pub address: Option<String>,
    /// How it is spoken to.
    pub protocol: Protocol,
    /// The database meant when a client names none; none where there are no databases.
    pub database: Option<String>,
    /// Algorithms that are agreed on with it although they are no longer modern; none for those who may not read the
    /// configuration.
    pub legacy_algorithms: Vec<String>,
    /// Groups it is in; none for those who may not read the configuration.
    pub groups: Vec<String>,
    /// Its accounts that the reader may see.
    pub accounts: Vec<LoginView>,
}

/// An account on a device.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct LoginView {
    /// Which.
    pub account: AccountId,
    /// Its login.
    pub name: String,
    /// What the reader may do with it; none where no rule lets them ask.
    pub access: Option<AccessView>,
    /// Whether it signs in with certificates instead of a stored secret.
    pub certificate: bool,
    /// Whether a secret is stored for it, where it needs one; only told to those who may read the configuration.
    pub has_secret: Option<bool>,
}

impl Control {
    /// Every group.
    ///
    /// # Errors
    /// When the actor may not.
    pub fn groups(&self, actor: &Actor) -> Result<Vec<GroupView>, Fault> {
        actor.require(Permission::ReadConfiguration)?;
        let directory = self.directory();
        let policy = self.state().policy.clone();
        let rules = |id: GroupId| {
            let speaking = policy.rules.iter().filter(|r| r.subjects.groups.contains(&id));
            speaking.map(|r| r.name.clone()).collect()
        };
        let view = |(id, group): (&GroupId, &Group)| {
            let people = |all: &std::collections::BTreeSet<_>| {
                let there = all.iter().filter(|p| directory.enabled(**p).is_some());
                there.map(|p| person_view(&directory, *p)).collect()
            };
            let nested = group.groups.iter().filter_map(|g| directory.groups.get(g));
            GroupView {
                name: group.name.clone(),
                members: people(&group.members),
                groups: nested.map(|g| g.name.clone()).collect(),
                count: directory.members(*id).iter().filter(|p| directory.enabled(**p).is_some()).count(),
                managers: people(&group.managers),
                rules: rules(*id),
            }
        };
        let mut groups: Vec<GroupView> = directory.groups.iter().map(view).collect();
        groups.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(groups)
    }

    /// Devices: all of them for whoever may read the configuration, else those the rules let the actor reach or ask for.
    ///
    /// # Errors
    /// Trouble.
    pub async fn devices(&self, actor: &Actor) -> Result<Vec<DeviceView>, Fault> {
        let reads = actor.may(Permission::ReadConfiguration);
        let access = self.my_access(actor);
        let directory = self.directory();
        let mut devices = Vec::new();
        for (id, device) in &directory.devices {
            let mut view = device_view(&directory, *id, device, &access, reads);
            for login in view.accounts.iter_mut().filter(|login| reads && !login.certificate) {
                login.has_secret = Some(self.0.store.secret(login.account).await?.is_some());
            }
            if reads || !view.accounts.is_empty() {
                devices.push(view);
            }
        }
        devices.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(devices)
    }

    /// Device groups, with the devices in each.
    ///
    /// # Errors
    /// When the actor may not.
    pub fn device_groups(&self, actor: &Actor) -> Result<Vec<(String, Vec<String>)>, Fault> {
        actor.require(Permission::ReadConfiguration)?;
        let directory = self.directory();
        let name = |id: &DeviceId| directory.devices.get(id).map(|d| d.name.clone());
        let groups = directory.device_groups.values();
        Ok(groups.map(|g| (g.name.clone(), g.devices.iter().filter_map(name).collect())).collect())
    }
}

fn device_view(directory: &Directory, id: DeviceId, device: &Device, access: &[AccessView], reads: bool) -> DeviceView {
    let login = |(account, login): (&AccountId, &countersign_core::Account)| {
        let mine = access.iter().find(|a| a.account == *account).cloned();
        let seen = reads || mine.is_some();
        let (name, certificate) = (login.name.clone(), login.certificate);
        seen.then_some(LoginView { account: *account, name, access: mine, certificate, has_secret: None })
    };
    let groups = directory.device_groups.values().filter(|g| reads && g.devices.contains(&id));
    DeviceView {
        name: device.name.clone(),
        address: reads.then(|| format!("{}:{}", device.host, device.port)),
        protocol: device.protocol(),
        database: device.database().map(str::to_owned),
        legacy_algorithms: match &device.endpoint {
            Endpoint::Ssh(at) if reads => at.legacy_algorithms.iter().cloned().collect(),
            _ => Vec::new(),
        },
        groups: groups.map(|g| g.name.clone()).collect(),
        accounts: directory.accounts.iter().filter(|(_, a)| a.device == id).filter_map(login).collect(),
    }
}
