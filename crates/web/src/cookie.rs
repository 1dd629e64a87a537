//! The two cookies: the session, which only the server reads, and the reader's time zone, which is no secret.

use axum::http::{HeaderMap, HeaderValue, header};
use countersign_control::NewSession;
use countersign_journal::Timestamp;
use secrecy::ExposeSecret;

/// The session's cookie. The prefix makes browsers insist on `Secure`, `Path=/` and no `Domain`
/// (RFC 6265bis §4.1.3.2).
pub(crate) const SESSION: &str = "__Host-countersign";
/// The cookie of the reader's time zone.
pub(crate) const ZONE: &str = "zone";
/// Longest value that is looked at, in bytes.
const VALUE_BYTES_MAX: usize = 512;

/// The value of a cookie, if it was sent once and is not overlong. Two of one name decide nothing.
pub(crate) fn value<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut values = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(key, _)| *key == name)
        .map(|(_, value)| value);
    match (values.next(), values.next()) {
        (Some(value), None) if !value.is_empty() && value.len() <= VALUE_BYTES_MAX => Some(value),
        _ => None,
    }
}

/// The header that hands a new session to a browser.
pub(crate) fn set(session: &NewSession, now: Timestamp) -> Option<HeaderValue> {
    let age_s = session.expires_at.seconds_since(now);
    let value = session.cookie.expose_secret();
    let text = format!("{SESSION}={value}; Path=/; Max-Age={age_s}; Secure; HttpOnly; SameSite=Lax");
    let mut header = HeaderValue::try_from(text).ok()?;
    header.set_sensitive(true);
    Some(header)
}

/// The header that makes a browser forget its session.
pub(crate) fn forget() -> HeaderValue {
    HeaderValue::from_static("__Host-countersign=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(lines: &[&'static str], expected: Option<&str>) {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::COOKIE, HeaderValue::from_static(line));
        }
        assert_eq!(value(&headers, SESSION), expected, "{lines:?}");
    }

    #[test]
    fn a_cookie_counts_when_it_is_there_once() {
        check(&[], None);
        check(&["zone=UTC; __Host-countersign=abc"], Some("abc"));
        check(&["zone=UTC", "__Host-countersign=abc"], Some("abc"));
        check(&["__Host-countersign=abc; __Host-countersign=def"], None);
        check(&["x__Host-countersign=abc; countersign=abc; __Host-countersign="], None);
    }
}
