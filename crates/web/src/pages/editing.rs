//! Workflows, accounts' own set-ups and parameters as forms (R83, R84, R86). What a form says becomes a file, and the
//! Configuration page says what proposing it would change.

use super::configuration::planned;
use super::{Page, Shell, Visit, ok};
use askama::Template;
use axum::Form;
use axum::extract::{Path, Query};
use countersign_control::Fault;
use countersign_control::view::{AccountView, LevelFields, LevelToday, WorkflowView};
use countersign_core::Permission;
use countersign_journal::AccountId;
use serde::Deserialize;
use std::collections::HashMap;

/// Levels a form may have.
const LEVELS_MAX: usize = 20;
/// Levels an account's own form has (R10).
const ACCOUNT_LEVELS: usize = 3;

#[derive(Template)]
#[template(path = "workflows.html")]
struct WorkflowsPage {
    shell: Shell,
    workflows: Vec<WorkflowView>,
    timeouts: Vec<String>,
    may_propose: bool,
}

#[derive(Template)]
#[template(path = "workflow.html")]
struct WorkflowPage {
    shell: Shell,
    name: String,
    known: bool,
    fields: LevelForms,
}

#[derive(Template)]
#[template(path = "accounts.html")]
struct AccountsPage {
    shell: Shell,
    accounts: Vec<AccountView>,
    may_propose: bool,
}

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    shell: Shell,
    account: AccountView,
    fields: LevelForms,
}

/// Levels as fields; the last is empty, for one more.
#[derive(Template)]
#[template(path = "levels_form.html")]
pub(crate) struct LevelForms {
    levels: Vec<LevelFields>,
    timeouts: Vec<String>,
}

impl askama::filters::HtmlSafe for LevelForms {}

const WHO: [(&str, &str); 8] = [
    ("members_of", "Members of a group"),
    ("managers_of", "Managers of a group"),
    ("people", "People, by handle"),
    ("line_manager", "The requester's line manager"),
    ("account_owners", "Owners of the account"),
    ("account_managers", "Managers of the account"),
    ("administrators", "Administrators"),
    ("contacts", "Contacts outside, by name"),
];
const THEN: [(&str, &str); 3] = [
    ("expire", "it expires"),
    ("escalate_to_managers_of", "managers of this group decide"),
    ("escalate_to_members_of", "members of this group decide"),
];

impl LevelForms {
    fn who(&self) -> &'static [(&'static str, &'static str)] {
        &WHO
    }

    fn then(&self) -> &'static [(&'static str, &'static str)] {
        &THEN
    }
}

/// Levels in words.
#[derive(Template)]
#[template(path = "levels_today.html")]
struct LevelsToday<'l> {
    levels: &'l [LevelToday],
}

impl askama::filters::HtmlSafe for LevelsToday<'_> {}

impl WorkflowsPage {
    fn today<'w>(&self, workflow: &'w WorkflowView) -> LevelsToday<'w> {
        LevelsToday { levels: &workflow.levels }
    }
}

impl AccountsPage {
    fn today<'a>(&self, account: &'a AccountView) -> LevelsToday<'a> {
        LevelsToday { levels: &account.levels }
    }
}

/// `GET /workflows`
pub(crate) async fn workflows(visit: Visit) -> Page {
    let workflows = visit.site.control.workflows(visit.actor())?;
    let timeouts = visit.site.control.timeouts();
    let may_propose = visit.actor().may(Permission::ProposeChanges);
    ok(&WorkflowsPage { shell: visit.shell("Workflows", "workflows"), workflows, timeouts, may_propose })
}

#[derive(Deserialize)]
pub(crate) struct NameParams {
    #[serde(default)]
    name: String,
}

/// `GET /workflows/edit`
pub(crate) async fn workflow(visit: Visit, Query(NameParams { name }): Query<NameParams>) -> Page {
    let known = visit.site.control.workflows(visit.actor())?.into_iter().find(|w| w.name == name);
    let title = if known.is_some() { format!("Workflow {name}") } else { "New workflow".to_owned() };
    let mut shell = visit.shell(title, "workflows");
    shell.refresh = None;
    let levels = known.as_ref().map(|w| w.fields.clone()).unwrap_or_default();
    ok(&WorkflowPage { shell, name, known: known.is_some(), fields: forms(&visit, levels, None) })
}

fn forms(visit: &Visit, mut levels: Vec<LevelFields>, exactly: Option<usize>) -> LevelForms {
    let wanted = exactly.unwrap_or((levels.len() + 1).min(LEVELS_MAX));
    levels.resize_with(wanted.max(levels.len()), LevelFields::default);
    LevelForms { levels, timeouts: visit.site.control.timeouts() }
}

/// A form whose fields carry the number of their level: `who-0`.
type Fields = HashMap<String, String>;

fn levels(form: &Fields) -> Vec<LevelFields> {
    let level = |n: usize| {
        let text = |field: &str| form.get(&format!("{field}-{n}")).cloned().unwrap_or_default();
        let set = |field: &str| form.contains_key(&format!("{field}-{n}"));
        LevelFields {
            who: text("who"),
            named: text("named"),
            approvals: text("approvals"),
            rejections: text("rejections"),
            timeout: text("timeout"),
            then: text("then"),
            then_group: text("then_group"),
            notify: text("notify"),
            mail: set("mail"),
            choose: set("choose"),
            second_factor: set("second_factor"),
        }
    };
    (0..LEVELS_MAX).map(level).collect()
}

fn text(form: &Fields, name: &str) -> String {
    form.get(name).map(|t| t.replace("\r\n", "\n")).unwrap_or_default()
}

/// `POST /workflows`
pub(crate) async fn change_workflow(visit: Visit, Form(form): Form<Fields>) -> Page {
    let made = visit.site.control.with_workflow(visit.actor(), &text(&form, "name"), &levels(&form));
    planned(&visit, made).await
}

/// `POST /parameters`
pub(crate) async fn change_parameters(visit: Visit, Form(form): Form<Fields>) -> Page {
    let made = visit.site.control.with_timeouts(visit.actor(), &text(&form, "timeouts"));
    planned(&visit, made).await
}

/// `GET /accounts`
pub(crate) async fn accounts(visit: Visit) -> Page {
    let accounts = visit.site.control.accounts(visit.actor())?;
    let may_propose = visit.actor().may(Permission::ProposeChanges);
    ok(&AccountsPage { shell: visit.shell("Accounts", "accounts"), accounts, may_propose })
}

fn account_of(visit: &Visit, id: &str) -> Result<AccountView, Fault> {
    let id = id.parse().map(AccountId).map_err(|_| Fault::NotFound)?;
    let found = visit.site.control.accounts(visit.actor())?.into_iter().find(|a| a.account == id);
    found.ok_or(Fault::NotFound)
}

/// `GET /accounts/{account}`
pub(crate) async fn account(visit: Visit, Path(id): Path<String>) -> Page {
    let account = account_of(&visit, &id)?;
    let mut shell = visit.shell(format!("Account {}", account.label), "accounts");
    shell.refresh = None;
    let fields = forms(&visit, account.fields.clone(), Some(ACCOUNT_LEVELS));
    ok(&AccountPage { shell, account, fields })
}

/// `POST /accounts/{account}`
pub(crate) async fn change_account(visit: Visit, Path(id): Path<String>, Form(form): Form<Fields>) -> Page {
    let known = account_of(&visit, &id)?;
    let wanted = AccountView {
        owners: text(&form, "owners"),
        managers: text(&form, "managers"),
        fields: levels(&form),
        exclude_people: text(&form, "exclude_people"),
        exclude_groups: text(&form, "exclude_groups"),
        automatic: text(&form, "automatic"),
        zone: text(&form, "zone"),
        ..known
    };
    let made = visit.site.control.with_account(visit.actor(), wanted.account, &wanted);
    planned(&visit, made).await
}
