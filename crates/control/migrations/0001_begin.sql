-- One schema for SQLite and PostgreSQL: TEXT, BIGINT and bytes only. Times are microseconds since 1970 (UTC).
CREATE TABLE entries (seq BIGINT PRIMARY KEY, at BIGINT NOT NULL, kind TEXT NOT NULL, bytes BYTEA NOT NULL);
CREATE TABLE texts (commitment TEXT PRIMARY KEY, sealed BYTEA NOT NULL);
CREATE TABLE directory (id BIGINT PRIMARY KEY, version BIGINT NOT NULL, bytes BYTEA NOT NULL);
CREATE TABLE outbox (
    id TEXT PRIMARY KEY,
    request BIGINT NOT NULL,
    person BIGINT NOT NULL,
    kind TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    done_at BIGINT
);
CREATE INDEX outbox_due ON outbox (done_at, due_at);
CREATE TABLE logins (
    person BIGINT PRIMARY KEY,
    password TEXT,
    totp BYTEA,
    totp_pending BYTEA,
    totp_step BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    locked_until BIGINT NOT NULL
);
CREATE TABLE invitations (token TEXT PRIMARY KEY, person BIGINT NOT NULL, expires_at BIGINT NOT NULL);
CREATE TABLE web_sessions (
    token TEXT PRIMARY KEY,
    person BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    second_factor_at BIGINT
);
CREATE TABLE tokens (
    person BIGINT NOT NULL,
    account BIGINT NOT NULL,
    salt BYTEA NOT NULL,
    stored_key BYTEA NOT NULL,
    server_key BYTEA NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (person, account)
);
CREATE TABLE secrets (account BIGINT PRIMARY KEY, version BIGINT NOT NULL, sealed BYTEA NOT NULL);
