-- Jobs: what they have to do, and their steps. Looking for a span, a replay reads the index of the stream.

-- name: replay_page
-- Events of a span as a replay sees them; how many were looked at, how many were in the span, where each ended.
WITH seen AS MATERIALIZED (
    SELECT seq, accepted_at FROM event
    WHERE tenant_id = %(tenant_id)s AND seq > 0 AND seq > %(after)s AND seq <= %(last)s
    ORDER BY seq LIMIT %(look)s
),
spanned AS MATERIALIZED (
    SELECT seq, accepted_at FROM seen
    WHERE accepted_at >= %(since)s AND accepted_at < %(until)s
    ORDER BY seq LIMIT %(limit)s
),
ends AS (
    SELECT
        (SELECT count(*) FROM seen) AS seen, (SELECT max(seq) FROM seen) AS seen_to,
        (SELECT count(*) FROM spanned) AS spanned, (SELECT max(seq) FROM spanned) AS spanned_to
)
SELECT ends.*, found.*
FROM ends
LEFT JOIN LATERAL (
    SELECT
        event.seq, event.id, event.type, event.channel,
        (
            SELECT outcome FROM attempt
            WHERE attempt.tenant_id = %(tenant_id)s AND attempt.event_id = event.id
            AND attempt.endpoint_id = %(endpoint_id)s AND (NOT superseded OR outcome = 'succeeded')
            ORDER BY number DESC, outcome = 'succeeded' DESC, final DESC, attempt.id DESC
            LIMIT 1
        )
    FROM spanned
    CROSS JOIN LATERAL (
        SELECT seq, id, type, channel, octet_length(data) AS bytes FROM event
        WHERE tenant_id = %(tenant_id)s AND seq > 0 AND seq = spanned.seq AND accepted_at = spanned.accepted_at
        OFFSET 0
    ) AS event
    WHERE event.bytes > 0
    AND (
        SELECT true FROM delivery
        WHERE delivery.tenant_id = %(tenant_id)s AND delivery.event_id = event.id AND delivery.event_id > ''
        AND delivery.endpoint_id = %(endpoint_id)s
        LIMIT 1
    ) IS NULL
) AS found ON true
ORDER BY found.seq;

-- name: running_jobs
-- How many jobs of an endpoint, and of its tenant, are running.
SELECT count(*) FILTER (WHERE endpoint_id = %(endpoint_id)s), count(*)
FROM job WHERE tenant_id = %(tenant_id)s AND state = 'running';

-- name: insert_job
-- Add a job that is not ready yet; the columns in the order of model.job.Job.
INSERT INTO job (
    tenant_id, id, endpoint_id, kind, which, state, since, until, matched, done, created_at, finished_at, ready, open
)
VALUES (
    %(tenant_id)s, %(id)s, %(endpoint_id)s, %(kind)s, %(which)s, %(state)s, %(since)s, %(until)s, %(matched)s,
    %(done)s, %(created_at)s, %(finished_at)s, false, true
);

-- name: add_job_events
-- Write down what a job has to do.
INSERT INTO job_event (tenant_id, job_id, event_seq)
SELECT %(tenant_id)s, %(id)s, seq FROM unnest(%(seqs)s::bigint[]) AS asked (seq);

-- name: count_matched
-- Count what was written down for a job that is running.
UPDATE job SET matched = matched + %(count)s WHERE tenant_id = %(tenant_id)s AND id = %(id)s AND state = 'running';

-- name: start_job
-- Let a job's steps be taken.
UPDATE job SET ready = true WHERE tenant_id = %(tenant_id)s AND id = %(id)s;

-- name: job_by_id
-- A tenant's job; the columns in the order of model.job.Job.
SELECT tenant_id, id, endpoint_id, kind, which, state, since, until, matched, done, created_at, finished_at
FROM job WHERE tenant_id = %(tenant_id)s AND id = %(id)s;

-- name: list_jobs
-- A page of a tenant's jobs, newest first.
SELECT tenant_id, id, endpoint_id, kind, which, state, since, until, matched, done, created_at, finished_at
FROM job WHERE tenant_id = %(tenant_id)s AND id < %(before)s ORDER BY id DESC LIMIT %(limit)s;

-- name: cancel_job
-- End a job that is running.
UPDATE job SET state = 'cancelled', finished_at = %(now)s
WHERE tenant_id = %(tenant_id)s AND id = %(id)s AND state = 'running';

-- name: open_jobs
-- Jobs that have something left to do or to clear away.
SELECT id FROM job WHERE open AND id > %(after)s ORDER BY id LIMIT %(limit)s;

-- name: open_job
-- A job that has something left; the columns in the order of model.job.Job, and whether it was started.
SELECT tenant_id, id, endpoint_id, kind, which, state, since, until, matched, done, created_at, finished_at, ready
FROM job WHERE id = %(id)s AND open;

-- name: lock_open_job
-- The same for who takes its next step; nothing while another one does.
SELECT tenant_id, id, endpoint_id, kind, which, state, since, until, matched, done, created_at, finished_at, ready
FROM job WHERE id = %(id)s AND open
FOR NO KEY UPDATE SKIP LOCKED;

-- name: has_more_deliveries
-- Whether an endpoint has more deliveries than so many.
SELECT count(*) > %(pending_max)s
FROM (
    SELECT 1 FROM delivery
    WHERE tenant_id = %(tenant_id)s AND endpoint_id = %(endpoint_id)s AND endpoint_id > ''
    LIMIT %(pending_max)s + 1
) AS pending;

-- name: next_job_events
-- What a job has to do next.
SELECT event_seq FROM job_event
WHERE tenant_id = %(tenant_id)s AND job_id = %(id)s
ORDER BY event_seq LIMIT %(limit)s;

-- name: lock_events_to_replay
-- Those of these events that can be queued: id, ordering key, time, place. Nobody else redacts or queues them meanwhile.
SELECT id, ordering_key, accepted_at, seq FROM event
WHERE tenant_id = %(tenant_id)s AND seq > 0 AND seq = ANY (%(seqs)s::bigint[]) AND octet_length(data) > 0
ORDER BY id || '', accepted_at
FOR NO KEY UPDATE;

-- name: queue_at
-- Which of these events are pending at an endpoint, and the highest number of each in its log.
SELECT
    asked.id,
    -- Not EXISTS, for which all deliveries of the endpoint might be read.
    (
        SELECT 1 FROM delivery
        WHERE delivery.tenant_id = %(tenant_id)s AND delivery.event_id = asked.id AND delivery.event_id > ''
        AND delivery.endpoint_id = %(endpoint_id)s
        LIMIT 1
    ) IS NOT NULL,
    (
        SELECT coalesce(max(number), 0) FROM attempt
        WHERE attempt.tenant_id = %(tenant_id)s AND attempt.event_id = asked.id
        AND attempt.endpoint_id = %(endpoint_id)s
    )
FROM unnest(%(ids)s::text[]) AS asked (id);

-- name: remove_job_events
-- What a job has behind it, or will never do.
DELETE FROM job_event
WHERE tenant_id = %(tenant_id)s AND job_id = %(id)s AND event_seq = ANY (%(seqs)s::bigint[]);

-- name: note_progress
-- Note what a job has done.
UPDATE job SET done = done + %(count)s WHERE id = %(id)s;

-- name: finish_job
-- A job has nothing left to do.
UPDATE job SET state = 'done', finished_at = %(now)s, open = false WHERE id = %(id)s;

-- name: close_job
-- Nothing of a cancelled job is left.
UPDATE job SET open = false WHERE id = %(id)s;

-- name: expire_jobs
-- Remove a tenant's oldest jobs before an id, of those that have ended.
DELETE FROM job WHERE id IN (
    SELECT id FROM job
    WHERE tenant_id = %(tenant_id)s AND id < %(before)s AND NOT open
    ORDER BY id LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
);
