-- What the published contracts ask for.

-- ── tenants by their secret ────────────────────────────────────────────────────────────────────────────────────

-- What a tenant's own secret is found by: a keyed hash of it, under the master key that sealed the row (`key_id`). Null
-- in endpoints' rows, and in those of older versions until they are sealed anew.
ALTER TABLE secret ADD COLUMN fingerprint BLOB;
CREATE INDEX secret_by_fingerprint ON secret (fingerprint) WHERE fingerprint IS NOT NULL;
CREATE INDEX secret_without_fingerprint ON secret (key_id) WHERE endpoint_id IS NULL AND fingerprint IS NULL;

-- ── InsideView: alerts by number ───────────────────────────────────────────────────────────────────────────────

-- A number was unique within a process only; of two events that share one, the later can't be told by it.
UPDATE event SET number = NULL
WHERE seq IN (
    SELECT seq FROM (
        SELECT seq, row_number() OVER (PARTITION BY tenant_id, number ORDER BY seq) AS place
        FROM event WHERE number IS NOT NULL
    )
    WHERE place > 1
);
-- Few events have one: the others cost nothing here.
CREATE UNIQUE INDEX event_by_number ON event (tenant_id, number) WHERE number IS NOT NULL;

-- ── tenants whose webhooks are off ─────────────────────────────────────────────────────────────────────────────

-- Their lanes are paused for ever from now on, as an inactive endpoint's are, until they are switched on.
UPDATE lane
SET not_before = 253402300799000, due_at = iif(due_at IS NULL, NULL, 253402300799000)
WHERE endpoint_id IN (
    SELECT endpoint.id FROM tenant CROSS JOIN endpoint ON endpoint.tenant_id = tenant.id
    WHERE NOT tenant.webhooks_enabled
);
