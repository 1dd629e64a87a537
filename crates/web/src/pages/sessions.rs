//! Sessions, live ones first, and their transcripts.

use super::{Notice, Page, Shell, Visit, ok, page, see};
use crate::api::session_id;
use crate::draw::{Run, lines};
use crate::fault::status_of;
use crate::reader::Reader;
use askama::Template;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use countersign_control::view::{SessionView, TranscriptLine};
use countersign_journal::{Language, SessionId};
use serde::Deserialize;

#[derive(Template)]
#[template(path = "sessions.html")]
struct SessionsPage<'p> {
    shell: Shell,
    reader: &'p Reader,
    sessions: Vec<SessionView>,
    live: bool,
}

#[derive(Deserialize)]
pub(crate) struct ListParams {
    #[serde(default)]
    show: String,
}

/// `GET /sessions`
pub(crate) async fn list(visit: Visit, Query(params): Query<ListParams>) -> Page {
    render(&visit, params.show != "all", StatusCode::OK, None).await
}

async fn render(visit: &Visit, live: bool, status: StatusCode, notice: Option<Notice>) -> Page {
    let mut sessions = visit.site.control.sessions(visit.actor(), live).await?;
    sessions.sort_by_key(|s| (s.closed_at.is_some(), std::cmp::Reverse(s.opened_at)));
    let shell = visit.shell("Sessions", "sessions").saying(notice);
    page(status, &SessionsPage { shell, reader: &visit.reader, sessions, live })
}

/// `POST /sessions/{id}/terminate`
pub(crate) async fn terminate(visit: Visit, Path(id): Path<String>) -> Page {
    let id = session_id(&id)?;
    match visit.site.control.terminate(visit.actor(), id).await {
        Ok(()) => see(&format!("/sessions?done=terminated&on={}", id.0)),
        Err(fault) => render(&visit, true, status_of(&fault).0, Some(Notice::bad(&fault))).await,
    }
}

#[derive(Template)]
#[template(path = "transcript.html")]
struct TranscriptPage<'p> {
    shell: Shell,
    reader: &'p Reader,
    session: SessionId,
    entries: Vec<TranscriptLine>,
}

impl TranscriptPage<'_> {
    fn lines(&self, text: &str, language: &Language) -> Vec<Vec<Run>> {
        lines(text, *language)
    }

    fn noun(&self, line: &TranscriptLine) -> &'static str {
        match line.language {
            Language::Sql => "Statement",
            Language::Shell => "Command",
        }
    }

    fn tone(&self, line: &TranscriptLine) -> &'static str {
        match line.kind.split(' ').next().unwrap_or_default() {
            "held" => "badge badge-warn",
            "refused" => "badge badge-bad",
            "released" => "badge badge-good",
            _ => "badge",
        }
    }
}

/// `GET /sessions/{id}/transcript`
pub(crate) async fn transcript(visit: Visit, Path(id): Path<String>) -> Page {
    let session = session_id(&id)?;
    let entries = visit.site.control.transcript(visit.actor(), session).await?;
    let mut shell = visit.shell(format!("Transcript of {session}"), "sessions");
    // Reading it is an event of its own; it is not read again by itself.
    shell.refresh = None;
    ok(&TranscriptPage { shell, reader: &visit.reader, session, entries })
}
