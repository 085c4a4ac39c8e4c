-- name: count_backlog
-- What has ended is never read. Of what waits, no more than $1 of a kind are counted one by one;
-- if there are more, the count is as the planner knows the index.
WITH queued AS (
    SELECT queued_at FROM processes WHERE status = 'QUEUED' ORDER BY due_at LIMIT $1
), pending AS (
    SELECT created_at FROM deliveries WHERE status = 'PENDING' ORDER BY due_at LIMIT $1
)
SELECT 'QUEUED' AS state,
       CASE WHEN count(*) < $1 THEN count(*) ELSE greatest(count(*), (
           SELECT reltuples::bigint FROM pg_class WHERE oid = 'processes_due'::regclass
       )) END AS count,
       coalesce(extract(epoch FROM now() - min(queued_at)), 0)::float8 AS oldest
FROM queued
UNION ALL
SELECT 'PROCESSING', count(*),
       coalesce(extract(epoch FROM now() - min(queued_at)), 0)::float8
FROM processes WHERE status = 'PROCESSING'
UNION ALL
SELECT 'CALLBACK',
       CASE WHEN count(*) < $1 THEN count(*) ELSE greatest(count(*), (
           SELECT reltuples::bigint FROM pg_class WHERE oid = 'deliveries_due'::regclass
       )) END,
       coalesce(extract(epoch FROM now() - min(created_at)), 0)::float8
FROM pending;

-- name: count_backlog_of_services
-- Those with the most queued processes.
SELECT service_id, count(*) AS count FROM processes WHERE status = 'QUEUED'
GROUP BY service_id ORDER BY count(*) DESC, service_id LIMIT $1;
