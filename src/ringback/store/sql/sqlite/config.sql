-- Configuration: tenants, keys, and the log of changes that every process follows.

-- name: log_change
-- Tell whoever follows that this thing is not what it was.
INSERT INTO change (kind, tenant_id, id) VALUES (:kind, :tenant_id, :id);

-- name: latest_version
-- The version of the latest change.
SELECT ifnull(max(version), 0) FROM change;

-- name: changes_after
-- Changes after a version, oldest first.
SELECT version, kind, tenant_id, id FROM change WHERE version > :version ORDER BY version;

-- name: all_configuration
-- Every tenant, endpoint, record type and trigger that exists: kind, tenant, id.
SELECT 'tenant', id, id FROM tenant WHERE deleted_at IS NULL
UNION ALL
SELECT 'endpoint', tenant_id, id FROM endpoint WHERE deleted_at IS NULL
UNION ALL
SELECT 'record_type', '', name FROM record_type
UNION ALL
SELECT 'trigger', tenant_id, id FROM record_trigger;

-- name: insert_tenant
-- Add a tenant unless its name is taken, by a tenant that is being purged too.
INSERT INTO tenant (
    id, name, profile, webhooks_enabled, retention_days, created_at, updated_at, revision,
    events_per_second, endpoints_max, payload_bytes_max, viewers_see_bodies
)
VALUES (
    :id, :name, :profile, :webhooks_enabled, :retention_days, :created_at, :updated_at, :revision,
    :events_per_second, :endpoints_max, :payload_bytes_max, :viewers_see_bodies
)
ON CONFLICT (id) DO NOTHING;

-- name: tenants_by_id
-- Those of the tenants that exist, as asked.
SELECT
    tenant.id, name, profile, webhooks_enabled, retention_days, created_at, updated_at, revision,
    events_per_second, endpoints_max, payload_bytes_max, viewers_see_bodies
FROM json_each(:ids) AS asked
CROSS JOIN tenant ON tenant.id = asked.value
WHERE deleted_at IS NULL;

-- name: list_tenants
-- A page of tenants by id.
SELECT
    id, name, profile, webhooks_enabled, retention_days, created_at, updated_at, revision,
    events_per_second, endpoints_max, payload_bytes_max, viewers_see_bodies
FROM tenant
WHERE id > :after AND deleted_at IS NULL
ORDER BY id
LIMIT :limit;

-- name: list_tenants_with_quotas
-- A page of those tenants, by id, whose events are limited.
SELECT
    id, name, profile, webhooks_enabled, retention_days, created_at, updated_at, revision,
    events_per_second, endpoints_max, payload_bytes_max, viewers_see_bodies
FROM tenant
WHERE deleted_at IS NULL AND (events_per_second IS NOT NULL OR payload_bytes_max IS NOT NULL) AND id > :after
ORDER BY id
LIMIT :limit;

-- name: update_tenant
-- Store a tenant where the one before this revision is stored.
UPDATE tenant
SET name = :name, profile = :profile, webhooks_enabled = :webhooks_enabled, retention_days = :retention_days,
    created_at = :created_at, updated_at = :updated_at, revision = :revision,
    events_per_second = :events_per_second, endpoints_max = :endpoints_max, payload_bytes_max = :payload_bytes_max,
    viewers_see_bodies = :viewers_see_bodies
WHERE id = :id AND revision = :revision - 1 AND deleted_at IS NULL;

-- name: mark_tenant_deleted
-- Delete a tenant for everybody but the purge.
UPDATE tenant SET deleted_at = :now WHERE id = :id AND deleted_at IS NULL;

-- name: insert_key
-- Add a key.
INSERT INTO api_key (id, scope, tenant_id, label, hash, created_at)
VALUES (:id, :scope, :tenant_id, :label, :hash, :created_at);

-- name: key_by_hash
-- The key whose text has this hash.
SELECT id, scope, tenant_id, label, hash, created_at FROM api_key WHERE hash = :hash;

-- name: list_keys
-- A page of a tenant's keys, or of the admin keys, newest first.
SELECT id, scope, tenant_id, label, hash, created_at
FROM api_key
WHERE tenant_id IS :tenant_id AND id < :before
ORDER BY id DESC
LIMIT :limit;

-- name: delete_key
-- Revoke a key.
DELETE FROM api_key WHERE id = :id AND tenant_id IS :tenant_id;

-- name: ids_of_keys
-- Up to so many of a tenant's keys.
SELECT id FROM api_key WHERE tenant_id = :tenant_id LIMIT :limit;

-- name: count_keys
-- How many keys have a scope.
SELECT count(*) FROM api_key WHERE scope = :scope;
