-- How much there is, page by page, for the metrics.

-- name: count_deliveries
-- One page of deliveries: how many, and the last one.
SELECT count(*), max(seq) FROM (SELECT seq FROM delivery WHERE seq > :after ORDER BY seq LIMIT :limit);

-- name: lane_healths
-- One page of lanes with the health that was stored last.
SELECT endpoint_id, health FROM lane WHERE endpoint_id > :after ORDER BY endpoint_id LIMIT :limit;

-- name: latest_disabled
-- Which endpoints were disabled last, newest first.
SELECT id, disabled_at FROM endpoint
WHERE disabled_at IS NOT NULL AND deleted_at IS NULL
ORDER BY disabled_at DESC, id DESC
LIMIT :limit;

-- name: oldest_bell
-- Since when a lane rings that nobody owns, the earliest.
SELECT due_at FROM lane WHERE owner IS NULL AND due_at <= :now ORDER BY due_at, tenant_id, endpoint_id LIMIT 1;
