//! Acts and the resolved facts they are about. A decision embeds these, so that it can be re-judged offline.

use crate::canonical::{Commitment, Digest, is_default};
use crate::facts::{ActionFacts, Language};
use crate::id::{AccountId, DeviceGroupId, DeviceId, GrantId, GroupId, PersonId, SessionId};
use crate::policy::Policy;
use crate::time::Window;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A person as resolved at the moment of a decision.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct PersonFacts {
    /// Who.
    pub id: PersonId,
    /// The handle at that moment, for people.
    pub handle: String,
    /// Every group the person is in, nested ones included.
    pub groups: BTreeSet<GroupId>,
}

/// A target as resolved at the moment of a decision.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct TargetFacts {
    /// The device.
    pub device: DeviceId,
    /// Its name at that moment, for people.
    pub device_name: String,
    /// Every group the device is in.
    pub device_groups: BTreeSet<DeviceGroupId>,
    /// The account.
    pub account: AccountId,
    /// Its login name at that moment, for people.
    pub account_name: String,
    /// The database asked for, as the target will be told.
    pub database: String,
    /// Digest of the pinned identity and address: another host is another target.
    pub pin: Digest,
}

impl TargetFacts {
    /// Countersign's own configuration, the target of every [`Act::Administer`]. No device or account ever has its ids.
    #[must_use]
    pub fn configuration() -> TargetFacts {
        TargetFacts {
            device: DeviceId(0),
            device_name: "countersign".to_owned(),
            device_groups: BTreeSet::new(),
            account: AccountId(0),
            account_name: "configuration".to_owned(),
            database: String::new(),
            pin: Digest::ZERO,
        }
    }

    /// What is run there: a target with databases takes statements, one without takes commands.
    #[must_use]
    pub fn language(&self) -> Language {
        if self.database.is_empty() { Language::Shell } else { Language::Sql }
    }

    /// `account@device`, the form people type.
    #[must_use]
    pub fn label(&self) -> String {
        format!("{}@{}", self.account_name, self.device_name)
    }
}

/// What is asked for.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// A session to the target (R1 connect).
    Connect,
    /// One unit of statements in a session (R1 query).
    Run(Box<Run>),
    /// A change of directory and policy, put in force once and whole.
    Administer(Change),
    /// To watch what a session did, or does (R71).
    Watch(Watch),
}

/// A session to be watched: what its terminals show or showed, and what it ran. Its target is the request's.
///
/// What was typed is another thing: it has what a target does not echo, passwords among it, and is seen by an approval for just
/// that, which whoever has it may watch by as well.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Watch {
    /// Which.
    pub session: SessionId,
    /// Whose it is.
    pub whose: PersonId,
    /// Whether everything that was typed is to be seen as well.
    #[serde(default, skip_serializing_if = "is_default")]
    pub typed: bool,
}

/// A change of directory and policy. It starts from the versions it names: with others in force it is void.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Change {
    /// What would be in force: see [`Change::digest_of`].
    pub digest: Digest,
    /// What was proposed, as a text and with its secrets, kept encrypted outside the journal.
    pub text: Commitment,
    /// The version of the policy it starts from.
    pub policy_version: u64,
    /// The version of the directory it starts from.
    pub directory_version: u64,
}

impl Change {
    /// What a directory, known by its digest, and a policy are together known by.
    #[must_use]
    pub fn digest_of(directory: Digest, policy: &Policy) -> Digest {
        Digest::of_value("countersign change v1", &(directory, policy))
    }
}

/// One held unit of statements.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Run {
    /// The connect grant it was held under.
    pub grant: GrantId,
    /// The session it was held in.
    pub session: SessionId,
    /// Identifies the same bytes under the same grant with the same settings.
    pub attempt: Attempt,
    /// The exact text and values, kept encrypted outside the journal.
    pub text: Commitment,
    /// What it is and touches.
    pub facts: ActionFacts,
    /// Whether it may only run in that session.
    pub same_session: bool,
}

/// The digest of everything that decides what a unit does: exact bytes, parameter types, formats and values,
/// database, role and settings, object fingerprints, person, target, connect grant. Not the request or its reason.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Attempt(pub Digest);

/// What an approver signs beside the digest.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Terms {
    /// When the grant may be used.
    pub window: Window,
    /// Whether the secret is due for change after use (R32).
    #[serde(default, skip_serializing_if = "is_default")]
    pub reset_after_use: bool,
}

impl Terms {
    /// A window and nothing else.
    #[must_use]
    pub fn in_window(window: Window) -> Terms {
        Terms { window, reset_after_use: false }
    }

    /// What both sets of terms allow, or `None` when they share no moment.
    #[must_use]
    pub fn intersection(&self, other: &Terms) -> Option<Terms> {
        let window = self.window.intersection(&other.window)?;
        Some(Terms { window, reset_after_use: self.reset_after_use || other.reset_after_use })
    }

    /// Whether these terms allow nothing that `wider` does not.
    #[must_use]
    pub fn within(&self, wider: &Terms) -> bool {
        self.intersection(wider) == Some(*self)
    }
}
