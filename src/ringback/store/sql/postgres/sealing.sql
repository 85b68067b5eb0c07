-- Secrets at rest: what is sealed with which master key, and sealing it anew.

-- name: share_sealing
-- Note that this transaction may seal something.
SELECT pg_advisory_xact_lock_shared(%(space)s::int, %(place)s::int);

-- name: lock_sealing
-- Wait until everything is stored that was being sealed.
SELECT pg_advisory_xact_lock(%(space)s::int, %(place)s::int);

-- name: keys_of_secrets
-- The ids of the master keys that secrets are sealed with.
WITH RECURSIVE used (key_id) AS (
    (SELECT key_id FROM secret WHERE key_id > %(none)s ORDER BY key_id LIMIT 1)
    UNION ALL
    SELECT (SELECT key_id FROM secret WHERE key_id > used.key_id ORDER BY key_id LIMIT 1)
    FROM used WHERE used.key_id IS NOT NULL
)
SELECT key_id FROM used WHERE key_id IS NOT NULL;

-- name: keys_of_credentials
-- The ids of the master keys that credentials of endpoints are sealed with.
WITH RECURSIVE used (key_id) AS (
    (SELECT key_id FROM endpoint WHERE key_id > %(none)s ORDER BY key_id LIMIT 1)
    UNION ALL
    SELECT (SELECT key_id FROM endpoint WHERE key_id > used.key_id ORDER BY key_id LIMIT 1)
    FROM used WHERE used.key_id IS NOT NULL
)
SELECT key_id FROM used WHERE key_id IS NOT NULL;

-- name: count_to_reseal
-- How many secrets, endpoints and bins are plain, or sealed with another key than this one, or can't be found by it.
SELECT
    (SELECT count(*) FROM secret WHERE key_id IS NULL)
    + (SELECT count(*) FROM secret WHERE key_id > %(none)s AND key_id < %(key_id)s)
    + (SELECT count(*) FROM secret WHERE key_id > %(key_id)s)
    + (SELECT count(*) FROM secret WHERE key_id = %(key_id)s AND endpoint_id IS NULL AND fingerprint IS NULL)
    + (SELECT count(*) FROM endpoint WHERE key_id IS NULL)
    + (SELECT count(*) FROM endpoint WHERE key_id > %(none)s AND key_id < %(key_id)s)
    + (SELECT count(*) FROM endpoint WHERE key_id > %(key_id)s)
    + (
        SELECT count(*) FROM bin
        WHERE secret IS NOT NULL AND (key_id IS NULL OR key_id NOT IN (%(none)s, %(key_id)s))
    );

-- name: secrets_to_reseal
-- The ids of some secrets that are plain, or sealed with one of the other keys, or can't be found by this one.
SELECT id FROM secret WHERE key_id IS NULL
UNION ALL
SELECT id FROM secret WHERE key_id = ANY(%(others)s::text[])
UNION ALL
SELECT id FROM secret WHERE key_id = %(key_id)s AND endpoint_id IS NULL AND fingerprint IS NULL
LIMIT %(limit)s;

-- name: lock_secrets
-- Those of the secrets that are still so.
SELECT id, tenant_id, endpoint_id, value, created_at, expires_at, key_id
FROM secret
WHERE id = ANY(%(ids)s::text[]) AND (
    key_id IS NULL OR key_id = ANY(%(others)s::text[])
    OR (key_id = %(key_id)s AND endpoint_id IS NULL AND fingerprint IS NULL)
)
ORDER BY id
FOR UPDATE;

-- name: credentials_to_reseal
-- The ids of some endpoints whose credentials are plain, or sealed with one of the other keys.
SELECT id FROM endpoint WHERE key_id IS NULL
UNION ALL
SELECT id FROM endpoint WHERE key_id = ANY(%(others)s::text[])
LIMIT %(limit)s;

-- name: lock_credentials
-- Those of the endpoints for which that is still so.
SELECT config, key_id, credentials
FROM endpoint
WHERE id = ANY(%(ids)s::text[]) AND (key_id IS NULL OR key_id = ANY(%(others)s::text[]))
ORDER BY id
FOR UPDATE;

-- name: reseal_secret
-- Store a secret sealed anew.
UPDATE secret SET value = %(value)s, key_id = %(key_id)s, fingerprint = %(fingerprint)s WHERE id = %(id)s;

-- name: secret_does_not_open
-- Note that a secret can't be sealed anew.
UPDATE secret SET key_id = %(mark)s WHERE id = %(id)s;

-- name: reseal_credentials
-- Store the credentials of an endpoint sealed anew.
UPDATE endpoint SET config = %(config)s, key_id = %(key_id)s, credentials = %(credentials)s WHERE id = %(id)s;

-- name: credentials_do_not_open
-- Note that an endpoint's credentials can't be sealed anew.
UPDATE endpoint SET key_id = %(mark)s WHERE id = %(id)s;
