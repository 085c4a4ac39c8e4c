-- No release since 0.2.0 reads it.
ALTER TABLE services DROP COLUMN requests_a_minute;
