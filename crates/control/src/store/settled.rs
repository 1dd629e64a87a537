//! Requests that are over, as rows: found by number, by what they yielded, and by walking from the latest back.
//!
//! A walk looks at so many of the latest and no more, whatever it is asked for.

use super::rows::big;
use super::{Store, small};
use crate::fault::Fault;
use crate::marks::Mark;
use countersign_core::refusal::status_word;
use countersign_core::{Case, Status};
use countersign_journal::{Act, GrantId, PersonId, RequestId, SessionId, Timestamp, canonical};
use sqlx::any::{AnyArguments, AnyRow};
use sqlx::{Any, AssertSqlSafe, Row as _};
use std::collections::BTreeSet;

/// Of what has the rarest mark of a search, so many of the latest are looked at.
const MARKED_MAX: i64 = 20_000;

/// What rows must be to be found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Sought {
    /// Only before this number.
    pub(crate) before: RequestId,
    /// Only with all of these marks.
    pub(crate) marks: Vec<Mark>,
    /// Only asked by this person.
    pub(crate) person: Option<PersonId>,
    /// Only with this status.
    pub(crate) status: Option<Status>,
    /// Only of this kind; empty means any.
    pub(crate) kind: String,
    /// Only made at or after this moment.
    pub(crate) from: Option<Timestamp>,
    /// Only made before this moment.
    pub(crate) until: Option<Timestamp>,
}

impl Default for Sought {
    fn default() -> Sought {
        let before = RequestId(u64::MAX);
        Sought { before, marks: Vec::new(), person: None, status: None, kind: String::new(), from: None, until: None }
    }
}

/// The kind of a request, in one word.
pub(crate) fn kind(act: &Act) -> &'static str {
    match act {
        Act::Connect => "connect",
        Act::Run(_) => "query",
        Act::Administer(_) => "change",
        Act::Watch(_) => "watch",
    }
}

impl Store {
    /// A request that is over.
    ///
    /// # Errors
    /// When the store cannot be read or the row is none of such a request.
    pub async fn case(&self, request: RequestId) -> Result<Option<Case>, Fault> {
        self.one("SELECT bytes FROM requests WHERE id = $1", big(request.0)).await
    }

    /// The request behind a grant, if it is over.
    ///
    /// # Errors
    /// As [`Store::case`].
    pub async fn case_of_grant(&self, grant: GrantId) -> Result<Option<Case>, Fault> {
        self.one("SELECT bytes FROM requests WHERE grant_id = $1", big(grant.0)).await
    }

    /// The request behind a session, if it is over.
    ///
    /// # Errors
    /// As [`Store::case`].
    pub async fn case_of_session(&self, session: SessionId) -> Result<Option<Case>, Fault> {
        let sql = "SELECT bytes FROM requests WHERE id = (SELECT request FROM sessions WHERE id = $1)";
        self.one(sql, big(session.0)).await
    }

    async fn one(&self, sql: &'static str, id: i64) -> Result<Option<Case>, Fault> {
        let row = sqlx::query(sql).bind(id).fetch_optional(&self.readers).await?;
        row.map(|row| case(&row)).transpose()
    }

    /// How many requests there are rows of.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn cases(&self) -> Result<u64, Fault> {
        let row = sqlx::query("SELECT COUNT(*) AS n FROM requests").fetch_one(&self.readers).await?;
        Ok(small(row.try_get("n")?))
    }

    /// Whether any request can be found by a mark.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn has_marks(&self) -> Result<bool, Fault> {
        Ok(sqlx::query("SELECT request FROM marks LIMIT 1").fetch_optional(&self.readers).await?.is_some())
    }

    /// Takes every row of requests that are over, and of recordings, away, to be made again; those of what was erased, with whether
    /// it is gone, only where they are wrong.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn forget_cases(&self, erased_too: bool) -> Result<(), Fault> {
        let mut tx = self.writer.begin().await?;
        let always = ["DELETE FROM requests", "DELETE FROM sessions", "DELETE FROM marks", "DELETE FROM stored"];
        for sql in always.into_iter().chain(erased_too.then_some("DELETE FROM erased")) {
            sqlx::query(sql).execute(&mut *tx).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Requests that are over and match, latest first, at most `limit`.
    ///
    /// # Errors
    /// As [`Store::case`].
    pub async fn over(&self, sought: &Sought, limit: usize) -> Result<Vec<Case>, Fault> {
        let Some((first, before)) = self.made_between(sought).await? else { return Ok(Vec::new()) };
        let Some(mut walk) = self.walk(&sought.marks, before).await? else { return Ok(Vec::new()) };
        walk.and("r.id >=", Bound::Number(first));
        if let Some(person) = sought.person {
            walk.and("r.person =", Bound::Number(big(person.0)));
        }
        if let Some(status) = &sought.status {
            walk.and("r.status =", Bound::Text(status_word(status).to_owned()));
        }
        if !sought.kind.is_empty() {
            walk.and("r.kind =", Bound::Text(sought.kind.clone()));
        }
        walk.sql.push_str(if sought.marks.is_empty() { " ORDER BY r.id DESC" } else { " ORDER BY m.request DESC" });
        walk.sql.push_str(" LIMIT");
        walk.bind(Bound::Number(i64::try_from(limit).unwrap_or(i64::MAX)));
        let rows = walk.query().fetch_all(&self.readers).await?;
        rows.iter().map(case).collect()
    }

    /// Those of some requests, over or not, that have all of the marks. Each is looked up: how many others have the marks
    /// makes no difference.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn marked(&self, ids: &[RequestId], marks: &[Mark]) -> Result<BTreeSet<RequestId>, Fault> {
        let mut walk =
            Walk { sql: "SELECT m.request FROM (SELECT column1 AS request FROM (VALUES".into(), bound: Vec::new() };
        for (n, id) in ids.iter().enumerate() {
            walk.sql.push_str(if n == 0 { " (" } else { ", (" });
            walk.bind(Bound::Number(big(id.0)));
            walk.sql.push(')');
        }
        walk.sql.push_str(") v) m WHERE TRUE");
        walk.and_marked(marks);
        let rows = walk.query().fetch_all(&self.readers).await?;
        rows.iter().map(|row| Ok(RequestId(small(row.try_get("request")?)))).collect()
    }

    /// Sessions of requests that are over, each with its request, latest first: of one person, of those who decide by a
    /// mark, or all.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn sessions(&self, whose: Whose, limit: usize) -> Result<Vec<(SessionId, RequestId)>, Fault> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let (sql, which) = match whose {
            Whose::Everybody => ("SELECT id, request FROM sessions ORDER BY id DESC LIMIT $1", None),
            Whose::Person(person) => {
                let sql = "SELECT id, request FROM sessions WHERE person = $2 ORDER BY id DESC LIMIT $1";
                (sql, Some(big(person.0)))
            }
            Whose::Marked(mark) => {
                let sql = "SELECT s.id, s.request FROM marks m CROSS JOIN sessions s \
                           WHERE m.mark = $2 AND s.request = m.request ORDER BY m.request DESC LIMIT $1";
                (sql, Some(mark))
            }
        };
        let query = which.into_iter().fold(sqlx::query(sql).bind(limit), |query, which| query.bind(which));
        let rows = query.fetch_all(&self.readers).await?;
        let read = |r: &AnyRow| Ok((SessionId(small(r.try_get("id")?)), RequestId(small(r.try_get("request")?))));
        rows.iter().map(read).collect()
    }

    /// The numbers, from and up to, that were given out in the time sought, for they rise with it; nothing when none was.
    async fn made_between(&self, sought: &Sought) -> Result<Option<(i64, i64)>, Fault> {
        let (mut first, mut before) = (0, big(sought.before.0));
        if let Some(from) = sought.from {
            let sql = "SELECT id FROM requests WHERE at >= $1 ORDER BY at, id LIMIT 1";
            let Some(row) = sqlx::query(sql).bind(from.0).fetch_optional(&self.readers).await? else { return Ok(None) };
            first = row.try_get("id")?;
        }
        if let Some(until) = sought.until {
            let sql = "SELECT id FROM requests WHERE at < $1 ORDER BY at DESC, id DESC LIMIT 1";
            let Some(row) = sqlx::query(sql).bind(until.0).fetch_optional(&self.readers).await? else {
                return Ok(None);
            };
            before = before.min(row.try_get::<i64, _>("id")? + 1);
        }
        Ok(Some((first, before)))
    }

    /// The beginning of a walk from the latest back: over everything, or over what has the rarest of the marks and all
    /// others; nothing when nothing has one of them.
    async fn walk(&self, marks: &[Mark], before: i64) -> Result<Option<Walk>, Fault> {
        let mut reaches = Vec::new();
        for mark in marks {
            reaches.push((self.reach(*mark, before).await?, *mark));
        }
        reaches.sort_unstable();
        let Some(((count, first), rarest)) = reaches.first().copied() else {
            let mut walk = Walk { sql: "SELECT r.bytes FROM requests r WHERE r.id <".to_owned(), bound: Vec::new() };
            walk.bind(Bound::Number(before));
            return Ok(Some(walk));
        };
        if count == 0 {
            return Ok(None);
        }
        let sql = "SELECT r.bytes FROM marks m CROSS JOIN requests r WHERE r.id = m.request AND m.mark =";
        let mut walk = Walk { sql: sql.to_owned(), bound: Vec::new() };
        walk.bind(Bound::Number(rarest));
        walk.and("m.request <", Bound::Number(before));
        walk.and("m.request >=", Bound::Number(first));
        let others: Vec<Mark> = reaches[1..].iter().map(|(_, mark)| *mark).collect();
        walk.and_marked(&others);
        Ok(Some(walk))
    }

    /// How many of the latest that have a mark are looked at, and the first of them.
    async fn reach(&self, mark: Mark, before: i64) -> Result<(i64, i64), Fault> {
        let row = sqlx::query(
            "SELECT COUNT(*) AS n, COALESCE(MIN(request), 0) AS first FROM (SELECT request FROM marks \
             WHERE mark = $1 AND request < $2 ORDER BY request DESC LIMIT $3) latest",
        )
        .bind(mark)
        .bind(before)
        .bind(MARKED_MAX)
        .fetch_one(&self.readers)
        .await?;
        Ok((row.try_get("n")?, row.try_get("first")?))
    }
}

/// Whose sessions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Whose {
    /// Everybody's.
    Everybody,
    /// One person's.
    Person(PersonId),
    /// Those of requests with a mark.
    Marked(Mark),
}

/// A statement being written, with what is bound to it. Its text is made of constants and numbers of parameters.
struct Walk {
    sql: String,
    bound: Vec<Bound>,
}

enum Bound {
    Number(i64),
    Text(String),
}

impl Walk {
    fn and(&mut self, condition: &str, bound: Bound) {
        self.sql.push_str(&format!(" AND {condition}"));
        self.bind(bound);
    }

    fn bind(&mut self, bound: Bound) {
        self.bound.push(bound);
        self.sql.push_str(&format!(" ${}", self.bound.len()));
    }

    /// What is looked at has these marks too.
    fn and_marked(&mut self, marks: &[Mark]) {
        for mark in marks {
            self.and("EXISTS (SELECT 1 FROM marks x WHERE x.request = m.request AND x.mark =", Bound::Number(*mark));
            self.sql.push(')');
        }
    }

    fn query(self) -> sqlx::query::Query<'static, Any, AnyArguments> {
        self.bound.into_iter().fold(sqlx::query(AssertSqlSafe(self.sql)), |query, bound| match bound {
            Bound::Number(n) => query.bind(n),
            Bound::Text(text) => query.bind(text),
        })
    }
}

/// Rows are believed only as far as they can do no harm: what they say is over, and nothing follows from it.
fn case(row: &AnyRow) -> Result<Case, Fault> {
    let case: Case = canonical::decode(&row.try_get::<Vec<u8>, _>("bytes")?).map_err(Fault::trouble)?;
    if case.is_over() { Ok(case) } else { Err(Fault::trouble(format!("the row of {} is not over", case.request.id))) }
}
