-- A running process that is to be cancelled: its worker finds out with its next heartbeat.
ALTER TABLE processes ADD COLUMN cancel_requested boolean NOT NULL DEFAULT false;

-- Of a process with a job that overwrites an input: which version of its inputs it is made of, and
-- what was about to be stored in their place, as JSON. Null for every other process.
ALTER TABLE processes ADD COLUMN in_place text;
