//! Policy as a file, why things are as they are, and people.

use super::{Answer, Params, request_id};
use crate::fault::ApiFault;
use crate::guard::Signed;
use crate::routes::POLICY_BYTES_MAX;
use crate::site::Site;
use crate::written;
use axum::Json;
use axum::body::to_bytes;
use axum::extract::{Path, Request, State};
use countersign_control::view::{
    Combined, Configuration, DiffLine, Explanation, PersonRow, Plan, Proposed, RolesView, VersionView,
};
use countersign_control::{Fault, Question, QuestionAct};
use countersign_journal::RequestId;
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PlanParams {
    base: Option<String>,
}

/// `POST /plan`
pub(crate) async fn plan(
    State(site): State<Site>,
    signed: Signed,
    Params(params): Params<PlanParams>,
    request: Request,
) -> Answer<Plan> {
    let file = file_of(request).await?;
    let base = params.base.map(|base| base.parse()).transpose()?;
    Ok(Json(site.control.plan(&signed.actor, &file, base).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApplyParams {
    #[serde(default)]
    reason: String,
    base: Option<String>,
}

/// `POST /apply`
pub(crate) async fn apply(
    State(site): State<Site>,
    signed: Signed,
    Params(params): Params<ApplyParams>,
    request: Request,
) -> Answer<Proposed> {
    let file = file_of(request).await?;
    let base = params.base.map(|base| base.parse()).transpose()?;
    Ok(Json(site.control.propose(&signed.actor, &file, &params.reason, base).await?))
}

#[derive(Serialize)]
pub(crate) struct FileText {
    file: String,
}

/// `GET /configuration`
pub(crate) async fn configuration(State(site): State<Site>, signed: Signed) -> Answer<Configuration> {
    Ok(Json(site.control.configuration(&signed.actor).await?))
}

#[derive(Serialize)]
pub(crate) struct Authority {
    public_key: String,
}

/// `GET /ssh/authority`
pub(crate) async fn authority(State(site): State<Site>, _: Signed) -> Answer<Authority> {
    Ok(Json(Authority { public_key: site.control.ssh_authority()? }))
}

/// `GET /configuration/versions`
pub(crate) async fn versions(State(site): State<Site>, signed: Signed) -> Answer<Vec<VersionView>> {
    Ok(Json(site.control.versions(&signed.actor).await?))
}

/// `GET /configuration/versions/{id}`
pub(crate) async fn version(State(site): State<Site>, signed: Signed, Path(id): Path<String>) -> Answer<FileText> {
    Ok(Json(FileText { file: site.control.version(&signed.actor, request_id(&id)?).await? }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CompareParams {
    before: u64,
    after: Option<u64>,
}

/// `GET /configuration/compare`
pub(crate) async fn compare(
    State(site): State<Site>,
    signed: Signed,
    Params(params): Params<CompareParams>,
) -> Answer<Vec<DiffLine>> {
    let (before, after) = (RequestId(params.before), params.after.map(RequestId));
    Ok(Json(site.control.compare_versions(&signed.actor, before, after).await?))
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
    /// A statement, or a command where the target is a server; `sql` is its older name.
    #[serde(alias = "sql")]
    text: Option<String>,
}

/// `GET /explain`
pub(crate) async fn explain(
    State(site): State<Site>,
    signed: Signed,
    Params(params): Params<ExplainParams>,
) -> Answer<Explanation> {
    let person = params.person.as_deref().filter(|p| !p.is_empty()).unwrap_or(&signed.actor.handle);
    let account = site.control.account_for(&signed.actor, &params.target)?;
    let facts =
        params.text.as_deref().and_then(|text| written::facts(&site.control, &signed.actor, &params.target, text));
    Ok(Json(site.control.explain(&signed.actor, person, account, facts.as_ref())?))
}

/// `POST /explain`
pub(crate) async fn explain_with(
    State(site): State<Site>,
    signed: Signed,
    Params(params): Params<ExplainParams>,
    request: Request,
) -> Answer<Combined> {
    let file = file_of(request).await?;
    let facts =
        params.text.as_deref().and_then(|text| written::facts(&site.control, &signed.actor, &params.target, text));
    let act = facts.as_ref().map_or(QuestionAct::Connect, QuestionAct::Run);
    let person = params.person.as_deref().filter(|p| !p.is_empty()).unwrap_or(&signed.actor.handle);
    let question = Question { person, target: &params.target, act };
    Ok(Json(site.control.combined(&signed.actor, &file, &question)?))
}

/// `GET /roles`
pub(crate) async fn roles(State(site): State<Site>, signed: Signed) -> Answer<RolesView> {
    Ok(Json(site.control.roles(&signed.actor)))
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
