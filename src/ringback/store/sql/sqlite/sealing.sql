-- Secrets at rest: what is sealed with which master key, and sealing it anew.

-- name: keys_of_secrets
-- The ids of the master keys that secrets are sealed with.
WITH RECURSIVE used (key_id) AS (
    SELECT min(key_id) FROM secret WHERE key_id > :none
    UNION ALL
    SELECT (SELECT min(key_id) FROM secret WHERE key_id > used.key_id) FROM used WHERE used.key_id IS NOT NULL
)
SELECT key_id FROM used WHERE key_id IS NOT NULL;

-- name: keys_of_credentials
-- The ids of the master keys that credentials of endpoints are sealed with.
WITH RECURSIVE used (key_id) AS (
    SELECT min(key_id) FROM endpoint WHERE key_id > :none
    UNION ALL
    SELECT (SELECT min(key_id) FROM endpoint WHERE key_id > used.key_id) FROM used WHERE used.key_id IS NOT NULL
)
SELECT key_id FROM used WHERE key_id IS NOT NULL;

-- name: count_to_reseal
-- How many secrets, endpoints and bins are plain, or sealed with another key than this one, or can't be found by it.
SELECT
    (SELECT count(*) FROM secret WHERE key_id IS NULL)
    + (SELECT count(*) FROM secret WHERE key_id > :none AND key_id < :key_id)
    + (SELECT count(*) FROM secret WHERE key_id > :key_id)
    + (SELECT count(*) FROM secret WHERE key_id = :key_id AND endpoint_id IS NULL AND fingerprint IS NULL)
    + (SELECT count(*) FROM endpoint WHERE key_id IS NULL)
    + (SELECT count(*) FROM endpoint WHERE key_id > :none AND key_id < :key_id)
    + (SELECT count(*) FROM endpoint WHERE key_id > :key_id)
    + (
        SELECT count(*) FROM bin
        WHERE secret IS NOT NULL AND (key_id IS NULL OR key_id NOT IN (:none, :key_id))
    );

-- name: secrets_to_reseal
-- Some secrets that are plain, or sealed with another key than this one, or can't be found by it.
SELECT id, tenant_id, endpoint_id, value, created_at, expires_at, key_id FROM secret WHERE key_id IS NULL
UNION ALL
SELECT id, tenant_id, endpoint_id, value, created_at, expires_at, key_id
FROM secret WHERE key_id > :none AND key_id < :key_id
UNION ALL
SELECT id, tenant_id, endpoint_id, value, created_at, expires_at, key_id FROM secret WHERE key_id > :key_id
UNION ALL
SELECT id, tenant_id, endpoint_id, value, created_at, expires_at, key_id
FROM secret WHERE key_id = :key_id AND endpoint_id IS NULL AND fingerprint IS NULL
LIMIT :limit;

-- name: credentials_to_reseal
-- Some endpoints whose credentials are plain, or sealed with another key than this one.
SELECT config, key_id, credentials FROM endpoint WHERE key_id IS NULL
UNION ALL
SELECT config, key_id, credentials FROM endpoint WHERE key_id > :none AND key_id < :key_id
UNION ALL
SELECT config, key_id, credentials FROM endpoint WHERE key_id > :key_id
LIMIT :limit;

-- name: reseal_secret
-- Store a secret sealed anew.
UPDATE secret SET value = :value, key_id = :key_id, fingerprint = :fingerprint WHERE id = :id;

-- name: secret_does_not_open
-- Note that a secret can't be sealed anew.
UPDATE secret SET key_id = :mark WHERE id = :id;

-- name: reseal_credentials
-- Store the credentials of an endpoint sealed anew.
UPDATE endpoint SET config = :config, key_id = :key_id, credentials = :credentials WHERE id = :id;

-- name: credentials_do_not_open
-- Note that an endpoint's credentials can't be sealed anew.
UPDATE endpoint SET key_id = :mark WHERE id = :id;
