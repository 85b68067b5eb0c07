-- Jobs: what they have to do, and their steps. Looking for a span, a replay reads the index of the stream alone.

-- name: replay_page
-- Events of a span as a replay sees them; how many were looked at, how many were in the span, where each ended.
WITH seen (seq, accepted_at) AS (
    SELECT seq, accepted_at FROM event
    WHERE tenant_id = :tenant_id AND seq > :after AND seq <= :last
    ORDER BY seq LIMIT :look
),
spanned (seq) AS (
    SELECT seq FROM seen WHERE accepted_at >= :since AND accepted_at < :until ORDER BY seq LIMIT :limit
)
SELECT
    (
        SELECT json_group_array(json_array(
            event.seq, event.id, event.type, event.channel,
            (
                SELECT outcome FROM attempt
                WHERE attempt.tenant_id = :tenant_id AND attempt.event_id = event.id
                AND attempt.endpoint_id = :endpoint_id AND (superseded = 0 OR outcome = 'succeeded')
                ORDER BY number DESC, outcome = 'succeeded' DESC, final DESC, attempt.id DESC
                LIMIT 1
            )
        ))
        FROM spanned CROSS JOIN event ON event.seq = spanned.seq
        WHERE length(event.data) > 0
        AND NOT EXISTS (
            SELECT 1 FROM delivery
            WHERE delivery.tenant_id = :tenant_id AND delivery.event_id = event.id
            AND delivery.endpoint_id = :endpoint_id
        )
    ),
    (SELECT count(*) FROM seen), (SELECT max(seq) FROM seen),
    (SELECT count(*) FROM spanned), (SELECT max(seq) FROM spanned);

-- name: running_jobs
-- How many jobs of an endpoint, and of its tenant, are running.
SELECT count(*) FILTER (WHERE endpoint_id = :endpoint_id), count(*)
FROM job WHERE tenant_id = :tenant_id AND state = 'running';

-- name: insert_job
-- Add a job that is not ready yet; the columns in the order of model.job.Job.
INSERT INTO job (
    tenant_id, id, endpoint_id, kind, which, state, since, until, matched, done, created_at, finished_at, ready, open
)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 1);

-- name: add_job_events
-- Write down what a job has to do.
INSERT INTO job_event (tenant_id, job_id, event_seq) SELECT :tenant_id, :id, value FROM json_each(:seqs);

-- name: count_matched
-- Count what was written down for a job that is running.
UPDATE job SET matched = matched + :count WHERE tenant_id = :tenant_id AND id = :id AND state = 'running';

-- name: start_job
-- Let a job's steps be taken.
UPDATE job SET ready = 1 WHERE tenant_id = :tenant_id AND id = :id;

-- name: job_by_id
-- A tenant's job; the columns in the order of model.job.Job.
SELECT tenant_id, id, endpoint_id, kind, which, state, since, until, matched, done, created_at, finished_at
FROM job WHERE tenant_id = :tenant_id AND id = :id;

-- name: list_jobs
-- A page of a tenant's jobs, newest first.
SELECT tenant_id, id, endpoint_id, kind, which, state, since, until, matched, done, created_at, finished_at
FROM job WHERE tenant_id = :tenant_id AND id < :before ORDER BY id DESC LIMIT :limit;

-- name: cancel_job
-- End a job that is running.
UPDATE job SET state = 'cancelled', finished_at = :now
WHERE tenant_id = :tenant_id AND id = :id AND state = 'running';

-- name: open_jobs
-- Jobs that have something left to do or to clear away.
SELECT id FROM job WHERE open = 1 AND id > :after ORDER BY id LIMIT :limit;

-- name: open_job
-- A job that has something left; the columns in the order of model.job.Job, and whether it was started.
SELECT tenant_id, id, endpoint_id, kind, which, state, since, until, matched, done, created_at, finished_at, ready
FROM job WHERE id = :id AND open = 1;

-- name: has_more_deliveries
-- Whether an endpoint has more deliveries than so many.
SELECT count(*) > :pending_max
FROM (SELECT 1 FROM delivery WHERE endpoint_id = :endpoint_id LIMIT :pending_max + 1);

-- name: next_job_events
-- What a job has to do next.
SELECT event_seq FROM job_event
WHERE tenant_id = :tenant_id AND job_id = :id
ORDER BY event_seq LIMIT :limit;

-- name: events_to_replay
-- Those of these events that can be queued at an endpoint: id, ordering key, highest number in the log.
SELECT event.id, event.ordering_key, (
    SELECT ifnull(max(number), 0) FROM attempt
    WHERE attempt.tenant_id = :tenant_id AND attempt.event_id = event.id AND attempt.endpoint_id = :endpoint_id
)
FROM json_each(:seqs) AS asked
CROSS JOIN event ON event.seq = asked.value
WHERE event.tenant_id = :tenant_id AND length(event.data) > 0
AND NOT EXISTS (
    SELECT 1 FROM delivery
    WHERE delivery.tenant_id = :tenant_id AND delivery.event_id = event.id AND delivery.endpoint_id = :endpoint_id
);

-- name: insert_replayed_deliveries
-- Queue events again; they are new work that counts on from the log.
INSERT INTO delivery (tenant_id, endpoint_id, event_id, ordering_key, due_at, attempts, deferred)
VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: remove_job_events
-- What a job has behind it, or will never do.
DELETE FROM job_event
WHERE tenant_id = :tenant_id AND job_id = :id AND event_seq IN (SELECT value FROM json_each(:seqs));

-- name: note_progress
-- Note what a job has done.
UPDATE job SET done = done + :count WHERE id = :id;

-- name: finish_job
-- A job has nothing left to do.
UPDATE job SET state = 'done', finished_at = :now, open = 0 WHERE id = :id;

-- name: close_job
-- Nothing of a cancelled job is left.
UPDATE job SET open = 0 WHERE id = :id;

-- name: expire_jobs
-- Remove a tenant's oldest jobs before an id, of those that have ended.
DELETE FROM job WHERE id IN (
    SELECT id FROM job WHERE tenant_id = :tenant_id AND id < :before AND open = 0 ORDER BY id LIMIT :limit
);
