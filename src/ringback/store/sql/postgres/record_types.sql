-- How changes of records are told, by type. The columns are in the order of model.record.RecordType.

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
