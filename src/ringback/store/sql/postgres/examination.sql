-- For `ringback doctor`: the server and the database as they are at present. Reads the server's own views alone.

-- name: server_facts
-- Its version, whether it is a standby, its clock, the database's size, connections used and allowed, autovacuum.
SELECT
    current_setting('server_version'), pg_is_in_recovery(),
    (extract(epoch FROM clock_timestamp()) * 1000)::bigint, pg_database_size(current_database()),
    (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
    current_setting('max_connections')::bigint - current_setting('superuser_reserved_connections')::bigint,
    current_setting('autovacuum')::boolean AND current_setting('track_counts')::boolean,
    pg_has_role('pg_read_all_stats', 'USAGE');

-- name: oldest_transactions
-- Transactions of this database that are open for long, the oldest first, and what runs in them since when.
SELECT
    pid, usename::text, application_name, state, extract(epoch FROM clock_timestamp() - xact_start)::float8,
    extract(epoch FROM clock_timestamp() - query_start)::float8, to_char(query_start AT TIME ZONE 'UTC',
    'YYYY-MM-DD"T"HH24:MI:SS"Z"')
FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
AND xact_start < clock_timestamp() - make_interval(secs => %(older_than_s)s)
ORDER BY xact_start LIMIT %(limit)s;

-- name: oldest_prepared
-- Transactions that were prepared and never ended: they hold everything back as open ones do.
SELECT gid, owner::text, extract(epoch FROM clock_timestamp() - prepared)::float8
FROM pg_prepared_xacts
WHERE database = current_database() AND prepared < clock_timestamp() - make_interval(secs => %(older_than_s)s)
ORDER BY prepared LIMIT %(limit)s;

-- name: long_waits
-- Sessions that wait for a lock, and for whom.
SELECT
    pid, application_name, extract(epoch FROM clock_timestamp() - query_start)::float8, pg_blocking_pids(pid)
FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'
AND query_start < clock_timestamp() - make_interval(secs => %(older_than_s)s)
ORDER BY query_start LIMIT %(limit)s;

-- name: dead_rows
-- Rows that are gone and not cleared away, by table, the days of one together; the most first.
SELECT
    table_name, sum(live)::bigint, sum(dead)::bigint, bool_and(cleared)
FROM (
    SELECT
        coalesce(above.relname, stat.relname)::text AS table_name, stat.n_live_tup AS live, stat.n_dead_tup AS dead,
        coalesce(own.reloptions::text !~ 'autovacuum_enabled=(false|off)', true) AS cleared
    FROM pg_stat_user_tables AS stat
    JOIN pg_class AS own ON own.oid = stat.relid
    LEFT JOIN pg_inherits ON inhrelid = stat.relid
    LEFT JOIN pg_class AS above ON above.oid = inhparent
    WHERE stat.schemaname = current_schema()
) AS of_tables
GROUP BY table_name
ORDER BY 3 DESC, 1 LIMIT %(limit)s;

-- name: replication
-- The standbys: their name, whether commits wait for them, and how far behind they are in bytes and seconds.
SELECT
    application_name, state, sync_state,
    CASE WHEN pg_is_in_recovery() THEN NULL ELSE pg_wal_lsn_diff(pg_current_wal_lsn(), flush_lsn)::bigint END,
    extract(epoch FROM flush_lag)::float8
FROM pg_stat_replication
ORDER BY application_name, pid LIMIT %(limit)s;

-- name: told_to_read_only
-- Whether sessions can only read, if they don't say otherwise themselves, as the one that looks does.
SELECT reset_val = 'on' FROM pg_settings WHERE name = 'default_transaction_read_only';
