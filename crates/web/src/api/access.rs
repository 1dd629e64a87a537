//! What one may reach, what asking for it would mean, and tokens to connect with.

use super::{Answer, Body, Params};
use crate::guard::Signed;
use crate::reader::rfc3339;
use crate::site::Site;
use axum::Json;
use axum::extract::{Path, State};
use countersign_control::Fault;
use countersign_control::view::{AccessView, CalendarView, Preview, TokenView};
use countersign_core::Refusal;
use countersign_journal::{Timestamp, Window};
use serde::Deserialize;

/// Days a calendar shows when nobody says how many.
const CALENDAR_DAYS: u64 = 7;
/// Most days a calendar shows.
const CALENDAR_DAYS_MAX: u64 = 31;

/// `GET /access`
pub(crate) async fn list(State(site): State<Site>, signed: Signed) -> Json<Vec<AccessView>> {
    Json(site.control.my_access(&signed.actor))
}

/// `GET /access/{target}/preview`
pub(crate) async fn preview(State(site): State<Site>, signed: Signed, Path(target): Path<String>) -> Answer<Preview> {
    Ok(Json(site.control.preview_connect(&signed.actor, site.control.account_for(&signed.actor, &target)?)?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CalendarParams {
    from: Option<String>,
    days: Option<u64>,
}

/// `GET /access/{target}/calendar`
pub(crate) async fn calendar(
    State(site): State<Site>,
    signed: Signed,
    Path(target): Path<String>,
    Params(params): Params<CalendarParams>,
) -> Answer<CalendarView> {
    let days = params.days.unwrap_or(CALENDAR_DAYS);
    if !(1..=CALENDAR_DAYS_MAX).contains(&days) {
        let text = format!("`days` is {days}; a calendar shows 1 to {CALENDAR_DAYS_MAX}");
        return Err(Fault::Input(text).into());
    }
    let from = match params.from.as_deref() {
        None => site.control.now(),
        Some(text) => moment(text)?,
    };
    let window = Window::new(from, from.plus(days * 86_400)).ok_or(Fault::Refused(Refusal::NoPeriod))?;
    Ok(Json(site.control.calendar(&signed.actor, site.control.account_for(&signed.actor, &target)?, window).await?))
}

/// A moment, or the start of a day in UTC.
fn moment(text: &str) -> Result<Timestamp, Fault> {
    let day = || rfc3339(&format!("{}T00:00:00Z", text.trim()));
    let wrong = || Fault::Input(format!("`from` is `{text}`; write a day like 2026-11-26, or a moment with its zone"));
    rfc3339(text).or_else(day).ok_or_else(wrong)
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
    let account = site.control.account_for(&signed.actor, &wanted.target)?;
    Ok(Json(site.control.issue_token(&signed.actor, account, &wanted.reason).await?))
}
