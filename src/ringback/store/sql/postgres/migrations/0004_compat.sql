-- What the published contracts ask for.

-- What a tenant's own secret is found by: a keyed hash of it, under the master key that sealed the row (`key_id`).
ALTER TABLE secret ADD COLUMN fingerprint bytea;
CREATE INDEX secret_by_fingerprint ON secret (fingerprint) WHERE fingerprint IS NOT NULL;
CREATE INDEX secret_without_fingerprint ON secret (key_id) WHERE endpoint_id IS NULL AND fingerprint IS NULL;

-- Events by their number. That no two share one is seen to by `event_key`.
CREATE INDEX event_by_number ON event (tenant_id, number) WHERE number IS NOT NULL;
