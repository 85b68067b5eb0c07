-- What event types and profiles have in common.

-- name: lock_catalogue
-- Wait until nobody else is about to add an event type or a profile.
SELECT pg_advisory_xact_lock(%(space)s::int, %(place)s::int);
