//! Rules as a list to read and as a form. A form becomes the file in which that rule is so, like every other form; what the
//! rules together then say is asked of the same function that decides.

use super::account::set_up_name;
use super::file::{ActEntry, AutomaticEntry, File, HoursEntry, RuleEntry};
use super::{Desired, acceptable};
use crate::ask::Actor;
use crate::control::Control;
use crate::fault::Fault;
use crate::view::{Combined, Draft, Explanation, Known, Reading, RuleQuery, RuleView, Typed};
use countersign_core::ruling::{covers, speaks_of};
use countersign_core::{Asked, Permission, Roster, Rulebook};
use countersign_journal::{AccountId, ActMatch, ActionFacts, Outcome, Recording, Rule, TargetFacts};
use std::collections::BTreeSet;

impl Control {
    /// Every rule in force that is asked for.
    ///
    /// # Errors
    /// When the actor may not, or nobody and nothing has the name that was asked for.
    pub fn rules(&self, actor: &Actor, query: &RuleQuery) -> Result<Vec<RuleView>, Fault> {
        actor.require(Permission::ReadConfiguration)?;
        let (directory, policy) = (self.directory(), self.state().policy.clone());
        let person = match query.person.trim().to_lowercase().as_str() {
            "" => None,
            handle => Some(self.person_by_handle(handle).and_then(|p| directory.person_facts(p)).ok_or_else(|| {
                Fault::Input(format!("nobody signs in as `{handle}`; correct the handle, or leave it empty"))
            })?),
        };
        let targets = targets_named(&directory, query.target.trim())?;
        let wanted = |rule: &&Rule| {
            person.as_ref().is_none_or(|p| speaks_of(rule, p))
                && (targets.is_empty() || targets.iter().any(|t| reaches(rule, t)))
                && (query.act.is_empty() || act_word(&rule.acts) == query.act)
        };
        let account = |rule: &Rule| own_set_up(&directory, rule);
        let view = |rule: &Rule| {
            let levels = self.levels_today(&directory, &RuleView::levels_of(rule, &policy));
            RuleView::of(rule, &directory, &policy, levels, account(rule))
        };
        Ok(policy.rules.iter().filter(wanted).map(view).collect())
    }

    /// A rule as a form shows it; nothing when there is none of that name.
    ///
    /// # Errors
    /// When the actor may not.
    pub fn rule_typed(&self, actor: &Actor, name: &str) -> Result<Option<Typed>, Fault> {
        let file = self.file(actor, Permission::ReadConfiguration)?;
        Ok(file.rules.iter().find(|r| r.name == name).map(Typed::of))
    }

    /// The file in which the rule of that name is as typed; without a name it is a new one.
    ///
    /// # Errors
    /// When the actor may not, or there is no such rule.
    pub fn with_rule(&self, actor: &Actor, name: &str, typed: &Typed) -> Result<Draft, Fault> {
        let mut file = self.file(actor, Permission::ProposeChanges)?;
        let mut reading = Reading::of(typed);
        let rule = entry(&mut reading, &file.known());
        if file.rules.iter().any(|r| r.name == rule.name && r.name != name) {
            reading.wrong("name", format!("There is a rule `{}` already; give this one a name of its own.", rule.name));
        }
        if !reading.wrongs.is_empty() {
            return Ok(Draft::Wrong(reading.wrongs));
        }
        match file.rules.iter_mut().find(|r| r.name == name) {
            Some(known) => *known = rule,
            None if name.is_empty() => file.rules.push(rule),
            None => return Err(Fault::NotFound),
        }
        Ok(self.drafted(&file, &["duration_max_minutes"]))
    }

    /// The file without the rule of that name.
    ///
    /// # Errors
    /// When the actor may not, or there is no such rule.
    pub fn without_rule(&self, actor: &Actor, name: &str) -> Result<Draft, Fault> {
        let mut file = self.file(actor, Permission::ProposeChanges)?;
        let before = file.rules.len();
        file.rules.retain(|r| r.name != name);
        if file.rules.len() == before { Err(Fault::NotFound) } else { Ok(Draft::File(file.text())) }
    }

    /// What forms may name.
    ///
    /// # Errors
    /// When the actor may not.
    pub fn known(&self, actor: &Actor) -> Result<Known, Fault> {
        Ok(self.file(actor, Permission::ReadConfiguration)?.known())
    }

    /// Somebody a rule as typed would speak of, and a target it would reach, to begin asking with.
    ///
    /// # Errors
    /// When the actor may not.
    pub fn somebody(&self, actor: &Actor, typed: &Typed) -> Result<(String, String), Fault> {
        let file = self.file(actor, Permission::ReadConfiguration)?;
        let first = |field| typed.text(field).split([' ', '\n']).map(str::trim).find(|t| !t.is_empty());
        let line = |field| typed.text(field).lines().map(str::trim).find(|t| !t.is_empty());
        let group = line("groups").and_then(|name| file.groups.iter().find(|g| g.name == name));
        let person = first("people").or_else(|| group.and_then(|g| g.members.first()).map(String::as_str));
        let set = line("device_groups").and_then(|name| file.device_groups.iter().find(|g| g.name == name));
        let device = line("devices").or_else(|| set.and_then(|g| g.devices.first()).map(String::as_str));
        let account = file.accounts.iter().find(|a| device.is_none_or(|d| a.device == d));
        let target =
            line("accounts").map(str::to_owned).or_else(|| account.map(|a| format!("{}@{}", a.name, a.device)));
        Ok((person.unwrap_or(&actor.handle).to_owned(), target.unwrap_or_default()))
    }

    /// What the rules in force say of a person, a target and an act, beside what they would say were the file in force. The
    /// answer comes from the function that decides (R93).
    ///
    /// # Errors
    /// When the actor may not, the file is wrong, or neither knows the person or the target.
    pub fn combined(&self, actor: &Actor, file: &str, question: &Question<'_>) -> Result<Combined, Fault> {
        actor.require(Permission::ProposeChanges)?;
        let (directory, policy) = (self.directory(), self.state().policy.clone());
        let Desired { directory: then, policy: desired, .. } = acceptable(file, &directory, &policy)?;
        let combined = Combined {
            now: self.answered(&policy, &directory, question),
            then: self.answered(&desired, &then, question),
        };
        if combined.now.is_none() && combined.then.is_none() {
            let (person, target) = (question.person, question.target);
            return Err(Fault::Input(format!(
                "there is no person `{person}`, or no target `{target}`; correct the name"
            )));
        }
        Ok(combined)
    }

    fn answered(&self, policy: &Rulebook, directory: &Roster, question: &Question<'_>) -> Option<Explanation> {
        let handle = question.person.trim().to_lowercase();
        let person = directory.people.iter().find(|(_, p)| p.handle == handle).map(|(id, _)| *id)?;
        let (target, asked) = match question.act {
            QuestionAct::Administer => (TargetFacts::configuration(), Asked::Administer),
            QuestionAct::Connect => (one_target(directory, question.target)?, Asked::Connect),
            QuestionAct::Run(facts) => (one_target(directory, question.target)?, Asked::Run(facts)),
        };
        self.explained(policy, directory, person, &target, asked)
    }
}

/// What is asked of the rules.
#[derive(Clone, Copy, Debug)]
pub struct Question<'q> {
    /// Who, by handle.
    pub person: &'q str,
    /// On what: `account@device`.
    pub target: &'q str,
    /// Doing what.
    pub act: QuestionAct<'q>,
}

/// An act, as one asks about it.
#[derive(Clone, Copy, Debug)]
pub enum QuestionAct<'q> {
    /// A connection.
    Connect,
    /// A statement or a command.
    Run(&'q ActionFacts),
    /// A change of the configuration.
    Administer,
}

/// The targets a label or the name of a device stands for; none when it is empty.
fn targets_named(directory: &Roster, text: &str) -> Result<Vec<TargetFacts>, Fault> {
    let all = directory.accounts.keys().filter_map(|a| directory.target_facts(*a, None));
    let found: Vec<TargetFacts> = all.filter(|t| t.label() == text || t.device_name == text).collect();
    if found.is_empty() && !text.is_empty() {
        let what = "write an account as `account@device`, or a device, or leave it empty";
        return Err(Fault::Input(format!("there is no target `{text}`; {what}")));
    }
    Ok(found)
}

fn one_target(directory: &Roster, text: &str) -> Option<TargetFacts> {
    let mut found = targets_named(directory, text.trim()).ok()?;
    let one = found.pop()?;
    found.is_empty().then_some(one)
}

fn reaches(rule: &Rule, target: &TargetFacts) -> bool {
    rule.acts != ActMatch::Administer && covers(&rule.targets, target)
}

/// The account whose own set-up a rule is.
fn own_set_up(directory: &Roster, rule: &Rule) -> Option<AccountId> {
    let named = |a: &AccountId| directory.target_facts(*a, None).is_some_and(|t| set_up_name(&t.label()) == rule.name);
    directory.accounts.keys().copied().find(named)
}

fn act_word(acts: &ActMatch) -> &'static str {
    match acts {
        ActMatch::Connect => "connect",
        ActMatch::Run(_) => "query",
        ActMatch::Command(_) => "run",
        ActMatch::Administer => "administer",
    }
}

impl File {
    /// Everything the file has, by name.
    pub(super) fn known(&self) -> Known {
        let accounts = self.accounts.iter().map(|a| format!("{}@{}", a.name, a.device));
        Known {
            people: self.people.iter().map(|p| p.handle.to_lowercase()).collect(),
            groups: self.groups.iter().map(|g| g.name.clone()).collect(),
            devices: self.devices.iter().map(|d| d.name.clone()).collect(),
            device_groups: self.device_groups.iter().map(|g| g.name.clone()).collect(),
            accounts: accounts.collect(),
            workflows: self.workflows.iter().map(|w| w.name.clone()).collect(),
            roles: self.roles.iter().map(|r| r.name.clone()).collect(),
        }
    }
}

/// A form of a rule as an entry of the file. What means nothing for its act or outcome is left out.
fn entry(form: &mut Reading<'_>, known: &Known) -> RuleEntry {
    let act = form.choice("act", "act").unwrap_or(ActEntry::Connect);
    let outcome = form.choice("outcome", "outcome").unwrap_or(Outcome::Approve);
    let (connect, query, command) = (act == ActEntry::Connect, act == ActEntry::Query, act == ActEntry::Run);
    let runs = query || command;
    let (of_targets, approves) = (act != ActEntry::Administer, outcome == Outcome::Approve);
    if runs && outcome == Outcome::Justify {
        form.wrong(
            "outcome",
            "Statements and commands are asked for under their connection's reason; demand a reason of those who connect.",
        );
    }
    let emergency = form.set("emergency") && approves && of_targets;
    let reasons: BTreeSet<String> = form.lines("reasons").into_iter().collect();
    let mut names = |field, all: &BTreeSet<String>| if of_targets { form.names(field, all) } else { Vec::new() };
    let (devices, device_groups) = (names("devices", &known.devices), names("device_groups", &known.device_groups));
    let accounts = names("accounts", &known.accounts);
    RuleEntry {
        name: form.required("name", "Give the rule a name; the audit and every explanation call it by that."),
        act,
        outcome,
        people: form.people("people", known),
        groups: form.names("groups", &known.groups),
        devices,
        device_groups,
        accounts,
        kinds: if query { form.choices("kinds", "kind of statement") } else { BTreeSet::new() },
        tables: if query { form.lines("tables") } else { Vec::new() },
        functions: if query { form.lines("functions") } else { Vec::new() },
        programs: words_of(form, "programs", command),
        arguments: words_of(form, "arguments", command),
        paths: words_of(form, "paths", command),
        free: words_of(form, "free", command),
        trusted: words_of(form, "trusted", command),
        workflow: approves.then(|| workflow(form, "workflow", known)).flatten(),
        unknown: runs.then(|| workflow(form, "unknown", known)).flatten(),
        exclude_people: form.people("exclude_people", known),
        exclude_groups: form.names("exclude_groups", &known.groups),
        duration_max_minutes: connect.then(|| form.number("duration_max_minutes")).flatten(),
        reason_chars_min: (!runs).then(|| form.number("reason_chars_min")).flatten(),
        exclusive: form.given("exclusive").map(|text| text == "true").filter(|_| connect),
        hours: connect.then(|| hours(form, "hours_zone", "hours_open")).flatten(),
        automatic: (approves && of_targets).then(|| automatic(form)).flatten(),
        emergency,
        emergency_countdown_s: emergency.then(|| form.number("emergency_countdown_s")).flatten(),
        ahead_max_minutes: connect.then(|| form.number("ahead_max_minutes")).flatten(),
        reasons: (!reasons.is_empty() && !runs).then_some(reasons),
        ticket: form.set("ticket") && !runs,
        reset_after_use: form.set("reset_after_use") && connect,
        sessions_max: connect.then(|| form.number("sessions_max")).flatten(),
        second_factor: form.set("second_factor"),
        recording: if connect {
            form.choice("recording", "way of recording").unwrap_or_default()
        } else {
            Recording::Normal
        },
        recording_export: form.given("recording_export").map(|text| text == "true").filter(|_| connect),
        recording_kept_days: connect.then(|| form.number("recording_kept_days")).flatten(),
        transaction_hold_max_s: query.then(|| form.number("transaction_hold_max_s")).flatten(),
        same_session: form.set("same_session") && runs,
        interrupt_after: runs.then(|| form.number("interrupt_after")).flatten(),
        risk: runs.then(|| form.number("risk")).flatten().unwrap_or_default(),
        risk_max: runs.then(|| form.number("risk_max")).flatten(),
    }
}

/// The lines of a field, where it means something.
fn words_of(form: &mut Reading<'_>, field: &'static str, means: bool) -> BTreeSet<String> {
    if means { form.lines(field).into_iter().collect() } else { BTreeSet::new() }
}

fn workflow(form: &mut Reading<'_>, field: &'static str, known: &Known) -> Option<String> {
    let name = form.given(field)?;
    if !known.workflows.contains(&name) {
        form.wrong(field, format!("There is no workflow `{name}`; choose one of the list."));
    }
    Some(name)
}

fn automatic(form: &mut Reading<'_>) -> Option<AutomaticEntry> {
    let HoursEntry { zone, open } = hours(form, "automatic_zone", "automatic_open")?;
    Some(AutomaticEntry { zone, open, any_start: form.set("automatic_any_start") })
}

/// Hours, where any are given; what they look like is checked beside their field.
fn hours(form: &mut Reading<'_>, zone: &'static str, open: &'static str) -> Option<HoursEntry> {
    let entry = HoursEntry { zone: form.given(zone).unwrap_or_else(|| "UTC".to_owned()), open: form.lines(open) };
    if entry.open.is_empty() {
        if entry.zone != "UTC" {
            form.wrong(open, format!("Name the hours that are meant in `{}`, or leave the zone empty.", entry.zone));
        }
        return None;
    }
    if let Some(line) = entry.open.iter().find(|line| !super::times::is_opening(line)) {
        form.wrong(
            open,
            format!("`{line}` are no hours; write them as `Mon-Fri 09:00-17:00` or `Sat,Sun 22:00-06:00`."),
        );
    }
    if countersign_core::hours::zone(&entry.zone).is_none() {
        form.wrong(
            zone,
            format!("The time zone `{}` is unknown; use a name like `Europe/Berlin` or `UTC`.", entry.zone),
        );
    }
    Some(entry)
}
