-- What the server promises of a commit at present: to its own disk, and to a standby's.

-- name: promises
-- How a commit of this session is made durable, and how many standbys are in step (null: this role may not see that).
SELECT
    current_setting('synchronous_commit'), current_setting('synchronous_standby_names'),
    current_setting('fsync')::boolean, current_setting('full_page_writes')::boolean,
    (SELECT CASE WHEN count(*) > count(state) THEN NULL
        ELSE count(*) FILTER (WHERE sync_state IN ('sync', 'quorum') AND state = 'streaming') END
    FROM pg_stat_replication);
