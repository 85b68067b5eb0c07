-- Records, and how the changes of record types are told. The columns are in the order of the models in model.record.
-- The data of many comes as one value with the place of each: a list of them would be written out in hexadecimal first.

-- name: lock_records
-- Those of the records that are there, deleted ones too, each for this transaction alone.
SELECT
    record.tenant_id, record.type, record.id, revision, version, source_at, created_at, updated_at, forget_at, marks,
    data
FROM unnest(%(tenant_ids)s::text[], %(types)s::text[], %(ids)s::text[]) AS asked (tenant_id, type, id)
JOIN record ON record.tenant_id = asked.tenant_id AND record.type = asked.type AND record.id = asked.id
ORDER BY record.tenant_id, record.type, record.id
FOR UPDATE OF record;

-- name: update_records
-- Store records that are locked, where they are as they were seen.
UPDATE record
SET revision = put.revision, version = put.version, source_at = put.source_at, created_at = put.created_at,
    updated_at = put.updated_at, forget_at = put.forget_at, marks = put.marks,
    data = substr(%(data)s::bytea, put.start::integer, put.size::integer)
FROM unnest(
    %(tenant_ids)s::text[], %(types)s::text[], %(ids)s::text[], %(revisions)s::bigint[], %(versions)s::bigint[],
    %(source_ats)s::bigint[], %(created_ats)s::bigint[], %(updated_ats)s::bigint[], %(forget_ats)s::bigint[],
    %(marks)s::text[], %(starts)s::bigint[], %(sizes)s::bigint[], %(seen)s::bigint[]
) AS put (
    tenant_id, type, id, revision, version, source_at, created_at, updated_at, forget_at, marks, start, size, seen
)
WHERE record.tenant_id = put.tenant_id AND record.type = put.type AND record.id = put.id
AND record.revision = put.seen;

-- name: insert_records
-- Store records that were not there, in key order, passing over those that somebody else has stored meanwhile.
INSERT INTO record (
    tenant_id, type, id, revision, version, source_at, created_at, updated_at, forget_at, marks, data
)
SELECT
    tenant_id, type, id, revision, version, source_at, created_at, updated_at, forget_at, marks,
    substr(%(data)s::bytea, start::integer, size::integer)
FROM unnest(
    %(tenant_ids)s::text[], %(types)s::text[], %(ids)s::text[], %(revisions)s::bigint[], %(versions)s::bigint[],
    %(source_ats)s::bigint[], %(created_ats)s::bigint[], %(updated_ats)s::bigint[], %(forget_ats)s::bigint[],
    %(marks)s::text[], %(starts)s::bigint[], %(sizes)s::bigint[]
) AS put (
    tenant_id, type, id, revision, version, source_at, created_at, updated_at, forget_at, marks, start, size
)
ORDER BY tenant_id COLLATE "C", type COLLATE "C", id COLLATE "C"
ON CONFLICT (tenant_id, type, id) DO NOTHING;

-- name: record_by_id
-- One record, deleted or not.
SELECT tenant_id, type, id, revision, version, source_at, created_at, updated_at, forget_at, marks, data
FROM record
WHERE tenant_id = %(tenant_id)s AND type = %(type)s AND id = %(id)s;

-- name: sizes_of_records
-- The next records of a type by id, with their sizes, and whether they were deleted.
SELECT id, octet_length(data), forget_at IS NOT NULL
FROM record
WHERE tenant_id = %(tenant_id)s AND type = %(type)s AND id > %(after)s
ORDER BY id
LIMIT %(step)s;

-- name: load_records
-- Those of these records that are there and not deleted, by id.
SELECT tenant_id, type, id, revision, version, source_at, created_at, updated_at, forget_at, marks, data
FROM record
WHERE tenant_id = %(tenant_id)s AND type = %(type)s AND id = ANY (%(ids)s::text[]) AND forget_at IS NULL
ORDER BY id;

-- name: forget_records
-- Remove some deleted records past their time. -- all tenants: by the index of their ends.
DELETE FROM record WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM record
    WHERE forget_at <= %(now)s
    ORDER BY forget_at LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
));

-- name: count_record_types
-- How many entries there are, and whether there is one of a name.
SELECT count(*), coalesce(bool_or(name = %(name)s), false) FROM record_type;

-- name: put_record_type
-- Add an entry, or replace the one of its name; as it is stored then.
INSERT INTO record_type AS present (name, fields, ignored, deleted_kept_days, created_at, updated_at, revision)
VALUES (
    %(name)s, %(fields)s::text[], %(ignored)s::text[], %(deleted_kept_days)s, %(created_at)s, %(updated_at)s, 1
)
ON CONFLICT (name) DO UPDATE
SET fields = excluded.fields, ignored = excluded.ignored, deleted_kept_days = excluded.deleted_kept_days,
    updated_at = excluded.updated_at, revision = present.revision + 1
RETURNING name, fields, ignored, deleted_kept_days, created_at, updated_at, revision;

-- name: record_types_by_name
-- Those of the entries that exist, as asked.
SELECT record_type.name, fields, ignored, deleted_kept_days, created_at, updated_at, revision
FROM unnest(%(names)s::text[]) WITH ORDINALITY AS asked (name, place)
JOIN record_type ON record_type.name = asked.name
ORDER BY asked.place;

-- name: list_record_types
-- A page of entries by name.
SELECT name, fields, ignored, deleted_kept_days, created_at, updated_at, revision
FROM record_type
WHERE name > %(after)s
ORDER BY name
LIMIT %(limit)s;

-- name: delete_record_type
-- Remove an entry.
DELETE FROM record_type WHERE name = %(name)s;
