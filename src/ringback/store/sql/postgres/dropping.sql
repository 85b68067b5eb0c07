-- Days that are dropped whole. `event_of_day` stands for the table of one day of events. -- all tenants: a day is of all.

-- name: try_lock_dropping
-- Whether no other process drops days now.
SELECT pg_try_advisory_lock(%(space)s::int, %(place)s::int);

-- name: unlock_dropping
-- Let others drop days.
SELECT pg_advisory_unlock(%(space)s::int, %(place)s::int);

-- name: days_of
-- The names of a table's partitions, and whether each was being detached when that broke off; the oldest first.
SELECT child.relname::text, pg_inherits.inhdetachpending
FROM pg_inherits
JOIN pg_class AS child ON child.oid = pg_inherits.inhrelid
JOIN pg_class AS parent ON parent.oid = pg_inherits.inhparent
WHERE parent.relname = %(name)s
AND parent.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
ORDER BY child.relname;

-- name: detached_days
-- The names of tables that were detached to be dropped; nobody else's, whatever they are called.
SELECT relname::text FROM pg_class
WHERE relkind = 'r' AND NOT relispartition AND obj_description(oid, 'pg_class') = %(mark)s
AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
ORDER BY relname;

-- name: day_is_kept
-- Whether a day has an event that is to be delivered so late that it stays. -- all tenants: one look for each.
WITH RECURSIVE owner (tenant_id) AS (
    (SELECT tenant_id FROM event_of_day WHERE deliver_at IS NOT NULL ORDER BY tenant_id, deliver_at LIMIT 1)
    UNION ALL
    SELECT next.tenant_id
    FROM owner
    CROSS JOIN LATERAL (
        SELECT tenant_id FROM event_of_day
        WHERE deliver_at IS NOT NULL AND event_of_day.tenant_id > owner.tenant_id
        ORDER BY tenant_id, deliver_at LIMIT 1
    ) AS next
)
SELECT EXISTS (
    SELECT 1
    FROM owner
    CROSS JOIN LATERAL (
        SELECT 1 FROM event_of_day
        WHERE event_of_day.tenant_id = owner.tenant_id AND deliver_at >= %(due_before)s LIMIT 1
    ) AS late
);

-- name: end_of_page
-- The last of so many events of a day after one, by tenant and id; none: no more. -- all tenants: one day's.
SELECT tenant_id, id FROM event_of_day
WHERE (tenant_id, id) > (%(tenant_id)s, %(id)s)
ORDER BY tenant_id, id
OFFSET %(rows)s - 1 LIMIT 1;

-- name: lock_deliveries_of_page
-- Some deliveries of a page of a day's events, held, with the types of their events. -- all tenants: one day's.
WITH pending AS MATERIALIZED (
    SELECT found.tenant_id, found.seq, page.type
    FROM (
        SELECT tenant_id, id, accepted_at, type FROM event_of_day
        WHERE (tenant_id, id) > (%(tenant_id)s, %(id)s)
        ORDER BY tenant_id, id LIMIT %(rows)s
    ) AS page
    CROSS JOIN LATERAL (
        SELECT tenant_id, seq FROM delivery
        WHERE delivery.tenant_id = page.tenant_id AND delivery.event_id = page.id AND delivery.event_id > ''
        AND delivery.event_at = page.accepted_at
        OFFSET 0
    ) AS found
    LIMIT %(limit)s
)
SELECT
    delivery.tenant_id, delivery.endpoint_id, delivery.event_id, delivery.ordering_key, delivery.due_at, delivery.seq,
    delivery.attempts, delivery.tries, pending.type
FROM pending
JOIN delivery ON delivery.tenant_id = pending.tenant_id AND delivery.seq = pending.seq
ORDER BY delivery.tenant_id || '', delivery.seq + 0
FOR UPDATE OF delivery;

-- name: delete_claims_of_page
-- Set the ids of a page of a day's events free, but those that an event of another day has. -- all tenants: one day's.
DELETE FROM event_key WHERE ctid = ANY (ARRAY(
    SELECT held.ctid
    FROM (
        SELECT tenant_id, id FROM event_of_day
        WHERE (tenant_id, id) > (%(tenant_id)s, %(id)s)
        ORDER BY tenant_id, id LIMIT %(rows)s
    ) AS page
    CROSS JOIN LATERAL (
        SELECT ctid FROM event_key
        WHERE event_key.tenant_id = page.tenant_id AND event_key.kind = 'event' AND event_key.key = page.id
        AND (
            SELECT count(*) FROM event
            WHERE event.tenant_id = page.tenant_id AND event.id = page.id AND event.accepted_at >= %(day_after)s
        ) = 0
        OFFSET 0 FOR UPDATE
    ) AS held
));

-- name: numbers_of_day
-- Some numbers of a day's events after one, by tenant and number. -- all tenants: one day's.
SELECT tenant_id, number FROM event_of_day
WHERE number IS NOT NULL AND (tenant_id, number) > (%(tenant_id)s, %(number)s)
ORDER BY tenant_id, number
LIMIT %(limit)s;

-- name: delete_numbers
-- Set numbers of a day's events free, but those that an event of another day has. -- all tenants: one day's.
DELETE FROM event_key WHERE ctid = ANY (ARRAY(
    SELECT held.ctid
    FROM unnest(%(tenant_ids)s::text[], %(numbers)s::bigint[]) AS asked (tenant_id, number)
    CROSS JOIN LATERAL (
        SELECT ctid FROM event_key
        WHERE event_key.tenant_id = asked.tenant_id AND event_key.kind = 'number' AND event_key.key = asked.number::text
        AND (
            SELECT count(*) FROM event
            WHERE event.tenant_id = asked.tenant_id AND event.number = asked.number
            AND event.accepted_at >= %(day_after)s
        ) = 0
        OFFSET 0 FOR UPDATE
    ) AS held
));
