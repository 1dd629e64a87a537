//! Workflows, accounts' own set-ups and system parameters as forms (R75, R83, R84, R86). What a form says becomes a file, and a
//! page says what proposing it would change.

use super::fields::{Again, MadeFrom, NAMELESS, Names, Wrong, base_of, proposed};
use super::planned::sealed;
use super::things::Authority;
use super::{Page, Shell, Visit, ok, page};
use crate::guard::escaped;
use crate::reader::Reader;
use askama::Template;
use axum::Form;
use axum::extract::{Path, Query};
use countersign_control::view::{
    AccountView, Known, LevelFields, LevelToday, ParametersView, Typed, WorkflowView, Wrongs,
};
use countersign_control::{Fault, Part, Thing};
use countersign_core::Permission;
use countersign_journal::AccountId;
use serde::Deserialize;

/// Levels a form may have.
const LEVELS_MAX: usize = 20;
/// Levels a new workflow and an account's own form have (R10).
const USUAL_LEVELS: usize = 3;
/// What is said of a workflow before anything of it was entered.
const UNTOUCHED: &str =
    "Once a level says who decides, this shows who that would be today, and what happens if nobody does.";

#[derive(Template)]
#[template(path = "workflows.html")]
struct WorkflowsPage {
    shell: Shell,
    workflows: Vec<WorkflowView>,
    may_propose: bool,
}

#[derive(Template)]
#[template(path = "parameters.html")]
struct ParametersPage {
    shell: Shell,
    /// As they stand in the form.
    fields: ParametersView,
    known: Known,
    wrongs: Wrongs,
    from: MadeFrom,
    may_propose: bool,
}

#[derive(Template)]
#[template(path = "workflow.html")]
struct WorkflowPage {
    shell: Shell,
    /// The one that is changed; empty for a new one.
    name: String,
    /// What a new one is to be called.
    called: String,
    from: MadeFrom,
    fields: LevelForms,
    /// Who could decide, as it stands in the form; or why that cannot be said.
    drafted: Result<Vec<LevelToday>, String>,
}

#[derive(Template)]
#[template(path = "accounts.html")]
struct AccountsPage {
    shell: Shell,
    accounts: Vec<AccountView>,
    reader: Reader,
    may_propose: bool,
}

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    shell: Shell,
    account: AccountView,
    authority: Authority,
    from: MadeFrom,
    fields: LevelForms,
}

/// Levels as fields; the last is empty, for one more.
#[derive(Template)]
#[template(path = "levels_form.html")]
pub(crate) struct LevelForms {
    levels: Vec<LevelFields>,
    timeouts: Vec<String>,
    known: Known,
    /// What is wrong, by field and level: `timeout-0`.
    wrongs: Wrongs,
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
    ("escalate_to_managers_of", "the managers of the escalation group decide"),
    ("escalate_to_members_of", "the members of the escalation group decide"),
];

impl LevelForms {
    fn who(&self) -> &'static [(&'static str, &'static str)] {
        &WHO
    }

    fn then(&self) -> &'static [(&'static str, &'static str)] {
        &THEN
    }

    fn names(&self) -> Names<'_> {
        Names { known: &self.known }
    }

    /// What is wrong with a field of a level.
    fn wrong(&self, field: &str, at: usize) -> Wrong<'_> {
        self.wrong_with(&format!("{field}-{at}"))
    }

    fn wrong_with(&self, field: &str) -> Wrong<'_> {
        Wrong { text: self.wrongs.get(field).map(String::as_str), field: field.to_owned() }
    }

    /// Whether a level that is not there yet stands open: the first of none, and one with something wrong.
    fn stands_open(&self, at: usize) -> bool {
        let none = self.levels.iter().all(|l| l.who.is_empty());
        (none && at == 0) || self.wrongs.keys().any(|field| field.ends_with(&format!("-{at}")))
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

impl ParametersPage {
    fn names(&self) -> Names<'_> {
        Names { known: &self.known }
    }

    fn wrong(&self, field: &str) -> Wrong<'_> {
        Wrong { text: self.wrongs.get(field).map(String::as_str), field: field.to_owned() }
    }
}

impl WorkflowPage {
    fn today<'l>(&self, levels: &'l [LevelToday]) -> LevelsToday<'l> {
        LevelsToday { levels }
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
    let may_propose = visit.actor().may(Permission::ProposeChanges);
    ok(&WorkflowsPage { shell: visit.shell("Workflows", "workflows"), workflows, may_propose })
}

#[derive(Deserialize)]
pub(crate) struct NameParams {
    #[serde(default)]
    name: String,
}

/// `GET /workflows/edit`
pub(crate) async fn workflow(visit: Visit, Query(NameParams { name }): Query<NameParams>) -> Page {
    let known = visit.site.control.workflows(visit.actor())?.into_iter().find(|w| w.name == name);
    let levels = match known {
        Some(known) => known.fields,
        None if name.is_empty() => Vec::new(),
        None => return Err(Fault::NotFound.into()),
    };
    show_workflow(&visit, name, Typed::default(), levels, Again::default())
}

fn show_workflow(visit: &Visit, name: String, typed: Typed, levels: Vec<LevelFields>, again: Again) -> Page {
    let Again { status, wrongs, notice, meanwhile } = again;
    let title = if name.is_empty() { "New workflow".to_owned() } else { format!("Workflow {name}") };
    let mut shell = visit.shell(title, "workflows").saying(notice);
    shell.refresh = None;
    let from = MadeFrom::of(visit, base_of(&typed), meanwhile, format!("/workflows/edit?name={}", escaped(&name)));
    let called = typed.text("name").to_owned();
    let drafted = drafted(visit, &name, typed, &levels);
    let wanted = (levels.len() + 1).max(if name.is_empty() { USUAL_LEVELS } else { 0 });
    let fields = forms(visit, levels, wanted.min(LEVELS_MAX), wrongs)?;
    page(status, &WorkflowPage { shell, name, called, from, fields, drafted })
}

/// Who could decide the levels as typed, and when what happens by itself.
fn drafted(visit: &Visit, name: &str, typed: Typed, levels: &[LevelFields]) -> Result<Vec<LevelToday>, String> {
    if levels.is_empty() {
        return Err(UNTOUCHED.to_owned());
    }
    let found = visit.site.control.workflow_drafted(visit.actor(), name, &typed.or("name", NAMELESS), levels);
    found.map_err(|fault| crate::fault::sentence(&fault.to_string()))
}

fn forms(visit: &Visit, mut levels: Vec<LevelFields>, wanted: usize, wrongs: Wrongs) -> Result<LevelForms, Fault> {
    levels.resize_with(wanted.max(levels.len()), LevelFields::default);
    let known = visit.site.control.known(visit.actor())?;
    Ok(LevelForms { levels, timeouts: visit.site.control.timeouts(), known, wrongs })
}

/// The levels of a form, whose fields carry the number of their level, as far as anything was typed: `who-0`.
fn levels(form: &Typed) -> Vec<LevelFields> {
    let level = |n: usize| {
        let text = |field: &str| form.text(&format!("{field}-{n}")).to_owned();
        let set = |field: &str| !text(field).is_empty();
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
    let mut levels: Vec<_> = (0..LEVELS_MAX).map(level).collect();
    let empty = |l: &LevelFields| [&l.who, &l.named, &l.timeout, &l.then_group].iter().all(|t| t.trim().is_empty());
    levels.truncate(levels.iter().rposition(|l| !empty(l)).map_or(0, |last| last + 1));
    levels
}

type Fields = Form<Vec<(String, String)>>;

/// `POST /workflows`
pub(crate) async fn change_workflow(visit: Visit, Form(fields): Fields) -> Page {
    let typed: Typed = fields.into_iter().collect();
    let (name, levels) = (typed.text("known").to_owned(), levels(&typed));
    if typed.has("do", "draft") {
        return show_workflow(&visit, name, typed, levels, Again::default());
    }
    let made = || match typed.has("do", "remove") {
        true => visit.site.control.without_workflow(visit.actor(), &name),
        false => visit.site.control.with_workflow(visit.actor(), &name, &typed, &levels),
    };
    match proposed(&visit, Part::Workflow(&name), &typed, made).await {
        Ok(page) => page,
        Err(again) => show_workflow(&visit, name, typed, levels, again),
    }
}

/// `GET /parameters`
pub(crate) async fn parameters(visit: Visit) -> Page {
    let fields = visit.site.control.parameters(visit.actor())?;
    show_parameters(&visit, "", fields, Again::default())
}

fn show_parameters(visit: &Visit, base: &str, fields: ParametersView, again: Again) -> Page {
    let Again { status, wrongs, notice, meanwhile } = again;
    let may_propose = visit.actor().may(Permission::ProposeChanges);
    let mut shell = visit.shell("System parameters", "parameters").saying(notice);
    // What is being edited is not fetched anew under the editor's hands.
    shell.refresh = shell.refresh.filter(|_| !may_propose);
    let from = MadeFrom::of(visit, base, meanwhile, "/parameters".to_owned());
    let known = visit.site.control.known(visit.actor())?;
    page(status, &ParametersPage { shell, fields, known, wrongs, from, may_propose })
}

/// `POST /parameters`
pub(crate) async fn change_parameters(visit: Visit, Form(fields): Fields) -> Page {
    let typed: Typed = fields.into_iter().collect();
    let wanted = ParametersView {
        timeouts: typed.text("timeouts").to_owned(),
        watch_approval: typed.has("watch_approval", "yes"),
        approvers: typed.text("approvers").to_owned(),
    };
    let made = || visit.site.control.with_parameters(visit.actor(), &wanted);
    match proposed(&visit, Part::Parameters, &typed, made).await {
        Ok(page) => page,
        Err(again) => show_parameters(&visit, base_of(&typed), wanted, again),
    }
}

/// `GET /accounts`
pub(crate) async fn accounts(visit: Visit) -> Page {
    let accounts = visit.site.control.accounts(visit.actor())?;
    let may_propose = visit.actor().may(Permission::ProposeChanges);
    let (shell, reader) = (visit.shell("Accounts", "accounts"), visit.reader.clone());
    ok(&AccountsPage { shell, accounts, reader, may_propose })
}

fn account_of(visit: &Visit, id: &str) -> Result<AccountView, Fault> {
    let id = id.parse().map(AccountId).map_err(|_| Fault::NotFound)?;
    let found = visit.site.control.accounts(visit.actor())?.into_iter().find(|a| a.account == id);
    found.ok_or(Fault::NotFound)
}

/// `GET /accounts/{account}`
pub(crate) async fn account(visit: Visit, Path(id): Path<String>) -> Page {
    let account = account_of(&visit, &id)?;
    show_account(&visit, account, "", Again::default())
}

fn show_account(visit: &Visit, account: AccountView, base: &str, again: Again) -> Page {
    let Again { status, wrongs, notice, meanwhile } = again;
    let mut shell = visit.shell(format!("Account {}", account.label), "accounts").saying(notice);
    shell.refresh = None;
    let from = MadeFrom::of(visit, base, meanwhile, format!("/accounts/{}", account.account.0));
    let fields = forms(visit, account.fields.clone(), USUAL_LEVELS, wrongs)?;
    let authority = Authority::of(visit)?;
    page(status, &AccountPage { shell, account, authority, from, fields })
}

/// `POST /accounts/{account}`
pub(crate) async fn change_account(visit: Visit, Path(id): Path<String>, Form(fields): Fields) -> Page {
    let known = account_of(&visit, &id)?;
    let typed = sealed(&visit, &known.label, fields)?;
    let text = |field: &str| typed.text(field).to_owned();
    let wanted = AccountView {
        certificate: typed.has("certificate", "true"),
        owners: text("owners"),
        managers: text("managers"),
        fields: levels(&typed),
        exclude_people: text("exclude_people"),
        exclude_groups: text("exclude_groups"),
        automatic: text("automatic"),
        zone: text("zone"),
        ..known
    };
    let made = || visit.site.control.with_account(visit.actor(), wanted.account, &wanted);
    match proposed(&visit, Part::Thing(Thing::Account, &wanted.label), &typed, made).await {
        Ok(page) => page,
        Err(again) => show_account(&visit, wanted, base_of(&typed), again),
    }
}
