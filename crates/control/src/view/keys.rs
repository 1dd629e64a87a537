//! One's own SSH keys, for showing.

use crate::store::StoredKey;
use countersign_journal::Timestamp;
use serde::Serialize;

/// An SSH key of one's own.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct KeyView {
    /// Which, among one's own.
    pub number: u64,
    /// What one calls it.
    pub name: String,
    /// Its algorithm: `ssh-ed25519`.
    pub kind: String,
    /// `SHA256:…`, as `ssh-keygen -l` shows it.
    pub fingerprint: String,
    /// When it was registered.
    pub added_at: Timestamp,
    /// When it last signed one in; none when it never did.
    pub used_at: Option<Timestamp>,
}

impl From<StoredKey> for KeyView {
    fn from(key: StoredKey) -> KeyView {
        let StoredKey { number, name, kind, fingerprint, added_at, used_at, .. } = key;
        KeyView { number, name, kind, fingerprint, added_at, used_at }
    }
}
