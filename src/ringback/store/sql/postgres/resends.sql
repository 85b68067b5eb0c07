-- Sending events again.

-- name: lock_event_to_resend
-- The ordering key and time of an event that is kept and has its payload. Nobody else redacts or queues it meanwhile.
SELECT ordering_key, accepted_at FROM event
WHERE tenant_id = %(tenant_id)s AND id = %(event_id)s AND octet_length(data) > 0
ORDER BY accepted_at DESC
FOR NO KEY UPDATE;

-- name: endpoints_to_resend_to
-- Those of the endpoints that are the tenant's and not deleted.
SELECT id, ordering FROM endpoint
WHERE id = ANY (%(endpoint_ids)s::text[]) AND tenant_id = %(tenant_id)s AND deleted_at IS NULL;

-- name: lock_pending_deliveries
-- The deliveries of one event that are not finished, as they stay until the transaction ends: endpoint, number, due at.
SELECT endpoint_id, seq, due_at FROM delivery
WHERE tenant_id = %(tenant_id)s AND event_id = %(event_id)s AND event_id > ''
ORDER BY seq + 0
FOR NO KEY UPDATE;

-- name: hasten_deliveries
-- Make deliveries due now that were due later.
UPDATE delivery SET due_at = %(now)s WHERE tenant_id = %(tenant_id)s AND seq = ANY (%(seqs)s::bigint[]);

-- name: hasten_retries
-- Make some of a lane's deliveries due now that are to be tried again later; what somebody else works on stays.
UPDATE delivery SET due_at = %(now)s
WHERE tenant_id = %(tenant_id)s AND seq = ANY (ARRAY(
    SELECT seq FROM delivery
    WHERE tenant_id = %(tenant_id)s AND endpoint_id = %(endpoint_id)s AND deferred AND due_at > %(now)s AND tries > 0
    ORDER BY due_at, seq LIMIT %(limit)s
    FOR NO KEY UPDATE SKIP LOCKED
));

-- name: last_numbers
-- The highest attempt number of an event at each endpoint.
SELECT endpoint_id, max(number)
FROM (
    SELECT endpoint_id, number FROM attempt
    WHERE tenant_id = %(tenant_id)s AND event_id = %(event_id)s
    OFFSET 0
) AS line
GROUP BY endpoint_id;
