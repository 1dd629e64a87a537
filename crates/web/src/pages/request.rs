//! One request, whole.

use super::card::{Card, Period};
use super::{Notice, Page, Shell, Visit, page};
use crate::api::request_id;
use crate::fault::status_of;
use crate::reader::Reader;
use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use countersign_control::Fault;
use countersign_control::view::{GrantView, LevelView, RequestView, TakenBack};
use countersign_core::Refusal;
use countersign_journal::RequestId;

#[derive(Template)]
#[template(path = "request.html")]
struct RequestPage<'p> {
    shell: Shell,
    reader: &'p Reader,
    r: &'p RequestView,
    /// Whether a fresh second factor is what is missing.
    step_up: bool,
    has_second_factor: bool,
    /// What was typed and could not be done, to be sent again.
    typed: String,
    /// The period that was typed and cannot be approved.
    period: Option<Period>,
    /// Who took an approval back, or the whole away.
    taken: Vec<TakenBack>,
    mine: bool,
}

impl RequestPage<'_> {
    fn card(&self) -> Card<'_> {
        let typed = if self.period.is_some() { self.typed.as_str() } else { "" };
        Card::alone(self.r, self.reader).again(typed, self.period.as_ref())
    }

    /// Whether this is a change that was put in force.
    fn applied(&self) -> bool {
        self.r.change.as_ref().is_some_and(|c| c.applied)
    }

    /// Whether this is one's own access, and open now.
    fn connects(&self) -> bool {
        let open = |g: &GrantView| g.ended.is_empty() && g.window.contains(self.reader.now);
        self.mine && self.r.kind == "connect" && self.r.grant.as_ref().is_some_and(open)
    }

    fn level_icon(&self, level: &LevelView) -> &'static str {
        match level.stage {
            "passed" => "badge-check",
            "reviewed" => "badge-check",
            "open" | "to review" => "circle-dot",
            "blocked" => "triangle-alert",
            _ => "circle",
        }
    }

    fn level_words(&self, level: &LevelView) -> String {
        let stage = match (level.stage, self.r.status) {
            ("passed", _) => "passed",
            ("blocked", "Pending") => "too few people can decide it",
            ("to review", _) => "to be reviewed",
            ("reviewed", _) => "reviewed",
            ("open", "Pending") => "deciding now",
            ("open" | "blocked", _) => "was deciding when it ended",
            (_, "Pending") => "not started",
            _ => "did not start",
        };
        let need = if level.approvals > 1 { format!(", {} approvals needed", level.approvals) } else { String::new() };
        let reject =
            if level.rejections > 1 { format!(", {} rejections reject", level.rejections) } else { String::new() };
        format!("{stage}{need}{reject}")
    }

    fn escalates(&self) -> Option<(usize, usize, u32)> {
        escalates(self.r)
    }

    fn acts(&self) -> bool {
        let may = self.r.may;
        let special = may.edit || may.emergency || may.stop || (may.escalate && self.escalates().is_some());
        self.connects() || may.withdraw || may.retract || may.revoke || may.surrender || special
    }
}

/// The first open level that can escalate, as (track, level, epoch) of what this reader sees.
pub(crate) fn escalates(r: &RequestView) -> Option<(usize, usize, u32)> {
    let levels = (0..).zip(&r.tracks).flat_map(|(t, levels)| (0..).zip(levels).map(move |(l, level)| (t, l, level)));
    let mut open = levels.filter(|(_, _, level)| matches!(level.stage, "open" | "blocked"));
    open.find(|(_, _, level)| level.escalated.is_empty() && level.then.ends_with("decide"))
        .map(|(t, l, level)| (t, l, level.epoch))
}

/// `GET /requests/{id}`
pub(crate) async fn show(visit: Visit, Path(id): Path<String>) -> Page {
    render(&visit, request_id(&id)?, Said::default()).await
}

/// The request's page again, with why something was not done and what was typed.
pub(crate) async fn refused(visit: &Visit, id: RequestId, fault: Fault, typed: String) -> Page {
    let step_up = matches!(fault, Fault::Refused(Refusal::EvidenceTooWeak));
    let (status, notice) = (status_of(&fault).0, Some(Notice::bad(&fault)));
    render(visit, id, Said { status, notice, step_up, typed, period: None }).await
}

/// The same with what is wrong at the period.
pub(crate) async fn refused_period(visit: &Visit, id: RequestId, period: Period, typed: String) -> Page {
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    render(visit, id, Said { status, typed, period: Some(period), ..Said::default() }).await
}

/// What a request's page says besides the request.
#[derive(Default)]
struct Said {
    status: StatusCode,
    notice: Option<Notice>,
    step_up: bool,
    typed: String,
    period: Option<Period>,
}

async fn render(visit: &Visit, id: RequestId, Said { status, notice, step_up, typed, period }: Said) -> Page {
    let r = visit.site.control.request(visit.actor(), id).await?;
    let taken = visit.site.control.taken_back(&r).await?;
    let mine = r.person.id == visit.actor().person;
    let shell = visit.shell(format!("Request {}", r.id), if mine { "mine" } else { "approvals" }).saying(notice);
    let (reader, has_second_factor) = (&visit.reader, visit.actor().has_second_factor);
    page(status, &RequestPage { shell, reader, r: &r, step_up, has_second_factor, typed, period, taken, mine })
}
