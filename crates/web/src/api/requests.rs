//! Asking, looking and deciding.

use super::{Answer, Body, Params, request_id};
use crate::guard::Signed;
use crate::period::narrowed;
use crate::reader::rfc3339;
use crate::script::{self, Texts};
use crate::site::Site;
use axum::Json;
use axum::extract::{Path, State};
use countersign_control::view::{RequestQuery, RequestView, Scope};
use countersign_control::{Fault, Reservation};
use countersign_core::{Position, Refusal};
use countersign_journal::{RequestId, Seconds, StepOrder, Timestamp, Verdict, Window};
use serde::Deserialize;

/// Lines of a list when no number is asked for.
const LINES: usize = 50;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    target: String,
    database: Option<String>,
    start: Option<String>,
    end: Option<String>,
    minutes: Option<Seconds>,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    choice: String,
    #[serde(default)]
    ticket: String,
    #[serde(default)]
    ask_whom: Vec<String>,
    plan: Option<Texts>,
    in_order: Option<bool>,
}

/// `POST /requests`
pub(crate) async fn ask(State(site): State<Site>, signed: Signed, Body(wanted): Body<Wanted>) -> Answer<RequestView> {
    let account = site.control.account_for(&signed.actor, &wanted.target)?;
    let window = window_of(wanted.start.as_deref(), wanted.end.as_deref(), wanted.minutes, site.control.now())?;
    let database = wanted.database.as_deref().map(str::trim).filter(|d| !d.is_empty()).map(str::to_owned);
    let Wanted { reason, choice, ticket, ask_whom, plan, in_order, .. } = wanted;
    let order = if in_order == Some(false) { StepOrder::Any } else { StepOrder::Listed };
    let none = || Fault::Input("the script has no statement; give one, or leave it out".into());
    let script = plan.map(|texts| script::script(texts, order).and_then(|s| s.ok_or_else(none))).transpose()?;
    let reservation = Reservation { account, database, window, reason, choice, ticket, ask_whom, script };
    let id = site.control.reserve(&signed.actor, reservation).await?;
    view(&site, &signed, id).await
}

/// A period as programs give it: until a moment, or for so long.
pub(super) fn window_of(
    start: Option<&str>,
    end: Option<&str>,
    minutes: Option<Seconds>,
    now: Timestamp,
) -> Result<Window, Fault> {
    let start = moment("start", start)?.map_or(now, |start| start.max(now));
    let end = match (moment("end", end)?, minutes) {
        (Some(end), None) => end,
        (None, Some(minutes)) => start.plus(minutes.saturating_mul(60)),
        (Some(_), Some(_)) => return Err(Fault::Input("send `end` or `minutes`, not both".into())),
        (None, None) => return Err(Fault::Input("say how long: send `end` or `minutes`".into())),
    };
    Window::new(start, end).ok_or(Fault::Refused(Refusal::NoPeriod))
}

pub(super) fn moment(name: &str, text: Option<&str>) -> Result<Option<Timestamp>, Fault> {
    let Some(text) = text else { return Ok(None) };
    let wrong = || Fault::Input(format!("`{name}` is not a time: expected RFC 3339, such as 2026-11-22T14:00:00Z"));
    rfc3339(text).map(Some).ok_or_else(wrong)
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum ScopeWord {
    Mine,
    ForMe,
    MyDecisions,
    All,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListParams {
    scope: Option<ScopeWord>,
    #[serde(default)]
    status: String,
    #[serde(default)]
    text: String,
    #[serde(default)]
    kind: String,
    from: Option<String>,
    until: Option<String>,
    before: Option<u64>,
    limit: Option<usize>,
}

/// `GET /requests`
pub(crate) async fn list(
    State(site): State<Site>,
    signed: Signed,
    Params(params): Params<ListParams>,
) -> Answer<Vec<RequestView>> {
    let scope = match params.scope.unwrap_or(ScopeWord::Mine) {
        ScopeWord::Mine => Scope::Mine,
        ScopeWord::ForMe => Scope::ForMe,
        ScopeWord::MyDecisions => Scope::MyDecisions,
        ScopeWord::All => Scope::All,
    };
    let query = RequestQuery {
        scope,
        status: params.status,
        text: params.text,
        kind: params.kind,
        from: moment("from", params.from.as_deref())?,
        until: moment("until", params.until.as_deref())?,
        for_me: false,
        before: params.before.map(RequestId),
        limit: params.limit.unwrap_or(LINES),
    };
    Ok(Json(site.control.requests(&signed.actor, &query).await?))
}

/// `GET /requests/{id}`
pub(crate) async fn show(State(site): State<Site>, signed: Signed, Path(id): Path<String>) -> Answer<RequestView> {
    view(&site, &signed, request_id(&id)?).await
}

pub(super) async fn view(site: &Site, signed: &Signed, id: RequestId) -> Answer<RequestView> {
    Ok(Json(site.control.request(&signed.actor, id).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PositionBody {
    track: u32,
    level: u32,
    epoch: u32,
}

impl PositionBody {
    pub(super) fn position(self) -> Position {
        Position { track: self.track, level: self.level, epoch: self.epoch }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Decision {
    verdict: Verdict,
    position: Option<PositionBody>,
    start: Option<String>,
    end: Option<String>,
    #[serde(default)]
    reset_after_use: bool,
    #[serde(default)]
    comment: String,
}

/// `POST /requests/{id}/decision`
pub(crate) async fn decide(
    State(site): State<Site>,
    signed: Signed,
    Path(id): Path<String>,
    Body(decision): Body<Decision>,
) -> Answer<RequestView> {
    let id = request_id(&id)?;
    let seen = site.control.request(&signed.actor, id).await?;
    let sent = decision.position.map(PositionBody::position);
    let position = match sent.or(seen.position.map(Into::into)) {
        Some(position) => position,
        None if seen.status == "Pending" => return Err(not_open(&seen, &signed).into()),
        // The engine says what it came to.
        None => Position { track: 0, level: 0, epoch: 0 },
    };
    let start = moment("start", decision.start.as_deref())?;
    let end = moment("end", decision.end.as_deref())?;
    let terms = narrowed(&seen, start, end, decision.reset_after_use)?;
    site.control.decide(&signed.actor, id, position, decision.verdict, terms, &decision.comment).await?;
    view(&site, &signed, id).await
}

/// What stands where this actor can decide nothing now; the engine says it more exactly for a stated position.
fn not_open(seen: &RequestView, signed: &Signed) -> Fault {
    let me = signed.actor.person;
    let spoke = seen.tracks.iter().flatten().flat_map(|level| &level.votes).any(|v| v.approver.id == me);
    Fault::Refused(match seen.person.id == me {
        true => Refusal::OwnRequest,
        false if spoke => Refusal::AlreadyCounted,
        false => Refusal::NotAnApprover(seen.id),
    })
}

/// `POST /requests/{id}/withdraw`
pub(crate) async fn withdraw(State(site): State<Site>, signed: Signed, Path(id): Path<String>) -> Answer<RequestView> {
    let id = request_id(&id)?;
    site.control.withdraw(&signed.actor, id).await?;
    view(&site, &signed, id).await
}

/// `POST /requests/{id}/retract`
pub(crate) async fn retract(State(site): State<Site>, signed: Signed, Path(id): Path<String>) -> Answer<RequestView> {
    let id = request_id(&id)?;
    site.control.retract(&signed.actor, id).await?;
    view(&site, &signed, id).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Why {
    pub(super) reason: String,
}

/// `POST /requests/{id}/revoke`
pub(crate) async fn revoke(
    State(site): State<Site>,
    signed: Signed,
    Path(id): Path<String>,
    Body(why): Body<Why>,
) -> Answer<RequestView> {
    let id = request_id(&id)?;
    site.control.revoke(&signed.actor, id, &why.reason).await?;
    view(&site, &signed, id).await
}

/// `POST /requests/{id}/surrender`
pub(crate) async fn surrender(State(site): State<Site>, signed: Signed, Path(id): Path<String>) -> Answer<RequestView> {
    let id = request_id(&id)?;
    site.control.surrender(&signed.actor, id).await?;
    view(&site, &signed, id).await
}
