-- Repairing what crashes leave, and removing what was deleted, in small steps. Which endpoints have deliveries is found by
-- a skip scan over the lanes of all tenants, one look at the index for each.

-- name: stranded_lanes
-- Lanes after one, with due work, that nobody owns and whose bell doesn't call for it. -- all tenants: a skip scan.
WITH RECURSIVE pending (tenant_id, endpoint_id) AS (
    (
        SELECT tenant_id, endpoint_id FROM delivery
        WHERE (tenant_id, endpoint_id) > (%(after_tenant)s, %(after)s) AND endpoint_id > ''
        ORDER BY tenant_id, endpoint_id LIMIT 1
    )
    UNION ALL
    SELECT next.tenant_id, next.endpoint_id
    FROM pending
    CROSS JOIN LATERAL (
        SELECT tenant_id, endpoint_id FROM delivery
        WHERE (delivery.tenant_id, delivery.endpoint_id) > (pending.tenant_id, pending.endpoint_id)
        AND delivery.endpoint_id > ''
        ORDER BY tenant_id, endpoint_id LIMIT 1
    ) AS next
)
SELECT
    lane.tenant_id, lane.endpoint_id,
    coalesce((SELECT ordering FROM endpoint WHERE endpoint.id = lane.endpoint_id), 'none')
FROM pending
CROSS JOIN LATERAL (
    SELECT tenant_id, endpoint_id, owner, due_at, not_before FROM lane
    WHERE lane.endpoint_id = pending.endpoint_id AND lane.tenant_id = pending.tenant_id
    OFFSET 0
) AS lane
WHERE lane.owner IS NULL
AND (lane.due_at IS NULL OR lane.due_at > greatest(%(now)s, lane.not_before))
AND (
    EXISTS (
        SELECT 1 FROM delivery
        WHERE delivery.tenant_id = lane.tenant_id AND delivery.endpoint_id = lane.endpoint_id
        AND delivery.endpoint_id > '' AND ordering_key IS NULL AND NOT deferred
    )
    OR EXISTS (
        SELECT 1 FROM delivery
        WHERE delivery.tenant_id = lane.tenant_id AND delivery.endpoint_id = lane.endpoint_id
        AND ordering_key IS NOT NULL AND NOT deferred
    )
    OR EXISTS (
        SELECT 1 FROM delivery
        WHERE delivery.tenant_id = lane.tenant_id AND delivery.endpoint_id = lane.endpoint_id
        AND deferred AND due_at <= %(now)s
    )
)
LIMIT %(limit)s;

-- name: stranded_handshakes
-- Lanes whose endpoint waits for its handshake, that nobody owns and whose bell doesn't call for it.
SELECT lane.tenant_id, lane.endpoint_id
FROM endpoint
JOIN lane ON lane.endpoint_id = endpoint.id
WHERE endpoint.status = 'verification_pending' AND endpoint.deleted_at IS NULL AND lane.owner IS NULL
AND (lane.due_at IS NULL OR lane.due_at > greatest(%(now)s, lane.not_before))
ORDER BY endpoint.id
LIMIT %(limit)s;

-- name: ring_stranded
-- Ring those of these lanes that nobody has taken meanwhile, in the order of the endpoints.
WITH bell AS MATERIALIZED (
    SELECT endpoint_id FROM lane
    WHERE endpoint_id = ANY (%(endpoint_ids)s::text[])
    AND owner IS NULL AND (due_at IS NULL OR due_at > greatest(%(now)s, not_before))
    ORDER BY endpoint_id || ''
    FOR UPDATE
)
UPDATE lane SET due_at = greatest(%(now)s, not_before) WHERE endpoint_id = ANY (ARRAY(SELECT endpoint_id FROM bell));

-- name: orphaned_owners
-- Who owns lanes and has no node row. A node's row is there before it owns anything; one without never owns again.
WITH RECURSIVE owner (id) AS (
    (SELECT owner FROM lane WHERE owner IS NOT NULL ORDER BY owner LIMIT 1)
    UNION ALL
    SELECT next.owner
    FROM owner
    CROSS JOIN LATERAL (
        SELECT lane.owner FROM lane WHERE lane.owner > owner.id ORDER BY lane.owner LIMIT 1
    ) AS next
)
SELECT owner.id FROM owner WHERE (SELECT count(*) FROM node WHERE node.id = owner.id) = 0;

-- name: free_orphaned_lanes
-- Free and ring the lanes of nodes that are gone.
WITH freed AS MATERIALIZED (
    SELECT endpoint_id FROM lane WHERE owner = ANY (%(owners)s::text[]) ORDER BY endpoint_id || '' FOR UPDATE
)
UPDATE lane
SET owner = NULL, due_at = least(due_at, greatest(%(now)s, not_before)), freed_at = %(now)s
WHERE endpoint_id = ANY (ARRAY(SELECT endpoint_id FROM freed));

-- name: missing_lanes
-- Endpoints that have deliveries and no lane. -- all tenants: a skip scan.
WITH RECURSIVE pending (tenant_id, endpoint_id) AS (
    (SELECT tenant_id, endpoint_id FROM delivery WHERE endpoint_id > '' ORDER BY tenant_id, endpoint_id LIMIT 1)
    UNION ALL
    SELECT next.tenant_id, next.endpoint_id
    FROM pending
    CROSS JOIN LATERAL (
        SELECT tenant_id, endpoint_id FROM delivery
        WHERE (delivery.tenant_id, delivery.endpoint_id) > (pending.tenant_id, pending.endpoint_id)
        AND delivery.endpoint_id > ''
        ORDER BY tenant_id, endpoint_id LIMIT 1
    ) AS next
)
SELECT pending.endpoint_id
FROM pending
WHERE (SELECT count(*) FROM lane WHERE lane.endpoint_id = pending.endpoint_id) = 0
AND (SELECT count(*) FROM endpoint WHERE endpoint.id = pending.endpoint_id AND endpoint.deleted_at IS NULL) = 1
LIMIT %(limit)s;

-- name: keep_endpoints
-- Keep the rows of endpoints as they are, so that nobody else gives them lanes.
SELECT 1 FROM endpoint WHERE id = ANY (%(endpoint_ids)s::text[]) ORDER BY id || '' FOR UPDATE;

-- name: lost_endpoints
-- Endpoints that have deliveries although they are deleted or gone. -- all tenants: a skip scan.
WITH RECURSIVE pending (tenant_id, endpoint_id) AS (
    (SELECT tenant_id, endpoint_id FROM delivery WHERE endpoint_id > '' ORDER BY tenant_id, endpoint_id LIMIT 1)
    UNION ALL
    SELECT next.tenant_id, next.endpoint_id
    FROM pending
    CROSS JOIN LATERAL (
        SELECT tenant_id, endpoint_id FROM delivery
        WHERE (delivery.tenant_id, delivery.endpoint_id) > (pending.tenant_id, pending.endpoint_id)
        AND delivery.endpoint_id > ''
        ORDER BY tenant_id, endpoint_id LIMIT 1
    ) AS next
)
SELECT pending.tenant_id, pending.endpoint_id
FROM pending
WHERE (SELECT count(*) FROM endpoint WHERE endpoint.id = pending.endpoint_id AND endpoint.deleted_at IS NULL) = 0
LIMIT %(limit)s;

-- name: lock_deliveries_to_cancel
-- Some deliveries of an endpoint that is deleted or gone, held, with the types of their events.
SELECT
    delivery.tenant_id, delivery.endpoint_id, delivery.event_id, delivery.ordering_key,
    delivery.due_at, delivery.seq, delivery.attempts, delivery.tries, (
        SELECT type FROM event
        WHERE event.tenant_id = %(tenant_id)s AND event.id = delivery.event_id
        AND event.accepted_at = delivery.event_at
    )
FROM (
    SELECT tenant_id, endpoint_id, event_id, ordering_key, due_at, seq, attempts, tries, event_at
    FROM delivery
    WHERE tenant_id = %(tenant_id)s AND endpoint_id = %(endpoint_id)s AND endpoint_id > ''
    AND NOT EXISTS (SELECT 1 FROM endpoint WHERE endpoint.id = %(endpoint_id)s AND endpoint.deleted_at IS NULL)
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
) AS delivery;

-- name: emptied_tombstones
-- Deleted endpoints that have no deliveries left.
SELECT id FROM endpoint
WHERE deleted_at IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM delivery
    WHERE delivery.tenant_id = endpoint.tenant_id AND delivery.endpoint_id = endpoint.id AND delivery.endpoint_id > ''
)
LIMIT %(limit)s;

-- name: lock_tombstones
-- Those of the endpoints that are deleted and have no deliveries left; nothing while another process removes them.
SELECT id FROM endpoint
WHERE id = ANY (%(endpoint_ids)s::text[]) AND deleted_at IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM delivery
    WHERE delivery.tenant_id = endpoint.tenant_id AND delivery.endpoint_id = endpoint.id AND delivery.endpoint_id > ''
)
ORDER BY id || ''
LIMIT %(limit)s
FOR UPDATE SKIP LOCKED;

-- name: delete_lanes
-- Remove lanes.
WITH doomed AS MATERIALIZED (
    SELECT endpoint_id FROM lane WHERE endpoint_id = ANY (%(endpoint_ids)s::text[]) ORDER BY endpoint_id FOR UPDATE
)
DELETE FROM lane USING doomed WHERE lane.endpoint_id = doomed.endpoint_id;

-- name: delete_secrets
-- Remove the secrets of endpoints.
WITH doomed AS MATERIALIZED (
    SELECT id FROM secret WHERE endpoint_id = ANY (%(endpoint_ids)s::text[]) ORDER BY id FOR UPDATE
)
DELETE FROM secret USING doomed WHERE secret.id = doomed.id;

-- name: delete_failures_of_filters
-- Forget what is told of the filters of endpoints.
WITH doomed AS MATERIALIZED (
    SELECT rule_failure.tenant_id, rule_failure.rule_id
    FROM endpoint
    JOIN rule_failure ON rule_failure.tenant_id = endpoint.tenant_id AND rule_failure.rule_id = endpoint.id
    WHERE endpoint.id = ANY (%(endpoint_ids)s::text[])
    ORDER BY rule_failure.tenant_id, rule_failure.rule_id
    FOR UPDATE OF rule_failure
)
DELETE FROM rule_failure USING doomed
WHERE rule_failure.tenant_id = doomed.tenant_id AND rule_failure.rule_id = doomed.rule_id;

-- name: delete_endpoints
-- Remove endpoints.
DELETE FROM endpoint WHERE id = ANY (%(endpoint_ids)s::text[]);

-- name: deleted_tenants
-- Tenants that are being purged.
SELECT id FROM tenant WHERE deleted_at IS NOT NULL ORDER BY id LIMIT %(limit)s;

-- name: lock_deleted_tenant
-- Hold a deleted tenant; nothing while another process purges it.
SELECT 1 FROM tenant WHERE id = %(tenant_id)s AND deleted_at IS NOT NULL FOR UPDATE SKIP LOCKED;

-- name: purge_deliveries
-- Remove some deliveries of a tenant.
DELETE FROM delivery
WHERE tenant_id = %(tenant_id)s AND seq = ANY (ARRAY(
    SELECT seq FROM delivery WHERE tenant_id = %(tenant_id)s ORDER BY seq LIMIT %(limit)s FOR UPDATE
));

-- name: purge_events
-- Remove some events of a tenant.
DELETE FROM event
WHERE tenant_id = %(tenant_id)s AND id = ANY (ARRAY(
    SELECT id FROM event WHERE tenant_id = %(tenant_id)s ORDER BY id LIMIT %(limit)s FOR UPDATE
));

-- name: purge_job_events
-- Remove some of what a tenant's jobs have to do.
DELETE FROM job_event
WHERE tenant_id = %(tenant_id)s AND ctid = ANY (ARRAY(
    SELECT ctid FROM job_event
    WHERE tenant_id = %(tenant_id)s ORDER BY job_id, event_seq LIMIT %(limit)s FOR UPDATE
));

-- name: purge_jobs
-- Remove some jobs of a tenant.
DELETE FROM job WHERE id = ANY (ARRAY(
    SELECT id FROM job WHERE tenant_id = %(tenant_id)s ORDER BY id LIMIT %(limit)s FOR UPDATE
));

-- name: purge_event_keys
-- Remove some keys that callers of a tenant chose, and numbers.
DELETE FROM event_key
WHERE tenant_id = %(tenant_id)s AND ctid = ANY (ARRAY(
    SELECT ctid FROM event_key WHERE tenant_id = %(tenant_id)s ORDER BY kind, key LIMIT %(limit)s FOR UPDATE
));

-- name: purge_attempts
-- Remove some of a tenant's log.
DELETE FROM attempt
WHERE tenant_id = %(tenant_id)s AND id = ANY (ARRAY(
    SELECT id FROM attempt WHERE tenant_id = %(tenant_id)s ORDER BY id LIMIT %(limit)s FOR UPDATE
));

-- name: purge_days
-- Remove some of a tenant's figures.
DELETE FROM endpoint_day
WHERE tenant_id = %(tenant_id)s AND ctid = ANY (ARRAY(
    SELECT ctid FROM endpoint_day
    WHERE tenant_id = %(tenant_id)s ORDER BY endpoint_id, day LIMIT %(limit)s FOR UPDATE
));

-- name: purge_day_deltas
-- Remove some of a tenant's figures that are not counted yet.
DELETE FROM endpoint_day_delta
WHERE tenant_id = %(tenant_id)s AND ctid = ANY (ARRAY(
    SELECT ctid FROM endpoint_day_delta WHERE tenant_id = %(tenant_id)s ORDER BY endpoint_id LIMIT %(limit)s FOR UPDATE
));

-- name: purge_lanes
-- Remove some lanes of a tenant's endpoints.
DELETE FROM lane WHERE endpoint_id = ANY (ARRAY(
    SELECT lane.endpoint_id
    FROM endpoint
    CROSS JOIN LATERAL (SELECT endpoint_id FROM lane WHERE lane.endpoint_id = endpoint.id OFFSET 0 FOR UPDATE) AS lane
    WHERE endpoint.tenant_id = %(tenant_id)s
    ORDER BY endpoint.id LIMIT %(limit)s
));

-- name: purge_endpoints
-- Remove some endpoints of a tenant, once their lanes are gone.
DELETE FROM endpoint WHERE id = ANY (ARRAY(
    SELECT id FROM endpoint WHERE tenant_id = %(tenant_id)s ORDER BY id LIMIT %(limit)s FOR UPDATE
));

-- name: purge_secrets
-- Remove some secrets of a tenant and its endpoints.
DELETE FROM secret WHERE id = ANY (ARRAY(
    SELECT id FROM secret WHERE tenant_id = %(tenant_id)s ORDER BY id LIMIT %(limit)s FOR UPDATE
));

-- name: purge_records
-- Remove some records of a tenant.
DELETE FROM record
WHERE tenant_id = %(tenant_id)s AND ctid = ANY (ARRAY(
    SELECT ctid FROM record WHERE tenant_id = %(tenant_id)s ORDER BY type, id LIMIT %(limit)s FOR UPDATE
));

-- name: purge_members
-- Remove some members of a tenant's sets, but for those that another process clears.
DELETE FROM tracked_member
WHERE tenant_id = %(tenant_id)s AND ctid = ANY (ARRAY(
    SELECT ctid FROM tracked_member
    WHERE tenant_id = %(tenant_id)s ORDER BY set_id, member LIMIT %(limit)s FOR UPDATE SKIP LOCKED
));

-- name: purge_tracked_sets_gone
-- Forget some deleted sets of a tenant, but for those that another process clears.
DELETE FROM tracked_set_gone
WHERE tenant_id = %(tenant_id)s AND id = ANY (ARRAY(
    SELECT id FROM tracked_set_gone
    WHERE tenant_id = %(tenant_id)s ORDER BY id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
));

-- name: purge_rule_failures
-- Remove some failures of a tenant's rules.
DELETE FROM rule_failure
WHERE tenant_id = %(tenant_id)s AND rule_id = ANY (ARRAY(
    SELECT rule_id FROM rule_failure WHERE tenant_id = %(tenant_id)s ORDER BY rule_id LIMIT %(limit)s FOR UPDATE
));

-- name: purge_notices
-- Remove some notices of a tenant.
DELETE FROM notice
WHERE tenant_id = %(tenant_id)s AND id = ANY (ARRAY(
    SELECT id FROM notice WHERE tenant_id = %(tenant_id)s ORDER BY id LIMIT %(limit)s FOR UPDATE
));

-- name: purge_tenant
-- Set a deleted tenant's name free.
DELETE FROM tenant WHERE id = %(tenant_id)s AND deleted_at IS NOT NULL;

-- name: expire_keys
-- Remove some idempotency keys past their time. -- all tenants: by the index of their ends.
DELETE FROM event_key WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM event_key
    WHERE expires_at <= %(now)s
    ORDER BY expires_at LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
));

-- name: gather_days
-- Fold some additions to figures of days into them, from an endpoint on; how many, the last. -- all tenants: steps.
WITH taken AS (
    DELETE FROM endpoint_day_delta
    WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM endpoint_day_delta
        WHERE (tenant_id, endpoint_id) >= (%(from_tenant)s, %(from_endpoint)s)
        ORDER BY tenant_id, endpoint_id LIMIT %(limit)s
        FOR UPDATE SKIP LOCKED
    ))
    RETURNING tenant_id, endpoint_id, day, succeeded, failed
),
gathered AS (
    INSERT INTO endpoint_day AS present (tenant_id, endpoint_id, day, succeeded, failed)
    SELECT tenant_id, endpoint_id, day, sum(succeeded)::bigint, sum(failed)::bigint
    FROM taken
    GROUP BY tenant_id, endpoint_id, day
    ORDER BY tenant_id, endpoint_id, day
    ON CONFLICT (tenant_id, endpoint_id, day) DO UPDATE
    SET succeeded = present.succeeded + excluded.succeeded, failed = present.failed + excluded.failed
)
SELECT count(*), (array_agg(ARRAY[tenant_id, endpoint_id] ORDER BY tenant_id DESC, endpoint_id DESC))[1:1] FROM taken;
