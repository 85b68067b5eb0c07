-- What is written wherever events arrive.

-- name: copy_events
-- Append events; the columns of model.event.Event, then the place in the stream and what is kept of who missed it.
COPY event (
    tenant_id, id, type, data, channel, subject_type, subject_id, change, previous,
    ordering_key, occurred_at, deliver_at, accepted_at, hops, deliveries, trace, number, changed, origin, seq, missed
) FROM STDIN (FORMAT BINARY);

-- name: copy_deliveries
-- Append deliveries.
COPY delivery (
    tenant_id, endpoint_id, event_id, ordering_key, due_at, seq, attempts, tries, event_at, deferred
) FROM STDIN (FORMAT BINARY);

-- name: ring_lanes
-- Bring doorbells forward, owned or not, but never before the lane's pause ends. Of the turn see lanes.sql.
WITH bell AS MATERIALIZED (
    SELECT lane.endpoint_id, asked.turn, asked.due_at
    FROM (
        SELECT named.*, (
            SELECT turn FROM lane WHERE lane.endpoint_id = named.endpoint_id ORDER BY turn DESC LIMIT 1
        ) AS turn
        FROM unnest(%(endpoint_ids)s::text[], %(tenant_ids)s::text[], %(due_ats)s::bigint[])
            AS named (endpoint_id, tenant_id, due_at)
        OFFSET 0
    ) AS asked
    JOIN lane ON lane.endpoint_id = asked.endpoint_id AND lane.turn >= asked.turn
    AND lane.tenant_id = asked.tenant_id
    WHERE lane.due_at IS NULL OR lane.due_at > greatest(asked.due_at, lane.not_before)
    ORDER BY lane.endpoint_id
    FOR UPDATE OF lane
)
UPDATE lane
SET due_at = greatest(bell.due_at, lane.not_before), turn = lane.turn + 1
FROM bell
WHERE lane.endpoint_id = bell.endpoint_id AND lane.turn >= bell.turn
AND (lane.due_at IS NULL OR lane.due_at > greatest(bell.due_at, lane.not_before));

-- name: take_numbers
-- Claim numbers of events, passing over those that are taken.
INSERT INTO event_key (tenant_id, kind, key, body_hash, event_ids, expires_at)
SELECT tenant_id, 'number', key, ''::bytea, ARRAY[event_id], NULL
FROM unnest(%(tenant_ids)s::text[], %(keys)s::text[], %(event_ids)s::text[]) AS asked (tenant_id, key, event_id)
ORDER BY tenant_id COLLATE "C", key COLLATE "C"
ON CONFLICT (tenant_id, kind, key) DO NOTHING;
