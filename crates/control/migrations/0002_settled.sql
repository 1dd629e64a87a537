-- Requests that are over, so that memory holds what is alive and nothing else. They are made of the journal: at the start
-- rows that do not match it are made again.
CREATE TABLE requests (
    id BIGINT PRIMARY KEY,
    at BIGINT NOT NULL,
    person BIGINT NOT NULL,
    kind TEXT NOT NULL,
    status TEXT NOT NULL,
    grant_id BIGINT,
    bytes BYTEA NOT NULL
);
CREATE INDEX requests_at ON requests (at, id);
CREATE INDEX requests_person ON requests (person, id);
CREATE INDEX requests_kind ON requests (kind, id);
CREATE INDEX requests_status ON requests (status, id);
CREATE INDEX requests_status_kind ON requests (status, kind, id);
CREATE INDEX requests_grant ON requests (grant_id);
-- The sessions of these requests.
CREATE TABLE sessions (id BIGINT PRIMARY KEY, person BIGINT NOT NULL, request BIGINT NOT NULL);
CREATE INDEX sessions_person ON sessions (person, id);
CREATE INDEX sessions_request ON sessions (request);
-- What requests are found by, whether they are over or not: the words in them, each as a tag under a key of the vault; and of
-- those that are over, who decides such requests.
CREATE TABLE marks (mark BIGINT NOT NULL, request BIGINT NOT NULL, PRIMARY KEY (mark, request));
