//! Lists of requests: one's own, and everybody's.

use super::{Page, Shell, Visit, ok};
use crate::guard::escaped;
use crate::reader::Reader;
use askama::Template;
use axum::extract::Query;
use countersign_control::Fault;
use countersign_control::view::{RequestQuery, RequestView, Scope};
use countersign_journal::RequestId;
use serde::Deserialize;

/// Lines on one page of a list.
pub(crate) const LINES: usize = 50;
/// The filters a list offers, and what each is called.
const STATUSES: [(&str, &str); 9] = [
    ("", "All"),
    ("Pending", "Pending"),
    ("To be used", "To be used"),
    ("In use", "In use"),
    ("Ended", "Done or ended"),
    ("Disapproved", "Rejected"),
    ("Canceled", "Withdrawn"),
    ("Expired", "Expired"),
    ("Revoked", "Revoked"),
];
/// The kinds of request, and what they are called.
const KINDS: [(&str, &str); 4] =
    [("", "Every kind"), ("connect", "Connections"), ("query", "Queries"), ("change", "Configuration")];

#[derive(Deserialize)]
pub(crate) struct ListParams {
    #[serde(default)]
    pub(crate) status: String,
    #[serde(default)]
    pub(crate) text: String,
    #[serde(default)]
    pub(crate) kind: String,
    /// Days, in the reader's zone.
    #[serde(default)]
    pub(crate) from: String,
    #[serde(default)]
    pub(crate) until: String,
    /// Set when only those the reader can decide are wanted.
    #[serde(default)]
    pub(crate) mine: String,
    pub(crate) before: Option<String>,
}

impl ListParams {
    /// The search these parameters stand for.
    ///
    /// # Errors
    /// When a day is none.
    pub(crate) fn query(&self, scope: Scope, reader: &Reader) -> Result<RequestQuery, Fault> {
        Ok(RequestQuery {
            scope,
            status: self.status.clone(),
            text: self.text.clone(),
            kind: self.kind.clone(),
            from: reader.read_date(&self.from)?,
            until: reader.read_date(&self.until)?.map(|day| reader.midnight(&day, 1)),
            for_me: !self.mine.is_empty(),
            before: self.before.as_deref().and_then(|b| b.parse().ok()).map(RequestId),
            limit: LINES,
        })
    }
}

/// What the reader can do with one request of a list, without leaving it.
#[derive(Template)]
#[template(path = "acts.html")]
pub(crate) struct Acts<'a> {
    r: &'a RequestView,
    /// Where a decision leads back to.
    here: &'a str,
}

impl Acts<'_> {
    /// Its buttons; nothing when there is nothing to do.
    pub(crate) fn of(r: &RequestView, here: &str) -> String {
        Acts { r, here }.render().unwrap_or_default().trim().to_owned()
    }

    /// Whether the row holds all that is decided on. A connection is its target and its time; statements and changes have a
    /// text, which no row shows.
    fn whole(&self) -> bool {
        self.r.statement.is_none() && self.r.plan.is_none() && self.r.change.is_none()
    }

    /// Where an escalation by hand would take place, as (track, level, epoch).
    fn escalates(&self) -> Option<(usize, usize, u32)> {
        super::request::escalates(self.r).filter(|_| self.r.may.escalate)
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
    /// Whether it says what the reader decided.
    mine: bool,
}

impl RequestsPage<'_> {
    fn statuses(&self) -> Vec<(&'static str, String, bool)> {
        let line = |(status, word): (&'static str, &'static str)| {
            let address = format!("{}?status={}&{}", self.path, escaped(status), self.others());
            (word, address, status.eq_ignore_ascii_case(&self.params.status))
        };
        STATUSES.into_iter().map(line).collect()
    }

    fn older(&self) -> Option<String> {
        let last = self.requests.last().filter(|_| self.requests.len() == LINES)?;
        let status = escaped(&self.params.status);
        Some(format!("{}?status={status}&{}&before={}", self.path, self.others(), last.id.0))
    }

    /// Every filter but the status, as they stand in an address.
    fn others(&self) -> String {
        let ListParams { text, kind, from, until, mine, .. } = &self.params;
        let all = [("text", text), ("kind", kind), ("from", from), ("until", until), ("mine", mine)];
        let given = all.iter().filter(|(_, value)| !value.is_empty());
        given.map(|(name, value)| format!("{name}={}", escaped(value))).collect::<Vec<_>>().join("&")
    }

    /// The address of this very list, where acts on it lead back to.
    fn here(&self) -> String {
        format!("{}?status={}&{}", self.path, escaped(&self.params.status), self.others())
    }

    fn kinds(&self) -> &'static [(&'static str, &'static str)] {
        &KINDS
    }

    /// Said of what the reader decided; this list has everybody's.
    fn said(&self, _: &RequestView) -> &'static str {
        ""
    }

    fn acts(&self, r: &RequestView) -> String {
        Acts::of(r, &self.here())
    }

    fn filtered(&self) -> bool {
        !self.params.status.is_empty() || !self.others().is_empty() || self.params.before.is_some()
    }
}

/// `GET /my-requests`
pub(crate) async fn mine(visit: Visit, Query(params): Query<ListParams>) -> Page {
    let requests = visit.site.control.requests(visit.actor(), &params.query(Scope::Mine, &visit.reader)?).await?;
    let shell = visit.shell("My requests", "mine");
    let lead = "What you asked for, statements held in your sessions included.";
    let path = "/my-requests";
    ok(&RequestsPage { shell, reader: &visit.reader, path, lead, requests, params, everybody: false, mine: false })
}

/// `GET /requests`
pub(crate) async fn all(visit: Visit, Query(params): Query<ListParams>) -> Page {
    let requests = visit.site.control.requests(visit.actor(), &params.query(Scope::All, &visit.reader)?).await?;
    let shell = visit.shell("Approval management", "all");
    let lead = "Everybody's requests of every kind, those that only needed a reason included.";
    ok(&RequestsPage {
        shell,
        reader: &visit.reader,
        path: "/requests",
        lead,
        requests,
        params,
        everybody: true,
        mine: false,
    })
}
