-- Records, and how the changes of record types are told. The columns are in the order of the models in model.record.

-- name: lock_records
-- Those of the records that are there; who asks in the one transaction that writes has them locked.
WITH asked (tenant_id, type, id) AS (VALUES (?, ?, ?))
SELECT
    tenant_id, type, id, revision, version, source_at, created_at, updated_at, forget_at, marks, data
FROM asked CROSS JOIN record USING (tenant_id, type, id);

-- name: insert_records
-- Store records that were not there; answers for each that is not there either by now.
INSERT INTO record (
    tenant_id, type, id, revision, version, source_at, created_at, updated_at, forget_at, marks, data
)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING
RETURNING 1;

-- name: put_records
-- Store records that were there.
INSERT INTO record (
    tenant_id, type, id, revision, version, source_at, created_at, updated_at, forget_at, marks, data
)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (tenant_id, type, id) DO UPDATE
SET revision = excluded.revision, version = excluded.version, source_at = excluded.source_at,
    created_at = excluded.created_at, updated_at = excluded.updated_at, forget_at = excluded.forget_at,
    marks = excluded.marks, data = excluded.data;

-- name: record_by_id
-- One record, a deleted one too.
SELECT tenant_id, type, id, revision, version, source_at, created_at, updated_at, forget_at, marks, data
FROM record
WHERE tenant_id = :tenant_id AND type = :type AND id = :id;

-- name: sizes_of_records
-- The next records of a type by id, with their sizes, and whether they were deleted.
SELECT id, length(data), forget_at IS NOT NULL
FROM record
WHERE tenant_id = :tenant_id AND type = :type AND id > :after
ORDER BY id
LIMIT :limit;

-- name: load_records
-- Records of a type, as asked.
SELECT
    tenant_id, record.type, record.id, revision, version, source_at, created_at, updated_at, forget_at, marks, data
FROM json_each(:ids) AS asked
CROSS JOIN record ON record.tenant_id = :tenant_id AND record.type = :type AND record.id = asked.value;

-- name: records_to_forget
-- Deleted records whose time is over.
SELECT rowid FROM record WHERE forget_at <= :now LIMIT :limit;

-- name: forget_records
-- Remove those of the records that are still over.
DELETE FROM record WHERE rowid IN (SELECT value FROM json_each(:rowids)) AND forget_at <= :now;

-- name: count_record_types
-- How many entries there are, and whether there is one of a name.
SELECT count(*), ifnull(max(name = :name), 0) FROM record_type;

-- name: put_record_type
-- Add an entry, or replace the one of its name.
INSERT INTO record_type (name, fields, ignored, deleted_kept_days, created_at, updated_at, revision)
VALUES (:name, :fields, :ignored, :deleted_kept_days, :created_at, :updated_at, 1)
ON CONFLICT (name) DO UPDATE
SET fields = excluded.fields, ignored = excluded.ignored, deleted_kept_days = excluded.deleted_kept_days,
    updated_at = excluded.updated_at, revision = revision + 1;

-- name: record_types_by_name
-- Those of the entries that exist, as asked.
SELECT name, fields, ignored, deleted_kept_days, created_at, updated_at, revision
FROM json_each(:names) AS asked
CROSS JOIN record_type ON record_type.name = asked.value;

-- name: list_record_types
-- A page of entries by name.
SELECT name, fields, ignored, deleted_kept_days, created_at, updated_at, revision
FROM record_type
WHERE name > :after
ORDER BY name
LIMIT :limit;

-- name: delete_record_type
-- Remove an entry.
DELETE FROM record_type WHERE name = :name;
