//! The store: one writer connection, several readers, every SQL string of the product.
//!
//! Events, rows and outbox go in by one transaction; nothing else writes.

use crate::fault::Fault;
use countersign_core::Directory;
use countersign_journal::{AccountId, Commitment, PersonId, RequestId, Timestamp, canonical};
use sqlx::any::{AnyPoolOptions, AnyRow};
use sqlx::{Any, AnyPool, Row as _, Transaction};
use std::path::Path;

/// Readers that may query at once.
const READERS_MAX: u32 = 4;

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

/// A row that is written together with the events that explain it.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "fields repeat the columns of migrations/0001_begin.sql")]
pub enum Row {
    Text { commitment: Commitment, sealed: Vec<u8> },
    Directory { version: u64, bytes: Vec<u8> },
    Outbox { id: String, request: RequestId, person: PersonId, kind: &'static str, due_at: Timestamp },
    OutboxTried { id: String, attempts: u64, due_at: Timestamp, done: bool },
    Login(Login),
    Invitation { token: String, person: PersonId, expires_at: Timestamp },
    InvitationUsed { token: String },
    WebSession { token: String, person: PersonId, expires_at: Timestamp, second_factor_at: Option<Timestamp> },
    WebSessionEnded { token: String },
    WebSessionsEnded { person: PersonId },
    Token(StoredToken),
    Secret { account: AccountId, version: u64, sealed: Vec<u8> },
}

/// How a person signs in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Login {
    /// Who.
    pub person: PersonId,
    /// The password's hash.
    pub password: Option<String>,
    /// The sealed second-factor secret.
    pub totp: Option<Vec<u8>>,
    /// A sealed second-factor secret that was shown but not confirmed.
    pub totp_pending: Option<Vec<u8>>,
    /// The last time step whose code was used.
    pub totp_step: i64,
    /// Failures since the last success.
    pub failures: i64,
    /// No attempt counts before this moment.
    pub locked_until: Timestamp,
}

/// An access token's SCRAM verifier (RFC 5802 §3).
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "fields are those of RFC 5802")]
pub struct StoredToken {
    pub person: PersonId,
    pub account: AccountId,
    pub salt: Vec<u8>,
    pub stored_key: Vec<u8>,
    pub server_key: Vec<u8>,
    pub expires_at: Timestamp,
}

/// A message that is due.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OutboxRow {
    /// Its id: the event and the person, so that it is made once.
    pub id: String,
    /// About which request.
    pub request: RequestId,
    /// To whom.
    pub person: PersonId,
    /// `asked` or `settled`.
    pub kind: String,
    /// Tries so far.
    pub attempts: u64,
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
                    for pragma in ["PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", "PRAGMA busy_timeout = 5000"] {
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
        for entry in entries {
            sqlx::query("INSERT INTO entries (seq, at, kind, bytes) VALUES ($1, $2, $3, $4)")
                .bind(big(entry.seq))
                .bind(entry.at.0)
                .bind(entry.kind.clone())
                .bind(entry.bytes.clone())
                .execute(&mut *tx)
                .await?;
        }
        for row in rows {
            write(&mut tx, row).await?;
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

    /// Up to `limit` messages that are due.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn outbox_due(&self, now: Timestamp, limit: u32) -> Result<Vec<OutboxRow>, Fault> {
        let rows = sqlx::query(
            "SELECT id, request, person, kind, attempts FROM outbox \
             WHERE done_at IS NULL AND due_at <= $1 ORDER BY due_at LIMIT $2",
        )
        .bind(now.0)
        .bind(i64::from(limit))
        .fetch_all(&self.readers)
        .await?;
        let read = |r: &AnyRow| {
            Ok(OutboxRow {
                id: r.try_get("id")?,
                request: RequestId(small(r.try_get("request")?)),
                person: PersonId(small(r.try_get("person")?)),
                kind: r.try_get("kind")?,
                attempts: small(r.try_get("attempts")?),
            })
        };
        rows.iter().map(read).collect()
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

fn big(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn small(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}

async fn write(tx: &mut Transaction<'_, Any>, row: &Row) -> Result<(), sqlx::Error> {
    let query = match row {
        Row::Text { commitment, sealed } => {
            sqlx::query("INSERT INTO texts (commitment, sealed) VALUES ($1, $2) ON CONFLICT (commitment) DO NOTHING")
                .bind(commitment.0.to_string())
                .bind(sealed.clone())
        }
        Row::Directory { version, bytes } => sqlx::query(
            "INSERT INTO directory (id, version, bytes) VALUES (1, $1, $2) \
             ON CONFLICT (id) DO UPDATE SET version = excluded.version, bytes = excluded.bytes",
        )
        .bind(big(*version))
        .bind(bytes.clone()),
        Row::Outbox { id, request, person, kind, due_at } => sqlx::query(
            "INSERT INTO outbox (id, request, person, kind, attempts, due_at) VALUES ($1, $2, $3, $4, 0, $5) \
             ON CONFLICT (id) DO NOTHING",
        )
        .bind(id.clone())
        .bind(big(request.0))
        .bind(big(person.0))
        .bind(*kind)
        .bind(due_at.0),
        Row::OutboxTried { id, attempts, due_at, done } => {
            sqlx::query("UPDATE outbox SET attempts = $2, due_at = $3, done_at = $4 WHERE id = $1")
                .bind(id.clone())
                .bind(big(*attempts))
                .bind(due_at.0)
                .bind(done.then_some(due_at.0))
        }
        Row::Login(login) => sqlx::query(
            "INSERT INTO logins (person, password, totp, totp_pending, totp_step, failures, locked_until) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (person) DO UPDATE SET \
             password = excluded.password, totp = excluded.totp, totp_pending = excluded.totp_pending, \
             totp_step = excluded.totp_step, failures = excluded.failures, locked_until = excluded.locked_until",
        )
        .bind(big(login.person.0))
        .bind(login.password.clone())
        .bind(login.totp.clone())
        .bind(login.totp_pending.clone())
        .bind(login.totp_step)
        .bind(login.failures)
        .bind(login.locked_until.0),
        Row::Invitation { token, person, expires_at } => {
            sqlx::query("INSERT INTO invitations (token, person, expires_at) VALUES ($1, $2, $3)")
                .bind(token.clone())
                .bind(big(person.0))
                .bind(expires_at.0)
        }
        Row::InvitationUsed { token } => {
            sqlx::query("DELETE FROM invitations WHERE token = $1").bind(token.clone())
        }
        Row::WebSession { token, person, expires_at, second_factor_at } => sqlx::query(
            "INSERT INTO web_sessions (token, person, expires_at, second_factor_at) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (token) DO UPDATE SET second_factor_at = excluded.second_factor_at",
        )
        .bind(token.clone())
        .bind(big(person.0))
        .bind(expires_at.0)
        .bind(second_factor_at.map(|t| t.0)),
        Row::WebSessionEnded { token } => {
            sqlx::query("DELETE FROM web_sessions WHERE token = $1").bind(token.clone())
        }
        Row::WebSessionsEnded { person } => {
            sqlx::query("DELETE FROM web_sessions WHERE person = $1").bind(big(person.0))
        }
        Row::Token(token) => sqlx::query(
            "INSERT INTO tokens (person, account, salt, stored_key, server_key, expires_at) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (person, account) DO UPDATE SET salt = excluded.salt, \
             stored_key = excluded.stored_key, server_key = excluded.server_key, expires_at = excluded.expires_at",
        )
        .bind(big(token.person.0))
        .bind(big(token.account.0))
        .bind(token.salt.clone())
        .bind(token.stored_key.clone())
        .bind(token.server_key.clone())
        .bind(token.expires_at.0),
        Row::Secret { account, version, sealed } => sqlx::query(
            "INSERT INTO secrets (account, version, sealed) VALUES ($1, $2, $3) \
             ON CONFLICT (account) DO UPDATE SET version = excluded.version, sealed = excluded.sealed",
        )
        .bind(big(account.0))
        .bind(big(*version))
        .bind(sealed.clone()),
    };
    query.execute(&mut **tx).await.map(|_| ())
}
