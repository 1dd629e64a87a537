//! What one may reach, what asking for it would mean, and tokens to connect with.

use super::{Answer, Body, account};
use crate::guard::Signed;
use crate::site::Site;
use axum::Json;
use axum::extract::{Path, State};
use countersign_control::view::{AccessView, Preview, TokenView};
use serde::Deserialize;

/// `GET /access`
pub(crate) async fn list(State(site): State<Site>, signed: Signed) -> Json<Vec<AccessView>> {
    Json(site.control.my_access(&signed.actor))
}

/// `GET /access/{target}/preview`
pub(crate) async fn preview(State(site): State<Site>, signed: Signed, Path(target): Path<String>) -> Answer<Preview> {
    Ok(Json(site.control.preview_connect(&signed.actor, account(&site, &target)?)?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenFor {
    target: String,
    #[serde(default)]
    reason: String,
}

/// `POST /tokens`
pub(crate) async fn token(State(site): State<Site>, signed: Signed, Body(wanted): Body<TokenFor>) -> Answer<TokenView> {
    let account = account(&site, &wanted.target)?;
    Ok(Json(site.control.issue_token(&signed.actor, account, &wanted.reason).await?))
}
