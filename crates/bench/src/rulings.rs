//! What a ruling costs in a large organisation: 10,000 rules, 100,000 people in 5,000 nested groups with 1,000,000
//! memberships, 100,000 devices. And whether rules that concern somebody else make it slower.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use countersign_core::{
    Account, Asked, Device, DeviceGroup, Directory, Endpoint, Group, Person, PostgresEndpoint, Role, Roster, Rulebook,
    rule,
};
use countersign_journal::{
    AccountId, ActMatch, Authority, Conditions, DeviceGroupId, DeviceId, GroupId, Level, Outcome, PersonId, Policy,
    Rule, RuleId, Subjects, Targets, Workflow, WorkflowId,
};

use crate::report::Report;

const PEOPLE: u64 = 100_000;
const GROUPS: u64 = 5_000;
const MEMBERSHIPS: u64 = 1_000_000;
const DEVICES: u64 = 100_000;
const DEVICE_GROUPS: u64 = 2_000;
const RULES: u64 = 10_000;
/// Rulings asked for.
const ROUNDS: u64 = 20_000;

/// Rulings with all rules, and with ten times as many that concern nobody who asks.
pub fn measure(report: &mut Report) {
    eprintln!("rulings");
    let started = Instant::now();
    let roster = Roster::new(directory());
    report.put("rulings_index_ms", started.elapsed().as_secs_f64() * 1e3);
    for (name, more) in [("rulings", 0), ("rulings_10x_others", 9 * RULES)] {
        let book = Rulebook::new(policy(more));
        let mut each: Vec<f64> = (0..ROUNDS).map(|round| one(&roster, &book, round)).collect();
        each.sort_by(f64::total_cmp);
        let at = |part: f64| each[(each.len() as f64 * part) as usize];
        report.put(&format!("{name}_p50_us"), at(0.5));
        report.put(&format!("{name}_p99_us"), at(0.99));
    }
}

/// Microseconds of one ruling: who asks, on what, and what all rules together say.
fn one(roster: &Roster, book: &Rulebook, round: u64) -> f64 {
    let (person, account) = (PersonId(1 + round * 7_919 % PEOPLE), AccountId(1 + round * 104_729 % DEVICES));
    let started = Instant::now();
    let facts = roster.person_facts(person).zip(roster.target_facts(account, None));
    let ruling = facts.map(|(person, target)| rule(book, &person, &target, Asked::Connect));
    let took = started.elapsed().as_secs_f64() * 1e6;
    assert!(ruling.is_some_and(|r| !r.reasons.is_empty()), "every round is ruled on by some rule");
    took
}

/// Every tenth group holds the nine before it; memberships and devices are spread evenly.
fn directory() -> Directory {
    let person = |n: u64| Person {
        handle: format!("person-{n}"),
        name: format!("Person {n}"),
        email: Some(format!("person-{n}@example.org")),
        former_emails: [].into(),
        enabled: true,
        role: Role::Member,
        manager: None,
    };
    let mut groups: BTreeMap<GroupId, Group> =
        (1..=GROUPS).map(|n| (GroupId(n), Group { name: format!("group {n}"), ..Group::default() })).collect();
    for n in (10..=GROUPS).step_by(10) {
        let inner = (n - 9..n).map(GroupId).collect();
        groups.entry(GroupId(n)).and_modify(|g| g.groups = inner);
    }
    for n in 0..MEMBERSHIPS {
        let (group, member) = (GroupId(1 + n * 31 % GROUPS), PersonId(1 + n % PEOPLE));
        groups.entry(group).and_modify(|g| g.members.extend([member]));
    }
    let device = |n: u64| Device {
        name: format!("db-{n}"),
        host: format!("db-{n}.example.org"),
        port: 5432,
        endpoint: Endpoint::Postgresql(PostgresEndpoint {
            database: "main".to_owned(),
            ca_pem: String::new(),
            server_name: format!("db-{n}.example.org"),
        }),
    };
    let account = |n: u64| Account {
        device: DeviceId(n),
        name: "app".to_owned(),
        owners: [].into(),
        managers: [].into(),
        certificate: false,
    };
    let set = |n: u64| DeviceGroup {
        name: format!("set {n}"),
        devices: (1..=DEVICES).filter(|d| d % DEVICE_GROUPS == n - 1).map(DeviceId).collect(),
    };
    Directory {
        people: (1..=PEOPLE).map(|n| (PersonId(n), person(n))).collect(),
        groups,
        devices: (1..=DEVICES).map(|n| (DeviceId(n), device(n))).collect(),
        device_groups: (1..=DEVICE_GROUPS).map(|n| (DeviceGroupId(n), set(n))).collect(),
        accounts: (1..=DEVICES).map(|n| (AccountId(n), account(n))).collect(),
        ..Directory::default()
    }
}

/// One rule for everyone, the others each for a group on a set of devices; `more` of them for groups nobody is in.
fn policy(more: u64) -> Policy {
    let rule = |n: u64| {
        let group = if n > RULES { GROUPS + n } else { 1 + n * 17 % GROUPS };
        Rule {
            id: RuleId(n),
            name: format!("rule {n}"),
            subjects: Subjects {
                groups: if n == 1 { BTreeSet::new() } else { [GroupId(group)].into() },
                ..Subjects::default()
            },
            targets: Targets {
                groups: if n == 1 { BTreeSet::new() } else { [DeviceGroupId(1 + n * 13 % DEVICE_GROUPS)].into() },
                ..Targets::default()
            },
            acts: ActMatch::Connect,
            outcome: Outcome::Approve,
            workflow: Some(WorkflowId(1 + n % 100)),
            unknown: None,
            exclusions: Subjects::default(),
            conditions: Conditions::default(),
            automatic: None,
            emergency: None,
        }
    };
    let workflow = |n: u64| Workflow {
        id: WorkflowId(n),
        name: format!("workflow {n}"),
        levels: vec![Level::of(Authority::Members(GroupId(n))), Level::of(Authority::Managers(GroupId(n + 1)))],
    };
    Policy {
        rules: (1..=RULES + more).map(rule).collect(),
        workflows: (1..=100).map(|n| (n, workflow(n))).collect(),
        ..Policy::default()
    }
}
