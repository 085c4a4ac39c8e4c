-- name: record_processes
-- Every process of a batch of requests, and all their jobs, in one statement. They are queued
-- a microsecond apart, so that they are claimed in the order in which they were accepted.
WITH recorded AS (
    INSERT INTO processes (id, service_id, priority, request, traceparent, due_at, queued_at)
    SELECT id, service_id, priority, request, traceparent, now() + $6::interval,
           now() + (ordinal - 1) * interval '1 microsecond'
    FROM unnest($1::text[], $2::bigint[], $3::smallint[], $4::text[], $5::text[])
         WITH ORDINALITY AS new (id, service_id, priority, request, traceparent, ordinal)
    RETURNING id, queued_at
), their_jobs AS (
    INSERT INTO jobs (process_id, position, destination)
    SELECT * FROM unnest($7::text[], $8::smallint[], $9::text[])
)
SELECT id, extract(epoch FROM queued_at)::float8 AS queued FROM recorded;

-- name: keep_idempotency_keys
-- Gives back the keys that are ours now; the others were used before.
INSERT INTO idempotency_keys AS kept (service_id, key, body_hash, process_id)
SELECT * FROM unnest($1::bigint[], $2::text[], $3::bytea[], $4::text[])
    AS new (service_id, key, body_hash, process_id)
ORDER BY service_id, key -- the same for everybody, so that two of them cannot deadlock
ON CONFLICT (service_id, key) DO UPDATE
    SET body_hash = excluded.body_hash, process_id = excluded.process_id, created_at = now()
    WHERE kept.created_at < now() - $5::interval
RETURNING process_id;

-- name: get_idempotency_key
SELECT body_hash, process_id FROM idempotency_keys WHERE service_id = $1 AND key = $2;

-- name: forget_idempotency_keys
DELETE FROM idempotency_keys WHERE (service_id, key) IN (
    SELECT service_id, key FROM idempotency_keys WHERE created_at < now() - $1::interval
    ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED
)
RETURNING true;

-- name: get_process
SELECT id, status, attempt, created_at, updated_at,
       cancel_requested AND status IN ('QUEUED', 'PROCESSING') AS cancelling
FROM processes WHERE id = $1 AND ($2::bigint IS NULL OR service_id = $2);

-- name: get_jobs
SELECT destination, status, format, width, height, bytes, sha256, milliseconds, damaged,
       error_code, error_message
FROM jobs WHERE process_id = $1 ORDER BY position;

-- name: get_deliveries
SELECT id, status, tries, last_status, last_error, due_at, attempt
FROM deliveries WHERE process_id = $1 ORDER BY created_at;

-- name: lock_for_retry
SELECT id, status FROM processes
WHERE id = ANY($1::text[]) AND service_id = $2 ORDER BY id FOR UPDATE;

-- name: retry_processes
-- Queued a microsecond apart, in the order of the ids.
UPDATE processes
SET status = 'QUEUED', attempt = attempt + 1, run = run + 1, errors = 0, crashes = 0,
    cancel_requested = false, in_place = CASE WHEN $3 THEN NULL ELSE in_place END,
    queued_at = now() + (ordinal - 1) * interval '1 microsecond',
    due_at = now() + $2::interval, updated_at = now()
FROM unnest($1::text[]) WITH ORDINALITY AS ended (id, ordinal)
WHERE processes.id = ended.id
RETURNING processes.id, run, attempt, priority, extract(epoch FROM queued_at)::float8 AS queued,
    (SELECT count(*) FROM jobs WHERE process_id = processes.id AND jobs.status = 'QUEUED') AS jobs;

-- name: request_cancel
-- One that waits ends at once, a running one when its worker has heard of it.
UPDATE processes
SET cancel_requested = true, updated_at = now(),
    status = CASE status WHEN 'QUEUED' THEN 'FAILED' ELSE status END
WHERE id = $1 AND ($2::bigint IS NULL OR service_id = $2) AND status IN ('QUEUED', 'PROCESSING')
RETURNING status = 'FAILED' AS ended, request, traceparent;

-- name: cancel_jobs
UPDATE jobs SET status = 'FAILED', error_code = $2, error_message = $3
WHERE process_id = $1 AND status = 'QUEUED';

-- name: reset_jobs
UPDATE jobs
SET status = 'QUEUED', format = NULL, width = NULL, height = NULL, bytes = NULL, sha256 = NULL,
    milliseconds = NULL, damaged = NULL, error_code = NULL, error_message = NULL
WHERE process_id = ANY($1::text[]) AND (status = 'FAILED' OR $2);

-- name: take_due
-- Queued and not claimed in time: to be dispatched (again), and looked at again later.
UPDATE processes SET due_at = now() + $2::interval
WHERE id IN (
    SELECT id FROM processes WHERE status = 'QUEUED' AND due_at <= now()
    ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED
)
RETURNING id, run, priority, extract(epoch FROM queued_at)::float8 AS queued;

-- name: purge
-- Ended long ago: jobs and callbacks go with their process.
DELETE FROM processes WHERE id IN (
    SELECT id FROM processes
    WHERE status IN ('FINISHED', 'FAILED') AND updated_at < now() - $1::interval
    ORDER BY updated_at LIMIT $2 FOR UPDATE SKIP LOCKED
)
RETURNING id;
