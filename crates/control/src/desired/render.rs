//! What is in force as a file: the inverse of `resolve`. Names stand for ids, what has its default is left out, and so are
//! secrets, which stay as they are when the file is put in force again.

use super::account;
use super::file::*;
use super::times;
use countersign_core::{Account, Contact, Directory, Endpoint, PostgresEndpoint, Protocol, SshEndpoint};
use countersign_journal::{
    AccountId, ActMatch, Authority, CommandMatch, DeviceId, Evidence, GroupId, Level, NamePattern, Outcome, Parameters,
    PersonId, Policy, Rule, StatementMatch, TimeoutAction, Tools, WorkflowId,
};

/// The file that would put this directory and policy in force.
pub(super) fn render(directory: &Directory, policy: &Policy) -> String {
    let names = Names { directory, policy };
    let is_set_up = |name: &str| directory.accounts.keys().any(|a| account::set_up_name(&names.account(*a)) == name);
    let file = File {
        parameters: ParametersEntry {
            timeout_periods: (policy.parameters.timeout_periods_s != Parameters::default().timeout_periods_s)
                .then(|| policy.parameters.timeout_periods_s.iter().map(|s| times::said(*s)).collect()),
            ssh_user_ca: policy.parameters.ssh_user_ca.clone(),
            ssh_banner: policy.parameters.ssh_banner.clone(),
            watch_approval: policy.parameters.watch_approval,
            approvers: directory.approvers.iter().map(|(module, named)| (*module, names.people(named))).collect(),
        },
        people: directory.people.values().filter(|p| p.enabled).map(|p| names.person_entry(p)).collect(),
        contacts: directory.contacts.values().filter(|c| c.enabled).map(contact_entry).collect(),
        groups: directory.groups.values().map(|g| names.group_entry(g)).collect(),
        roles: directory.roles.values().map(|r| names.role_entry(r)).collect(),
        devices: directory.devices.values().map(device_entry).collect(),
        device_groups: directory
            .device_groups
            .values()
            .map(|g| DeviceGroupEntry {
                name: g.name.clone(),
                devices: g.devices.iter().map(|d| names.device(*d)).collect(),
            })
            .collect(),
        accounts: directory.accounts.iter().map(|(id, a)| names.account_entry(*id, a)).collect(),
        workflows: policy
            .workflows
            .values()
            .filter(|w| !is_set_up(&w.name))
            .map(|w| WorkflowEntry { name: w.name.clone(), levels: names.levels(&w.levels) })
            .collect(),
        rules: policy.rules.iter().filter(|r| !is_set_up(&r.name)).map(|r| names.rule_entry(r)).collect(),
    };
    file.text()
}

fn contact_entry(contact: &Contact) -> ContactEntry {
    ContactEntry { name: contact.name.clone(), email: contact.email.clone() }
}

fn device_entry(device: &countersign_core::Device) -> DeviceEntry {
    let (protocol, database, ca, server_name, host_key, legacy) = match device.endpoint.clone() {
        Endpoint::Postgresql(PostgresEndpoint { database, ca_pem, server_name }) => {
            let server_name = Some(server_name).filter(|n| *n != device.host);
            (Protocol::Postgresql, Some(database), Some(ca_pem), server_name, None, [].into())
        }
        Endpoint::Ssh(SshEndpoint { host_key, legacy_algorithms }) => {
            (Protocol::Ssh, None, None, None, Some(host_key), legacy_algorithms)
        }
    };
    let legacy_algorithms = legacy.into_iter().collect();
    let port = Some(device.port).filter(|p| *p != protocol.port());
    let (name, host) = (device.name.clone(), device.host.clone());
    DeviceEntry { name, protocol, host, port, database, ca, server_name, host_key, legacy_algorithms }
}

fn patterns<'p>(all: impl IntoIterator<Item = &'p NamePattern>) -> Vec<String> {
    all.into_iter().map(NamePattern::to_string).collect()
}

/// Ids to names.
struct Names<'a> {
    directory: &'a Directory,
    policy: &'a Policy,
}

impl Names<'_> {
    fn person(&self, id: PersonId) -> String {
        crate::words::name(self.directory, id)
    }

    fn people<'i>(&self, all: impl IntoIterator<Item = &'i PersonId>) -> Vec<String> {
        all.into_iter().filter(|p| self.directory.enabled(**p).is_some()).map(|p| self.person(*p)).collect()
    }

    fn contacts<'i>(&self, all: impl IntoIterator<Item = &'i PersonId>) -> Vec<String> {
        all.into_iter().filter_map(|c| self.directory.contact(*c)).map(|c| c.name.clone()).collect()
    }

    fn group(&self, id: GroupId) -> String {
        self.directory.groups.get(&id).map_or_else(|| id.to_string(), |g| g.name.clone())
    }

    fn groups<'i>(&self, all: impl IntoIterator<Item = &'i GroupId>) -> Vec<String> {
        all.into_iter().map(|g| self.group(*g)).collect()
    }

    fn device(&self, id: DeviceId) -> String {
        self.directory.devices.get(&id).map_or_else(|| id.to_string(), |d| d.name.clone())
    }

    fn account(&self, id: AccountId) -> String {
        self.directory.label(id).unwrap_or_else(|| id.to_string())
    }

    fn workflow(&self, id: WorkflowId) -> String {
        self.policy.workflow(id).map_or_else(|| id.to_string(), |w| w.name.clone())
    }

    fn person_entry(&self, person: &countersign_core::Person) -> PersonEntry {
        PersonEntry {
            handle: person.handle.clone(),
            name: (person.name != person.handle).then(|| person.name.clone()),
            email: person.email.clone(),
            role: person.role,
            manager: self.people(&person.manager).pop(),
        }
    }

    fn group_entry(&self, group: &countersign_core::Group) -> GroupEntry {
        GroupEntry {
            name: group.name.clone(),
            members: self.people(&group.members),
            groups: self.groups(&group.groups),
            managers: self.people(&group.managers),
        }
    }

    fn role_entry(&self, role: &countersign_core::OwnRole) -> RoleEntry {
        RoleEntry {
            name: role.name.clone(),
            permissions: role.permissions.clone(),
            people: self.people(&role.people),
            groups: self.groups(&role.groups),
        }
    }

    fn account_entry(&self, id: AccountId, account: &Account) -> AccountEntry {
        let name = account::set_up_name(&self.account(id));
        let workflow = self.policy.workflows.values().find(|w| w.name == name);
        let set_up = self.policy.rules.iter().find(|r| r.name == name).zip(workflow);
        AccountEntry {
            device: self.device(account.device),
            name: account.name.clone(),
            password: None,
            certificate: account.certificate,
            owners: self.people(&account.owners),
            managers: self.people(&account.managers),
            approval: set_up.map(|(rule, workflow)| ApprovalEntry {
                levels: self.levels(&workflow.levels),
                exclude_people: self.people(&rule.exclusions.persons),
                exclude_groups: self.groups(&rule.exclusions.groups),
                automatic: rule.automatic.as_ref().map(times::automatic_entry),
                exclusive: (!rule.conditions.exclusive).then_some(false),
            }),
        }
    }

    fn levels(&self, levels: &[Level]) -> Vec<LevelEntry> {
        levels.iter().map(|l| self.level_entry(l)).collect()
    }

    fn level_entry(&self, level: &Level) -> LevelEntry {
        let to = level.timeout.as_ref().map(|t| &t.action);
        LevelEntry {
            people: match &level.authority {
                Authority::Persons(people) => Some(self.people(people)),
                _ => None,
            },
            members_of: match level.authority {
                Authority::Members(group) => Some(self.group(group)),
                _ => None,
            },
            managers_of: match level.authority {
                Authority::Managers(group) => Some(self.group(group)),
                _ => None,
            },
            administrators: level.authority == Authority::Administrators,
            line_manager: level.authority == Authority::LineManager,
            account_owners: level.authority == Authority::AccountOwners,
            account_managers: level.authority == Authority::AccountManagers,
            contacts: match &level.authority {
                Authority::Contacts(named) => Some(self.contacts(named)),
                _ => None,
            },
            choose: level.choose,
            timeout: level.timeout.as_ref().map(|t| times::said(t.after_s)),
            escalate_to_members_of: match to {
                Some(TimeoutAction::EscalateToMembers(group)) => Some(self.group(*group)),
                _ => None,
            },
            escalate_to_managers_of: match to {
                Some(TimeoutAction::EscalateToManagers(group)) => Some(self.group(*group)),
                _ => None,
            },
            mail: (level.tools.mail != Tools::default().mail).then_some(level.tools.mail),
            notify: level.notify.iter().map(|n| NoticeEntry { group: self.group(n.group), scope: n.scope }).collect(),
            approvals: level.approvals,
            rejections: level.rejections,
            second_factor: level.evidence == Evidence::SecondFactor,
        }
    }

    fn rule_entry(&self, rule: &Rule) -> RuleEntry {
        let (any_statement, any_command) = (StatementMatch::default(), CommandMatch::default());
        let (act, statements, commands) = match &rule.acts {
            ActMatch::Connect => (ActEntry::Connect, &any_statement, &any_command),
            ActMatch::Run(wanted) => (ActEntry::Query, wanted, &any_command),
            ActMatch::Command(wanted) => (ActEntry::Run, &any_statement, wanted),
            ActMatch::Administer => (ActEntry::Administer, &any_statement, &any_command),
        };
        let conditions = &rule.conditions;
        let exclusive = act == ActEntry::Connect && rule.outcome == Outcome::Approve;
        RuleEntry {
            name: rule.name.clone(),
            act,
            outcome: rule.outcome,
            people: self.people(&rule.subjects.persons),
            groups: self.groups(&rule.subjects.groups),
            devices: rule.targets.devices.iter().map(|d| self.device(*d)).collect(),
            device_groups: rule.targets.groups.iter().map(|g| self.directory.device_groups[g].name.clone()).collect(),
            accounts: rule.targets.accounts.iter().map(|a| self.account(*a)).collect(),
            kinds: statements.kinds.clone(),
            tables: patterns(&statements.relations),
            functions: patterns(&statements.functions),
            programs: commands.programs.clone(),
            arguments: commands.arguments.clone(),
            paths: commands.paths.clone(),
            free: commands.free.clone(),
            trusted: commands.trusted.clone(),
            workflow: rule.workflow.map(|w| self.workflow(w)),
            unknown: rule.unknown.map(|w| self.workflow(w)),
            exclude_people: self.people(&rule.exclusions.persons),
            exclude_groups: self.groups(&rule.exclusions.groups),
            duration_max_minutes: conditions.duration_max_s.map(|s| s / 60),
            reason_chars_min: conditions.reason_chars_min,
            exclusive: (conditions.exclusive != exclusive).then_some(conditions.exclusive),
            hours: conditions.hours.first().map(times::hours_entry),
            automatic: rule.automatic.as_ref().map(times::automatic_entry),
            emergency: rule.emergency.is_some(),
            emergency_countdown_s: rule.emergency.map(|e| e.countdown_s).filter(|s| *s > 0),
            ahead_max_minutes: conditions.ahead_max_s.map(|s| s / 60),
            reasons: conditions.reasons.clone(),
            ticket: conditions.ticket,
            reset_after_use: conditions.reset_after_use,
            sessions_max: conditions.sessions_max,
            second_factor: conditions.evidence == Evidence::SecondFactor,
            recording: conditions.recording,
            recording_kept_days: conditions.recording_kept_days,
            recording_export: (!conditions.export_forbidden_by.is_empty()).then_some(false),
            transaction_hold_max_s: conditions.transaction_hold_max_s,
            same_session: conditions.same_session,
            interrupt_after: conditions.interrupt_after,
            risk: conditions.risk,
            risk_max: conditions.risk_max,
        }
    }
}
