-- name: note_source_crashes
-- What is older than the window does not count any more.
INSERT INTO source_crashes AS kept (service_id, sha256, size, crashes) VALUES ($1, $2, $3, $4)
ON CONFLICT (service_id, sha256) DO UPDATE
SET crashes = excluded.crashes
        + CASE WHEN kept.last_at > now() - $5::interval THEN kept.crashes ELSE 0 END,
    last_at = now()
RETURNING crashes;

-- name: quarantined_sizes
SELECT DISTINCT service_id, size FROM source_crashes
WHERE crashes >= $1 AND last_at > now() - $2::interval LIMIT $3;

-- name: find_quarantined
SELECT sha256, service_id, size, crashes, last_at + $2::interval AS until FROM source_crashes
WHERE crashes >= $1 AND last_at > now() - $2::interval AND service_id = $3 AND sha256 = $4;

-- name: list_quarantined
SELECT sha256, service_id, size, crashes, last_at + $2::interval AS until FROM source_crashes
WHERE crashes >= $1 AND last_at > now() - $2::interval ORDER BY last_at;

-- name: lift_quarantine
DELETE FROM source_crashes WHERE service_id = $1 AND sha256 = $2 RETURNING true;

-- name: forget_source_crashes
DELETE FROM source_crashes WHERE last_at < now() - $1::interval;
