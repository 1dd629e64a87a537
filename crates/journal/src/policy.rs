//! Policy as data: rules and workflows, in the form in which they are decided on and written down.

use crate::canonical::is_default;
use crate::facts::StatementKind;
use crate::hours::Hours;
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

impl Targets {
    /// Whether no target in particular is named.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.devices.is_empty() && self.groups.is_empty() && self.accounts.is_empty()
    }
}

/// Which acts a rule speaks about.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActMatch {
    /// Opening a session.
    Connect,
    /// Statements that match.
    Run(StatementMatch),
    /// Commands that match.
    Command(CommandMatch),
    /// Changes of directory and policy.
    Administer,
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

/// Which commands of a shell a rule speaks about; each empty set means any, `free` and `trusted` aside.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub struct CommandMatch {
    /// Programs, by the names [`crate::CommandFacts::name`] gives them.
    pub programs: BTreeSet<String>,
    /// Arguments, word for word as they are typed: another spelling of an option is another word.
    pub arguments: BTreeSet<String>,
    /// Absolute paths read, written or named: one file, or all that is beneath a folder that ends in `/`.
    pub paths: BTreeSet<String>,
    /// Programs the rule does not speak of where they redirect nothing into a file: all others it does.
    #[serde(default, skip_serializing_if = "is_default")]
    pub free: BTreeSet<String>,
    /// Programs of which nothing is known here but that whoever wrote the rule knows: they run nothing of what it speaks.
    pub trusted: BTreeSet<String>,
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
    /// Reads `name`, `schema.name`, `schema.*` or `*.name` as SQL reads names: in lower case unless it is quoted
    /// (PostgreSQL manual, "Identifiers and Key Words"). `None` for anything else, which would match nothing.
    #[must_use]
    pub fn parse(text: &str) -> Option<NamePattern> {
        let (first, behind) = part(text)?;
        let Some(rest) = behind.strip_prefix('.') else {
            return behind.is_empty().then_some(NamePattern { schema: None, name: first });
        };
        let (name, behind) = part(rest)?;
        behind.is_empty().then_some(NamePattern { schema: first, name })
    }
}

/// One part of a name, nothing where it is `*`, and what stands behind it.
fn part(text: &str) -> Option<(Option<String>, &str)> {
    if let Some(behind) = text.strip_prefix('*') {
        return Some((None, behind));
    }
    let Some(mut rest) = text.strip_prefix('"') else {
        let end = text.find(|c| !is_plain(c)).unwrap_or(text.len());
        let (name, behind) = text.split_at(end);
        return (!name.is_empty()).then(|| (Some(name.to_ascii_lowercase()), behind));
    };
    let mut name = String::new();
    loop {
        let (before, behind) = rest.split_once('"')?;
        name.push_str(before);
        match behind.strip_prefix('"') {
            Some(next) => rest = next,
            None => return (!name.is_empty()).then_some((Some(name), behind)),
        }
        name.push('"');
    }
}

fn is_plain(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '$')
}

/// As [`NamePattern::parse`] reads it.
impl std::fmt::Display for NamePattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let said = |part: &Option<String>| match part {
            None => "*".to_owned(),
            Some(name) if name.chars().all(|c| is_plain(c) && !c.is_ascii_uppercase()) => name.clone(),
            Some(name) => format!("\"{}\"", name.replace('"', "\"\"")),
        };
        match &self.schema {
            None => f.write_str(&said(&self.name)),
            schema => write!(f, "{}.{}", said(schema), said(&self.name)),
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
    /// Hours outside of which nothing is open; all of them must hold.
    #[serde(default, skip_serializing_if = "is_default")]
    pub hours: BTreeSet<Hours>,
    /// How far ahead a window may start, in seconds.
    #[serde(default, skip_serializing_if = "is_default")]
    pub ahead_max_s: Option<Seconds>,
    /// The reasons one may choose from, where they are given.
    #[serde(default, skip_serializing_if = "is_default")]
    pub reasons: Option<BTreeSet<String>>,
    /// Whether a ticket id is required.
    #[serde(default, skip_serializing_if = "is_default")]
    pub ticket: bool,
    /// Whether the secret is due for change after use (R50).
    #[serde(default, skip_serializing_if = "is_default")]
    pub reset_after_use: bool,
    /// Most sessions open at a time under one grant.
    #[serde(default, skip_serializing_if = "is_default")]
    pub sessions_max: Option<u32>,
    /// The weakest evidence that counts on any level.
    #[serde(default, skip_serializing_if = "is_default")]
    pub evidence: Evidence,
    /// How many refused tries end a session.
    #[serde(default, skip_serializing_if = "is_default")]
    pub interrupt_after: Option<u32>,
    /// How much one unit adds to the risk of its session.
    #[serde(default, skip_serializing_if = "is_default")]
    pub risk: u32,
    /// Most risk a session may come to.
    #[serde(default, skip_serializing_if = "is_default")]
    pub risk_max: Option<u32>,
    /// For how many days after a session's end what it recorded is kept, and no longer; for ever where nothing says it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub recording_kept_days: Option<u32>,
    /// The rules, by name, that forbid exporting what a session recorded: one that says so names itself, and together they name all
    /// that do. Watching it goes on.
    #[serde(default, skip_serializing_if = "is_default")]
    pub export_forbidden_by: BTreeSet<String>,
}

/// Approval without anybody, in recurring hours (R6).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Automatic {
    /// When a request is approved at once.
    pub hours: Hours,
    /// Whether the access may also start outside these hours.
    #[serde(default, skip_serializing_if = "is_default")]
    pub any_start: bool,
}

/// Access before approval, reviewed afterwards (R39).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Emergency {
    /// How long approvers can stop it before it opens, in seconds.
    pub countdown_s: Seconds,
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
    /// When an approve rule approves by itself.
    #[serde(default, skip_serializing_if = "is_default")]
    pub automatic: Option<Automatic>,
    /// Whether an approve rule lets emergency access through.
    #[serde(default, skip_serializing_if = "is_default")]
    pub emergency: Option<Emergency>,
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
    /// The requester's line manager.
    LineManager,
    /// Any owner of the account.
    AccountOwners,
    /// Any manager of the account.
    AccountManagers,
    /// These contacts, by the links mailed to them.
    Contacts(BTreeSet<PersonId>),
    /// Any approver of the module.
    Approvers(Module),
}

/// A part of the product that has approvers of its own (R75).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Module {
    /// PAM Core, whose approvers decide who may watch a session.
    PamCore,
}

impl Module {
    /// What it is called, for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Module::PamCore => "PAM Core",
        }
    }
}

/// What happens when a level is not decided in time (R15, R16).
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Timeout {
    /// How long the level, and then its escalation, may take, in seconds.
    pub after_s: Seconds,
    /// What happens then.
    pub action: TimeoutAction,
}

/// What a timeout leads to.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeoutAction {
    /// The managers of this group decide instead.
    EscalateToManagers(GroupId),
    /// The members of this group decide instead.
    EscalateToMembers(GroupId),
    /// The request expires.
    Expire,
}

impl TimeoutAction {
    /// Who decides instead, if anybody.
    #[must_use]
    pub fn target(&self) -> Option<Authority> {
        match self {
            TimeoutAction::EscalateToManagers(group) => Some(Authority::Managers(*group)),
            TimeoutAction::EscalateToMembers(group) => Some(Authority::Members(*group)),
            TimeoutAction::Expire => None,
        }
    }
}

/// Which messages an extra group hears (R18).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeScope {
    /// All of them.
    All,
    /// Those meant for approvers.
    Approver,
    /// Those meant for the requester.
    Requester,
}

/// A group that is told and gets no authority by it (R18).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Notice {
    /// Whose members.
    pub group: GroupId,
    /// What they hear.
    pub scope: NoticeScope,
}

/// The ways besides the page in which a level's approvers are told and may answer (R14).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Tools {
    /// By mail.
    pub mail: bool,
    /// By SMS.
    pub sms: bool,
}

impl Default for Tools {
    fn default() -> Tools {
        Tools { mail: true, sms: false }
    }
}

/// How a decision was made; the order is the order of strength (DESIGN §6).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// A0: a signed-in page without a fresh second factor.
    #[default]
    SignedIn,
    /// A1: a link mailed to the address of a contact, for one level of one request.
    Link,
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
    /// Whether the requester may choose whom of the approvers to ask (R12).
    #[serde(default, skip_serializing_if = "is_default")]
    pub choose: bool,
    /// What happens when nobody decides in time; none means that only the window's end counts.
    #[serde(default, skip_serializing_if = "is_default")]
    pub timeout: Option<Timeout>,
    /// How approvers are told besides the page.
    #[serde(default, skip_serializing_if = "is_default")]
    pub tools: Tools,
    /// Who else is told.
    #[serde(default, skip_serializing_if = "is_default")]
    pub notify: BTreeSet<Notice>,
}

impl Level {
    /// A level that one holder of the authority decides, with nothing else set.
    #[must_use]
    pub fn of(authority: Authority) -> Level {
        Level {
            authority,
            approvals: 1,
            rejections: 1,
            evidence: Evidence::default(),
            choose: false,
            timeout: None,
            tools: Tools::default(),
            notify: BTreeSet::new(),
        }
    }
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

/// Settings of the whole system (R86).
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Parameters {
    /// `approval.workflow.level.timeout.period.values` (R15): the timeouts a level may have, in seconds.
    pub timeout_periods_s: BTreeSet<Seconds>,
    /// `session.video.approval` (R71): whether a session is watched only once approvers of the module PAM Core said yes.
    #[serde(default, skip_serializing_if = "is_default")]
    pub watch_approval: bool,
    /// `ssh.user.ca`: the keys whose certificates sign people in over SSH, each as OpenSSH writes it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub ssh_user_ca: Vec<String>,
    /// `ssh.banner`: what SSH clients are told before they sign in.
    #[serde(default, skip_serializing_if = "is_default")]
    pub ssh_banner: String,
}

impl Default for Parameters {
    /// 30 minutes, 2 hours, 24 hours; and watching needs no approval.
    fn default() -> Parameters {
        let timeout_periods_s = [30 * 60, 2 * 3600, 24 * 3600].into();
        Parameters { timeout_periods_s, watch_approval: false, ssh_user_ca: Vec::new(), ssh_banner: String::new() }
    }
}

/// The whole policy in force at a moment.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Policy {
    /// Every rule.
    pub rules: Vec<Rule>,
    /// Every workflow.
    #[serde(with = "crate::canonical::pairs")]
    pub workflows: BTreeMap<u64, Workflow>,
    /// Settings of the whole system.
    #[serde(default, skip_serializing_if = "is_default")]
    pub parameters: Parameters,
}

impl Policy {
    /// The workflow with this id.
    #[must_use]
    pub fn workflow(&self, id: WorkflowId) -> Option<&Workflow> {
        self.workflows.get(&id.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_sql_reads_them_and_written_as_they_are_read() {
        for (text, schema, name, written) in [
            ("customers", None, Some("customers"), "customers"),
            ("Customers", None, Some("customers"), "customers"),
            ("\"Customers\"", None, Some("Customers"), "\"Customers\""),
            ("Public.Überweisung$1", Some("public"), Some("Überweisung$1"), "public.Überweisung$1"),
            ("\"a.b\".\"say \"\"x\"\"\"", Some("a.b"), Some("say \"x\""), "\"a.b\".\"say \"\"x\"\"\""),
            ("billing.*", Some("billing"), None, "billing.*"),
            ("*.customers", None, Some("customers"), "customers"),
            ("*", None, None, "*"),
        ] {
            let pattern = NamePattern::parse(text).expect(text);
            assert_eq!((pattern.schema.as_deref(), pattern.name.as_deref()), (schema, name), "{text}");
            assert_eq!(pattern.to_string(), written);
            assert_eq!(NamePattern::parse(written), Some(pattern));
        }
        for text in [
            "",
            " customers",
            "customers ",
            "cust*",
            "public.cust*",
            "cust(omers",
            "a.b.c",
            "a.",
            ".a",
            "a;b",
            "\"a",
            "\"\"",
            "a-b",
            "'a'",
        ] {
            assert_eq!(NamePattern::parse(text), None, "{text}");
        }
    }
}
