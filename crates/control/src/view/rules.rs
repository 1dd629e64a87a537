//! Rules in words, and a ruling as it is beside the ruling as a draft would have it.

use super::{Explanation, LevelToday};
use countersign_core::refusal::span;
use countersign_core::{Roster, Ruling, ruling::plan_of};
use countersign_journal::{
    AccountId, ActMatch, Automatic, CommandMatch, Conditions, Emergency, Evidence, NamePattern, Outcome, Policy,
    Recording, Rule, StatementMatch, Subjects, Targets,
};
use serde::Serialize;
use std::collections::BTreeSet;

/// Which rules are wanted; what is empty narrows nothing.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RuleQuery {
    /// Rules that speak of this person, by handle.
    pub person: String,
    /// Rules that speak of this target: `account@device`, or a device.
    pub target: String,
    /// `connect`, `query` or `administer`.
    pub act: String,
}

/// One rule, for reading.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct RuleView {
    /// Its name.
    pub name: String,
    /// Of whom it speaks.
    pub who: String,
    /// On what; empty for changes, which have no target.
    pub on: String,
    /// Doing what.
    pub doing: String,
    /// What it demands.
    pub outcome: Outcome,
    /// Who goes straight through; empty when nobody does.
    pub excluded: String,
    /// The workflow it names; nothing where the managers of its group decide.
    pub workflow: Option<String>,
    /// Who decides, level after level, where it demands approval.
    pub levels: Vec<LevelToday>,
    /// The workflow that decides what nobody can understand.
    pub unknown: Option<String>,
    /// Its conditions, in words.
    pub conditions: Vec<String>,
    /// The account whose own set-up it is, and which it is changed with.
    pub account: Option<AccountId>,
}

/// A ruling as it is and as a draft would have it; none where the draft or what is in force lacks person or target.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Combined {
    /// As it is.
    pub now: Option<Explanation>,
    /// As it would be.
    pub then: Option<Explanation>,
}

/// What came of a form: a file to be planned and proposed, or what is wrong with the form.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Draft {
    /// The file.
    File(String),
    /// What is wrong, by field.
    Wrong(super::Wrongs),
}

impl RuleView {
    pub(crate) fn of(
        rule: &Rule,
        directory: &Roster,
        policy: &Policy,
        levels: Vec<LevelToday>,
        account: Option<AccountId>,
    ) -> RuleView {
        let named = |id: Option<countersign_journal::WorkflowId>| Some(policy.workflow(id?)?.name.clone());
        let approves = rule.outcome == Outcome::Approve;
        let mut conditions = condition_words(&rule.conditions);
        conditions.extend(rule.automatic.iter().map(automatic_words));
        conditions.extend(rule.emergency.map(emergency_words));
        RuleView {
            name: rule.name.clone(),
            who: whom(directory, &rule.subjects).unwrap_or_else(|| "Everyone".to_owned()),
            on: match rule.acts {
                ActMatch::Administer => String::new(),
                _ => targets(directory, &rule.targets),
            },
            doing: doing(&rule.acts),
            outcome: rule.outcome,
            excluded: whom(directory, &rule.exclusions).unwrap_or_default(),
            workflow: named(rule.workflow).filter(|_| approves),
            levels: if approves { levels } else { Vec::new() },
            unknown: named(rule.unknown),
            conditions,
            account,
        }
    }

    /// The levels that decide for a rule.
    pub(crate) fn levels_of(rule: &Rule, policy: &Policy) -> Vec<countersign_journal::Level> {
        plan_of(policy, rule, rule.workflow).levels
    }
}

/// People and groups in words; nothing when nobody is named.
fn whom(directory: &Roster, subjects: &Subjects) -> Option<String> {
    let group = |id| directory.groups.get(id).map(|g| format!("members of {}", g.name));
    let groups = subjects.groups.iter().filter_map(group);
    let people = subjects.persons.iter().map(|p| super::person_view(directory, *p).name);
    let all: Vec<String> = groups.chain(people).collect();
    (!subjects.is_empty()).then(|| all.join(", "))
}

fn targets(directory: &Roster, targets: &Targets) -> String {
    let account = |id: &AccountId| directory.target_facts(*id, None).map(|t| t.label());
    let accounts = targets.accounts.iter().filter_map(account);
    let devices = targets.devices.iter().filter_map(|d| directory.devices.get(d)).map(|d| d.name.clone());
    let groups = targets.groups.iter().filter_map(|g| directory.device_groups.get(g));
    let all: Vec<String> = accounts.chain(devices).chain(groups.map(|g| format!("devices of {}", g.name))).collect();
    if *targets == Targets::default() { "everything".to_owned() } else { all.join(", ") }
}

/// What a rule speaks of, in words.
fn doing(acts: &ActMatch) -> String {
    match acts {
        ActMatch::Connect => "connect".to_owned(),
        ActMatch::Administer => "change the configuration".to_owned(),
        ActMatch::Run(wanted) => statements(wanted),
        ActMatch::Command(wanted) => commands(wanted),
    }
}

fn commands(wanted: &CommandMatch) -> String {
    let listed = |all: &BTreeSet<String>| all.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let mut said = if wanted.programs.is_empty() {
        "run any command".to_owned()
    } else {
        format!("run the command {}", listed(&wanted.programs))
    };
    if !wanted.arguments.is_empty() {
        said = format!("{said} with {}", listed(&wanted.arguments));
    }
    if !wanted.paths.is_empty() {
        said = format!("{said} that touches {}", listed(&wanted.paths));
    }
    if !wanted.free.is_empty() {
        said = format!("{said} but {}", listed(&wanted.free));
    }
    if !wanted.trusted.is_empty() {
        said = format!("{said} (trusted to run none: {})", listed(&wanted.trusted));
    }
    said
}

fn statements(wanted: &StatementMatch) -> String {
    let names = |all: &BTreeSet<NamePattern>| all.iter().map(NamePattern::to_string).collect::<Vec<_>>().join(", ");
    let kinds: Vec<String> = wanted.kinds.iter().map(|k| crate::words::kind_word(*k)).collect();
    let mut said = if kinds.is_empty() { "run any statement".to_owned() } else { format!("run {}", kinds.join(", ")) };
    if !wanted.relations.is_empty() {
        said = format!("{said} on {}", names(&wanted.relations));
    }
    if !wanted.functions.is_empty() {
        said = format!("{said} that calls {}", names(&wanted.functions));
    }
    said
}

fn automatic_words(automatic: &Automatic) -> String {
    let start = if automatic.any_start { "; access may start outside them" } else { "" };
    format!("approved at once {}{start}", crate::words::hours(&automatic.hours))
}

fn emergency_words(emergency: Emergency) -> String {
    match emergency.countdown_s {
        0 => "an emergency opens at once".to_owned(),
        s => format!("an emergency opens after {}", span(s)),
    }
}

/// What comes with a ruling besides its levels, in words; nothing comes with a no.
pub(crate) fn ruling_words(ruling: &Ruling) -> Vec<String> {
    if ruling.outcome == Outcome::Deny {
        return Vec::new();
    }
    let mut said = condition_words(&ruling.conditions);
    said.extend(ruling.automatic.iter().flatten().map(automatic_words));
    said.extend(ruling.emergency.filter(|_| ruling.outcome == Outcome::Approve).map(emergency_words));
    said
}

/// Conditions in words, one each.
fn condition_words(conditions: &Conditions) -> Vec<String> {
    let mut said = Vec::new();
    let mut say = |text: Option<String>| said.extend(text);
    say(conditions.duration_max_s.map(|s| format!("for at most {}", span(s))));
    say(conditions.ahead_max_s.map(|s| format!("at most {} ahead", span(s))));
    conditions.hours.iter().for_each(|h| say(Some(format!("only {}", crate::words::hours(h)))));
    say(conditions.reason_chars_min.filter(|n| *n > 0).map(|n| match n {
        1 => "a reason".to_owned(),
        n => format!("a reason of at least {n} characters"),
    }));
    let reasons = conditions.reasons.as_ref().map(|all| all.iter().map(|r| format!("“{r}”")).collect::<Vec<_>>());
    say(reasons.map(|all| format!("one of the reasons {}", all.join(", "))));
    say(conditions.ticket.then(|| "a ticket".to_owned()));
    say(conditions.exclusive.then(|| "nobody else on the account meanwhile".to_owned()));
    say(conditions.sessions_max.map(|n| match n {
        1 => "one session at a time".to_owned(),
        n => format!("at most {n} sessions at a time"),
    }));
    say((conditions.evidence == Evidence::SecondFactor).then(|| "decided only with a fresh second factor".to_owned()));
    say((conditions.recording == Recording::Strict).then(|| "recorded before each release".to_owned()));
    say(conditions.recording_kept_days.map(|n| match n {
        1 => "recordings erased a day after their session".to_owned(),
        n => format!("recordings erased {n} days after their session"),
    }));
    say((!conditions.export_forbidden_by.is_empty()).then(|| "recordings are not exported".to_owned()));
    say(conditions.reset_after_use.then(|| "the password is due for change after use".to_owned()));
    say(conditions.transaction_hold_max_s.map(|s| format!("waits at most {} inside a transaction", span(s))));
    say(conditions.same_session.then(|| "only in the session it was asked in".to_owned()));
    say(conditions.interrupt_after.map(|n| match n {
        1 => "the first refused try ends the session".to_owned(),
        n => format!("{n} refused tries end the session"),
    }));
    say((conditions.risk > 0).then(|| format!("adds {} to the session’s risk", conditions.risk)));
    say(conditions.risk_max.map(|n| format!("refused where the session’s risk would pass {n}")));
    said
}
