-- The catalogue of event types. The columns are in the order of model.event_type.EventType.

-- name: count_event_types
-- How many there are, and whether there is one of a name.
SELECT count(*), coalesce(bool_or(name = %(name)s), false) FROM event_type;

-- name: put_event_type
-- Add a type, or replace the one of its name; as it is stored then.
INSERT INTO event_type AS present (name, description, deprecated, created_at, updated_at, revision, schema, sample)
VALUES (
    %(name)s, %(description)s, %(deprecated)s, %(created_at)s, %(updated_at)s, 1, %(schema)s, %(sample)s
)
ON CONFLICT (name) DO UPDATE
SET description = excluded.description, deprecated = excluded.deprecated, updated_at = excluded.updated_at,
    revision = present.revision + 1, schema = excluded.schema, sample = excluded.sample
RETURNING name, description, deprecated, created_at, updated_at, revision, schema, sample;

-- name: event_types_by_name
-- Those of the types that exist, as asked.
SELECT event_type.name, description, deprecated, created_at, updated_at, revision, schema, sample
FROM unnest(%(names)s::text[]) WITH ORDINALITY AS asked (name, place)
JOIN event_type ON event_type.name = asked.name
ORDER BY asked.place;

-- name: list_event_types
-- A page of types by name.
SELECT name, description, deprecated, created_at, updated_at, revision, schema, sample
FROM event_type
WHERE name > %(after)s
ORDER BY name
LIMIT %(limit)s;

-- name: delete_event_type
-- Remove a type from the catalogue.
DELETE FROM event_type WHERE name = %(name)s;
