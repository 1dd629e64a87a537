//! Rows of recordings that were erased, and of those that were brought to a store, as the journal says.

use super::rows::{Query, big};
use super::{Store, small};
use crate::fault::Fault;
use countersign_journal::{SessionId, Timestamp};
use sqlx::{AssertSqlSafe, Row as _};
use std::collections::BTreeMap;

impl Store {
    /// When what some sessions recorded was erased, of those of which it was.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn erased(&self, sessions: &[SessionId]) -> Result<BTreeMap<SessionId, Timestamp>, Fault> {
        if sessions.is_empty() {
            return Ok(BTreeMap::new());
        }
        let places: Vec<String> = (1..=sessions.len()).map(|n| format!("${n}")).collect();
        let sql = format!("SELECT session, at FROM erased WHERE session IN ({})", places.join(", "));
        let query = sessions.iter().fold(sqlx::query(AssertSqlSafe(sql)), |query, session| query.bind(big(session.0)));
        let rows = query.fetch_all(&self.readers).await?;
        let erased =
            |row: &sqlx::any::AnyRow| Ok((SessionId(small(row.try_get("session")?)), Timestamp(row.try_get("at")?)));
        rows.iter().map(erased).collect()
    }

    /// What was erased and may still be there, behind a session, with the number of the entry that says so; at most `limit`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn not_gone(&self, behind: SessionId, limit: u32) -> Result<Vec<(SessionId, u64)>, Fault> {
        let rows =
            sqlx::query("SELECT session, seq FROM erased WHERE gone = 0 AND session > $1 ORDER BY session LIMIT $2")
                .bind(big(behind.0))
                .bind(i64::from(limit))
                .fetch_all(&self.readers)
                .await?;
        rows.iter().map(|row| Ok((SessionId(small(row.try_get("session")?)), small(row.try_get("seq")?)))).collect()
    }

    /// The number of the last entry that says where a recording was brought, if one does.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn stored(&self, session: SessionId) -> Result<Option<u64>, Fault> {
        let row = sqlx::query("SELECT seq FROM stored WHERE session = $1 ORDER BY seq DESC LIMIT 1")
            .bind(big(session.0))
            .fetch_optional(&self.readers)
            .await?;
        row.map(|row| Ok(small(row.try_get("seq")?))).transpose()
    }

    /// How many recordings there are rows of: erased, and brought to a store.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn recordings(&self) -> Result<(u64, u64), Fault> {
        let sql = "SELECT (SELECT COUNT(*) FROM erased) AS erased, (SELECT COUNT(*) FROM stored) AS stored";
        let row = sqlx::query(sql).fetch_one(&self.readers).await?;
        Ok((small(row.try_get("erased")?), small(row.try_get("stored")?)))
    }
}

pub(super) fn erased(session: SessionId, seq: u64, at: Timestamp) -> Query {
    sqlx::query("INSERT INTO erased (session, seq, at) VALUES ($1, $2, $3) ON CONFLICT (session) DO NOTHING")
        .bind(big(session.0))
        .bind(big(seq))
        .bind(at.0)
}

pub(super) fn gone(session: SessionId) -> Query {
    sqlx::query("UPDATE erased SET gone = 1 WHERE session = $1").bind(big(session.0))
}

pub(super) fn stored(session: SessionId, seq: u64) -> Query {
    sqlx::query("INSERT INTO stored (seq, session) VALUES ($1, $2) ON CONFLICT (seq) DO NOTHING")
        .bind(big(seq))
        .bind(big(session.0))
}
