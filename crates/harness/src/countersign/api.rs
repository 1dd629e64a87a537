//! The API as a program uses it: JSON over verified HTTPS with a bearer token.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use super::failed;
use crate::HarnessError;

/// How long one call may take.
const CALL_WITHIN: Duration = Duration::from_secs(30);

/// What a call was answered with.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body, `null` when it is not JSON.
    pub body: Value,
    /// The body as it came.
    pub text: String,
}

impl Answer {
    /// The body of a success.
    ///
    /// # Errors
    /// [`HarnessError::Failed`] with status and body otherwise.
    pub fn success(self) -> Result<Value, HarnessError> {
        match self.status {
            200..=299 => Ok(self.body),
            status => Err(failed("the API", format!("status {status}: {}", self.body))),
        }
    }

    /// The message of a refusal; empty for a success.
    pub fn message(&self) -> &str {
        self.body["error"]["message"].as_str().unwrap_or_default()
    }
}

/// The API as one signed-in person. Cheap to clone; clones share connections.
#[derive(Clone)]
pub struct Api {
    agent: Agent,
    address: String,
    token: String,
    password: String,
}

impl Api {
    pub(super) fn sign_in(address: &str, ca_pem: &str, handle: &str, password: &str) -> Result<Self, HarnessError> {
        let api = Self {
            agent: agent(ca_pem)?,
            address: address.to_owned(),
            token: String::new(),
            password: password.to_owned(),
        };
        let opened = api.post("/session", &json!({ "handle": handle, "password": password }))?.success()?;
        let token = opened["token"].as_str().unwrap_or_default().to_owned();
        Ok(Self { token, ..api })
    }

    /// Sets a second factor for this person, makes it fresh for this session, and returns the key of its authenticator.
    ///
    /// # Errors
    /// [`HarnessError::Failed`] with what the server says.
    pub fn use_second_factor(&self) -> Result<String, HarnessError> {
        let begun = self.post("/second-factor", &json!({ "password": self.password }))?.success()?;
        let secret = begun["secret"].as_str().unwrap_or_default();
        let code = |later: u64| authenticator_code(secret, later);
        self.post("/second-factor/finish", &json!({ "code": code(0)? }))?.success()?;
        // Each code counts once; the next one is taken a little early.
        self.post("/second-factor/confirm", &json!({ "code": code(30)? }))?.success()?;
        Ok(secret.to_owned())
    }

    /// `GET`; the path is below `/api/v1` and begins with `/`.
    ///
    /// # Errors
    /// [`HarnessError::Failed`] when no answer came.
    pub fn get(&self, path: &str) -> Result<Answer, HarnessError> {
        let call = self.agent.get(self.url(path)).header("authorization", self.bearer());
        answer(call.call())
    }

    /// `POST` with a JSON body.
    ///
    /// # Errors
    /// [`HarnessError::Failed`] when no answer came.
    pub fn post(&self, path: &str, body: &Value) -> Result<Answer, HarnessError> {
        let mut call = self.agent.post(self.url(path));
        if !self.token.is_empty() {
            call = call.header("authorization", self.bearer());
        }
        answer(call.send_json(body))
    }

    fn url(&self, path: &str) -> String {
        format!("{}/api/v1{path}", self.address)
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.token)
    }
}

/// Submits the form behind a one-time link.
pub(super) fn set_password(address: &str, ca_pem: &str, token: &str, password: &str) -> Result<(), HarnessError> {
    let url = format!("{address}/invitation/{token}");
    let sent =
        agent(ca_pem)?.post(&url).header("origin", address).send_form([("password", password), ("again", password)]);
    let response = sent.map_err(|error| failed(&url, error))?;
    match response.status().as_u16() {
        200..=399 => Ok(()),
        status => Err(failed(&url, format!("status {status}"))),
    }
}

/// What a page answers somebody who is signed out, as (status, text); with fields, what it answers to the form.
pub(super) fn page(
    address: &str,
    ca_pem: &str,
    url: &str,
    fields: &[(&str, &str)],
) -> Result<(u16, String), HarnessError> {
    let agent = agent(ca_pem)?;
    let response = match fields {
        [] => agent.get(url).call(),
        some => agent.post(url).header("origin", address).send_form(some.iter().copied()),
    };
    let mut response = response.map_err(|error| failed("a page", error))?;
    let text = response.body_mut().read_to_string().map_err(|error| failed("a page", error))?;
    Ok((response.status().as_u16(), text))
}

fn agent(ca_pem: &str) -> Result<Agent, HarnessError> {
    let ca = Certificate::from_pem(ca_pem.as_bytes()).map_err(|error| failed("reading the root certificate", error))?;
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::new_with_certs(&[ca]))
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .build();
    let config = Agent::config_builder()
        .tls_config(tls)
        .timeout_global(Some(CALL_WITHIN))
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .build();
    Ok(config.into())
}

type Response = ureq::http::Response<ureq::Body>;

fn answer(response: Result<Response, ureq::Error>) -> Result<Answer, HarnessError> {
    let mut response = response.map_err(|error| failed("the API", error))?;
    let status = response.status().as_u16();
    let text = response.body_mut().read_to_string().map_err(|error| failed("the API", error))?;
    Ok(Answer { status, body: serde_json::from_str(&text).unwrap_or(Value::Null), text })
}

/// What an authenticator with this secret (base32) shows so many seconds from now.
///
/// # Errors
/// [`HarnessError::Failed`] when the secret cannot be used.
pub fn authenticator_code(secret: &str, later: u64) -> Result<String, HarnessError> {
    let unusable = |what: String| failed("the authenticator", what);
    let secret = data_encoding::BASE32_NOPAD.decode(secret.as_bytes()).map_err(|e| unusable(e.to_string()))?;
    let totp = totp_rs::Builder::new().with_secret(secret).build().map_err(|e| unusable(e.to_string()))?;
    let now =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_err(|e| unusable(e.to_string()))?;
    Ok(totp.generate(now.as_secs() + later).to_string())
}
