-- Quotas count jobs. The old column goes when no release reads it any more.
ALTER TABLE services ADD COLUMN jobs_a_minute integer CHECK (jobs_a_minute > 0);
UPDATE services SET jobs_a_minute = requests_a_minute;
