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
const KINDS: [(&str, &str); 5] = [
    ("", "Every kind"),
    ("connect", "Connections"),
    ("query", "Queries"),
    ("change", "Configuration"),
    ("watch", "Session videos"),
];

/// One list of requests.
struct List {
    path: &'static str,
    /// Its line of the rail.
    at: &'static str,
    title: &'static str,
    lead: &'static str,
    scope: Scope,
    /// The only kind it has; empty where it has every kind.
    kind: &'static str,
    /// What it says while it has none.
    nothing: (&'static str, &'static str),
}

const MINE: List = List {
    path: "/my-requests",
    at: "mine",
    title: "My requests",
    lead: "What you asked for, statements held in your sessions included.",
    scope: Scope::Mine,
    kind: "",
    nothing: (
        "You have not asked for anything",
        "Reserve a target on My access; what you ask for, and statements held in your sessions, appear here.",
    ),
};
const ALL: List = List {
    path: "/requests",
    at: "all",
    title: "Approval management",
    lead: "Everybody's requests of every kind, those that only needed a reason included.",
    scope: Scope::All,
    kind: "",
    nothing: ("No requests yet", "Requests appear here as soon as somebody reserves a target or a statement is held."),
};
/// R72: the three lists about watching sessions.
const MY_VIDEOS: List = List {
    path: "/session-videos",
    at: "videos",
    title: "My session video requests",
    lead: "What you asked to watch.",
    scope: Scope::Mine,
    kind: "watch",
    nothing: (
        "You have not asked to watch a session",
        "Where watching must be approved, choose a session under Sessions and ask there.",
    ),
};
const VIDEO_APPROVALS: List = List {
    path: "/session-videos/approvals",
    at: "videos",
    title: "My session video approvals",
    lead: "Requests to watch a session that you decide, or decided.",
    scope: Scope::MyDecisions,
    kind: "watch",
    nothing: (
        "None is yours to decide",
        "Requests to watch a session go to the approvers of the module PAM Core, whom the system parameters name.",
    ),
};
const VIDEO_HISTORY: List = List {
    path: "/session-videos/history",
    at: "videos",
    title: "Session video requests",
    lead: "Everybody's requests to watch a session.",
    scope: Scope::All,
    kind: "watch",
    nothing: ("Nobody has asked to watch a session", "Requests to watch one appear here as soon as they are made."),
};

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
        let r = self.r;
        r.statement.is_none() && r.plan.is_none() && r.change.is_none() && r.watch.is_none()
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
    list: &'static List,
    requests: Vec<RequestView>,
    params: ListParams,
    everybody: bool,
    /// Whether it says what the reader decided.
    mine: bool,
}

impl RequestsPage<'_> {
    fn statuses(&self) -> Vec<(&'static str, String, bool)> {
        let line = |(status, word): (&'static str, &'static str)| {
            let address = format!("{}?status={}&{}", self.list.path, escaped(status), self.others());
            (word, address, status.eq_ignore_ascii_case(&self.params.status))
        };
        STATUSES.into_iter().map(line).collect()
    }

    fn older(&self) -> Option<String> {
        let last = self.requests.last().filter(|_| self.requests.len() == LINES)?;
        let status = escaped(&self.params.status);
        Some(format!("{}?status={status}&{}&before={}", self.list.path, self.others(), last.id.0))
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
        format!("{}?status={}&{}", self.list.path, escaped(&self.params.status), self.others())
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

    /// The lists about watching, for who may see each: where it is, what it is called, and whether this is it.
    fn videos(&self) -> Vec<(&'static str, &'static str, bool)> {
        let lists = [
            (&MY_VIDEOS, self.shell.may("PAM.Reports.List")),
            (&VIDEO_APPROVALS, true),
            (&VIDEO_HISTORY, self.shell.may("PAM.Requests.List")),
        ];
        let shown = lists.into_iter().filter(|(_, may)| *may && !self.list.kind.is_empty());
        shown.map(|(list, _)| (list.path, list.title, list.path == self.list.path)).collect()
    }

    fn filtered(&self) -> bool {
        !self.params.status.is_empty() || !self.others().is_empty() || self.params.before.is_some()
    }
}

/// `GET /my-requests`
pub(crate) async fn mine(visit: Visit, Query(params): Query<ListParams>) -> Page {
    show(&visit, params, &MINE).await
}

/// `GET /requests`
pub(crate) async fn all(visit: Visit, Query(params): Query<ListParams>) -> Page {
    show(&visit, params, &ALL).await
}

/// `GET /session-videos`
pub(crate) async fn my_videos(visit: Visit, Query(params): Query<ListParams>) -> Page {
    show(&visit, params, &MY_VIDEOS).await
}

/// `GET /session-videos/approvals`
pub(crate) async fn video_approvals(visit: Visit, Query(params): Query<ListParams>) -> Page {
    show(&visit, params, &VIDEO_APPROVALS).await
}

/// `GET /session-videos/history`
pub(crate) async fn video_history(visit: Visit, Query(params): Query<ListParams>) -> Page {
    show(&visit, params, &VIDEO_HISTORY).await
}

async fn show(visit: &Visit, params: ListParams, list: &'static List) -> Page {
    let mut query = params.query(list.scope, &visit.reader)?;
    if !list.kind.is_empty() {
        list.kind.clone_into(&mut query.kind);
    }
    let requests = visit.site.control.requests(visit.actor(), &query).await?;
    let shell = visit.shell(list.title, list.at);
    let everybody = list.scope != Scope::Mine;
    ok(&RequestsPage { shell, reader: &visit.reader, list, requests, params, everybody, mine: false })
}
