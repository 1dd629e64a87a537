-- People's SSH keys, each of one person only.
CREATE TABLE ssh_keys (
    fingerprint TEXT PRIMARY KEY,
    person BIGINT NOT NULL,
    number BIGINT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    added_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE UNIQUE INDEX ssh_keys_person ON ssh_keys (person, number);
