-- The log of configuration changes.

-- name: lock_changes
-- Wait until nobody else is about to log a change.
SELECT pg_advisory_xact_lock(%(space)s::int, %(place)s::int);

-- name: log_changes
-- Tell whoever follows that these are not what they were; in a statement after the lock, for it must see the latest.
INSERT INTO change (version, kind, tenant_id, id)
SELECT latest.version + logged.place, logged.kind, logged.tenant_id, logged.id
FROM (SELECT coalesce(max(version), 0) AS version FROM change) AS latest
CROSS JOIN unnest(%(kinds)s::text[], %(tenant_ids)s::text[], %(ids)s::text[])
    WITH ORDINALITY AS logged (kind, tenant_id, id, place);

-- name: latest_version
-- The version of the latest change.
SELECT coalesce(max(version), 0) FROM change;

-- name: changes_after
-- Changes after a version, oldest first.
SELECT version, kind, tenant_id, id FROM change WHERE version > %(version)s ORDER BY version;

-- name: all_configuration
-- Every tenant, endpoint, record type and trigger that exists: kind, tenant, id.
SELECT 'tenant', id, id FROM tenant WHERE deleted_at IS NULL
UNION ALL
SELECT 'endpoint', tenant_id, id FROM endpoint WHERE deleted_at IS NULL
UNION ALL
SELECT 'record_type', '', name FROM record_type
UNION ALL
SELECT 'trigger', tenant_id, id FROM record_trigger;
