//! Lending the right to decide (R42): to whom, for how long, and ending it early.

use super::{Notice, Page, Shell, Visit, page, see};
use crate::fault::status_of;
use crate::reader::Reader;
use askama::Template;
use axum::Form;
use axum::extract::Path;
use axum::http::StatusCode;
use countersign_control::Fault;
use countersign_control::view::DelegationView;
use countersign_core::Refusal;
use countersign_journal::{DelegationId, Seconds, Window};
use serde::Deserialize;

/// The period a new delegation is offered for: a week.
const USUAL_S: Seconds = 7 * 86_400;

#[derive(Template)]
#[template(path = "delegations.html")]
struct DelegationsPage<'p> {
    shell: Shell,
    reader: &'p Reader,
    delegations: Vec<DelegationView>,
    form: LendForm,
}

#[derive(Deserialize)]
pub(crate) struct LendForm {
    to: String,
    #[serde(default)]
    start: String,
    end: String,
    #[serde(default)]
    zone: String,
}

/// `GET /delegations`
pub(crate) async fn list(visit: Visit) -> Page {
    let reader = &visit.reader;
    let form = LendForm {
        to: String::new(),
        start: reader.field(&reader.now),
        end: reader.field(&reader.now.plus(USUAL_S)),
        zone: reader.zone_name.clone(),
    };
    render(&visit, form, StatusCode::OK, None)
}

fn render(visit: &Visit, form: LendForm, status: StatusCode, notice: Option<Notice>) -> Page {
    let delegations = visit.site.control.delegations(visit.actor());
    let shell = visit.shell("Delegations", "delegations").saying(notice);
    page(status, &DelegationsPage { shell, reader: &visit.reader, delegations, form })
}

/// `POST /delegations`
pub(crate) async fn lend(visit: Visit, Form(form): Form<LendForm>) -> Page {
    let reader = Reader::new(visit.reader.now, &form.zone);
    let start = reader.read(&form.start).unwrap_or(reader.now).max(reader.now);
    let window = reader.read(&form.end).and_then(|end| Window::new(start, end));
    let lent = match window {
        Some(window) => visit.site.control.delegate(visit.actor(), form.to.trim(), window).await,
        None => Err(Fault::Refused(Refusal::NoPeriod)),
    };
    match lent {
        Ok(_) => see("/delegations?done=lent"),
        Err(fault) => render(&visit, form, status_of(&fault).0, Some(Notice::bad(&fault))),
    }
}

/// `POST /delegations/{id}/end`
pub(crate) async fn end(visit: Visit, Path(id): Path<String>) -> Page {
    let id = id.parse().map(DelegationId).map_err(|_| Fault::NotFound)?;
    visit.site.control.end_delegation(visit.actor(), id).await?;
    see("/delegations?done=unlent")
}
