//! The session of the person at this terminal, kept between commands in a file nobody else may read.

use crate::failure::Failure;
use crate::place;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Where, with which authority, as whom.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Session {
    pub(crate) server: String,
    /// The certificate authority, if not this machine's.
    pub(crate) ca: Option<PathBuf>,
    #[serde(serialize_with = "exposed")]
    pub(crate) token: SecretString,
}

fn exposed<S: serde::Serializer>(secret: &SecretString, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(secret.expose_secret())
}

impl Session {
    /// The stored session.
    pub(crate) fn read() -> Result<Session, Failure> {
        let path = file()?;
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == ErrorKind::NotFound => {
                return Err(Failure::Refused("you are not signed in; run `countersign login`".into()));
            }
            Err(e) => return Err(Failure::Trouble(format!("`{}` cannot be read: {e}", path.display()))),
        };
        place::private_file(&path)?;
        let broken = |_| Failure::Refused(format!("`{}` is damaged; run `countersign login`", path.display()));
        serde_json::from_str(&text).map_err(broken)
    }

    /// Stores it in place of an older one.
    pub(crate) fn write(&self) -> Result<(), Failure> {
        let path = file()?;
        place::make_private_folder(path.parent().unwrap_or(Path::new("/")))?;
        let text = serde_json::to_string(self).map_err(|e| Failure::Trouble(e.to_string()))?;
        place::write_private(&path, text.as_bytes())
    }

    /// Forgets the stored session, if there is one.
    pub(crate) fn forget() -> Result<(), Failure> {
        let path = file()?;
        match std::fs::remove_file(&path) {
            Err(e) if e.kind() != ErrorKind::NotFound => {
                Err(Failure::Trouble(format!("`{}` cannot be removed: {e}", path.display())))
            }
            _ => Ok(()),
        }
    }
}

/// `$COUNTERSIGN_HOME/session.json`, or below the person's configuration folder.
fn file() -> Result<PathBuf, Failure> {
    let set = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let folder = set("COUNTERSIGN_HOME")
        .or_else(|| set("XDG_CONFIG_HOME").map(|c| c.join("countersign")))
        .or_else(|| set("HOME").map(|h| h.join(".config/countersign")));
    let nowhere = || Failure::Usage("neither HOME nor COUNTERSIGN_HOME is set; set one".into());
    Ok(folder.ok_or_else(nowhere)?.join("session.json"))
}
