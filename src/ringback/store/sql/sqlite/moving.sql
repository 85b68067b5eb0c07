-- Everything that is moved to another store, table by table, in steps by key.
--
-- The first columns are the key (`key_1`, …), after which the next step goes on; the others have the names of the other
-- store's columns. No LIMIT: a step stops reading when it has enough bytes. Nothing is sorted, the key's index gives
-- the order.

-- name: move_tenant
-- Tenants after an id.
SELECT
    id AS key_1, id, name, profile, webhooks_enabled, retention_days, created_at, updated_at, revision, deleted_at,
    events_per_second, endpoints_max, payload_bytes_max, viewers_see_bodies
FROM tenant WHERE id > :key_1 ORDER BY id;

-- name: move_api_key
-- Keys after an id.
SELECT id AS key_1, id, scope, tenant_id, label, hash, created_at FROM api_key WHERE id > :key_1 ORDER BY id;

-- name: move_profile
-- Profiles after a name.
SELECT name AS key_1, name, version, created_at, updated_at, revision, text
FROM profile WHERE name > :key_1 ORDER BY name;

-- name: move_event_type
-- Event types after a name.
SELECT name AS key_1, name, description, deprecated, created_at, updated_at, revision, schema, sample
FROM event_type WHERE name > :key_1 ORDER BY name;

-- name: move_event_type_version
-- The schemas that event types have had, after a key.
SELECT name AS key_1, version AS key_2, name, version, created_at, schema
FROM event_type_version WHERE (name, version) > (:key_1, :key_2) ORDER BY name, version;

-- name: move_record_type
-- Record types after a name.
SELECT name AS key_1, name, fields, ignored, deleted_kept_days, created_at, updated_at, revision
FROM record_type WHERE name > :key_1 ORDER BY name;

-- name: move_record_trigger
-- Triggers after an id.
SELECT
    id AS key_1, id, tenant_id, name, record_type, condition, emits, data, cooldown_s, active, template, parameters,
    created_at, updated_at, revision
FROM record_trigger WHERE id > :key_1 ORDER BY id;

-- name: move_endpoint
-- Endpoints after an id; those of older versions say nothing of their profile.
SELECT
    id AS key_1, id, tenant_id, label, url, status, ordering,
    ifnull(CAST(config AS TEXT) ->> '$.profile', 'standard') AS profile,
    revision, deleted_at, disabled_at, config, key_id, credentials
FROM endpoint WHERE id > :key_1 ORDER BY id;

-- name: move_secret
-- Secrets after an id, as they are sealed.
SELECT id AS key_1, id, tenant_id, endpoint_id, value, created_at, expires_at, key_id, fingerprint
FROM secret WHERE id > :key_1 ORDER BY id;

-- name: move_change
-- The log of changes after a version, so that versions go on.
SELECT version AS key_1, version, kind, tenant_id, id FROM change WHERE version > :key_1 ORDER BY version;

-- name: move_event
-- Events after a place in the stream.
SELECT
    seq AS key_1, tenant_id, id, accepted_at, seq, type, channel, subject_type, subject_id, change, ordering_key,
    occurred_at, deliver_at, hops, deliveries, data, previous, trace, number, changed, origin, missed
FROM event WHERE seq > :key_1 ORDER BY seq;

-- name: move_event_key
-- Keys that callers chose, after a key.
SELECT
    tenant_id AS key_1, kind AS key_2, key AS key_3, tenant_id, kind, key, body_hash, event_ids, expires_at
FROM event_key WHERE (tenant_id, kind, key) > (:key_1, :key_2, :key_3) ORDER BY tenant_id, kind, key;

-- name: move_event_number
-- Numbers of events after one, as the claims that make them unique.
SELECT
    tenant_id AS key_1, number AS key_2, tenant_id, 'number' AS kind, CAST(number AS TEXT) AS key, x'' AS body_hash,
    json_array(id) AS event_ids, NULL AS expires_at
FROM event WHERE (tenant_id, number) > (:key_1, :key_2) AND number IS NOT NULL ORDER BY tenant_id, number;

-- name: move_delivery
-- Deliveries after a number, with the times of their events. One whose event is gone belongs to the first day of all.
SELECT
    delivery.seq AS key_1, delivery.tenant_id, delivery.seq, delivery.endpoint_id, delivery.event_id,
    ifnull(event.accepted_at, 0) AS event_at,
    delivery.due_at, delivery.attempts, delivery.tries, delivery.deferred, delivery.ordering_key
FROM delivery LEFT JOIN event ON event.tenant_id = delivery.tenant_id AND event.id = delivery.event_id
WHERE delivery.seq > :key_1 ORDER BY delivery.seq;

-- name: move_job
-- Jobs after an id.
SELECT
    id AS key_1, id, tenant_id, endpoint_id, kind, which, state, since, until, matched, done, created_at, finished_at,
    ready, open
FROM job WHERE id > :key_1 ORDER BY id;

-- name: move_job_event
-- What jobs have yet to do, after a key.
SELECT
    tenant_id AS key_1, job_id AS key_2, event_seq AS key_3, tenant_id, job_id, event_seq
FROM job_event WHERE (tenant_id, job_id, event_seq) > (:key_1, :key_2, :key_3) ORDER BY tenant_id, job_id, event_seq;

-- name: move_attempt
-- The log after a row.
SELECT
    seq AS key_1, tenant_id, id, endpoint_id, event_id, event_type, number, at, duration_ms, outcome, final, superseded,
    status_code, error_code, error_message, timings, remote_address, http_version, method, url, request_headers,
    request_body, body_head, body_tail, response_headers, response_body, response_truncated, profile, maybe_repeated
FROM attempt WHERE seq > :key_1 ORDER BY seq;

-- name: move_endpoint_day
-- Figures of endpoints after a key.
SELECT tenant_id AS key_1, endpoint_id AS key_2, day AS key_3, tenant_id, endpoint_id, day, succeeded, failed
FROM endpoint_day WHERE (tenant_id, endpoint_id, day) > (:key_1, :key_2, :key_3)
ORDER BY tenant_id, endpoint_id, day;

-- name: move_lane
-- Lanes after an id, owned by nobody; the bell of one with work calls for it, but not before its pause ends.
SELECT
    endpoint_id AS key_1, endpoint_id, tenant_id,
    CASE
        WHEN work_at IS NOT NULL THEN max(not_before, min(work_at, ifnull(due_at, work_at)))
        WHEN owner IS NOT NULL THEN ifnull(due_at, not_before)
        ELSE due_at
    END AS due_at,
    not_before, NULL AS owner, health, freed_at, 0 AS turn
FROM (
    SELECT
        lane.*,
        (
            SELECT min(due_at) FROM (
                SELECT * FROM (
                    SELECT due_at FROM delivery INDEXED BY delivery_in_lane
                    WHERE endpoint_id = lane.endpoint_id AND ordering_key IS NULL AND deferred = 0
                    ORDER BY seq LIMIT 1
                )
                UNION ALL
                SELECT * FROM (
                    SELECT due_at FROM delivery INDEXED BY delivery_keyed
                    WHERE endpoint_id = lane.endpoint_id AND ordering_key IS NOT NULL AND deferred = 0
                    ORDER BY seq LIMIT 1
                )
                UNION ALL
                SELECT * FROM (
                    SELECT due_at FROM delivery INDEXED BY delivery_deferred
                    WHERE endpoint_id = lane.endpoint_id AND deferred = 1
                    ORDER BY due_at LIMIT 1
                )
            )
        ) AS work_at
    FROM lane
)
WHERE endpoint_id > :key_1 ORDER BY endpoint_id;

-- name: move_record
-- Records after a key.
SELECT
    tenant_id AS key_1, type AS key_2, id AS key_3, tenant_id, type, id, revision, version, source_at, created_at,
    updated_at, forget_at, marks, data
FROM record WHERE (tenant_id, type, id) > (:key_1, :key_2, :key_3) ORDER BY tenant_id, type, id;

-- name: move_tracked_set
-- Tracked sets after a key.
SELECT tenant_id AS key_1, name AS key_2, tenant_id, name, id, members, created_at, updated_at
FROM tracked_set WHERE (tenant_id, name) > (:key_1, :key_2) ORDER BY tenant_id, name;

-- name: move_tracked_member
-- Members of sets after a key.
SELECT tenant_id AS key_1, set_id AS key_2, member AS key_3, tenant_id, set_id, member
FROM tracked_member WHERE (tenant_id, set_id, member) > (:key_1, :key_2, :key_3) ORDER BY tenant_id, set_id, member;

-- name: move_tracked_set_gone
-- Sets whose members are yet to go, after a key.
SELECT tenant_id AS key_1, id AS key_2, tenant_id, id
FROM tracked_set_gone WHERE (tenant_id, id) > (:key_1, :key_2) ORDER BY tenant_id, id;

-- name: move_rule_failure
-- What is told of rules that failed, after a key.
SELECT tenant_id AS key_1, rule_id AS key_2, tenant_id, rule_id, at, event_id, message
FROM rule_failure WHERE (tenant_id, rule_id) > (:key_1, :key_2) ORDER BY tenant_id, rule_id;

-- name: move_notice
-- Notices after a key.
SELECT tenant_id AS key_1, id AS key_2, tenant_id, id, type, endpoint_id, at, data
FROM notice WHERE (tenant_id, id) > (:key_1, :key_2) ORDER BY tenant_id, id;

-- name: move_operator
-- Operators after an id.
SELECT id AS key_1, id, name, password_hash, created_at, changed_at FROM operator WHERE id > :key_1 ORDER BY id;

-- name: move_audit_entry
-- Entries of the audit log after an id.
SELECT id AS key_1, id, tenant_id, at, actor, action, about, facts
FROM audit_entry WHERE id > :key_1 ORDER BY id;

-- name: rows_to_move
-- How many rows each part of the move has.
SELECT 'tenant', count(*) FROM tenant
UNION ALL SELECT 'api_key', count(*) FROM api_key
UNION ALL SELECT 'profile', count(*) FROM profile
UNION ALL SELECT 'event_type', count(*) FROM event_type
UNION ALL SELECT 'endpoint', count(*) FROM endpoint
UNION ALL SELECT 'secret', count(*) FROM secret
UNION ALL SELECT 'change', count(*) FROM change
UNION ALL SELECT 'event', count(*) FROM event
UNION ALL SELECT 'event_key', count(*) FROM event_key
UNION ALL SELECT 'event_number', count(*) FROM event WHERE number IS NOT NULL
UNION ALL SELECT 'delivery', count(*) FROM delivery
UNION ALL SELECT 'job', count(*) FROM job
UNION ALL SELECT 'job_event', count(*) FROM job_event
UNION ALL SELECT 'attempt', count(*) FROM attempt
UNION ALL SELECT 'endpoint_day', count(*) FROM endpoint_day
UNION ALL SELECT 'lane', count(*) FROM lane
UNION ALL SELECT 'event_type_version', count(*) FROM event_type_version
UNION ALL SELECT 'record_type', count(*) FROM record_type
UNION ALL SELECT 'record_trigger', count(*) FROM record_trigger
UNION ALL SELECT 'record', count(*) FROM record
UNION ALL SELECT 'tracked_set', count(*) FROM tracked_set
UNION ALL SELECT 'tracked_member', count(*) FROM tracked_member
UNION ALL SELECT 'tracked_set_gone', count(*) FROM tracked_set_gone
UNION ALL SELECT 'rule_failure', count(*) FROM rule_failure
UNION ALL SELECT 'notice', count(*) FROM notice
UNION ALL SELECT 'operator', count(*) FROM operator
UNION ALL SELECT 'audit_entry', count(*) FROM audit_entry;

-- name: numbers_drawn
-- How far the numbers of tables were drawn: the last one of each, whether its row is still there or not.
SELECT name, seq FROM sqlite_sequence WHERE name IN ('event', 'delivery', 'change')
UNION ALL SELECT 'attempt', ifnull(max(seq), 0) FROM attempt
UNION ALL SELECT 'commit_check', count FROM commit_check
ORDER BY 1;
