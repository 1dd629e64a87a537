//! Calls of a server's API: TLS checked against one authority, time and size limited, errors in the server's words.

use crate::failure::Failure;
use crate::session::Session;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use ureq::http::{Request, Response};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem};
use ureq::{Agent, Body};

/// How long connecting may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// How long one call may take, a copy of the journal included.
const CALL_WITHIN: Duration = Duration::from_secs(600);
/// Longest answer that is read as JSON, in bytes.
const ANSWER_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// A server, and who asks it.
pub(crate) struct Client {
    agent: Agent,
    server: String,
    token: Option<SecretString>,
}

/// What a call carries.
pub(crate) enum Load<'l> {
    Nothing,
    Json(Value),
    Toml(&'l SecretString),
}

#[derive(Deserialize)]
struct ErrorBody {
    error: ErrorLine,
}

#[derive(Deserialize)]
struct ErrorLine {
    message: String,
}

/// What to do when nobody known here vouches for the server.
fn stranger(error: &ureq::Error) -> &'static str {
    let ureq::Error::Io(io) = error else { return "" };
    match io.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(_)) => {
            "; sign in with `--ca FILE`, the authority of this server's certificate (`countersign-ca.pem`, as its page hands \
             it out, or `ca.pem` in its data)"
        }
        _ => "",
    }
}

impl Client {
    /// A client that is not signed in.
    pub(crate) fn new(server: &str, ca: Option<&Path>) -> Result<Client, Failure> {
        let server = server.trim_end_matches('/').to_owned();
        if !server.starts_with("https://") {
            return Err(Failure::Usage(format!("`{server}` is not a server; write it as https://HOST:PORT")));
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .unversioned_rustls_crypto_provider(provider)
            .root_certs(RootCerts::new_with_certs(&authorities(ca)?))
            .build();
        let agent = Agent::config_builder()
            .tls_config(tls)
            .https_only(true)
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_connect(Some(CONNECT_WITHIN))
            .timeout_global(Some(CALL_WITHIN))
            .user_agent(concat!("countersign/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        Ok(Client { agent, server, token: None })
    }

    /// A client with the stored session.
    pub(crate) fn signed_in() -> Result<Client, Failure> {
        let session = Session::read()?;
        let client = Client::new(&session.server, session.ca.as_deref())?;
        Ok(Client { token: Some(session.token), ..client })
    }

    /// One call; its answer as JSON.
    pub(crate) fn call(
        &self,
        method: &str,
        path: &str,
        query: &[(&str, String)],
        load: Load,
    ) -> Result<Value, Failure> {
        let mut response = self.send(method, path, query, load)?;
        let body = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_json();
        body.map_err(|e| Failure::Trouble(format!("the answer of `{}` cannot be read: {e}", self.server)))
    }

    /// One call; its answer as it comes. Anything but success is an error in the server's words.
    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        query: &[(&str, String)],
        load: Load,
    ) -> Result<Response<Body>, Failure> {
        let query: Vec<String> = query.iter().map(|(key, value)| format!("{key}={}", encoded(value))).collect();
        let mark = if query.is_empty() { "" } else { "?" };
        let mut request =
            Request::builder().method(method).uri(format!("{}/api/v1{path}{mark}{}", self.server, query.join("&")));
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {}", token.expose_secret()));
        }
        let unusable = |e: ureq::http::Error| Failure::Usage(format!("`{}` is not a server: {e}", self.server));
        let answered = match load {
            Load::Nothing => self.agent.run(request.body(()).map_err(unusable)?),
            Load::Json(value) => {
                let request = request.header("content-type", "application/json");
                self.agent.run(request.body(value.to_string()).map_err(unusable)?)
            }
            Load::Toml(text) => {
                let request = request.header("content-type", "text/plain; charset=utf-8");
                self.agent.run(request.body(text.expose_secret().to_owned()).map_err(unusable)?)
            }
        };
        let response = answered
            .map_err(|e| Failure::Trouble(format!("`{}` cannot be asked: {e}{}", self.server, stranger(&e))))?;
        if response.status().is_success() { Ok(response) } else { Err(self.said_no(response)) }
    }

    fn said_no(&self, mut response: Response<Body>) -> Failure {
        let status = response.status().as_u16();
        let body = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_json::<ErrorBody>();
        let message = match body {
            Ok(body) => crate::show::plain(&body.error.message),
            Err(_) => format!("`{}` answered with status {status}; is it a Countersign server?", self.server),
        };
        match status {
            400 | 413 | 415 | 422 => Failure::Usage(message),
            401 | 403 | 404 | 409 | 429 => Failure::Refused(message),
            _ => Failure::Trouble(message),
        }
    }
}

/// The certificates of a file, or those this machine trusts.
fn authorities(ca: Option<&Path>) -> Result<Vec<Certificate<'static>>, Failure> {
    let Some(path) = ca else {
        let found = rustls_native_certs::load_native_certs().certs;
        return Ok(found.iter().map(|c| Certificate::from_der(c).to_owned()).collect());
    };
    let wrong = |what: String| Failure::Usage(format!("the certificate authority `{}` {what}", path.display()));
    let pem = std::fs::read(path).map_err(|e| wrong(format!("cannot be read: {e}")))?;
    let mut certificates = Vec::new();
    for item in parse_pem(&pem) {
        if let PemItem::Certificate(certificate) = item.map_err(|e| wrong(format!("cannot be used: {e}")))? {
            certificates.push(certificate);
        }
    }
    if certificates.is_empty() {
        return Err(wrong("holds no certificate; it should be a PEM file".into()));
    }
    Ok(certificates)
}

/// Text for one part of a path or query (RFC 3986 §2.3: everything that is not unreserved is encoded).
pub(crate) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_addresses_are_encoded() {
        assert_eq!(encoded("a-Z_0.~"), "a-Z_0.~");
        assert_eq!(encoded("../a b?&ü"), "..%2Fa%20b%3F%26%C3%BC");
    }

    #[test]
    fn only_https_is_spoken() {
        let told = Client::new("http://gate.example.test", None).err().map(|e| e.to_string());
        assert_eq!(told.as_deref(), Some("`http://gate.example.test` is not a server; write it as https://HOST:PORT"));
    }
}
