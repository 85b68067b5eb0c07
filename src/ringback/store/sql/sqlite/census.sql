-- How much there is, page by page, for the metrics.

-- name: count_deliveries
-- One page of deliveries: how many, and the last one.
SELECT count(*), max(seq) FROM (SELECT seq FROM delivery WHERE seq > :after ORDER BY seq LIMIT :limit);

-- name: lane_healths
-- One page of lanes with the health that was stored last.
SELECT endpoint_id, health FROM lane WHERE endpoint_id > :after ORDER BY endpoint_id LIMIT :limit;
