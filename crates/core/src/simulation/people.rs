//! Random people, groups, targets and valid policies: small enough that everybody keeps meeting everybody.

use crate::{Account, Contact, Device, DeviceGroup, Directory, Endpoint, Group, Person, PostgresEndpoint, Role};
use countersign_journal::{
    AccountId, ActMatch, Authority, Automatic, CommandMatch, Conditions, DeviceGroupId, DeviceId, Emergency, Evidence,
    GroupId, Hours, Level, Module, NamePattern, Notice, NoticeScope, Opening, Outcome, Parameters, PersonId, Policy,
    Recording, Rule, RuleId, StatementKind, StatementMatch, Subjects, Targets, Timeout, TimeoutAction, Tools, Weekday,
    Workflow, WorkflowId,
};
use fastrand::Rng;
use std::collections::BTreeSet;

/// True in `percent` of a hundred cases.
pub(super) fn chance(rng: &mut Rng, percent: u32) -> bool {
    rng.u32(0..100) < percent
}

/// One of several; there must be one.
pub(super) fn one<T: Copy>(rng: &mut Rng, from: &[T]) -> T {
    *rng.choice(from).expect("something to choose from")
}

/// Each with the given chance.
pub(super) fn some<T: Copy + Ord>(rng: &mut Rng, from: impl Iterator<Item = T>, percent: u32) -> BTreeSet<T> {
    from.filter(|_| chance(rng, percent)).collect()
}

pub(super) fn directory(rng: &mut Rng) -> Directory {
    let persons = rng.u64(3..=8);
    let groups = rng.u64(2..=4);
    let devices = rng.u64(1..=4);
    Directory {
        people: (1..=persons).map(|n| (PersonId(n), person(rng, n, persons))).collect(),
        groups: (1..=groups).map(|n| (GroupId(n), group(rng, n, groups, persons))).collect(),
        devices: (1..=devices).map(|n| (DeviceId(n), device(n))).collect(),
        device_groups: (1..=rng.u64(1..=4))
            .map(|n| {
                let devices = some(rng, (1..=devices).map(DeviceId), 60);
                (DeviceGroupId(n), DeviceGroup { name: format!("fleet {n}"), devices })
            })
            .collect(),
        accounts: (1..=rng.u64(1..=4)).map(|n| (AccountId(n), account(rng, n, devices, persons))).collect(),
        contacts: (1..=rng.u64(0..=2)).map(|n| (PersonId(40 + n), contact(rng, n))).collect(),
        approvers: [(Module::PamCore, &some(rng, (2..=persons).map(PersonId), 40) | &[PersonId(1)].into())].into(),
        ..Directory::default()
    }
}

fn contact(rng: &mut Rng, n: u64) -> Contact {
    Contact { name: format!("Contact {n}"), email: format!("contact{n}@example.test"), enabled: chance(rng, 93) }
}

fn account(rng: &mut Rng, n: u64, devices: u64, persons: u64) -> Account {
    Account {
        device: DeviceId(rng.u64(1..=devices)),
        name: format!("login{n}"),
        owners: some(rng, (1..=persons).map(PersonId), 30),
        managers: some(rng, (1..=persons).map(PersonId), 30),
        certificate: false,
    }
}

/// Line managers have higher numbers than those they manage, so that there is no loop.
fn person(rng: &mut Rng, n: u64, persons: u64) -> Person {
    let manager = (n < persons && chance(rng, 70)).then(|| PersonId(rng.u64(n + 1..=persons)));
    let role = if n == 1 {
        Role::Administrator
    } else {
        one(rng, &[Role::Member, Role::Member, Role::Member, Role::Member, Role::Auditor, Role::Administrator])
    };
    Person {
        handle: format!("person{n}"),
        name: format!("Person {n}"),
        email: None,
        enabled: n == 1 || chance(rng, 93),
        role,
        manager,
        former_emails: BTreeSet::new(),
    }
}

fn group(rng: &mut Rng, n: u64, groups: u64, persons: u64) -> Group {
    Group {
        name: format!("group {n}"),
        members: some(rng, (1..=persons).map(PersonId), 45),
        groups: some(rng, (n + 1..=groups).map(GroupId), 25),
        managers: some(rng, (1..=persons).map(PersonId), 30),
    }
}

fn device(n: u64) -> Device {
    Device {
        name: format!("db{n}"),
        host: format!("10.0.0.{n}"),
        port: 5432,
        endpoint: Endpoint::Postgresql(PostgresEndpoint {
            database: "shop".into(),
            ca_pem: String::new(),
            server_name: format!("db{n}"),
        }),
    }
}

/// One random change of who and what there is.
pub(super) fn changed(rng: &mut Rng, old: &Directory) -> Directory {
    let mut new = old.clone();
    let persons: Vec<PersonId> = new.people.keys().copied().collect();
    let groups: Vec<GroupId> = new.groups.keys().copied().collect();
    let who = one(rng, &persons);
    let toggle = |set: &mut BTreeSet<PersonId>| {
        if !set.remove(&who) {
            set.insert(who);
        }
    };
    let contacts: Vec<PersonId> = new.contacts.keys().copied().collect();
    if !contacts.is_empty() && chance(rng, 15) {
        new.contacts.entry(one(rng, &contacts)).and_modify(|c| c.enabled = !c.enabled);
        return new;
    }
    if chance(rng, 10) {
        new.approvers.entry(Module::PamCore).and_modify(toggle);
        return new;
    }
    match rng.u32(0..12) {
        0..=3 => new.people.entry(who).and_modify(|p| p.enabled = !p.enabled),
        4 => new.people.entry(who).and_modify(|p| p.role = one(rng, &[Role::Member, Role::Administrator])),
        _ if groups.is_empty() => return new,
        5..=7 => {
            new.groups.entry(one(rng, &groups)).and_modify(|g| toggle(&mut g.members));
            return new;
        }
        8 => {
            new.groups.entry(one(rng, &groups)).and_modify(|g| toggle(&mut g.managers));
            return new;
        }
        9 => {
            new.groups.remove(&one(rng, &groups));
            return new;
        }
        10 => {
            new.devices.values_mut().take(1).for_each(|d| d.port += 1);
            return new;
        }
        _ => {
            new.device_groups.values_mut().take(1).for_each(|g| g.devices = some(rng, old.devices.keys().copied(), 50));
            return new;
        }
    };
    new
}

/// A policy that passes validation: every rule about every outcome, workflows of every authority.
pub(super) fn policy(rng: &mut Rng, directory: &Directory) -> Policy {
    let workflows = rng.u64(1..=4);
    let rules = rng.u64(2..=7);
    let mut policy = Policy {
        workflows: (1..=workflows)
            .map(|n| {
                let levels = (0..rng.usize(1..=3)).map(|_| level(rng, directory)).collect();
                (n, Workflow { id: WorkflowId(n), name: format!("workflow {n}"), levels })
            })
            .collect(),
        rules: (1..=rules).map(|n| rule(rng, directory, n, workflows)).collect(),
        parameters: Parameters { watch_approval: chance(rng, 60), ..Parameters::default() },
    };
    let outside = |w: &Workflow| w.levels.iter().any(|l| matches!(l.authority, Authority::Contacts(_)));
    let outside: BTreeSet<u64> = policy.workflows.values().filter(|w| outside(w)).map(|w| w.id.0).collect();
    let by_contacts = |r: &Rule| [r.workflow, r.unknown].into_iter().flatten().any(|w| outside.contains(&w.0));
    policy.rules.retain(|r| r.acts != ActMatch::Administer || !by_contacts(r));
    policy.rules.iter_mut().filter(|r| by_contacts(r)).for_each(|r| r.conditions.evidence = Evidence::SignedIn);
    policy
}

fn level(rng: &mut Rng, directory: &Directory) -> Level {
    let groups: Vec<GroupId> = directory.groups.keys().copied().collect();
    let persons: Vec<PersonId> = directory.people.keys().copied().collect();
    let contacts: Vec<PersonId> = directory.contacts.keys().copied().collect();
    let authority = match rng.u32(0..8) {
        7 if !contacts.is_empty() => {
            let mut named = some(rng, contacts.iter().copied(), 50);
            named.insert(one(rng, &contacts));
            Authority::Contacts(named)
        }
        0 if !groups.is_empty() => Authority::Members(one(rng, &groups)),
        1 if !groups.is_empty() => Authority::Managers(one(rng, &groups)),
        2 => Authority::Administrators,
        3 => Authority::LineManager,
        4 => Authority::AccountOwners,
        5 => Authority::AccountManagers,
        _ => {
            let mut named = some(rng, persons.iter().copied(), 50);
            named.insert(one(rng, &persons));
            Authority::Persons(named)
        }
    };
    let notice = |rng: &mut Rng| Notice {
        group: one(rng, &groups),
        scope: one(rng, &[NoticeScope::All, NoticeScope::Approver, NoticeScope::Requester]),
    };
    let strong = chance(rng, 20) && !matches!(authority, Authority::Contacts(_));
    Level {
        timeout: chance(rng, 60).then(|| timeout(rng, &groups, &authority)),
        choose: chance(rng, 20),
        notify: (!groups.is_empty() && chance(rng, 20)).then(|| notice(rng)).into_iter().collect(),
        tools: Tools::default(),
        authority,
        approvals: if chance(rng, 30) { 2 } else { 1 },
        rejections: if chance(rng, 30) { 2 } else { 1 },
        evidence: if strong { Evidence::SecondFactor } else { Evidence::SignedIn },
    }
}

/// A timeout from the list, never to those who decide already.
fn timeout(rng: &mut Rng, groups: &[GroupId], authority: &Authority) -> Timeout {
    let action = match rng.u32(0..5) {
        0 | 1 if !groups.is_empty() => TimeoutAction::EscalateToManagers(one(rng, groups)),
        2 | 3 if !groups.is_empty() => TimeoutAction::EscalateToMembers(one(rng, groups)),
        _ => TimeoutAction::Expire,
    };
    let action = if action.target().as_ref() == Some(authority) { TimeoutAction::Expire } else { action };
    Timeout { after_s: one(rng, &[30 * 60, 30 * 60, 2 * 3600]), action }
}

/// A part of the day in UTC; the worlds begin at eight.
fn hours(rng: &mut Rng) -> Hours {
    let from_minute = rng.u16(6..9) * 60;
    let opening =
        Opening { days: Weekday::ALL.into_iter().collect(), from_minute, until_minute: rng.u16(10..=24) * 60 };
    Hours { zone: "UTC".into(), openings: [opening].into() }
}

/// The first two rules speak of everyone and everything, so that each world has something to decide.
fn rule(rng: &mut Rng, directory: &Directory, n: u64, workflows: u64) -> Rule {
    let broad = n <= 2;
    let connects = if broad { n == 1 } else { chance(rng, 50) };
    let administers = !broad && chance(rng, 10);
    let outcome = match rng.u32(0..100) {
        0..=54 => Outcome::Approve,
        55..=79 => Outcome::Allow,
        80..=94 if connects || administers => Outcome::Justify,
        80..=94 => Outcome::Allow,
        _ => Outcome::Deny,
    };
    let subjects = if broad { Subjects::default() } else { subjects(rng, directory) };
    let has_default = subjects.groups.len() == 1 && subjects.persons.is_empty();
    Rule {
        id: RuleId(n),
        name: format!("rule {n}"),
        targets: if broad || administers { Targets::default() } else { targets(rng, directory) },
        acts: match (administers, connects) {
            (true, _) => ActMatch::Administer,
            (false, true) => ActMatch::Connect,
            (false, false) if chance(rng, 25) => ActMatch::Command(commands(rng)),
            (false, false) => ActMatch::Run(statements(rng)),
        },
        outcome,
        workflow: (!has_default || chance(rng, 50)).then(|| WorkflowId(rng.u64(1..=workflows))),
        unknown: chance(rng, 50).then(|| WorkflowId(rng.u64(1..=workflows))),
        exclusions: Subjects {
            persons: some(rng, directory.people.keys().copied(), 5),
            groups: some(rng, directory.groups.keys().copied(), 3),
        },
        automatic: (outcome == Outcome::Approve && !administers && chance(rng, 12))
            .then(|| Automatic { hours: hours(rng), any_start: chance(rng, 50) }),
        emergency: (outcome == Outcome::Approve && !administers && chance(rng, 85))
            .then(|| Emergency { countdown_s: one(rng, &[0, 60, 600, 3_600]) }),
        subjects,
        conditions: staying(meant(conditions(rng), administers, connects), n),
    }
}

/// Whether recordings stay hangs on another condition, so that no other draw hangs on it.
fn staying(all: Conditions, n: u64) -> Conditions {
    let export_forbidden_by = all.exclusive.then(|| format!("rule {n}")).into_iter().collect();
    Conditions { export_forbidden_by, ..all }
}

/// Only what means something for the act.
fn meant(all: Conditions, administers: bool, connects: bool) -> Conditions {
    let (evidence, same_session) = (all.evidence, all.same_session && !connects && !administers);
    let (reason_chars_min, reasons, ticket) = (all.reason_chars_min, all.reasons.clone(), all.ticket);
    match (administers, connects) {
        (true, _) => Conditions { reason_chars_min, reasons, ticket, evidence, ..Conditions::default() },
        (false, true) => Conditions { same_session, ..all },
        (false, false) => Conditions { same_session, evidence, ..Conditions::default() },
    }
}

fn subjects(rng: &mut Rng, directory: &Directory) -> Subjects {
    Subjects {
        persons: some(rng, directory.people.keys().copied(), 25),
        groups: some(rng, directory.groups.keys().copied(), 40),
    }
}

fn targets(rng: &mut Rng, directory: &Directory) -> Targets {
    Targets {
        devices: some(rng, directory.devices.keys().copied(), 30),
        groups: some(rng, directory.device_groups.keys().copied(), 30),
        accounts: some(rng, directory.accounts.keys().copied(), 30),
    }
}

fn statements(rng: &mut Rng) -> StatementMatch {
    let pattern = |p: &&str| NamePattern::parse(p).expect("a pattern");
    StatementMatch {
        kinds: some(rng, [StatementKind::Select, StatementKind::Update, StatementKind::Delete].into_iter(), 40),
        relations: some(rng, ["customers", "public.orders"].into_iter(), 30).iter().map(pattern).collect(),
        functions: BTreeSet::new(),
    }
}

fn commands(rng: &mut Rng) -> CommandMatch {
    let mut of = |words: &[&'static str], percent| -> BTreeSet<String> {
        some(rng, words.iter().copied(), percent).into_iter().map(str::to_owned).collect()
    };
    CommandMatch {
        programs: of(&["ls", "rm"], 40),
        arguments: of(&["-r", "/srv"], 20),
        paths: of(&["/srv/", "/etc/hosts"], 20),
        free: BTreeSet::new(),
        trusted: of(&["/opt/tool"], 30),
    }
}

fn conditions(rng: &mut Rng) -> Conditions {
    let some = Conditions {
        duration_max_s: chance(rng, 25).then(|| rng.u64(1..=6) * 3600),
        reason_chars_min: chance(rng, 15).then_some(10),
        exclusive: chance(rng, 25),
        recording: if chance(rng, 20) { Recording::Strict } else { Recording::Normal },
        transaction_hold_max_s: None,
        same_session: chance(rng, 20),
        hours: chance(rng, 8).then(|| hours(rng)).into_iter().collect(),
        ahead_max_s: chance(rng, 10).then_some(2 * 3600),
        reasons: chance(rng, 8).then(|| ["repair".to_owned(), "release".to_owned()].into()),
        ticket: chance(rng, 8),
        reset_after_use: chance(rng, 20),
        sessions_max: chance(rng, 20).then_some(1),
        evidence: if chance(rng, 10) { Evidence::SecondFactor } else { Evidence::SignedIn },
        // Gateways count these; no decision of the engine rests on them.
        interrupt_after: None,
        risk: 0,
        risk_max: None,
        recording_kept_days: None,
        export_forbidden_by: BTreeSet::new(),
    };
    Conditions { recording_kept_days: some.reset_after_use.then_some(1), ..some }
}
