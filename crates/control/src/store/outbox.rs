//! Messages that are due, that are held, and how many left lately.

use super::rows::big;
use super::{Store, small};
use crate::fault::Fault;
use countersign_journal::{PersonId, RequestId, Timestamp};
use sqlx::Row as _;
use sqlx::any::AnyRow;
use std::collections::BTreeMap;

/// A message that is due.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OutboxRow {
    /// Its id: the event and the person, so that it is made once.
    pub id: String,
    /// About which request.
    pub request: RequestId,
    /// To whom.
    pub person: PersonId,
    /// What it says, in one word.
    pub kind: String,
    /// Tries so far.
    pub attempts: u64,
}

/// Messages of one kind to one person.
pub type Pile = (PersonId, String);

impl Store {
    /// Up to `limit` messages that are due and not held.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn outbox_due(&self, now: Timestamp, limit: u32) -> Result<Vec<OutboxRow>, Fault> {
        let sql = "SELECT id, request, person, kind, attempts FROM outbox \
                   WHERE done_at IS NULL AND held = 0 AND due_at <= $1 ORDER BY due_at LIMIT $2";
        let query = sqlx::query(sql).bind(now.0).bind(i64::from(limit));
        query.fetch_all(&self.readers).await?.iter().map(message).collect()
    }

    /// Which piles have messages that are held, and due again should they have failed.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn outbox_piles(&self, now: Timestamp) -> Result<Vec<Pile>, Fault> {
        let sql = "SELECT DISTINCT person, kind FROM outbox \
                   WHERE done_at IS NULL AND held = 1 AND due_at <= $1 ORDER BY person, kind";
        sqlx::query(sql).bind(now.0).fetch_all(&self.readers).await?.iter().map(pile).collect()
    }

    /// Up to `limit` messages of a pile that are held, the oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn outbox_held(&self, now: Timestamp, of: &Pile, limit: u32) -> Result<Vec<OutboxRow>, Fault> {
        let sql = "SELECT id, request, person, kind, attempts FROM outbox \
                   WHERE done_at IS NULL AND held = 1 AND due_at <= $1 AND person = $2 AND kind = $3 \
                   ORDER BY request LIMIT $4";
        let query = sqlx::query(sql).bind(now.0).bind(big(of.0.0)).bind(of.1.clone());
        query.bind(i64::from(limit)).fetch_all(&self.readers).await?.iter().map(message).collect()
    }

    /// How many letters left after a moment, by pile.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn outbox_sent(&self, after: Timestamp) -> Result<BTreeMap<Pile, u64>, Fault> {
        let sql = "SELECT person, kind, COUNT(*) AS letters FROM outbox WHERE sent_at > $1 GROUP BY person, kind";
        let rows = sqlx::query(sql).bind(after.0).fetch_all(&self.readers).await?;
        rows.iter().map(|r| Ok((pile(r)?, small(r.try_get("letters")?)))).collect()
    }
}

fn message(row: &AnyRow) -> Result<OutboxRow, Fault> {
    let (person, kind) = pile(row)?;
    Ok(OutboxRow {
        id: row.try_get("id")?,
        request: RequestId(small(row.try_get("request")?)),
        person,
        kind,
        attempts: small(row.try_get("attempts")?),
    })
}

fn pile(row: &AnyRow) -> Result<Pile, Fault> {
    Ok((PersonId(small(row.try_get("person")?)), row.try_get("kind")?))
}
