-- The inspector's bins and what they have kept. The columns are in the order of model.console.Bin (then the key that
-- sealed its secret) and of BinRequest.

-- name: count_bins
-- How many bins there are that have not expired, and how many of them are of one owner.
SELECT count(*), count(*) FILTER (WHERE tenant_id IS :tenant_id)
FROM bin
WHERE expires_at > :now;

-- name: insert_bin
-- Add a bin.
INSERT INTO bin (
    id, tenant_id, label, status, headers, body, delay_ms, profile, secret, created_at, expires_at, requests,
    key_id
)
VALUES (
    :id, :tenant_id, :label, :status, :headers, :body, :delay_ms, :profile, :secret, :created_at, :expires_at,
    :requests, :key_id
);

-- name: bin_by_id
-- A bin that has not expired.
SELECT
    id, tenant_id, label, status, headers, body, delay_ms, profile, secret, created_at, expires_at, requests,
    key_id
FROM bin
WHERE id = :id AND expires_at > :now;

-- name: list_bins
-- All bins that have not expired, newest first.
SELECT
    id, tenant_id, label, status, headers, body, delay_ms, profile, secret, created_at, expires_at, requests,
    key_id
FROM bin
WHERE expires_at > :now
ORDER BY id DESC;

-- name: change_bin
-- Store a bin that is there.
UPDATE bin
SET label = :label, status = :status, headers = :headers, body = :body, delay_ms = :delay_ms, profile = :profile,
    secret = CASE WHEN :keep THEN secret ELSE :secret END,
    key_id = CASE WHEN :keep THEN key_id ELSE :key_id END, expires_at = :expires_at
WHERE id = :id;

-- name: delete_bin
-- Remove a bin.
DELETE FROM bin WHERE id = :id;

-- name: count_bin_request
-- Take the next number of a bin that has not expired, which then lasts for longer.
UPDATE bin
SET requests = requests + 1, expires_at = max(expires_at, :expires_at)
WHERE id = :bin_id AND expires_at > :at
RETURNING requests;

-- name: insert_bin_request
-- Keep a request.
INSERT INTO bin_request (bin_id, number, at, method, path, headers, body, truncated, remote_address)
VALUES (
    :bin_id, :number, :at, :method, :path, :headers, :body, :truncated, :remote_address
);

-- name: forget_bin_requests
-- Remove a bin's requests up to a number.
DELETE FROM bin_request WHERE bin_id = :bin_id AND number <= :number;

-- name: list_bin_requests
-- A page of a bin's requests, newest first.
SELECT bin_id, number, at, method, path, headers, body, truncated, remote_address
FROM bin_request
WHERE bin_id = :bin_id AND number < :before
ORDER BY number DESC
LIMIT :limit;

-- name: expired_bins
-- Bins that have expired or whose tenant is deleted.
SELECT id
FROM bin
WHERE expires_at <= :now OR (
    tenant_id IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM tenant WHERE tenant.id = bin.tenant_id AND deleted_at IS NULL)
)
ORDER BY id
LIMIT :limit;

-- name: last_number_to_clear
-- The number up to which so many of a bin's oldest requests go.
SELECT number
FROM bin_request
WHERE bin_id = :bin_id
ORDER BY number
LIMIT 1 OFFSET :limit - 1;

-- name: keys_of_bins
-- The ids of the master keys that the secrets of bins are sealed with.
SELECT DISTINCT key_id FROM bin WHERE key_id > :none;

-- name: bins_to_reseal
-- Some bins whose secret is plain, or sealed with another key than this one.
SELECT
    id, tenant_id, label, status, headers, body, delay_ms, profile, secret, created_at, expires_at, requests,
    key_id
FROM bin
WHERE secret IS NOT NULL AND (key_id IS NULL OR key_id NOT IN (:none, :key_id))
LIMIT :limit;

-- name: reseal_bin
-- Store the secret of a bin sealed anew.
UPDATE bin SET secret = :secret, key_id = :key_id WHERE id = :id;

-- name: bin_does_not_open
-- Note that a bin's secret can't be sealed anew.
UPDATE bin SET key_id = :mark WHERE id = :id;
