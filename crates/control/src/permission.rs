//! Permissions: one table, one function.

use countersign_core::Role;

/// What a role may include.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Permission {
    /// Ask, decide where a workflow says so, see what concerns oneself.
    TakePart,
    /// See everybody's requests, sessions, transcripts and the audit.
    ReadEverything,
    /// Change policy and directory, terminate sessions, invite people.
    Administer,
}

/// Whether a role includes a permission.
#[must_use]
pub fn may(role: Role, permission: Permission) -> bool {
    match (role, permission) {
        (_, Permission::TakePart) | (Role::Administrator, _) | (Role::Auditor, Permission::ReadEverything) => true,
        (Role::Member | Role::Auditor, _) => false,
    }
}
