-- How much of the work a service gets beside others that wait.
ALTER TABLE services ADD COLUMN weight double precision NOT NULL DEFAULT 1
    CHECK (weight BETWEEN 0.01 AND 100);

-- What waits of each service and priority, in its order.
CREATE INDEX processes_waiting ON processes (service_id, priority, due_at, queued_at)
    WHERE status = 'QUEUED';
