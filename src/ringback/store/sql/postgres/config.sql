-- Configuration: tenants and keys.

-- name: lock_tenant
-- Have a tenant's row alone; when it was deleted.
SELECT deleted_at FROM tenant WHERE id = %(id)s FOR UPDATE;

-- name: share_tenant
-- Have a tenant's row stay as it is.
SELECT 1 FROM tenant WHERE id = %(id)s FOR SHARE;

-- name: insert_tenant
-- Add a tenant unless its name is taken, by a tenant that is being purged too.
INSERT INTO tenant (
    id, name, profile, webhooks_enabled, retention_days, created_at, updated_at, revision,
    events_per_second, endpoints_max, payload_bytes_max, viewers_see_bodies
)
VALUES (
    %(id)s, %(name)s, %(profile)s, %(webhooks_enabled)s, %(retention_days)s, %(created_at)s, %(updated_at)s,
    %(revision)s, %(events_per_second)s, %(endpoints_max)s, %(payload_bytes_max)s, %(viewers_see_bodies)s
)
ON CONFLICT (id) DO NOTHING;

-- name: tenants_by_id
-- Those of the tenants that exist, as asked.
SELECT
    tenant.id, name, profile, webhooks_enabled, retention_days, created_at, updated_at, revision,
    events_per_second, endpoints_max, payload_bytes_max, viewers_see_bodies
FROM unnest(%(ids)s::text[]) WITH ORDINALITY AS asked (id, place)
JOIN tenant ON tenant.id = asked.id
WHERE deleted_at IS NULL
ORDER BY asked.place;

-- name: list_tenants
-- A page of tenants by id.
SELECT
    id, name, profile, webhooks_enabled, retention_days, created_at, updated_at, revision,
    events_per_second, endpoints_max, payload_bytes_max, viewers_see_bodies
FROM tenant
WHERE id > %(after)s AND deleted_at IS NULL
ORDER BY id
LIMIT %(limit)s;

-- name: list_tenants_with_quotas
-- A page of those tenants, by id, whose events are limited.
SELECT
    id, name, profile, webhooks_enabled, retention_days, created_at, updated_at, revision,
    events_per_second, endpoints_max, payload_bytes_max, viewers_see_bodies
FROM tenant
WHERE deleted_at IS NULL AND (events_per_second IS NOT NULL OR payload_bytes_max IS NOT NULL) AND id > %(after)s
ORDER BY id
LIMIT %(limit)s;

-- name: update_tenant
-- Store a tenant where the one before this revision is stored.
UPDATE tenant
SET name = %(name)s, profile = %(profile)s, webhooks_enabled = %(webhooks_enabled)s,
    retention_days = %(retention_days)s, created_at = %(created_at)s, updated_at = %(updated_at)s,
    revision = %(revision)s, events_per_second = %(events_per_second)s, endpoints_max = %(endpoints_max)s,
    payload_bytes_max = %(payload_bytes_max)s, viewers_see_bodies = %(viewers_see_bodies)s
WHERE id = %(id)s AND revision = %(revision)s - 1 AND deleted_at IS NULL;

-- name: mark_tenant_deleted
-- Delete a tenant for everybody but the purge.
UPDATE tenant SET deleted_at = %(now)s WHERE id = %(id)s AND deleted_at IS NULL;

-- name: insert_key
-- Add a key.
INSERT INTO api_key (id, scope, tenant_id, label, hash, created_at)
VALUES (%(id)s, %(scope)s, %(tenant_id)s, %(label)s, %(hash)s, %(created_at)s);

-- name: key_by_hash
-- The key whose text has this hash.
SELECT id, scope, tenant_id, label, hash, created_at FROM api_key WHERE hash = %(hash)s;

-- name: list_keys
-- A page of a tenant's keys, newest first.
SELECT id, scope, tenant_id, label, hash, created_at
FROM api_key
WHERE tenant_id = %(tenant_id)s AND id < %(before)s
ORDER BY id DESC
LIMIT %(limit)s;

-- name: list_admin_keys
-- A page of the admin keys, newest first.
SELECT id, scope, tenant_id, label, hash, created_at
FROM api_key
WHERE tenant_id IS NULL AND id < %(before)s
ORDER BY id DESC
LIMIT %(limit)s;

-- name: delete_key
-- Revoke a key.
DELETE FROM api_key WHERE id = %(id)s AND tenant_id IS NOT DISTINCT FROM %(tenant_id)s::text;

-- name: delete_keys_of_tenant
-- Revoke up to so many of a tenant's keys (null: all); their ids.
DELETE FROM api_key
WHERE id IN (
    SELECT id FROM api_key WHERE tenant_id = %(tenant_id)s ORDER BY id LIMIT %(limit)s::bigint FOR UPDATE
)
RETURNING id;

-- name: count_keys
-- How many keys have a scope.
SELECT count(*) FROM api_key WHERE scope = %(scope)s;
