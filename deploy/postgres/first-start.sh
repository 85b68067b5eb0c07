#!/bin/bash
# What the primary's very first start sets up: roles, the database, and that a commit waits for the standby.
# Run by the image while nobody can reach the server from outside.
set -euo pipefail

# Both nodes are named, so that it holds on whichever is the primary. ALTER SYSTEM and not a flag: a flag would hold
# for this very start too, and each statement here would wait for a standby that can't be there yet.
psql --no-psqlrc --quiet --username="$POSTGRES_USER" --dbname=postgres --set=ON_ERROR_STOP=1 <<'SQL'
\getenv ringback_password RINGBACK_DATABASE_PASSWORD
\getenv replication_password POSTGRES_REPLICATION_PASSWORD
CREATE ROLE ringback LOGIN PASSWORD :'ringback_password';
CREATE DATABASE ringback OWNER ringback TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C';
REVOKE ALL ON DATABASE ringback FROM PUBLIC;
GRANT pg_read_all_stats TO ringback;
CREATE ROLE replicator LOGIN REPLICATION PASSWORD :'replication_password';
ALTER SYSTEM SET synchronous_standby_names = 'FIRST 1 ("postgres-a", "postgres-b")';
SQL

# The image's own line, for "all" databases, doesn't cover replication.
echo 'host replication replicator all scram-sha-256' >>"$PGDATA/pg_hba.conf"
