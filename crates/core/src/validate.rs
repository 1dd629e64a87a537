//! What a policy must be before it is accepted: everything it names exists, and everything it demands can be met.

use crate::commands;
use crate::directory::{Contact, Directory, Person, address};
use crate::hours;
use crate::keeping::KEPT_DAYS_MAX;
use crate::refusal::span;
use countersign_journal::{
    ActMatch, Authority, CommandFacts, CommandMatch, Conditions, Evidence, GroupId, Hours, Level, Module, Outcome,
    Parameters, PersonId, Policy, Recording, Rule, Seconds, StatementMatch, Subjects, Targets, TimeoutAction, Workflow,
};
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
    #[error("role `{role}` names {what} that does not exist")]
    BadRole { role: String, what: String },
    #[error("rule `{0}` asks for approval but has no workflow and not exactly one subject group; name a workflow")]
    NoWorkflow(String),
    #[error("rule `{0}` has a longest duration (`duration_max_minutes`) of 0; nothing could be granted")]
    NoDuration(String),
    #[error("rule `{rule}`: {what}")]
    BadRule { rule: String, what: String },
    #[error(
        "workflow `{workflow}`, level {level}: the timeout of {} is not among `approval.workflow.level.timeout.period.values`; {}",
        span(*.after_s), one_of(.allowed)
    )]
    TimeoutNotListed { workflow: String, level: usize, after_s: Seconds, allowed: Vec<Seconds> },
    #[error("group `{0}` is, through others, a member of itself; take one of the memberships out")]
    GroupCycle(String),
    #[error("`{0}` is, through others, their own line manager; correct one of the managers")]
    ManagerLoop(String),
    #[error("contact `{contact}`: {what}")]
    BadContact { contact: String, what: &'static str },
    #[error("`approval.workflow.level.timeout.period.values` has a timeout of 0; remove it")]
    NoTimeout,
    #[error("the approvers of module {module} include {what} that does not exist")]
    BadApprovers { module: &'static str, what: String },
    #[error(
        "`session.video.approval` is on and module {} has no approver; name one, or nobody could watch a session",
        Module::PamCore.name()
    )]
    NoApprovers,
}

fn one_of(allowed: &[Seconds]) -> String {
    match allowed {
        [] => "add it there".to_owned(),
        _ => {
            let lengths: Vec<String> = allowed.iter().map(|s| span(*s)).collect();
            format!("choose one of {}, or add it there", lengths.join(", "))
        }
    }
}

/// Checks that nesting and management end somewhere, and that contacts are nobody else.
///
/// # Errors
/// The first cycle found, or the first contact that is somebody else as well.
pub fn directory(directory: &Directory) -> Result<(), Fault> {
    for (id, contact) in &directory.contacts {
        if let Some(what) = contact_fault(*id, contact, directory) {
            return Err(Fault::BadContact { contact: contact.name.clone(), what });
        }
    }
    for role in directory.roles.values() {
        let given = Subjects { persons: role.people.clone(), groups: role.groups.clone() };
        subjects_exist(&given, directory).map_err(|what| Fault::BadRole { role: role.name.clone(), what })?;
    }
    for (module, named) in &directory.approvers {
        let subjects = Subjects { persons: named.clone(), ..Subjects::default() };
        let what = subjects_exist(&subjects, directory);
        what.map_err(|what| Fault::BadApprovers { module: module.name(), what })?;
    }
    for (id, group) in &directory.groups {
        if within(directory, &group.groups, *id) {
            return Err(Fault::GroupCycle(group.name.clone()));
        }
    }
    for (id, person) in &directory.people {
        let mut above = person.manager;
        // A chain longer than there are people has come round, if not to this person.
        for _ in 0..directory.people.len() {
            match above {
                Some(manager) if manager == *id => return Err(Fault::ManagerLoop(person.handle.clone())),
                Some(manager) => above = directory.people.get(&manager).and_then(|p| p.manager),
                None => break,
            }
        }
    }
    Ok(())
}

/// A contact is an address and nobody else: no person's, present or past, and no other contact's. A disabled one keeps
/// nobody from its address.
fn contact_fault(id: PersonId, contact: &Contact, directory: &Directory) -> Option<&'static str> {
    let others = directory.contacts.iter().filter(|(other, c)| **other != id && c.enabled);
    let theirs = |p: &Person| {
        p.email.as_deref().is_some_and(|e| address(e) == contact.email) || p.former_emails.contains(&contact.email)
    };
    if directory.people.contains_key(&id) {
        Some("it has the number of a person; leave numbers to the product")
    } else if !contact.enabled {
        None
    } else if contact.email.is_empty() || contact.email != address(&contact.email) {
        Some("its address is written with blanks or capitals; write it plainly")
    } else if directory.people.values().any(theirs) {
        Some("a person has its address or had it once; name the person instead, or give another address")
    } else if others.clone().any(|(_, c)| c.email == contact.email) {
        Some("another contact has its address; keep one of them")
    } else if others.clone().any(|(_, c)| c.name == contact.name) {
        Some("another contact has its name; give each its own")
    } else {
        None
    }
}

/// Whether `wanted` is reached through nesting from `groups`.
fn within(directory: &Directory, groups: &BTreeSet<GroupId>, wanted: GroupId) -> bool {
    let mut seen = BTreeSet::new();
    let mut open: Vec<GroupId> = groups.iter().copied().collect();
    while let Some(id) = open.pop() {
        if id == wanted {
            return true;
        }
        if seen.insert(id) {
            open.extend(directory.groups.get(&id).into_iter().flat_map(|g| &g.groups));
        }
    }
    false
}

/// Checks a policy against the directory it speaks of.
///
/// # Errors
/// The first fault found, in the order rules and workflows are listed.
pub fn policy(policy: &Policy, directory: &Directory) -> Result<(), Fault> {
    if policy.parameters.timeout_periods_s.contains(&0) {
        return Err(Fault::NoTimeout);
    }
    let decides = |p: &PersonId| directory.enabled(*p).is_some();
    if policy.parameters.watch_approval && !directory.approvers.get(&Module::PamCore).into_iter().flatten().any(decides)
    {
        return Err(Fault::NoApprovers);
    }
    for workflow in policy.workflows.values() {
        check_workflow(workflow, &policy.parameters, directory)?;
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

fn check_workflow(workflow: &Workflow, parameters: &Parameters, directory: &Directory) -> Result<(), Fault> {
    if workflow.levels.is_empty() {
        return Err(Fault::NoLevel(workflow.name.clone()));
    }
    for (number, level) in (1..).zip(&workflow.levels) {
        if let Some(what) = level_fault(level, directory) {
            return Err(Fault::BadLevel { workflow: workflow.name.clone(), level: number, what });
        }
        let unlisted = level.timeout.as_ref().filter(|t| !parameters.timeout_periods_s.contains(&t.after_s));
        if let Some(timeout) = unlisted {
            return Err(Fault::TimeoutNotListed {
                workflow: workflow.name.clone(),
                level: number,
                after_s: timeout.after_s,
                allowed: parameters.timeout_periods_s.iter().copied().collect(),
            });
        }
    }
    Ok(())
}

fn level_fault(level: &Level, directory: &Directory) -> Option<&'static str> {
    let person = |p: &PersonId| directory.people.contains_key(p);
    let exists = |authority: &Authority| match authority {
        Authority::Persons(persons) => !persons.is_empty() && persons.iter().all(person),
        Authority::Members(group) | Authority::Managers(group) => directory.groups.contains_key(group),
        Authority::Administrators
        | Authority::LineManager
        | Authority::AccountOwners
        | Authority::AccountManagers
        | Authority::Approvers(_) => true,
        Authority::Contacts(named) => !named.is_empty() && named.iter().all(|c| directory.contacts.contains_key(c)),
    };
    let outside = matches!(level.authority, Authority::Contacts(_));
    let escalation = level.timeout.as_ref().map(|t| &t.action).filter(|a| **a != TimeoutAction::Expire);
    let target = escalation.and_then(TimeoutAction::target);
    if !exists(&level.authority) {
        Some("its approvers do not exist; name a group or people that do")
    } else if level.approvals == 0 {
        Some("it requires 0 approvals; require at least 1")
    } else if level.rejections == 0 {
        Some("it requires 0 rejections; require at least 1")
    } else if outside && level.evidence > Evidence::Link {
        Some(
            "`second_factor` cannot be asked of `contacts`, who decide by a link; leave it out, or name people instead",
        )
    } else if outside && !level.tools.mail {
        Some("`mail` is the only way to `contacts`; leave it on, or name people instead")
    } else if target.as_ref().is_some_and(|t| !exists(t)) {
        Some("its escalation group does not exist; name one that does")
    } else if target.as_ref() == Some(&level.authority) {
        Some("it escalates to those who decide it already; name another group")
    } else if level.notify.iter().any(|n| !directory.groups.contains_key(&n.group)) {
        Some("a group to be told does not exist; name one that does")
    } else {
        None
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
    check_contacts(rule, policy)
        .and_then(|()| check_conditions(rule))
        .map_err(|what| Fault::BadRule { rule: rule.name.clone(), what })
}

/// Where contacts decide, nothing can be asked that a link is not; and they never decide what the rules themselves are, for
/// then a lost mail would leave nobody who can change them.
fn check_contacts(rule: &Rule, policy: &Policy) -> Result<(), String> {
    let workflows = [rule.workflow, rule.unknown].into_iter().flatten().filter_map(|id| policy.workflow(id));
    let outside = |w: &&Workflow| w.levels.iter().any(|l| matches!(l.authority, Authority::Contacts(_)));
    let Some(workflow) = workflows.into_iter().find(outside) else { return Ok(()) };
    let name = &workflow.name;
    if rule.conditions.evidence > Evidence::Link {
        return Err(format!(
            "`second_factor` cannot be asked where `contacts` decide, as in workflow `{name}`; leave it out, or name \
             another workflow"
        ));
    }
    if rule.acts == ActMatch::Administer {
        return Err(format!("`contacts` cannot decide on changes, as in workflow `{name}`; name people instead"));
    }
    Ok(())
}

/// Longest reason or comment that is kept, in characters.
pub const REASON_CHARS_MAX: u32 = 4_000;

fn check_conditions(rule: &Rule) -> Result<(), String> {
    let approves = rule.outcome == Outcome::Approve;
    if rule.acts == ActMatch::Administer {
        if rule.targets != Targets::default() {
            return Err("a change concerns the whole configuration; name no devices or accounts".into());
        }
        if rule.automatic.is_some() || rule.emergency.is_some() {
            return Err("a change is never approved by itself and never an emergency; remove that".into());
        }
    }
    if !approves && rule.automatic.is_some() {
        return Err(
            "only a rule that asks for approval can approve by itself; remove the hours or ask for approval".into()
        );
    }
    if !approves && rule.emergency.is_some() {
        return Err("only a rule that asks for approval can allow emergencies; remove that or ask for approval".into());
    }
    if rule.conditions.reasons.as_ref().is_some_and(BTreeSet::is_empty) {
        return Err("its list of reasons is empty; nobody could give one".into());
    }
    if rule.conditions.reasons.iter().flatten().any(|reason| reason.trim().is_empty()) {
        return Err("one of its reasons says nothing; give it words, or take it out".into());
    }
    if rule.conditions.reason_chars_min.is_some_and(|least| least > REASON_CHARS_MAX) {
        return Err(format!("a reason has at most {REASON_CHARS_MAX} characters; nobody could give a longer one"));
    }
    if rule.conditions.sessions_max == Some(0) {
        return Err("it allows 0 sessions; nothing could be opened".into());
    }
    if rule.conditions.interrupt_after == Some(0) {
        return Err("it ends a session after 0 refused tries; write 1 or more".into());
    }
    if rule.conditions.recording_kept_days.is_some_and(|days| !(1..=KEPT_DAYS_MAX).contains(&days)) {
        return Err(format!("recordings are kept 1 to {KEPT_DAYS_MAX} days; leave it out to keep them for ever"));
    }
    if rule.conditions.export_forbidden_by.iter().any(|name| *name != rule.name) {
        return Err("it names another rule as the one that forbids exporting recordings".into());
    }
    match &rule.acts {
        ActMatch::Run(_) | ActMatch::Command(_) if rule.outcome == Outcome::Justify => return Err(
            "statements and commands are asked for under their connection's reason; use `justify` in a rule on `connect`"
                .into(),
        ),
        ActMatch::Run(wanted) => check_statements(wanted)?,
        ActMatch::Command(wanted) => check_commands(wanted)?,
        ActMatch::Connect | ActMatch::Administer => {}
    }
    speaks_of_its_act(&rule.acts, &rule.conditions)?;
    rule.conditions.hours.iter().chain(rule.automatic.iter().map(|a| &a.hours)).try_for_each(check_hours)
}

/// Longest name the target keeps, in bytes; what a longer one in a rule stands for, nothing there is called
/// (PostgreSQL manual, "Identifiers and Key Words").
const NAME_BYTES_MAX: usize = 63;

fn check_statements(wanted: &StatementMatch) -> Result<(), String> {
    let patterns = wanted.relations.iter().chain(&wanted.functions);
    let mut names = patterns.flat_map(|p| [&p.schema, &p.name]).flatten();
    match names.find(|name| name.len() > NAME_BYTES_MAX) {
        Some(long) => {
            Err(format!("`{long}` has more than {NAME_BYTES_MAX} bytes; nothing is called that on the target"))
        }
        None => Ok(()),
    }
}

/// What is written otherwise than it is compared would match nothing.
fn check_commands(wanted: &CommandMatch) -> Result<(), String> {
    for program in wanted.programs.iter().chain(&wanted.free).chain(&wanted.trusted) {
        let named = CommandFacts { program: Some(program.clone()), ..CommandFacts::default() };
        if named.name() != Some(program) {
            return Err(format!("write the program `{program}` as `{}`", named.name().unwrap_or_default()));
        }
        if program.is_empty() || program.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(format!("`{program}` is no program; write one word, and its arguments under `arguments`"));
        }
    }
    if let Some(program) = wanted.programs.intersection(&wanted.free).next() {
        return Err(format!("`{program}` is among `programs` and `free`; the rule speaks of it or does not"));
    }
    match wanted.paths.iter().find(|p| !commands::is_plain_path(p)) {
        Some(path) => Err(format!("the path `{path}` is not plain; write `/folder/file`, or `/folder/` for all in it")),
        None => Ok(()),
    }
}

/// A condition that means nothing for the rule's act would promise what nobody keeps.
fn speaks_of_its_act(acts: &ActMatch, c: &Conditions) -> Result<(), String> {
    let (connects, queries) = (*acts == ActMatch::Connect, matches!(acts, ActMatch::Run(_)));
    let runs = queries || matches!(acts, ActMatch::Command(_));
    let said = [
        ("duration_max_minutes", c.duration_max_s.is_some(), connects),
        ("ahead_max_minutes", c.ahead_max_s.is_some(), connects),
        ("hours", !c.hours.is_empty(), connects),
        ("exclusive", c.exclusive, connects),
        ("sessions_max", c.sessions_max.is_some(), connects),
        ("reset_after_use", c.reset_after_use, connects),
        ("recording", c.recording != Recording::Normal, connects),
        ("recording_kept_days", c.recording_kept_days.is_some(), connects),
        ("recording_export", !c.export_forbidden_by.is_empty(), connects),
        ("reason_chars_min", c.reason_chars_min.is_some(), !runs),
        ("reasons", c.reasons.is_some(), !runs),
        ("ticket", c.ticket, !runs),
        ("transaction_hold_max_s", c.transaction_hold_max_s.is_some(), queries),
        ("same_session", c.same_session, runs),
        ("interrupt_after", c.interrupt_after.is_some(), runs),
        ("risk", c.risk > 0, runs),
        ("risk_max", c.risk_max.is_some(), runs),
    ];
    let Some((name, ..)) = said.iter().find(|(_, is_said, means)| *is_said && !means) else { return Ok(()) };
    let acts = match *name {
        "transaction_hold_max_s" | "same_session" => "`query`",
        "interrupt_after" | "risk" | "risk_max" => "`query` or `run`",
        _ => "`connect`",
    };
    Err(format!("`{name}` means nothing for this act; remove it, or say it in a rule on {acts}"))
}

fn check_hours(open: &Hours) -> Result<(), String> {
    hours::zone(&open.zone)
        .ok_or_else(|| format!("the time zone `{}` is unknown; use a name like `Europe/Berlin` or `UTC`", open.zone))?;
    let never = |o: &countersign_journal::Opening| o.days.is_empty() || o.from_minute >= 1440 || o.until_minute > 1440;
    if open.openings.is_empty() || open.openings.iter().any(never) {
        return Err("its hours never open; name days, and times between 00:00 and 24:00".into());
    }
    Ok(())
}

fn subjects_exist(subjects: &Subjects, directory: &Directory) -> Result<(), String> {
    let person = subjects.persons.iter().find(|p| !directory.people.contains_key(p)).map(ToString::to_string);
    let group = subjects.groups.iter().find(|g| !directory.groups.contains_key(g)).map(ToString::to_string);
    person.or(group).map_or(Ok(()), Err)
}
