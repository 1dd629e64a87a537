//! A stand-in for a ticket system: an HTTPS server that knows some tickets. Real ones differ in everything but this: a GET
//! on an address is answered with a status.

use crate::{Ca, HarnessError};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// How long one client may take.
const CLIENT_WITHIN: Duration = Duration::from_secs(10);

/// A running stand-in; its thread ends with the process.
pub struct TicketStandIn {
    port: u16,
    ca_pem: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl TicketStandIn {
    /// Answers each path with the status given for it, and any other with 404. A status of 0 closes without an answer.
    ///
    /// # Errors
    /// [`HarnessError`] when there is no port or no certificate.
    pub fn start(statuses: &[(&str, u16)]) -> Result<Self, HarnessError> {
        let ca = Ca::start()?;
        let config = Arc::new(server(&ca)?);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        let listener = listener.map_err(HarnessError::system("listen as a ticket system"))?;
        let port = listener.local_addr().map_err(HarnessError::system("listen as a ticket system"))?.port();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let statuses: BTreeMap<String, u16> =
            statuses.iter().map(|(path, status)| ((*path).to_owned(), *status)).collect();
        let heard = asked.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // A client that goes away in the middle is its own affair.
                let _ = answer(client, &config, &statuses, &heard);
            }
        });
        Ok(Self { port, ca_pem: ca.ca_pem().to_owned(), asked })
    }

    /// Where it listens, on `localhost`.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The authority of its certificate.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// Every question so far: method, path and authorization.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }
}

fn server(ca: &Ca) -> Result<ServerConfig, HarnessError> {
    let wrong = |what: String| HarnessError::System {
        what: "make a ticket system's certificate".to_owned(),
        source: std::io::Error::other(what),
    };
    let certificate = CertificateDer::from_pem_slice(ca.server_pem().as_bytes()).map_err(|e| wrong(e.to_string()))?;
    let key = PrivateKeyDer::from_pem_slice(ca.server_key_pem().as_bytes()).map_err(|e| wrong(e.to_string()))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let versions = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = versions.map_err(|e| wrong(e.to_string()))?.with_no_client_auth();
    config.with_single_cert(vec![certificate], key).map_err(|e| wrong(e.to_string()))
}

fn answer(
    client: TcpStream,
    config: &Arc<ServerConfig>,
    statuses: &BTreeMap<String, u16>,
    heard: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    client.set_read_timeout(Some(CLIENT_WITHIN))?;
    let connection = ServerConnection::new(config.clone()).map_err(std::io::Error::other)?;
    let mut stream = BufReader::new(StreamOwned::new(connection, client));
    let (mut line, mut authorization) = (String::new(), String::new());
    stream.read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
    loop {
        let mut header = String::new();
        if stream.read_line(&mut header)? == 0 || header.trim().is_empty() {
            break;
        }
        if let Some((_, value)) = header.split_once(':').filter(|(name, _)| name.eq_ignore_ascii_case("authorization"))
        {
            value.trim().clone_into(&mut authorization);
        }
    }
    let question = format!("{method} {path} {authorization}").trim_end().to_owned();
    heard.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(question);
    let status = statuses.get(&path).copied().unwrap_or(404);
    if status == 0 {
        return Ok(());
    }
    let stream = stream.get_mut();
    write!(stream, "HTTP/1.1 {status} Said\r\nlocation: /elsewhere\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")?;
    stream.conn.send_close_notify();
    stream.flush()
}
