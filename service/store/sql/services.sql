-- name: add_service
INSERT INTO services
    (name, storage_url, storage_options, webhook_secrets, jobs_a_minute, weight)
VALUES ($1, $2, $3::jsonb, ARRAY[$4], $5, $6)
RETURNING id;

-- name: get_service
SELECT id, name, storage_url, storage_options::text, webhook_secrets, jobs_a_minute,
       disabled_at IS NOT NULL AS disabled, source_hosts, weight
FROM services WHERE id = $1;

-- name: find_service
SELECT id FROM services WHERE name = $1;

-- name: list_services
SELECT s.id, s.name, s.storage_url, s.jobs_a_minute, s.weight, s.source_hosts,
       s.disabled_at IS NOT NULL AS disabled,
       (SELECT count(*) FROM tokens t WHERE t.service_id = s.id) AS tokens
FROM services s ORDER BY s.id;

-- name: service_of_token
SELECT s.id, s.disabled_at IS NOT NULL AS disabled, s.jobs_a_minute, s.weight, s.source_hosts,
       s.storage_url,
       coalesce((s.storage_options->>'ignore_store')::boolean, false) AS ignores_store
FROM tokens t JOIN services s ON s.id = t.service_id
WHERE t.hash = $1;

-- name: add_token
-- The service's row is locked, so that two rotations at once cannot leave three tokens.
WITH service AS (SELECT id FROM services WHERE id = $1 FOR UPDATE)
INSERT INTO tokens (hash, service_id) SELECT $2, id FROM service
RETURNING service_id;

-- name: drop_old_tokens
DELETE FROM tokens WHERE service_id = $1 AND hash NOT IN (
    SELECT hash FROM tokens WHERE service_id = $1 ORDER BY created_at DESC LIMIT $2
);

-- name: set_storage
UPDATE services SET storage_url = $2, storage_options = $3::jsonb WHERE id = $1 RETURNING id;

-- name: rotate_webhook_secret
UPDATE services SET webhook_secrets = (ARRAY[$2] || webhook_secrets)[1:2]
WHERE id = $1 RETURNING id;

-- name: set_disabled
UPDATE services SET disabled_at = CASE WHEN $2 THEN coalesce(disabled_at, now()) END
WHERE id = $1 RETURNING id;

-- name: set_weight
UPDATE services SET weight = $2 WHERE id = $1 RETURNING id;

-- name: set_source_hosts
UPDATE services SET source_hosts = $2 WHERE id = $1 RETURNING id;

-- name: get_source_hosts
SELECT source_hosts FROM services WHERE id = $1;
