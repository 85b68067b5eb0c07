-- Repairing what crashes leave, and removing what was deleted, in small steps.

-- name: stranded_lanes
-- Lanes after an id, with due work, that nobody owns and whose bell doesn't call for it; and how they are ordered.
WITH RECURSIVE pending (endpoint_id) AS (
    SELECT min(endpoint_id) FROM delivery WHERE endpoint_id > :after
    UNION ALL
    SELECT (SELECT min(endpoint_id) FROM delivery WHERE endpoint_id > pending.endpoint_id)
    FROM pending WHERE pending.endpoint_id IS NOT NULL
)
SELECT lane.tenant_id, lane.endpoint_id, ifnull(endpoint.ordering, 'none')
FROM pending
CROSS JOIN lane ON lane.endpoint_id = pending.endpoint_id
LEFT JOIN endpoint ON endpoint.id = pending.endpoint_id
WHERE lane.owner IS NULL
AND (lane.due_at IS NULL OR lane.due_at > max(:now, lane.not_before))
AND (
    EXISTS (
        SELECT 1 FROM delivery INDEXED BY delivery_in_lane
        WHERE delivery.endpoint_id = lane.endpoint_id AND ordering_key IS NULL AND deferred = 0
    )
    OR EXISTS (
        SELECT 1 FROM delivery INDEXED BY delivery_keyed
        WHERE delivery.endpoint_id = lane.endpoint_id AND ordering_key IS NOT NULL AND deferred = 0
    )
    OR EXISTS (
        SELECT 1 FROM delivery INDEXED BY delivery_deferred
        WHERE delivery.endpoint_id = lane.endpoint_id AND deferred = 1 AND due_at <= :now
    )
)
LIMIT :limit;

-- name: stranded_handshakes
-- Lanes whose endpoint waits for its handshake, that nobody owns and whose bell doesn't call for it.
SELECT lane.tenant_id, lane.endpoint_id
FROM endpoint
CROSS JOIN lane ON lane.endpoint_id = endpoint.id
WHERE endpoint.status = 'verification_pending' AND endpoint.deleted_at IS NULL AND lane.owner IS NULL
AND (lane.due_at IS NULL OR lane.due_at > max(:now, lane.not_before))
ORDER BY endpoint.id
LIMIT :limit;

-- name: missing_lanes
-- Endpoints that have deliveries and no lane.
WITH RECURSIVE pending (endpoint_id) AS (
    SELECT min(endpoint_id) FROM delivery
    UNION ALL
    SELECT (SELECT min(endpoint_id) FROM delivery WHERE endpoint_id > pending.endpoint_id)
    FROM pending WHERE pending.endpoint_id IS NOT NULL
)
SELECT endpoint.id
FROM pending
CROSS JOIN endpoint ON endpoint.id = pending.endpoint_id AND endpoint.deleted_at IS NULL
WHERE NOT EXISTS (SELECT 1 FROM lane WHERE lane.endpoint_id = endpoint.id)
LIMIT :limit;

-- name: lost_endpoints
-- Endpoints that have deliveries although they are deleted or gone.
WITH RECURSIVE pending (endpoint_id) AS (
    SELECT min(endpoint_id) FROM delivery
    UNION ALL
    SELECT (SELECT min(endpoint_id) FROM delivery WHERE endpoint_id > pending.endpoint_id)
    FROM pending WHERE pending.endpoint_id IS NOT NULL
)
SELECT pending.endpoint_id
FROM pending
WHERE pending.endpoint_id IS NOT NULL
AND NOT EXISTS (SELECT 1 FROM endpoint WHERE endpoint.id = pending.endpoint_id AND endpoint.deleted_at IS NULL)
LIMIT :limit;

-- name: deliveries_to_cancel
-- Some deliveries of an endpoint that is deleted or gone, with the types of their events.
SELECT
    delivery.tenant_id, delivery.endpoint_id, delivery.event_id, delivery.ordering_key,
    delivery.due_at, delivery.seq, delivery.attempts, delivery.tries, event.type
FROM delivery
LEFT JOIN event ON event.tenant_id = delivery.tenant_id AND event.id = delivery.event_id
WHERE delivery.endpoint_id = :endpoint_id
AND NOT EXISTS (SELECT 1 FROM endpoint WHERE endpoint.id = :endpoint_id AND endpoint.deleted_at IS NULL)
LIMIT :limit;

-- name: emptied_tombstones
-- Deleted endpoints that have no deliveries left.
SELECT id FROM endpoint
WHERE deleted_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM delivery WHERE delivery.endpoint_id = endpoint.id)
LIMIT :limit;

-- name: delete_lanes
-- Remove lanes.
DELETE FROM lane WHERE endpoint_id IN (SELECT value FROM json_each(:endpoint_ids));

-- name: delete_secrets
-- Remove the secrets of endpoints.
DELETE FROM secret WHERE endpoint_id IN (SELECT value FROM json_each(:endpoint_ids));

-- name: delete_failures_of_filters
-- Forget what is told of the filters of endpoints.
DELETE FROM rule_failure WHERE (tenant_id, rule_id) IN (
    SELECT endpoint.tenant_id, endpoint.id
    FROM json_each(:endpoint_ids) AS asked CROSS JOIN endpoint ON endpoint.id = asked.value
);

-- name: delete_endpoints
-- Remove endpoints.
DELETE FROM endpoint WHERE id IN (SELECT value FROM json_each(:endpoint_ids));

-- name: deleted_tenants
-- Tenants that are being purged.
SELECT id FROM tenant WHERE deleted_at IS NOT NULL ORDER BY id LIMIT :limit;

-- name: purge_deliveries
-- Remove some deliveries of a tenant.
DELETE FROM delivery WHERE seq IN (SELECT seq FROM delivery WHERE tenant_id = :tenant_id LIMIT :limit);

-- name: purge_events
-- Remove some events of a tenant.
DELETE FROM event WHERE seq IN (SELECT seq FROM event WHERE tenant_id = :tenant_id LIMIT :limit);

-- name: purge_job_events
-- Remove some of what a tenant's jobs have to do.
DELETE FROM job_event WHERE (tenant_id, job_id, event_seq) IN (
    SELECT tenant_id, job_id, event_seq FROM job_event WHERE tenant_id = :tenant_id LIMIT :limit
);

-- name: purge_jobs
-- Remove some jobs of a tenant.
DELETE FROM job WHERE id IN (SELECT id FROM job WHERE tenant_id = :tenant_id LIMIT :limit);

-- name: purge_event_keys
-- Remove some keys that callers of a tenant chose.
DELETE FROM event_key WHERE (tenant_id, kind, key) IN (
    SELECT tenant_id, kind, key FROM event_key WHERE tenant_id = :tenant_id LIMIT :limit
);

-- name: purge_attempts
-- Remove some of a tenant's log.
DELETE FROM attempt WHERE seq IN (SELECT seq FROM attempt WHERE tenant_id = :tenant_id LIMIT :limit);

-- name: purge_days
-- Remove some of a tenant's figures.
DELETE FROM endpoint_day WHERE (tenant_id, endpoint_id, day) IN (
    SELECT tenant_id, endpoint_id, day FROM endpoint_day WHERE tenant_id = :tenant_id LIMIT :limit
);

-- name: purge_lanes
-- Remove some lanes of a tenant's endpoints.
DELETE FROM lane WHERE endpoint_id IN (
    SELECT lane.endpoint_id FROM endpoint CROSS JOIN lane ON lane.endpoint_id = endpoint.id
    WHERE endpoint.tenant_id = :tenant_id LIMIT :limit
);

-- name: purge_endpoints
-- Remove some endpoints of a tenant, once their lanes are gone.
DELETE FROM endpoint WHERE id IN (SELECT id FROM endpoint WHERE tenant_id = :tenant_id LIMIT :limit);

-- name: purge_secrets
-- Remove some secrets of a tenant and its endpoints.
DELETE FROM secret WHERE id IN (SELECT id FROM secret WHERE tenant_id = :tenant_id LIMIT :limit);

-- name: purge_records
-- Remove some records of a tenant.
DELETE FROM record WHERE rowid IN (SELECT rowid FROM record WHERE tenant_id = :tenant_id LIMIT :limit);

-- name: purge_members
-- Remove some members of a tenant's sets.
DELETE FROM tracked_member WHERE (tenant_id, set_id, member) IN (
    SELECT tenant_id, set_id, member FROM tracked_member WHERE tenant_id = :tenant_id LIMIT :limit
);

-- name: purge_tracked_sets_gone
-- Forget some deleted sets of a tenant.
DELETE FROM tracked_set_gone WHERE (tenant_id, id) IN (
    SELECT tenant_id, id FROM tracked_set_gone WHERE tenant_id = :tenant_id LIMIT :limit
);

-- name: purge_rule_failures
-- Forget some of what is told of a tenant's rules.
DELETE FROM rule_failure WHERE (tenant_id, rule_id) IN (
    SELECT tenant_id, rule_id FROM rule_failure WHERE tenant_id = :tenant_id LIMIT :limit
);

-- name: purge_notices
-- Remove some notices of a tenant.
DELETE FROM notice WHERE (tenant_id, id) IN (
    SELECT tenant_id, id FROM notice WHERE tenant_id = :tenant_id LIMIT :limit
);

-- name: purge_tenant
-- Set a deleted tenant's name free.
DELETE FROM tenant WHERE id = :tenant_id AND deleted_at IS NOT NULL;

-- name: expire_keys
-- Remove some idempotency keys past their time.
DELETE FROM event_key WHERE (tenant_id, kind, key) IN (
    SELECT tenant_id, kind, key FROM event_key WHERE expires_at <= :now LIMIT :limit
);

-- name: prove_commit
-- A write that changes nothing anybody reads.
UPDATE commit_check SET count = count + 1;
