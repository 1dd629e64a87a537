//! The file's shape, as people write it and as it is written for them: names, not ids. What has its default is left out.

use countersign_core::{Permission, Protocol, Role};
use countersign_journal::canonical::is_default;
use countersign_journal::{Module, NoticeScope, Outcome, Recording, Seconds, StatementKind};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The file.
#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) parameters: ParametersEntry,
    #[serde(default, rename = "person", skip_serializing_if = "Vec::is_empty")]
    pub(super) people: Vec<PersonEntry>,
    #[serde(default, rename = "contact", skip_serializing_if = "Vec::is_empty")]
    pub(super) contacts: Vec<ContactEntry>,
    #[serde(default, rename = "group", skip_serializing_if = "Vec::is_empty")]
    pub(super) groups: Vec<GroupEntry>,
    #[serde(default, rename = "role", skip_serializing_if = "Vec::is_empty")]
    pub(super) roles: Vec<RoleEntry>,
    #[serde(default, rename = "device", skip_serializing_if = "Vec::is_empty")]
    pub(super) devices: Vec<DeviceEntry>,
    #[serde(default, rename = "device_group", skip_serializing_if = "Vec::is_empty")]
    pub(super) device_groups: Vec<DeviceGroupEntry>,
    #[serde(default, rename = "account", skip_serializing_if = "Vec::is_empty")]
    pub(super) accounts: Vec<AccountEntry>,
    #[serde(default, rename = "workflow", skip_serializing_if = "Vec::is_empty")]
    pub(super) workflows: Vec<WorkflowEntry>,
    #[serde(default, rename = "rule", skip_serializing_if = "Vec::is_empty")]
    pub(super) rules: Vec<RuleEntry>,
}

impl File {
    /// The file as a text.
    pub(super) fn text(&self) -> String {
        toml::to_string(self).expect("tables with names as keys")
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PersonEntry {
    pub(super) handle: String,
    pub(super) name: Option<String>,
    pub(super) email: Option<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) role: Role,
    pub(super) manager: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ContactEntry {
    pub(super) name: String,
    pub(super) email: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RoleEntry {
    pub(super) name: String,
    pub(super) permissions: BTreeSet<Permission>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) people: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) groups: Vec<String>,
}

#[derive(Serialize, Deserialize, Default, PartialEq)]
#[serde(deny_unknown_fields)]
pub(super) struct ParametersEntry {
    #[serde(rename = "approval.workflow.level.timeout.period.values")]
    pub(super) timeout_periods: Option<Vec<String>>,
    #[serde(default, rename = "session.video.approval", skip_serializing_if = "is_default")]
    pub(super) watch_approval: bool,
    #[serde(default, rename = "ssh.user.ca", skip_serializing_if = "is_default")]
    pub(super) ssh_user_ca: Vec<String>,
    #[serde(default, rename = "ssh.banner", skip_serializing_if = "is_default")]
    pub(super) ssh_banner: String,
    /// By module.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) approvers: BTreeMap<Module, Vec<String>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GroupEntry {
    pub(super) name: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) members: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) groups: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) managers: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DeviceEntry {
    pub(super) name: String,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) protocol: Protocol,
    pub(super) host: String,
    pub(super) port: Option<u16>,
    pub(super) database: Option<String>,
    pub(super) ca: Option<String>,
    pub(super) server_name: Option<String>,
    pub(super) host_key: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) legacy_algorithms: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DeviceGroupEntry {
    pub(super) name: String,
    pub(super) devices: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AccountEntry {
    pub(super) device: String,
    pub(super) name: String,
    #[serde(skip_serializing)]
    pub(super) password: Option<SecretString>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) certificate: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) owners: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) managers: Vec<String>,
    pub(super) approval: Option<ApprovalEntry>,
}

/// An account's own set-up.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ApprovalEntry {
    pub(super) levels: Vec<LevelEntry>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) exclude_people: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) exclude_groups: Vec<String>,
    pub(super) automatic: Option<AutomaticEntry>,
    pub(super) exclusive: Option<bool>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WorkflowEntry {
    pub(super) name: String,
    #[serde(rename = "level")]
    pub(super) levels: Vec<LevelEntry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LevelEntry {
    pub(super) people: Option<Vec<String>>,
    pub(super) members_of: Option<String>,
    pub(super) managers_of: Option<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) administrators: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) line_manager: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) account_owners: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) account_managers: bool,
    pub(super) contacts: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) choose: bool,
    pub(super) timeout: Option<String>,
    pub(super) escalate_to_members_of: Option<String>,
    pub(super) escalate_to_managers_of: Option<String>,
    pub(super) mail: Option<bool>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) notify: Vec<NoticeEntry>,
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub(super) approvals: u32,
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub(super) rejections: u32,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) second_factor: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NoticeEntry {
    pub(super) group: String,
    pub(super) scope: NoticeScope,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HoursEntry {
    pub(super) zone: String,
    pub(super) open: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AutomaticEntry {
    pub(super) zone: String,
    pub(super) open: Vec<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) any_start: bool,
}

fn one() -> u32 {
    1
}

fn is_one(n: &u32) -> bool {
    *n == one()
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleEntry {
    pub(super) name: String,
    pub(super) act: ActEntry,
    pub(super) outcome: Outcome,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) people: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) groups: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) devices: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) device_groups: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) accounts: Vec<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) kinds: BTreeSet<StatementKind>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) tables: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) functions: Vec<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) programs: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) arguments: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) paths: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) free: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) trusted: BTreeSet<String>,
    pub(super) workflow: Option<String>,
    pub(super) unknown: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) exclude_people: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) exclude_groups: Vec<String>,
    pub(super) duration_max_minutes: Option<u64>,
    pub(super) reason_chars_min: Option<u32>,
    pub(super) exclusive: Option<bool>,
    pub(super) hours: Option<HoursEntry>,
    pub(super) automatic: Option<AutomaticEntry>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) emergency: bool,
    pub(super) emergency_countdown_s: Option<Seconds>,
    pub(super) ahead_max_minutes: Option<u64>,
    pub(super) reasons: Option<BTreeSet<String>>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) ticket: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) reset_after_use: bool,
    pub(super) sessions_max: Option<u32>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) second_factor: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) recording: Recording,
    pub(super) recording_kept_days: Option<u32>,
    pub(super) recording_export: Option<bool>,
    pub(super) transaction_hold_max_s: Option<Seconds>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) same_session: bool,
    pub(super) interrupt_after: Option<u32>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) risk: u32,
    pub(super) risk_max: Option<u32>,
}

#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(super) enum ActEntry {
    Connect,
    Query,
    Run,
    Administer,
}
