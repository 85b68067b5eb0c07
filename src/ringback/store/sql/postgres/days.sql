-- The partitions of events and attempts.

-- name: lock_partitions
-- Wait until no other process adds or drops days.
SELECT pg_advisory_lock(%(space)s::int, %(place)s::int);

-- name: unlock_partitions
-- Let others add or drop days.
SELECT pg_advisory_unlock(%(space)s::int, %(place)s::int);

-- name: table_exists
-- Whether there is a table of a name in our schema.
SELECT 1 FROM pg_class
WHERE relname = %(name)s AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema());

-- name: show_events
-- What a day of events is like, for the planner (see the migrations): one tenant that has many.
INSERT INTO event_of_day (
    tenant_id, id, accepted_at, seq, type, subject_type, subject_id, deliver_at, number, hops, deliveries, data
)
SELECT
    'tenant', 'evt_' || n, n, n, 'type_' || mod(n, 20), 'subject', 'subject_' || mod(n, 100),
    CASE WHEN mod(n, 10) = 0 THEN n END, CASE WHEN mod(n, 10) = 1 THEN n END, 0, 1, '{}'
FROM generate_series(1, 500) AS n;

-- name: show_attempts
-- What a day of attempts is like.
INSERT INTO attempt_of_day (
    tenant_id, id, endpoint_id, event_id, event_type, number, at, duration_ms, outcome, final, superseded, method, url,
    request_headers, body_head, body_tail, response_truncated, profile, maybe_repeated
)
SELECT
    'tenant', 'att_' || n, 'ep_' || mod(n, 50), 'evt_' || n, 'type_' || mod(n, 20), 1, n, 1,
    CASE WHEN mod(n, 50) = 0 THEN 'failed' ELSE 'succeeded' END, true, false, 'POST', '', '', '', '', false, '', false
FROM generate_series(1, 500) AS n;
