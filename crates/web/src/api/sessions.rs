//! Sessions and their transcripts.

use super::{Answer, DONE, Done, Params, session_id};
use crate::guard::Signed;
use crate::site::Site;
use axum::Json;
use axum::extract::{Path, State};
use countersign_control::view::{SessionView, TranscriptLine};
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
