//! Who is calling, and whether the route is for them. Objects are checked by the control plane at each call.

use crate::cookie;
use crate::fault::{ApiFault, PageFault, api_error, error_page};
use crate::origin::bearer;
use crate::routes::{Surface, Who};
use crate::site::Site;
use axum::body::{Body, to_bytes};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use countersign_control::{Actor, Fault};

/// Somebody signed in, with the credential they came with.
#[derive(Clone)]
pub(crate) struct Signed {
    /// Who.
    pub(crate) actor: Actor,
    /// Their session's cookie value.
    pub(crate) credential: String,
}

impl<S: Send + Sync> FromRequestParts<S> for Signed {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        parts.extensions.get::<Signed>().cloned().ok_or_else(|| StatusCode::UNAUTHORIZED.into_response())
    }
}

/// What stands before one route.
#[derive(Clone)]
pub(crate) struct Gate {
    /// The site.
    pub(crate) site: Site,
    /// For whom the route is.
    pub(crate) who: Who,
    /// Whether it answers people or programs.
    pub(crate) surface: Surface,
    /// Most bytes a body may have.
    pub(crate) body_bytes_max: usize,
}

/// Finds out who is calling, and lets them through or not.
pub(crate) async fn admit(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    if gate.who == Who::Anyone {
        return next.run(request).await;
    }
    let Some(mut signed) = signed(&gate, request.headers()).await else { return sign_in_first(&gate, &request) };
    if !request.method().is_safe() {
        // A body may take its time: who is calling is asked again once all of it is there.
        let (parts, body) = request.into_parts();
        let Ok(whole) = to_bytes(body, gate.body_bytes_max).await else { return too_large(&gate) };
        request = Request::from_parts(parts, Body::from(whole));
        let Some(still) = self::signed(&gate, request.headers()).await else { return sign_in_first(&gate, &request) };
        signed = still;
    }
    if matches!(gate.who, Who::May(permission) if !signed.actor.may(permission)) {
        return match gate.surface {
            Surface::Api => ApiFault(Fault::NotPermitted).into_response(),
            Surface::Page | Surface::Asset => PageFault(Fault::NotPermitted).into_response(),
        };
    }
    request.extensions_mut().insert(signed);
    next.run(request).await
}

fn too_large(gate: &Gate) -> Response {
    let text = format!("at most {} bytes are taken here; send less", gate.body_bytes_max);
    match gate.surface {
        Surface::Api => api_error(StatusCode::PAYLOAD_TOO_LARGE, "too_large", &text),
        Surface::Page | Surface::Asset => error_page(StatusCode::PAYLOAD_TOO_LARGE, "Too much", &text),
    }
}

async fn signed(gate: &Gate, headers: &HeaderMap) -> Option<Signed> {
    let header = if gate.surface == Surface::Api { bearer(headers) } else { None };
    let credential = header.or_else(|| cookie::value(headers, cookie::SESSION))?;
    let actor = gate.site.control.actor(credential).await?;
    Some(Signed { actor, credential: credential.to_owned() })
}

fn sign_in_first(gate: &Gate, request: &Request) -> Response {
    if gate.surface == Surface::Api {
        let text = "no session, or one that has ended; sign in and send its token";
        return api_error(StatusCode::UNAUTHORIZED, "sign_in", text);
    }
    let wanted = request.uri().path_and_query().map_or("/", |p| p.as_str());
    let safe = request.method().is_safe() && !matches!(wanted, "/" | "/live" | "/waiting");
    let to = if safe { format!("/sign-in?next={}", escaped(wanted)) } else { "/sign-in".to_owned() };
    if request.headers().contains_key("hx-request") || wanted == "/live" {
        let mut response = StatusCode::UNAUTHORIZED.into_response();
        // A fragment cannot be a sign-in page: the whole page goes there.
        response.headers_mut().insert("hx-redirect", HeaderValue::from_static("/sign-in"));
        return response;
    }
    Redirect::to(&to).into_response()
}

/// `text` fit to stand as the value of a query parameter (RFC 3986 §2.3: all but the unreserved is escaped).
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
