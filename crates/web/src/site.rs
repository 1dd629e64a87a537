//! What every handler is given.

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use countersign_control::Control;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

/// The control plane, and the one origin pages are served from.
#[derive(Clone)]
pub(crate) struct Site {
    /// The control plane.
    pub(crate) control: Control,
    /// `https://host:port` as a browser writes it in `Origin`.
    pub(crate) origin: Arc<str>,
}

impl Site {
    /// A site served at the control plane's page address.
    pub(crate) fn new(control: Control) -> Site {
        let origin = origin_of(control.page_address()).into();
        Site { control, origin }
    }
}

/// The origin of an address as browsers serialise it (RFC 6454 §6.2): lower case, no path, no default port.
fn origin_of(address: &str) -> String {
    let lower = address.trim().to_ascii_lowercase();
    let (scheme, rest) = lower.split_once("://").unwrap_or(("https", &lower));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let default_port = if scheme == "https" { ":443" } else { ":80" };
    format!("{scheme}://{}", authority.strip_suffix(default_port).unwrap_or(authority))
}

/// The address a call came from, for the audit.
pub(crate) struct Peer(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Peer {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let known = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        Ok(Peer(known.map_or_else(|| "unknown".to_owned(), |info| info.0.ip().to_canonical().to_string())))
    }
}

/// `next` if it is a path on this site, the first page otherwise. Whatever a browser could take for another host
/// (`//host`, `/\host`, anything with a control character) is not.
pub(crate) fn local_path(next: &str) -> &str {
    let mut chars = next.chars();
    let starts_here = chars.next() == Some('/') && !matches!(chars.next(), Some('/' | '\\'));
    let plain = next.len() <= 2_000 && !next.contains(|c: char| c.is_control() || c == '\\' || !c.is_ascii());
    if starts_here && plain { next } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_written_as_browsers_write_it() {
        let check = |address: &str, origin: &str| assert_eq!(origin_of(address), origin);
        check("https://Gate.example:8443/", "https://gate.example:8443");
        check("https://gate.example:443", "https://gate.example");
        check("https://gate.example/sub?x", "https://gate.example");
    }

    #[test]
    fn only_paths_of_this_site_are_followed() {
        for kept in ["/", "/requests/12?status=Pending", "/a//b"] {
            assert_eq!(local_path(kept), kept);
        }
        for foreign in
            ["", "//evil.example", "/\\evil.example", "https://evil.example", "/a\r\nb", "/\tx", "a", "/\\/e"]
        {
            assert_eq!(local_path(foreign), "/", "{foreign:?}");
        }
    }
}
