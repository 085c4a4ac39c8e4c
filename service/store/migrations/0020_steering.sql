-- The request that a process came from, as its log lines and its callback name it.
ALTER TABLE processes ADD COLUMN request_id text;
ALTER TABLE deliveries ADD COLUMN request_id text;
-- When a callback was last asked for again: its age counts from then.
ALTER TABLE deliveries ADD COLUMN redelivered_at timestamptz;
