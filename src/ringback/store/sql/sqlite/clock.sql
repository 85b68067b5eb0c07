-- What a wall clock that was set back since has put off, brought forward.

-- name: retries_after
-- Of the deliveries after a number, looking at so many: retries as a JSON array, how many were looked at, the last one.
WITH looked_at AS MATERIALIZED (
    SELECT seq, deferred, attempts FROM delivery WHERE seq > :after ORDER BY seq LIMIT :look
)
SELECT
    (SELECT json_group_array(seq) FROM (
        SELECT seq FROM looked_at WHERE deferred = 1 AND attempts > 0 ORDER BY seq LIMIT :limit
    )),
    count(*),
    max(seq)
FROM looked_at;

-- name: bring_retries_forward
-- Have them tried sooner.
UPDATE delivery
SET due_at = due_at - :by_ms
WHERE seq IN (SELECT value FROM json_each(:seqs)) AND deferred = 1 AND attempts > 0;

-- name: lanes_after
-- A page of lanes by endpoint.
SELECT endpoint_id FROM lane WHERE endpoint_id > :after ORDER BY endpoint_id LIMIT :limit;

-- name: bring_lanes_forward
-- Have pauses end and bells ring sooner; pauses for ever stay, and a bell never rings in a pause.
UPDATE lane
SET not_before = iif(not_before < :forever, max(0, not_before - :by_ms), not_before),
    due_at = iif(
        not_before < :forever, max(due_at - :by_ms, not_before - :by_ms, 0), due_at
    )
WHERE endpoint_id IN (SELECT value FROM json_each(:endpoint_ids)) AND (due_at IS NOT NULL OR not_before > 0);
