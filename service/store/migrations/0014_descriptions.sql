-- What a job wanted told of its result: its colours, placeholders; null if nothing.
ALTER TABLE jobs ADD COLUMN description jsonb;
