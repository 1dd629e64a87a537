//! What a policy must be before it is accepted: everything it names exists, and everything it demands can be met.

use crate::directory::Directory;
use countersign_journal::{Authority, Level, Outcome, Policy, Rule, Subjects, Workflow};
use std::collections::BTreeSet;

/// What is wrong, where, and what to do.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say what the variants mean")]
pub enum Fault {
    #[error("two rules have the name `{0}`; give each its own")]
    RuleTwice(String),
    #[error("workflow `{0}` has no level; add one")]
    NoLevel(String),
    #[error("workflow `{workflow}`, level {level}: {what}")]
    BadLevel { workflow: String, level: usize, what: &'static str },
    #[error("rule `{rule}` names {what} that does not exist")]
    Missing { rule: String, what: String },
    #[error("rule `{0}` asks for approval but has no workflow and not exactly one subject group; name a workflow")]
    NoWorkflow(String),
    #[error("rule `{0}` has a longest duration of 0 seconds; nothing could be granted")]
    NoDuration(String),
}

/// Checks a policy against the directory it speaks of.
///
/// # Errors
/// The first fault found, in the order rules and workflows are listed.
pub fn policy(policy: &Policy, directory: &Directory) -> Result<(), Fault> {
    for workflow in policy.workflows.values() {
        check_workflow(workflow, directory)?;
    }
    let mut names = BTreeSet::new();
    for rule in &policy.rules {
        if !names.insert(&rule.name) {
            return Err(Fault::RuleTwice(rule.name.clone()));
        }
        check_rule(rule, policy, directory)?;
    }
    Ok(())
}

fn check_workflow(workflow: &Workflow, directory: &Directory) -> Result<(), Fault> {
    if workflow.levels.is_empty() {
        return Err(Fault::NoLevel(workflow.name.clone()));
    }
    for (number, level) in (1..).zip(&workflow.levels) {
        if let Some(what) = level_fault(level, directory) {
            return Err(Fault::BadLevel { workflow: workflow.name.clone(), level: number, what });
        }
    }
    Ok(())
}

fn level_fault(level: &Level, directory: &Directory) -> Option<&'static str> {
    let exists = match &level.authority {
        Authority::Persons(persons) => !persons.is_empty() && persons.iter().all(|p| directory.people.contains_key(p)),
        Authority::Members(group) | Authority::Managers(group) => directory.groups.contains_key(group),
        Authority::Administrators => true,
    };
    match (exists, level.approvals, level.rejections) {
        (false, _, _) => Some("its approvers do not exist; name a group or people that do"),
        (true, 0, _) => Some("it requires 0 approvals; require at least 1"),
        (true, _, 0) => Some("it requires 0 rejections; require at least 1"),
        (true, _, _) => None,
    }
}

fn check_rule(rule: &Rule, policy: &Policy, directory: &Directory) -> Result<(), Fault> {
    let missing = |what: String| Fault::Missing { rule: rule.name.clone(), what };
    for id in [rule.workflow, rule.unknown].into_iter().flatten() {
        policy.workflow(id).ok_or_else(|| missing(id.to_string()))?;
    }
    for subjects in [&rule.subjects, &rule.exclusions] {
        subjects_exist(subjects, directory).map_err(missing)?;
    }
    for device in &rule.targets.devices {
        directory.devices.get(device).ok_or_else(|| missing(device.to_string()))?;
    }
    for group in &rule.targets.groups {
        directory.device_groups.get(group).ok_or_else(|| missing(group.to_string()))?;
    }
    for account in &rule.targets.accounts {
        directory.accounts.get(account).ok_or_else(|| missing(account.to_string()))?;
    }
    let has_default = rule.subjects.groups.len() == 1 && rule.subjects.persons.is_empty();
    if rule.outcome == Outcome::Approve && rule.workflow.is_none() && !has_default {
        return Err(Fault::NoWorkflow(rule.name.clone()));
    }
    if rule.conditions.duration_max_s == Some(0) {
        return Err(Fault::NoDuration(rule.name.clone()));
    }
    Ok(())
}

fn subjects_exist(subjects: &Subjects, directory: &Directory) -> Result<(), String> {
    let person = subjects.persons.iter().find(|p| !directory.people.contains_key(p)).map(ToString::to_string);
    let group = subjects.groups.iter().find(|g| !directory.groups.contains_key(g)).map(ToString::to_string);
    person.or(group).map_or(Ok(()), Err)
}
