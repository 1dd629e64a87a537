//! Against requests other sites make in a person's name. Whatever is not GET or HEAD, and a GET by which programs export, must come
//! from our own pages, or carry its credential in a header that no page of another site can set.

use crate::cookie;
use crate::fault::{api_error, error_page};
use crate::site::Site;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;

/// Lets a request through or refuses it.
pub(crate) async fn check(State(site): State<Site>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let api = path.starts_with("/api/");
    // An export stands in the audit as an act of whoever did it.
    let method = if api && path.ends_with("/export") { &Method::POST } else { request.method() };
    if is_ours(method, request.headers(), api, &site.origin) {
        return next.run(request).await;
    }
    let text = "this was sent from another site and was not done; open Countersign itself and do it there";
    match api {
        true => api_error(StatusCode::FORBIDDEN, "not_permitted", text),
        false => error_page(StatusCode::FORBIDDEN, "Sent from another site", text),
    }
}

/// Whether the request may change something on behalf of whoever its cookie names.
///
/// `Sec-Fetch-Site` decides where it is sent (every current browser does, over HTTPS); `Origin` where it is not. With
/// neither it is no browser: then a cookie is not taken, and a call without one has nothing to abuse.
fn is_ours(method: &Method, headers: &HeaderMap, api: bool, origin: &str) -> bool {
    if matches!(*method, Method::GET | Method::HEAD) || (api && bearer(headers).is_some()) {
        return true;
    }
    if let Some(from) = headers.get("sec-fetch-site") {
        return from == "same-origin" || from == "none";
    }
    match headers.get(header::ORIGIN) {
        Some(sent) => sent == origin,
        None => cookie::value(headers, cookie::SESSION).is_none() && !headers.contains_key(header::COOKIE),
    }
}

/// The credential of `Authorization: Bearer`.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};

    const ORIGIN: &str = "https://gate.example:8443";

    fn check(method: Method, api: bool, lines: &[(&'static str, &'static str)], expected: bool) {
        let pair = |(k, v): &(&'static str, &'static str)| (HeaderName::from_static(k), HeaderValue::from_static(v));
        let headers: HeaderMap = lines.iter().map(pair).collect();
        assert_eq!(is_ours(&method, &headers, api, ORIGIN), expected, "{method} {lines:?}");
    }

    #[test]
    fn other_sites_change_nothing() {
        let cookie = ("cookie", "__Host-countersign=abc");
        check(Method::GET, false, &[("sec-fetch-site", "cross-site"), cookie], true);
        check(Method::POST, false, &[("sec-fetch-site", "same-origin"), ("origin", "null"), cookie], true);
        check(Method::POST, false, &[("sec-fetch-site", "cross-site"), ("origin", ORIGIN), cookie], false);
        check(Method::POST, false, &[("sec-fetch-site", "same-site"), cookie], false);
        check(Method::POST, false, &[("origin", ORIGIN), cookie], true);
        check(Method::POST, false, &[("origin", "https://gate.example"), cookie], false);
        check(Method::POST, false, &[("origin", "null"), cookie], false);
        check(Method::POST, false, &[cookie], false);
        check(Method::POST, true, &[], true);
        check(Method::DELETE, true, &[cookie], false);
        check(Method::POST, true, &[("authorization", "Bearer abc")], true);
        check(Method::POST, false, &[("authorization", "Bearer abc"), cookie], false);
        check(Method::POST, true, &[("authorization", "Basic abc"), cookie], false);
    }
}
