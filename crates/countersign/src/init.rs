//! `init`: sets a data folder up, writes its configuration, prints the one-time link.

use crate::config::{self, Fresh};
use crate::failure::Failure;
use crate::line::Init;
use crate::place;
use crate::say;
use countersign_control::{Clock, RootKey, Settings};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// The configuration's name in the data folder.
const FILE: &str = "countersign.toml";

pub(crate) fn init(init: &Init) -> Result<(), Failure> {
    let data = place::real(&init.data)?;
    if data.is_dir() {
        place::private_folder(&data)?;
    }
    let (word, path, root) = root_key(init, &data)?;
    let host = init.hosts.first().map_or("localhost", String::as_str);
    let at = |listen: SocketAddr| config::address(host, listen.port());
    let (web_address, postgres_address) = (format!("https://{}", at(init.web_listen)), at(init.postgres_listen));
    let settings = Settings {
        data: data.clone(),
        page_address: web_address.clone(),
        postgres_address: (host.to_owned(), init.postgres_listen.port()),
        ssh_address: None,
        ca_file: data.join("ca.pem"),
    };
    let runtime = tokio::runtime::Runtime::new().map_err(|e| Failure::Trouble(format!("cannot start: {e}")))?;
    let install = countersign_control::install(settings, &root, Clock::default(), &init.hosts, &init.administrator);
    let invitation = runtime.block_on(install)?.invitation;
    let fresh = Fresh {
        data: &data,
        root: (word, &path),
        web_listen: init.web_listen,
        web_address: &web_address,
        postgres_listen: init.postgres_listen,
        postgres_address: &postgres_address,
    };
    let file = data.join(FILE);
    place::write_private(&file, fresh.text().as_bytes())?;
    if init.key_file.is_none() && init.passphrase_file.is_none() {
        eprintln!(
            "countersign: warning: the root key is `{}`, beside the data; keep it apart, and never in the same backup",
            path.display()
        );
    }
    say(&format!(
        "`{}` is set up.\n\n1. Start the server:  countersign serve --config {}\n2. Within three days, open this link once \
         to set the password of `{}`:\n\n{invitation}",
        data.display(),
        file.display(),
        init.administrator
    ));
    Ok(())
}

/// What unseals the vault: the key's name in the configuration, its file, and itself.
fn root_key(init: &Init, data: &Path) -> Result<(&'static str, PathBuf, RootKey), Failure> {
    if let Some(file) = &init.passphrase_file {
        let path = outside(file, data)?;
        let passphrase = place::secret_line(&path)?;
        return Ok(("passphrase_file", path, RootKey::Passphrase(passphrase)));
    }
    let path = match &init.key_file {
        Some(file) => outside(file, data)?,
        None => place::beside(data, ".key"),
    };
    if path.exists() {
        place::private_file(&path)?;
    }
    Ok(("key_file", path.clone(), RootKey::File(path)))
}

/// A secret that lies in the data folder leaves with every copy of it.
fn outside(file: &Path, data: &Path) -> Result<PathBuf, Failure> {
    let file = place::real(file)?;
    if file.starts_with(data) {
        let (file, data) = (file.display(), data.display());
        return Err(Failure::Refused(format!(
            "`{file}` lies inside the data folder `{data}`; keep the root key apart"
        )));
    }
    Ok(file)
}
