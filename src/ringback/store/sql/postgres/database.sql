-- The database as a whole: what it is, its schema, its locks, and what became of a transaction.

-- name: place_of_session
-- Encoding, schema, whether it is a standby, whether our settings arrived, and whether it was told to be read only.
SELECT
    current_setting('server_encoding'), current_schema()::text, pg_is_in_recovery(),
    current_setting('plan_cache_mode'), current_setting('default_transaction_read_only') = 'on';

-- name: tables_of_ours
-- Which tables with names of ours are in the schema.
SELECT relname::text FROM pg_class
WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema()) AND relkind IN ('r', 'p')
AND relname IN ('schema_version', 'tenant', 'endpoint', 'event', 'event_key', 'delivery', 'attempt', 'lane', 'node');

-- name: tables_not_writable
-- Which of our tables the role may not read and write; of those in days, which it doesn't own, as making days needs.
SELECT relname::text FROM pg_class
WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema()) AND relkind IN ('r', 'p')
AND relname IN ('tenant', 'endpoint', 'event', 'event_key', 'delivery', 'attempt', 'lane', 'node', 'commit_check')
AND NOT (
    has_table_privilege(oid, 'SELECT') AND has_table_privilege(oid, 'INSERT') AND has_table_privilege(oid, 'UPDATE')
    AND has_table_privilege(oid, 'DELETE') AND (relkind = 'r' OR pg_has_role(relowner, 'USAGE'))
)
ORDER BY relname;

-- name: applied_migrations
-- The numbers of the migrations that have run.
SELECT number FROM schema_version ORDER BY number;

-- name: make_ledger
-- Where the migrations that have run are noted.
CREATE TABLE IF NOT EXISTS schema_version (number bigint PRIMARY KEY, name text NOT NULL);

-- name: note_migration
-- Note that a migration has run.
INSERT INTO schema_version (number, name) VALUES (%(number)s, %(name)s);

-- name: lock_migrations
-- Wait until no other process migrates.
SELECT pg_advisory_lock(%(space)s::int, %(place)s::int);

-- name: unlock_migrations
-- Let others migrate.
SELECT pg_advisory_unlock(%(space)s::int, %(place)s::int);

-- name: state_of_transaction
-- What became of a transaction.
SELECT pg_xact_status(%(xid)s::xid8);

-- name: prove_commit
-- A write that changes nothing anybody reads.
UPDATE commit_check SET count = count + 1;
