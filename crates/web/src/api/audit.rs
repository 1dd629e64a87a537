//! The audit, and its export for the offline verifier.

use super::{Answer, Params};
use crate::fault::ApiFault;
use crate::guard::Signed;
use crate::site::Site;
use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use countersign_control::view::{AuditLine, AuditQuery};
use serde::Deserialize;

/// Lines when no number is asked for.
const LINES: usize = 100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListParams {
    #[serde(default)]
    text: String,
    #[serde(default)]
    kind: String,
    before: Option<u64>,
    limit: Option<usize>,
}

/// `GET /audit`
pub(crate) async fn list(
    State(site): State<Site>,
    signed: Signed,
    Params(params): Params<ListParams>,
) -> Answer<Vec<AuditLine>> {
    let ListParams { text, kind, before, limit } = params;
    let query = AuditQuery { text, kind, before, limit: limit.unwrap_or(LINES) };
    Ok(Json(site.control.audit(&signed.actor, &query).await?))
}

/// `GET /export`
pub(crate) async fn export(State(site): State<Site>, signed: Signed) -> Result<Response, ApiFault> {
    let export = site.control.export(&signed.actor).await?;
    let head = export.head.to_string();
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"countersign-journal\"".to_owned()),
        (header::HeaderName::from_static("x-countersign-head"), head),
    ];
    Ok((headers, export.bytes).into_response())
}
