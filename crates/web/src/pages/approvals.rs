//! My approvals: what waits for this person, and what they decided.

use super::card::Card;
use super::requests::{Acts, LINES, ListParams};
use super::{Page, Shell, Visit, ok};
use crate::reader::Reader;
use askama::Template;
use axum::extract::Query;
use axum::response::IntoResponse;
use countersign_control::view::{RequestView, Scope};

#[derive(Template)]
#[template(path = "approvals.html")]
struct ApprovalsPage<'p> {
    shell: Shell,
    reader: &'p Reader,
    requests: &'p [RequestView],
    decided: bool,
    params: ListParams,
}

impl ApprovalsPage<'_> {
    fn acts(&self, r: &'_ RequestView) -> String {
        Acts::of(r, "/approvals?status=decided")
    }

    fn older(&self) -> Option<String> {
        let last = self.requests.last().filter(|_| self.requests.len() == LINES)?;
        let tab = if self.decided { "status=decided&" } else { "" };
        Some(format!("/approvals?{tab}before={}", last.id.0))
    }
}

/// `GET /approvals`
pub(crate) async fn inbox(visit: Visit, Query(params): Query<ListParams>) -> Page {
    let decided = params.status == "decided";
    let mut query = params.query(if decided { Scope::MyDecisions } else { Scope::ForMe }, &visit.reader);
    // The parameter chose the tab; it is no status of a request.
    query.status.clear();
    let requests = visit.site.control.requests(visit.actor(), &query).await?;
    let shell = visit.shell("My approvals", "approvals");
    ok(&ApprovalsPage { shell, reader: &visit.reader, requests: &requests, decided, params })
}

/// `GET /waiting`: the count beside My approvals, alone.
pub(crate) async fn waiting(visit: Visit) -> Page {
    let count = visit.site.control.waiting_for(visit.actor());
    Ok(if count == 0 { String::new() } else { count.to_string() }.into_response())
}
