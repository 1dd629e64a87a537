//! What a person does with a request. Each is a posted form; the page it leads to says what was done.

use super::card::Period;
use super::request::{refused, refused_period};
use super::{Page, Visit, see};
use crate::api::request_id;
use crate::fault::sentence;
use crate::period::{changed, narrowed};
use crate::reader::Reader;
use crate::site::local_path;
use axum::Form;
use axum::extract::Path;
use countersign_control::Fault;
use countersign_control::view::RequestView;
use countersign_core::{Position, Refusal};
use countersign_journal::{RequestId, Terms, Timestamp, Verdict};
use serde::Deserialize;

#[derive(Deserialize)]
pub(crate) struct DecisionForm {
    verdict: Verdict,
    track: u32,
    level: u32,
    epoch: u32,
    #[serde(default)]
    comment: String,
    #[serde(default)]
    start: String,
    #[serde(default)]
    end: String,
    #[serde(default)]
    start_was: String,
    #[serde(default)]
    end_was: String,
    #[serde(default)]
    zone: String,
    #[serde(default)]
    reset_after_use: Option<String>,
    #[serde(default)]
    next: String,
}

/// `POST /requests/{id}/decision`
pub(crate) async fn decision(visit: Visit, Path(id): Path<String>, Form(form): Form<DecisionForm>) -> Page {
    let id = request_id(&id)?;
    match decide(&visit, id, &form).await {
        Ok(()) => {}
        Err(fault @ Fault::Input(_)) if form.verdict == Verdict::Approve && !form.end.is_empty() => {
            let period = Period { start: form.start, end: form.end, wrong: sentence(&fault.to_string()) };
            return refused_period(&visit, id, period, form.comment).await;
        }
        Err(fault) => return refused(&visit, id, fault, form.comment).await,
    }
    let done = match form.verdict {
        Verdict::Approve => "approved",
        Verdict::Reject => "rejected",
    };
    led(&form.next, id, done)
}

async fn decide(visit: &Visit, id: RequestId, form: &DecisionForm) -> Result<(), Fault> {
    let position = Position { track: form.track, level: form.level, epoch: form.epoch };
    let seen = visit.site.control.request(visit.actor(), id).await?;
    let terms = match form.verdict {
        Verdict::Approve => terms(&visit.reader, &seen, form)?,
        Verdict::Reject => None,
    };
    visit.site.control.decide(visit.actor(), id, position, form.verdict, terms, &form.comment).await
}

/// The terms an approver changed. A field left as it was stands for the exact moment asked for, which the field
/// shows to the minute only.
fn terms(reader: &Reader, seen: &RequestView, form: &DecisionForm) -> Result<Option<Terms>, Fault> {
    let reader = Reader::new(reader.now, &form.zone);
    let read = |text: &str, was: &str| -> Result<Option<Timestamp>, Fault> {
        if text.is_empty() || text == was {
            return Ok(None);
        }
        reader.read(text).map(Some).ok_or(Fault::Refused(Refusal::NoPeriod))
    };
    let (start, end) = (read(&form.start, &form.start_was)?, read(&form.end, &form.end_was)?);
    narrowed(seen, start, end, form.reset_after_use.is_some())
}

#[derive(Deserialize)]
pub(crate) struct EditForm {
    #[serde(default)]
    end: String,
    #[serde(default)]
    end_was: String,
    #[serde(default)]
    zone: String,
    #[serde(default)]
    reset_after_use: Option<String>,
    #[serde(default)]
    reason: String,
}

/// `POST /requests/{id}/edit`
pub(crate) async fn edit(visit: Visit, Path(id): Path<String>, Form(form): Form<EditForm>) -> Page {
    let id = request_id(&id)?;
    match try_edit(&visit, id, &form).await {
        Ok(()) => led("", id, "edited"),
        Err(fault) => refused(&visit, id, fault, form.reason).await,
    }
}

async fn try_edit(visit: &Visit, id: RequestId, form: &EditForm) -> Result<(), Fault> {
    let seen = visit.site.control.request(visit.actor(), id).await?;
    let reader = Reader::new(visit.reader.now, &form.zone);
    let end = match form.end.trim() {
        text if text.is_empty() || text == form.end_was => None,
        text => Some(reader.read(text).ok_or(Fault::Refused(Refusal::NoPeriod))?),
    };
    let terms = changed(&seen, None, end, form.reset_after_use.is_some())?;
    let terms = terms.ok_or_else(|| Fault::Input("nothing was changed; choose another end, or the reset".into()))?;
    visit.site.control.edit(visit.actor(), id, terms, &form.reason).await
}

#[derive(Deserialize)]
pub(crate) struct EscalateForm {
    track: u32,
    level: u32,
    epoch: u32,
}

/// `POST /requests/{id}/escalate`
pub(crate) async fn escalate(visit: Visit, Path(id): Path<String>, Form(form): Form<EscalateForm>) -> Page {
    let id = request_id(&id)?;
    let position = Position { track: form.track, level: form.level, epoch: form.epoch };
    let done = visit.site.control.escalate(visit.actor(), id, position).await;
    finish(&visit, id, done, "escalated", PlainForm::default()).await
}

/// `POST /requests/{id}/emergency`
pub(crate) async fn emergency(visit: Visit, Path(id): Path<String>, Form(form): Form<PlainForm>) -> Page {
    let id = request_id(&id)?;
    let done = visit.site.control.emergency(visit.actor(), id, &form.reason).await;
    finish(&visit, id, done, "emergency", form).await
}

/// `POST /requests/{id}/stop`
pub(crate) async fn stop(visit: Visit, Path(id): Path<String>, Form(form): Form<PlainForm>) -> Page {
    let id = request_id(&id)?;
    let done = visit.site.control.stop_emergency(visit.actor(), id, &form.reason).await;
    finish(&visit, id, done, "stopped", form).await
}

#[derive(Deserialize, Default)]
pub(crate) struct PlainForm {
    #[serde(default)]
    next: String,
    /// Set when the form said that access ends.
    #[serde(default)]
    ends: String,
    #[serde(default)]
    reason: String,
}

/// `POST /requests/{id}/withdraw`
pub(crate) async fn withdraw(visit: Visit, Path(id): Path<String>, Form(form): Form<PlainForm>) -> Page {
    let id = request_id(&id)?;
    let done = visit.site.control.withdraw(visit.actor(), id).await;
    finish(&visit, id, done, "withdrawn", form).await
}

/// `POST /requests/{id}/retract`
pub(crate) async fn retract(visit: Visit, Path(id): Path<String>, Form(form): Form<PlainForm>) -> Page {
    let id = request_id(&id)?;
    // Whoever was shown that nobody has access yet ends none.
    let granted = visit.site.control.request(visit.actor(), id).await?.grant.is_some();
    if granted && form.ends.is_empty() {
        let text =
            "it was approved meanwhile, so that taking your approval back ends access now; revoke it if you mean that";
        return refused(&visit, id, Fault::Input(text.into()), form.reason).await;
    }
    let done = visit.site.control.retract(visit.actor(), id).await;
    finish(&visit, id, done, if granted { "revoked" } else { "retracted" }, form).await
}

/// `POST /requests/{id}/revoke`
pub(crate) async fn revoke(visit: Visit, Path(id): Path<String>, Form(form): Form<PlainForm>) -> Page {
    let id = request_id(&id)?;
    let done = visit.site.control.revoke(visit.actor(), id, &form.reason).await;
    finish(&visit, id, done, "revoked", form).await
}

/// `POST /requests/{id}/surrender`
pub(crate) async fn surrender(visit: Visit, Path(id): Path<String>, Form(form): Form<PlainForm>) -> Page {
    let id = request_id(&id)?;
    let done = visit.site.control.surrender(visit.actor(), id).await;
    finish(&visit, id, done, "surrendered", form).await
}

async fn finish(visit: &Visit, id: RequestId, done: Result<(), Fault>, word: &str, form: PlainForm) -> Page {
    match done {
        Ok(()) => led(&form.next, id, word),
        Err(fault) => refused(visit, id, fault, form.reason).await,
    }
}

/// Back to where the form stood, or to the request.
fn led(next: &str, id: RequestId, word: &str) -> Page {
    let own = format!("/requests/{}", id.0);
    let path = if next.is_empty() { own.as_str() } else { local_path(next) };
    let path = path.split(['?', '#']).next().unwrap_or(&own);
    see(&format!("{path}?done={word}&on={}", id.0))
}
