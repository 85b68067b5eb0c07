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
ORDER BY id, accepted_at
FOR NO KEY UPDATE;

-- name: redact_events
-- Remove the payloads of events that are held, of those that have no delivery left.
UPDATE event SET data = ''::bytea, previous = NULL
FROM unnest(%(ids)s::text[], %(times)s::bigint[]) AS asked (id, at)
WHERE event.tenant_id = %(tenant_id)s AND event.id = asked.id AND event.accepted_at = asked.at
AND NOT EXISTS (
    SELECT 1 FROM delivery WHERE delivery.tenant_id = %(tenant_id)s AND delivery.event_id = asked.id
);

-- name: redact_attempts
-- Remove the bodies of some attempts of these events, those that have any (`||`: found by the index of the events).
WITH doomed AS MATERIALIZED (
    SELECT attempt.id, attempt.at
    FROM attempt
    WHERE attempt.tenant_id = %(tenant_id)s AND attempt.event_id = ANY (%(event_ids)s::text[])
    AND (
        octet_length(body_head) > 0 OR octet_length(body_tail) > 0 OR response_body IS NOT NULL
        OR request_body IS DISTINCT FROM ''::bytea
    )
    ORDER BY attempt.id || '', attempt.at
    LIMIT %(limit)s
    FOR NO KEY UPDATE
)
UPDATE attempt SET request_body = ''::bytea, body_head = ''::bytea, body_tail = ''::bytea, response_body = NULL
FROM doomed
WHERE attempt.tenant_id = %(tenant_id)s AND attempt.id = doomed.id AND attempt.at = doomed.at;
