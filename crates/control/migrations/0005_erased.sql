-- Sessions whose recordings the journal says are erased: where in it, and whether they are gone from where they were kept. Made
-- of the journal, as the rows of requests that are over.
CREATE TABLE erased (session BIGINT PRIMARY KEY, seq BIGINT NOT NULL, at BIGINT NOT NULL, gone BIGINT NOT NULL DEFAULT 0);
CREATE INDEX erased_gone ON erased (gone, session);
