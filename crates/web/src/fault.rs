//! How a fault of the control plane leaves as HTTP: one status and one code each, for pages and API alike.

use askama::Template;
use axum::Json;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use countersign_control::{Fault, KeyRefusal, TicketRefusal};
use countersign_core::Refusal;
use serde::Serialize;

/// The status and the API's word for a fault.
pub(crate) fn status_of(fault: &Fault) -> (StatusCode, &'static str) {
    match fault {
        Fault::Refused(Refusal::NoSuchTarget) => (StatusCode::NOT_FOUND, "not_found"),
        Fault::Refused(_) | Fault::Stale { .. } | Fault::Meanwhile { .. } => (StatusCode::CONFLICT, "refused"),
        Fault::NotPermitted => (StatusCode::FORBIDDEN, "not_permitted"),
        Fault::NotFound => (StatusCode::NOT_FOUND, "not_found"),
        Fault::Erased(_) => (StatusCode::GONE, "erased"),
        Fault::Unchecked => (StatusCode::CONFLICT, "unchecked"),
        Fault::Damaged => (StatusCode::SERVICE_UNAVAILABLE, "damaged"),
        Fault::Away => (StatusCode::SERVICE_UNAVAILABLE, "store_away"),
        Fault::OtherStore => (StatusCode::SERVICE_UNAVAILABLE, "other_store"),
        Fault::SignIn(_) => (StatusCode::UNAUTHORIZED, "sign_in"),
        Fault::Ticket(TicketRefusal::NotKnown(_)) => (StatusCode::CONFLICT, "refused"),
        Fault::Ticket(TicketRefusal::NoAnswer) => (StatusCode::SERVICE_UNAVAILABLE, "ticket_unchecked"),
        Fault::Key(KeyRefusal::Taken | KeyRefusal::TooMany) => (StatusCode::CONFLICT, "refused"),
        Fault::Input(_) | Fault::Key(_) => (StatusCode::BAD_REQUEST, "bad_input"),
        Fault::Busy => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
        Fault::Trouble(_) => (StatusCode::SERVICE_UNAVAILABLE, "trouble"),
    }
}

/// A fault on its way to an API client.
#[derive(Debug)]
pub(crate) struct ApiFault(pub(crate) Fault);

impl From<Fault> for ApiFault {
    fn from(fault: Fault) -> Self {
        ApiFault(fault)
    }
}

/// The body of every failed API call.
#[derive(Serialize)]
struct ErrorBody {
    error: ErrorLine,
}

#[derive(Serialize)]
struct ErrorLine {
    code: &'static str,
    message: String,
}

impl IntoResponse for ApiFault {
    fn into_response(self) -> Response {
        let (status, code) = status_of(&self.0);
        api_error(status, code, self.0.to_string())
    }
}

/// An API error that no call of the control plane made.
pub(crate) fn api_error(status: StatusCode, code: &'static str, message: impl Into<String>) -> Response {
    (status, Json(ErrorBody { error: ErrorLine { code, message: message.into() } })).into_response()
}

/// A fault on its way to a page, where no form can show it.
#[derive(Debug)]
pub(crate) struct PageFault(pub(crate) Fault);

impl From<Fault> for PageFault {
    fn from(fault: Fault) -> Self {
        PageFault(fault)
    }
}

impl IntoResponse for PageFault {
    fn into_response(self) -> Response {
        let title = match &self.0 {
            Fault::Refused(_) | Fault::Stale { .. } | Fault::Meanwhile { .. } | Fault::Ticket(_) | Fault::Unchecked => {
                "Not possible"
            }
            Fault::NotPermitted => "Not permitted",
            Fault::NotFound => "Nothing here",
            Fault::Erased(_) => "Erased",
            Fault::Damaged => "Damaged",
            Fault::Away | Fault::OtherStore => "Not to be had now",
            Fault::SignIn(_) => "Sign in first",
            Fault::Input(_) | Fault::Key(_) => "This cannot be used",
            Fault::Busy => "Too many at once",
            Fault::Trouble(_) => "The server could not do this",
        };
        error_page(status_of(&self.0).0, title, &self.0.to_string())
    }
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'p> {
    title: &'p str,
    text: String,
    /// Whether whoever reads it may be signed out.
    signed_out: bool,
    css: &'static str,
    js: &'static str,
}

/// A page that says what is wrong and leads back.
pub(crate) fn error_page(status: StatusCode, title: &str, text: &str) -> Response {
    let page = ErrorPage {
        title,
        text: sentence(text),
        signed_out: status == StatusCode::UNAUTHORIZED,
        css: crate::assets::address("app.css"),
        js: crate::assets::address("app.js"),
    };
    match page.render() {
        Ok(html) => (status, Html(crate::draw::seen(&html))).into_response(),
        Err(_) => status.into_response(),
    }
}

/// An error text as a sentence: with a capital and a full stop.
pub(crate) fn sentence(text: &str) -> String {
    let mut chars = text.trim().chars();
    let mut whole: String = chars.next().map(|c| c.to_uppercase().collect()).unwrap_or_default();
    whole.extend(chars);
    if !whole.ends_with(['.', '!', '?']) && !whole.is_empty() {
        whole.push('.');
    }
    whole
}
