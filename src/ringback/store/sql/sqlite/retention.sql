-- What is past its time goes, in small steps, oldest first.

-- name: overdue_tenants
-- Those of [tenant, time, first attempt to keep, first job to keep, first day to keep] whose oldest row is older.
SELECT asked.value ->> 0
FROM json_each(:asked) AS asked
WHERE (SELECT accepted_at FROM event WHERE tenant_id = asked.value ->> 0 ORDER BY seq LIMIT 1) < asked.value ->> 1
OR (SELECT min(id) FROM attempt WHERE tenant_id = asked.value ->> 0) < asked.value ->> 2
OR (SELECT min(id) FROM job WHERE tenant_id = asked.value ->> 0) < asked.value ->> 3
OR (SELECT min(day) FROM endpoint_day WHERE tenant_id = asked.value ->> 0) < asked.value ->> 4;

-- name: oldest_events
-- A tenant's oldest events after a place, as far as they were accepted before a time; whether each may go.
SELECT seq, id, type, deliver_at IS NULL OR deliver_at < :due_before
FROM (
    SELECT seq, id, type, accepted_at, deliver_at FROM event
    WHERE tenant_id = :tenant_id AND seq > :after
    ORDER BY seq LIMIT :limit
)
WHERE accepted_at < :before;

-- name: deliveries_of_events
-- Some deliveries of these events that are not finished.
SELECT
    delivery.tenant_id, delivery.endpoint_id, delivery.event_id, delivery.ordering_key,
    delivery.due_at, delivery.seq, delivery.attempts, delivery.tries
FROM json_each(:event_ids) AS asked
CROSS JOIN delivery ON delivery.tenant_id = :tenant_id AND delivery.event_id = asked.value
LIMIT :limit;

-- name: delete_events
-- Remove events.
DELETE FROM event WHERE seq IN (SELECT value FROM json_each(:seqs));

-- name: delete_event_claims
-- Remove the claims of callers on the ids of events.
DELETE FROM event_key WHERE (tenant_id, kind, key) IN (
    SELECT :tenant_id, 'event', value FROM json_each(:event_ids)
);

-- name: expire_attempts
-- Remove a tenant's oldest attempts before an id.
DELETE FROM attempt WHERE seq IN (
    SELECT seq FROM attempt WHERE tenant_id = :tenant_id AND id < :before ORDER BY id LIMIT :limit
);

-- name: expire_days
-- Remove a tenant's oldest figures before a day.
DELETE FROM endpoint_day WHERE (tenant_id, endpoint_id, day) IN (
    SELECT tenant_id, endpoint_id, day FROM endpoint_day
    WHERE tenant_id = :tenant_id AND day < :before ORDER BY day LIMIT :limit
);

-- name: oldest_and_latest_change
-- The versions of the oldest change that is kept and of the latest.
SELECT (SELECT min(version) FROM change), (SELECT max(version) FROM change);

-- name: trim_changes
-- Remove the oldest changes but the latest :keep.
DELETE FROM change WHERE version IN (
    SELECT version FROM change
    WHERE version <= (SELECT max(version) FROM change) - :keep ORDER BY version LIMIT :limit
);

-- name: free_space
-- Pages that nothing uses, all pages, and the bytes of one.
SELECT * FROM pragma_freelist_count, pragma_page_count, pragma_page_size;
