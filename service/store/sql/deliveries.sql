-- name: find_delivery
SELECT processes.service_id, deliveries.url
FROM deliveries JOIN processes ON processes.id = deliveries.process_id
WHERE deliveries.id = $1 AND deliveries.tries = $2 AND deliveries.status = 'PENDING';

-- name: claim_delivery
-- Taken for as long as one try may last; a sender that dies leaves it due again, up to $4 tries.
UPDATE deliveries
SET tries = CASE WHEN tries < $4 THEN tries + 1 ELSE tries END,
    status = CASE WHEN tries < $4 THEN 'PENDING' ELSE 'FAILED' END,
    due_at = now() + $2::interval, updated_at = now()
FROM processes, services
WHERE deliveries.id = $1 AND deliveries.tries = $3 AND deliveries.status = 'PENDING'
  AND processes.id = deliveries.process_id AND services.id = processes.service_id
RETURNING deliveries.id, deliveries.process_id, processes.service_id, deliveries.attempt,
    deliveries.status, deliveries.url, deliveries.body, deliveries.traceparent,
    deliveries.request_id, deliveries.tries, services.webhook_secrets,
    extract(epoch FROM now() - coalesce(redelivered_at, deliveries.created_at))::float8 AS age;

-- name: defer_delivery
UPDATE deliveries
SET status = CASE WHEN coalesce(redelivered_at, created_at) < now() - $4::interval THEN 'FAILED' ELSE 'PENDING' END,
    due_at = now() + $3::interval, updated_at = now()
WHERE id = $1 AND tries = $2 AND status = 'PENDING';

-- name: record_try
UPDATE deliveries
SET status = $3, last_status = $4, last_error = $5, due_at = now() + $6::interval,
    updated_at = now()
WHERE id = $1 AND tries = $2 AND status = 'PENDING';

-- name: due_deliveries
SELECT deliveries.id, tries, service_id
FROM deliveries JOIN processes ON processes.id = process_id
WHERE deliveries.status = 'PENDING' AND deliveries.due_at <= now()
ORDER BY deliveries.due_at LIMIT $1;

-- name: defer_dispatched
-- They were dispatched, and are looked at again later.
UPDATE deliveries SET due_at = now() + $2::interval
WHERE id IN (
    SELECT id FROM deliveries WHERE id = ANY($1::text[]) AND status = 'PENDING' AND due_at <= now()
    ORDER BY id FOR UPDATE SKIP LOCKED
)
RETURNING id;

-- name: add_delivery
INSERT INTO deliveries (id, process_id, attempt, url, body, traceparent, request_id)
VALUES ($1, $2, $3, $4, $5, $6, $7);
