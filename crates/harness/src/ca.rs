//! A throw-away certificate authority with one server certificate for `localhost` and `127.0.0.1` (P-256).
//! Its root key is dropped at once: nothing else can be issued.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};

use crate::HarnessError;

/// A certificate authority and the server certificate it issued, as PEM texts.
#[derive(Clone)]
pub struct Ca {
    ca_pem: String,
    server_pem: String,
    server_key_pem: String,
}

/// Where [`Ca::write_to`] put the three PEM files.
#[derive(Clone, Debug)]
pub struct CaFiles {
    /// The root certificate, for `sslrootcert`.
    pub ca: PathBuf,
    /// The server's certificate.
    pub server: PathBuf,
    /// The server's private key, mode 0600.
    pub server_key: PathBuf,
}

impl Ca {
    /// Makes a fresh authority and server certificate.
    ///
    /// # Errors
    /// [`HarnessError::Certificate`] when the cryptography library refuses.
    pub fn start() -> Result<Self, HarnessError> {
        let mut root = CertificateParams::default();
        root.distinguished_name.push(DnType::CommonName, "Countersign test root");
        root.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        root.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let root = CertifiedIssuer::self_signed(root, KeyPair::generate()?)?;

        let server_key = KeyPair::generate()?;
        let mut server = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()])?;
        server.distinguished_name.push(DnType::CommonName, "localhost");
        server.use_authority_key_identifier_extension = true;
        server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let server = server.signed_by(&server_key, &root)?;

        Ok(Self { ca_pem: root.pem(), server_pem: server.pem(), server_key_pem: server_key.serialize_pem() })
    }

    /// The root certificate.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The server's certificate.
    pub fn server_pem(&self) -> &str {
        &self.server_pem
    }

    /// The server's private key (PKCS #8).
    pub fn server_key_pem(&self) -> &str {
        &self.server_key_pem
    }

    /// Writes `ca.pem`, `server.pem` and `server.key` into an existing folder.
    ///
    /// # Errors
    /// [`HarnessError::System`] when the folder cannot be written.
    pub fn write_to(&self, folder: &Path) -> Result<CaFiles, HarnessError> {
        let files = CaFiles {
            ca: folder.join("ca.pem"),
            server: folder.join("server.pem"),
            server_key: folder.join("server.key"),
        };
        fs::write(&files.ca, &self.ca_pem)
            .and_then(|()| fs::write(&files.server, &self.server_pem))
            .and_then(|()| fs::write(&files.server_key, &self.server_key_pem))
            .and_then(|()| fs::set_permissions(&files.server_key, fs::Permissions::from_mode(0o600)))
            .map_err(HarnessError::system(format!("write certificates into `{}`", folder.display())))?;
        Ok(files)
    }
}
