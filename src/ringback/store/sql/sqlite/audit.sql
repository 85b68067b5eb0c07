-- For `ringback doctor --audit`: what the store knows of events that somebody else has a list of.

-- name: audit_tenant
-- Whether there is this tenant.
SELECT id FROM tenant WHERE id = :tenant_id;

-- name: audit_known
-- Those of these events that are in the store.
SELECT id FROM event WHERE tenant_id = :tenant_id AND id IN (SELECT value FROM json_each(:ids));

-- name: audit_succeeded
-- Those of these events that the log has a success of, and where.
SELECT event_id, endpoint_id FROM attempt
WHERE tenant_id = :tenant_id AND event_id IN (SELECT value FROM json_each(:ids)) AND outcome = 'succeeded';

-- name: audit_attempts
-- The log after an attempt, oldest first.
SELECT id, event_id, endpoint_id, outcome, at FROM attempt
WHERE tenant_id = :tenant_id AND id > :after
ORDER BY id LIMIT :limit;
