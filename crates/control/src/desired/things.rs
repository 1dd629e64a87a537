//! People, groups, roles, devices, device groups and accounts as forms. A form becomes the file in which that one thing is so.
//! What is known by its name keeps it: the file tells things apart by their names.

use super::endpoint::no_legacy_algorithm;
use super::file::{AccountEntry, DeviceEntry, DeviceGroupEntry, File, GroupEntry, LevelEntry, PersonEntry, RoleEntry};
use super::resolve::check_name;
use crate::ask::Actor;
use crate::control::Control;
use crate::fault::Fault;
use crate::view::{BUILT_IN, Draft, Known, Reading, Typed};
use countersign_core::directory::is_address;
use countersign_core::{Permission, Protocol, Refusal, gives_roles};
use std::collections::BTreeSet;

/// What a form is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Thing {
    /// Somebody, by their handle.
    Person,
    /// A group, by its name.
    Group,
    /// A role of one's own, by its name.
    Role,
    /// A device, by its name.
    Device,
    /// A device group, by its name.
    DeviceGroup,
    /// A login on a device, as `account@device`.
    Account,
}

impl Thing {
    /// The fields of its form that only the whole shows to be wrong.
    fn fields(self) -> &'static [&'static str] {
        match self {
            Thing::Person => &["manager"],
            Thing::Group => &["groups"],
            Thing::Role | Thing::Device | Thing::DeviceGroup | Thing::Account => &[],
        }
    }
}

impl Control {
    /// Something as a form shows it; nothing when there is none of that name. Of somebody who was disabled it is what they
    /// were.
    ///
    /// # Errors
    /// When the actor may not.
    pub fn typed(&self, actor: &Actor, thing: Thing, name: &str) -> Result<Option<Typed>, Fault> {
        let file = self.file_for(actor, thing, Permission::ReadConfiguration)?;
        Ok(match thing {
            Thing::Person => {
                let known = file.people.iter().find(|p| p.handle == name).map(Typed::of);
                known.or_else(|| self.disabled(name).map(|p| Typed::of(&p)))
            }
            Thing::Group => file.groups.iter().find(|g| g.name == name).map(Typed::of),
            Thing::Role => file.roles.iter().find(|r| r.name == name).map(Typed::of),
            Thing::Device => file.devices.iter().find(|d| d.name == name).map(Typed::of),
            Thing::DeviceGroup => file.device_groups.iter().find(|g| g.name == name).map(Typed::of),
            Thing::Account => file.accounts.iter().find(|a| label(a) == name).map(Typed::of),
        })
    }

    /// Whether the actor may change roles; whoever may not is told before they fill in a form.
    #[must_use]
    pub fn may_change_roles(&self, actor: &Actor) -> bool {
        actor.may(Permission::ProposeChanges) && gives_roles(actor.person, &self.directory())
    }

    fn file_for(&self, actor: &Actor, thing: Thing, permission: Permission) -> Result<File, Fault> {
        let file = self.file(actor, permission)?;
        match thing {
            Thing::Role if !self.may_change_roles(actor) => Err(Fault::Refused(Refusal::MayNotGrantRoles)),
            _ => Ok(file),
        }
    }

    fn disabled(&self, handle: &str) -> Option<PersonEntry> {
        let directory = self.directory();
        let person = directory.people.values().find(|p| p.handle == handle && !p.enabled)?;
        Some(PersonEntry {
            handle: person.handle.clone(),
            name: Some(person.name.clone()),
            email: person.email.clone(),
            role: person.role,
            manager: person.manager.and_then(|m| directory.enabled(m)).map(|m| m.handle.clone()),
        })
    }

    /// The file in which the thing of that name is as typed; without a name it is a new one.
    ///
    /// # Errors
    /// When the actor may not, or there is no such thing.
    pub fn with(&self, actor: &Actor, thing: Thing, name: &str, typed: &Typed) -> Result<Draft, Fault> {
        let mut file = self.file_for(actor, thing, Permission::ProposeChanges)?;
        let known = file.known();
        let form = &mut Reading::of(typed);
        match thing {
            Thing::Person => {
                let entry = person(form, name, &known);
                put(&mut file.people, entry, name, |p| p.handle.clone())?;
            }
            Thing::Group => {
                let entry = group(form, name, &known);
                put(&mut file.groups, entry, name, |g| g.name.clone())?;
            }
            Thing::Role => {
                let entry = role(form, name, &known);
                put(&mut file.roles, entry, name, |r| r.name.clone())?;
            }
            Thing::Device => {
                let entry = device(form, name, &known);
                put(&mut file.devices, entry, name, |d| d.name.clone())?;
            }
            Thing::DeviceGroup => {
                let entry = device_group(form, name, &known);
                put(&mut file.device_groups, entry, name, |g| g.name.clone())?;
            }
            Thing::Account => {
                let entry = account(form, &known);
                put(&mut file.accounts, entry, "", label)?;
            }
        }
        Ok(if form.wrongs.is_empty() {
            self.drafted(&file, thing.fields())
        } else {
            Draft::Wrong(std::mem::take(&mut form.wrongs))
        })
    }

    /// The file without the thing of that name. A person is disabled by that, and taken out of every list that names others
    /// too; where somebody is the only one named, the list would mean something else, and has to be changed first.
    ///
    /// # Errors
    /// When the actor may not, or there is no such thing, or it is the only one named somewhere.
    pub fn without(&self, actor: &Actor, thing: Thing, name: &str) -> Result<Draft, Fault> {
        let mut file = self.file_for(actor, thing, Permission::ProposeChanges)?;
        let before = file.text().len();
        match thing {
            Thing::Person => leave_out(&mut file, name)?,
            Thing::Group => file.groups.retain(|g| g.name != name),
            Thing::Role => file.roles.retain(|r| r.name != name),
            Thing::Device => file.devices.retain(|d| d.name != name),
            Thing::DeviceGroup => file.device_groups.retain(|g| g.name != name),
            Thing::Account => file.accounts.retain(|a| label(a) != name),
        }
        let text = file.text();
        if text.len() == before { Err(Fault::NotFound) } else { Ok(Draft::File(text)) }
    }
}

pub(super) fn label(account: &AccountEntry) -> String {
    format!("{}@{}", account.name, account.device)
}

/// In the place of the one of that name, or at the end.
fn put<T>(all: &mut Vec<T>, entry: T, name: &str, named: impl Fn(&T) -> String) -> Result<(), Fault> {
    match all.iter_mut().find(|one| named(one) == name) {
        Some(known) => *known = entry,
        None if name.is_empty() => all.push(entry),
        None => return Err(Fault::NotFound),
    }
    Ok(())
}

/// The name of something: the one it has, or for something new the one that was typed.
fn name_of(form: &mut Reading<'_>, field: &'static str, has: &str, what: &str, taken: &BTreeSet<String>) -> String {
    if !has.is_empty() {
        return has.to_owned();
    }
    let typed = form.required(field, &format!("Give the {what} a name."));
    if taken.contains(&typed) {
        form.wrong(field, format!("There is a {what} `{typed}` already; choose another name."));
    }
    typed
}

/// The same for what people type.
fn word_of(form: &mut Reading<'_>, field: &'static str, has: &str, what: &str, taken: &BTreeSet<String>) -> String {
    let name = name_of(form, field, has, what, taken);
    if check_name(what, &name).is_err() && !name.is_empty() {
        form.wrong(
            field,
            format!("`{name}` has characters that no name people type may have; use 1 to 64 letters, digits, `-`, `_` or `.`."),
        );
    }
    name
}

fn person(form: &mut Reading<'_>, has: &str, known: &Known) -> PersonEntry {
    let email = form.given("email");
    if email.as_ref().is_some_and(|e| !is_address(e)) {
        form.wrong("email", "This is no e-mail address; write it as name@example.org, or leave it empty.");
    }
    let handle = word_of(form, "handle", has, "person", &known.people);
    let managers = form.people("manager", known);
    if managers.len() > 1 {
        form.wrong("manager", "A person has one line manager; name one handle.");
    }
    PersonEntry {
        handle: handle.to_lowercase(),
        name: form.given("name"),
        email,
        role: form.choice("role", "role").unwrap_or_default(),
        manager: managers.into_iter().next(),
    }
}

fn group(form: &mut Reading<'_>, has: &str, known: &Known) -> GroupEntry {
    GroupEntry {
        name: name_of(form, "name", has, "group", &known.groups),
        members: form.people("members", known),
        groups: form.names("groups", &known.groups),
        managers: form.people("managers", known),
    }
}

fn role(form: &mut Reading<'_>, has: &str, known: &Known) -> RoleEntry {
    let built_in = BUILT_IN.iter().map(|(_, name)| (*name).to_owned());
    let name = name_of(form, "name", has, "role", &known.roles.iter().cloned().chain(built_in).collect());
    let permissions = form.choices("permissions", "permission");
    if permissions.is_empty() {
        form.wrong("permissions", "Choose at least one permission; a role without any lets nobody do anything.");
    }
    RoleEntry { name, permissions, people: form.people("people", known), groups: form.names("groups", &known.groups) }
}

fn device(form: &mut Reading<'_>, has: &str, known: &Known) -> DeviceEntry {
    let protocol = form.choice("protocol", "protocol").unwrap_or_default();
    let port: Option<u16> = form.number("port");
    if port == Some(0) {
        form.wrong("port", "A port is between 1 and 65535.");
    }
    let mut entry = DeviceEntry {
        name: word_of(form, "name", has, "device", &known.devices),
        protocol,
        host: form.required("host", "Enter the host name or address."),
        port: port.filter(|p| *p != protocol.port()),
        database: None,
        ca: None,
        server_name: None,
        host_key: None,
        legacy_algorithms: Vec::new(),
    };
    match protocol {
        Protocol::Postgresql => {
            entry.database =
                Some(form.required("database", "Enter the database that is meant when a client names none."));
            entry.ca = Some(authority(form));
            entry.server_name = form.given("server_name");
        }
        Protocol::Ssh => {
            entry.host_key = Some(host_key(form));
            entry.legacy_algorithms = form.lines("legacy_algorithms");
            if let Some(why) = entry.legacy_algorithms.iter().find_map(|name| no_legacy_algorithm(name)) {
                form.wrong("legacy_algorithms", why + ".");
            }
        }
    }
    entry
}

fn authority(form: &mut Reading<'_>) -> String {
    let ca = form
        .required("ca", "Paste the certificate of the authority that signs the device's; without it nothing connects.");
    if ca.is_empty() {
        return ca;
    }
    if !ca.contains("-----BEGIN CERTIFICATE-----") {
        form.wrong("ca", "This is no certificate in PEM form; it begins with -----BEGIN CERTIFICATE-----.");
    }
    ca + "\n"
}

fn host_key(form: &mut Reading<'_>) -> String {
    let key = form.required("host_key", "Paste the server's public host key; without it nothing connects.");
    if !key.is_empty() && countersign_target::ssh::plain_host_key(&key).is_none() {
        form.wrong("host_key", "This is no public key; it is one line such as `ssh-ed25519 AAAA…`.");
    }
    key
}

fn device_group(form: &mut Reading<'_>, has: &str, known: &Known) -> DeviceGroupEntry {
    DeviceGroupEntry {
        name: name_of(form, "name", has, "device group", &known.device_groups),
        devices: form.names("devices", &known.devices),
    }
}

/// Never with a password: a page shows the file that a form makes.
fn account(form: &mut Reading<'_>, known: &Known) -> AccountEntry {
    let device = form.required("device", "Choose the device it is on.");
    if !device.is_empty() && !known.devices.contains(&device) {
        form.wrong("device", format!("There is no device `{device}`; choose one of the list."));
    }
    let name = word_of(form, "name", "", "account", &BTreeSet::new());
    if known.accounts.contains(&format!("{name}@{device}")) {
        form.wrong("name", format!("There is an account `{name}@{device}` already; choose another name."));
    }
    let (owners, managers) = (form.people("owners", known), form.people("managers", known));
    let certificate = form.set("certificate");
    AccountEntry { device, name, password: None, certificate, owners, managers, approval: None }
}

/// Takes somebody out of the file, and out of every list that means the same without them.
fn leave_out(file: &mut File, handle: &str) -> Result<(), Fault> {
    let gone = |all: &mut Vec<String>| all.retain(|h| h != handle);
    file.people.retain(|p| p.handle != handle);
    file.people.iter_mut().filter(|p| p.manager.as_deref() == Some(handle)).for_each(|p| p.manager = None);
    for group in &mut file.groups {
        gone(&mut group.members);
        gone(&mut group.managers);
    }
    file.roles.iter_mut().for_each(|r| gone(&mut r.people));
    for (module, approvers) in &mut file.parameters.approvers {
        if file.parameters.watch_approval && *approvers == [handle] {
            return Err(only_one(&format!("module {} is approved by", module.name()), handle));
        }
        gone(approvers);
    }
    for account in &mut file.accounts {
        gone(&mut account.owners);
        gone(&mut account.managers);
        let what = format!("account `{}`", label(account));
        if let Some(approval) = &mut account.approval {
            gone(&mut approval.exclude_people);
            leave_levels(&mut approval.levels, handle, &what)?;
        }
    }
    for workflow in &mut file.workflows {
        leave_levels(&mut workflow.levels, handle, &format!("workflow `{}`", workflow.name))?;
    }
    for rule in &mut file.rules {
        gone(&mut rule.exclude_people);
        if rule.people == [handle] && rule.groups.is_empty() {
            return Err(only_one(&format!("rule `{}` speaks of", rule.name), handle));
        }
        gone(&mut rule.people);
    }
    Ok(())
}

fn leave_levels(levels: &mut [LevelEntry], handle: &str, what: &str) -> Result<(), Fault> {
    for (number, people) in (1..).zip(levels.iter_mut().map(|l| &mut l.people)) {
        let Some(people) = people else { continue };
        if people.as_slice() == [handle] {
            return Err(only_one(&format!("{what}, level {number}, is decided by"), handle));
        }
        people.retain(|h| h != handle);
    }
    Ok(())
}

fn only_one(what: &str, handle: &str) -> Fault {
    Fault::Input(format!("{what} `{handle}` and nobody else; name others there first, or remove it"))
}
