-- A move of another store into this database: how far it is, and what it has to find.

-- name: make_move
-- Where the move is noted until it ends: `part` and `after` are where it goes on.
CREATE TABLE store_move (
    source text NOT NULL,
    shown text NOT NULL,
    part bigint NOT NULL,
    after text NOT NULL,
    moved bigint NOT NULL
);

-- name: begin_move
-- Note that nothing was moved yet.
INSERT INTO store_move (source, shown, part, after, moved) VALUES (%(source)s, %(shown)s, 0, '', 0);

-- name: move_that_is_noted
-- From where, and how far.
SELECT source, shown, part, after, moved FROM store_move;

-- name: note_move
-- Go on, unless somebody else has.
UPDATE store_move SET part = %(part)s, after = %(after)s, moved = %(moved)s WHERE moved = %(before)s;

-- name: end_move
-- The move is over: servers may start.
DROP TABLE store_move;

-- name: columns_of
-- The columns of a table and their types.
SELECT attname::text, format_type(atttypid, NULL)
FROM pg_attribute
JOIN pg_class ON pg_class.oid = attrelid
WHERE relname = %(table)s AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
AND attnum > 0 AND NOT attisdropped
ORDER BY attnum;

-- name: tables_with_rows
-- Which tables have rows. -- all tenants: a move begins with none.
SELECT 'tenant' WHERE EXISTS (SELECT 1 FROM tenant)
UNION ALL SELECT 'api_key' WHERE EXISTS (SELECT 1 FROM api_key)
UNION ALL SELECT 'profile' WHERE EXISTS (SELECT 1 FROM profile)
UNION ALL SELECT 'event_type' WHERE EXISTS (SELECT 1 FROM event_type)
UNION ALL SELECT 'event_type_version' WHERE EXISTS (SELECT 1 FROM event_type_version)
UNION ALL SELECT 'record_type' WHERE EXISTS (SELECT 1 FROM record_type)
UNION ALL SELECT 'record_trigger' WHERE EXISTS (SELECT 1 FROM record_trigger)
UNION ALL SELECT 'endpoint' WHERE EXISTS (SELECT 1 FROM endpoint)
UNION ALL SELECT 'secret' WHERE EXISTS (SELECT 1 FROM secret)
UNION ALL SELECT 'change' WHERE EXISTS (SELECT 1 FROM change)
UNION ALL SELECT 'event' WHERE EXISTS (SELECT 1 FROM event)
UNION ALL SELECT 'event_key' WHERE EXISTS (SELECT 1 FROM event_key)
UNION ALL SELECT 'delivery' WHERE EXISTS (SELECT 1 FROM delivery)
UNION ALL SELECT 'job' WHERE EXISTS (SELECT 1 FROM job)
UNION ALL SELECT 'job_event' WHERE EXISTS (SELECT 1 FROM job_event)
UNION ALL SELECT 'attempt' WHERE EXISTS (SELECT 1 FROM attempt)
UNION ALL SELECT 'record' WHERE EXISTS (SELECT 1 FROM record)
UNION ALL SELECT 'tracked_set' WHERE EXISTS (SELECT 1 FROM tracked_set)
UNION ALL SELECT 'tracked_member' WHERE EXISTS (SELECT 1 FROM tracked_member)
UNION ALL SELECT 'tracked_set_gone' WHERE EXISTS (SELECT 1 FROM tracked_set_gone)
UNION ALL SELECT 'rule_failure' WHERE EXISTS (SELECT 1 FROM rule_failure)
UNION ALL SELECT 'notice' WHERE EXISTS (SELECT 1 FROM notice)
UNION ALL SELECT 'operator' WHERE EXISTS (SELECT 1 FROM operator)
UNION ALL SELECT 'console_session' WHERE EXISTS (SELECT 1 FROM console_session)
UNION ALL SELECT 'console_link' WHERE EXISTS (SELECT 1 FROM console_link)
UNION ALL SELECT 'audit_entry' WHERE EXISTS (SELECT 1 FROM audit_entry)
UNION ALL SELECT 'endpoint_day' WHERE EXISTS (SELECT 1 FROM endpoint_day)
UNION ALL SELECT 'endpoint_day_delta' WHERE EXISTS (SELECT 1 FROM endpoint_day_delta)
UNION ALL SELECT 'lane' WHERE EXISTS (SELECT 1 FROM lane)
UNION ALL SELECT 'node' WHERE EXISTS (SELECT 1 FROM node);

-- name: others_of_ours
-- How many other sessions of Ringback are connected to this database.
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = 'ringback';

-- name: set_blocks
-- Numbers of events and deliveries are drawn from beyond these blocks.
SELECT setval('block', greatest(1, %(block)s));
