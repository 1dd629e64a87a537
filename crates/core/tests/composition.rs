//! R4: how rules combine. The order does not matter, saying the same twice changes nothing, and one rule more never
//! loosens anything, exclusions aside.

use countersign_core::{Asked, Ruling, rule};
use countersign_journal::{
    AccountId, ActMatch, Authority, Automatic, Conditions, DeviceId, Digest, Emergency, Evidence, GroupId, Hours,
    Level, Opening, Outcome, PersonFacts, PersonId, Policy, Recording, Rule, RuleId, Subjects, TargetFacts, Targets,
    Weekday, Workflow, WorkflowId,
};
use fastrand::Rng;

/// Rule sets tried in each test.
const TRIES: u64 = 2_000;

fn hours(rng: &mut Rng) -> Hours {
    let from_minute = rng.u16(0..12) * 60;
    let opening = Opening { days: Weekday::ALL.into_iter().collect(), from_minute, until_minute: 1440 };
    Hours { zone: "UTC".into(), openings: [opening].into() }
}

fn some_rule(rng: &mut Rng, id: u64) -> Rule {
    let outcomes = [Outcome::Allow, Outcome::Justify, Outcome::Approve, Outcome::Approve, Outcome::Deny];
    let denies = rng.u8(0..10) == 0;
    let outcome = outcomes[rng.usize(0..if denies { 5 } else { 4 })];
    let list = ["a", "b", "c"].into_iter().filter(|_| rng.bool()).map(str::to_owned).collect();
    Rule {
        id: RuleId(id),
        name: format!("rule {id}"),
        subjects: Subjects::default(),
        targets: Targets::default(),
        acts: ActMatch::Connect,
        outcome,
        workflow: Some(WorkflowId(rng.u64(1..=4))),
        unknown: None,
        exclusions: Subjects::default(),
        conditions: Conditions {
            duration_max_s: rng.bool().then(|| rng.u64(1..9)),
            reason_chars_min: rng.bool().then(|| rng.u32(1..9)),
            exclusive: rng.bool(),
            recording: if rng.bool() { Recording::Strict } else { Recording::Normal },
            transaction_hold_max_s: rng.bool().then(|| rng.u64(1..9)),
            same_session: rng.bool(),
            hours: rng.bool().then(|| hours(rng)).into_iter().collect(),
            ahead_max_s: rng.bool().then(|| rng.u64(1..9)),
            reasons: rng.bool().then_some(list),
            ticket: rng.bool(),
            reset_after_use: rng.bool(),
            sessions_max: rng.bool().then(|| rng.u32(1..9)),
            evidence: if rng.bool() { Evidence::SecondFactor } else { Evidence::SignedIn },
            interrupt_after: rng.bool().then(|| rng.u32(1..9)),
            risk: rng.u32(0..9),
            risk_max: rng.bool().then(|| rng.u32(1..9)),
            recording_kept_days: rng.bool().then(|| rng.u32(1..9)),
            export_forbidden_by: rng.bool().then(|| rng.u32(1..9).to_string()).into_iter().collect(),
        },
        automatic: rng.bool().then(|| Automatic { hours: hours(rng), any_start: rng.bool() }),
        emergency: rng.bool().then(|| Emergency { countdown_s: rng.u64(0..9) }),
    }
}

/// What `rules` demand together; workflow n asks one member of each of the groups 1 to n, so that each absorbs the one
/// before it.
fn ruled(rules: &[Rule]) -> Ruling {
    let level = |group| Level::of(Authority::Members(GroupId(group)));
    let workflow = |n: u64| Workflow { id: WorkflowId(n), name: n.to_string(), levels: (1..=n).map(level).collect() };
    let workflows = (1..=4).map(|n| (n, workflow(n))).collect();
    let person = PersonFacts { id: PersonId(1), handle: "alice".into(), groups: [].into() };
    let target = TargetFacts {
        device: DeviceId(1),
        device_name: "db".into(),
        device_groups: [].into(),
        account: AccountId(1),
        account_name: "app".into(),
        database: "shop".into(),
        pin: Digest::ZERO,
    };
    let book = Policy { rules: rules.to_vec(), workflows, ..Policy::default() }.into();
    rule(&book, &person, &target, Asked::Connect)
}

fn tried(mut property: impl FnMut(&mut Rng, &[Rule])) {
    for seed in 0..TRIES {
        let mut rng = Rng::with_seed(seed);
        let number = rng.u64(1..6);
        let rules: Vec<Rule> = (1..=number).map(|id| some_rule(&mut rng, id)).collect();
        property(&mut rng, &rules);
    }
}

#[test]
fn r4_the_order_of_rules_does_not_matter() {
    tried(|rng, rules| {
        let mut shuffled = rules.to_vec();
        rng.shuffle(&mut shuffled);
        assert_eq!(ruled(&shuffled), ruled(rules));
    });
}

#[test]
fn r4_a_rule_said_twice_changes_nothing_but_the_reasons() {
    tried(|_, rules| {
        let twin = Rule { id: RuleId(99), ..rules[0].clone() };
        let twice = ruled(&[rules, &[twin]].concat());
        let once = ruled(rules);
        assert_eq!(Ruling { reasons: once.reasons.clone(), ..twice }, once);
    });
}

#[test]
fn r4_one_rule_more_never_loosens_anything() {
    tried(|rng, rules| {
        let (before, more) = (ruled(rules), some_rule(rng, 50));
        let after = ruled(&[rules, &[more]].concat());
        assert!(after.outcome >= before.outcome, "{before:?}\n{after:?}");
        assert!(as_strict(&after.conditions, &before.conditions), "{before:?}\n{after:?}");
        if before.outcome == Outcome::Approve && after.outcome == Outcome::Approve {
            assert!(as_demanding(&after, &before), "{before:?}\n{after:?}");
            let automatic = |r: &Ruling| r.automatic.clone();
            assert!(automatic(&after).is_none_or(|a| automatic(&before).is_some_and(|b| a.is_superset(&b))));
            assert!(after.emergency.is_none_or(|a| before.emergency.is_some_and(|b| a >= b)));
        }
    });
}

#[test]
fn r7_every_rule_gets_what_it_demands() {
    tried(|_, rules| {
        let together = ruled(rules);
        for rule in rules {
            assert!(
                together.outcome >= rule.outcome && as_strict(&together.conditions, &rule.conditions),
                "{together:?}"
            );
            if together.outcome == Outcome::Approve && rule.outcome == Outcome::Approve {
                assert!(as_demanding(&together, &ruled(std::slice::from_ref(rule))), "{together:?}");
            }
        }
        let levels = together.tracks.iter().flat_map(|t| &t.levels);
        assert!(levels.into_iter().all(|l| l.evidence >= together.conditions.evidence), "{together:?}");
    });
}

fn as_strict(after: &Conditions, before: &Conditions) -> bool {
    let less = |a: Option<u64>, b: Option<u64>| b.is_none_or(|b| a.is_some_and(|a| a <= b));
    let fewer = |of: fn(&Conditions) -> Option<u32>| less(of(after).map(u64::from), of(before).map(u64::from));
    less(after.duration_max_s, before.duration_max_s)
        && less(after.transaction_hold_max_s, before.transaction_hold_max_s)
        && less(after.ahead_max_s, before.ahead_max_s)
        && fewer(|c| c.sessions_max)
        && fewer(|c| c.interrupt_after)
        && fewer(|c| c.risk_max)
        && after.risk >= before.risk
        && after.reason_chars_min >= before.reason_chars_min
        && after.exclusive >= before.exclusive
        && after.recording >= before.recording
        && after.same_session >= before.same_session
        && after.hours.is_superset(&before.hours)
        && before.reasons.as_ref().is_none_or(|b| after.reasons.as_ref().is_some_and(|a| a.is_subset(b)))
        && after.ticket >= before.ticket
        && after.reset_after_use >= before.reset_after_use
        && after.evidence >= before.evidence
        && after.recording_kept_days >= before.recording_kept_days
        && after.export_forbidden_by.is_superset(&before.export_forbidden_by)
}

/// Every level that was demanded still is, with no weaker evidence.
fn as_demanding(after: &Ruling, before: &Ruling) -> bool {
    let levels = |r: &Ruling| -> Vec<Level> { r.tracks.iter().flat_map(|t| t.levels.clone()).collect() };
    let found = levels(after);
    let same =
        |a: &Level, b: &Level| a.authority == b.authority && a.approvals >= b.approvals && a.evidence >= b.evidence;
    levels(before).iter().all(|b| found.iter().any(|a| same(a, b)))
}
