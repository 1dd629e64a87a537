//! Sessions and their transcripts.

use super::{Answer, DONE, Done, Params, session_id};
use crate::fault::ApiFault;
use crate::guard::Signed;
use crate::site::Site;
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use countersign_control::view::{SessionView, TranscriptLine};
use countersign_control::{Cast, Fault};
use futures_util::stream;
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

/// `GET /sessions/{id}/terminals/{number}`
pub(crate) async fn terminal(
    State(site): State<Site>,
    signed: Signed,
    Path((id, number)): Path<(String, String)>,
) -> Result<Response, ApiFault> {
    Ok(recording(site.control.cast(&signed.actor, session_id(&id)?, terminal_number(&number)?).await?))
}

/// A recording as it is sent, one line after the other.
pub(crate) fn recording(cast: Cast) -> Response {
    let lines = cast.map(|line| line.map(|line| line + "\n"));
    ([(CONTENT_TYPE, "application/x-asciicast")], Body::from_stream(stream::iter(lines))).into_response()
}

/// The number of a command in its session.
pub(crate) fn terminal_number(text: &str) -> Result<u64, Fault> {
    text.parse().map_err(|_| Fault::NotFound)
}
