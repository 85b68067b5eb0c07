-- How much there is, page by page, for the metrics.

-- name: count_deliveries
-- One page of deliveries: how many, and the last one. -- all tenants: a count of everything.
WITH page AS MATERIALIZED (
    SELECT tenant_id, seq FROM delivery
    WHERE (tenant_id, seq) > (%(tenant_id)s, %(seq)s)
    ORDER BY tenant_id, seq LIMIT %(limit)s
)
SELECT count(*), max(tenant_id), (SELECT seq FROM page ORDER BY tenant_id DESC, seq DESC LIMIT 1) FROM page;

-- name: lane_healths
-- One page of lanes with the health that was stored last.
SELECT endpoint_id, health FROM lane WHERE endpoint_id > %(after)s ORDER BY endpoint_id LIMIT %(limit)s;

-- name: size_of_database
-- What the database takes, in bytes.
SELECT pg_database_size(current_database());

-- name: latest_disabled
-- Which endpoints were disabled last, newest first.
SELECT id, disabled_at FROM endpoint
WHERE disabled_at IS NOT NULL AND deleted_at IS NULL
ORDER BY disabled_at DESC, id DESC
LIMIT %(limit)s;

-- name: oldest_bell
-- Since when a lane rings that nobody owns, the earliest.
SELECT due_at FROM lane WHERE owner IS NULL AND due_at <= %(now)s ORDER BY due_at, tenant_id, endpoint_id LIMIT 1;
