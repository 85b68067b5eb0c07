-- The partitions of events and attempts.

-- name: lock_partitions
-- Wait until no other process adds or drops days.
SELECT pg_advisory_lock(%(space)s::int, %(place)s::int);

-- name: unlock_partitions
-- Let others add or drop days.
SELECT pg_advisory_unlock(%(space)s::int, %(place)s::int);

-- name: table_exists
-- Whether there is a table of a name in our schema.
SELECT 1 FROM pg_class
WHERE relname = %(name)s AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema());
