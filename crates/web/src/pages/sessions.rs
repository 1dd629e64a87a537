//! Sessions, live ones first, their transcripts, what their terminals showed and show, and asking to watch them (R71, R74).

use super::{Notice, Page, Shell, Visit, ok, page, see};
use crate::api::session_id;
use crate::api::sessions::{CastParams, terminal_file, terminal_number, told, transcript_file};
use crate::assets::address;
use crate::draw::{Run, lines};
use crate::fault::status_of;
use crate::headers::Plays;
use crate::reader::{Reader, span};
use askama::Template;
use axum::Form;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use countersign_control::view::{Extent, RecordingView, SessionView, Stays, TranscriptLine, TypedLine};
use countersign_control::{Fault, Kept, Seen, Watching};
use countersign_core::Refusal;
use countersign_journal::{Language, Seconds, SessionId, Timestamp, Window};
use serde::Deserialize;
use std::collections::BTreeSet;

#[derive(Template)]
#[template(path = "sessions.html")]
struct SessionsPage<'p> {
    shell: Shell,
    reader: &'p Reader,
    sessions: Vec<SessionView>,
    live: bool,
    /// Recordings that the store does not take now, and those with which something is wrong.
    kept: Kept,
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
    let kept = visit.site.control.recordings_kept().filter(|_| shell.may("PAM.Sessions.List")).unwrap_or_default();
    page(status, &SessionsPage { shell, reader: &visit.reader, sessions, live, kept })
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
    /// Whether the session is still open.
    is_open: bool,
    /// What has ended in it.
    ended: BTreeSet<u64>,
    /// What keeps it from being exported.
    stays: Stays,
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

    /// Whether its terminal still shows something.
    fn goes_on(&self, line: &TranscriptLine) -> bool {
        self.is_open && !self.ended.contains(&line.statement)
    }

    fn tone(&self, line: &TranscriptLine) -> &'static str {
        match line.kind.split(' ').next().unwrap_or_default() {
            "held" => "badge badge-warn",
            "refused" | "alert" => "badge badge-bad",
            "released" => "badge badge-good",
            _ => "badge",
        }
    }
}

#[derive(Template)]
#[template(path = "watch.html")]
struct WatchPage<'p> {
    shell: Shell,
    reader: &'p Reader,
    session: SessionView,
    watching: Watching,
    /// Whether it is about what was typed.
    typed: bool,
    form: WatchForm,
    /// What is wrong with the reason.
    wrong: Option<String>,
}

impl WatchPage<'_> {
    /// Who waits for an answer asks no second time; who may watch later may need it sooner.
    fn may_ask(&self) -> bool {
        matches!(self.watching, Watching::ToAsk | Watching::Coming(..))
    }

    fn lengths(&self) -> &'static [(Seconds, &'static str)] {
        &LENGTHS
    }
}

/// For how long watching may be asked, in minutes.
const LENGTHS: [(Seconds, &str); 5] =
    [(30, "30 minutes"), (60, "1 hour"), (240, "4 hours"), (1_440, "1 day"), (10_080, "7 days")];

/// What was typed, kept when it must be typed better.
#[derive(Deserialize)]
pub(crate) struct WatchForm {
    #[serde(default)]
    reason: String,
    minutes: Seconds,
    /// Set to see what was typed.
    #[serde(default)]
    typed: String,
}

impl WatchForm {
    fn seen(&self) -> Seen {
        if self.typed.is_empty() { Seen::Shown } else { Seen::Typed }
    }
}

impl Default for WatchForm {
    fn default() -> WatchForm {
        WatchForm { reason: String::new(), minutes: 60, typed: String::new() }
    }
}

#[derive(Deserialize)]
pub(crate) struct WatchParams {
    /// Set to see what was typed.
    #[serde(default)]
    typed: String,
}

/// `GET /sessions/{id}/watch`: how to ask for it, or what was asked. Nothing of the session is told here.
pub(crate) async fn watch(visit: Visit, Path(id): Path<String>, Query(params): Query<WatchParams>) -> Page {
    let form = WatchForm { typed: params.typed, ..WatchForm::default() };
    show_watch(&visit, session_id(&id)?, form, None, StatusCode::OK, None).await
}

/// `POST /sessions/{id}/watch`
pub(crate) async fn ask_to_watch(visit: Visit, Path(id): Path<String>, Form(form): Form<WatchForm>) -> Page {
    let session = session_id(&id)?;
    let minutes = form.minutes.min(LENGTHS.iter().map(|(most, _)| *most).max().unwrap_or_default());
    let window = Window::new(visit.reader.now, visit.reader.now.plus(minutes * 60)).ok_or(Refusal::NoPeriod);
    let asked = match window {
        Ok(window) => {
            visit.site.control.ask_to_watch(visit.actor(), (session, form.seen()), window, &form.reason).await
        }
        Err(refusal) => Err(refusal.into()),
    };
    match asked {
        Ok(request) => see(&format!("/requests/{}?done=asked&on={}", request.0, request.0)),
        Err(fault @ Fault::NotFound) => Err(fault.into()),
        Err(fault @ (Fault::Refused(Refusal::ReasonTooShort { .. }) | Fault::Input(_))) => {
            let wrong = Some(crate::fault::sentence(&fault.to_string()));
            show_watch(&visit, session, form, wrong, StatusCode::UNPROCESSABLE_ENTITY, None).await
        }
        Err(fault) => show_watch(&visit, session, form, None, status_of(&fault).0, Some(Notice::bad(&fault))).await,
    }
}

async fn show_watch(
    visit: &Visit,
    session: SessionId,
    form: WatchForm,
    wrong: Option<String>,
    status: StatusCode,
    notice: Option<Notice>,
) -> Page {
    let typed = form.seen() == Seen::Typed;
    let (session, watching) = visit.site.control.watching(visit.actor(), session, form.seen()).await?;
    let title = if typed { format!("What was typed in {}", session.id) } else { format!("Watch {}", session.id) };
    let mut shell = visit.shell(title, "sessions").saying(notice);
    // Nobody's typing is disturbed; who only waits sees it open by itself.
    shell.refresh = shell.refresh.filter(|_| matches!(watching, Watching::Asked(_)));
    page(status, &WatchPage { shell, reader: &visit.reader, session, watching, typed, form, wrong })
}

/// `GET /sessions/{id}/transcript`
pub(crate) async fn transcript(visit: Visit, Path(id): Path<String>) -> Page {
    let session = session_id(&id)?;
    let entries = match visit.site.control.transcript(visit.actor(), session).await {
        Err(Fault::Refused(Refusal::WatchNeedsRequest(_))) => {
            return see(&format!("/sessions/{}/watch", session.0));
        }
        told => told?,
    };
    // A session that a crash cut has no line that says so.
    let (view, _) = visit.site.control.watching(visit.actor(), session, Seen::Shown).await?;
    let ended = entries.iter().filter(|e| e.kind == "outcome").map(|e| e.statement).collect();
    let mut shell = visit.shell(format!("Transcript of {session}"), "sessions");
    // Reading it is an event of its own; it is not read again by itself.
    shell.refresh = None;
    let is_open = view.closed_at.is_none();
    let stays = visit.site.control.stays(visit.actor(), session).await?;
    ok(&TranscriptPage { shell, reader: &visit.reader, session, is_open, ended, stays, entries })
}

#[derive(Template)]
#[template(path = "typed.html")]
struct TypedPage<'p> {
    shell: Shell,
    reader: &'p Reader,
    session: SessionId,
    entries: Vec<TypedLine>,
}

impl TypedPage<'_> {
    /// The keys of a line, each as what it is.
    fn lines(&self, entry: &TypedLine) -> Vec<Vec<Run>> {
        lines(&keys(entry.text.expose()), Language::Shell)
    }
}

/// What was typed with every control character drawn as its key: nothing of it moves anything.
fn keys(text: &str) -> String {
    let drawn = |c: char| match c {
        '\u{0}'..='\u{1F}' => char::from_u32(0x2400 + u32::from(c)).unwrap_or(c),
        '\u{7F}' => '\u{2421}',
        _ => c,
    };
    text.chars().map(drawn).collect()
}

/// `GET /sessions/{id}/typed`
pub(crate) async fn typed(visit: Visit, Path(id): Path<String>) -> Page {
    let session = session_id(&id)?;
    let entries = match visit.site.control.entered(visit.actor(), session).await {
        Err(Fault::Refused(Refusal::TypedNeedsRequest(_))) => {
            return see(&format!("/sessions/{}/watch?typed=yes", session.0));
        }
        told => told?,
    };
    let mut shell = visit.shell(format!("What was typed in {session}"), "sessions");
    // Each look is an event of its own.
    shell.refresh = None;
    ok(&TypedPage { shell, reader: &visit.reader, session, entries })
}

#[derive(Template)]
#[template(path = "replay.html")]
struct ReplayPage<'p> {
    shell: Shell,
    reader: &'p Reader,
    recording: RecordingView,
    /// Whether it is shown as it goes on, and not replayed so far.
    live: bool,
    /// What keeps it from being exported.
    stays: Stays,
    css: &'static str,
    js: &'static str,
}

/// Whether more may follow.
fn goes_on(recording: &RecordingView) -> bool {
    let ended = matches!(recording.extent, Extent::Shown { over: true, .. } | Extent::Damaged);
    recording.session.closed_at.is_none() && !ended
}

impl ReplayPage<'_> {
    fn goes_on(&self) -> bool {
        goes_on(&self.recording)
    }

    fn length(&self, from: &Timestamp, until: &Timestamp) -> String {
        span(u64::try_from(until.0.saturating_sub(from.0) / 1_000_000).unwrap_or_default())
    }
}

#[derive(Deserialize)]
pub(crate) struct ReplayParams {
    /// Set to replay what was shown so far while it goes on.
    #[serde(default)]
    so_far: String,
}

/// `GET /sessions/{id}/terminals/{number}`: the page only. What was shown is fetched by it from
/// [`cast`], and that is what stands in the audit.
pub(crate) async fn replay(
    visit: Visit,
    Path((id, number)): Path<(String, String)>,
    Query(params): Query<ReplayParams>,
) -> Page {
    let (session, number) = (session_id(&id)?, terminal_number(&number)?);
    let recording = match visit.site.control.recording(visit.actor(), session, number).await {
        Err(Fault::Refused(Refusal::WatchNeedsRequest(_))) => {
            return see(&format!("/sessions/{}/watch", session.0));
        }
        found => found?,
    };
    let live = goes_on(&recording) && params.so_far.is_empty();
    let word = if live { "Live:" } else { "Replay of" };
    let mut shell = visit.shell(format!("{word} command {number} in {session}"), "sessions");
    // It would begin again.
    shell.refresh = None;
    let (css, js) = (address("player.css"), address("player.js"));
    let stays = visit.site.control.stays(visit.actor(), session).await?;
    let mut page = ok(&ReplayPage { shell, reader: &visit.reader, recording, live, stays, css, js })?;
    page.extensions_mut().insert(Plays);
    Ok(page)
}

/// `GET /sessions/{id}/terminals/{number}/cast`
pub(crate) async fn cast(
    visit: Visit,
    Path((id, number)): Path<(String, String)>,
    Query(params): Query<CastParams>,
) -> Page {
    Ok(told(&visit.site, &visit.signed, &id, &number, &params).await?)
}

/// `POST /sessions/{id}/export`: what stands in the audit as an act is done by no link.
pub(crate) async fn export_transcript(visit: Visit, Path(id): Path<String>) -> Page {
    Ok(transcript_file(&visit.site, &visit.signed, &id).await?)
}

/// `POST /sessions/{id}/terminals/{number}/export`
pub(crate) async fn export_terminal(visit: Visit, Path((id, number)): Path<(String, String)>) -> Page {
    Ok(terminal_file(&visit.site, &visit.signed, &id, &number).await?)
}
