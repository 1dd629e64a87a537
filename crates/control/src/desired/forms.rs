//! Forms to a file: a workflow, an account's set-up or a parameter is changed in what is in force, and the file that comes
//! of it is planned and proposed like any other.

use super::file::*;
use super::render::render;
use crate::ask::Actor;
use crate::control::Control;
use crate::fault::Fault;
use crate::view::{AccountView, LevelFields, LevelToday, WorkflowView, authority_words, person_view, then_words};
use countersign_core::{About, Directory, Permission, Roster, approvers};
use countersign_journal::{AccountId, Authority, Level, NoticeScope, PersonId};

impl Control {
    /// Every workflow that is in force, accounts' own ones aside.
    ///
    /// # Errors
    /// When the actor may not.
    pub fn workflows(&self, actor: &Actor) -> Result<Vec<WorkflowView>, Fault> {
        let file = self.file(actor, Permission::ReadConfiguration)?;
        let named = |name: &str| {
            let rules = file.rules.iter();
            let uses = rules.filter(|r| r.workflow.as_deref() == Some(name) || r.unknown.as_deref() == Some(name));
            uses.map(|r| r.name.clone()).collect()
        };
        let view = |w: &WorkflowEntry| WorkflowView {
            name: w.name.clone(),
            levels: self.today(&w.name),
            fields: w.levels.iter().map(fields).collect(),
            rules: named(&w.name),
        };
        Ok(file.workflows.iter().map(view).collect())
    }

    /// The file in which a workflow has these levels; a name that is not there yet is a new one.
    ///
    /// # Errors
    /// When the actor may not, or a field cannot be read.
    pub fn with_workflow(&self, actor: &Actor, name: &str, levels: &[LevelFields]) -> Result<String, Fault> {
        let mut file = self.file(actor, Permission::ProposeChanges)?;
        let name = name.trim().to_owned();
        if name.is_empty() {
            return Err(Fault::Input("a workflow needs a name".into()));
        }
        let levels = entries(levels, &format!("workflow `{name}`"))?;
        match file.workflows.iter_mut().find(|w| w.name == name) {
            Some(known) => known.levels = levels,
            None => file.workflows.push(WorkflowEntry { name, levels }),
        }
        Ok(file.text())
    }

    /// Every account with its own set-up.
    ///
    /// # Errors
    /// When the actor may not.
    pub fn accounts(&self, actor: &Actor) -> Result<Vec<AccountView>, Fault> {
        let file = self.file(actor, Permission::ReadConfiguration)?;
        let view = |entry: &AccountEntry| {
            let label = format!("{}@{}", entry.name, entry.device);
            let approval = entry.approval.as_ref();
            let automatic = approval.and_then(|a| a.automatic.as_ref());
            Some(AccountView {
                account: self.account_by_label(&label)?,
                owners: entry.owners.join(" "),
                managers: entry.managers.join(" "),
                levels: self.today(&super::account::set_up_name(&label)),
                fields: approval.map(|a| a.levels.iter().map(fields).collect()).unwrap_or_default(),
                exclude_people: approval.map(|a| a.exclude_people.join(" ")).unwrap_or_default(),
                exclude_groups: approval.map(|a| a.exclude_groups.join("\n")).unwrap_or_default(),
                automatic: automatic.map(|a| a.open.join("\n")).unwrap_or_default(),
                zone: automatic.map_or_else(|| "UTC".to_owned(), |a| a.zone.clone()),
                label,
            })
        };
        Ok(file.accounts.iter().filter_map(view).collect())
    }

    /// The file in which an account has this set-up of its own; without levels it has none.
    ///
    /// # Errors
    /// When the actor may not, there is no such account, or a field cannot be read.
    pub fn with_account(&self, actor: &Actor, account: AccountId, wanted: &AccountView) -> Result<String, Fault> {
        let mut file = self.file(actor, Permission::ProposeChanges)?;
        let target = self.directory().target_facts(account, None).ok_or(Fault::NotFound)?;
        let known = file.accounts.iter_mut().find(|a| a.name == target.account_name && a.device == target.device_name);
        let entry = known.ok_or(Fault::NotFound)?;
        let levels = entries(&wanted.fields, &format!("account `{}`", target.label()))?;
        entry.owners = words(&wanted.owners);
        entry.managers = words(&wanted.managers);
        let open = lines(&wanted.automatic);
        let any_start = entry.approval.as_ref().and_then(|a| a.automatic.as_ref()).is_some_and(|a| a.any_start);
        let exclusive = entry.approval.as_ref().and_then(|a| a.exclusive);
        entry.approval = (!levels.is_empty()).then(|| ApprovalEntry {
            levels,
            exclude_people: words(&wanted.exclude_people),
            exclude_groups: lines(&wanted.exclude_groups),
            automatic: (!open.is_empty()).then(|| AutomaticEntry {
                zone: wanted.zone.trim().to_owned(),
                open,
                any_start,
            }),
            exclusive,
        });
        Ok(file.text())
    }

    /// The timeouts a level may have, as people write them.
    #[must_use]
    pub fn timeouts(&self) -> Vec<String> {
        self.state().policy.parameters.timeout_periods_s.iter().map(|s| super::times::said(*s)).collect()
    }

    /// The file in which these are the timeouts a level may have (R15).
    ///
    /// # Errors
    /// When the actor may not.
    pub fn with_timeouts(&self, actor: &Actor, timeouts: &str) -> Result<String, Fault> {
        let mut file = self.file(actor, Permission::ProposeChanges)?;
        file.parameters.timeout_periods = Some(words(&timeouts.replace(',', " ")));
        Ok(file.text())
    }

    pub(super) fn file(&self, actor: &Actor, permission: Permission) -> Result<File, Fault> {
        actor.require(permission)?;
        let text = render(&self.directory(), &self.state().policy);
        toml::from_str(&text).map_err(Fault::trouble)
    }

    /// The levels of a workflow in force, with who could decide each today.
    fn today(&self, name: &str) -> Vec<LevelToday> {
        let found = self.state().policy.workflows.values().find(|w| w.name == name).map(|w| w.levels.clone());
        self.levels_today(&self.directory(), &found.unwrap_or_default())
    }

    /// Levels in words, with who could decide each today.
    pub(super) fn levels_today(&self, directory: &Roster, levels: &[Level]) -> Vec<LevelToday> {
        let (state, now) = (self.state(), self.now());
        let about = About { requester: PersonId(0), account: AccountId(0) };
        let people = |authority: &Authority| match authority {
            Authority::LineManager | Authority::AccountOwners | Authority::AccountManagers => None,
            known => {
                let able = approvers(&state, directory, now, known, about);
                Some(able.into_iter().map(|p| person_view(directory, p)).collect())
            }
        };
        let level = |level: &Level| LevelToday {
            authority: authority_words(directory, &level.authority),
            people: people(&level.authority),
            approvals: level.approvals,
            time: time(directory, level),
        };
        levels.iter().map(level).collect()
    }
}

fn time(directory: &Directory, level: &Level) -> String {
    let Some(timeout) = &level.timeout else { return String::new() };
    let after = super::times::said(timeout.after_s);
    let then = then_words(directory, level, false);
    let again =
        if timeout.action.target().is_some() { format!(", and {after} later it expires") } else { String::new() };
    format!("after {after} {then}{again}")
}

/// What somebody is told of, and the word for it.
const SCOPES: [(NoticeScope, &str); 3] =
    [(NoticeScope::All, "all"), (NoticeScope::Approver, "approver"), (NoticeScope::Requester, "requester")];

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(|w| w.trim_matches(',').to_owned()).filter(|w| !w.is_empty()).collect()
}

/// Names that may have blanks in them.
fn names(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|n| !n.is_empty()).map(str::to_owned).collect()
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::trim).filter(|l| !l.is_empty()).map(str::to_owned).collect()
}

fn entries(levels: &[LevelFields], what: &str) -> Result<Vec<LevelEntry>, Fault> {
    let there = levels.iter().filter(|l| !l.who.is_empty());
    (1..).zip(there).map(|(n, level)| entry(level, &format!("{what}, level {n}"))).collect()
}

fn entry(level: &LevelFields, what: &str) -> Result<LevelEntry, Fault> {
    let number = |text: &str, field: &str| {
        text.trim().parse::<u32>().map_err(|_| Fault::Input(format!("{what}: {field} `{text}` is not a whole number")))
    };
    let given = |text: &str| Some(text.trim().to_owned()).filter(|t| !t.is_empty());
    let who = |key: &str| level.who == key;
    let then = |key: &str| given(&level.then_group).filter(|_| level.then == key && !level.timeout.is_empty());
    let notice = |line: String| {
        let read =
            line.split_once(' ').and_then(|(scope, group)| Some((SCOPES.iter().find(|s| s.1 == scope)?.0, group)));
        let (scope, group) = read.ok_or_else(|| {
            Fault::Input(format!(
                "{what}: `{line}` names nobody to tell; write `all`, `approver` or `requester`, and a group"
            ))
        })?;
        Ok::<_, Fault>(NoticeEntry { group: group.trim().to_owned(), scope })
    };
    Ok(LevelEntry {
        people: who("people").then(|| words(&level.named)),
        members_of: given(&level.named).filter(|_| who("members_of")),
        managers_of: given(&level.named).filter(|_| who("managers_of")),
        administrators: who("administrators"),
        line_manager: who("line_manager"),
        account_owners: who("account_owners"),
        account_managers: who("account_managers"),
        contacts: who("contacts").then(|| names(&level.named)),
        choose: level.choose,
        timeout: given(&level.timeout),
        escalate_to_members_of: then("escalate_to_members_of"),
        escalate_to_managers_of: then("escalate_to_managers_of"),
        mail: (!level.mail).then_some(false),
        notify: lines(&level.notify).into_iter().map(notice).collect::<Result<_, _>>()?,
        approvals: number(&level.approvals, "approvals")?,
        rejections: number(&level.rejections, "rejections")?,
        second_factor: level.second_factor,
    })
}

fn fields(level: &LevelEntry) -> LevelFields {
    let flags = [
        (level.administrators, "administrators"),
        (level.line_manager, "line_manager"),
        (level.account_owners, "account_owners"),
        (level.account_managers, "account_managers"),
    ];
    let flag = flags.iter().find(|(set, _)| *set).map(|(_, key)| (*key, String::new()));
    let named = level.people.as_ref().map(|p| ("people", p.join(" ")));
    let contacts = level.contacts.as_ref().map(|c| ("contacts", c.join(", ")));
    let members = level.members_of.clone().map(|g| ("members_of", g));
    let managers = level.managers_of.clone().map(|g| ("managers_of", g));
    let (who, named) = named.or(members).or(managers).or(contacts).or(flag).unwrap_or_default();
    let (then, then_group) = match (&level.escalate_to_members_of, &level.escalate_to_managers_of) {
        (Some(group), _) => ("escalate_to_members_of", group.clone()),
        (_, Some(group)) => ("escalate_to_managers_of", group.clone()),
        _ => ("expire", String::new()),
    };
    let scope = |scope: NoticeScope| SCOPES.iter().find(|s| s.0 == scope).map_or("all", |s| s.1);
    let notify: Vec<String> = level.notify.iter().map(|n| format!("{} {}", scope(n.scope), n.group)).collect();
    LevelFields {
        who: who.to_owned(),
        named,
        approvals: level.approvals.to_string(),
        rejections: level.rejections.to_string(),
        timeout: level.timeout.clone().unwrap_or_default(),
        then: then.to_owned(),
        then_group,
        notify: notify.join(
            "
",
        ),
        mail: level.mail.unwrap_or(true),
        choose: level.choose,
        second_factor: level.second_factor,
    }
}
