-- name: count_backlog
-- One count for each partial index, so that what has ended is never read.
SELECT 'QUEUED' AS state, count(*) AS count,
       coalesce(extract(epoch FROM now() - min(queued_at)), 0)::float8 AS oldest
FROM processes WHERE status = 'QUEUED'
UNION ALL
SELECT 'PROCESSING', count(*),
       coalesce(extract(epoch FROM now() - min(queued_at)), 0)::float8
FROM processes WHERE status = 'PROCESSING'
UNION ALL
SELECT 'CALLBACK', count(*),
       coalesce(extract(epoch FROM now() - min(created_at)), 0)::float8
FROM deliveries WHERE status = 'PENDING';

-- name: count_backlog_of_services
-- Those with the most queued processes.
SELECT service_id, count(*) AS count FROM processes WHERE status = 'QUEUED'
GROUP BY service_id ORDER BY count(*) DESC, service_id LIMIT $1;
