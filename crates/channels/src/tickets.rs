//! Tickets asked about over HTTPS: one GET, whose status is the answer.

use countersign_control::{TicketRefusal, Tickets};
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;
use std::time::Duration;
use ureq::Agent;
use ureq::http::StatusCode;
use ureq::tls::{PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem};

/// How long one question may take, from the name lookup to the last byte.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// What in the address stands for the ticket.
const PLACE: &str = "{ticket}";
/// Statuses that say that there is no such ticket, or none to work under.
const NO: [StatusCode; 5] = [
    StatusCode::NOT_FOUND,
    StatusCode::GONE,
    StatusCode::CONFLICT,
    StatusCode::UNPROCESSABLE_ENTITY,
    StatusCode::BAD_REQUEST,
];

/// Where tickets are asked about.
#[derive(Debug)]
pub struct TicketConfig {
    /// The address, `{ticket}` in it.
    pub url: String,
    /// Sent as a bearer token, if there is one.
    pub token: Option<SecretString>,
    /// The certificate authority the server is checked against, as PEM; the system's own without one.
    pub ca_pem: Option<String>,
}

/// A set-up that cannot work.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say what the variants mean")]
pub enum TicketFault {
    #[error("`{0}` is no address to ask at; write it as https://HOST/PATH with `{PLACE}` where the ticket belongs")]
    Url(String),
    #[error("the certificate authority of the ticket system is not PEM: {0}")]
    Authority(String),
}

/// A ticket system behind HTTPS.
pub struct TicketSystem {
    agent: Agent,
    url: String,
    token: Option<SecretString>,
}

impl TicketSystem {
    /// Checks the set-up; nothing is asked yet.
    ///
    /// # Errors
    /// [`TicketFault`], which says what to write instead.
    pub fn new(config: TicketConfig) -> Result<TicketSystem, TicketFault> {
        let (before, behind) = config.url.split_once(PLACE).unwrap_or_default();
        let host = before.strip_prefix("https://").and_then(|rest| rest.split_once('/')).map(|(host, _)| host);
        if host.is_none_or(str::is_empty) || behind.contains(PLACE) {
            return Err(TicketFault::Url(config.url));
        }
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .root_certs(roots(config.ca_pem.as_deref())?)
            .build();
        let agent = Agent::config_builder()
            .tls_config(tls)
            .https_only(true)
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(ANSWER_WITHIN))
            .user_agent(concat!("countersign/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        Ok(TicketSystem { agent, url: config.url, token: config.token })
    }
}

fn roots(pem: Option<&str>) -> Result<RootCerts, TicketFault> {
    let Some(pem) = pem else {
        let found = rustls_native_certs::load_native_certs();
        let all: Vec<_> = found.certs.iter().map(|c| ureq::tls::Certificate::from_der(c).to_owned()).collect();
        return Ok(RootCerts::new_with_certs(&all));
    };
    let items: Result<Vec<PemItem<'_>>, _> = parse_pem(pem.as_bytes()).collect();
    let items = items.map_err(|e| TicketFault::Authority(e.to_string()))?;
    let certificates: Vec<_> =
        items.into_iter().filter_map(|i| if let PemItem::Certificate(c) = i { Some(c) } else { None }).collect();
    if certificates.is_empty() {
        return Err(TicketFault::Authority("it has no certificate".into()));
    }
    Ok(RootCerts::new_with_certs(&certificates))
}

impl Tickets for TicketSystem {
    fn known(&self, ticket: &str) -> Result<(), TicketRefusal> {
        let mut request = self.agent.get(self.url.replacen(PLACE, &encoded(ticket), 1));
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {}", token.expose_secret()));
        }
        let status = match request.call() {
            Ok(answer) => answer.status(),
            Err(fault) => {
                tracing::warn!(%fault, "the ticket system did not answer");
                return Err(TicketRefusal::NoAnswer);
            }
        };
        match status {
            yes if yes.is_success() => Ok(()),
            no if NO.contains(&no) => Err(TicketRefusal::NotKnown(ticket.to_owned())),
            other => {
                tracing::warn!(status = %other, "the ticket system gave no answer");
                Err(TicketRefusal::NoAnswer)
            }
        }
    }
}

/// A ticket as one segment of a path (RFC 3986 §2.3): everything but unreserved characters is escaped.
fn encoded(ticket: &str) -> String {
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"-._~".contains(b);
    // Two dots alone would be a way up.
    let dots = ticket.bytes().all(|b| b == b'.');
    let escaped = |b: u8| if plain(&b) && !dots { char::from(b).to_string() } else { format!("%{b:02X}") };
    ticket.bytes().map(escaped).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(url: &str) -> TicketConfig {
        TicketConfig { url: url.into(), token: None, ca_pem: None }
    }

    #[test]
    fn an_address_is_https_and_has_a_place_for_the_ticket() {
        assert!(TicketSystem::new(config("https://tickets.example/{ticket}")).is_ok());
        for wrong in [
            "http://tickets.example/{ticket}",
            "https://tickets.example/",
            "https://{ticket}.example/",
            "https:///{ticket}",
            "https://tickets.example/{ticket}/{ticket}",
        ] {
            assert!(TicketSystem::new(config(wrong)).is_err(), "{wrong}");
        }
        let no_pem = TicketConfig { ca_pem: Some("nothing".into()), ..config("https://tickets.example/{ticket}") };
        assert!(matches!(TicketSystem::new(no_pem), Err(TicketFault::Authority(_))));
    }

    #[test]
    fn a_ticket_stays_one_segment_of_the_path() {
        assert_eq!(encoded("OPS-1_a~b.c"), "OPS-1_a~b.c");
        assert_eq!(encoded("../admin?x=1#y"), "..%2Fadmin%3Fx%3D1%23y");
        assert_eq!(encoded(".."), "%2E%2E");
        assert_eq!(encoded("a%2F"), "a%252F");
    }
}
