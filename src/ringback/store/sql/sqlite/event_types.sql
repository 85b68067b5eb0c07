-- The catalogue of event types. The columns are in the order of model.event_type.EventType.

-- name: count_event_types
-- How many there are, and whether there is one of a name.
SELECT count(*), ifnull(max(name = :name), 0) FROM event_type;

-- name: put_event_type
-- Add a type, or replace the one of its name.
INSERT INTO event_type (name, description, deprecated, created_at, updated_at, revision, schema, sample)
VALUES (:name, :description, :deprecated, :created_at, :updated_at, 1, :schema, :sample)
ON CONFLICT (name) DO UPDATE
SET description = excluded.description, deprecated = excluded.deprecated, updated_at = excluded.updated_at,
    revision = revision + 1, schema = excluded.schema, sample = excluded.sample;

-- name: event_types_by_name
-- Those of the types that exist, as asked.
SELECT name, description, deprecated, created_at, updated_at, revision, schema, sample, (
    SELECT max(version) FROM event_type_version WHERE event_type_version.name = event_type.name
)
FROM json_each(:names) AS asked
CROSS JOIN event_type ON event_type.name = asked.value;

-- name: list_event_types
-- A page of types by name.
SELECT name, description, deprecated, created_at, updated_at, revision, schema, sample, (
    SELECT max(version) FROM event_type_version WHERE event_type_version.name = event_type.name
)
FROM event_type
WHERE name > :after
ORDER BY name
LIMIT :limit;

-- name: delete_event_type
-- Remove a type from the catalogue.
DELETE FROM event_type WHERE name = :name;

-- name: add_schema_version
-- A new version of a type's schema, unless it is the one of the latest.
INSERT INTO event_type_version (name, version, created_at, schema)
SELECT :name, ifnull(max(version), 0) + 1, :updated_at, :schema
FROM event_type_version
WHERE name = :name
HAVING count(*) = 0 OR :schema IS NOT (
    SELECT schema FROM event_type_version WHERE name = :name ORDER BY version DESC LIMIT 1
);

-- name: trim_schema_versions
-- Forget all but the latest versions of a type's schema.
DELETE FROM event_type_version
WHERE name = :name AND version <= (SELECT max(version) FROM event_type_version WHERE name = :name) - :kept;

-- name: delete_schema_versions
-- Forget all versions of a type's schema.
DELETE FROM event_type_version WHERE name = :name;

-- name: list_schema_versions
-- Versions of a type's schema, newest first.
SELECT version, created_at, schema
FROM event_type_version
WHERE name = :name AND version < :before
ORDER BY version DESC
LIMIT :limit;
