-- A message beyond what one person is written within a time is held until it comes together with others.
ALTER TABLE outbox ADD COLUMN held BIGINT NOT NULL DEFAULT 0;
-- When a letter left for this row; of rows that came together the first has it, so that letters are counted, not rows.
ALTER TABLE outbox ADD COLUMN sent_at BIGINT;
CREATE INDEX outbox_sent ON outbox (sent_at);
