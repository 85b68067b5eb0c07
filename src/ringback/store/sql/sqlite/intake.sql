-- What ingest does in its write transaction, and the doorbells it rings afterwards.

-- name: find_keys
-- The owners of those keys that have one, expired ones too.
WITH asked (tenant_id, kind, key) AS (VALUES (?, ?, ?))
SELECT tenant_id, kind, key, body_hash, event_ids, expires_at
FROM asked CROSS JOIN event_key USING (tenant_id, kind, key);

-- name: take_keys
-- Give free and expired keys a new owner.
INSERT INTO event_key (tenant_id, kind, key, body_hash, event_ids, expires_at)
VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (tenant_id, kind, key) DO UPDATE
SET body_hash = excluded.body_hash, event_ids = excluded.event_ids, expires_at = excluded.expires_at;

-- name: taken_numbers
-- Those numbers that an event has already.
WITH asked (tenant_id, number) AS (VALUES (?, ?))
SELECT event.tenant_id, event.number
FROM asked CROSS JOIN event ON event.tenant_id = asked.tenant_id AND event.number = asked.number;

-- name: insert_events
-- Append events; the columns in the order of model.event.Event.
INSERT INTO event (
    tenant_id, id, type, data, channel, subject_type, subject_id, change, previous,
    ordering_key, occurred_at, deliver_at, accepted_at, hops, deliveries, trace, number, changed, origin
)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: insert_missed_events
-- Append events; the columns in the order of model.event.Event, then what is kept of who missed it.
INSERT INTO event (
    tenant_id, id, type, data, channel, subject_type, subject_id, change, previous,
    ordering_key, occurred_at, deliver_at, accepted_at, hops, deliveries, trace, number, changed, origin, missed
)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: insert_deliveries
-- Append deliveries; the columns in the order of model.event.NewDelivery, then whether they are due later.
INSERT INTO delivery (tenant_id, endpoint_id, event_id, ordering_key, due_at, deferred)
VALUES (?, ?, ?, ?, ?, ?);

-- name: ring_lanes
-- Bring doorbells forward, owned or not, but never before the lane's pause ends.
WITH bell (tenant_id, endpoint_id, due_at) AS (VALUES (?, ?, ?))
UPDATE lane
SET due_at = max(bell.due_at, lane.not_before)
FROM bell
WHERE lane.endpoint_id = bell.endpoint_id
AND lane.tenant_id = bell.tenant_id
AND (lane.due_at IS NULL OR lane.due_at > max(bell.due_at, lane.not_before));
