-- The log of configuration changes.

-- name: lock_changes
-- Wait until nobody else is about to log a change.
SELECT pg_advisory_xact_lock(%(space)s::int, %(place)s::int);

-- name: log_change
-- Tell whoever follows that this thing is not what it was. In a statement after the lock, for it must see the latest.
INSERT INTO change (version, kind, tenant_id, id)
SELECT coalesce(max(version), 0) + 1, %(kind)s, %(tenant_id)s, %(id)s FROM change;
