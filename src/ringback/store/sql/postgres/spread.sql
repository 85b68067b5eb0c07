-- Whether the tables are spread over machines; how they come to be is in `distributed`.

-- name: kind_of_server
-- The server's own name and version, and whether it has Citus.
SELECT version(), to_regclass('pg_dist_partition') IS NOT NULL;

-- name: events_are_spread
-- Whether Citus has the events spread by tenant.
SELECT EXISTS (
    SELECT 1 FROM pg_dist_partition WHERE logicalrelid = to_regclass('event') AND partmethod = 'h'
);
