-- without a transaction
-- The table is written to meanwhile. One that was broken off has left an invalid index behind.
DROP INDEX CONCURRENTLY IF EXISTS processes_listed;
CREATE INDEX CONCURRENTLY processes_listed ON processes (service_id, created_at, id);
