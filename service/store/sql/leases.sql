-- What a worker does with processes, many in one statement. Rows are locked in the order of their
-- ids, as a retry does, so that neither waits for the other for ever.
--
-- Rows are found by their ids: `status COLLATE "C"` keeps the planner from reading a whole index of
-- what waits, or of what is leased, for a few of its rows. It takes those indexes for small.

-- name: claim
-- `pending` are the jobs still to be done, `ended` what is known of the others.
WITH free AS (
    SELECT id FROM processes WHERE id = ANY($1::text[]) AND status COLLATE "C" = 'QUEUED'
    ORDER BY id FOR NO KEY UPDATE
)
UPDATE processes
SET status = 'PROCESSING', run = run + 1, worker = $2, lease_until = now() + $3::interval,
    updated_at = now()
FROM free, LATERAL (
    SELECT array_agg(destination ORDER BY position) AS destinations,
           array_agg(position ORDER BY position) FILTER (WHERE status = 'QUEUED') AS pending,
           json_agg(json_build_object(
               'position', position, 'status', status, 'format', format, 'width', width,
               'height', height, 'bytes', bytes, 'sha256', sha256, 'milliseconds', milliseconds,
               'damaged', damaged, 'description', description::text,
               'error_code', error_code, 'error_message', error_message
           )) FILTER (WHERE status <> 'QUEUED') AS ended
    FROM jobs WHERE process_id = free.id
) AS theirs
WHERE processes.id = free.id
RETURNING processes.id, service_id, run, attempt, errors, crashes, priority, request, traceparent,
    request_id, created_at, cancel_requested, in_place, now() AS claimed_at,
    extract(epoch FROM now() - queued_at)::float8 AS waited,
    theirs.destinations, theirs.pending, theirs.ended::text AS ended;

-- name: renew_leases
WITH held AS (
    SELECT processes.id FROM processes
    JOIN unnest($1::text[], $2::integer[]) AS ours (id, run) USING (id, run)
    WHERE status COLLATE "C" = 'PROCESSING' ORDER BY id FOR NO KEY UPDATE OF processes
)
UPDATE processes SET lease_until = now() + $3::interval
FROM held WHERE processes.id = held.id
RETURNING processes.id, cancel_requested;

-- name: record
-- What became of jobs, and of the processes that end or go back to the queue, with their
-- callbacks. A process is locked first: whoever takes it away has done so before, and then
-- nothing of it is written, or waits until after. What is done stays done.
WITH held AS (
    SELECT processes.id, ours.status, ours.errors, ours.due_after, ours.updated_at,
           extract(epoch FROM now() - queued_at)::float8 AS took
    FROM processes
    JOIN unnest($1::text[], $2::integer[], $3::text[], $4::integer[], $5::interval[],
                $6::timestamptz[])
         AS ours (id, run, status, errors, due_after, updated_at) USING (id, run)
    WHERE processes.status COLLATE "C" = 'PROCESSING' ORDER BY id FOR NO KEY UPDATE OF processes
), recorded AS (
    UPDATE jobs
    SET status = result.status, format = result.format, width = result.width,
        height = result.height, bytes = result.bytes, sha256 = result.sha256,
        milliseconds = result.milliseconds, damaged = result.damaged,
        description = result.description::jsonb, error_code = result.error_code,
        error_message = result.error_message
    FROM unnest($7::text[], $8::smallint[], $9::text[], $10::text[], $11::integer[],
                $12::integer[], $13::bigint[], $14::text[], $15::integer[], $16::boolean[],
                $17::text[], $18::text[], $19::text[])
         AS result (id, position, status, format, width, height, bytes, sha256, milliseconds,
                    damaged, description, error_code, error_message)
    JOIN held ON held.id = result.id
    WHERE jobs.process_id = result.id AND jobs.position = result.position
        AND (jobs.status = 'QUEUED' OR result.status = 'DONE')
), ended AS (
    UPDATE processes
    SET status = held.status, worker = NULL, lease_until = NULL,
        errors = processes.errors + held.errors,
        due_at = CASE WHEN held.due_after > interval '0' AND NOT cancel_requested
                      THEN now() + held.due_after
                      ELSE least(processes.due_at, now()) END, -- back to its place
        updated_at = held.updated_at
    FROM held WHERE processes.id = held.id AND held.status <> 'PROCESSING'
), called AS (
    INSERT INTO deliveries (id, process_id, attempt, url, body, traceparent, request_id, due_at)
    SELECT callback.id, process_id, attempt, url, body, traceparent, request_id,
           now() + $27::interval
    FROM unnest($20::text[], $21::text[], $22::integer[], $23::text[], $24::bytea[], $25::text[],
                $26::text[])
         AS callback (id, process_id, attempt, url, body, traceparent, request_id)
    JOIN held ON held.id = callback.process_id
)
SELECT id, took FROM held;

-- name: keep_in_place
UPDATE processes SET in_place = $3
WHERE id = $1 AND run = $2 AND status = 'PROCESSING'
RETURNING true;

-- name: reap
-- Leases that ran out: their workers are gone or stalled, so the work is queued again, in its place.
UPDATE processes
SET status = 'QUEUED', worker = NULL, lease_until = NULL, crashes = crashes + 1,
    due_at = least(due_at, now()), updated_at = now()
WHERE id IN (
    SELECT id FROM processes WHERE status = 'PROCESSING' AND lease_until < now()
    ORDER BY lease_until LIMIT $1 FOR UPDATE SKIP LOCKED
)
RETURNING id;

