-- Deliveries that end without a request.

-- name: lock_deliveries_of_events
-- Some deliveries of these events that are not finished, held (`+ 0`: found by the index of the events).
SELECT tenant_id, endpoint_id, event_id, ordering_key, due_at, seq, attempts, tries
FROM delivery
WHERE tenant_id = %(tenant_id)s AND event_id = ANY (%(event_ids)s::text[]) AND event_id > ''
ORDER BY seq + 0
LIMIT %(limit)s
FOR UPDATE;

-- name: has_deliveries_of_events
-- Whether any delivery of these events is not finished.
SELECT 1 FROM delivery
WHERE tenant_id = %(tenant_id)s AND event_id = ANY (%(event_ids)s::text[]) AND event_id > ''
LIMIT 1;
