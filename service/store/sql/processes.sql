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
DELETE FROM idempotency_keys WHERE created_at < now() - $1::interval;

-- name: get_process
SELECT id, status, attempt, created_at, updated_at
FROM processes WHERE id = $1 AND service_id = $2;

-- name: get_process_of_worker
SELECT id, status, attempt, created_at, updated_at FROM processes WHERE id = $1;

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
    queued_at = now() + (ordinal - 1) * interval '1 microsecond',
    due_at = now() + $2::interval, updated_at = now()
FROM unnest($1::text[]) WITH ORDINALITY AS ended (id, ordinal)
WHERE processes.id = ended.id
RETURNING processes.id, run, attempt, priority, extract(epoch FROM queued_at)::float8 AS queued,
    (SELECT count(*) FROM jobs WHERE process_id = processes.id AND jobs.status = 'QUEUED') AS jobs;

-- name: reset_jobs
UPDATE jobs
SET status = 'QUEUED', format = NULL, width = NULL, height = NULL, bytes = NULL, sha256 = NULL,
    milliseconds = NULL, damaged = NULL, error_code = NULL, error_message = NULL
WHERE process_id = ANY($1::text[]) AND (status = 'FAILED' OR $2);

-- name: claim
UPDATE processes
SET status = 'PROCESSING', run = run + 1, worker = $2, lease_until = now() + $3::interval,
    updated_at = now()
WHERE id = $1 AND status = 'QUEUED'
RETURNING id, service_id, run, attempt, errors, crashes, priority, request, traceparent,
    extract(epoch FROM now() - queued_at)::float8 AS waited,
    ARRAY(SELECT position FROM jobs WHERE process_id = processes.id AND jobs.status = 'QUEUED'
          ORDER BY position) AS pending;

-- name: renew_leases
-- Rows are locked in the order of their ids, as a retry does, so that neither waits for ever.
WITH held AS (
    SELECT processes.id FROM processes
    JOIN unnest($1::text[], $2::integer[]) AS ours (id, run) USING (id, run)
    WHERE status = 'PROCESSING' ORDER BY id FOR NO KEY UPDATE OF processes
)
UPDATE processes SET lease_until = now() + $3::interval
FROM held WHERE processes.id = held.id
RETURNING processes.id;

-- name: check_lease
SELECT true FROM processes
WHERE id = $1 AND run = $2 AND status = 'PROCESSING' AND lease_until > now();

-- name: finish_job
-- The process is locked: whoever takes it away has done so before, or waits until after.
WITH held AS (
    SELECT id FROM processes WHERE id = $1 AND run = $2 AND status = 'PROCESSING' FOR SHARE
), finished AS (
    UPDATE jobs
    SET status = 'DONE', format = $4, width = $5, height = $6, bytes = $7, sha256 = $8,
        milliseconds = $9, damaged = $10, error_code = NULL, error_message = NULL
    FROM held WHERE process_id = held.id AND position = $3
)
SELECT true FROM held;

-- name: fail_jobs
-- Locked like finish_job; jobs that are done stay done.
WITH held AS (
    SELECT id FROM processes WHERE id = $1 AND run = $2 AND status = 'PROCESSING' FOR SHARE
), failed AS (
    UPDATE jobs
    SET status = 'FAILED', error_code = $4, error_message = $5
    FROM held WHERE process_id = held.id AND position = ANY($3::smallint[])
        AND jobs.status = 'QUEUED'
)
SELECT true FROM held;

-- name: settle
UPDATE processes
SET status = CASE WHEN EXISTS (SELECT FROM jobs WHERE process_id = $1 AND status <> 'DONE')
             THEN 'FAILED' ELSE 'FINISHED' END,
    worker = NULL, lease_until = NULL, updated_at = now()
WHERE id = $1 AND run = $2 AND status = 'PROCESSING'
RETURNING extract(epoch FROM now() - queued_at)::float8 AS took,
    extract(epoch FROM now())::float8 AS ended;

-- name: give_back
-- Back to the queue: after a drain (nothing counted) or an error that may pass (counted).
UPDATE processes
SET status = 'QUEUED', worker = NULL, lease_until = NULL, errors = errors + $3,
    due_at = now() + $4::interval, updated_at = now()
WHERE id = $1 AND run = $2 AND status = 'PROCESSING'
RETURNING true;

-- name: reap
-- Leases that ran out: their workers are gone or stalled, so the work is queued again.
UPDATE processes
SET status = 'QUEUED', worker = NULL, lease_until = NULL, crashes = crashes + 1,
    due_at = now(), updated_at = now()
WHERE id IN (
    SELECT id FROM processes WHERE status = 'PROCESSING' AND lease_until < now()
    ORDER BY lease_until LIMIT $1 FOR UPDATE SKIP LOCKED
)
RETURNING id;

-- name: take_due
-- Queued and not claimed in time: to be dispatched (again), and looked at again later.
UPDATE processes SET due_at = now() + $2::interval
WHERE id IN (
    SELECT id FROM processes WHERE status = 'QUEUED' AND due_at <= now()
    ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED
)
RETURNING id, run, priority, extract(epoch FROM queued_at)::float8 AS queued;

-- name: queue_depth
-- One count for each partial index, so that what has ended is never read.
SELECT 'QUEUED' AS status, count(*) AS depth,
       coalesce(extract(epoch FROM now() - min(queued_at)), 0)::float8 AS oldest
FROM processes WHERE status = 'QUEUED'
UNION ALL
SELECT 'PROCESSING', count(*),
       coalesce(extract(epoch FROM now() - min(queued_at)), 0)::float8
FROM processes WHERE status = 'PROCESSING';

-- name: purge
-- Ended long ago: jobs and callbacks go with their process.
DELETE FROM processes WHERE id IN (
    SELECT id FROM processes
    WHERE status IN ('FINISHED', 'FAILED') AND updated_at < now() - $1::interval
    ORDER BY updated_at LIMIT $2 FOR UPDATE SKIP LOCKED
)
RETURNING id;
