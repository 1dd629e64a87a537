//! `/api/v1`: the same calls as the pages, as JSON. Documented by `openapi.json`.

pub(crate) mod access;
pub(crate) mod audit;
pub(crate) mod keys;
pub(crate) mod policy;
pub(crate) mod requests;
pub(crate) mod session;
pub(crate) mod sessions;
pub(crate) mod special;

use crate::fault::ApiFault;
use crate::site::Site;
use axum::Json;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::header;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use countersign_control::Fault;
use countersign_journal::{RequestId, SessionId};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The OpenAPI 3.1 document.
pub(crate) const DOCUMENT: &str = include_str!("../../openapi.json");

/// What an API call answers.
pub(crate) type Answer<T> = Result<Json<T>, ApiFault>;

/// `GET /openapi.json`
pub(crate) async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT).into_response()
}

/// The body of calls that have nothing to say but that it is done.
#[derive(Serialize)]
pub(crate) struct Done {
    done: bool,
}

/// It is done.
pub(crate) const DONE: Json<Done> = Json(Done { done: true });

/// A JSON body; a wrong one is told in words.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<Site> for Body<T> {
    type Rejection = ApiFault;

    async fn from_request(request: Request, site: &Site) -> Result<Self, ApiFault> {
        let read = Json::<T>::from_request(request, site).await;
        read.map(|Json(body)| Body(body)).map_err(|e| ApiFault(Fault::Input(e.body_text())))
    }
}

/// Query parameters; wrong ones are told in words.
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<Site> for Params<T> {
    type Rejection = ApiFault;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, ApiFault> {
        let read = Query::<T>::from_request_parts(parts, site).await;
        read.map(|Query(params)| Params(params)).map_err(|e| ApiFault(Fault::Input(e.body_text())))
    }
}

/// A request's number in a path.
pub(crate) fn request_id(text: &str) -> Result<RequestId, Fault> {
    text.parse().map(RequestId).map_err(|_| Fault::NotFound)
}

/// A session's number in a path.
pub(crate) fn session_id(text: &str) -> Result<SessionId, Fault> {
    text.parse().map(SessionId).map_err(|_| Fault::NotFound)
}
