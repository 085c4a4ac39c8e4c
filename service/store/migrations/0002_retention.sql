-- What has ended is purged by age.
CREATE INDEX processes_ended ON processes (updated_at) WHERE status IN ('FINISHED', 'FAILED');
