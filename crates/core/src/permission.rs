//! Permissions: what somebody may do beside asking, and deciding where a workflow says so. One table says what each is
//! called, what it lets one do, and which of the built-in roles have it (R87); roles of one's own are any bundle of them.
//!
//! What one may do with a request because one made it, decides it or owns its account is not a permission: it follows
//! from the request, and is decided with it.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One thing a person may do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[allow(missing_docs, reason = "the table says what each lets one do")]
pub enum Permission {
    ListRequests,
    ListSessions,
    ReadTranscripts,
    ListReports,
    ExportJournal,
    ExplainOthers,
    ReadConfiguration,
    ManageRequests,
    TerminateSessions,
    InvitePeople,
    ProposeChanges,
    GrantRoles,
}

/// A built-in role. Each has what those before it have.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Asks, and decides where a workflow says so.
    #[default]
    Member,
    /// Also reads everything.
    Auditor,
    /// Also manages requests and sessions, and proposes and approves changes of the configuration.
    Administrator,
    /// Also gives roles and permissions.
    SuperAdministrator,
}

/// One line of the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Line {
    /// The permission.
    pub permission: Permission,
    /// What it is called, in files and on pages.
    pub name: &'static str,
    /// What it lets one do.
    pub lets: &'static str,
    /// The first of the built-in roles that has it.
    pub from: Role,
}

const fn line(permission: Permission, name: &'static str, from: Role, lets: &'static str) -> Line {
    Line { permission, name, lets, from }
}

/// Every permission.
pub const TABLE: [Line; 12] = {
    use Permission::*;
    use Role::*;
    [
        line(ListRequests, "PAM.Requests.List", Auditor, "see everybody's requests and delegations"),
        line(ListSessions, "PAM.Sessions.List", Auditor, "see everybody's sessions"),
        line(ReadTranscripts, "PAM.Transcripts.Read", Auditor, "read what was run in sessions of others"),
        line(ListReports, "PAM.Reports.List", Auditor, "read the audit"),
        line(ExportJournal, "PAM.Journal.Export", Auditor, "copy the journal, to verify it elsewhere"),
        line(ExplainOthers, "PAM.Explain.Others", Auditor, "ask why for other people"),
        line(ReadConfiguration, "PAM.Configuration.Read", Auditor, "read the configuration and its versions"),
        line(ManageRequests, "PAM.Requests.Manage", Administrator, "revoke, change and escalate requests of others"),
        line(TerminateSessions, "PAM.Sessions.Terminate", Administrator, "end sessions"),
        line(InvitePeople, "PAM.People.Invite", Administrator, "list people and make one-time links for them"),
        line(
            ProposeChanges,
            "PAM.Configuration.Change",
            Administrator,
            "propose and approve changes of the configuration",
        ),
        line(GrantRoles, "PAM.Roles.Grant", SuperAdministrator, "change who has which role and what roles may do"),
    ]
};

impl Permission {
    fn line(self) -> &'static Line {
        TABLE.iter().find(|l| l.permission == self).expect("the table has every permission")
    }

    /// What it is called.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.line().name
    }

    /// The permission of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Permission> {
        TABLE.iter().find(|l| l.name == name).map(|l| l.permission)
    }
}

impl Role {
    /// Whether the role has a permission.
    #[must_use]
    pub fn has(self, permission: Permission) -> bool {
        self >= permission.line().from
    }
}

impl Serialize for Permission {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Permission {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Permission, D::Error> {
        let name = String::deserialize(from)?;
        Permission::named(&name)
            .ok_or_else(|| serde::de::Error::custom(format!("`{name}` is no permission; the roles page lists them")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_permission_stands_once_and_reads_back_by_its_name() {
        for (n, line) in TABLE.iter().enumerate() {
            assert_eq!(Permission::named(line.name), Some(line.permission));
            assert_eq!(TABLE.iter().position(|l| l.permission == line.permission), Some(n));
        }
        assert_eq!(Permission::named("PAM.Reports"), None);
    }
}
