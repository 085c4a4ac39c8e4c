-- What a sender does with callbacks, many in one statement: each is named by its id and by `tries`,
-- which is its fencing token. Rows are locked in the order of their ids, and found by them: why it
-- says `status COLLATE "C"` is told in leases.sql.

-- name: find_deliveries
SELECT deliveries.id, deliveries.tries, processes.service_id, deliveries.url
FROM unnest($1::text[], $2::integer[]) AS asked (id, tries)
JOIN deliveries USING (id, tries) JOIN processes ON processes.id = deliveries.process_id
WHERE deliveries.status COLLATE "C" = 'PENDING';

-- name: claim_deliveries
-- Taken for as long as one try may last; a sender that dies leaves it due again, up to $4 tries.
WITH ours AS (
    SELECT deliveries.id FROM deliveries
    JOIN unnest($1::text[], $2::integer[]) AS asked (id, tries) USING (id, tries)
    WHERE status COLLATE "C" = 'PENDING' ORDER BY id FOR NO KEY UPDATE OF deliveries
)
UPDATE deliveries
SET tries = CASE WHEN tries < $4 THEN tries + 1 ELSE tries END,
    status = CASE WHEN tries < $4 THEN 'PENDING' ELSE 'FAILED' END,
    due_at = now() + $3::interval, updated_at = now()
FROM ours, processes, services
WHERE deliveries.id = ours.id
  AND processes.id = deliveries.process_id AND services.id = processes.service_id
RETURNING deliveries.id, deliveries.process_id, processes.service_id, deliveries.attempt,
    deliveries.status, deliveries.url, deliveries.body, deliveries.traceparent,
    deliveries.request_id, deliveries.tries, services.webhook_secrets,
    extract(epoch FROM now() - coalesce(redelivered_at, deliveries.created_at))::float8 AS age;

-- name: defer_deliveries
WITH ours AS (
    SELECT deliveries.id, asked.again_after FROM deliveries
    JOIN unnest($1::text[], $2::integer[], $3::interval[]) AS asked (id, tries, again_after)
        USING (id, tries)
    WHERE status COLLATE "C" = 'PENDING' ORDER BY id FOR NO KEY UPDATE OF deliveries
)
UPDATE deliveries
SET status = CASE WHEN coalesce(redelivered_at, created_at) < now() - $4::interval
                  THEN 'FAILED' ELSE 'PENDING' END,
    due_at = now() + ours.again_after, updated_at = now()
FROM ours WHERE deliveries.id = ours.id;

-- name: record_tries
WITH ours AS (
    SELECT deliveries.id, tried.status, tried.answered, tried.error, tried.again_after
    FROM deliveries
    JOIN unnest($1::text[], $2::integer[], $3::text[], $4::integer[], $5::text[], $6::interval[])
         AS tried (id, tries, status, answered, error, again_after) USING (id, tries)
    WHERE deliveries.status COLLATE "C" = 'PENDING' ORDER BY id FOR NO KEY UPDATE OF deliveries
)
UPDATE deliveries
SET status = ours.status, last_status = ours.answered, last_error = ours.error,
    due_at = now() + ours.again_after, updated_at = now()
FROM ours WHERE deliveries.id = ours.id;

-- name: due_deliveries
-- A process is looked up by its id for each: a join would read all processes there are.
SELECT id, tries, (
    SELECT service_id FROM processes WHERE processes.id = deliveries.process_id
) AS service_id
FROM deliveries WHERE status = 'PENDING' AND due_at <= now()
ORDER BY due_at LIMIT $1;

-- name: defer_dispatched
-- They were dispatched, and are looked at again later.
UPDATE deliveries SET due_at = now() + $2::interval
WHERE id IN (
    SELECT id FROM deliveries WHERE id = ANY($1::text[]) AND status COLLATE "C" = 'PENDING' AND due_at <= now()
    ORDER BY id FOR UPDATE SKIP LOCKED
)
RETURNING id;

-- name: add_delivery
INSERT INTO deliveries (id, process_id, attempt, url, body, traceparent, request_id)
VALUES ($1, $2, $3, $4, $5, $6, $7);
