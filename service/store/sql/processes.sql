-- name: record_processes
-- Every process of a batch of requests, their jobs and their idempotency keys, in one statement. A
-- process whose key was used before is left out. They are queued a microsecond apart, so that they
-- are claimed in the order in which they were accepted.
WITH kept AS (
    INSERT INTO idempotency_keys AS kept (service_id, key, body_hash, process_id)
    SELECT service_id, key, body_hash, id
    FROM unnest($1::text[], $2::bigint[], $6::text[], $7::bytea[])
         AS new (id, service_id, key, body_hash)
    WHERE key IS NOT NULL
    ORDER BY service_id, key -- the same for everybody, so that two of them cannot deadlock
    ON CONFLICT (service_id, key) DO UPDATE
        SET body_hash = excluded.body_hash, process_id = excluded.process_id, created_at = now()
        WHERE kept.created_at < now() - $8::interval
    RETURNING process_id
), recorded AS (
    INSERT INTO processes (id, service_id, priority, request, traceparent, request_id, due_at,
                           queued_at)
    SELECT id, service_id, priority, request, traceparent, request_id, now() + $9::interval,
           now() + (ordinal - 1) * interval '1 microsecond'
    FROM unnest($1::text[], $2::bigint[], $3::smallint[], $4::text[], $5::text[], $6::text[],
                $13::text[])
         WITH ORDINALITY AS new (id, service_id, priority, request, traceparent, key, request_id,
                                 ordinal)
    WHERE key IS NULL OR id IN (SELECT process_id FROM kept)
    RETURNING id
), their_jobs AS (
    INSERT INTO jobs (process_id, position, destination)
    SELECT process_id, position, destination
    FROM unnest($10::text[], $11::smallint[], $12::text[])
         AS new (process_id, position, destination)
    JOIN recorded ON recorded.id = process_id
)
SELECT id FROM recorded;

-- name: keep_idempotency_key
-- Gives a row if the key is ours now; else it was used before.
INSERT INTO idempotency_keys AS kept (service_id, key, body_hash, process_id)
VALUES ($1, $2, $3, $4)
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
       description::text,
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
RETURNING processes.id, run, attempt, priority,
    (SELECT count(*) FROM jobs WHERE process_id = processes.id AND jobs.status = 'QUEUED') AS jobs;

-- name: request_cancel
-- One that waits ends at once, a running one when its worker has heard of it.
UPDATE processes
SET cancel_requested = true, updated_at = now(),
    status = CASE status WHEN 'QUEUED' THEN 'FAILED' ELSE status END
WHERE id = $1 AND ($2::bigint IS NULL OR service_id = $2) AND status IN ('QUEUED', 'PROCESSING')
RETURNING status = 'FAILED' AS ended, request, traceparent, request_id;

-- name: cancel_jobs
UPDATE jobs SET status = 'FAILED', error_code = $2, error_message = $3
WHERE process_id = $1 AND status = 'QUEUED';

-- name: reset_jobs
UPDATE jobs
SET status = 'QUEUED', format = NULL, width = NULL, height = NULL, bytes = NULL, sha256 = NULL,
    milliseconds = NULL, damaged = NULL, description = NULL, error_code = NULL, error_message = NULL
WHERE process_id = ANY($1::text[]) AND (status = 'FAILED' OR $2);

-- name: waiting
-- What waits and was not claimed in time: of each service and priority an equal part of $1, those
-- first that are due first. However much waits, no more is read than is given. `place` counts from
-- 1 in each; `more` tells whether further ones wait behind. What is due within $2 is given too if
-- it has not been claimed yet: only its dispatch is awaited, and no pause.
WITH RECURSIVE flows AS (
    (SELECT service_id, priority FROM processes WHERE status = 'QUEUED'
     ORDER BY service_id, priority LIMIT 1)
    UNION ALL
    SELECT following.service_id, following.priority FROM flows, LATERAL (
        SELECT service_id, priority FROM processes
        WHERE status = 'QUEUED' AND (service_id, priority) > (flows.service_id, flows.priority)
        ORDER BY service_id, priority LIMIT 1
    ) AS following
), share AS (
    SELECT greatest(1, $1::bigint / greatest(1, count(*))) AS most FROM flows
)
SELECT first.id, first.run, flows.service_id, flows.priority, services.weight, first.place,
    extract(epoch FROM now() - first.queued_at)::float8 AS waited,
    first.updated_at > first.queued_at AS again,
    count(*) OVER (PARTITION BY flows.service_id, flows.priority) > share.most AS more,
    (SELECT count(*) FROM jobs WHERE process_id = first.id AND jobs.status = 'QUEUED') AS jobs
FROM flows CROSS JOIN share JOIN services ON services.id = flows.service_id, LATERAL (
    SELECT id, run, queued_at, updated_at,
           row_number() OVER (ORDER BY due_at, queued_at) AS place
    FROM processes
    WHERE status = 'QUEUED' AND service_id = flows.service_id AND priority = flows.priority
        AND due_at <= now() + $2::interval AND (due_at <= now() OR updated_at <= queued_at)
    ORDER BY due_at, queued_at LIMIT (SELECT most + 1 FROM share)
) AS first
ORDER BY flows.priority DESC, first.place, first.queued_at;

-- name: purge
-- Ended long ago: jobs and callbacks go with their process.
DELETE FROM processes WHERE id IN (
    SELECT id FROM processes
    WHERE status IN ('FINISHED', 'FAILED') AND updated_at < now() - $1::interval
    ORDER BY updated_at LIMIT $2 FOR UPDATE SKIP LOCKED
)
RETURNING id;
