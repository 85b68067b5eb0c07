-- What becomes of deliveries: finished or rescheduled.

-- name: lock_deliveries
-- How those of the deliveries that still exist stand; they stay so until the transaction ends.
SELECT delivery.seq, delivery.tenant_id, delivery.endpoint_id, delivery.event_id, delivery.attempts
FROM unnest(%(tenant_ids)s::text[], %(seqs)s::bigint[]) AS asked (tenant_id, seq)
JOIN delivery ON delivery.tenant_id = asked.tenant_id AND delivery.seq = asked.seq
ORDER BY delivery.tenant_id, delivery.seq
FOR UPDATE OF delivery;

-- name: known_attempts
-- Which of these attempts are in the log already, and whether they were superseded.
SELECT attempt.tenant_id, attempt.id, attempt.superseded
FROM unnest(%(tenant_ids)s::text[], %(ids)s::text[]) AS asked (tenant_id, id)
JOIN attempt ON attempt.tenant_id = asked.tenant_id AND attempt.id = asked.id;

-- name: redacted_events
-- Which of these events have no payload any more; none of them loses its own until the transaction ends.
WITH held AS MATERIALIZED (
    SELECT event.tenant_id, event.id, event.data
    FROM unnest(%(tenant_ids)s::text[], %(ids)s::text[]) AS asked (tenant_id, id)
    JOIN event ON event.tenant_id = asked.tenant_id AND event.id = asked.id
    ORDER BY event.tenant_id, event.id
    FOR SHARE OF event
)
SELECT tenant_id, id FROM held WHERE octet_length(data) = 0;

-- name: copy_attempts
-- Append to the log; the columns in the order of model.attempt.Attempt.
COPY attempt (
    tenant_id, id, endpoint_id, event_id, event_type, number, at, duration_ms, outcome, final, superseded,
    status_code, error_code, error_message, timings, remote_address, http_version, method, url,
    request_headers, request_body, body_head, body_tail, response_headers, response_body, response_truncated, profile,
    maybe_repeated
) FROM STDIN (FORMAT BINARY);

-- name: copy_deltas
-- Append to the figures of endpoints' days.
COPY endpoint_day_delta (tenant_id, endpoint_id, day, succeeded, failed) FROM STDIN (FORMAT BINARY);

-- name: delete_deliveries
-- Finish deliveries.
DELETE FROM delivery
USING unnest(%(tenant_ids)s::text[], %(seqs)s::bigint[]) AS finished (tenant_id, seq)
WHERE delivery.tenant_id = finished.tenant_id AND delivery.seq = finished.seq;

-- name: reschedule_deliveries
-- Try deliveries again later.
UPDATE delivery
SET due_at = again.due_at, attempts = again.attempts, tries = again.tries, deferred = true
FROM unnest(
    %(tenant_ids)s::text[], %(seqs)s::bigint[], %(due_ats)s::bigint[], %(attempts)s::bigint[], %(tries)s::bigint[]
) AS again (tenant_id, seq, due_at, attempts, tries)
WHERE delivery.tenant_id = again.tenant_id AND delivery.seq = again.seq;
