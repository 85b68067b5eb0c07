-- Triggers, what people are shown of rules that fail, and the notices that wait to become events. The columns are in the
-- order of model.trigger.Trigger, port.RuleFailure and model.notice.Notice.

-- name: count_triggers
-- How many triggers a tenant has.
SELECT count(*) FROM record_trigger WHERE tenant_id = %(tenant_id)s;

-- name: insert_trigger
-- Add a trigger.
INSERT INTO record_trigger (
    id, tenant_id, name, record_type, condition, emits, data, cooldown_s, active, template, parameters, created_at,
    updated_at, revision
)
VALUES (
    %(id)s, %(tenant_id)s, %(name)s, %(record_type)s, %(condition)s, %(emits)s, %(data)s, %(cooldown_s)s, %(active)s,
    %(template)s, %(parameters)s, %(created_at)s, %(updated_at)s, %(revision)s
);

-- name: triggers_by_id
-- Those of the triggers that exist, as asked.
SELECT
    record_trigger.id, tenant_id, name, record_type, condition, emits, data, cooldown_s, active, template, parameters,
    created_at, updated_at, revision
FROM unnest(%(ids)s::text[]) WITH ORDINALITY AS asked (id, place)
JOIN record_trigger ON record_trigger.id = asked.id
ORDER BY asked.place;

-- name: list_triggers
-- A page of a tenant's triggers by id.
SELECT
    id, tenant_id, name, record_type, condition, emits, data, cooldown_s, active, template, parameters, created_at,
    updated_at, revision
FROM record_trigger
WHERE tenant_id = %(tenant_id)s AND id > %(after)s
ORDER BY id
LIMIT %(limit)s;

-- name: update_trigger
-- Store a trigger where the one before this revision is stored.
UPDATE record_trigger
SET name = %(name)s, record_type = %(record_type)s, condition = %(condition)s, emits = %(emits)s, data = %(data)s,
    cooldown_s = %(cooldown_s)s, active = %(active)s, template = %(template)s, parameters = %(parameters)s,
    created_at = %(created_at)s, updated_at = %(updated_at)s, revision = %(revision)s
WHERE id = %(id)s AND tenant_id = %(tenant_id)s AND revision = %(revision)s - 1;

-- name: delete_trigger
-- Remove a trigger.
DELETE FROM record_trigger WHERE id = %(id)s AND tenant_id = %(tenant_id)s;

-- name: delete_triggers_of_tenant
-- Remove all triggers of a tenant; their ids.
WITH own AS MATERIALIZED (
    SELECT id FROM record_trigger WHERE tenant_id = %(tenant_id)s ORDER BY id FOR UPDATE
)
DELETE FROM record_trigger USING own WHERE record_trigger.id = own.id
RETURNING record_trigger.id;

-- name: note_rule_failures
-- Keep the last failures of rules, in key order, unless a later one is there.
INSERT INTO rule_failure AS present (tenant_id, rule_id, at, event_id, message)
SELECT tenant_id, rule_id, at, event_id, message
FROM unnest(
    %(tenant_ids)s::text[], %(rule_ids)s::text[], %(ats)s::bigint[], %(event_ids)s::text[], %(messages)s::text[]
) AS failed (tenant_id, rule_id, at, event_id, message)
ORDER BY tenant_id COLLATE "C", rule_id COLLATE "C"
ON CONFLICT (tenant_id, rule_id) DO UPDATE
SET at = excluded.at, event_id = excluded.event_id, message = excluded.message
WHERE present.at <= excluded.at;

-- name: rule_failures
-- The last failures of some rules of a tenant, as asked.
SELECT tenant_id, rule_failure.rule_id, at, event_id, message
FROM unnest(%(rule_ids)s::text[]) WITH ORDINALITY AS asked (rule_id, place)
JOIN rule_failure ON rule_failure.tenant_id = %(tenant_id)s AND rule_failure.rule_id = asked.rule_id
ORDER BY asked.place;

-- name: delete_rule_failure
-- Forget the failure of a rule.
DELETE FROM rule_failure WHERE tenant_id = %(tenant_id)s AND rule_id = %(id)s;

-- name: insert_notices
-- Write notices down in key order, but for those that are there already.
INSERT INTO notice (tenant_id, id, type, endpoint_id, at, data)
SELECT new.tenant_id, new.id, new.type, new.endpoint_id, new.at, new.data
FROM unnest(
    %(tenant_ids)s::text[], %(ids)s::text[], %(types)s::text[], %(endpoint_ids)s::text[], %(ats)s::bigint[],
    %(datas)s::bytea[]
) AS new (tenant_id, id, type, endpoint_id, at, data)
ORDER BY new.tenant_id COLLATE "C", new.id COLLATE "C"
ON CONFLICT DO NOTHING;

-- name: oldest_notices
-- Those that wait longest.
SELECT tenant_id, id, type, endpoint_id, at, data FROM notice WHERE id > '' ORDER BY at, id LIMIT %(limit)s;

-- name: drop_notices
-- Remove notices, in key order.
WITH doomed AS MATERIALIZED (
    SELECT notice.tenant_id, notice.id
    FROM unnest(%(tenant_ids)s::text[], %(ids)s::text[]) AS asked (tenant_id, id)
    JOIN notice ON notice.tenant_id = asked.tenant_id AND notice.id = asked.id
    ORDER BY notice.tenant_id, notice.id
    FOR UPDATE OF notice
)
DELETE FROM notice USING doomed WHERE notice.tenant_id = doomed.tenant_id AND notice.id = doomed.id;
