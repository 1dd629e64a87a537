//! The store: one writer connection, several readers, every SQL string of the product.
//!
//! Events, rows and outbox go in by one transaction; nothing else writes.

mod erased;
mod keys;
mod outbox;
mod rows;
mod settled;

use crate::fault::Fault;
use countersign_core::Directory;
use countersign_core::monitor::SignIn;
use countersign_journal::{AccountId, Commitment, PersonId, Timestamp, canonical};
pub use keys::StoredKey;
pub use outbox::{OutboxRow, Pile};
use rows::big;
pub use rows::{Login, Row, StoredToken, Tried};
pub(crate) use settled::{Sought, Whose, kind};
use sqlx::any::{AnyPoolOptions, AnyRow};
use sqlx::{AnyPool, Row as _};
use std::path::Path;

/// Readers that may query at once.
const READERS_MAX: u32 = 4;

/// Entries written by one statement.
const ENTRIES_AT_ONCE: usize = 64;

/// An entry as it is stored.
#[derive(Clone, Debug)]
pub struct StoredEntry {
    /// Position.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// Which kind of event, for searching.
    pub kind: String,
    /// Canonical bytes.
    pub bytes: Vec<u8>,
}

/// The database.
#[derive(Clone, Debug)]
pub struct Store {
    writer: AnyPool,
    readers: AnyPool,
}

impl Store {
    /// Opens the SQLite database in `dir`, making it if it is not there, and brings its schema up to date.
    ///
    /// # Errors
    /// When the file cannot be opened or the schema cannot be brought up to date.
    pub async fn open(dir: &Path) -> Result<Store, Fault> {
        sqlx::any::install_default_drivers();
        let url = format!("sqlite://{}?mode=rwc", dir.join("countersign.db").display());
        let pool = |max| {
            AnyPoolOptions::new().max_connections(max).after_connect(|conn, _| {
                Box::pin(async move {
                    for pragma in
                        ["PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", "PRAGMA busy_timeout = 5000"]
                    {
                        sqlx::query(pragma).execute(&mut *conn).await?;
                    }
                    Ok(())
                })
            })
        };
        let writer = pool(1).connect(&url).await?;
        sqlx::migrate!("./migrations").run(&writer).await.map_err(|e| Fault::trouble(format!("schema: {e}")))?;
        let readers = pool(READERS_MAX).connect(&url).await?;
        Ok(Store { writer, readers })
    }

    /// Commits entries and rows together: all of them or none.
    ///
    /// # Errors
    /// When the commit failed or its outcome is unknown; the caller reads the head to tell which.
    pub async fn commit(&self, entries: &[StoredEntry], rows: &[Row]) -> Result<(), Fault> {
        let mut tx = self.writer.begin().await?;
        for some in entries.chunks(ENTRIES_AT_ONCE) {
            rows::entries(some).execute(&mut *tx).await?;
        }
        for row in rows.iter().filter(|row| !row.is_empty()) {
            rows::query(row).execute(&mut *tx).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// The number of entries that are committed.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn len(&self) -> Result<u64, Fault> {
        let row = sqlx::query("SELECT COALESCE(MAX(seq) + 1, 0) AS n FROM entries").fetch_one(&self.writer).await?;
        Ok(small(row.try_get("n")?))
    }

    /// Up to `limit` entries from `from` on, in order.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn entries(&self, from: u64, limit: u32) -> Result<Vec<StoredEntry>, Fault> {
        let rows = sqlx::query("SELECT seq, at, kind, bytes FROM entries WHERE seq >= $1 ORDER BY seq LIMIT $2")
            .bind(big(from))
            .bind(i64::from(limit))
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(entry).collect()
    }

    /// Up to `limit` entries before `before`, latest first, of one kind or of any.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn entries_back(&self, before: u64, kind: &str, limit: u32) -> Result<Vec<StoredEntry>, Fault> {
        let rows = sqlx::query(
            "SELECT seq, at, kind, bytes FROM entries WHERE seq < $1 AND ($2 = '' OR kind = $2) \
             ORDER BY seq DESC LIMIT $3",
        )
        .bind(big(before))
        .bind(kind.to_owned())
        .bind(i64::from(limit))
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(entry).collect()
    }

    /// The sealed text behind a commitment; `None` when it was erased.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn text(&self, commitment: &Commitment) -> Result<Option<Vec<u8>>, Fault> {
        let row = sqlx::query("SELECT sealed FROM texts WHERE commitment = $1")
            .bind(commitment.0.to_string())
            .fetch_optional(&self.readers)
            .await?;
        row.map(|r| r.try_get("sealed")).transpose().map_err(Fault::from)
    }

    /// The directory and its version; empty before the first.
    ///
    /// # Errors
    /// When the store cannot be read or holds something else.
    pub async fn directory(&self) -> Result<Directory, Fault> {
        let row = sqlx::query("SELECT bytes FROM directory WHERE id = 1").fetch_optional(&self.readers).await?;
        match row {
            None => Ok(Directory::default()),
            Some(row) => canonical::decode(&row.try_get::<Vec<u8>, _>("bytes")?).map_err(Fault::trouble),
        }
    }

    /// How a person signs in; `None` before a password was set.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn login(&self, person: PersonId) -> Result<Option<Login>, Fault> {
        let row = sqlx::query(
            "SELECT password, totp, totp_pending, totp_step, failures, locked_until FROM logins WHERE person = $1",
        )
        .bind(big(person.0))
        .fetch_optional(&self.readers)
        .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(Login {
            person,
            password: row.try_get("password")?,
            totp: row.try_get("totp")?,
            totp_pending: row.try_get("totp_pending")?,
            totp_step: row.try_get("totp_step")?,
            failures: row.try_get("failures")?,
            locked_until: Timestamp(row.try_get("locked_until")?),
        }))
    }

    /// Who has a password, and who a second factor too.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn sign_in(&self) -> Result<SignIn, Fault> {
        let rows = sqlx::query("SELECT person, totp IS NOT NULL AS second FROM logins WHERE password IS NOT NULL")
            .fetch_all(&self.readers)
            .await?;
        let mut known = SignIn::default();
        for row in rows {
            let person = PersonId(small(row.try_get("person")?));
            known.password.insert(person);
            if row.try_get::<i64, _>("second")? != 0 {
                known.second_factor.insert(person);
            }
        }
        Ok(known)
    }

    /// Whom a one-time link is for, if it is not too old.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn invitation(&self, token: &str, now: Timestamp) -> Result<Option<PersonId>, Fault> {
        let row = sqlx::query("SELECT person FROM invitations WHERE token = $1 AND expires_at > $2")
            .bind(token.to_owned())
            .bind(now.0)
            .fetch_optional(&self.readers)
            .await?;
        row.map(|r| Ok(PersonId(small(r.try_get("person")?)))).transpose()
    }

    /// Whose a web session is and when a second factor was last shown, if it is not over.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn web_session(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<Option<(PersonId, Option<Timestamp>, Timestamp)>, Fault> {
        let row = sqlx::query(
            "SELECT person, second_factor_at, expires_at FROM web_sessions WHERE token = $1 AND expires_at > $2",
        )
        .bind(token.to_owned())
        .bind(now.0)
        .fetch_optional(&self.readers)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let second: Option<i64> = row.try_get("second_factor_at")?;
        let expires = Timestamp(row.try_get("expires_at")?);
        Ok(Some((PersonId(small(row.try_get("person")?)), second.map(Timestamp), expires)))
    }

    /// The access token of a person for an account, expired or not.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn token(&self, person: PersonId, account: AccountId) -> Result<Option<StoredToken>, Fault> {
        let row = sqlx::query(
            "SELECT salt, stored_key, server_key, expires_at FROM tokens WHERE person = $1 AND account = $2",
        )
        .bind(big(person.0))
        .bind(big(account.0))
        .fetch_optional(&self.readers)
        .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(StoredToken {
            person,
            account,
            salt: row.try_get("salt")?,
            stored_key: row.try_get("stored_key")?,
            server_key: row.try_get("server_key")?,
            expires_at: Timestamp(row.try_get("expires_at")?),
        }))
    }

    /// The sealed secret of an account and its version.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn secret(&self, account: AccountId) -> Result<Option<(u64, Vec<u8>)>, Fault> {
        let row = sqlx::query("SELECT version, sealed FROM secrets WHERE account = $1")
            .bind(big(account.0))
            .fetch_optional(&self.readers)
            .await?;
        row.map(|r| Ok((small(r.try_get("version")?), r.try_get("sealed")?))).transpose()
    }
}

fn entry(row: &AnyRow) -> Result<StoredEntry, Fault> {
    Ok(StoredEntry {
        seq: small(row.try_get("seq")?),
        at: Timestamp(row.try_get("at")?),
        kind: row.try_get("kind")?,
        bytes: row.try_get("bytes")?,
    })
}

fn small(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}
