-- What the published contracts ask for.

-- ── tenants by their secret ────────────────────────────────────────────────────────────────────────────────────

-- What a tenant's own secret is found by: a keyed hash of it, under the master key that sealed the row (`key_id`). Null
-- in endpoints' rows, and in those of older versions until they are sealed anew.
ALTER TABLE secret ADD COLUMN fingerprint BLOB;
CREATE INDEX secret_by_fingerprint ON secret (fingerprint) WHERE fingerprint IS NOT NULL;
CREATE INDEX secret_without_fingerprint ON secret (key_id) WHERE endpoint_id IS NULL AND fingerprint IS NULL;
