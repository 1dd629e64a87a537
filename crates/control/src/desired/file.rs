//! The file's shape, as people write it: names, not ids.

use countersign_core::Role;
use countersign_journal::{NoticeScope, Outcome, Recording, Seconds, StatementKind};
use secrecy::SecretString;
use serde::Deserialize;
use std::collections::BTreeSet;

/// The file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    #[serde(default)]
    pub(super) parameters: ParametersEntry,
    #[serde(default, rename = "person")]
    pub(super) people: Vec<PersonEntry>,
    #[serde(default, rename = "group")]
    pub(super) groups: Vec<GroupEntry>,
    #[serde(default, rename = "device")]
    pub(super) devices: Vec<DeviceEntry>,
    #[serde(default, rename = "device_group")]
    pub(super) device_groups: Vec<DeviceGroupEntry>,
    #[serde(default, rename = "account")]
    pub(super) accounts: Vec<AccountEntry>,
    #[serde(default, rename = "workflow")]
    pub(super) workflows: Vec<WorkflowEntry>,
    #[serde(default, rename = "rule")]
    pub(super) rules: Vec<RuleEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PersonEntry {
    pub(super) handle: String,
    pub(super) name: Option<String>,
    pub(super) email: Option<String>,
    #[serde(default)]
    pub(super) role: Role,
    pub(super) manager: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct ParametersEntry {
    #[serde(rename = "approval.workflow.level.timeout.period.values")]
    pub(super) timeout_periods: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GroupEntry {
    pub(super) name: String,
    #[serde(default)]
    pub(super) members: Vec<String>,
    #[serde(default)]
    pub(super) groups: Vec<String>,
    #[serde(default)]
    pub(super) managers: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DeviceEntry {
    pub(super) name: String,
    pub(super) host: String,
    #[serde(default = "postgres_port")]
    pub(super) port: u16,
    pub(super) database: String,
    pub(super) ca: String,
    pub(super) server_name: Option<String>,
}

fn postgres_port() -> u16 {
    5432
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DeviceGroupEntry {
    pub(super) name: String,
    pub(super) devices: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AccountEntry {
    pub(super) device: String,
    pub(super) name: String,
    pub(super) password: Option<SecretString>,
    #[serde(default)]
    pub(super) owners: Vec<String>,
    #[serde(default)]
    pub(super) managers: Vec<String>,
    pub(super) approval: Option<ApprovalEntry>,
}

/// An account's own set-up.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ApprovalEntry {
    pub(super) levels: Vec<LevelEntry>,
    #[serde(default)]
    pub(super) exclude_people: Vec<String>,
    #[serde(default)]
    pub(super) exclude_groups: Vec<String>,
    pub(super) automatic: Option<AutomaticEntry>,
    pub(super) exclusive: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WorkflowEntry {
    pub(super) name: String,
    #[serde(rename = "level")]
    pub(super) levels: Vec<LevelEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LevelEntry {
    pub(super) people: Option<Vec<String>>,
    pub(super) members_of: Option<String>,
    pub(super) managers_of: Option<String>,
    #[serde(default)]
    pub(super) administrators: bool,
    #[serde(default)]
    pub(super) line_manager: bool,
    #[serde(default)]
    pub(super) account_owners: bool,
    #[serde(default)]
    pub(super) account_managers: bool,
    #[serde(default)]
    pub(super) choose: bool,
    pub(super) timeout: Option<String>,
    pub(super) escalate_to_members_of: Option<String>,
    pub(super) escalate_to_managers_of: Option<String>,
    pub(super) mail: Option<bool>,
    #[serde(default)]
    pub(super) notify: Vec<NoticeEntry>,
    #[serde(default = "one")]
    pub(super) approvals: u32,
    #[serde(default = "one")]
    pub(super) rejections: u32,
    #[serde(default)]
    pub(super) second_factor: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NoticeEntry {
    pub(super) group: String,
    pub(super) scope: NoticeScope,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HoursEntry {
    pub(super) zone: String,
    pub(super) open: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AutomaticEntry {
    pub(super) zone: String,
    pub(super) open: Vec<String>,
    #[serde(default)]
    pub(super) any_start: bool,
}

fn one() -> u32 {
    1
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleEntry {
    pub(super) name: String,
    pub(super) act: ActEntry,
    pub(super) outcome: Outcome,
    #[serde(default)]
    pub(super) people: Vec<String>,
    #[serde(default)]
    pub(super) groups: Vec<String>,
    #[serde(default)]
    pub(super) devices: Vec<String>,
    #[serde(default)]
    pub(super) device_groups: Vec<String>,
    #[serde(default)]
    pub(super) accounts: Vec<String>,
    #[serde(default)]
    pub(super) kinds: BTreeSet<StatementKind>,
    #[serde(default)]
    pub(super) tables: Vec<String>,
    #[serde(default)]
    pub(super) functions: Vec<String>,
    pub(super) workflow: Option<String>,
    pub(super) unknown: Option<String>,
    #[serde(default)]
    pub(super) exclude_people: Vec<String>,
    #[serde(default)]
    pub(super) exclude_groups: Vec<String>,
    pub(super) duration_max_minutes: Option<u64>,
    pub(super) reason_chars_min: Option<u32>,
    pub(super) exclusive: Option<bool>,
    pub(super) hours: Option<HoursEntry>,
    pub(super) automatic: Option<AutomaticEntry>,
    #[serde(default)]
    pub(super) emergency: bool,
    pub(super) emergency_countdown_s: Option<Seconds>,
    pub(super) ahead_max_minutes: Option<u64>,
    pub(super) reasons: Option<BTreeSet<String>>,
    #[serde(default)]
    pub(super) ticket: bool,
    #[serde(default)]
    pub(super) reset_after_use: bool,
    pub(super) sessions_max: Option<u32>,
    #[serde(default)]
    pub(super) second_factor: bool,
    #[serde(default)]
    pub(super) recording: Recording,
    pub(super) transaction_hold_max_s: Option<Seconds>,
    #[serde(default)]
    pub(super) same_session: bool,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
pub(super) enum ActEntry {
    Connect,
    Query,
}
