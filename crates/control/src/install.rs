//! Setting up: the data folder, the vault, our own certificate authority, the first administrator.

use crate::clock::Clock;
use crate::control::{Control, Settings};
use crate::fault::Fault;
use crate::vault::{RootKey, Vault};
use countersign_core::{Directory, Input, Person, Role, Rulebook};
use countersign_journal::{Note, PersonId};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

/// What setting up made.
pub struct Installed {
    /// The control plane, open.
    pub control: Control,
    /// A one-time link with which the first administrator sets a password.
    pub invitation: String,
}

/// Sets up a data folder that does not exist or is empty: vault, certificates, journal, and an administrator.
///
/// # Errors
/// When the folder is in use already, cannot be written, or the key cannot be made.
pub async fn install(
    settings: Settings,
    root: &RootKey,
    clock: Clock,
    hosts: &[String],
    administrator: &str,
) -> Result<Installed, Fault> {
    let data = settings.data.clone();
    let busy = std::fs::read_dir(&data).is_ok_and(|mut entries| entries.next().is_some());
    if busy {
        return Err(Fault::Input(format!("`{}` is not empty; choose another folder", data.display())));
    }
    make_folder(&data)?;
    make_folder(&data.join("transcripts"))?;
    let (_, seal) = Vault::create(root)?;
    write_private(&data.join("vault.json"), serde_json::to_string(&seal).map_err(Fault::trouble)?.as_bytes())?;
    make_certificates(&data, hosts)?;
    let control = Control::open(settings, root, clock).await?;
    control.note(Note::Installed { name: hosts.first().cloned().unwrap_or_default() }, Vec::new()).await?;
    let person = PersonId(1);
    let handle = administrator.trim().to_lowercase();
    let first = Person {
        name: handle.clone(),
        handle,
        email: None,
        enabled: true,
        role: Role::SuperAdministrator,
        manager: None,
        former_emails: [].into(),
    };
    let directory = Directory { people: [(person, first)].into(), next_id: 2, ..Directory::default() };
    let input =
        Input::Apply { directory: directory.into(), policy: Rulebook::default(), under: None, secrets: Vec::new() };
    control.submit(input, Vec::new()).await?;
    let invitation = control.make_invitation(person, None).await?;
    Ok(Installed { control, invitation })
}

fn make_folder(path: &Path) -> Result<(), Fault> {
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|e| Fault::Input(format!("`{}` cannot be made: {e}", path.display())))
}

fn write_private(path: &Path, bytes: &[u8]) -> Result<(), Fault> {
    let written =
        std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        });
    written.map_err(|e| Fault::Input(format!("`{}` cannot be written: {e}", path.display())))
}

/// Our own authority and a server certificate for the given host names and addresses.
fn make_certificates(data: &Path, hosts: &[String]) -> Result<(), Fault> {
    let made = || -> Result<_, rcgen::Error> {
        let authority_key = rcgen::KeyPair::generate()?;
        let mut authority = rcgen::CertificateParams::new(Vec::new())?;
        authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Constrained(0));
        authority.distinguished_name.push(rcgen::DnType::CommonName, "Countersign authority");
        authority.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign, rcgen::KeyUsagePurpose::CrlSign];
        let authority_pem = authority.self_signed(&authority_key)?.pem();
        let issuer = rcgen::Issuer::new(authority, &authority_key);
        let server_key = rcgen::KeyPair::generate()?;
        let mut server = rcgen::CertificateParams::new(hosts.to_vec())?;
        server.distinguished_name.push(rcgen::DnType::CommonName, "Countersign");
        server.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
        let server_pem = server.signed_by(&server_key, &issuer)?.pem();
        Ok((authority_pem, authority_key.serialize_pem(), server_pem, server_key.serialize_pem()))
    };
    let (ca, ca_key, server, server_key) = made().map_err(|e| Fault::Input(format!("certificates: {e}")))?;
    write_private(&data.join("ca.pem"), ca.as_bytes())?;
    write_private(&data.join("ca.key"), ca_key.as_bytes())?;
    write_private(&data.join("server.pem"), server.as_bytes())?;
    write_private(&data.join("server.key"), server_key.as_bytes())
}
