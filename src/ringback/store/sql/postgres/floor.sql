-- How far the numbers of events and deliveries were drawn, and who may have drawn some that are not visible yet.

-- name: drawn_then_open
-- The last block that was drawn (0: none), and after that who holds the lock of intake: what no row decides is read last.
SELECT
    CASE WHEN is_called THEN last_value ELSE 0 END,
    ARRAY(
        SELECT virtualtransaction FROM pg_locks
        WHERE locktype = 'advisory' AND classid = %(space)s::int::oid AND objid = %(place)s::int::oid AND objsubid = 2
        AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    )
FROM block;

-- name: lock_intake
-- From here on the transaction draws numbers.
SELECT pg_advisory_xact_lock_shared(%(space)s::int, %(place)s::int);

-- name: draw_blocks
-- Draw blocks of numbers, ascending.
SELECT nextval('block') FROM generate_series(1, %(count)s);
