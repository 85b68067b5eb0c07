-- Triggers, what people are shown of rules that fail, and the notices that wait to become events. The columns are in the
-- order of model.trigger.Trigger, port.RuleFailure and model.notice.Notice.

-- name: room_for_trigger
-- How many triggers a tenant has, and whether it was deleted.
SELECT
    (SELECT count(*) FROM record_trigger WHERE tenant_id = :tenant_id),
    EXISTS (SELECT 1 FROM tenant WHERE id = :tenant_id AND deleted_at IS NOT NULL);

-- name: insert_trigger
-- Add a trigger.
INSERT INTO record_trigger (
    id, tenant_id, name, record_type, condition, emits, data, cooldown_s, active, template, parameters,
    created_at, updated_at, revision
)
VALUES (
    :id, :tenant_id, :name, :record_type, :condition, :emits, :data, :cooldown_s, :active, :template, :parameters,
    :created_at, :updated_at, :revision
);

-- name: triggers_by_id
-- Those of the triggers that exist, as asked.
SELECT
    record_trigger.id, tenant_id, name, record_type, condition, emits, data, cooldown_s, active, template, parameters,
    created_at, updated_at, revision
FROM json_each(:ids) AS asked
CROSS JOIN record_trigger ON record_trigger.id = asked.value;

-- name: list_triggers
-- A page of a tenant's triggers by id.
SELECT
    id, tenant_id, name, record_type, condition, emits, data, cooldown_s, active, template, parameters,
    created_at, updated_at, revision
FROM record_trigger
WHERE tenant_id = :tenant_id AND id > :after
ORDER BY id
LIMIT :limit;

-- name: update_trigger
-- Store a trigger where the one before this revision is stored.
UPDATE record_trigger
SET name = :name, record_type = :record_type, condition = :condition, emits = :emits, data = :data,
    cooldown_s = :cooldown_s, active = :active, template = :template, parameters = :parameters,
    created_at = :created_at, updated_at = :updated_at, revision = :revision
WHERE id = :id AND tenant_id = :tenant_id AND revision = :revision - 1;

-- name: delete_trigger
-- Remove a trigger.
DELETE FROM record_trigger WHERE id = :id AND tenant_id = :tenant_id;

-- name: ids_of_triggers
-- A tenant's triggers.
SELECT id FROM record_trigger WHERE tenant_id = :tenant_id;

-- name: note_rule_failures
-- Keep what failed last of each rule.
INSERT INTO rule_failure (tenant_id, rule_id, at, event_id, message)
VALUES (?, ?, ?, ?, ?)
ON CONFLICT (tenant_id, rule_id) DO UPDATE
SET at = excluded.at, event_id = excluded.event_id, message = excluded.message
WHERE rule_failure.at <= excluded.at;

-- name: rule_failures
-- What is told of those rules of a tenant that failed, as asked.
SELECT tenant_id, rule_id, at, event_id, message
FROM json_each(:ids) AS asked
CROSS JOIN rule_failure ON rule_failure.tenant_id = :tenant_id AND rule_failure.rule_id = asked.value;

-- name: delete_rule_failure
-- Forget what is told of a rule.
DELETE FROM rule_failure WHERE tenant_id = :tenant_id AND rule_id = :id;

-- name: insert_notices
-- Write notices down, but for those that are there already.
INSERT INTO notice (tenant_id, id, type, endpoint_id, at, data) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING;

-- name: oldest_notices
-- Those that wait longest.
SELECT tenant_id, id, type, endpoint_id, at, data FROM notice ORDER BY at, id LIMIT :limit;

-- name: drop_notices
-- Remove notices.
DELETE FROM notice WHERE (tenant_id, id) IN (VALUES (?, ?));
