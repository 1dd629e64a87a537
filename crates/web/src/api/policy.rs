//! Policy as a file, why things are as they are, and people.

use super::{Answer, Params, account};
use crate::fault::ApiFault;
use crate::guard::Signed;
use crate::routes::POLICY_BYTES_MAX;
use crate::site::Site;
use axum::Json;
use axum::body::to_bytes;
use axum::extract::{Path, Request, State};
use countersign_control::Fault;
use countersign_control::view::{Explanation, PersonRow, Plan};
use countersign_inspect::sql;
use serde::{Deserialize, Serialize};

/// `POST /plan`
pub(crate) async fn plan(State(site): State<Site>, signed: Signed, request: Request) -> Answer<Plan> {
    let file = file_of(request).await?;
    Ok(Json(site.control.plan(&signed.actor, &file).await?))
}

/// `POST /apply`
pub(crate) async fn apply(State(site): State<Site>, signed: Signed, request: Request) -> Answer<Plan> {
    let file = file_of(request).await?;
    Ok(Json(site.control.apply(&signed.actor, &file).await?))
}

async fn file_of(request: Request) -> Result<String, ApiFault> {
    let too_much =
        |_| ApiFault(Fault::Input(format!("the file did not arrive whole; it may have {POLICY_BYTES_MAX} bytes")));
    let bytes = to_bytes(request.into_body(), POLICY_BYTES_MAX).await.map_err(too_much)?;
    String::from_utf8(bytes.into()).map_err(|_| ApiFault(Fault::Input("the file is not UTF-8 text".into())))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExplainParams {
    person: Option<String>,
    target: String,
    sql: Option<String>,
}

/// `GET /explain`
pub(crate) async fn explain(
    State(site): State<Site>,
    signed: Signed,
    Params(params): Params<ExplainParams>,
) -> Answer<Explanation> {
    let person = params.person.as_deref().filter(|p| !p.is_empty()).unwrap_or(&signed.actor.handle);
    let facts = params.sql.as_deref().filter(|s| !s.trim().is_empty()).map(sql::facts);
    let account = account(&site, &params.target)?;
    Ok(Json(site.control.explain(&signed.actor, person, account, facts.as_ref())?))
}

/// `GET /people`
pub(crate) async fn people(State(site): State<Site>, signed: Signed) -> Answer<Vec<PersonRow>> {
    Ok(Json(site.control.people(&signed.actor).await?))
}

#[derive(Serialize)]
pub(crate) struct Invited {
    link: String,
}

/// `POST /people/{handle}/invitation`
pub(crate) async fn invite(State(site): State<Site>, signed: Signed, Path(handle): Path<String>) -> Answer<Invited> {
    Ok(Json(Invited { link: site.control.invite(&signed.actor, &handle).await? }))
}
