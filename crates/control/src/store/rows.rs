//! Rows that go in with events: what each writes, one statement per kind of row.

use super::StoredEntry;
use super::erased;
use super::keys::{self, StoredKey};
use super::settled::kind;
use crate::marks::Mark;
use countersign_core::refusal::status_word;
use countersign_core::{Case, Session};
use countersign_journal::{AccountId, Commitment, PersonId, RequestId, SessionId, Timestamp, canonical};
use sqlx::any::AnyArguments;
use sqlx::{Any, AssertSqlSafe};

pub(super) type Query = sqlx::query::Query<'static, Any, AnyArguments>;

/// A row that is written together with the events that explain it.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "fields repeat the columns of the migrations")]
pub enum Row {
    Text { commitment: Commitment, sealed: Vec<u8> },
    Directory { version: u64, bytes: Vec<u8> },
    Outbox { id: String, request: RequestId, person: PersonId, kind: &'static str, due_at: Timestamp },
    OutboxTried { id: String, attempts: u64, at: Timestamp, became: Tried },
    OutboxHeld { id: String },
    Login(Login),
    Invitation { token: String, person: PersonId, expires_at: Timestamp },
    InvitationsEnded { person: PersonId },
    WebSession { token: String, person: PersonId, expires_at: Timestamp, second_factor_at: Option<Timestamp> },
    WebSessionEnded { token: String },
    WebSessionsEnded { person: PersonId },
    Token(StoredToken),
    TokensEnded { person: PersonId },
    Key(StoredKey),
    KeyUsed { fingerprint: String, at: Timestamp },
    KeyRemoved { person: PersonId, number: u64 },
    KeysEnded { person: PersonId },
    Secret { account: AccountId, version: u64, sealed: Vec<u8> },
    Case(Box<Case>),
    Session { session: Session, request: RequestId },
    Marks { request: RequestId, marks: Vec<Mark> },
    Erased { session: SessionId, seq: u64, at: Timestamp },
    Gone { session: SessionId },
    Stored { session: SessionId, seq: u64 },
}

/// What became of a try to tell somebody.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tried {
    /// It is due again at that moment.
    Waits,
    /// A letter left.
    Sent,
    /// Nothing more is to be sent: it came with another row's letter, or was given up.
    Over,
}

impl Row {
    /// Whether it writes nothing.
    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Row::Marks { marks, .. } if marks.is_empty())
    }
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

/// The statement that writes a row.
pub(super) fn query(row: &Row) -> Query {
    match row {
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
        Row::Secret { account, version, sealed } => sqlx::query(
            "INSERT INTO secrets (account, version, sealed) VALUES ($1, $2, $3) \
             ON CONFLICT (account) DO UPDATE SET version = excluded.version, sealed = excluded.sealed",
        )
        .bind(big(account.0))
        .bind(big(*version))
        .bind(sealed.clone()),
        Row::Case(case) => case_query(case),
        Row::Session { session, request } => {
            sqlx::query("INSERT INTO sessions (id, person, request) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING")
                .bind(big(session.id.0))
                .bind(big(session.person.0))
                .bind(big(request.0))
        }
        Row::Marks { request, marks } => marks_query(*request, marks),
        Row::Erased { session, seq, at } => erased::erased(*session, *seq, *at),
        Row::Gone { session } => erased::gone(*session),
        Row::Stored { session, seq } => erased::stored(*session, *seq),
        Row::Login(login) => login_query(login),
        Row::Token(token) => token_query(token),
        Row::Key(key) => keys::added(key),
        Row::KeyUsed { fingerprint, at } => keys::used(fingerprint, *at),
        Row::KeyRemoved { person, number } => keys::removed(*person, *number),
        Row::KeysEnded { person } => of("DELETE FROM ssh_keys WHERE person = $1", *person),
        Row::Outbox { id, request, person, kind, due_at } => sqlx::query(
            "INSERT INTO outbox (id, request, person, kind, attempts, due_at) VALUES ($1, $2, $3, $4, 0, $5) \
             ON CONFLICT (id) DO NOTHING",
        )
        .bind(id.clone())
        .bind(big(request.0))
        .bind(big(person.0))
        .bind(*kind)
        .bind(due_at.0),
        Row::OutboxTried { id, attempts, at, became } => {
            sqlx::query("UPDATE outbox SET attempts = $2, due_at = $3, done_at = $4, sent_at = $5 WHERE id = $1")
                .bind(id.clone())
                .bind(big(*attempts))
                .bind(at.0)
                .bind((*became != Tried::Waits).then_some(at.0))
                .bind((*became == Tried::Sent).then_some(at.0))
        }
        Row::OutboxHeld { id } => sqlx::query("UPDATE outbox SET held = 1 WHERE id = $1").bind(id.clone()),
        Row::Invitation { token, person, expires_at } => {
            sqlx::query("INSERT INTO invitations (token, person, expires_at) VALUES ($1, $2, $3)")
                .bind(token.clone())
                .bind(big(person.0))
                .bind(expires_at.0)
        }
        Row::InvitationsEnded { person } => of("DELETE FROM invitations WHERE person = $1", *person),
        Row::WebSession { token, person, expires_at, second_factor_at } => {
            web_session_query(token, *person, *expires_at, *second_factor_at)
        }
        Row::WebSessionEnded { token } => delete("DELETE FROM web_sessions WHERE token = $1", token),
        Row::TokensEnded { person } => of("DELETE FROM tokens WHERE person = $1", *person),
        Row::WebSessionsEnded { person } => of("DELETE FROM web_sessions WHERE person = $1", *person),
    }
}

fn case_query(case: &Case) -> Query {
    let Case { request, .. } = case;
    sqlx::query(
        "INSERT INTO requests (id, at, person, kind, status, grant_id, bytes) VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(big(request.id.0))
    .bind(request.at.0)
    .bind(big(request.person.id.0))
    .bind(kind(&request.act))
    .bind(status_word(&request.status))
    .bind(request.grant.map(|g| big(g.0)))
    .bind(canonical::encode(case))
}

/// The statement that writes several entries.
pub(super) fn entries(entries: &[StoredEntry]) -> Query {
    let sql = format!("INSERT INTO entries (seq, at, kind, bytes) VALUES {}", places(entries.len(), 4));
    entries.iter().fold(sqlx::query(AssertSqlSafe(sql)), |query, entry| {
        query.bind(big(entry.seq)).bind(entry.at.0).bind(entry.kind.clone()).bind(entry.bytes.clone())
    })
}

/// What a request is found by; a mark that is there stays.
fn marks_query(request: RequestId, marks: &[Mark]) -> Query {
    let places = places(marks.len(), 2);
    let sql = format!("INSERT INTO marks (mark, request) VALUES {places} ON CONFLICT (mark, request) DO NOTHING");
    marks.iter().fold(sqlx::query(AssertSqlSafe(sql)), |query, mark| query.bind(*mark).bind(big(request.0)))
}

/// The parameters of so many rows of so many columns: `($1, $2), ($3, $4)`.
fn places(rows: usize, columns: usize) -> String {
    let row = |n: usize| {
        let row: Vec<String> = (1..=columns).map(|c| format!("${}", n * columns + c)).collect();
        format!("({})", row.join(", "))
    };
    (0..rows).map(row).collect::<Vec<_>>().join(", ")
}

fn login_query(login: &Login) -> Query {
    sqlx::query(
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
    .bind(login.locked_until.0)
}

fn token_query(token: &StoredToken) -> Query {
    sqlx::query(
        "INSERT INTO tokens (person, account, salt, stored_key, server_key, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (person, account) DO UPDATE SET salt = excluded.salt, \
         stored_key = excluded.stored_key, server_key = excluded.server_key, expires_at = excluded.expires_at",
    )
    .bind(big(token.person.0))
    .bind(big(token.account.0))
    .bind(token.salt.clone())
    .bind(token.stored_key.clone())
    .bind(token.server_key.clone())
    .bind(token.expires_at.0)
}

fn web_session_query(
    token: &str,
    person: PersonId,
    expires_at: Timestamp,
    second_factor_at: Option<Timestamp>,
) -> Query {
    sqlx::query(
        "INSERT INTO web_sessions (token, person, expires_at, second_factor_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (token) DO UPDATE SET second_factor_at = excluded.second_factor_at",
    )
    .bind(token.to_owned())
    .bind(big(person.0))
    .bind(expires_at.0)
    .bind(second_factor_at.map(|t| t.0))
}

/// What ends all that a person has of something.
fn of(sql: &'static str, person: PersonId) -> Query {
    sqlx::query(sql).bind(big(person.0))
}

fn delete(sql: &'static str, token: &str) -> Query {
    sqlx::query(sql).bind(token.to_owned())
}

/// A count or id as the database has it.
pub(super) fn big(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
