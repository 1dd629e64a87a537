//! My approvals: what waits for this person, and what they decided.

use super::card::Card;
use super::requests::{Acts, LINES, ListParams};
use super::{Page, Shell, Visit, ok};
use crate::reader::Reader;
use askama::Template;
use axum::extract::Query;
use axum::response::IntoResponse;
use countersign_control::view::{RequestView, Scope};
use countersign_journal::PersonId;

#[derive(Template)]
#[template(path = "approvals.html")]
struct ApprovalsPage<'p> {
    shell: Shell,
    reader: &'p Reader,
    requests: &'p [RequestView],
    decided: bool,
    me: PersonId,
    params: ListParams,
}

impl ApprovalsPage<'_> {
    /// What the reader decided, the last of it.
    fn said(&self, r: &RequestView) -> &'static str {
        let votes = r.tracks.iter().flatten().flat_map(|level| &level.votes);
        let own = votes.filter(|v| v.approver.id == self.me || v.behalf.as_ref().is_some_and(|p| p.id == self.me));
        match own.max_by_key(|v| v.at).map(|v| v.verdict) {
            Some("approved") => "Approved",
            Some(_) => "Rejected",
            None => "Did not decide",
        }
    }

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
    let mut query = params.query(if decided { Scope::MyDecisions } else { Scope::ForMe }, &visit.reader)?;
    // The parameter chose the tab; it is no status of a request.
    query.status.clear();
    let requests = visit.site.control.requests(visit.actor(), &query).await?;
    let shell = visit.shell("My approvals", "approvals");
    ok(&ApprovalsPage { shell, reader: &visit.reader, requests: &requests, decided, me: visit.actor().person, params })
}

/// `GET /waiting`: the count beside My approvals, alone.
pub(crate) async fn waiting(visit: Visit) -> Page {
    let count = visit.site.control.waiting_for(visit.actor());
    Ok(if count == 0 { String::new() } else { count.to_string() }.into_response())
}
