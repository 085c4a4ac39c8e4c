-- A job is written once and completed once, when it becomes half as large again: its page has room
-- for both, so that its index is not written a second time.
ALTER TABLE jobs SET (fillfactor = 40);
