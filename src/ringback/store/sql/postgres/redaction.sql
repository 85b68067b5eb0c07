-- Removing payloads for privacy. No data is the mark of an event that was redacted.

-- name: events_of_subject
-- Some events of a subject by their place in the stream; whether each is redacted.
SELECT seq, id, octet_length(data) = 0
FROM event
WHERE tenant_id = %(tenant_id)s AND subject_type = %(subject_type)s AND subject_id = %(subject_id)s
AND seq > %(after)s
ORDER BY seq
LIMIT %(limit)s;

-- name: lock_events
-- Hold events, so that nobody queues them: id, time, type, whether it is redacted.
SELECT id, accepted_at, type, octet_length(data) = 0 FROM event
WHERE tenant_id = %(tenant_id)s AND id = ANY (%(event_ids)s::text[])
ORDER BY id || '', accepted_at
FOR NO KEY UPDATE;

-- name: redact_events
-- Remove the payloads of events that are held, of those that have no delivery left.
UPDATE event SET data = ''::bytea, previous = NULL
WHERE tenant_id = %(tenant_id)s AND id = ANY (%(ids)s::text[])
AND accepted_at >= %(from_at)s AND accepted_at <= %(to_at)s
AND accepted_at = (%(times)s::bigint[])[array_position(%(ids)s::text[], id)]
AND (
    SELECT count(*) FROM delivery
    WHERE delivery.tenant_id = %(tenant_id)s AND delivery.event_id = event.id AND delivery.event_id > ''
) = 0;

-- name: redact_attempts
-- Remove the bodies of some attempts of these events, of those that have any.
UPDATE attempt SET request_body = ''::bytea, body_head = ''::bytea, body_tail = ''::bytea, response_body = NULL
WHERE tenant_id = %(tenant_id)s AND id = ANY (ARRAY(
    SELECT id FROM attempt
    WHERE tenant_id = %(tenant_id)s AND event_id = ANY (%(event_ids)s::text[])
    AND (
        octet_length(body_head) > 0 OR octet_length(body_tail) > 0 OR response_body IS NOT NULL
        OR request_body IS DISTINCT FROM ''::bytea
    )
    ORDER BY id || ''
    LIMIT %(limit)s
    FOR NO KEY UPDATE
));
