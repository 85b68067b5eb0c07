-- The catalogue of event types. The columns are in the order of model.event_type.EventType.

-- name: count_event_types
-- How many there are, and whether there is one of a name.
SELECT count(*), coalesce(bool_or(name = %(name)s), false) FROM event_type;

-- name: put_event_type
-- Add a type, or replace the one of its name.
INSERT INTO event_type AS present (name, description, deprecated, created_at, updated_at, revision, schema, sample)
VALUES (
    %(name)s, %(description)s, %(deprecated)s, %(created_at)s, %(updated_at)s, 1, %(schema)s, %(sample)s
)
ON CONFLICT (name) DO UPDATE
SET description = excluded.description, deprecated = excluded.deprecated, updated_at = excluded.updated_at,
    revision = present.revision + 1, schema = excluded.schema, sample = excluded.sample;

-- name: event_types_by_name
-- Those of the types that exist, as asked.
SELECT event_type.name, description, deprecated, created_at, updated_at, revision, schema, sample, (
    SELECT max(version) FROM event_type_version WHERE event_type_version.name = event_type.name
)
FROM unnest(%(names)s::text[]) WITH ORDINALITY AS asked (name, place)
JOIN event_type ON event_type.name = asked.name
ORDER BY asked.place;

-- name: list_event_types
-- A page of types by name.
SELECT name, description, deprecated, created_at, updated_at, revision, schema, sample, (
    SELECT max(version) FROM event_type_version WHERE event_type_version.name = event_type.name
)
FROM event_type
WHERE name > %(after)s
ORDER BY name
LIMIT %(limit)s;

-- name: delete_event_type
-- Remove a type from the catalogue.
DELETE FROM event_type WHERE name = %(name)s;

-- name: add_schema_version
-- A new version of a type's schema, unless it is the one of the latest.
INSERT INTO event_type_version (name, version, created_at, schema)
SELECT %(name)s, coalesce(max(version), 0) + 1, %(updated_at)s, %(schema)s::bytea
FROM event_type_version
WHERE name = %(name)s
HAVING count(*) = 0 OR %(schema)s::bytea IS DISTINCT FROM (
    SELECT schema FROM event_type_version WHERE name = %(name)s ORDER BY version DESC LIMIT 1
);

-- name: trim_schema_versions
-- Forget all but the latest versions of a type's schema.
DELETE FROM event_type_version
WHERE name = %(name)s
AND version <= (SELECT max(version) FROM event_type_version WHERE name = %(name)s) - %(kept)s;

-- name: delete_schema_versions
-- Forget all versions of a type's schema.
DELETE FROM event_type_version WHERE name = %(name)s;

-- name: list_schema_versions
-- Versions of a type's schema, newest first.
SELECT version, created_at, schema
FROM event_type_version
WHERE name = %(name)s AND version < %(before)s
ORDER BY version DESC
LIMIT %(limit)s;
