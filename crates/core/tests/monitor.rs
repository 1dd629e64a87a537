//! Workflows nobody can satisfy, found before somebody needs them (R93).

use countersign_core::monitor::{Warning, warnings};
use countersign_core::{Account, Contact, Device, Directory, Group, Person, Role};
use countersign_journal::{
    AccountId, ActMatch, Authority, Conditions, DeviceId, GroupId, Level, Outcome, PersonId, Policy, Rule, RuleId,
    Subjects, Targets, Workflow, WorkflowId,
};

const ALICE: PersonId = PersonId(1);
const BOB: PersonId = PersonId(2);
const CAROL: PersonId = PersonId(3);
const DEVELOPERS: GroupId = GroupId(1);
const DBA: GroupId = GroupId(2);

fn person(handle: &str, manager: Option<PersonId>) -> Person {
    let name = handle.to_owned();
    Person {
        handle: name.clone(),
        name,
        email: None,
        enabled: true,
        role: Role::Member,
        manager,
        former_emails: [].into(),
    }
}

/// Alice and Bob develop; Bob and Carol are the dba, whom nobody manages; Bob is Alice's line manager, nobody is Bob's.
fn directory() -> Directory {
    let group = |members: &[PersonId]| Group { members: members.iter().copied().collect(), ..Group::default() };
    let device = Device {
        name: "prod-db".into(),
        host: "192.0.2.10".into(),
        port: 5432,
        database: "shop".into(),
        ca_pem: String::new(),
        server_name: "prod-db".into(),
    };
    let account = |owners: &[PersonId]| Account {
        device: DeviceId(1),
        name: "app".into(),
        owners: owners.iter().copied().collect(),
        managers: [].into(),
    };
    Directory {
        people: [(ALICE, person("alice", Some(BOB))), (BOB, person("bob", None)), (CAROL, person("carol", None))]
            .into(),
        groups: [(DEVELOPERS, group(&[ALICE, BOB])), (DBA, group(&[BOB, CAROL]))].into(),
        devices: [(DeviceId(1), device)].into(),
        accounts: [(AccountId(1), account(&[CAROL])), (AccountId(2), account(&[]))].into(),
        ..Directory::default()
    }
}

/// One rule for developers with these levels.
fn policy(levels: Vec<Level>) -> Policy {
    let rule = Rule {
        id: RuleId(1),
        name: "reach".into(),
        subjects: Subjects { groups: [DEVELOPERS].into(), ..Subjects::default() },
        targets: Targets::default(),
        acts: ActMatch::Connect,
        outcome: Outcome::Approve,
        workflow: Some(WorkflowId(1)),
        unknown: None,
        exclusions: Subjects::default(),
        conditions: Conditions::default(),
        automatic: None,
        emergency: None,
    };
    let workflow = Workflow { id: WorkflowId(1), name: "flow".into(), levels };
    Policy { rules: vec![rule], workflows: [(1, workflow)].into(), ..Policy::default() }
}

/// Checks what is warned of, as (level, whom it concerns; nobody is everybody).
fn check(levels: Vec<Level>, directory: &Directory, expected: &[(Option<usize>, &[PersonId])]) {
    let found: Vec<Warning> = warnings(&policy(levels), &directory.clone().into());
    let expected = expected.iter().map(|(level, requesters)| Warning {
        rule: "reach".into(),
        level: *level,
        requesters: requesters.iter().copied().collect(),
    });
    assert_eq!(found, expected.collect::<Vec<_>>());
}

fn members(group: GroupId, approvals: u32) -> Level {
    Level { approvals, ..Level::of(Authority::Members(group)) }
}

#[test]
fn r93_what_can_be_approved_is_not_warned_of() {
    check(vec![members(DBA, 1)], &directory(), &[]);
    check(vec![members(DBA, 1), Level::of(Authority::Persons([CAROL].into()))], &directory(), &[(None, &[BOB])]);
}

#[test]
fn r93_empty_groups_and_leavers_are_warned_of() {
    check(vec![Level::of(Authority::Managers(DBA))], &directory(), &[(Some(1), &[])]);
    let mut left = directory();
    left.people.entry(CAROL).and_modify(|p| p.enabled = false);
    check(vec![members(DBA, 1)], &left, &[(Some(1), &[BOB])]);
}

#[test]
fn r93_a_requester_who_is_the_only_approver_is_warned_of() {
    check(vec![members(DBA, 2)], &directory(), &[(Some(1), &[BOB])]);
    check(vec![members(DBA, 3)], &directory(), &[(Some(1), &[])]);
    check(vec![Level::of(Authority::LineManager)], &directory(), &[(Some(1), &[BOB])]);
}

#[test]
fn r93_one_person_on_two_levels_is_warned_of() {
    let carol = || Level::of(Authority::Persons([CAROL].into()));
    check(vec![carol(), carol()], &directory(), &[(None, &[])]);
    check(vec![members(DBA, 1), members(DBA, 1)], &directory(), &[(None, &[BOB])]);
}

#[test]
fn r93_an_account_without_owners_is_warned_of() {
    check(vec![Level::of(Authority::AccountOwners)], &directory(), &[(Some(1), &[])]);
    let mut owned = directory();
    owned.accounts.remove(&AccountId(2));
    check(vec![Level::of(Authority::AccountOwners)], &owned, &[]);
}

#[test]
fn r93_a_workflow_for_what_is_not_understood_is_looked_at_too() {
    let mut held = policy(vec![Level::of(Authority::Managers(DBA))]);
    held.rules[0].outcome = Outcome::Deny;
    held.rules[0].workflow = None;
    assert_eq!(warnings(&held, &directory().into()), []);
    held.rules[0].unknown = Some(WorkflowId(1));
    assert_eq!(warnings(&held, &directory().into()).len(), 1);
}

#[test]
fn r93_a_level_whose_contacts_are_all_disabled_is_warned_of() {
    let vera = PersonId(9);
    let contact = |enabled| Contact { name: "Vera".into(), email: "vera@example.test".into(), enabled };
    let outside = || vec![Level::of(Authority::Contacts([vera].into()))];
    let with = |enabled| Directory { contacts: [(vera, contact(enabled))].into(), ..directory() };
    check(outside(), &with(true), &[]);
    check(outside(), &with(false), &[(Some(1), &[])]);
}
