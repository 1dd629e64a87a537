//! Why: what would be demanded of a person on a target, by which rules, and who could decide (R93).

use super::{Notice, Page, Shell, Visit, page};
use crate::draw::{Run, lines};
use crate::fault::status_of;
use crate::written;
use askama::Template;
use axum::extract::Query;
use axum::http::StatusCode;
use countersign_control::Fault;
use countersign_control::view::Explanation;
use countersign_journal::{Language, Outcome};
use serde::Deserialize;

#[derive(Template)]
#[template(path = "why.html")]
struct WhyPage {
    shell: Shell,
    params: WhyParams,
    targets: Vec<String>,
    answer: Option<Explanation>,
    language: Language,
}

impl WhyPage {
    fn demand(&self, outcome: &Outcome) -> &'static str {
        match outcome {
            Outcome::Allow => "go ahead",
            Outcome::Justify => "give a reason, then go ahead",
            Outcome::Approve => "approval first",
            Outcome::Deny => "no",
        }
    }

    fn lines(&self, text: &str) -> Vec<Vec<Run>> {
        lines(text, self.language)
    }
}

#[derive(Deserialize, Default)]
pub(crate) struct WhyParams {
    #[serde(default)]
    person: String,
    #[serde(default)]
    target: String,
    #[serde(default)]
    sql: String,
}

/// `GET /why`
pub(crate) async fn explain(visit: Visit, Query(mut params): Query<WhyParams>) -> Page {
    if params.person.trim().is_empty() {
        params.person = visit.actor().handle.clone();
    }
    let targets = visit.site.control.my_access(visit.actor()).into_iter().map(|line| line.target).collect();
    let (status, notice, answer) = match params.target.trim() {
        "" => (StatusCode::OK, None, None),
        target => match answer(&visit, &params, target) {
            Ok(answer) => (StatusCode::OK, None, Some(answer)),
            Err(fault) => (status_of(&fault).0, Some(Notice::bad(&fault)), None),
        },
    };
    let mut shell = visit.shell("Why", "why").saying(notice);
    shell.refresh = None;
    let language = written::language(&visit.site.control, visit.actor(), &params.target);
    page(status, &WhyPage { shell, params, targets, answer, language })
}

fn answer(visit: &Visit, params: &WhyParams, target: &str) -> Result<Explanation, Fault> {
    let control = &visit.site.control;
    let account = control.account_for(visit.actor(), target)?;
    let facts = written::facts(control, visit.actor(), target, &params.sql);
    control.explain(visit.actor(), params.person.trim(), account, facts.as_ref())
}
