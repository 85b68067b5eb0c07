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
SELECT name, description, deprecated, created_at, updated_at, revision, schema, sample
FROM json_each(:names) AS asked
CROSS JOIN event_type ON event_type.name = asked.value;

-- name: list_event_types
-- A page of types by name.
SELECT name, description, deprecated, created_at, updated_at, revision, schema, sample
FROM event_type
WHERE name > :after
ORDER BY name
LIMIT :limit;

-- name: delete_event_type
-- Remove a type from the catalogue.
DELETE FROM event_type WHERE name = :name;
