//! Rules: a list to read, a form for one, and what all of them together say of somebody, as it is and as the form would
//! have it (R2, R83, R93). What a form says becomes a file, and a page says what proposing it would change.

use super::fields::{Again, Field, Filled, MadeFrom, NAMELESS, Names, base_of, proposed};
use super::{Notice, Page, Shell, Visit, page};
use crate::draw::{Run, lines};
use crate::fault::status_of;
use crate::guard::escaped;
use askama::Template;
use axum::Form;
use axum::extract::Query;
use axum::http::StatusCode;
use countersign_control::view::{Combined, Draft, Explanation, Known, RuleQuery, RuleView, Typed};
use countersign_control::{Fault, Part, Question, QuestionAct};
use countersign_core::Permission;
use countersign_inspect::{shell, sql};
use countersign_journal::{Language, Outcome};
use serde::Deserialize;

/// What holds where no rule speaks, and why it differs by act.
pub(crate) const UNSPOKEN: &str = "Without a rule nobody connects; in a session that is open, a statement or command runs \
    unless a rule holds it; and a change of the configuration is approved by another administrator.";
/// What is said of a rule before anything of it was entered.
const UNTOUCHED: &str = "Once the rule says who, what and what it takes, this shows what all rules together say then.";

#[derive(Template)]
#[template(path = "rules.html")]
struct RulesPage {
    shell: Shell,
    rules: Vec<RuleView>,
    known: Known,
    query: RuleParams,
    may_propose: bool,
}

#[derive(Template)]
#[template(path = "rule.html")]
struct RulePage {
    shell: Shell,
    /// The rule that is changed; empty for a new one.
    name: String,
    form: Filled,
    from: MadeFrom,
    known: Known,
    combined: Option<Combined>,
    /// Why the draft says nothing yet.
    unclear: Option<String>,
}

const ACTS: [(&str, &str); 4] = [
    ("connect", "Connect"),
    ("query", "Run statements"),
    ("run", "Run commands"),
    ("administer", "Change the configuration"),
];
const OUTCOMES: [(&str, &str); 4] =
    [("approve", "Approval first"), ("justify", "A reason, then go ahead"), ("allow", "Go ahead"), ("deny", "No")];
const EXCLUSIVE: [(&str, &str); 3] =
    [("", "As usual: where a connection needs approval"), ("true", "Yes"), ("false", "No")];
const RECORDING: [(&str, &str); 2] =
    [("normal", "Durable within 250 ms"), ("strict", "Durable before anything is released")];
const EXPORTED: [(&str, &str); 2] =
    [("", "Yes, by whoever may watch them"), ("false", "No, they are only watched here")];
const KINDS: [&str; 27] = [
    "select",
    "insert",
    "update",
    "delete",
    "merge",
    "truncate",
    "create",
    "alter",
    "drop",
    "grant",
    "copy_in",
    "copy_out",
    "call",
    "do",
    "prepare",
    "execute",
    "deallocate",
    "declare",
    "fetch",
    "set",
    "show",
    "explain",
    "transaction",
    "notify",
    "lock",
    "maintain",
    "other",
];

/// What a rule demands, in a badge.
pub(crate) fn badge(outcome: &Outcome) -> (&'static str, &'static str, &'static str) {
    match outcome {
        Outcome::Allow => ("Go ahead", "badge-good", "check"),
        Outcome::Justify => ("Reason first", "", "scroll-text"),
        Outcome::Approve => ("Approval first", "badge-warn", "stamp"),
        Outcome::Deny => ("No", "badge-bad", "ban"),
    }
}

/// A ruling, beside another.
#[derive(Template)]
#[template(path = "ruling.html")]
struct RulingView<'r> {
    ruling: &'r Explanation,
}

impl askama::filters::HtmlSafe for RulingView<'_> {}

impl RulesPage {
    fn acts(&self) -> &'static [(&'static str, &'static str)] {
        &ACTS
    }

    fn narrowed(&self) -> bool {
        let RuleParams { person, target, act } = &self.query;
        [person, target, act].iter().any(|t| !t.trim().is_empty())
    }

    fn names(&self) -> Names<'_> {
        Names { known: &self.known }
    }
}

impl RulePage {
    fn names(&self) -> Names<'_> {
        Names { known: &self.known }
    }

    fn kinds(&self) -> &'static [&'static str] {
        &KINDS
    }

    fn act(&self) -> Field<'_> {
        self.form.choice("act", "Act", "", &ACTS)
    }

    fn try_act(&self) -> Field<'_> {
        self.form.choice("try_act", "Act", "", &ACTS)
    }

    /// The text one asked about, as it would be read.
    fn tried(&self) -> Vec<Vec<Run>> {
        let language = if self.form.typed.text("try_act") == "run" { Language::Shell } else { Language::Sql };
        lines(self.form.typed.text("try_sql"), language)
    }

    fn outcome(&self) -> Field<'_> {
        self.form.choice("outcome", "Demand", "", &OUTCOMES)
    }

    fn exclusive(&self) -> Field<'_> {
        self.form.choice("exclusive", "Nobody else on the account meanwhile", "", &EXCLUSIVE)
    }

    fn recording(&self) -> Field<'_> {
        self.form.choice("recording", "Recording", "", &RECORDING)
    }

    fn exported(&self) -> Field<'_> {
        self.form.choice("recording_export", "Recordings may be exported", "", &EXPORTED)
    }

    fn ruling<'r>(&self, ruling: &'r Explanation) -> RulingView<'r> {
        RulingView { ruling }
    }

    /// Whether the draft changes nothing for whom one asked about.
    fn same(&self, combined: &Combined) -> bool {
        combined.now == combined.then
    }
}

#[derive(Deserialize, Default)]
pub(crate) struct RuleParams {
    #[serde(default)]
    person: String,
    #[serde(default)]
    target: String,
    #[serde(default)]
    act: String,
}

/// `GET /rules`
pub(crate) async fn list(visit: Visit, Query(params): Query<RuleParams>) -> Page {
    let control = &visit.site.control;
    let RuleParams { person, target, act } = &params;
    let query = RuleQuery { person: person.clone(), target: target.clone(), act: act.clone() };
    let (status, notice, rules) = match control.rules(visit.actor(), &query) {
        Ok(rules) => (StatusCode::OK, None, rules),
        Err(fault @ Fault::Input(_)) => (status_of(&fault).0, Some(Notice::bad(&fault)), Vec::new()),
        Err(fault) => return Err(fault.into()),
    };
    let known = control.known(visit.actor())?;
    let may_propose = visit.actor().may(Permission::ProposeChanges);
    let shell = visit.shell("Rules", "rules").saying(notice);
    page(status, &RulesPage { shell, rules, known, query: params, may_propose })
}

#[derive(Deserialize)]
pub(crate) struct NameParams {
    #[serde(default)]
    name: String,
}

/// `GET /rules/edit`
pub(crate) async fn edit(visit: Visit, Query(NameParams { name }): Query<NameParams>) -> Page {
    let typed = match visit.site.control.rule_typed(visit.actor(), &name)? {
        Some(typed) => typed,
        None if name.is_empty() => Typed::default(),
        None => return Err(Fault::NotFound.into()),
    };
    show(&visit, name, typed, Again::default())
}

/// `POST /rules`
pub(crate) async fn change(visit: Visit, Form(fields): Form<Vec<(String, String)>>) -> Page {
    let typed: Typed = fields.into_iter().collect();
    let name = typed.text("known").to_owned();
    let control = &visit.site.control;
    if typed.has("do", "explain") {
        return show(&visit, name, typed, Again::default());
    }
    let made = || match typed.has("do", "remove") {
        true => control.without_rule(visit.actor(), &name),
        false => control.with_rule(visit.actor(), &name, &typed),
    };
    match proposed(&visit, Part::Rule(&name), &typed, made).await {
        Ok(page) => page,
        Err(again) => show(&visit, name, typed, again),
    }
}

/// The form, and what the rules together say of whom it asks about.
fn show(visit: &Visit, name: String, typed: Typed, again: Again) -> Page {
    let Again { status, wrongs, notice, meanwhile } = again;
    let control = &visit.site.control;
    let known = control.known(visit.actor())?;
    // Nothing is wrong with a form before anything was entered.
    let untouched = typed.fields().next().is_none();
    let typed = asked_about(visit, typed)?;
    let (combined, unclear) = match combined(visit, &name, &typed) {
        _ if untouched => (None, Some(UNTOUCHED.to_owned())),
        Ok(combined) => (Some(combined), None),
        Err(text) => (None, Some(text)),
    };
    let title = if name.is_empty() { "New rule".to_owned() } else { format!("Rule {name}") };
    let mut shell = visit.shell(title, "rules").saying(notice);
    // What is being edited is not fetched anew under the editor's hands.
    shell.refresh = None;
    let from = MadeFrom::of(visit, base_of(&typed), meanwhile, format!("/rules/edit?name={}", escaped(&name)));
    page(status, &RulePage { shell, name, form: Filled { typed, wrongs }, from, known, combined, unclear })
}

/// Whom one asks about before one said so: somebody the rule speaks of, where it reaches.
fn asked_about(visit: &Visit, typed: Typed) -> Result<Typed, Fault> {
    let (person, target) = visit.site.control.somebody(visit.actor(), &typed)?;
    let act = if typed.text("act").is_empty() { "connect".to_owned() } else { typed.text("act").to_owned() };
    Ok(typed.or("try_person", &person).or("try_target", &target).or("try_act", &act))
}

fn combined(visit: &Visit, name: &str, typed: &Typed) -> Result<Combined, String> {
    let control = &visit.site.control;
    let said = |fault: Fault| crate::fault::sentence(&fault.to_string());
    let draft = typed.clone().or("name", NAMELESS);
    let file = match control.with_rule(visit.actor(), name, &draft).map_err(said)? {
        Draft::File(file) => file,
        Draft::Wrong(wrongs) => return Err(wrongs.into_values().next().unwrap_or_default()),
    };
    let text = typed.text("try_sql").trim();
    let act = typed.text("try_act");
    let facts = if act == "run" { shell::facts(text) } else { sql::facts(text) };
    let act = match act {
        "administer" => QuestionAct::Administer,
        "query" | "run" if text.is_empty() => return Err("Enter what one would run.".to_owned()),
        "query" | "run" => QuestionAct::Run(&facts),
        _ => QuestionAct::Connect,
    };
    let question = Question { person: typed.text("try_person"), target: typed.text("try_target"), act };
    control.combined(visit.actor(), &file, &question).map_err(said)
}
