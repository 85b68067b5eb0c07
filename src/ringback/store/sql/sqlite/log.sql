-- Reading what happened. A walk looks at up to :step rows of one index, by key, and answers with one row:
-- which of them are wanted, how many it looked at, and where it ended. So no read lasts, however rare the wanted are.
-- Each walk is written for the newest first; the other direction is derived from it (see store/log_reading.py).

-- name: walk_events
-- A tenant's events by their place in the stream.
SELECT
    json_group_array(seq) FILTER (
        WHERE (:since IS NULL OR accepted_at >= :since)
        AND (:until IS NULL OR accepted_at < :until)
        AND (:type IS NULL OR type = :type)
        AND (:channel IS NULL OR channel = :channel)
        AND (:patterns IS NULL OR EXISTS (SELECT 1 FROM json_each(:patterns) WHERE seen.type GLOB value))
        AND (:channels IS NULL OR channel IN (SELECT value FROM json_each(:channels)))
        AND (
            :endpoint_id IS NULL
            OR EXISTS (
                SELECT 1 FROM delivery
                WHERE delivery.tenant_id = :tenant_id AND delivery.event_id = seen.id
                AND delivery.endpoint_id = :endpoint_id
            )
            OR EXISTS (
                SELECT 1 FROM attempt
                WHERE attempt.tenant_id = :tenant_id AND attempt.event_id = seen.id
                AND attempt.endpoint_id = :endpoint_id
            )
        )
    ),
    count(*), min(seq)
FROM (
    SELECT seq, id, type, channel, accepted_at FROM event
    WHERE tenant_id = :tenant_id AND seq < :after
    ORDER BY seq DESC LIMIT :step
) AS seen;

-- name: stream_end
-- The place of a tenant's latest event.
SELECT seq FROM event WHERE tenant_id = :tenant_id ORDER BY seq DESC LIMIT 1;

-- name: walk_attempts_of_tenant
-- A tenant's attempts by id.
SELECT
    json_group_array(seq) FILTER (
        WHERE (:outcome IS NULL OR (outcome = 'succeeded') = (:outcome = 'succeeded'))
        AND (:event_type IS NULL OR event_type = :event_type)
        AND (:since IS NULL OR at >= :since)
        AND (:until IS NULL OR at < :until)
    ),
    count(*), min(id)
FROM (
    SELECT seq, id, outcome, event_type, at FROM attempt
    WHERE tenant_id = :tenant_id AND id < :after
    ORDER BY id DESC LIMIT :step
);

-- name: walk_failures_of_tenant
-- A tenant's attempts that were no success, by id.
SELECT
    json_group_array(seq) FILTER (
        WHERE (:event_type IS NULL OR event_type = :event_type)
        AND (:since IS NULL OR at >= :since)
        AND (:until IS NULL OR at < :until)
    ),
    count(*), min(id)
FROM (
    SELECT seq, id, event_type, at FROM attempt
    WHERE tenant_id = :tenant_id AND outcome <> 'succeeded' AND id < :after
    ORDER BY id DESC LIMIT :step
);

-- name: walk_attempts_of_endpoint
-- An endpoint's attempts by id.
SELECT
    json_group_array(seq) FILTER (
        WHERE tenant_id = :tenant_id
        AND (:outcome IS NULL OR (outcome = 'succeeded') = (:outcome = 'succeeded'))
        AND (:event_type IS NULL OR event_type = :event_type)
        AND (:since IS NULL OR at >= :since)
        AND (:until IS NULL OR at < :until)
    ),
    count(*), min(id)
FROM (
    SELECT seq, id, tenant_id, outcome, event_type, at FROM attempt
    WHERE endpoint_id = :endpoint_id AND id < :after
    ORDER BY id DESC LIMIT :step
);

-- name: walk_failures_of_endpoint
-- An endpoint's attempts that were no success, by id.
SELECT
    json_group_array(seq) FILTER (
        WHERE tenant_id = :tenant_id
        AND (:event_type IS NULL OR event_type = :event_type)
        AND (:since IS NULL OR at >= :since)
        AND (:until IS NULL OR at < :until)
    ),
    count(*), min(id)
FROM (
    SELECT seq, id, tenant_id, event_type, at FROM attempt
    WHERE endpoint_id = :endpoint_id AND outcome <> 'succeeded' AND id < :after
    ORDER BY id DESC LIMIT :step
);

-- name: walk_attempts_of_event
-- An event's attempts by id: few, so sorting them (`+` keeps the index by id out) is cheap.
SELECT
    json_group_array(seq) FILTER (
        WHERE (:endpoint_id IS NULL OR endpoint_id = :endpoint_id)
        AND (:outcome IS NULL OR (outcome = 'succeeded') = (:outcome = 'succeeded'))
        AND (:event_type IS NULL OR event_type = :event_type)
        AND (:since IS NULL OR at >= :since)
        AND (:until IS NULL OR at < :until)
    ),
    count(*), min(id)
FROM (
    SELECT seq, id, endpoint_id, outcome, event_type, at FROM attempt
    WHERE tenant_id = :tenant_id AND event_id = :event_id AND +id < :after
    ORDER BY +id DESC LIMIT :step
);

-- name: load_events
-- Events by their place in the stream, as asked; the columns in the order of model.event.Event.
SELECT
    seq, tenant_id, event.id, event.type, data, channel, subject_type, subject_id, change, previous,
    ordering_key, occurred_at, deliver_at, accepted_at, hops, deliveries, trace, number, changed, origin
FROM json_each(:seqs) AS asked
CROSS JOIN event ON event.seq = asked.value;

-- name: events_by_id
-- Those of a tenant's events that exist, as asked; the columns in the order of model.event.Event.
SELECT
    tenant_id, event.id, event.type, data, channel, subject_type, subject_id, change, previous,
    ordering_key, occurred_at, deliver_at, accepted_at, hops, deliveries, trace, number, changed, origin
FROM json_each(:ids) AS asked
CROSS JOIN event ON event.tenant_id = :tenant_id AND event.id = asked.value;

-- name: who_missed_event
-- What is kept of the endpoints that an event did not go to.
SELECT missed FROM event WHERE tenant_id = :tenant_id AND id = :event_id;

-- name: event_by_number
-- The event of a tenant that is called by a number; the columns in the order of model.event.Event.
SELECT
    tenant_id, id, type, data, channel, subject_type, subject_id, change, previous,
    ordering_key, occurred_at, deliver_at, accepted_at, hops, deliveries, trace, number, changed, origin
FROM event
WHERE tenant_id = :tenant_id AND number = :number;

-- name: number_events
-- Give numbers to events that have none, but none that another one has.
WITH asked (tenant_id, id, number) AS (VALUES (?, ?, ?))
UPDATE OR IGNORE event SET number = asked.number
FROM asked
WHERE event.tenant_id = asked.tenant_id AND event.id = asked.id AND event.number IS NULL;

-- name: events_without_number
-- Those of a tenant's events that have no number.
SELECT event.id
FROM json_each(:ids) AS asked
CROSS JOIN event ON event.tenant_id = :tenant_id AND event.id = asked.value
WHERE event.number IS NULL;

-- name: load_attempts
-- Attempts as asked, without headers and bodies.
SELECT
    tenant_id, attempt.id, endpoint_id, event_id, event_type, number, at, duration_ms, outcome, final, superseded,
    status_code, error_code, error_message, timings, remote_address, http_version, method, url,
    x'', NULL, x'', x'', NULL, NULL, response_truncated, profile, maybe_repeated
FROM json_each(:seqs) AS asked
CROSS JOIN attempt ON attempt.seq = asked.value;

-- name: attempt_by_id
-- One attempt, whole, and its event's data if that is kept; the columns in the order of model.attempt.Attempt.
SELECT
    attempt.tenant_id, attempt.id, endpoint_id, event_id, event_type, attempt.number, at, duration_ms, outcome, final,
    superseded, status_code, error_code, error_message, timings, remote_address, http_version, method, url,
    request_headers, request_body, body_head, body_tail, response_headers, response_body, response_truncated, profile,
    maybe_repeated, event.data
FROM attempt
LEFT JOIN event ON event.tenant_id = attempt.tenant_id AND event.id = attempt.event_id
WHERE attempt.tenant_id = :tenant_id AND attempt.id = :id;

-- name: story_of_event
-- What happened to an event, endpoint by endpoint; each one's lines in the order that tells where it stands.
SELECT endpoint_id, number, outcome, final, status_code, superseded
FROM attempt
WHERE tenant_id = :tenant_id AND event_id = :event_id
ORDER BY endpoint_id, number, final, id;

-- name: behind_others
-- Where an event's delivery has an older one of its key before it. `deferred` is spelled out, so that the oldest is found.
SELECT own.endpoint_id
FROM delivery AS own
WHERE own.tenant_id = :tenant_id AND own.event_id = :event_id
AND (
    EXISTS (
        SELECT 1 FROM delivery
        WHERE delivery.endpoint_id = own.endpoint_id AND delivery.ordering_key IS own.ordering_key
        AND delivery.deferred = 0 AND delivery.seq < own.seq
    )
    OR EXISTS (
        SELECT 1 FROM delivery
        WHERE delivery.endpoint_id = own.endpoint_id AND delivery.ordering_key IS own.ordering_key
        AND delivery.deferred = 1 AND delivery.seq < own.seq
    )
);

-- name: day_counts
-- An endpoint's figures by day, oldest first.
SELECT day, succeeded, failed
FROM endpoint_day
WHERE tenant_id = :tenant_id AND endpoint_id = :endpoint_id AND day >= :since_day
ORDER BY day;

-- name: tenant_day_counts
-- A tenant's figures by day, oldest first: a row an endpoint and day is read.
SELECT day, sum(succeeded), sum(failed)
FROM endpoint_day
WHERE tenant_id = :tenant_id AND day >= :since_day
GROUP BY day
ORDER BY day;

-- name: day_counts_of
-- The same of many endpoints, each one's days gathered into one text.
SELECT endpoint_id, json_group_array(json_array(day, succeeded, failed))
FROM (
    SELECT endpoint_id, day, succeeded, failed
    FROM endpoint_day
    WHERE tenant_id = :tenant_id
    AND endpoint_id IN (SELECT value FROM json_each(:endpoint_ids))
    AND day >= :since_day
    ORDER BY endpoint_id, day
)
GROUP BY endpoint_id;
