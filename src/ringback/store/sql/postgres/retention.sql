-- What is past its time goes, in small steps, oldest first. Whole days go by `dropping.sql`.

-- name: overdue_tenants
-- Those of the tenants whose oldest event, attempt, job or day is older than it may be.
SELECT asked.tenant_id
FROM unnest(
    %(tenant_ids)s::text[], %(befores)s::bigint[], %(days_after)s::bigint[], %(attempts)s::text[], %(jobs)s::text[],
    %(days)s::text[]
) AS asked (tenant_id, before, day_after, attempt, job, day)
WHERE (
    SELECT accepted_at FROM event
    WHERE event.tenant_id = asked.tenant_id AND accepted_at < asked.day_after
    ORDER BY seq LIMIT 1
) < asked.before
OR (SELECT id FROM attempt WHERE attempt.tenant_id = asked.tenant_id ORDER BY id LIMIT 1) < asked.attempt
OR (SELECT id FROM job WHERE job.tenant_id = asked.tenant_id ORDER BY id LIMIT 1) < asked.job
OR (SELECT day FROM endpoint_day WHERE endpoint_day.tenant_id = asked.tenant_id ORDER BY day LIMIT 1) < asked.day
OR EXISTS (
    SELECT 1 FROM endpoint_day_delta
    WHERE endpoint_day_delta.tenant_id = asked.tenant_id AND endpoint_day_delta.day < asked.day
);

-- name: oldest_events
-- A tenant's oldest events after a place, as far as they were accepted before a time; whether each may go.
SELECT seq, id, accepted_at, deliver_at IS NULL OR deliver_at < %(due_before)s
FROM (
    SELECT seq, id, accepted_at, deliver_at FROM event
    WHERE tenant_id = %(tenant_id)s AND seq > %(after)s AND accepted_at < %(day_after)s
    ORDER BY seq LIMIT %(limit)s
) AS oldest
WHERE accepted_at < %(before)s;

-- name: lock_doomed_events
-- Hold events, so that nobody queues them: id, time, type, number.
SELECT event.id, event.accepted_at, event.type, event.number
FROM unnest(%(ids)s::text[], %(times)s::bigint[]) AS asked (id, at)
JOIN event ON event.tenant_id = %(tenant_id)s AND event.id = asked.id AND event.accepted_at = asked.at
ORDER BY event.id, event.accepted_at
FOR UPDATE OF event;

-- name: delete_events
-- Remove events.
DELETE FROM event
USING unnest(%(ids)s::text[], %(times)s::bigint[]) AS asked (id, at)
WHERE event.tenant_id = %(tenant_id)s AND event.id = asked.id AND event.accepted_at = asked.at;

-- name: delete_claims
-- Set the ids and numbers of events free that are gone; what another event has by now stays its own.
WITH gone AS MATERIALIZED (
    SELECT event_key.kind, event_key.key
    FROM unnest(%(kinds)s::text[], %(keys)s::text[]) AS asked (kind, key)
    JOIN event_key
    ON event_key.tenant_id = %(tenant_id)s AND event_key.kind = asked.kind AND event_key.key = asked.key
    WHERE CASE WHEN asked.kind = 'event'
        THEN NOT EXISTS (SELECT 1 FROM event WHERE event.tenant_id = %(tenant_id)s AND event.id = asked.key)
        ELSE NOT EXISTS (
            SELECT 1 FROM event WHERE event.tenant_id = %(tenant_id)s AND event.number = asked.key::bigint
        )
    END
    ORDER BY event_key.kind, event_key.key
    FOR UPDATE OF event_key
)
DELETE FROM event_key USING gone
WHERE event_key.tenant_id = %(tenant_id)s AND event_key.kind = gone.kind AND event_key.key = gone.key;

-- name: expire_attempts
-- Remove a tenant's oldest attempts before an id.
WITH doomed AS MATERIALIZED (
    SELECT id, at FROM attempt
    WHERE tenant_id = %(tenant_id)s AND id < %(before)s
    ORDER BY id LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
)
DELETE FROM attempt USING doomed
WHERE attempt.tenant_id = %(tenant_id)s AND attempt.id = doomed.id AND attempt.at = doomed.at;

-- name: expire_days
-- Remove a tenant's oldest figures before a day.
WITH doomed AS MATERIALIZED (
    SELECT endpoint_id, day FROM endpoint_day
    WHERE tenant_id = %(tenant_id)s AND day < %(before)s
    ORDER BY day, endpoint_id LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
)
DELETE FROM endpoint_day USING doomed
WHERE endpoint_day.tenant_id = %(tenant_id)s AND endpoint_day.endpoint_id = doomed.endpoint_id
AND endpoint_day.day = doomed.day;

-- name: expire_day_deltas
-- The same of what is not counted yet.
DELETE FROM endpoint_day_delta
WHERE tenant_id = %(tenant_id)s AND ctid = ANY (ARRAY(
    SELECT ctid FROM endpoint_day_delta
    WHERE tenant_id = %(tenant_id)s AND day < %(before)s
    ORDER BY endpoint_id LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
));

-- name: oldest_and_latest_change
-- The versions of the oldest change that is kept and of the latest.
SELECT (SELECT min(version) FROM change), (SELECT max(version) FROM change);

-- name: trim_changes
-- Remove the oldest changes but the latest `keep`.
DELETE FROM change WHERE version IN (
    SELECT version FROM change
    WHERE version <= (SELECT max(version) FROM change) - %(keep)s
    ORDER BY version LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
);
