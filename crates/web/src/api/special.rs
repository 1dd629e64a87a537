//! Edits, escalation by hand, emergencies and lent rights to decide.

use super::requests::{PositionBody, Why, moment, view};
use super::{Answer, Body, request_id};
use crate::guard::Signed;
use crate::period::changed;
use crate::site::Site;
use axum::Json;
use axum::extract::{Path, State};
use countersign_control::Fault;
use countersign_control::view::{DelegationView, RequestView};
use countersign_core::{Position, Refusal};
use countersign_journal::{DelegationId, Window};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Edit {
    start: Option<String>,
    end: Option<String>,
    #[serde(default)]
    reset_after_use: bool,
    #[serde(default)]
    reason: String,
}

/// `POST /requests/{id}/edit`
pub(crate) async fn edit(
    State(site): State<Site>,
    signed: Signed,
    Path(id): Path<String>,
    Body(edit): Body<Edit>,
) -> Answer<RequestView> {
    let id = request_id(&id)?;
    let seen = site.control.request(&signed.actor, id).await?;
    let (start, end) = (moment("start", edit.start.as_deref())?, moment("end", edit.end.as_deref())?);
    let terms = changed(&seen, start, end, edit.reset_after_use)?;
    let nothing = || Fault::Input("nothing would change: send `start`, `end` or `reset_after_use`".into());
    site.control.edit(&signed.actor, id, terms.ok_or_else(nothing)?, &edit.reason).await?;
    view(&site, &signed, id).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Escalation {
    position: PositionBody,
}

/// `POST /requests/{id}/escalate`
pub(crate) async fn escalate(
    State(site): State<Site>,
    signed: Signed,
    Path(id): Path<String>,
    Body(escalation): Body<Escalation>,
) -> Answer<RequestView> {
    let id = request_id(&id)?;
    let position: Position = escalation.position.position();
    site.control.escalate(&signed.actor, id, position).await?;
    view(&site, &signed, id).await
}

/// `POST /requests/{id}/emergency`
pub(crate) async fn emergency(
    State(site): State<Site>,
    signed: Signed,
    Path(id): Path<String>,
    Body(why): Body<Why>,
) -> Answer<RequestView> {
    let id = request_id(&id)?;
    site.control.emergency(&signed.actor, id, &why.reason).await?;
    view(&site, &signed, id).await
}

/// `POST /requests/{id}/stop`
pub(crate) async fn stop(
    State(site): State<Site>,
    signed: Signed,
    Path(id): Path<String>,
    Body(why): Body<Why>,
) -> Answer<RequestView> {
    let id = request_id(&id)?;
    site.control.stop_emergency(&signed.actor, id, &why.reason).await?;
    view(&site, &signed, id).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Lent {
    to: String,
    start: Option<String>,
    end: String,
}

/// `GET /delegations`
pub(crate) async fn delegations(State(site): State<Site>, signed: Signed) -> Answer<Vec<DelegationView>> {
    Ok(Json(site.control.delegations(&signed.actor)))
}

/// `POST /delegations`
pub(crate) async fn delegate(
    State(site): State<Site>,
    signed: Signed,
    Body(lent): Body<Lent>,
) -> Answer<Vec<DelegationView>> {
    let start = moment("start", lent.start.as_deref())?.unwrap_or_else(|| site.control.now());
    let end = moment("end", Some(&lent.end))?.unwrap_or(start);
    let window = Window::new(start, end).ok_or(Fault::Refused(Refusal::NoPeriod))?;
    site.control.delegate(&signed.actor, &lent.to, window).await?;
    Ok(Json(site.control.delegations(&signed.actor)))
}

/// `POST /delegations/{id}/end`
pub(crate) async fn end_delegation(
    State(site): State<Site>,
    signed: Signed,
    Path(id): Path<String>,
) -> Answer<Vec<DelegationView>> {
    let id = id.parse().map(DelegationId).map_err(|_| Fault::NotFound)?;
    site.control.end_delegation(&signed.actor, id).await?;
    Ok(Json(site.control.delegations(&signed.actor)))
}
