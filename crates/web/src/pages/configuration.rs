//! The configuration: what is in force, edited as a file and proposed; its versions, compared and restored.

use super::fields::MadeFrom;
use super::{DoneParams, Notice, Page, Shell, Visit, page, see};
use crate::api::request_id;
use crate::fault::{PageFault, status_of};
use crate::reader::Reader;
use askama::Template;
use axum::Form;
use axum::extract::{FromRequest, Path, Query, Request};
use axum::http::StatusCode;
use countersign_control::view::{Base, Configuration, DiffLine, Plan, Proposed, VersionView};
use countersign_control::{Fault, Part};
use countersign_core::Permission;
use serde::Deserialize;

#[derive(Template)]
#[template(path = "configuration.html")]
struct ConfigurationPage<'p> {
    shell: Shell,
    reader: &'p Reader,
    file: String,
    from: MadeFrom,
    reason: String,
    /// What nobody can approve as things are.
    warnings: Vec<String>,
    /// What proposing it would change, once asked.
    planned: Option<Plan>,
    versions: Vec<VersionView>,
    may_propose: bool,
}

#[derive(Template)]
#[template(path = "version.html")]
struct VersionPage {
    shell: Shell,
    id: u64,
    file: String,
    /// What is in force now.
    base: Base,
    /// From this version to what is in force.
    lines: Vec<DiffLine>,
    may_propose: bool,
}

/// A difference, line by line.
#[derive(Template)]
#[template(path = "difference.html")]
pub(crate) struct Difference<'d> {
    pub(crate) lines: &'d [DiffLine],
}

impl askama::filters::HtmlSafe for Difference<'_> {}

impl Difference<'_> {
    fn class(&self, line: &DiffLine) -> &'static str {
        match line.sign {
            "+" => "added",
            "-" => "removed",
            "…" => "gap",
            _ => "same",
        }
    }
}

impl ConfigurationPage<'_> {
    /// Whether the editor holds something else than what is in force.
    fn drafted(&self) -> bool {
        self.from.is_stale() || self.planned.as_ref().is_some_and(|plan| !plan.changes.is_empty())
    }
}

impl VersionPage {
    fn difference(&self) -> Difference<'_> {
        Difference { lines: &self.lines }
    }
}

#[derive(Deserialize)]
struct ProposalForm {
    file: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    act: String,
    base: String,
    #[serde(default)]
    seen: String,
}

/// `GET /configuration`
pub(crate) async fn show(visit: Visit, Query(done): Query<DoneParams>) -> Page {
    let Configuration { file, base, .. } = visit.site.control.configuration(visit.actor())?;
    render(&visit, Edited { file, base, reason: String::new(), planned: None }, (StatusCode::OK, done.notice())).await
}

/// `POST /configuration`
pub(crate) async fn propose(visit: Visit, request: Request) -> Page {
    let read = Form::<ProposalForm>::from_request(request, &visit.site).await;
    let Form(form) = read.map_err(|e| PageFault::from(Fault::Input(format!("the form cannot be read: {e}"))))?;
    // What was seen of others' changes is taken up; nothing else moves the version this was edited from.
    let base = if form.seen.is_empty() { &form.base } else { &form.seen }.parse::<Base>()?;
    let file = form.file.replace("\r\n", "\n");
    let mut edited = Edited { file, base, reason: form.reason, planned: None };
    let control = &visit.site.control;
    if form.act == "plan" {
        let answer = control.plan(visit.actor(), &edited.file).await;
        let said = answer.as_ref().map_or_else(said_no, |_| (StatusCode::OK, None));
        edited.planned = answer.ok();
        return render(&visit, edited, said).await;
    }
    match control.propose(visit.actor(), &edited.file, &edited.reason, Some(base)).await {
        Ok(Proposed { request: None, .. }) => see("/configuration?done=unchanged"),
        Ok(Proposed { request: Some(id), applied, .. }) => {
            let done = if applied { "applied" } else { "asked" };
            see(&format!("/requests/{}?done={done}&on={}", id.0, id.0))
        }
        Err(fault) => {
            // What it would change stays beside what was wrong with it.
            edited.planned = control.plan(visit.actor(), &edited.file).await.ok();
            render(&visit, edited, said_no(&fault)).await
        }
    }
}

/// The page with a file that a form made, and what proposing it would change.
pub(crate) async fn planned(visit: &Visit, file: String, base: Base, plan: Plan) -> Page {
    let edited = Edited { file, base, reason: String::new(), planned: Some(plan) };
    render(visit, edited, (StatusCode::OK, None)).await
}

/// What stands in the editor.
struct Edited {
    file: String,
    base: Base,
    reason: String,
    planned: Option<Plan>,
}

fn said_no(fault: &Fault) -> (StatusCode, Option<Notice>) {
    (status_of(fault).0, Some(Notice::bad(fault)))
}

async fn render(visit: &Visit, edited: Edited, (status, notice): (StatusCode, Option<Notice>)) -> Page {
    let mut shell = visit.shell("Configuration", "configuration").saying(notice);
    // What is being edited is not fetched anew under the editor's hands.
    shell.refresh = None;
    let versions = visit.site.control.versions(visit.actor()).await?;
    let may_propose = visit.actor().may(Permission::ProposeChanges);
    let warnings = visit.site.control.configuration(visit.actor())?.warnings;
    let (reader, Edited { file, base, reason, planned }) = (&visit.reader, edited);
    let meanwhile = visit.site.control.meanwhile(visit.actor(), base, Part::Whole, Some(&file)).await?;
    let from = MadeFrom::of(visit, &base.to_string(), meanwhile, "/configuration".to_owned());
    let shown = ConfigurationPage { shell, reader, file, from, reason, warnings, planned, versions, may_propose };
    page(status, &shown)
}

/// `GET /configuration/versions/{id}`
pub(crate) async fn version(visit: Visit, Path(id): Path<String>) -> Page {
    let (id, control) = (request_id(&id)?, &visit.site.control);
    let file = control.version(visit.actor(), id).await?;
    let lines = control.compare_versions(visit.actor(), id, None).await?;
    let shell = visit.shell(format!("Configuration of {id}"), "configuration");
    let may_propose = visit.actor().may(Permission::ProposeChanges);
    let base = control.configuration(visit.actor())?.base;
    page(StatusCode::OK, &VersionPage { shell, id: id.0, file, base, lines, may_propose })
}
