-- Removing payloads for privacy. No data is the mark of an event that was redacted.

-- name: events_of_subject
-- Some events of a subject by their place in the stream; whether each is redacted.
SELECT seq, id, length(data) = 0
FROM event
WHERE tenant_id = :tenant_id AND subject_type = :subject_type AND subject_id = :subject_id AND seq > :after
ORDER BY seq
LIMIT :limit;

-- name: types_of_events
-- The types of events.
SELECT event.id, event.type
FROM json_each(:event_ids) AS asked
CROSS JOIN event ON event.tenant_id = :tenant_id AND event.id = asked.value;

-- name: redact_events
-- Remove the payloads of some of these events, of those that have no delivery left.
UPDATE event SET data = x'', previous = NULL
WHERE seq IN (
    SELECT event.seq
    FROM json_each(:event_ids) AS asked
    CROSS JOIN event ON event.tenant_id = :tenant_id AND event.id = asked.value
    WHERE length(event.data) > 0
    AND NOT EXISTS (
        SELECT 1 FROM delivery WHERE delivery.tenant_id = :tenant_id AND delivery.event_id = asked.value
    )
    LIMIT :limit
);

-- name: redact_attempts
-- Remove the bodies of some attempts of these events, of those that have any.
UPDATE attempt SET request_body = x'', body_head = x'', body_tail = x'', response_body = NULL
WHERE seq IN (
    SELECT attempt.seq
    FROM json_each(:event_ids) AS asked
    CROSS JOIN attempt ON attempt.tenant_id = :tenant_id AND attempt.event_id = asked.value
    WHERE length(body_head) > 0 OR length(body_tail) > 0 OR response_body IS NOT NULL OR request_body IS NOT x''
    LIMIT :limit
);
