-- name: lock_service
-- So that two presets that are saved at once are counted one after the other. Processes that are
-- recorded meanwhile do not wait.
SELECT id FROM services WHERE id = $1 FOR NO KEY UPDATE;

-- name: put_preset
-- Gives nothing if it would be one too many.
INSERT INTO presets AS kept (service_id, name, definition)
SELECT $1, $2, $3
WHERE (SELECT count(*) FROM presets WHERE service_id = $1 AND name <> $2) < $4
ON CONFLICT (service_id, name) DO UPDATE SET definition = excluded.definition, updated_at = now()
RETURNING name, definition, created_at, updated_at;

-- name: get_preset
SELECT name, definition, created_at, updated_at FROM presets
WHERE service_id = $1 AND name = $2;

-- name: list_presets
SELECT name, created_at, updated_at FROM presets WHERE service_id = $1 ORDER BY name;

-- name: find_presets
SELECT name, definition FROM presets WHERE service_id = $1 AND name = ANY($2::text[]);

-- name: delete_preset
DELETE FROM presets WHERE service_id = $1 AND name = $2 RETURNING name;
