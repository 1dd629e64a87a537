//! Policy as data: rules and workflows, in the form in which they are decided on and written down.

use crate::facts::StatementKind;
use crate::id::{AccountId, DeviceGroupId, DeviceId, GroupId, PersonId, RuleId, WorkflowId};
use crate::time::Seconds;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What a rule demands, from the mildest to the strictest. The order is the order of strictness (R3, R4).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Go ahead.
    Allow,
    /// Give a reason, then go ahead.
    Justify,
    /// The workflow decides.
    Approve,
    /// No.
    Deny,
}

/// Persons and groups. As the subjects of a rule, empty means everyone; as an exclusion list, nobody.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Subjects {
    /// Single persons.
    pub persons: BTreeSet<PersonId>,
    /// Members of these groups, nested ones included.
    pub groups: BTreeSet<GroupId>,
}

impl Subjects {
    /// Whether nobody is named.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.persons.is_empty() && self.groups.is_empty()
    }
}

/// Devices, device groups and accounts; empty means every target.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Targets {
    /// Single devices.
    pub devices: BTreeSet<DeviceId>,
    /// Devices of these groups.
    pub groups: BTreeSet<DeviceGroupId>,
    /// Single accounts.
    pub accounts: BTreeSet<AccountId>,
}

/// Which acts a rule speaks about.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActMatch {
    /// Opening a session.
    Connect,
    /// Statements that match.
    Run(StatementMatch),
}

/// Which statements a rule speaks about; each empty set means any.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub struct StatementMatch {
    /// Kinds of statement.
    pub kinds: BTreeSet<StatementKind>,
    /// Relations touched.
    pub relations: BTreeSet<NamePattern>,
    /// Functions called.
    pub functions: BTreeSet<NamePattern>,
}

/// A name with an optional schema; a missing part matches anything.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct NamePattern {
    /// The schema, or any.
    pub schema: Option<String>,
    /// The name, or any.
    pub name: Option<String>,
}

impl NamePattern {
    /// Reads `name`, `schema.name`, `schema.*` or `*.name`; `None` when a part is empty or there are too many.
    #[must_use]
    pub fn parse(text: &str) -> Option<NamePattern> {
        let part = |p: &str| if p == "*" { None } else { Some(p.to_owned()) };
        let parts: Vec<&str> = text.split('.').collect();
        if parts.iter().any(|p| p.is_empty()) {
            return None;
        }
        match parts.as_slice() {
            [name] => Some(NamePattern { schema: None, name: part(name) }),
            [schema, name] => Some(NamePattern { schema: part(schema), name: part(name) }),
            _ => None,
        }
    }
}

/// How thoroughly sessions are recorded; the order is the order of strictness.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recording {
    /// Handed to the operating system before release, durable within 250 ms.
    #[default]
    Normal,
    /// Durable before release.
    Strict,
}

/// Conditions that come with a rule, whatever its outcome (R7).
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Conditions {
    /// Longest window, in seconds.
    pub duration_max_s: Option<Seconds>,
    /// Least length of the reason, in characters; `None` when this rule needs no reason.
    pub reason_chars_min: Option<u32>,
    /// Whether an account is held exclusively while in use (R54).
    pub exclusive: bool,
    /// How sessions are recorded.
    pub recording: Recording,
    /// Longest hold inside an open transaction, in seconds.
    pub transaction_hold_max_s: Option<Seconds>,
    /// Whether an approved statement may only run in the session it was held in (R61).
    pub same_session: bool,
}

/// One rule (R2): who, on what, doing what, needs what.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Rule {
    /// Its id.
    pub id: RuleId,
    /// Its name, for people.
    pub name: String,
    /// Who.
    pub subjects: Subjects,
    /// On what.
    pub targets: Targets,
    /// Doing what.
    pub acts: ActMatch,
    /// Needs what.
    pub outcome: Outcome,
    /// The workflow of an approve rule; none means the manager of its one subject group (R10).
    pub workflow: Option<WorkflowId>,
    /// The workflow that decides statements nobody can understand; none means they are refused.
    pub unknown: Option<WorkflowId>,
    /// Who goes straight through, for this rule only (R5).
    pub exclusions: Subjects,
    /// Conditions.
    pub conditions: Conditions,
}

/// Who may decide a level (R11).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Authority {
    /// These persons.
    Persons(BTreeSet<PersonId>),
    /// Any member of the group.
    Members(GroupId),
    /// Any manager of the group.
    Managers(GroupId),
    /// Any administrator.
    Administrators,
}

/// How a decision was made; the order is the order of strength (DESIGN §6).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// A0: a signed-in page without a fresh second factor.
    #[default]
    SignedIn,
    /// A2: a signed-in page with a second factor not older than five minutes.
    SecondFactor,
}

/// One level of a workflow.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Level {
    /// Who decides.
    pub authority: Authority,
    /// How many different people must approve; at least 1 (R13).
    pub approvals: u32,
    /// How many different people must reject; at least 1 (R13).
    pub rejections: u32,
    /// The weakest evidence that counts.
    pub evidence: Evidence,
}

/// Ordered levels under a name (R10).
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Workflow {
    /// Its id.
    pub id: WorkflowId,
    /// Its name, for people.
    pub name: String,
    /// Its levels in order; at least one.
    pub levels: Vec<Level>,
}

/// The whole policy in force at a moment.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Policy {
    /// Every rule.
    pub rules: Vec<Rule>,
    /// Every workflow.
    #[serde(with = "crate::canonical::pairs")]
    pub workflows: BTreeMap<u64, Workflow>,
}

impl Policy {
    /// The workflow with this id.
    #[must_use]
    pub fn workflow(&self, id: WorkflowId) -> Option<&Workflow> {
        self.workflows.get(&id.0)
    }
}
