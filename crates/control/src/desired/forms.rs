//! Forms to a file: a workflow, an account's set-up or a parameter is changed in what is in force, and the file that comes
//! of it is planned and proposed like any other.

use super::file::*;
use super::render::render;
use crate::ask::Actor;
use crate::control::Control;
use crate::fault::Fault;
use crate::view::{
    AccountView, Draft, LevelFields, LevelToday, ParametersView, Typed, WorkflowView, Wrongs, authority_words,
    person_view, times,
};
use countersign_core::{About, Permission, Protocol, Roster, approvers};
use countersign_journal::{AccountId, Authority, Level, Module, NoticeScope, PersonId};

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

    /// The file in which the workflow of that name has these levels; without a name it is a new one, called as typed.
    ///
    /// # Errors
    /// When the actor may not, or there is no such workflow.
    pub fn with_workflow(
        &self,
        actor: &Actor,
        name: &str,
        typed: &Typed,
        levels: &[LevelFields],
    ) -> Result<Draft, Fault> {
        let mut file = self.file(actor, Permission::ProposeChanges)?;
        let (levels, mut wrongs) = entries(levels, &file);
        let called = typed.text("name").trim().to_owned();
        let taken = file.workflows.iter().any(|w| w.name == called);
        match file.workflows.iter_mut().find(|w| w.name == name) {
            Some(known) => known.levels = levels,
            None if !name.is_empty() => return Err(Fault::NotFound),
            None if called.is_empty() => put(&mut wrongs, "name", "Give the workflow a name."),
            None if taken => {
                let text = format!("There is a workflow `{called}` already; choose another name.");
                put(&mut wrongs, "name", &text);
            }
            None => file.workflows.push(WorkflowEntry { name: called, levels }),
        }
        Ok(drafted(&file, wrongs))
    }

    /// The file without the workflow of that name. Rules that name it have to be changed first.
    ///
    /// # Errors
    /// When the actor may not, or there is no such workflow.
    pub fn without_workflow(&self, actor: &Actor, name: &str) -> Result<Draft, Fault> {
        let mut file = self.file(actor, Permission::ProposeChanges)?;
        let before = file.workflows.len();
        file.workflows.retain(|w| w.name != name);
        if file.workflows.len() == before { Err(Fault::NotFound) } else { Ok(Draft::File(file.text())) }
    }

    /// The levels of a workflow as typed, with who could decide each were it in force now (R83).
    ///
    /// # Errors
    /// When the actor may not, there is no such workflow, or something typed is wrong, in words.
    pub fn workflow_drafted(
        &self,
        actor: &Actor,
        name: &str,
        typed: &Typed,
        levels: &[LevelFields],
    ) -> Result<Vec<LevelToday>, Fault> {
        let file = match self.with_workflow(actor, name, typed, levels)? {
            Draft::File(file) => file,
            Draft::Wrong(wrongs) => return Err(Fault::Input(wrongs.into_values().next().unwrap_or_default())),
        };
        let super::Desired { directory, policy, .. } =
            super::acceptable(&file, &self.directory(), &self.state().policy)?;
        let called = if name.is_empty() { typed.text("name").trim() } else { name };
        let made = policy.workflows.values().find(|w| w.name == called).ok_or(Fault::NotFound)?;
        Ok(self.levels_today(&directory, &made.levels))
    }

    /// Every account with its own set-up.
    ///
    /// # Errors
    /// When the actor may not.
    pub fn accounts(&self, actor: &Actor) -> Result<Vec<AccountView>, Fault> {
        let file = self.file(actor, Permission::ReadConfiguration)?;
        let over_ssh = file.devices.iter().filter(|d| d.protocol == Protocol::Ssh);
        let ssh: Vec<&str> = over_ssh.map(|d| d.name.as_str()).collect();
        let view = |entry: &AccountEntry| {
            let label = format!("{}@{}", entry.name, entry.device);
            let approval = entry.approval.as_ref();
            let automatic = approval.and_then(|a| a.automatic.as_ref());
            let account = self.account_by_label(&label)?;
            let due = self.state().due_secrets.of(account).filter(|_| !entry.certificate);
            Some(AccountView {
                account,
                due: due.map(|due| (due.since, due.after)),
                certificate: entry.certificate,
                ssh: ssh.contains(&entry.device.as_str()),
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
    /// When the actor may not, or there is no such account.
    pub fn with_account(&self, actor: &Actor, account: AccountId, wanted: &AccountView) -> Result<Draft, Fault> {
        let mut file = self.file(actor, Permission::ProposeChanges)?;
        let target = self.directory().target_facts(account, None).ok_or(Fault::NotFound)?;
        let (levels, wrongs) = entries(&wanted.fields, &file);
        let known = file.accounts.iter_mut().find(|a| a.name == target.account_name && a.device == target.device_name);
        let entry = known.ok_or(Fault::NotFound)?;
        entry.certificate = wanted.certificate;
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
        Ok(drafted(&file, wrongs))
    }

    /// The timeouts a level may have, as people write them.
    #[must_use]
    pub fn timeouts(&self) -> Vec<String> {
        self.state().policy.parameters.timeout_periods_s.iter().map(|s| super::times::said(*s)).collect()
    }

    /// The system parameters, each as it stands in its form.
    ///
    /// # Errors
    /// When the actor may not.
    pub fn parameters(&self, actor: &Actor) -> Result<ParametersView, Fault> {
        let file = self.file(actor, Permission::ReadConfiguration)?;
        let approvers = file.parameters.approvers.get(&Module::PamCore).map(|named| named.join(" "));
        Ok(ParametersView {
            timeouts: self.timeouts().join(" "),
            watch_approval: file.parameters.watch_approval,
            approvers: approvers.unwrap_or_default(),
        })
    }

    /// The file in which these are the system parameters (R15, R71, R75).
    ///
    /// # Errors
    /// When the actor may not.
    pub fn with_parameters(&self, actor: &Actor, wanted: &ParametersView) -> Result<Draft, Fault> {
        let mut file = self.file(actor, Permission::ProposeChanges)?;
        let (periods, approvers) = (words(&wanted.timeouts.replace(',', " ")), words(&wanted.approvers));
        let mut wrongs = Wrongs::new();
        if let Some(wrong) = periods.iter().find_map(|text| super::times::period_read(text).err()) {
            put(&mut wrongs, "timeouts", &(wrong + "."));
        }
        let known = |handle: &&String| file.people.iter().any(|p| p.handle.eq_ignore_ascii_case(handle));
        if let Some(nobody) = approvers.iter().find(|handle| !known(handle)) {
            put(&mut wrongs, "approvers", &format!("Nobody is called `{nobody}`; write handles, with spaces between."));
        }
        if !wrongs.is_empty() {
            return Ok(Draft::Wrong(wrongs));
        }
        file.parameters.timeout_periods = Some(periods);
        file.parameters.watch_approval = wanted.watch_approval;
        let named = Some(approvers).filter(|named| !named.is_empty());
        file.parameters.approvers = named.map(|named| (Module::PamCore, named)).into_iter().collect();
        Ok(self.drafted(&file, &["timeouts", "approvers"]))
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
            times: times(directory, level),
        };
        levels.iter().map(level).collect()
    }
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

fn drafted(file: &File, wrongs: Wrongs) -> Draft {
    if wrongs.is_empty() { Draft::File(file.text()) } else { Draft::Wrong(wrongs) }
}

fn put(wrongs: &mut Wrongs, field: &str, text: &str) {
    wrongs.entry(field.to_owned()).or_insert_with(|| text.to_owned());
}

/// The levels, and what is wrong with them, by field with the place of the level behind it: `timeout-0`.
fn entries(levels: &[LevelFields], file: &File) -> (Vec<LevelEntry>, Wrongs) {
    let (mut entries, mut wrongs) = (Vec::new(), Wrongs::new());
    for (at, level) in levels.iter().enumerate() {
        let (entry, wrong) = entry(level, file);
        for (field, text) in wrong {
            put(&mut wrongs, &format!("{field}-{at}"), &text);
        }
        entries.extend(entry.filter(|_| !level.who.is_empty()));
    }
    (entries, wrongs)
}

type Wrong = Vec<(&'static str, String)>;

fn entry(level: &LevelFields, file: &File) -> (Option<LevelEntry>, Wrong) {
    let given = |text: &str| Some(text.trim().to_owned()).filter(|t| !t.is_empty());
    if level.who.is_empty() {
        let lost = given(&level.named).or(given(&level.then_group)).or(given(&level.timeout));
        let text = "Choose who decides at this level; without that there is no such level.";
        return (None, lost.map(|_| ("who", text.to_owned())).into_iter().collect());
    }
    let mut wrong = escalation(level, file);
    wrong.extend(named(level, file));
    let mut number = |field: &'static str, text: &str| {
        let read = text.trim().parse::<u32>();
        read.inspect_err(|_| wrong.push((field, format!("`{text}` is not a whole number.")))).unwrap_or_default()
    };
    let (approvals, rejections) = (number("approvals", &level.approvals), number("rejections", &level.rejections));
    let (notify, strange): (Vec<_>, Vec<_>) =
        lines(&level.notify).into_iter().map(|line| notice(&line, file)).partition(Result::is_ok);
    wrong.extend(strange.into_iter().filter_map(Result::err).map(|text| ("notify", text)));
    let who = |key: &str| level.who == key;
    let then = |key: &str| given(&level.then_group).filter(|_| level.then == key);
    let entry = LevelEntry {
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
        notify: notify.into_iter().filter_map(Result::ok).collect(),
        approvals,
        rejections,
        second_factor: level.second_factor,
    };
    (Some(entry), wrong)
}

/// A time, an escalation and a group belong together: none of them is dropped in silence.
fn escalation(level: &LevelFields, file: &File) -> Wrong {
    let (time, group) = (!level.timeout.trim().is_empty(), level.then_group.trim());
    let escalates = level.then.starts_with("escalate_to_");
    let mut wrong = Vec::new();
    if escalates && !time {
        wrong.push(("timeout", "Choose after which time it escalates; without one it never does.".to_owned()));
    }
    match (escalates, group) {
        (true, "") => wrong.push(("then_group", "Name the group that decides then.".to_owned())),
        (true, group) => wrong.extend(unknown_group(group, file).map(|text| ("then_group", text))),
        (false, "") => {}
        (false, group) => {
            let text = format!("`{group}` is named as escalation group: choose who of it decides, or leave it empty.");
            wrong.push(("then", text));
        }
    }
    wrong
}

fn unknown_group(group: &str, file: &File) -> Option<String> {
    let known = file.groups.iter().any(|g| g.name == group);
    (!known).then(|| format!("There is no group `{group}`; correct the name, or add it first."))
}

/// What is wrong with the names of who decides.
fn named(level: &LevelFields, file: &File) -> Wrong {
    let typed = level.named.trim();
    let unknown = |all: Vec<String>, is: &dyn Fn(&str) -> bool, what: &str| {
        let strange: Vec<String> = all.iter().filter(|n| !is(n)).map(|n| format!("`{n}`")).collect();
        (!strange.is_empty()).then(|| format!("{what} {}; correct it, or add it first.", strange.join(" or ")))
    };
    let text = match level.who.as_str() {
        "members_of" | "managers_of" if typed.is_empty() => Some("Name the group.".to_owned()),
        "people" if typed.is_empty() => Some("Name who decides, by handle.".to_owned()),
        "contacts" if typed.is_empty() => Some("Name the contacts.".to_owned()),
        "members_of" | "managers_of" => unknown_group(typed, file),
        "people" => {
            let is = |handle: &str| file.people.iter().any(|p| p.handle == handle);
            unknown(words(typed), &is, "Nobody signs in as")
        }
        "contacts" => {
            let is = |name: &str| file.contacts.iter().any(|c| c.name == name);
            unknown(names(typed), &is, "There is no contact")
        }
        _ => None,
    };
    text.map(|text| ("named", text)).into_iter().collect()
}

fn notice(line: &str, file: &File) -> Result<NoticeEntry, String> {
    let read = line.split_once(' ').and_then(|(scope, group)| Some((SCOPES.iter().find(|s| s.1 == scope)?.0, group)));
    let (scope, group) = read.ok_or_else(|| {
        format!("`{line}` names nobody to tell; write `all`, `approver` or `requester`, and a group.")
    })?;
    match unknown_group(group.trim(), file) {
        Some(text) => Err(text),
        None => Ok(NoticeEntry { group: group.trim().to_owned(), scope }),
    }
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
