//! An account's own set-up (R2, R10, R84): a rule on that account alone and the workflow that decides it, both named
//! after the account. Once resolved they are a rule and a workflow like any other.

use super::file::{AccountEntry, ApprovalEntry};
use super::resolve::{Ids, resolve_level, subjects_named};
use super::times;
use crate::fault::Fault;
use countersign_core::Directory;
use countersign_journal::{
    AccountId, ActMatch, Conditions, Level, Outcome, Policy, Rule, RuleId, Subjects, Targets, Workflow, WorkflowId,
};

/// Most levels an account's own set-up may have (R10); a workflow may have any number.
const LEVELS_MAX: usize = 3;

/// What the workflow and the rule of an account's own set-up are called.
pub(super) fn set_up_name(label: &str) -> String {
    format!("account {label}")
}

/// The workflow and the rule of every account that has a set-up of its own.
pub(super) fn set_ups(
    entries: &[AccountEntry],
    old: &Policy,
    directory: &Directory,
    ids: &mut Ids,
) -> Result<Vec<(Workflow, Rule)>, Fault> {
    let mut set_ups = Vec::new();
    for (entry, approval) in entries.iter().filter_map(|e| e.approval.as_ref().map(|a| (e, a))) {
        let label = format!("{}@{}", entry.name, entry.device);
        let same = |id: &&AccountId| directory.label(**id).as_ref() == Some(&label);
        let account = *directory.accounts.keys().find(same).expect("accounts are resolved before their set-ups");
        let name = set_up_name(&label);
        let levels = resolve_levels(approval, directory, &format!("account `{label}`"))?;
        let kept = old.workflows.values().find(|w| w.name == name).map(|w| w.id.0);
        let workflow = Workflow { id: WorkflowId(ids.keep_or_new(kept)), name: name.clone(), levels };
        let kept = old.rules.iter().find(|r| r.name == name).map(|r| r.id.0);
        let id = RuleId(ids.keep_or_new(kept));
        set_ups.push((workflow.clone(), resolve_set_up(approval, account, id, &workflow, directory)?));
    }
    Ok(set_ups)
}

fn resolve_levels(approval: &ApprovalEntry, directory: &Directory, what: &str) -> Result<Vec<Level>, Fault> {
    let found = approval.levels.len();
    if !(1..=LEVELS_MAX).contains(&found) {
        return Err(Fault::Input(format!(
            "{what}, `approval`: an account's own set-up has 1 to {LEVELS_MAX} levels, and this has {found}; where more \
             are needed, name a workflow in a rule on the account"
        )));
    }
    let levels = (1..).zip(&approval.levels);
    levels.map(|(n, level)| resolve_level(level, directory, &format!("{what}, `approval`, level {n}"))).collect()
}

/// Whoever asks to connect needs these levels, those left out aside.
fn resolve_set_up(
    approval: &ApprovalEntry,
    account: AccountId,
    id: RuleId,
    workflow: &Workflow,
    directory: &Directory,
) -> Result<Rule, Fault> {
    let what = format!("`{}`, `approval`", workflow.name);
    Ok(Rule {
        id,
        name: workflow.name.clone(),
        subjects: Subjects::default(),
        targets: Targets { accounts: [account].into(), ..Targets::default() },
        acts: ActMatch::Connect,
        outcome: Outcome::Approve,
        workflow: Some(workflow.id),
        unknown: None,
        exclusions: subjects_named(&approval.exclude_people, &approval.exclude_groups, directory, &what)?,
        // On by default where access needs approval (R7).
        conditions: Conditions { exclusive: approval.exclusive.unwrap_or(true), ..Conditions::default() },
        automatic: approval.automatic.as_ref().map(|a| times::automatic(a, &what)).transpose()?,
        emergency: None,
    })
}
