-- Endpoints with their lanes, and the secrets that sign.

-- name: insert_endpoint
-- Add an endpoint.
INSERT INTO endpoint (
    id, tenant_id, label, url, status, ordering, profile, revision, disabled_at, config, key_id, credentials
)
VALUES (
    %(id)s, %(tenant_id)s, %(label)s, %(url)s, %(status)s, %(ordering)s, %(profile)s, %(revision)s,
    %(disabled_at)s, %(config)s, %(key_id)s, %(credentials)s
);

-- name: endpoints_by_id
-- Those of the endpoints that exist, as asked.
SELECT config, key_id, credentials
FROM unnest(%(ids)s::text[]) WITH ORDINALITY AS asked (id, place)
JOIN endpoint ON endpoint.id = asked.id
WHERE deleted_at IS NULL
ORDER BY asked.place;

-- name: endpoint_of_tenant
-- One endpoint, if it is this tenant's.
SELECT config, key_id, credentials
FROM endpoint
WHERE id = %(id)s AND tenant_id = %(tenant_id)s AND deleted_at IS NULL;

-- name: lock_endpoint
-- One endpoint, if it is this tenant's, for this transaction alone.
SELECT config, key_id, credentials
FROM endpoint
WHERE id = %(id)s AND tenant_id = %(tenant_id)s AND deleted_at IS NULL
FOR UPDATE;

-- name: list_endpoints
-- A page of a tenant's endpoints by id.
SELECT config, key_id, credentials
FROM endpoint
WHERE tenant_id = %(tenant_id)s AND id > %(after)s AND deleted_at IS NULL
ORDER BY id
LIMIT %(limit)s;

-- name: page_of_endpoints
-- A page of endpoints by id, whosever they are.
SELECT id, tenant_id, config FROM endpoint WHERE id > %(after)s AND deleted_at IS NULL ORDER BY id LIMIT %(limit)s;

-- name: room_for_endpoint
-- How many endpoints a tenant has, and how many of a profile.
SELECT count(*), count(*) FILTER (WHERE profile = %(profile)s)
FROM endpoint
WHERE tenant_id = %(tenant_id)s AND deleted_at IS NULL;

-- name: update_endpoint
-- Store an endpoint where the one before this revision is stored.
UPDATE endpoint
SET label = %(label)s, url = %(url)s, status = %(status)s, ordering = %(ordering)s, profile = %(profile)s,
    revision = %(revision)s, disabled_at = %(disabled_at)s, config = %(config)s,
    key_id = CASE WHEN %(keep)s THEN key_id ELSE %(key_id)s END,
    credentials = CASE WHEN %(keep)s THEN credentials ELSE %(credentials)s END
WHERE id = %(id)s AND tenant_id = %(tenant_id)s AND revision = %(revision)s - 1 AND deleted_at IS NULL;

-- name: bury_endpoint
-- Turn an endpoint into a tombstone.
UPDATE endpoint SET deleted_at = %(now)s
WHERE id = %(id)s AND tenant_id = %(tenant_id)s AND deleted_at IS NULL;

-- name: bury_endpoints_of_tenant
-- Turn all endpoints of a tenant into tombstones; their ids.
WITH own AS MATERIALIZED (
    SELECT id FROM endpoint WHERE tenant_id = %(tenant_id)s AND deleted_at IS NULL ORDER BY id FOR UPDATE
)
UPDATE endpoint SET deleted_at = %(now)s FROM own WHERE endpoint.id = own.id
RETURNING endpoint.id;

-- name: insert_lane
-- Add the lane of an endpoint whose row is inserted or locked, unless it has one; paused where webhooks are off.
INSERT INTO lane (endpoint_id, tenant_id, due_at, not_before, owner, health)
SELECT
    %(endpoint_id)s, %(tenant_id)s,
    CASE WHEN tenant.off THEN NULL ELSE %(due_at)s::bigint END,
    CASE WHEN tenant.off THEN %(forever)s ELSE %(not_before)s END,
    NULL, ''::bytea
FROM (SELECT EXISTS (SELECT 1 FROM tenant WHERE id = %(tenant_id)s AND NOT webhooks_enabled) AS off) AS tenant
WHERE NOT EXISTS (SELECT 1 FROM lane WHERE endpoint_id = %(endpoint_id)s);

-- name: lanes_of
-- Lanes as they are stored, as asked; the columns in the order of model.lane.LaneRow.
SELECT tenant_id, endpoint_id, due_at, not_before, owner, health, freed_at
FROM unnest(%(ids)s::text[]) WITH ORDINALITY AS asked (id, place)
JOIN lane ON lane.endpoint_id = asked.id
ORDER BY asked.place;

-- name: pause_lane
-- Pause a lane for ever, a ringing bell too; a silent one stays silent.
UPDATE lane
SET not_before = %(forever)s, due_at = CASE WHEN due_at IS NULL THEN NULL ELSE %(forever)s END
WHERE endpoint_id = %(endpoint_id)s;

-- name: resume_lane
-- End a pause for ever, and only such a one, and ring; not where its tenant's webhooks are off.
UPDATE lane
SET not_before = 0, due_at = least(due_at, %(now)s)
WHERE endpoint_id = %(endpoint_id)s AND not_before >= %(forever)s
AND NOT EXISTS (SELECT 1 FROM tenant WHERE id = lane.tenant_id AND NOT webhooks_enabled);

-- name: open_lane
-- End any pause and ring; not where its tenant's webhooks are off.
UPDATE lane
SET not_before = 0, due_at = least(due_at, %(now)s)
WHERE endpoint_id = %(endpoint_id)s
AND NOT EXISTS (SELECT 1 FROM tenant WHERE id = lane.tenant_id AND NOT webhooks_enabled);

-- name: pause_lanes_of_tenant
-- Pause all lanes of a tenant for ever, as pause_lane does.
WITH own AS MATERIALIZED (
    SELECT lane.endpoint_id
    FROM endpoint JOIN lane ON lane.endpoint_id = endpoint.id
    WHERE endpoint.tenant_id = %(tenant_id)s
    ORDER BY lane.endpoint_id
    FOR UPDATE OF lane
)
UPDATE lane
SET not_before = %(forever)s, due_at = CASE WHEN due_at IS NULL THEN NULL ELSE %(forever)s END
FROM own
WHERE lane.endpoint_id = own.endpoint_id;

-- name: resume_lanes_of_tenant
-- End the endless pauses of those lanes of a tenant whose endpoints are sent to or asked to prove themselves, and ring.
WITH own AS MATERIALIZED (
    SELECT lane.endpoint_id
    FROM endpoint JOIN lane ON lane.endpoint_id = endpoint.id
    WHERE endpoint.tenant_id = %(tenant_id)s AND deleted_at IS NULL
    AND status IN ('active', 'verification_pending') AND not_before >= %(forever)s
    ORDER BY lane.endpoint_id
    FOR UPDATE OF lane
)
UPDATE lane
SET not_before = 0, due_at = least(due_at, %(now)s)
FROM own
WHERE lane.endpoint_id = own.endpoint_id;

-- name: asks_for_proof
-- Whether an endpoint waits for its handshake.
SELECT 1 FROM endpoint WHERE id = %(endpoint_id)s AND status = 'verification_pending' AND deleted_at IS NULL;

-- name: insert_secret
-- Add a secret.
INSERT INTO secret (id, tenant_id, endpoint_id, value, created_at, expires_at, key_id, fingerprint)
VALUES (
    %(id)s, %(tenant_id)s, %(endpoint_id)s, %(value)s, %(created_at)s, %(expires_at)s, %(key_id)s, %(fingerprint)s
);

-- name: secrets_by_fingerprint
-- The secrets of tenants that exist with one of these fingerprints that have not ended.
SELECT secret.id, tenant_id, endpoint_id, value, secret.created_at, expires_at, key_id
FROM secret JOIN tenant ON tenant.id = secret.tenant_id
WHERE fingerprint = ANY(%(fingerprints)s::bytea[]) AND (expires_at IS NULL OR expires_at > %(now)s)
AND deleted_at IS NULL;

-- name: secrets_of
-- The secrets of these tenants themselves and of these endpoints, newest first.
SELECT id, tenant_id, endpoint_id, value, created_at, expires_at, key_id
FROM secret
WHERE tenant_id = ANY(%(tenant_ids)s::text[]) AND endpoint_id IS NULL
UNION ALL
SELECT id, tenant_id, endpoint_id, value, created_at, expires_at, key_id
FROM secret
WHERE endpoint_id = ANY(%(endpoint_ids)s::text[])
ORDER BY created_at DESC, id DESC;

-- name: expire_secrets_of_tenant
-- End the older secrets of a tenant itself, unless they end before.
WITH older AS MATERIALIZED (
    SELECT id FROM secret
    WHERE tenant_id = %(tenant_id)s AND endpoint_id IS NULL AND id <> %(but_not)s
    AND (expires_at IS NULL OR expires_at > %(expires_at)s)
    ORDER BY id
    FOR UPDATE
)
UPDATE secret SET expires_at = %(expires_at)s FROM older WHERE secret.id = older.id;

-- name: expire_secrets_of_endpoint
-- End the older secrets of an endpoint, unless they end before.
WITH older AS MATERIALIZED (
    SELECT id FROM secret
    WHERE endpoint_id = %(endpoint_id)s AND tenant_id = %(tenant_id)s AND id <> %(but_not)s
    AND (expires_at IS NULL OR expires_at > %(expires_at)s)
    ORDER BY id
    FOR UPDATE
)
UPDATE secret SET expires_at = %(expires_at)s FROM older WHERE secret.id = older.id;
