//! Scripts, styles and drawings, built from `web/` and embedded. An address carries the digest of its file, so that
//! browsers may keep it for ever.

use crate::site::Site;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use countersign_control::CA_FILE;
use countersign_journal::Digest;
use rust_embed::RustEmbed;
use std::collections::BTreeMap;
use std::sync::OnceLock;

#[derive(RustEmbed)]
#[folder = "../../web/dist"]
#[allow_missing = true]
struct Built;

/// The address of a built file; the bare address when it was not built.
pub(crate) fn address(name: &str) -> &'static str {
    static ADDRESSES: OnceLock<BTreeMap<String, String>> = OnceLock::new();
    let all = ADDRESSES.get_or_init(|| Built::iter().map(|name| (name.to_string(), versioned(&name))).collect());
    all.get(name).map_or("/assets/missing", String::as_str)
}

fn versioned(name: &str) -> String {
    let content = Built::get(name).map(|file| file.data).unwrap_or_default();
    format!("/assets/{name}?v={}", Digest::of("countersign asset v1", &[&content]).short())
}

/// The icons' drawings by name.
pub(crate) fn drawings() -> &'static BTreeMap<String, String> {
    static DRAWINGS: OnceLock<BTreeMap<String, String>> = OnceLock::new();
    DRAWINGS.get_or_init(|| {
        let file = Built::get("icons.json").map(|file| file.data).unwrap_or_default();
        serde_json::from_slice(&file).unwrap_or_default()
    })
}

/// `GET /assets/{name}`
pub(crate) async fn serve(Path(name): Path<String>) -> Response {
    let kind = match name.rsplit_once('.').map(|(_, end)| end) {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    match Built::get(&name) {
        Some(file) => {
            let headers =
                [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "public, max-age=31536000, immutable")];
            (headers, file.data.into_owned()).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// `GET /ca.pem`: the authority that people's database clients check the gateway's certificate against.
pub(crate) async fn authority(State(site): State<Site>) -> Response {
    match site.control.authority_pem() {
        Some(pem) => {
            let kind = (header::CONTENT_TYPE, "application/x-pem-file".to_owned());
            let name = (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{CA_FILE}\""));
            ([kind, name], pem).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_built() {
        for name in ["app.css", "app.js", "player.css", "player.js", "favicon.svg", "icons.json"] {
            assert!(Built::get(name).is_some(), "web/dist/{name} is missing: run `make assets`");
        }
    }
}
