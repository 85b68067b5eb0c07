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
