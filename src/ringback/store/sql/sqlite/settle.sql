-- What becomes of deliveries: finished, rescheduled, sent again.

-- name: deliveries_as_stored
-- How those of the deliveries that still exist stand now, as one row: [seq, tenant, endpoint, event, attempts].
SELECT json_group_array(json_array(seq, tenant_id, endpoint_id, event_id, attempts))
FROM delivery
WHERE seq IN (SELECT value FROM json_each(:seqs));

-- name: known_attempts
-- Which of these attempts are in the log already, and whether they were superseded.
WITH asked (tenant_id, id) AS (VALUES (?, ?))
SELECT tenant_id, id, attempt.superseded
FROM asked CROSS JOIN attempt USING (tenant_id, id);

-- name: redacted_events
-- Which of these events have no payload any more.
WITH asked (tenant_id, id) AS (VALUES (?, ?))
SELECT tenant_id, id
FROM asked CROSS JOIN event USING (tenant_id, id)
WHERE length(event.data) = 0;

-- name: insert_attempts
-- Append to the log; the columns in the order of model.attempt.Attempt.
INSERT INTO attempt (
    tenant_id, id, endpoint_id, event_id, event_type, number, at, duration_ms, outcome, final, superseded,
    status_code, error_code, error_message, timings, remote_address, http_version, method, url,
    request_headers, request_body, body_head, body_tail, response_headers, response_body, response_truncated, profile,
    maybe_repeated
)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: delete_deliveries
-- Finish deliveries.
DELETE FROM delivery WHERE seq IN (SELECT value FROM json_each(:seqs));

-- name: reschedule_deliveries
-- Try deliveries again later.
WITH again (seq, due_at, attempts, tries) AS (VALUES (?, ?, ?, ?))
UPDATE delivery
SET due_at = again.due_at, attempts = again.attempts, tries = again.tries, deferred = 1
FROM again
WHERE delivery.seq = again.seq;

-- name: count_attempts
-- Add to the figures of endpoints' days.
INSERT INTO endpoint_day (tenant_id, endpoint_id, day, succeeded, failed)
VALUES (?, ?, ?, ?, ?)
ON CONFLICT (tenant_id, endpoint_id, day) DO UPDATE
SET succeeded = succeeded + excluded.succeeded, failed = failed + excluded.failed;

-- name: event_to_resend
-- The ordering key of an event, if it is kept and has its payload.
SELECT ordering_key FROM event WHERE tenant_id = :tenant_id AND id = :event_id AND length(data) > 0;

-- name: endpoints_to_resend_to
-- Those of the endpoints that are the tenant's and not deleted.
SELECT id, ordering FROM endpoint
WHERE id IN (SELECT value FROM json_each(:endpoint_ids)) AND tenant_id = :tenant_id AND deleted_at IS NULL;

-- name: pending_deliveries
-- The deliveries of one event that are not finished, oldest first.
SELECT tenant_id, endpoint_id, event_id, ordering_key, due_at, seq, attempts, tries
FROM delivery
WHERE tenant_id = :tenant_id AND event_id = :event_id
ORDER BY seq;

-- name: hasten_deliveries
-- Make deliveries due now that were due later.
UPDATE delivery SET due_at = :now WHERE seq IN (SELECT value FROM json_each(:seqs));

-- name: hasten_retries
-- Make some of a lane's deliveries due now that are to be tried again later.
UPDATE delivery SET due_at = :now WHERE seq IN (
    SELECT seq FROM delivery
    WHERE endpoint_id = :endpoint_id AND deferred = 1 AND due_at > :now AND tries > 0 AND tenant_id = :tenant_id
    ORDER BY due_at LIMIT :limit
);

-- name: last_numbers
-- The highest attempt number of an event at each endpoint.
SELECT endpoint_id, max(number) FROM attempt
WHERE tenant_id = :tenant_id AND event_id = :event_id
GROUP BY endpoint_id;

-- name: insert_resent_delivery
-- Queue an event again; it is new work that counts on from the log.
INSERT INTO delivery (tenant_id, endpoint_id, event_id, ordering_key, due_at, attempts, deferred)
VALUES (:tenant_id, :endpoint_id, :event_id, :ordering_key, :now, :attempts, 0);
