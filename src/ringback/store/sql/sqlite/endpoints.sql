-- Endpoints with their lanes, and the secrets that sign.

-- name: insert_endpoint
-- Add an endpoint.
INSERT INTO endpoint (id, tenant_id, label, url, status, ordering, revision, disabled_at, config, key_id, credentials)
VALUES (
    :id, :tenant_id, :label, :url, :status, :ordering, :revision, :disabled_at, :config, :key_id, :credentials
);

-- name: endpoints_by_id
-- Those of the endpoints that exist, as asked.
SELECT config, key_id, credentials
FROM json_each(:ids) AS asked
CROSS JOIN endpoint ON endpoint.id = asked.value
WHERE deleted_at IS NULL;

-- name: endpoint_of_tenant
-- One endpoint, if it is this tenant's.
SELECT config, key_id, credentials FROM endpoint WHERE id = :id AND tenant_id = :tenant_id AND deleted_at IS NULL;

-- name: list_endpoints
-- A page of a tenant's endpoints by id.
SELECT config, key_id, credentials
FROM endpoint
WHERE tenant_id = :tenant_id AND id > :after AND deleted_at IS NULL
ORDER BY id
LIMIT :limit;

-- name: page_of_endpoints
-- A page of endpoints by id, whosever they are.
SELECT id, tenant_id, config FROM endpoint WHERE id > :after AND deleted_at IS NULL ORDER BY id LIMIT :limit;

-- name: endpoint_exists
-- Whether an id is taken, by a tombstone too.
SELECT 1 FROM endpoint WHERE id = :id;

-- name: room_for_endpoint
-- How many endpoints a tenant has, and whether it was deleted.
SELECT
    (SELECT count(*) FROM endpoint WHERE tenant_id = :tenant_id AND deleted_at IS NULL),
    EXISTS (SELECT 1 FROM tenant WHERE id = :tenant_id AND deleted_at IS NOT NULL);

-- name: endpoints_alike
-- How many endpoints of a tenant have a profile.
SELECT count(*) FROM endpoint
WHERE tenant_id = :tenant_id AND deleted_at IS NULL AND CAST(config AS TEXT) ->> '$.profile' = :profile;

-- name: update_endpoint
-- Store an endpoint where the one before this revision is stored.
UPDATE endpoint
SET label = :label, url = :url, status = :status, ordering = :ordering, revision = :revision,
    disabled_at = :disabled_at, config = :config,
    key_id = iif(:keep, key_id, :key_id), credentials = iif(:keep, credentials, :credentials)
WHERE id = :id AND tenant_id = :tenant_id AND revision = :revision - 1 AND deleted_at IS NULL;

-- name: bury_endpoint
-- Turn an endpoint into a tombstone.
UPDATE endpoint SET deleted_at = :now WHERE id = :id AND tenant_id = :tenant_id AND deleted_at IS NULL;

-- name: ids_of_endpoints
-- A tenant's endpoints.
SELECT id FROM endpoint WHERE tenant_id = :tenant_id AND deleted_at IS NULL;

-- name: insert_lane
-- Add the lane of an endpoint; a silent one that is paused for ever where its tenant's webhooks are off.
INSERT INTO lane (endpoint_id, tenant_id, due_at, not_before, owner, health)
SELECT :endpoint_id, :tenant_id, iif(off, NULL, :due_at), iif(off, :forever, :not_before), NULL, x''
FROM (SELECT EXISTS (SELECT 1 FROM tenant WHERE id = :tenant_id AND NOT webhooks_enabled) AS off);

-- name: lanes_of
-- Lanes as they are stored, as asked; the columns in the order of model.lane.LaneRow.
SELECT tenant_id, endpoint_id, due_at, not_before, owner, health, freed_at
FROM json_each(:ids) AS asked
CROSS JOIN lane ON lane.endpoint_id = asked.value;

-- name: pause_lane
-- Pause a lane for ever, a ringing bell too; a silent one stays silent.
UPDATE lane
SET not_before = :forever, due_at = iif(due_at IS NULL, NULL, :forever)
WHERE endpoint_id = :endpoint_id;

-- name: resume_lane
-- End a pause for ever, and only such a one, and ring; not where its tenant's webhooks are off.
UPDATE lane
SET not_before = 0, due_at = min(ifnull(due_at, :now), :now)
WHERE endpoint_id = :endpoint_id AND not_before >= :forever
AND NOT EXISTS (SELECT 1 FROM tenant WHERE id = lane.tenant_id AND NOT webhooks_enabled);

-- name: open_lane
-- End any pause and ring; not where its tenant's webhooks are off.
UPDATE lane
SET not_before = 0, due_at = min(ifnull(due_at, :now), :now)
WHERE endpoint_id = :endpoint_id
AND NOT EXISTS (SELECT 1 FROM tenant WHERE id = lane.tenant_id AND NOT webhooks_enabled);

-- name: pause_lanes_of_tenant
-- Pause all lanes of a tenant for ever, as pause_lane does.
UPDATE lane
SET not_before = :forever, due_at = iif(due_at IS NULL, NULL, :forever)
WHERE endpoint_id IN (SELECT id FROM endpoint WHERE tenant_id = :tenant_id);

-- name: resume_lanes_of_tenant
-- End the endless pauses of those lanes of a tenant whose endpoints are sent to or asked to prove themselves, and ring.
UPDATE lane
SET not_before = 0, due_at = min(ifnull(due_at, :now), :now)
WHERE not_before >= :forever AND endpoint_id IN (
    SELECT id FROM endpoint
    WHERE tenant_id = :tenant_id AND deleted_at IS NULL AND status IN ('active', 'verification_pending')
);

-- name: asks_for_proof
-- Whether an endpoint waits for its handshake.
SELECT 1 FROM endpoint WHERE id = :endpoint_id AND status = 'verification_pending' AND deleted_at IS NULL;

-- name: insert_secret
-- Add a secret.
INSERT INTO secret (id, tenant_id, endpoint_id, value, created_at, expires_at, key_id, fingerprint)
VALUES (:id, :tenant_id, :endpoint_id, :value, :created_at, :expires_at, :key_id, :fingerprint);

-- name: secrets_by_fingerprint
-- The secrets of tenants that exist with this fingerprint that have not ended.
SELECT secret.id, tenant_id, endpoint_id, value, secret.created_at, expires_at, key_id
FROM secret CROSS JOIN tenant ON tenant.id = secret.tenant_id
WHERE fingerprint = :fingerprint AND (expires_at IS NULL OR expires_at > :now) AND deleted_at IS NULL;

-- name: list_secrets
-- The secrets of an endpoint, or (null) of the tenant itself, newest first.
SELECT id, tenant_id, endpoint_id, value, created_at, expires_at, key_id
FROM secret
WHERE tenant_id = :tenant_id AND endpoint_id IS :endpoint_id
ORDER BY created_at DESC, id DESC;

-- name: secrets_of
-- The secrets of these tenants themselves and of these endpoints, newest first.
SELECT id, tenant_id, endpoint_id, value, created_at, expires_at, key_id
FROM secret
WHERE tenant_id IN (SELECT value FROM json_each(:tenant_ids)) AND endpoint_id IS NULL
UNION ALL
SELECT id, tenant_id, endpoint_id, value, created_at, expires_at, key_id
FROM secret
WHERE endpoint_id IN (SELECT value FROM json_each(:endpoint_ids))
ORDER BY created_at DESC, id DESC;

-- name: expire_secrets
-- End the older secrets of an owner, unless they end before.
UPDATE secret
SET expires_at = :expires_at
WHERE tenant_id = :tenant_id AND endpoint_id IS :endpoint_id AND id <> :but_not
AND (expires_at IS NULL OR expires_at > :expires_at);
