-- What was done by whom. The columns are in the order of model.console.AuditEntry; `tenant_id` is empty for none.

-- name: insert_audit_entry
-- Write an entry down.
INSERT INTO audit_entry (id, tenant_id, at, actor, action, about, facts)
VALUES (:id, :tenant_id, :at, :actor, :action, :about, :facts);

-- name: list_audit_entries
-- A page of what concerns a tenant, or none, newest first.
SELECT id, tenant_id, at, actor, action, about, facts
FROM audit_entry
WHERE tenant_id = :tenant_id AND id < :before
ORDER BY id DESC
LIMIT :limit;

-- name: list_all_audit_entries
-- A page of everything, newest first.
SELECT id, tenant_id, at, actor, action, about, facts
FROM audit_entry
WHERE id < :before
ORDER BY id DESC
LIMIT :limit;

-- name: expire_audit_entries
-- Remove some entries that are older than a time.
DELETE FROM audit_entry WHERE id IN (
    SELECT id FROM audit_entry WHERE at < :before LIMIT :limit
);

-- name: purge_audit_entries
-- Remove some entries that concern a tenant.
DELETE FROM audit_entry WHERE id IN (
    SELECT id FROM audit_entry WHERE tenant_id = :tenant_id LIMIT :limit
);
