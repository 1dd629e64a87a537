use super::*;
use countersign_journal::{
    AccountId, CommandFacts, CommandMatch, DeviceGroupId, DeviceId, Digest, GroupId, PersonId, Workflow, WorkflowId,
};

fn person() -> PersonFacts {
    PersonFacts { id: PersonId(1), handle: "alice".into(), groups: [GroupId(1)].into() }
}

fn target() -> TargetFacts {
    TargetFacts {
        device: DeviceId(1),
        device_name: "prod-db".into(),
        device_groups: [].into(),
        account: AccountId(1),
        account_name: "app".into(),
        database: "shop".into(),
        pin: Digest::ZERO,
    }
}

fn a_rule(id: u64, acts: ActMatch, outcome: Outcome) -> Rule {
    Rule {
        id: RuleId(id),
        name: format!("rule {id}"),
        subjects: Subjects { groups: [GroupId(1)].into(), ..Subjects::default() },
        targets: Targets::default(),
        acts,
        outcome,
        workflow: None,
        unknown: None,
        exclusions: Subjects::default(),
        conditions: Conditions::default(),
        automatic: None,
        emergency: None,
    }
}

fn update(schema: &str, table: &str) -> ActionFacts {
    let relation = Name { schema: Some(schema.into()), name: table.into() };
    ActionFacts {
        statements: vec![StatementFacts {
            kinds: [StatementKind::Update].into(),
            relations: [RelationUse { kind: StatementKind::Update, relation }].into(),
            ..StatementFacts::default()
        }],
        ..ActionFacts::default()
    }
}

fn on_customers(outcome: Outcome) -> Rule {
    let wanted = StatementMatch {
        kinds: [StatementKind::Update].into(),
        relations: [NamePattern::parse("customers").expect("a name")].into(),
        functions: [].into(),
    };
    a_rule(7, ActMatch::Run(wanted), outcome)
}

fn outcome(rules: Vec<Rule>, asked: Asked<'_>) -> Outcome {
    rule(&Policy { rules, ..Policy::default() }.into(), &person(), &target(), asked).outcome
}

/// R4: the most restrictive holds; no rule means no connection, and a statement without a rule runs.
#[test]
fn r4_the_most_restrictive_rule_holds() {
    let connect = |o| a_rule(o as u64, ActMatch::Connect, o);
    assert_eq!(outcome(vec![], Asked::Connect), Outcome::Deny);
    assert_eq!(outcome(vec![connect(Outcome::Allow)], Asked::Connect), Outcome::Allow);
    let all = [Outcome::Allow, Outcome::Justify, Outcome::Approve, Outcome::Deny];
    for (n, strictest) in all.iter().enumerate() {
        assert_eq!(outcome(all[..=n].iter().copied().map(connect).collect(), Asked::Connect), *strictest);
    }
    assert_eq!(outcome(vec![], Asked::Run(&update("public", "customers"))), Outcome::Allow);
}

#[test]
fn r4_an_answer_names_every_rule_that_spoke_and_those_that_deny() {
    let rules = vec![
        a_rule(9, ActMatch::Connect, Outcome::Deny),
        a_rule(4, ActMatch::Connect, Outcome::Allow),
        a_rule(5, ActMatch::Administer, Outcome::Deny),
    ];
    let ruling = rule(&Policy { rules, ..Policy::default() }.into(), &person(), &target(), Asked::Connect);
    assert_eq!(ruling.rule_ids(), [RuleId(4), RuleId(9)]);
    assert_eq!(ruling.denying(), ["rule 9"]);
}

#[test]
fn r61_a_plan_is_ruled_by_each_rule_once() {
    let rules = vec![a_rule(9, ActMatch::Connect, Outcome::Allow), on_customers(Outcome::Approve)];
    let book = Policy { rules, ..Policy::default() }.into();
    let update = update("public", "customers");
    let asked = |asked| rule(&book, &person(), &target(), asked);
    let planned = asked(Asked::Connect).with_planned(vec![asked(Asked::Run(&update)), asked(Asked::Run(&update))]);
    assert_eq!((planned.outcome, planned.rule_ids()), (Outcome::Approve, vec![RuleId(7), RuleId(9)]));
}

#[test]
fn r3_a_target_is_covered_by_its_device_its_account_or_a_group_it_is_in() {
    let grouped = TargetFacts { device_groups: [DeviceGroupId(1)].into(), ..target() };
    let (device, account) = ([grouped.device].into(), [grouped.account].into());
    let covered = [
        Targets::default(),
        Targets { devices: device, ..Targets::default() },
        Targets { accounts: account, ..Targets::default() },
        Targets { groups: [DeviceGroupId(1), DeviceGroupId(2)].into(), ..Targets::default() },
    ];
    assert_eq!(covered.each_ref().map(|t| covers(t, &grouped)), [true; 4]);
    let others =
        Targets { devices: [DeviceId(2)].into(), accounts: [AccountId(2)].into(), groups: [DeviceGroupId(2)].into() };
    assert!(!covers(&others, &grouped));
}

#[test]
fn r5_an_exclusion_waives_its_own_rule_only() {
    let mut first = a_rule(1, ActMatch::Connect, Outcome::Deny);
    first.exclusions.persons.insert(PersonId(1));
    assert_eq!(outcome(vec![first.clone()], Asked::Connect), Outcome::Allow);
    assert_eq!(outcome(vec![first, a_rule(2, ActMatch::Connect, Outcome::Justify)], Asked::Connect), Outcome::Justify);
}

/// The riskiest rule counts for each statement, and the least limits hold.
#[test]
fn r63_the_riskiest_rule_counts_and_the_least_limits_hold() {
    let with = |id, risk, risk_max, interrupt_after| Rule {
        conditions: Conditions { risk, risk_max, interrupt_after, ..Conditions::default() },
        ..Rule { id: RuleId(id), ..on_customers(Outcome::Allow) }
    };
    let rules = vec![with(1, 10, Some(50), None), with(2, 5, Some(20), Some(3)), with(3, 0, None, Some(2))];
    let book = Policy { rules, ..Policy::default() }.into();
    let of = |table| rule(&book, &person(), &target(), Asked::Run(&update("public", table)));
    let (risky, other) = (of("customers"), of("orders"));
    assert_eq!((risky.conditions.risk, risky.conditions.interrupt_after), (10, Some(2)));
    assert_eq!([0, 10, 11].map(|so_far| risky.risks_too_much(so_far)), [None, None, Some((21, 20))]);
    assert_eq!((other.conditions.risk, other.risks_too_much(u64::MAX)), (0, None));
    let mut twice = update("public", "customers");
    twice.statements.extend(twice.statements.clone());
    let ruled = |facts: &ActionFacts| rule(&book, &person(), &target(), Asked::Run(facts));
    assert_eq!(ruled(&twice).conditions.risk, 20, "each statement adds its own");
    let opaque = ruled(&ActionFacts::opaque("a DO block"));
    assert_eq!((opaque.outcome, opaque.conditions.risk), (Outcome::Allow, 10), "it may be what is risky");
    twice.unknown.insert("a DO block".to_owned());
    assert_eq!(ruled(&twice).conditions.risk, 30, "beside what is understood too");
}

#[test]
fn a_statement_rule_speaks_of_its_own_relations() {
    let rules = || vec![on_customers(Outcome::Approve)];
    assert_eq!(outcome(rules(), Asked::Run(&update("public", "customers"))), Outcome::Approve);
    assert_eq!(outcome(rules(), Asked::Run(&update("public", "orders"))), Outcome::Allow);
}

#[test]
fn what_is_not_understood_is_held_or_refused_where_a_rule_restricts() {
    let opaque = ActionFacts::opaque("a DO block");
    assert_eq!(outcome(vec![on_customers(Outcome::Approve)], Asked::Run(&opaque)), Outcome::Deny);
    let mut held = on_customers(Outcome::Deny);
    held.unknown = Some(WorkflowId(1));
    assert_eq!(outcome(vec![held], Asked::Run(&opaque)), Outcome::Approve);
    assert_eq!(outcome(vec![], Asked::Run(&opaque)), Outcome::Allow);
    for lenient in [Outcome::Allow, Outcome::Justify] {
        assert_eq!(outcome(vec![on_customers(lenient)], Asked::Run(&opaque)), Outcome::Allow);
    }
}

/// A rule on statements speaks of no command, and the other way round, understood or not.
#[test]
fn r62_statements_and_commands_have_rules_of_their_own() {
    let command = |program: &str, unlisted| ActionFacts {
        language: Language::Shell,
        commands: vec![CommandFacts { program: Some(program.into()), unlisted, ..CommandFacts::default() }],
        ..ActionFacts::default()
    };
    let unread = ActionFacts { language: Language::Shell, ..ActionFacts::opaque("holds a variable") };
    let programs = CommandMatch { programs: ["rm".to_owned()].into(), ..CommandMatch::default() };
    let on_rm = |outcome| a_rule(8, ActMatch::Command(programs.clone()), outcome);
    let both = |facts: &ActionFacts| {
        [on_customers(Outcome::Deny), on_rm(Outcome::Deny)].map(|rule| outcome(vec![rule], Asked::Run(facts)))
    };
    assert_eq!(both(&update("public", "customers")), [Outcome::Deny, Outcome::Allow]);
    assert_eq!(both(&ActionFacts::opaque("a DO block")), [Outcome::Deny, Outcome::Allow]);
    assert_eq!(both(&command("/bin/rm", false)), [Outcome::Allow, Outcome::Deny]);
    assert_eq!(both(&command("ls", false)), [Outcome::Allow, Outcome::Allow]);
    assert_eq!(both(&command("./tool", true)), [Outcome::Allow, Outcome::Deny], "it may run rm");
    assert_eq!(both(&unread), [Outcome::Allow, Outcome::Deny]);
    assert_eq!(outcome(vec![on_rm(Outcome::Allow)], Asked::Run(&unread)), Outcome::Allow);
}

/// No silence lets run what must be named, and neither does a rule that names it elsewhere or denies it; then deny beats
/// approve, and approve allow.
#[test]
fn r62_what_must_be_named_runs_where_a_rule_names_it() {
    let forward = ActionFacts {
        language: Language::Shell,
        commands: vec![CommandFacts {
            program: Some("forward-local".into()),
            arguments: ["db:5432", "db", "5432"].map(|word| Some(word.to_owned())).to_vec(),
            unlisted: true,
            ..CommandFacts::default()
        }],
        ..ActionFacts::default()
    };
    let set = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let naming = |id, words: &[&str], outcome| {
        let wanted =
            CommandMatch { programs: set(&["forward-local"]), arguments: set(words), ..CommandMatch::default() };
        a_rule(id, ActMatch::Command(wanted), outcome)
    };
    let all = |id, outcome| a_rule(id, ActMatch::Command(CommandMatch::default()), outcome);
    let asked = |rules| outcome(rules, Asked::Run(&forward));
    assert_eq!(asked(vec![]), Outcome::Deny);
    assert_eq!(asked(vec![all(1, Outcome::Allow)]), Outcome::Deny);
    assert_eq!(asked(vec![all(1, Outcome::Approve)]), Outcome::Deny);
    assert_eq!(asked(vec![naming(1, &["other"], Outcome::Allow)]), Outcome::Deny);
    for lets in [Outcome::Allow, Outcome::Justify, Outcome::Approve, Outcome::Deny] {
        assert_eq!(asked(vec![naming(1, &["db"], lets)]), lets);
    }
    let both = |other| asked(vec![naming(1, &[], Outcome::Allow), other]);
    assert_eq!(both(naming(2, &["5432"], Outcome::Deny)), Outcome::Deny);
    let trusts = CommandMatch { trusted: set(&["forward-local"]), ..CommandMatch::default() };
    assert_eq!(both(all(2, Outcome::Approve)), Outcome::Deny, "nobody knows what it leads to");
    assert_eq!(both(a_rule(2, ActMatch::Command(trusts), Outcome::Approve)), Outcome::Approve);
    let programs = CommandMatch { programs: set(&["mkdir"]), ..CommandMatch::default() };
    let on_mkdir = |wanted| a_rule(2, ActMatch::Command(wanted), Outcome::Approve);
    assert_eq!(both(on_mkdir(programs.clone())), Outcome::Deny, "it may run mkdir");
    let trusted = CommandMatch { trusted: set(&["forward-local"]), ..programs.clone() };
    assert_eq!(both(on_mkdir(trusted)), Outcome::Allow);
    let free = CommandMatch { free: set(&["forward-local"]), ..programs };
    assert_eq!(both(on_mkdir(free)), Outcome::Deny, "it is never free");
    let mut spared = naming(1, &[], Outcome::Approve);
    spared.exclusions.persons.insert(PersonId(1));
    assert_eq!(asked(vec![spared.clone()]), Outcome::Allow);
    spared.outcome = Outcome::Deny;
    assert_eq!(asked(vec![spared]), Outcome::Deny, "who is left out of a no has no yes by it");
}

/// What is understood beside it does not spare what is not understood its own approvers.
#[test]
fn r62_a_unit_that_is_both_needs_both_workflows() {
    let workflow = |n: u64| Workflow {
        id: WorkflowId(n),
        name: n.to_string(),
        levels: vec![Level::of(Authority::Members(GroupId(n)))],
    };
    let workflows = [(1, workflow(1)), (2, workflow(2))].into();
    let rules =
        vec![Rule { workflow: Some(WorkflowId(1)), unknown: Some(WorkflowId(2)), ..on_customers(Outcome::Approve) }];
    let book = Policy { rules, workflows, ..Policy::default() }.into();
    let demanded = |facts: &ActionFacts| {
        let ruling = rule(&book, &person(), &target(), Asked::Run(facts));
        ruling.tracks.iter().map(|t| t.workflow.map_or(0, |w| w.0)).collect::<Vec<_>>()
    };
    let known = update("public", "customers");
    let opaque = ActionFacts::opaque("a DO block");
    assert_eq!(demanded(&known), [1]);
    assert_eq!(demanded(&opaque), [2]);
    assert_eq!(demanded(&ActionFacts { unknown: opaque.unknown, ..known }), [1, 2]);
}

#[test]
fn r63_a_program_is_named_by_a_command_of_which_the_rule_speaks() {
    let command = |words: &[&str]| CommandFacts {
        program: words.first().map(|word| (*word).to_owned()),
        arguments: words.iter().skip(1).map(|word| Some((*word).to_owned())).collect(),
        ..CommandFacts::default()
    };
    let facts = ActionFacts {
        language: Language::Shell,
        commands: vec![command(&["systemctl", "status"]), command(&["service", "stop"])],
        ..ActionFacts::default()
    };
    let set = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let wanted =
        CommandMatch { programs: set(&["systemctl", "service"]), arguments: set(&["stop"]), ..CommandMatch::default() };
    let named = |wanted: &CommandMatch| {
        let rule = a_rule(1, ActMatch::Command(wanted.clone()), Outcome::Approve);
        program_named(&rule, &facts).map(str::to_owned)
    };
    assert_eq!(named(&wanted).as_deref(), Some("service"));
    assert_eq!(named(&CommandMatch { arguments: set(&["restart"]), ..wanted }), None);
    assert_eq!(named(&CommandMatch::default()), None, "a rule on whatever runs names none");
}

/// What is done to a relation decides, whatever the statement as a whole is.
#[test]
fn r62_reading_inside_a_change_is_reading() {
    let select = StatementMatch {
        kinds: [StatementKind::Select].into(),
        relations: [NamePattern::parse("customers").expect("a name")].into(),
        functions: [].into(),
    };
    let denied = vec![a_rule(1, ActMatch::Run(select.clone()), Outcome::Deny)];
    let name = |n: &str| Name { schema: Some("public".into()), name: n.into() };
    let mut facts = update("public", "orders");
    assert_eq!(outcome(denied.clone(), Asked::Run(&facts)), Outcome::Allow);
    let read = RelationUse { kind: StatementKind::Select, relation: name("customers") };
    facts.statements[0].relations.insert(read);
    assert_eq!(outcome(denied, Asked::Run(&facts)), Outcome::Deny);
    assert_eq!(outcome(vec![on_customers(Outcome::Deny)], Asked::Run(&facts)), Outcome::Allow, "it changes another");
    let declares = StatementMatch { kinds: [StatementKind::Declare].into(), ..select };
    facts.statements[0].kinds.insert(StatementKind::Declare);
    assert_eq!(outcome(vec![a_rule(1, ActMatch::Run(declares), Outcome::Deny)], Asked::Run(&facts)), Outcome::Deny);
}

#[test]
fn a_track_is_absorbed_only_by_one_that_demands_as_much() {
    let level = |group, approvals| Level { approvals, ..Level::of(Authority::Members(GroupId(group))) };
    let track = |levels: Vec<Level>| TrackPlan { workflow: None, levels };
    let wide = track(vec![level(1, 2), level(2, 1), level(3, 1)]);
    assert_eq!(absorbed(vec![track(vec![level(1, 1), level(3, 1)]), wide.clone()]), vec![wide.clone()]);
    assert_eq!(absorbed(vec![wide.clone(), track(vec![level(3, 1), level(1, 1)])]).len(), 2);
    assert_eq!(absorbed(vec![wide.clone(), track(vec![level(1, 3)])]).len(), 2);
}
