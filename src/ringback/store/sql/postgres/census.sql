-- How much there is, page by page, for the metrics.

-- name: count_deliveries
-- How many deliveries a page has, and the last one; all tenants: the figure is the whole store's.
WITH page AS MATERIALIZED (
    SELECT tenant_id, seq
    FROM delivery
    WHERE (tenant_id, seq) > (%(tenant_id)s, %(seq)s)
    ORDER BY tenant_id, seq
    LIMIT %(limit)s
)
SELECT
    (SELECT count(*) FROM page), last.tenant_id, (SELECT max(seq) FROM page WHERE page.tenant_id = last.tenant_id)
FROM (SELECT max(tenant_id) AS tenant_id FROM page) AS last;

-- name: lane_healths
-- One page of lanes with the health that was stored last.
SELECT endpoint_id, health FROM lane WHERE endpoint_id > %(after)s ORDER BY endpoint_id LIMIT %(limit)s;

-- name: database_bytes
-- What the whole database takes on its server's disk.
SELECT pg_database_size(current_database());
