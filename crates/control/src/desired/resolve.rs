//! Names to ids: every name must be there once, every new thing gets an id that was never used.

use super::Desired;
use super::account::set_ups;
use super::contacts::{contacts_named, resolve_contacts};
use super::endpoint::endpoint;
use super::file::{AccountEntry, ActEntry, File, LevelEntry, RuleEntry, WorkflowEntry};
use crate::fault::Fault;
use countersign_core::directory::{address, is_address};
use countersign_core::{Account, Device, DeviceGroup, Directory, Group, OwnRole, Person, Protocol};
use countersign_journal::{
    AccountId, ActMatch, Authority, CommandMatch, Conditions, DeviceGroupId, DeviceId, Emergency, Evidence, GroupId,
    Level, NamePattern, Notice, Outcome, PersonId, Policy, RoleId, Rule, RuleId, StatementMatch, Subjects, Targets,
    Timeout, TimeoutAction, Tools, Workflow, WorkflowId,
};
use secrecy::SecretString;
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn resolve(file: &str, old: &Directory, old_policy: &Policy) -> Result<Desired, Fault> {
    let file: File = toml::from_str(file).map_err(|e| Fault::Input(format!("the file cannot be read: {e}")))?;
    let mut ids = Ids { next: old.next_id.max(1) };
    let people = resolve_people(&file, old, &mut ids)?;
    let groups = resolve_groups(&file, old, &people, &mut ids)?;
    let devices = resolve_devices(&file, old, &mut ids)?;
    let device_groups = resolve_device_groups(&file, old, &devices, &mut ids)?;
    let (accounts, passwords) = resolve_accounts(&file.accounts, old, &devices, &people, &mut ids)?;
    let mut directory = Directory { people, groups, devices, device_groups, accounts, ..Directory::default() };
    directory.contacts = resolve_contacts(&file.contacts, old, &mut ids)?;
    directory.roles = resolve_roles(&file, old, &directory, &mut ids)?;
    for (module, named) in file.parameters.approvers.iter().filter(|(_, named)| !named.is_empty()) {
        let approvers = people_named(named, &directory.people, &format!("approvers of {}", module.name()))?;
        directory.approvers.insert(*module, approvers);
    }
    let mut workflows = resolve_workflows(&file.workflows, old_policy, &directory, &mut ids)?;
    let mut rules = resolve_rules(&file.rules, old_policy, &directory, &workflows, &mut ids)?;
    for (workflow, rule) in set_ups(&file.accounts, old_policy, &directory, &mut ids)? {
        if workflows.values().any(|w| w.name == workflow.name) {
            return Err(twice("workflow", &workflow.name));
        }
        workflows.insert(workflow.id.0, workflow);
        rules.push(rule);
    }
    directory.next_id = ids.next;
    let policy = Policy { rules, workflows, parameters: super::times::parameters(&file.parameters)? };
    Ok(Desired { directory: directory.into(), policy: policy.into(), passwords })
}

/// Hands out ids that were never used.
pub(super) struct Ids {
    next: u64,
}

impl Ids {
    pub(super) fn keep_or_new(&mut self, kept: Option<u64>) -> u64 {
        kept.unwrap_or_else(|| {
            self.next += 1;
            self.next - 1
        })
    }
}

pub(super) fn check_name(what: &str, name: &str) -> Result<(), Fault> {
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !name.is_empty() && name.len() <= 64 && name.chars().all(fine) {
        return Ok(());
    }
    Err(Fault::Input(format!("{what} `{name}`: use 1 to 64 letters, digits, `-`, `_` or `.`")))
}

pub(super) fn missing(entry: &str, what: &str, name: &str) -> Fault {
    Fault::Input(format!("{entry} names {what} `{name}`, which would not exist; add it, or take the name out"))
}

pub(super) fn twice(what: &str, name: &str) -> Fault {
    Fault::Input(format!("{what} `{name}` stands twice; keep one"))
}

fn resolve_people(file: &File, old: &Directory, ids: &mut Ids) -> Result<BTreeMap<PersonId, Person>, Fault> {
    let mut people = old.people.clone();
    for person in people.values_mut() {
        person.enabled = false;
    }
    for entry in &file.people {
        let handle = entry.handle.to_lowercase();
        check_name("person", &handle)?;
        let kept = old.people.iter().find(|(_, p)| p.handle == handle).map(|(id, _)| id.0);
        let id = PersonId(ids.keep_or_new(kept));
        if people.get(&id).is_some_and(|p| p.enabled) || (kept.is_none() && people.values().any(|p| p.handle == handle))
        {
            return Err(twice("person", &handle));
        }
        let name = entry.name.clone().unwrap_or_else(|| handle.clone());
        let (email, role) = (entry.email.clone(), entry.role);
        if let Some(wrong) = email.as_ref().filter(|e| !is_address(e)) {
            return Err(Fault::Input(format!(
                "person `{handle}`: `{wrong}` is no e-mail address; write it as name@example.org, or leave it out"
            )));
        }
        let former_emails = former_emails(people.get(&id), email.as_deref());
        people.insert(id, Person { handle, name, email, enabled: true, role, manager: None, former_emails });
    }
    for entry in &file.people {
        let what = format!("person `{}`", entry.handle);
        let manager = people_named(entry.manager.as_slice(), &people, &what)?.pop_first();
        let handle = entry.handle.to_lowercase();
        people.values_mut().filter(|p| p.handle == handle).for_each(|p| p.manager = manager);
    }
    Ok(people)
}

/// The addresses a person had before, the one they had until now among them unless they keep it.
fn former_emails(known: Option<&Person>, email: Option<&str>) -> BTreeSet<String> {
    let Some(known) = known else { return BTreeSet::new() };
    let before = known.email.as_deref().map(address).filter(|before| email.map(address).as_ref() != Some(before));
    known.former_emails.iter().cloned().chain(before).collect()
}

fn people_named(
    names: &[String],
    people: &BTreeMap<PersonId, Person>,
    entry: &str,
) -> Result<BTreeSet<PersonId>, Fault> {
    let find =
        |name: &String| people.iter().find(|(_, p)| p.handle == name.to_lowercase() && p.enabled).map(|(id, _)| *id);
    names.iter().map(|name| find(name).ok_or_else(|| missing(entry, "person", name))).collect()
}

fn resolve_groups(
    file: &File,
    old: &Directory,
    people: &BTreeMap<PersonId, Person>,
    ids: &mut Ids,
) -> Result<BTreeMap<GroupId, Group>, Fault> {
    let mut named = BTreeMap::new();
    for entry in &file.groups {
        let kept = old.groups.iter().find(|(_, g)| g.name == entry.name).map(|(id, _)| id.0);
        if named.insert(entry.name.clone(), GroupId(ids.keep_or_new(kept))).is_some() {
            return Err(twice("group", &entry.name));
        }
    }
    let mut groups = BTreeMap::new();
    for entry in &file.groups {
        let what = format!("group `{}`", entry.name);
        let nested = entry.groups.iter().map(|n| named.get(n).copied().ok_or_else(|| missing(&what, "group", n)));
        let group = Group {
            name: entry.name.clone(),
            members: people_named(&entry.members, people, &what)?,
            groups: nested.collect::<Result<_, _>>()?,
            managers: people_named(&entry.managers, people, &what)?,
        };
        groups.insert(named[&entry.name], group);
    }
    Ok(groups)
}

fn resolve_roles(
    file: &File,
    old: &Directory,
    directory: &Directory,
    ids: &mut Ids,
) -> Result<BTreeMap<RoleId, OwnRole>, Fault> {
    let mut roles: BTreeMap<RoleId, OwnRole> = BTreeMap::new();
    for entry in &file.roles {
        if roles.values().any(|r| r.name == entry.name) {
            return Err(twice("role", &entry.name));
        }
        let kept = old.roles.iter().find(|(_, r)| r.name == entry.name).map(|(id, _)| id.0);
        let given = subjects_named(&entry.people, &entry.groups, directory, &format!("role `{}`", entry.name))?;
        let role = OwnRole {
            name: entry.name.clone(),
            permissions: entry.permissions.clone(),
            people: given.persons,
            groups: given.groups,
        };
        roles.insert(RoleId(ids.keep_or_new(kept)), role);
    }
    Ok(roles)
}

fn resolve_devices(file: &File, old: &Directory, ids: &mut Ids) -> Result<BTreeMap<DeviceId, Device>, Fault> {
    let mut devices: BTreeMap<DeviceId, Device> = BTreeMap::new();
    for entry in &file.devices {
        check_name("device", &entry.name)?;
        if devices.values().any(|d| d.name == entry.name) {
            return Err(twice("device", &entry.name));
        }
        let kept = old.devices.iter().find(|(_, d)| d.name == entry.name).map(|(id, _)| id.0);
        let device = Device {
            name: entry.name.clone(),
            host: entry.host.clone(),
            port: entry.port.unwrap_or(entry.protocol.port()),
            endpoint: endpoint(entry)?,
        };
        devices.insert(DeviceId(ids.keep_or_new(kept)), device);
    }
    Ok(devices)
}

fn device_named(name: &str, devices: &BTreeMap<DeviceId, Device>, entry: &str) -> Result<DeviceId, Fault> {
    let found = devices.iter().find(|(_, d)| d.name == name).map(|(id, _)| *id);
    found.ok_or_else(|| missing(entry, "device", name))
}

fn resolve_device_groups(
    file: &File,
    old: &Directory,
    devices: &BTreeMap<DeviceId, Device>,
    ids: &mut Ids,
) -> Result<BTreeMap<DeviceGroupId, DeviceGroup>, Fault> {
    let mut groups: BTreeMap<DeviceGroupId, DeviceGroup> = BTreeMap::new();
    for entry in &file.device_groups {
        if groups.values().any(|g| g.name == entry.name) {
            return Err(twice("device group", &entry.name));
        }
        let kept = old.device_groups.iter().find(|(_, g)| g.name == entry.name).map(|(id, _)| id.0);
        let what = format!("device group `{}`", entry.name);
        let members = entry.devices.iter().map(|n| device_named(n, devices, &what));
        let group = DeviceGroup { name: entry.name.clone(), devices: members.collect::<Result<_, _>>()? };
        groups.insert(DeviceGroupId(ids.keep_or_new(kept)), group);
    }
    Ok(groups)
}

type Accounts = (BTreeMap<AccountId, Account>, BTreeMap<AccountId, SecretString>);

fn resolve_accounts(
    entries: &[AccountEntry],
    old: &Directory,
    devices: &BTreeMap<DeviceId, Device>,
    people: &BTreeMap<PersonId, Person>,
    ids: &mut Ids,
) -> Result<Accounts, Fault> {
    let (mut accounts, mut passwords): Accounts = Default::default();
    for entry in entries {
        check_name("account", &entry.name)?;
        let what = format!("account `{}@{}`", entry.name, entry.device);
        let device = device_named(&entry.device, devices, &what)?;
        let (owners, managers) =
            (people_named(&entry.owners, people, &what)?, people_named(&entry.managers, people, &what)?);
        let certificate = certified(entry, &devices[&device], &what)?;
        let account = Account { device, name: entry.name.clone(), owners, managers, certificate };
        let same = |a: &Account| a.device == device && a.name == entry.name;
        if accounts.values().any(same) {
            return Err(twice("account", &format!("{}@{}", entry.name, entry.device)));
        }
        let kept = old.accounts.iter().find(|(_, a)| same(a)).map(|(id, _)| id.0);
        let id = AccountId(ids.keep_or_new(kept));
        if let Some(password) = &entry.password {
            passwords.insert(id, password.clone());
        }
        accounts.insert(id, account);
    }
    Ok((accounts, passwords))
}

/// Whether an account signs in with certificates: over SSH only, and then there is no secret to keep.
fn certified(entry: &AccountEntry, device: &Device, what: &str) -> Result<bool, Fault> {
    let wrong = |why: &str| Err(Fault::Input(format!("{what}: {why}")));
    match (entry.certificate, device.protocol(), &entry.password) {
        (true, Protocol::Postgresql, _) => {
            wrong("`certificate` is for `protocol = \"ssh\"`; a database takes a password")
        }
        (true, Protocol::Ssh, Some(_)) => {
            wrong("give `certificate` or `password`, not both: with a certificate there is no secret to store")
        }
        (certificate, ..) => Ok(certificate),
    }
}

fn resolve_workflows(
    entries: &[WorkflowEntry],
    old: &Policy,
    directory: &Directory,
    ids: &mut Ids,
) -> Result<BTreeMap<u64, Workflow>, Fault> {
    let mut workflows: BTreeMap<u64, Workflow> = BTreeMap::new();
    for entry in entries {
        if workflows.values().any(|w| w.name == entry.name) {
            return Err(twice("workflow", &entry.name));
        }
        let kept = old.workflows.values().find(|w| w.name == entry.name).map(|w| w.id.0);
        let id = ids.keep_or_new(kept);
        let levels = (1..).zip(&entry.levels).map(|(n, level)| {
            let what = format!("workflow `{}`, level {n}", entry.name);
            resolve_level(level, directory, &what)
        });
        let levels = levels.collect::<Result<_, _>>()?;
        workflows.insert(id, Workflow { id: WorkflowId(id), name: entry.name.clone(), levels });
    }
    Ok(workflows)
}

pub(super) fn resolve_level(entry: &LevelEntry, directory: &Directory, what: &str) -> Result<Level, Fault> {
    let notify = entry.notify.iter().map(|notice| {
        let group = group_named(&notice.group, directory, what)?;
        Ok::<_, Fault>(Notice { group, scope: notice.scope })
    });
    Ok(Level {
        approvals: entry.approvals,
        rejections: entry.rejections,
        evidence: if entry.second_factor { Evidence::SecondFactor } else { Evidence::SignedIn },
        choose: entry.choose,
        timeout: resolve_timeout(entry, directory, what)?,
        tools: Tools { mail: entry.mail.unwrap_or(true), ..Tools::default() },
        notify: notify.collect::<Result<_, _>>()?,
        ..Level::of(resolve_authority(entry, directory, what)?)
    })
}

fn resolve_authority(entry: &LevelEntry, directory: &Directory, what: &str) -> Result<Authority, Fault> {
    let mut named = Vec::new();
    if let Some(people) = &entry.people {
        named.push(Authority::Persons(people_named(people, &directory.people, what)?));
    }
    if let Some(group) = &entry.members_of {
        named.push(Authority::Members(group_named(group, directory, what)?));
    }
    if let Some(group) = &entry.managers_of {
        named.push(Authority::Managers(group_named(group, directory, what)?));
    }
    if let Some(contacts) = &entry.contacts {
        named.push(Authority::Contacts(contacts_named(contacts, directory, what)?));
    }
    let flags = [
        (entry.administrators, Authority::Administrators),
        (entry.line_manager, Authority::LineManager),
        (entry.account_owners, Authority::AccountOwners),
        (entry.account_managers, Authority::AccountManagers),
    ];
    named.extend(flags.into_iter().filter(|(set, _)| *set).map(|(_, authority)| authority));
    let one = named.pop().filter(|_| named.is_empty());
    one.ok_or_else(|| {
        Fault::Input(format!(
            "{what}: give exactly one of `people`, `members_of`, `managers_of`, `administrators`, `line_manager`, \
             `account_owners`, `account_managers`, `contacts`"
        ))
    })
}

fn resolve_timeout(entry: &LevelEntry, directory: &Directory, what: &str) -> Result<Option<Timeout>, Fault> {
    let action = match (&entry.escalate_to_managers_of, &entry.escalate_to_members_of) {
        (Some(group), None) => TimeoutAction::EscalateToManagers(group_named(group, directory, what)?),
        (None, Some(group)) => TimeoutAction::EscalateToMembers(group_named(group, directory, what)?),
        (None, None) => TimeoutAction::Expire,
        (Some(_), Some(_)) => {
            let words = "give `escalate_to_managers_of` or `escalate_to_members_of`, not both";
            return Err(Fault::Input(format!("{what}: {words}")));
        }
    };
    match &entry.timeout {
        Some(text) => {
            let after_s = super::times::period(text, &format!("{what}, `timeout`"))?;
            Ok(Some(Timeout { after_s, action }))
        }
        None if action == TimeoutAction::Expire => Ok(None),
        None => Err(Fault::Input(format!("{what}: an escalation needs a `timeout`, such as \"30m\""))),
    }
}

fn group_named(name: &str, directory: &Directory, entry: &str) -> Result<GroupId, Fault> {
    let found = directory.groups.iter().find(|(_, g)| g.name == name).map(|(id, _)| *id);
    found.ok_or_else(|| missing(entry, "group", name))
}

pub(super) fn subjects_named(
    people: &[String],
    groups: &[String],
    directory: &Directory,
    what: &str,
) -> Result<Subjects, Fault> {
    let groups = groups.iter().map(|g| group_named(g, directory, what)).collect::<Result<_, _>>()?;
    Ok(Subjects { persons: people_named(people, &directory.people, what)?, groups })
}

fn resolve_rules(
    entries: &[RuleEntry],
    old: &Policy,
    directory: &Directory,
    workflows: &BTreeMap<u64, Workflow>,
    ids: &mut Ids,
) -> Result<Vec<Rule>, Fault> {
    let mut rules = Vec::new();
    for entry in entries {
        let kept = old.rules.iter().find(|r| r.name == entry.name).map(|r| r.id.0);
        let id = RuleId(ids.keep_or_new(kept));
        rules.push(resolve_rule(entry, id, directory, workflows)?);
    }
    Ok(rules)
}

fn resolve_rule(
    entry: &RuleEntry,
    id: RuleId,
    directory: &Directory,
    workflows: &BTreeMap<u64, Workflow>,
) -> Result<Rule, Fault> {
    let what = format!("rule `{}`", entry.name);
    let workflow = |name: &Option<String>| match name {
        None => Ok(None),
        Some(name) => {
            let found = workflows.values().find(|w| w.name == *name).map(|w| Some(w.id));
            found.ok_or_else(|| missing(&what, "workflow", name))
        }
    };
    Ok(Rule {
        id,
        name: entry.name.clone(),
        subjects: subjects_named(&entry.people, &entry.groups, directory, &what)?,
        targets: resolve_targets(entry, directory, &what)?,
        acts: resolve_act(entry, &what)?,
        outcome: entry.outcome,
        workflow: workflow(&entry.workflow)?,
        unknown: workflow(&entry.unknown)?,
        exclusions: subjects_named(&entry.exclude_people, &entry.exclude_groups, directory, &what)?,
        conditions: Conditions {
            duration_max_s: entry.duration_max_minutes.map(|m| m.saturating_mul(60)),
            reason_chars_min: entry.reason_chars_min,
            // On by default where access needs approval (R7).
            exclusive: entry
                .exclusive
                .unwrap_or(matches!(entry.act, ActEntry::Connect) && entry.outcome == Outcome::Approve),
            recording: entry.recording,
            transaction_hold_max_s: entry.transaction_hold_max_s,
            same_session: entry.same_session,
            hours: entry.hours.iter().map(|h| super::times::hours(h, &what)).collect::<Result<_, _>>()?,
            ahead_max_s: entry.ahead_max_minutes.map(|m| m.saturating_mul(60)),
            reasons: entry.reasons.clone(),
            ticket: entry.ticket,
            reset_after_use: entry.reset_after_use,
            sessions_max: entry.sessions_max,
            evidence: if entry.second_factor { Evidence::SecondFactor } else { Evidence::SignedIn },
            interrupt_after: entry.interrupt_after,
            risk: entry.risk,
            risk_max: entry.risk_max,
            recording_kept_days: entry.recording_kept_days,
            export_forbidden_by: match entry.recording_export {
                Some(false) => [entry.name.clone()].into(),
                Some(true) | None => BTreeSet::new(),
            },
        },
        automatic: entry.automatic.as_ref().map(|a| super::times::automatic(a, &what)).transpose()?,
        emergency: resolve_emergency(entry, &what)?,
    })
}

fn resolve_emergency(entry: &RuleEntry, what: &str) -> Result<Option<Emergency>, Fault> {
    match (entry.emergency, entry.emergency_countdown_s) {
        (true, countdown) => Ok(Some(Emergency { countdown_s: countdown.unwrap_or(0) })),
        (false, None) => Ok(None),
        (false, Some(_)) => Err(Fault::Input(format!(
            "{what}: `emergency_countdown_s` means nothing without `emergency = true`; add that or remove the countdown"
        ))),
    }
}

fn resolve_targets(entry: &RuleEntry, directory: &Directory, what: &str) -> Result<Targets, Fault> {
    let device_group = |name: &String| {
        let found = directory.device_groups.iter().find(|(_, g)| g.name == *name).map(|(id, _)| *id);
        found.ok_or_else(|| missing(what, "device group", name))
    };
    let account = |label: &String| {
        let (name, device) = label
            .rsplit_once('@')
            .ok_or_else(|| Fault::Input(format!("{what}: write the account `{label}` as `account@device`")))?;
        let device = device_named(device, &directory.devices, what)?;
        let found = directory.accounts.iter().find(|(_, a)| a.device == device && a.name == name).map(|(id, _)| *id);
        found.ok_or_else(|| missing(what, "account", label))
    };
    Ok(Targets {
        devices: entry.devices.iter().map(|d| device_named(d, &directory.devices, what)).collect::<Result<_, _>>()?,
        groups: entry.device_groups.iter().map(device_group).collect::<Result<_, _>>()?,
        accounts: entry.accounts.iter().map(account).collect::<Result<_, _>>()?,
    })
}

fn resolve_act(entry: &RuleEntry, what: &str) -> Result<ActMatch, Fault> {
    let names = |list: &[String]| -> Result<BTreeSet<NamePattern>, Fault> {
        let pattern = |text: &String| {
            NamePattern::parse(text).ok_or_else(|| {
                Fault::Input(format!(
                    "{what}: `{text}` is not a name; write `name` or `schema.name`, `*` for any, and in double quotes \
                     where SQL needs them"
                ))
            })
        };
        list.iter().map(pattern).collect()
    };
    let statements = StatementMatch {
        kinds: entry.kinds.clone(),
        relations: names(&entry.tables)?,
        functions: names(&entry.functions)?,
    };
    let commands = CommandMatch {
        programs: entry.programs.clone(),
        arguments: entry.arguments.clone(),
        paths: entry.paths.clone(),
        free: entry.free.clone(),
        trusted: entry.trusted.clone(),
    };
    if statements != StatementMatch::default() && entry.act != ActEntry::Query {
        let said = "`kinds`, `tables` and `functions` speak of queries; use `act = \"query\"`";
        return Err(Fault::Input(format!("{what}: {said}")));
    }
    if commands != CommandMatch::default() && entry.act != ActEntry::Run {
        let said = "`programs`, `arguments`, `paths`, `free` and `trusted` speak of commands; use `act = \"run\"`";
        return Err(Fault::Input(format!("{what}: {said}")));
    }
    Ok(match entry.act {
        ActEntry::Connect => ActMatch::Connect,
        ActEntry::Query => ActMatch::Run(statements),
        ActEntry::Run => ActMatch::Command(commands),
        ActEntry::Administer => ActMatch::Administer,
    })
}
