//! Roles, for showing: which permissions each has, and who has it.

use crate::ask::Actor;
use crate::control::Control;
use crate::words;
use countersign_core::permission::{Role, TABLE};
use countersign_core::{OwnRole, Permission};
use serde::Serialize;

/// All roles and permissions in one table.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct RolesView {
    /// The roles, the built-in ones first.
    pub roles: Vec<RoleView>,
    /// The permissions.
    pub permissions: Vec<PermissionView>,
}

/// One role.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct RoleView {
    /// What it is called.
    pub name: String,
    /// Whether it is one of one's own, which a form changes.
    pub own: bool,
    /// Who has it, people by handle and groups by name; empty for whoever may not read the configuration.
    pub holders: Vec<String>,
}

/// One permission and the roles that have it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct PermissionView {
    /// What it is called.
    pub name: &'static str,
    /// What it lets one do.
    pub lets: &'static str,
    /// Whether each of the roles has it, in their order.
    pub held: Vec<bool>,
}

/// The roles everybody has one of, and what each is called.
pub(crate) const BUILT_IN: [(Role, &str); 4] = [
    (Role::Member, "member"),
    (Role::Auditor, "auditor"),
    (Role::Administrator, "administrator"),
    (Role::SuperAdministrator, "super_administrator"),
];

impl Control {
    /// Every role and permission (R87).
    #[must_use]
    pub fn roles(&self, actor: &Actor) -> RolesView {
        let directory = self.directory();
        let shows = actor.may(Permission::ReadConfiguration);
        let handles = |role: Role| {
            let has = directory.people.values().filter(move |p| shows && p.enabled && p.role == role);
            has.map(|p| p.handle.clone()).collect::<Vec<_>>()
        };
        let given = |role: &OwnRole| {
            let people = role.people.iter().map(|p| words::name(&directory, *p));
            let groups =
                role.groups.iter().filter_map(|g| directory.groups.get(g)).map(|g| format!("group {}", g.name));
            people.chain(groups).filter(|_| shows).collect::<Vec<_>>()
        };
        let built_in =
            BUILT_IN.iter().map(|(role, name)| RoleView { name: (*name).into(), own: false, holders: handles(*role) });
        let own = directory.roles.values().map(|r| RoleView { name: r.name.clone(), own: true, holders: given(r) });
        let permissions = TABLE.iter().map(|line| {
            let built_in = BUILT_IN.iter().map(|(role, _)| role.has(line.permission));
            let own = directory.roles.values().map(|r| r.permissions.contains(&line.permission));
            PermissionView { name: line.name, lets: line.lets, held: built_in.chain(own).collect() }
        });
        RolesView { permissions: permissions.collect(), roles: built_in.chain(own).collect() }
    }
}
