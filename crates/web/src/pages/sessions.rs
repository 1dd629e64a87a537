//! Sessions, live ones first, their transcripts, and the replay of what their terminals showed.

use super::{Notice, Page, Shell, Visit, ok, page, see};
use crate::api::session_id;
use crate::api::sessions::{recording, terminal_number};
use crate::assets::address;
use crate::draw::{Run, lines};
use crate::fault::status_of;
use crate::headers::Plays;
use crate::reader::{Reader, span};
use askama::Template;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use countersign_control::view::{Extent, RecordingView, SessionView, TranscriptLine};
use countersign_journal::{Language, SessionId, Timestamp};
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

#[derive(Template)]
#[template(path = "replay.html")]
struct ReplayPage<'p> {
    shell: Shell,
    reader: &'p Reader,
    recording: RecordingView,
    css: &'static str,
    js: &'static str,
}

impl ReplayPage<'_> {
    /// Whether more may follow.
    fn goes_on(&self) -> bool {
        let over = matches!(self.recording.extent, Extent::Shown { over: true, .. });
        self.recording.session.closed_at.is_none() && !over
    }

    fn length(&self, from: &Timestamp, until: &Timestamp) -> String {
        span(u64::try_from(until.0.saturating_sub(from.0) / 1_000_000).unwrap_or_default())
    }
}

/// `GET /sessions/{id}/terminals/{number}`: the page only. What was shown is fetched by it from
/// [`cast`], and that is what stands in the audit.
pub(crate) async fn replay(visit: Visit, Path((id, number)): Path<(String, String)>) -> Page {
    let (session, number) = (session_id(&id)?, terminal_number(&number)?);
    let recording = visit.site.control.recording(visit.actor(), session, number).await?;
    let mut shell = visit.shell(format!("Replay of command {number} in {session}"), "sessions");
    // It would begin again.
    shell.refresh = None;
    let (css, js) = (address("player.css"), address("player.js"));
    let mut page = ok(&ReplayPage { shell, reader: &visit.reader, recording, css, js })?;
    page.extensions_mut().insert(Plays);
    Ok(page)
}

/// `GET /sessions/{id}/terminals/{number}/cast`
pub(crate) async fn cast(visit: Visit, Path((id, number)): Path<(String, String)>) -> Page {
    let (session, number) = (session_id(&id)?, terminal_number(&number)?);
    Ok(recording(visit.site.control.cast(visit.actor(), session, number).await?).into_response())
}
