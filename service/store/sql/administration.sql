-- What operators and clients list and change, besides the processing itself.

-- name: list_processes
-- The newest first, of one service or of all: each service's part is read through its index.
SELECT listed.*, theirs.*
FROM services
CROSS JOIN LATERAL (
    SELECT id, service_id, status, attempt, created_at, updated_at
    FROM processes
    WHERE service_id = services.id AND created_at >= $3 AND (created_at, id) < ($4, $5)
        AND ($2::text[] IS NULL OR status = ANY($2))
    ORDER BY created_at DESC, id DESC LIMIT $6
) AS listed
CROSS JOIN LATERAL (
    SELECT count(*) AS jobs, count(*) FILTER (WHERE status = 'DONE') AS done,
           count(*) FILTER (WHERE status = 'FAILED') AS failed,
           coalesce(array_agg(DISTINCT error_code) FILTER (WHERE error_code IS NOT NULL), '{}')
               AS errors
    FROM jobs WHERE process_id = listed.id
) AS theirs
WHERE $1::bigint IS NULL OR services.id = $1
ORDER BY listed.created_at DESC, listed.id DESC LIMIT $6;

-- name: find_owner
SELECT services.id, services.weight
FROM processes JOIN services ON services.id = processes.service_id
WHERE processes.id = $1;

-- name: ended_among
SELECT id FROM processes WHERE id = ANY($1::text[]) AND status NOT IN ('QUEUED', 'PROCESSING');

-- name: list_callbacks
-- The latest first.
SELECT deliveries.id, process_id, service_id, deliveries.status, deliveries.attempt, url, tries,
       last_status, last_error, deliveries.due_at, deliveries.created_at
FROM deliveries JOIN processes ON processes.id = process_id
WHERE ($1::bigint IS NULL OR service_id = $1) AND ($2::text IS NULL OR deliveries.status = $2)
ORDER BY deliveries.created_at DESC LIMIT $3;

-- name: redeliver
-- One that has ended begins its tries again; one that is still tried keeps its count and is due now.
UPDATE deliveries
SET status = 'PENDING', tries = CASE WHEN deliveries.status = 'PENDING' THEN tries ELSE 0 END,
    due_at = now() + $4::interval, redelivered_at = now(), updated_at = now()
FROM processes
WHERE deliveries.id = $1 AND processes.id = process_id
    AND ($2::text IS NULL OR process_id = $2) AND ($3::bigint IS NULL OR service_id = $3)
RETURNING deliveries.id, deliveries.status, tries, last_status, last_error, deliveries.due_at,
    deliveries.attempt;

-- name: list_tokens
SELECT substr(encode(hash, 'hex'), 1, 12) AS id, service_id, created_at FROM tokens
WHERE $1::bigint IS NULL OR service_id = $1 ORDER BY service_id, created_at;

-- name: revoke_token
DELETE FROM tokens WHERE substr(encode(hash, 'hex'), 1, 12) = $1
RETURNING service_id, (
    SELECT count(*) FROM tokens AS others
    WHERE others.service_id = tokens.service_id AND others.hash <> tokens.hash
) AS left_over;

-- name: set_quota
UPDATE services SET jobs_a_minute = $2 WHERE id = $1 RETURNING id;
