//! Workflows nobody can satisfy, and rules that can never hold together, found before somebody needs them (R93).

use countersign_core::monitor::{Lack, SignIn, Warning, Why, warnings};
use countersign_core::{Account, Contact, Device, Directory, Endpoint, Group, Person, PostgresEndpoint, Role};
use countersign_journal::{
    AccountId, ActMatch, Authority, Conditions, DeviceId, Evidence, GroupId, Hours, Level, Opening, Outcome, PersonId,
    Policy, Rule, RuleId, Subjects, Targets, Timeout, TimeoutAction, Timestamp, Weekday, Workflow, WorkflowId,
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
        endpoint: Endpoint::Postgresql(PostgresEndpoint {
            database: "shop".into(),
            ca_pem: String::new(),
            server_name: "prod-db".into(),
        }),
    };
    let account = |owners: &[PersonId]| Account {
        device: DeviceId(1),
        name: "app".into(),
        owners: owners.iter().copied().collect(),
        managers: [].into(),
        certificate: false,
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

/// 2026-11-23 in the morning, a Monday.
const NOW: Timestamp = Timestamp(1_795_420_800_000_000);

/// Everybody has a password and a second factor.
fn enrolled() -> SignIn {
    let all: std::collections::BTreeSet<PersonId> = [ALICE, BOB, CAROL].into();
    SignIn { password: all.clone(), second_factor: all }
}

/// Checks what is warned of, as (level, whom it concerns; nobody is everybody).
fn check(levels: Vec<Level>, directory: &Directory, expected: &[(Option<usize>, &[PersonId])]) {
    let found = warned(&policy(levels), directory, &enrolled());
    let found: Vec<_> = found.into_iter().map(|(lack, people)| (few(&lack), people)).collect();
    let expected: Vec<_> = expected.iter().map(|(level, people)| (*level, people.to_vec())).collect();
    assert_eq!(found, expected);
}

/// The level that too few can decide for want of people, none when it is all together.
fn few(lack: &Lack) -> Option<usize> {
    match lack {
        Lack::Level { level, why: Why::Few, .. } => Some(*level),
        Lack::Together => None,
        other => panic!("{other:?}"),
    }
}

/// What is warned of, and whom it concerns.
fn warned(policy: &Policy, directory: &Directory, sign_in: &SignIn) -> Vec<(Lack, Vec<PersonId>)> {
    let found = warnings(policy, &directory.clone().into(), sign_in, NOW);
    found.into_iter().map(|Warning { lack, people, .. }| (lack, people.into_iter().collect())).collect()
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
    assert_eq!(warned(&held, &directory(), &enrolled()), []);
    held.rules[0].unknown = Some(WorkflowId(1));
    assert_eq!(warned(&held, &directory(), &enrolled()).len(), 1);
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

fn escalating(to: TimeoutAction) -> Vec<Level> {
    vec![Level { timeout: Some(Timeout { after_s: 1_800, action: to }), ..members(DBA, 1) }]
}

#[test]
fn r93_an_escalation_to_nobody_is_warned_of() {
    let short = |authority, why| Lack::Escalation { level: 1, authority, needed: 1, why };
    let managers = policy(escalating(TimeoutAction::EscalateToManagers(DBA)));
    let found = warned(&managers, &directory(), &enrolled());
    assert_eq!(found, [(short(Authority::Managers(DBA), Why::Few), vec![])]);
    let mut managed = directory();
    managed.groups.entry(DBA).and_modify(|g| g.managers = [ALICE].into());
    let found = warned(&managers, &managed, &enrolled());
    assert_eq!(found, [(short(Authority::Managers(DBA), Why::Few), vec![ALICE])], "she does not decide her own");
    let developers = policy(escalating(TimeoutAction::EscalateToMembers(DEVELOPERS)));
    assert_eq!(warned(&developers, &directory(), &enrolled()), []);
    let only_carol = SignIn { password: [CAROL].into(), ..enrolled() };
    let found = warned(&developers, &directory(), &only_carol);
    assert!(found.contains(&(short(Authority::Members(DEVELOPERS), Why::Password), vec![])), "{found:?}");
    assert_eq!(warned(&policy(escalating(TimeoutAction::Expire)), &directory(), &enrolled()), []);
}

#[test]
fn r93_a_second_factor_too_few_have_is_warned_of() {
    let carol = SignIn { second_factor: [CAROL].into(), ..enrolled() };
    let short = |needed| Lack::Level { level: 1, authority: Authority::Members(DBA), needed, why: Why::SecondFactor };
    let demanding = |approvals| Level { evidence: Evidence::SecondFactor, ..members(DBA, approvals) };
    assert_eq!(warned(&policy(vec![demanding(1)]), &directory(), &carol), []);
    let found = warned(&policy(vec![demanding(2)]), &directory(), &carol);
    let bob_asks = Lack::Level { level: 1, authority: Authority::Members(DBA), needed: 2, why: Why::Few };
    assert_eq!(found, [(bob_asks, vec![BOB]), (short(2), vec![])]);
    // Demanded by the rule, and by another rule that meets with it.
    let nobody = SignIn { second_factor: [].into(), ..enrolled() };
    let mut by_rule = policy(vec![members(DBA, 1)]);
    assert_eq!(warned(&by_rule, &directory(), &nobody), []);
    by_rule.rules[0].conditions.evidence = Evidence::SecondFactor;
    assert_eq!(warned(&by_rule, &directory(), &nobody), [(short(1), vec![])]);
    let mut by_another = policy(vec![members(DBA, 1)]);
    let strict = Rule { id: RuleId(2), name: "strict".into(), outcome: Outcome::Allow, ..by_rule.rules[0].clone() };
    by_another.rules.push(strict.clone());
    let found = warnings(&by_another, &directory().into(), &nobody, NOW);
    assert_eq!(found.iter().map(|w| w.rules.clone()).collect::<Vec<_>>(), [["reach", "strict"]]);
    by_another.rules[1].subjects = Subjects { persons: [CAROL].into(), ..Subjects::default() };
    assert_eq!(warned(&by_another, &directory(), &nobody), [], "they concern nobody together");
    by_another.rules[1] = Rule { acts: ActMatch::Administer, ..strict };
    assert_eq!(warned(&by_another, &directory(), &nobody), [], "they speak of different acts");
}

#[test]
fn r93_an_approver_who_cannot_sign_in_is_warned_of() {
    let only = |who: &[PersonId]| SignIn { password: who.iter().copied().collect(), ..enrolled() };
    let dba = policy(vec![members(DBA, 1)]);
    assert_eq!(warned(&dba, &directory(), &only(&[BOB, CAROL])), []);
    let found = warned(&dba, &directory(), &only(&[CAROL]));
    assert_eq!(found, [(Lack::NoPassword, vec![BOB])], "the other one can decide");
    let short = Lack::Level { level: 1, authority: Authority::Members(DBA), needed: 1, why: Why::Password };
    let found = warned(&dba, &directory(), &only(&[]));
    assert_eq!(found, [(Lack::NoPassword, vec![BOB, CAROL]), (short.clone(), vec![])]);
    let found = warned(&dba, &directory(), &only(&[BOB]));
    assert_eq!(found, [(Lack::NoPassword, vec![CAROL]), (short, vec![BOB])], "his own request is not his to decide");
    let manager = policy(vec![Level::of(Authority::LineManager)]);
    let mut managed = directory();
    managed.people.entry(BOB).and_modify(|p| p.manager = Some(CAROL));
    let found = warned(&manager, &managed, &only(&[ALICE, BOB]));
    assert!(found.contains(&(Lack::NoPassword, vec![CAROL])), "{found:?}");
    let owners = policy(vec![Level::of(Authority::AccountOwners)]);
    assert!(warned(&owners, &directory(), &only(&[])).contains(&(Lack::NoPassword, vec![CAROL])));
}

#[test]
fn r93_more_rejections_than_people_is_warned_of() {
    let turning_down = |rejections| vec![Level { rejections, ..members(DBA, 1) }];
    let lack = |needed| Lack::Rejections { level: 1, authority: Authority::Members(DBA), needed };
    assert_eq!(warned(&policy(turning_down(1)), &directory(), &enrolled()), []);
    assert_eq!(warned(&policy(turning_down(2)), &directory(), &enrolled()), [(lack(2), vec![BOB])]);
    assert_eq!(warned(&policy(turning_down(3)), &directory(), &enrolled()), [(lack(3), vec![])]);
}

/// Two or three rules for developers, each with a condition of its own.
fn meeting(conditions: Vec<Conditions>) -> Policy {
    let mut together = policy(vec![members(DBA, 1)]);
    let rule = Rule { outcome: Outcome::Allow, workflow: None, ..together.rules[0].clone() };
    together.rules = (1..)
        .zip(conditions)
        .map(|(n, conditions)| Rule { id: RuleId(n), name: format!("rule {n}"), conditions, ..rule.clone() })
        .collect();
    together
}

fn found_among(policy: &Policy, directory: &Directory) -> Vec<(Vec<String>, Lack)> {
    let found = warnings(policy, &directory.clone().into(), &enrolled(), NOW);
    found.into_iter().map(|w| (w.rules, w.lack)).collect()
}

#[test]
fn r93_rules_whose_hours_never_overlap_are_warned_of() {
    let open = |zone: &str, days: &[Weekday], from, until| {
        let opening = Opening { days: days.iter().copied().collect(), from_minute: from, until_minute: until };
        let hours = Hours { zone: zone.into(), openings: [opening].into() };
        Conditions { hours: [hours].into(), ..Conditions::default() }
    };
    let berlin = "Europe/Berlin";
    let (week, weekend) = (&Weekday::ALL[..5], &Weekday::ALL[5..]);
    let never = |rules: &[&str]| vec![(rules.iter().map(|r| (*r).to_owned()).collect(), Lack::Hours)];
    let day = || open(berlin, week, 540, 1_020);
    assert_eq!(found_among(&meeting(vec![day(), open(berlin, week, 960, 1_200)]), &directory()), []);
    let apart = meeting(vec![day(), Conditions::default(), open(berlin, weekend, 540, 1_020)]);
    assert_eq!(
        found_among(&apart, &directory()),
        never(&["rule 1", "rule 3"]),
        "and the one without hours is not named"
    );
    // They overlap for some weeks of the year only, when clocks were changed here and not there: that is enough.
    let (here, there) = (open(berlin, week, 840, 870), open("America/New_York", week, 540, 570));
    assert_eq!(found_among(&meeting(vec![here, there]), &directory()), []);
    let mut elsewhere = apart.clone();
    elsewhere.rules[2].targets.accounts = [AccountId(2)].into();
    assert_eq!(found_among(&elsewhere, &directory()), never(&["rule 1", "rule 3"]));
    elsewhere.rules[0].targets.accounts = [AccountId(1)].into();
    assert_eq!(found_among(&elsewhere, &directory()), [], "on different accounts they never meet");
    let mut others = apart.clone();
    others.rules[2].subjects = Subjects { persons: [CAROL].into(), ..Subjects::default() };
    assert_eq!(found_among(&others, &directory()), [], "nor for different people");
    let mut denied = apart;
    denied.rules[1].outcome = Outcome::Deny;
    assert_eq!(found_among(&denied, &directory()), [], "what is denied was not to be had anyway");
    denied.rules[1].exclusions = Subjects { persons: [BOB].into(), ..Subjects::default() };
    let found = warned(&denied, &directory(), &enrolled());
    assert_eq!(found, [(Lack::Hours, vec![BOB])], "but he is left out of that");
}

#[test]
fn r93_rules_whose_reasons_share_none_are_warned_of() {
    let list = |reasons: &[&str]| Conditions {
        reasons: Some(reasons.iter().map(|r| (*r).to_owned()).collect()),
        ..Conditions::default()
    };
    let two = vec![list(&["incident", "audit"]), list(&["incident", "migration"])];
    assert_eq!(found_among(&meeting(two.clone()), &directory()), []);
    let three = meeting(two.into_iter().chain([list(&["audit", "migration"])]).collect());
    let named: Vec<String> = (1..4).map(|n| format!("rule {n}")).collect();
    assert_eq!(found_among(&three, &directory()), [(named, Lack::Reasons)], "two of them always share one");
    let mut changes = three;
    for rule in &mut changes.rules {
        rule.acts = ActMatch::Administer;
    }
    assert_eq!(found_among(&changes, &directory()), [], "nobody here may change anything");
    let mut administered = directory();
    administered.people.entry(BOB).and_modify(|p| p.role = Role::Administrator);
    assert_eq!(found_among(&changes, &administered).len(), 1);
}
