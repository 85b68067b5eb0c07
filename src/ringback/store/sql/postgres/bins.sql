-- The inspector's bins and what they have kept. The columns are in the order of model.console.Bin (then the key that
-- sealed its secret) and of BinRequest.

-- name: count_bins
-- How many bins there are that have not expired, and how many of them are of one owner.
SELECT count(*), count(*) FILTER (WHERE tenant_id IS NOT DISTINCT FROM %(tenant_id)s::text)
FROM bin
WHERE expires_at > %(now)s;

-- name: insert_bin
-- Add a bin.
INSERT INTO bin (
    id, tenant_id, label, status, headers, body, delay_ms, profile, secret, created_at, expires_at, requests,
    key_id
)
VALUES (
    %(id)s, %(tenant_id)s, %(label)s, %(status)s, %(headers)s, %(body)s, %(delay_ms)s, %(profile)s, %(secret)s,
    %(created_at)s, %(expires_at)s, %(requests)s, %(key_id)s
);

-- name: bin_by_id
-- A bin that has not expired.
SELECT
    id, tenant_id, label, status, headers, body, delay_ms, profile, secret, created_at, expires_at, requests,
    key_id
FROM bin
WHERE id = %(id)s AND expires_at > %(now)s;

-- name: list_bins
-- All bins that have not expired, newest first.
SELECT
    id, tenant_id, label, status, headers, body, delay_ms, profile, secret, created_at, expires_at, requests,
    key_id
FROM bin
WHERE expires_at > %(now)s
ORDER BY id DESC;

-- name: change_bin
-- Store a bin that is there.
UPDATE bin
SET label = %(label)s, status = %(status)s, headers = %(headers)s, body = %(body)s, delay_ms = %(delay_ms)s,
    profile = %(profile)s,
    secret = CASE WHEN %(keep)s::boolean THEN secret ELSE %(secret)s END,
    key_id = CASE WHEN %(keep)s::boolean THEN key_id ELSE %(key_id)s END,
    expires_at = %(expires_at)s
WHERE id = %(id)s;

-- name: delete_bin
-- Remove a bin.
DELETE FROM bin WHERE id = %(id)s;

-- name: count_bin_request
-- Take the next number of a bin that has not expired, which then lasts for longer.
UPDATE bin
SET requests = requests + 1, expires_at = greatest(expires_at, %(expires_at)s)
WHERE id = %(bin_id)s AND expires_at > %(at)s
RETURNING requests;

-- name: insert_bin_request
-- Keep a request.
INSERT INTO bin_request (bin_id, number, at, method, path, headers, body, truncated, remote_address)
VALUES (
    %(bin_id)s, %(number)s, %(at)s, %(method)s, %(path)s, %(headers)s, %(body)s, %(truncated)s,
    %(remote_address)s
);

-- name: forget_bin_requests
-- Remove a bin's requests up to a number.
DELETE FROM bin_request WHERE bin_id = %(bin_id)s AND number <= %(number)s;

-- name: list_bin_requests
-- A page of a bin's requests, newest first.
SELECT bin_id, number, at, method, path, headers, body, truncated, remote_address
FROM bin_request
WHERE bin_id = %(bin_id)s AND number < %(before)s
ORDER BY number DESC
LIMIT %(limit)s;

-- name: expired_bins
-- Take bins that have expired or whose tenant is deleted.
SELECT id
FROM bin
WHERE expires_at <= %(now)s OR (
    tenant_id IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM tenant WHERE tenant.id = bin.tenant_id AND deleted_at IS NULL)
)
ORDER BY id
LIMIT %(limit)s
FOR UPDATE SKIP LOCKED;

-- name: last_number_to_clear
-- The number up to which so many of a bin's oldest requests go.
SELECT number
FROM bin_request
WHERE bin_id = %(bin_id)s
ORDER BY number
LIMIT 1 OFFSET %(limit)s - 1;

-- name: keys_of_bins
-- The ids of the master keys that the secrets of bins are sealed with.
SELECT DISTINCT key_id FROM bin WHERE key_id > %(none)s;

-- name: bins_to_reseal
-- The ids of some bins whose secret is plain, or sealed with one of the other keys.
SELECT id
FROM bin
WHERE secret IS NOT NULL AND (key_id IS NULL OR key_id = ANY(%(others)s::text[]))
LIMIT %(limit)s;

-- name: lock_bins
-- Those of the bins for which that is still so.
SELECT
    id, tenant_id, label, status, headers, body, delay_ms, profile, secret, created_at, expires_at, requests,
    key_id
FROM bin
WHERE id = ANY(%(ids)s::text[]) AND secret IS NOT NULL AND (key_id IS NULL OR key_id = ANY(%(others)s::text[]))
ORDER BY id
FOR UPDATE;

-- name: reseal_bin
-- Store the secret of a bin sealed anew.
UPDATE bin SET secret = %(secret)s, key_id = %(key_id)s WHERE id = %(id)s;

-- name: bin_does_not_open
-- Note that a bin's secret can't be sealed anew.
UPDATE bin SET key_id = %(mark)s WHERE id = %(id)s;
