//! People's SSH keys: who registered which, told by its fingerprint; the key itself is not needed to know it again.

use super::rows::{Query, big};
use super::{Store, small};
use crate::fault::Fault;
use countersign_journal::{PersonId, Timestamp};
use sqlx::Row as _;
use sqlx::any::AnyRow;

/// A key that a person registered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredKey {
    /// Whose.
    pub person: PersonId,
    /// Which of theirs.
    pub number: u64,
    /// What they call it.
    pub name: String,
    /// Its algorithm, by its name in SSH.
    pub kind: String,
    /// SHA-256 of it, as OpenSSH writes it.
    pub fingerprint: String,
    /// When it was registered.
    pub added_at: Timestamp,
    /// When it last signed somebody in.
    pub used_at: Option<Timestamp>,
}

pub(super) fn added(key: &StoredKey) -> Query {
    sqlx::query(
        "INSERT INTO ssh_keys (fingerprint, person, number, name, kind, added_at, used_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(key.fingerprint.clone())
    .bind(big(key.person.0))
    .bind(big(key.number))
    .bind(key.name.clone())
    .bind(key.kind.clone())
    .bind(key.added_at.0)
    .bind(key.used_at.map(|at| at.0))
}

pub(super) fn used(fingerprint: &str, at: Timestamp) -> Query {
    let sql = "UPDATE ssh_keys SET used_at = $2 WHERE fingerprint = $1";
    sqlx::query(sql).bind(fingerprint.to_owned()).bind(at.0)
}

pub(super) fn removed(person: PersonId, number: u64) -> Query {
    sqlx::query("DELETE FROM ssh_keys WHERE person = $1 AND number = $2").bind(big(person.0)).bind(big(number))
}

impl Store {
    /// The keys of a person, in order.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn keys(&self, person: PersonId) -> Result<Vec<StoredKey>, Fault> {
        let rows = sqlx::query(
            "SELECT fingerprint, person, number, name, kind, added_at, used_at FROM ssh_keys WHERE person = $1 \
             ORDER BY number",
        )
        .bind(big(person.0))
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(key).collect()
    }

    /// The key with a fingerprint, whoever registered it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn key(&self, fingerprint: &str) -> Result<Option<StoredKey>, Fault> {
        let row = sqlx::query(
            "SELECT fingerprint, person, number, name, kind, added_at, used_at FROM ssh_keys WHERE fingerprint = $1",
        )
        .bind(fingerprint.to_owned())
        .fetch_optional(&self.readers)
        .await?;
        row.as_ref().map(key).transpose()
    }
}

fn key(row: &AnyRow) -> Result<StoredKey, Fault> {
    Ok(StoredKey {
        person: PersonId(small(row.try_get("person")?)),
        number: small(row.try_get("number")?),
        name: row.try_get("name")?,
        kind: row.try_get("kind")?,
        fingerprint: row.try_get("fingerprint")?,
        added_at: Timestamp(row.try_get("added_at")?),
        used_at: row.try_get::<Option<i64>, _>("used_at")?.map(Timestamp),
    })
}
