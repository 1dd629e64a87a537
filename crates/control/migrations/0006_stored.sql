-- Sessions whose recordings were brought to a store, by the entries of the journal that say where. Made of the journal, as the rows
-- of what was erased.
CREATE TABLE stored (seq BIGINT PRIMARY KEY, session BIGINT NOT NULL);
CREATE INDEX stored_session ON stored (session, seq);
