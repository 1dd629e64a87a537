//! The configuration: what is in force, edited as a file and proposed; its versions, compared and restored.

use super::fields::{Again, MadeFrom, base_of, proposed};
use super::{Page, Shell, Visit, page};
use crate::api::request_id;
use crate::draw::{Run, lines};
use crate::fault::PageFault;
use crate::reader::Reader;
use askama::Template;
use axum::Form;
use axum::extract::{FromRequest, Path, Request};
use axum::http::StatusCode;
use countersign_control::view::{Base, Configuration, DiffLine, Draft, Typed, VersionView};
use countersign_control::{Fault, Part};
use countersign_core::Permission;
use countersign_journal::Language;

#[derive(Template)]
#[template(path = "configuration.html")]
struct ConfigurationPage<'p> {
    shell: Shell,
    reader: &'p Reader,
    file: String,
    from: MadeFrom,
    /// Whether the editor holds something else than what is in force.
    drafted: bool,
    /// What nobody can approve as things are.
    warnings: Vec<String>,
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
    fn runs(&self, text: &str) -> Vec<Vec<Run>> {
        lines(text, Language::Sql)
    }

    fn class(&self, line: &DiffLine) -> &'static str {
        match line.sign {
            "+" => "added",
            "-" => "removed",
            "…" => "gap",
            _ => "same",
        }
    }
}

impl VersionPage {
    fn difference(&self) -> Difference<'_> {
        Difference { lines: &self.lines }
    }
}

/// `GET /configuration`
pub(crate) async fn show(visit: Visit) -> Page {
    let file = visit.site.control.configuration(visit.actor()).await?.file;
    render(&visit, file, "", Again::default()).await
}

/// `POST /configuration`
pub(crate) async fn propose(visit: Visit, request: Request) -> Page {
    let read = Form::<Vec<(String, String)>>::from_request(request, &visit.site).await;
    let Form(fields) = read.map_err(|e| PageFault::from(Fault::Input(format!("the form cannot be read: {e}"))))?;
    let typed: Typed = fields.into_iter().collect();
    let file = typed.text("file");
    let made = || Ok(Draft::File(file.to_owned()));
    match proposed(&visit, Part::Whole, &typed, made).await {
        Ok(page) => page,
        Err(again) => render(&visit, file.to_owned(), base_of(&typed), again).await,
    }
}

async fn render(visit: &Visit, file: String, base: &str, again: Again) -> Page {
    let Again { status, notice, meanwhile, .. } = again;
    let mut shell = visit.shell("Configuration", "configuration").saying(notice);
    // What is being edited is not fetched anew under the editor's hands.
    shell.refresh = None;
    let versions = visit.site.control.versions(visit.actor()).await?;
    let may_propose = visit.actor().may(Permission::ProposeChanges);
    let Configuration { file: in_force, warnings, .. } = visit.site.control.configuration(visit.actor()).await?;
    let (reader, drafted) = (&visit.reader, file != in_force);
    let from = MadeFrom::of(visit, base, meanwhile, "/configuration".to_owned());
    page(status, &ConfigurationPage { shell, reader, file, from, drafted, warnings, versions, may_propose })
}

/// `GET /configuration/versions/{id}`
pub(crate) async fn version(visit: Visit, Path(id): Path<String>) -> Page {
    let (id, control) = (request_id(&id)?, &visit.site.control);
    let file = control.version(visit.actor(), id).await?;
    let lines = control.compare_versions(visit.actor(), id, None).await?;
    let shell = visit.shell(format!("Configuration of {id}"), "configuration");
    let may_propose = visit.actor().may(Permission::ProposeChanges);
    let base = control.configuration(visit.actor()).await?.base;
    page(StatusCode::OK, &VersionPage { shell, id: id.0, file, base, lines, may_propose })
}
