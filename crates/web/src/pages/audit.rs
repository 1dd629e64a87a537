//! The audit: what happened, newest first.

use super::{Page, Shell, Visit, ok};
use crate::guard::escaped;
use crate::reader::Reader;
use askama::Template;
use axum::extract::{Query, State};
use countersign_control::view::{AuditLine, AuditQuery};
use serde::Deserialize;

/// Lines on one page.
const LINES: usize = 100;

#[derive(Deserialize)]
pub(crate) struct ListParams {
    #[serde(default)]
    text: String,
    #[serde(default)]
    kind: String,
    before: Option<u64>,
}

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage<'p> {
    shell: Shell,
    reader: &'p Reader,
    lines: Vec<AuditLine>,
    params: ListParams,
    head: String,
}

impl AuditPage<'_> {
    fn older(&self) -> Option<String> {
        let last = self.lines.last().filter(|_| self.lines.len() == LINES)?;
        let (text, kind) = (escaped(&self.params.text), escaped(&self.params.kind));
        Some(format!("/audit?text={text}&kind={kind}&before={}", last.seq))
    }
}

/// `GET /audit`
pub(crate) async fn list(visit: Visit, Query(params): Query<ListParams>) -> Page {
    let (text, kind) = (params.text.trim().to_owned(), params.kind.trim().to_owned());
    let query = AuditQuery { text, kind, before: params.before, limit: LINES };
    let lines = visit.site.control.audit(visit.actor(), &query).await?;
    let head = visit.site.control.head().to_string();
    ok(&AuditPage { shell: visit.shell("Audit", "audit"), reader: &visit.reader, lines, params, head })
}

/// `POST /audit/export`: a copy stands in the audit as an act of whoever made it.
pub(crate) async fn export(visit: Visit) -> Page {
    let Visit { site, signed, .. } = visit;
    crate::api::audit::export(State(site), signed).await.map_err(|fault| fault.0.into())
}
