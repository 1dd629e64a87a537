//! Sessions and their transcripts.

use super::requests::window_of;
use super::{Answer, Body, DONE, Done, Params, session_id};
use crate::fault::ApiFault;
use crate::follow;
use crate::guard::Signed;
use crate::site::Site;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use countersign_control::view::{RequestView, SessionView, TranscriptLine, TypedLine};
use countersign_control::{Fault, Seen};
use countersign_journal::Seconds;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListParams {
    #[serde(default)]
    live: bool,
}

/// `GET /sessions`
pub(crate) async fn list(
    State(site): State<Site>,
    signed: Signed,
    Params(params): Params<ListParams>,
) -> Answer<Vec<SessionView>> {
    Ok(Json(site.control.sessions(&signed.actor, params.live).await?))
}

/// `POST /sessions/{id}/terminate`
pub(crate) async fn terminate(State(site): State<Site>, signed: Signed, Path(id): Path<String>) -> Answer<Done> {
    site.control.terminate(&signed.actor, session_id(&id)?).await?;
    Ok(DONE)
}

/// `GET /sessions/{id}/transcript`
pub(crate) async fn transcript(
    State(site): State<Site>,
    signed: Signed,
    Path(id): Path<String>,
) -> Answer<Vec<TranscriptLine>> {
    Ok(Json(site.control.transcript(&signed.actor, session_id(&id)?).await?))
}

/// `GET /sessions/{id}/typed`
pub(crate) async fn typed(State(site): State<Site>, signed: Signed, Path(id): Path<String>) -> Answer<Vec<TypedLine>> {
    Ok(Json(site.control.entered(&signed.actor, session_id(&id)?).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WatchWanted {
    #[serde(default)]
    reason: String,
    start: Option<String>,
    end: Option<String>,
    minutes: Option<Seconds>,
    /// Whether everything that was typed is to be seen, passwords included.
    #[serde(default)]
    typed: bool,
}

/// `POST /sessions/{id}/watch`
pub(crate) async fn ask_to_watch(
    State(site): State<Site>,
    signed: Signed,
    Path(id): Path<String>,
    Body(wanted): Body<WatchWanted>,
) -> Answer<RequestView> {
    let WatchWanted { reason, start, end, minutes, typed } = wanted;
    let seen = if typed { Seen::Typed } else { Seen::Shown };
    let window = window_of(start.as_deref(), end.as_deref(), minutes, site.control.now())?;
    let request = site.control.ask_to_watch(&signed.actor, (session_id(&id)?, seen), window, &reason).await?;
    Ok(Json(site.control.request(&signed.actor, request).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CastParams {
    /// Whether to go on while the session does.
    #[serde(default)]
    follow: bool,
}

/// `GET /sessions/{id}/terminals/{number}`
pub(crate) async fn terminal(
    State(site): State<Site>,
    signed: Signed,
    Path((id, number)): Path<(String, String)>,
    Params(params): Params<CastParams>,
) -> Result<Response, ApiFault> {
    Ok(told(&site, &signed, &id, &number, &params).await?)
}

/// A recording as it is sent, one line after the other: what there is, or also what follows.
pub(crate) async fn told(
    site: &Site,
    signed: &Signed,
    id: &str,
    number: &str,
    params: &CastParams,
) -> Result<Response, Fault> {
    let (session, number) = (session_id(id)?, terminal_number(number)?);
    let viewing = site.control.cast(&signed.actor, session, number, params.follow).await?;
    let lines = follow::lines(site.control.clone(), signed.credential.clone(), viewing);
    Ok(([(CONTENT_TYPE, "application/x-asciicast")], axum::body::Body::from_stream(lines)).into_response())
}

/// `GET /sessions/{id}/export`
pub(crate) async fn export_transcript(
    State(site): State<Site>,
    signed: Signed,
    Path(id): Path<String>,
) -> Result<Response, ApiFault> {
    Ok(transcript_file(&site, &signed, &id).await?)
}

/// `GET /sessions/{id}/terminals/{number}/export`
pub(crate) async fn export_terminal(
    State(site): State<Site>,
    signed: Signed,
    Path((id, number)): Path<(String, String)>,
) -> Result<Response, ApiFault> {
    Ok(terminal_file(&site, &signed, &id, &number).await?)
}

/// A transcript as a file: each line of it a line of JSON.
pub(crate) async fn transcript_file(site: &Site, signed: &Signed, id: &str) -> Result<Response, Fault> {
    let session = session_id(id)?;
    let told = site.control.export_transcript(&signed.actor, session).await?;
    let lines = told.iter().map(|line| serde_json::to_string(line).map(|line| line + "\n"));
    let lines: String = lines.collect::<Result<_, _>>().map_err(Fault::trouble)?;
    Ok(file("application/jsonl", &format!("session-{}.jsonl", session.0), axum::body::Body::from(lines)))
}

/// A recording as a file: an asciicast v3.
pub(crate) async fn terminal_file(site: &Site, signed: &Signed, id: &str, number: &str) -> Result<Response, Fault> {
    let (session, number) = (session_id(id)?, terminal_number(number)?);
    let viewing = site.control.export_cast(&signed.actor, session, number).await?;
    let lines = follow::lines(site.control.clone(), signed.credential.clone(), viewing);
    let name = format!("session-{}-command-{number}.cast", session.0);
    Ok(file("application/x-asciicast", &name, axum::body::Body::from_stream(lines)))
}

fn file(what: &str, name: &str, body: axum::body::Body) -> Response {
    let disposition = format!("attachment; filename=\"{name}\"");
    ([(CONTENT_TYPE, what.to_owned()), (CONTENT_DISPOSITION, disposition)], body).into_response()
}

/// The number of a command in its session.
pub(crate) fn terminal_number(text: &str) -> Result<u64, Fault> {
    text.parse().map_err(|_| Fault::NotFound)
}
