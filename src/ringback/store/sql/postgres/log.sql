-- Reading what happened. A walk looks at up to `step` rows of one index, by key, and answers with one row: which of them
-- are wanted and their times (for the partitions they are in), how many it looked at, and where it ended. Of days that
-- can't have any of what is wanted no partition is asked; within a day nothing is left out of the count.
-- Where rows are looked up one by one, OFFSET 0 keeps the planner from beginning at the other end, whatever it thinks of
-- the tables' sizes; `+ 0` and `|| ''` keep it from walking an index that is in the order wanted. Each walk is written for the newest first; the other direction is derived from it (see store/log_reading.py).

-- name: walk_events
-- A tenant's events by their place in the stream.
SELECT
    array_agg(seq) FILTER (WHERE wanted), array_agg(accepted_at) FILTER (WHERE wanted), count(*), min(seq)
FROM (
    SELECT
        seq, accepted_at,
        accepted_at >= %(since)s
        AND accepted_at < %(until)s
        AND (%(type)s::text IS NULL OR type = %(type)s)
        AND (%(channel)s::text IS NULL OR channel = %(channel)s)
        AND (%(patterns)s::text[] IS NULL OR type LIKE ANY (%(patterns)s::text[]))
        AND (%(channels)s::text[] IS NULL OR channel = ANY (%(channels)s::text[])) AS wanted
    FROM event
    WHERE tenant_id = %(tenant_id)s AND seq > 0 AND seq < %(after)s AND seq <= %(floor)s
    AND accepted_at >= %(from_day)s AND accepted_at < %(to_day)s
    ORDER BY seq DESC LIMIT %(step)s
) AS judged;

-- name: walk_events_of_endpoint
-- The same of events with a delivery or an attempt at an endpoint; earlier days are not asked but for one.
WITH seen AS MATERIALIZED (
    SELECT
        seq, id, accepted_at,
        accepted_at >= %(since)s
        AND accepted_at < %(until)s
        AND (%(type)s::text IS NULL OR type = %(type)s)
        AND (%(channel)s::text IS NULL OR channel = %(channel)s)
        AND (%(patterns)s::text[] IS NULL OR type LIKE ANY (%(patterns)s::text[]))
        AND (%(channels)s::text[] IS NULL OR channel = ANY (%(channels)s::text[])) AS fits
    FROM event
    WHERE tenant_id = %(tenant_id)s AND seq > 0 AND seq < %(after)s AND seq <= %(floor)s
    AND accepted_at >= %(from_day)s AND accepted_at < %(to_day)s
    ORDER BY seq DESC LIMIT %(step)s
), tried AS MATERIALIZED (
    SELECT event_id FROM attempt
    WHERE tenant_id = %(tenant_id)s AND event_id = ANY (ARRAY(SELECT id FROM seen WHERE fits))
    AND endpoint_id = %(endpoint_id)s AND at >= (SELECT min(accepted_at) - 86400000 FROM seen)
), queued AS MATERIALIZED (
    SELECT event_id FROM delivery
    WHERE tenant_id = %(tenant_id)s AND event_id = ANY (ARRAY(SELECT id FROM seen WHERE fits)) AND event_id > ''
    AND endpoint_id = %(endpoint_id)s
)
SELECT
    array_agg(seq) FILTER (WHERE wanted), array_agg(accepted_at) FILTER (WHERE wanted), count(*), min(seq)
FROM (
    SELECT
        seq, accepted_at,
        fits AND (id IN (SELECT event_id FROM tried) OR id IN (SELECT event_id FROM queued)) AS wanted
    FROM seen
    OFFSET 0
) AS judged;

-- name: events_of_quiet_endpoint
-- The events of an endpoint's attempts, from a time on, and of its deliveries: some of them, where there are many.
(
    SELECT event_id FROM attempt
    WHERE tenant_id = %(tenant_id)s AND endpoint_id = %(endpoint_id)s AND endpoint_id > '' AND at >= %(from_at)s
    LIMIT %(step)s
)
UNION ALL
(
    SELECT event_id FROM delivery
    WHERE tenant_id = %(tenant_id)s AND endpoint_id = %(endpoint_id)s AND endpoint_id > ''
    LIMIT %(step)s
);

-- name: places_of_events
-- Those of a tenant's events by id that are wanted, in any order: their places and times.
SELECT seq, accepted_at FROM event
WHERE tenant_id = %(tenant_id)s AND id = ANY (%(ids)s::text[]) AND seq <= %(floor)s
AND accepted_at >= %(from_day)s AND accepted_at < %(to_day)s
AND accepted_at >= %(since)s AND accepted_at < %(until)s
AND (%(type)s::text IS NULL OR type = %(type)s)
AND (%(channel)s::text IS NULL OR channel = %(channel)s)
AND (%(patterns)s::text[] IS NULL OR type LIKE ANY (%(patterns)s::text[]))
AND (%(channels)s::text[] IS NULL OR channel = ANY (%(channels)s::text[]));

-- name: time_of_place
-- When the tenant's latest event up to a place was accepted.
SELECT accepted_at FROM event WHERE tenant_id = %(tenant_id)s AND seq > 0 AND seq <= %(last)s ORDER BY seq DESC LIMIT 1;

-- name: latest_place
-- The place of a tenant's latest event up to a place.
SELECT seq FROM event WHERE tenant_id = %(tenant_id)s AND seq > 0 AND seq <= %(last)s ORDER BY seq DESC LIMIT 1;

-- name: walk_attempts_of_tenant
-- A tenant's attempts by id.
SELECT
    array_agg(id) FILTER (WHERE wanted), array_agg(at) FILTER (WHERE wanted), count(*), min(id)
FROM (
    SELECT
        id, at,
        at >= %(since)s AND at < %(until)s
        AND (%(outcome)s::text IS NULL OR (outcome = 'succeeded') = (%(outcome)s = 'succeeded'))
        AND (%(event_type)s::text IS NULL OR event_type = %(event_type)s) AS wanted
    FROM attempt
    WHERE tenant_id = %(tenant_id)s AND id < %(after)s AND at >= %(from_day)s AND at < %(to_day)s
    ORDER BY id DESC LIMIT %(step)s
) AS judged;

-- name: walk_failures_of_tenant
-- A tenant's attempts that were no success, by id.
SELECT
    array_agg(id) FILTER (WHERE wanted), array_agg(at) FILTER (WHERE wanted), count(*), min(id)
FROM (
    SELECT
        id, at,
        at >= %(since)s AND at < %(until)s
        AND (%(event_type)s::text IS NULL OR event_type = %(event_type)s) AS wanted
    FROM attempt
    WHERE tenant_id = %(tenant_id)s AND outcome <> 'succeeded' AND number >= 0 AND id < %(after)s
    AND at >= %(from_day)s AND at < %(to_day)s
    ORDER BY id DESC LIMIT %(step)s
) AS judged;

-- name: walk_attempts_of_endpoint
-- An endpoint's attempts by id.
SELECT
    array_agg(id) FILTER (WHERE wanted), array_agg(at) FILTER (WHERE wanted), count(*), min(id)
FROM (
    SELECT
        id, at,
        at >= %(since)s AND at < %(until)s
        AND (%(outcome)s::text IS NULL OR (outcome = 'succeeded') = (%(outcome)s = 'succeeded'))
        AND (%(event_type)s::text IS NULL OR event_type = %(event_type)s) AS wanted
    FROM attempt
    WHERE tenant_id = %(tenant_id)s AND endpoint_id = %(endpoint_id)s AND endpoint_id > '' AND id < %(after)s
    AND at >= %(from_day)s AND at < %(to_day)s
    ORDER BY id DESC LIMIT %(step)s
) AS judged;

-- name: walk_failures_of_endpoint
-- An endpoint's attempts that were no success, by id.
SELECT
    array_agg(id) FILTER (WHERE wanted), array_agg(at) FILTER (WHERE wanted), count(*), min(id)
FROM (
    SELECT
        id, at,
        at >= %(since)s AND at < %(until)s
        AND (%(event_type)s::text IS NULL OR event_type = %(event_type)s) AS wanted
    FROM attempt
    WHERE tenant_id = %(tenant_id)s AND endpoint_id = %(endpoint_id)s AND outcome <> 'succeeded' AND id < %(after)s
    AND at >= %(from_day)s AND at < %(to_day)s
    ORDER BY id DESC LIMIT %(step)s
) AS judged;

-- name: walk_attempts_of_event
-- An event's attempts by id: few, so sorting them (`||` keeps the index by id out) is cheap.
SELECT
    array_agg(id) FILTER (WHERE wanted), array_agg(at) FILTER (WHERE wanted), count(*), min(id)
FROM (
    SELECT
        id, at,
        at >= %(since)s AND at < %(until)s
        AND (%(endpoint_id)s::text IS NULL OR endpoint_id = %(endpoint_id)s)
        AND (%(outcome)s::text IS NULL OR (outcome = 'succeeded') = (%(outcome)s = 'succeeded'))
        AND (%(event_type)s::text IS NULL OR event_type = %(event_type)s) AS wanted
    FROM attempt
    WHERE tenant_id = %(tenant_id)s AND event_id = %(event_id)s AND id || '' < %(after)s
    AND at >= %(from_day)s AND at < %(to_day)s
    ORDER BY id || '' DESC LIMIT %(step)s
) AS judged;

-- name: load_events
-- Events by place and time, as asked; the place, then the columns in the order of model.event.Event.
SELECT event.*
FROM unnest(%(seqs)s::bigint[], %(times)s::bigint[]) WITH ORDINALITY AS asked (seq, at, place)
CROSS JOIN LATERAL (
    SELECT
        seq, tenant_id, id, type, data, channel, subject_type, subject_id, change, previous,
        ordering_key, occurred_at, deliver_at, accepted_at, hops, deliveries, trace, number, changed, origin
    FROM event
    WHERE tenant_id = %(tenant_id)s AND seq > 0 AND seq = asked.seq AND accepted_at = asked.at
    OFFSET 0
) AS event
ORDER BY asked.place;

-- name: who_missed_event
-- What is kept of the endpoints that an event did not go to.
SELECT missed FROM event WHERE tenant_id = %(tenant_id)s AND id = %(event_id)s;

-- name: event_by_number
-- The event of a tenant that is called by a number; the columns in the order of model.event.Event.
SELECT
    tenant_id, id, type, data, channel, subject_type, subject_id, change, previous,
    ordering_key, occurred_at, deliver_at, accepted_at, hops, deliveries, trace, number, changed, origin
FROM event
WHERE tenant_id = %(tenant_id)s AND number = %(number)s;

-- name: lock_events_without_number
-- Those of a tenant's events that have no number, kept from getting one elsewhere.
SELECT id, accepted_at FROM event
WHERE tenant_id = %(tenant_id)s AND id = ANY (%(ids)s::text[]) AND number IS NULL
ORDER BY id || '', accepted_at
FOR NO KEY UPDATE;

-- name: claim_numbers
-- Claim numbers that are free, in key order; whose they are.
INSERT INTO event_key (tenant_id, kind, key, body_hash, event_ids, expires_at)
SELECT %(tenant_id)s, 'number', key, ''::bytea, ARRAY[event_id], NULL
FROM unnest(%(keys)s::text[], %(ids)s::text[]) AS asked (key, event_id)
ORDER BY key COLLATE "C"
ON CONFLICT (tenant_id, kind, key) DO NOTHING
RETURNING event_ids[1];

-- name: number_events
-- Give numbers to events that are locked.
UPDATE event SET number = (%(numbers)s::bigint[])[array_position(%(ids)s::text[], id)]
WHERE tenant_id = %(tenant_id)s AND id = ANY (%(ids)s::text[])
AND accepted_at >= %(from_at)s AND accepted_at <= %(to_at)s
AND accepted_at = (%(times)s::bigint[])[array_position(%(ids)s::text[], id)];

-- name: load_attempts
-- Attempts by id and time as asked, without headers and bodies.
SELECT attempt.*
FROM unnest(%(ids)s::text[], %(times)s::bigint[]) WITH ORDINALITY AS asked (id, at, place)
CROSS JOIN LATERAL (
    SELECT
        tenant_id, id, endpoint_id, event_id, event_type, number, at, duration_ms, outcome, final, superseded,
        status_code, error_code, error_message, timings, remote_address, http_version, method, url,
        ''::bytea, NULL::bytea, ''::bytea, ''::bytea, NULL::bytea, NULL::bytea, response_truncated, profile,
        maybe_repeated
    FROM attempt
    WHERE tenant_id = %(tenant_id)s AND id = asked.id AND at = asked.at
    OFFSET 0
) AS attempt
ORDER BY asked.place;

-- name: attempt_by_id
-- One attempt, whole, and its event's data if that is kept; the columns in the order of model.attempt.Attempt.
SELECT
    attempt.tenant_id, attempt.id, endpoint_id, event_id, event_type, attempt.number, at, duration_ms, outcome, final,
    superseded, status_code, error_code, error_message, timings, remote_address, http_version, method, url,
    request_headers, request_body, body_head, body_tail, response_headers, response_body, response_truncated, profile,
    maybe_repeated, (
        SELECT data FROM event WHERE event.tenant_id = %(tenant_id)s AND event.id = attempt.event_id LIMIT 1
    )
FROM attempt
WHERE attempt.tenant_id = %(tenant_id)s AND attempt.id = %(id)s;

-- name: story_of_event
-- What happened to an event, endpoint by endpoint; each one's lines in the order that tells where it stands.
SELECT endpoint_id, number, outcome, final, status_code, superseded
FROM attempt
WHERE tenant_id = %(tenant_id)s AND event_id = %(event_id)s
ORDER BY endpoint_id || '', number, final, id;

-- name: pending_deliveries
-- The deliveries of one event that are not finished, oldest first.
SELECT tenant_id, endpoint_id, event_id, ordering_key, due_at, seq, attempts, tries
FROM delivery
WHERE tenant_id = %(tenant_id)s AND event_id = %(event_id)s AND event_id > ''
ORDER BY seq + 0;

-- name: behind_others
-- Where an event's delivery has an older one of its key before it. `deferred` is spelled out, so that the oldest is found.
SELECT own.endpoint_id
FROM delivery AS own
WHERE own.tenant_id = %(tenant_id)s AND own.event_id = %(event_id)s AND own.event_id > ''
AND CASE WHEN own.ordering_key IS NULL
    THEN EXISTS (
        SELECT 1 FROM delivery
        WHERE delivery.tenant_id = %(tenant_id)s AND delivery.endpoint_id = own.endpoint_id AND delivery.endpoint_id > ''
        AND delivery.ordering_key IS NULL AND delivery.deferred IN (false, true) AND delivery.seq < own.seq
    )
    ELSE EXISTS (
        SELECT 1 FROM delivery
        WHERE delivery.tenant_id = %(tenant_id)s AND delivery.endpoint_id = own.endpoint_id AND delivery.endpoint_id > ''
        AND delivery.ordering_key = own.ordering_key AND delivery.deferred IN (false, true) AND delivery.seq < own.seq
    )
END;

-- name: day_counts
-- An endpoint's figures by day, oldest first: what is counted already and what is still to be.
SELECT day, sum(succeeded)::bigint, sum(failed)::bigint
FROM (
    SELECT day, succeeded, failed FROM endpoint_day
    WHERE tenant_id = %(tenant_id)s AND endpoint_id = %(endpoint_id)s AND day >= %(since_day)s
    UNION ALL
    SELECT day, succeeded, failed FROM endpoint_day_delta
    WHERE tenant_id = %(tenant_id)s AND endpoint_id = %(endpoint_id)s AND day >= %(since_day)s
) AS figures
GROUP BY day
ORDER BY day;

-- name: tenant_day_counts
-- A tenant's figures by day, oldest first: what is counted already and what is still to be.
SELECT day, sum(succeeded)::bigint, sum(failed)::bigint
FROM (
    SELECT day, succeeded, failed FROM endpoint_day
    WHERE tenant_id = %(tenant_id)s AND day >= %(since_day)s
    UNION ALL
    SELECT day, succeeded, failed FROM endpoint_day_delta
    WHERE tenant_id = %(tenant_id)s AND day >= %(since_day)s
) AS figures
GROUP BY day
ORDER BY day;

-- name: day_counts_of
-- The same of many endpoints, each one's days gathered into one text.
SELECT endpoint_id, json_agg(json_build_array(day, succeeded, failed) ORDER BY day)::text
FROM (
    SELECT endpoint_id, day, sum(succeeded)::bigint AS succeeded, sum(failed)::bigint AS failed
    FROM (
        SELECT endpoint_id, day, succeeded, failed FROM endpoint_day
        WHERE tenant_id = %(tenant_id)s AND endpoint_id = ANY(%(endpoint_ids)s::text[]) AND day >= %(since_day)s
        UNION ALL
        SELECT endpoint_id, day, succeeded, failed FROM endpoint_day_delta
        WHERE tenant_id = %(tenant_id)s AND endpoint_id = ANY(%(endpoint_ids)s::text[]) AND day >= %(since_day)s
    ) AS figures
    GROUP BY endpoint_id, day
) AS days
GROUP BY endpoint_id;
