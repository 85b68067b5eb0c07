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
    WHERE event.tenant_id = asked.tenant_id AND seq > 0 AND accepted_at < asked.day_after
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
    WHERE tenant_id = %(tenant_id)s AND seq > 0 AND seq > %(after)s AND accepted_at < %(day_after)s
    ORDER BY seq LIMIT %(limit)s
) AS oldest
WHERE accepted_at < %(before)s;

-- name: lock_doomed_events
-- Hold events, so that nobody queues them: id, time, type, number.
SELECT id, accepted_at, type, number FROM event
WHERE tenant_id = %(tenant_id)s AND id = ANY (%(ids)s::text[])
AND accepted_at >= %(from_at)s AND accepted_at <= %(to_at)s
AND accepted_at = (%(times)s::bigint[])[array_position(%(ids)s::text[], id)]
ORDER BY id || '', accepted_at
FOR UPDATE;

-- name: delete_events
-- Remove events.
DELETE FROM event
WHERE tenant_id = %(tenant_id)s AND id = ANY (%(ids)s::text[])
AND accepted_at >= %(from_at)s AND accepted_at <= %(to_at)s
AND accepted_at = (%(times)s::bigint[])[array_position(%(ids)s::text[], id)];

-- name: delete_event_claims
-- Set the ids of events free that are gone; what another event has by now stays its own. The ids are in order.
DELETE FROM event_key
WHERE tenant_id = %(tenant_id)s AND kind = 'event' AND key = ANY (ARRAY(
    SELECT key FROM event_key
    WHERE tenant_id = %(tenant_id)s AND kind = 'event' AND key = ANY (%(ids)s::text[])
    AND (
        SELECT count(*) FROM event WHERE event.tenant_id = %(tenant_id)s AND event.id = event_key.key
    ) = 0
    ORDER BY key || ''
    FOR UPDATE
));

-- name: delete_number_claims
-- The same of their numbers.
DELETE FROM event_key
WHERE tenant_id = %(tenant_id)s AND kind = 'number' AND key = ANY (ARRAY(
    SELECT key FROM event_key
    WHERE tenant_id = %(tenant_id)s AND kind = 'number' AND key = ANY (%(numbers)s::text[])
    AND (
        SELECT count(*) FROM event WHERE event.tenant_id = %(tenant_id)s AND event.number = event_key.key::bigint
    ) = 0
    ORDER BY key || ''
    FOR UPDATE
));

-- name: expire_attempts
-- Remove a tenant's oldest attempts before an id.
DELETE FROM attempt
WHERE tenant_id = %(tenant_id)s AND id = ANY (ARRAY(
    SELECT id FROM attempt
    WHERE tenant_id = %(tenant_id)s AND id < %(before)s
    ORDER BY id LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
));

-- name: expire_days
-- Remove a tenant's oldest figures before a day.
DELETE FROM endpoint_day
WHERE tenant_id = %(tenant_id)s AND ctid = ANY (ARRAY(
    SELECT ctid FROM endpoint_day
    WHERE tenant_id = %(tenant_id)s AND day < %(before)s
    ORDER BY day LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
));

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
