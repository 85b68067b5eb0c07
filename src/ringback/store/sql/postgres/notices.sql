-- Notices that wait to become events. The columns are in the order of model.notice.Notice.

-- name: oldest_notices
-- The oldest notices of all tenants.
SELECT tenant_id, id, type, endpoint_id, at, data FROM notice ORDER BY at, id LIMIT %(limit)s;

-- name: delete_notices
-- Remove notices, in key order.
WITH doomed AS MATERIALIZED (
    SELECT notice.tenant_id, notice.id
    FROM unnest(%(tenant_ids)s::text[], %(ids)s::text[]) AS asked (tenant_id, id)
    JOIN notice ON notice.tenant_id = asked.tenant_id AND notice.id = asked.id
    ORDER BY notice.tenant_id, notice.id
    FOR UPDATE OF notice
)
DELETE FROM notice USING doomed WHERE notice.tenant_id = doomed.tenant_id AND notice.id = doomed.id;

-- name: purge_notices
-- Remove some notices of a tenant.
DELETE FROM notice
WHERE tenant_id = %(tenant_id)s AND id = ANY (ARRAY(
    SELECT id FROM notice WHERE tenant_id = %(tenant_id)s ORDER BY id LIMIT %(limit)s FOR UPDATE
));
