//! Lists of requests: one's own, and everybody's.

use super::{DoneParams, Page, Shell, Visit, ok};
use crate::guard::escaped;
use crate::reader::Reader;
use askama::Template;
use axum::extract::Query;
use countersign_control::view::{RequestQuery, RequestView, Scope};
use countersign_journal::RequestId;
use serde::Deserialize;

/// Lines on one page of a list.
pub(crate) const LINES: usize = 50;
/// The filters a list offers.
const STATUSES: [&str; 7] = ["", "Pending", "Approved", "Disapproved", "Canceled", "Expired", "Revoked"];

#[derive(Deserialize)]
pub(crate) struct ListParams {
    #[serde(default)]
    pub(crate) status: String,
    #[serde(default)]
    pub(crate) text: String,
    pub(crate) before: Option<String>,
    #[serde(flatten)]
    pub(crate) done: DoneParams,
}

impl ListParams {
    /// The search these parameters stand for.
    pub(crate) fn query(&self, scope: Scope) -> RequestQuery {
        RequestQuery {
            scope,
            status: self.status.clone(),
            text: self.text.clone(),
            before: self.before.as_deref().and_then(|b| b.parse().ok()).map(RequestId),
            limit: LINES,
        }
    }
}

#[derive(Template)]
#[template(path = "requests.html")]
struct RequestsPage<'p> {
    shell: Shell,
    reader: &'p Reader,
    path: &'static str,
    lead: &'static str,
    requests: Vec<RequestView>,
    params: ListParams,
    everybody: bool,
}

impl RequestsPage<'_> {
    fn statuses(&self) -> Vec<(&'static str, String, bool)> {
        let line = |status: &'static str| {
            let address = format!("{}?status={status}&text={}", self.path, escaped(&self.params.text));
            (if status.is_empty() { "All" } else { status }, address, status.eq_ignore_ascii_case(&self.params.status))
        };
        STATUSES.into_iter().map(line).collect()
    }

    fn older(&self) -> Option<String> {
        let last = self.requests.last().filter(|_| self.requests.len() == LINES)?;
        let (status, text) = (escaped(&self.params.status), escaped(&self.params.text));
        Some(format!("{}?status={status}&text={text}&before={}", self.path, last.id.0))
    }

    fn filtered(&self) -> bool {
        !self.params.status.is_empty() || !self.params.text.is_empty() || self.params.before.is_some()
    }
}

/// `GET /my-requests`
pub(crate) async fn mine(visit: Visit, Query(params): Query<ListParams>) -> Page {
    let requests = visit.site.control.requests(visit.actor(), &params.query(Scope::Mine)).await?;
    let shell = visit.shell("My requests", "mine").saying(params.done.notice());
    let lead = "What you asked for, statements held in your sessions included.";
    let path = "/my-requests";
    ok(&RequestsPage { shell, reader: &visit.reader, path, lead, requests, params, everybody: false })
}

/// `GET /requests`
pub(crate) async fn all(visit: Visit, Query(params): Query<ListParams>) -> Page {
    let requests = visit.site.control.requests(visit.actor(), &params.query(Scope::All)).await?;
    let shell = visit.shell("All requests", "all").saying(params.done.notice());
    let lead = "Everybody's requests, those that only needed a reason included.";
    ok(&RequestsPage { shell, reader: &visit.reader, path: "/requests", lead, requests, params, everybody: true })
}
