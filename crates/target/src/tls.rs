//! TLS to a pinned identity.

use crate::TargetFault;
use countersign_core::{Device, Endpoint};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Shakes hands and checks that the target is the pinned one: its certificate chains to the device's authority and
/// carries the device's server name.
pub(crate) async fn connect(device: &Device, tcp: TcpStream) -> Result<TlsStream<TcpStream>, TargetFault> {
    let wrong = |why: String| TargetFault::WrongIdentity { device: device.name.clone(), why };
    let Endpoint::Postgresql(endpoint) = &device.endpoint else {
        return Err(wrong("it is no PostgreSQL server".into()));
    };
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(endpoint.ca_pem.as_bytes()) {
        let certificate = certificate.map_err(|e| wrong(format!("its pinned certificate cannot be read: {e}")))?;
        roots.add(certificate).map_err(|e| wrong(e.to_string()))?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| wrong(e.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(endpoint.server_name.clone()).map_err(|e| wrong(e.to_string()))?;
    TlsConnector::from(Arc::new(config)).connect(name, tcp).await.map_err(|e| wrong(e.to_string()))
}
