//! Ids: one type each, never reused, never a name. Names may change; an id is what a decision is about.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident shown as $format:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, $format, self.0)
            }
        }
    )*};
}

ids! {
    /// One human, whatever login identities they own.
    PersonId shown as "person {}";
    /// A group of people.
    GroupId shown as "group {}";
    /// An endpoint: address, protocol, pinned identity.
    DeviceId shown as "device {}";
    /// A group of devices.
    DeviceGroupId shown as "device group {}";
    /// A login on a device whose secret the vault holds.
    AccountId shown as "account {}";
    /// A role of one's own: a bundle of permissions.
    RoleId shown as "role {}";
    /// A rule of the policy.
    RuleId shown as "rule {}";
    /// A workflow of the policy.
    WorkflowId shown as "workflow {}";
    /// One person asks for one act on one target.
    RequestId shown as "#{}";
    /// What an approved request yields.
    GrantId shown as "grant {}";
    /// The right to decide, lent by one person to another.
    DelegationId shown as "delegation {}";
    /// A live use of a grant.
    SessionId shown as "session {}";
}

impl PersonId {
    /// Whoever runs the server: named where something is done on its machine, by nobody who is signed in. Ids of people
    /// begin at 1.
    pub const OPERATOR: PersonId = PersonId(0);
}
