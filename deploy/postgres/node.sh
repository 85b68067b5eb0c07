#!/bin/bash
# Start one node of the pair: the image's own start for the primary, a copy of the primary first for the other.
#
# Never promotes, never guesses: POSTGRES_PRIMARY says which node accepts writes. A node that was the primary once and
# isn't any more is refused, since it would accept writes beside the new one.
set -euo pipefail

slot=${POSTGRES_NODE//-/_}
copy=$PGDATA.new

if [ -s "$PGDATA/PG_VERSION" ]; then
    if [ "$POSTGRES_NODE" != "$POSTGRES_PRIMARY" ] && [ ! -e "$PGDATA/standby.signal" ]; then
        echo "$POSTGRES_NODE has the data of a primary, but the primary is $POSTGRES_PRIMARY now. It is not started:" \
            "it would accept writes beside it. Empty its volume, and it becomes a standby." >&2
        exit 1
    fi
elif [ "$POSTGRES_NODE" != "$POSTGRES_PRIMARY" ]; then
    export PGHOST=$POSTGRES_PRIMARY PGUSER=replicator PGPASSWORD=$POSTGRES_REPLICATION_PASSWORD
    until pg_isready --quiet --dbname=postgres; do
        sleep 1
    done
    # The slot keeps what the standby has not had yet, within max_slot_wal_keep_size.
    psql --no-psqlrc --quiet --dbname=postgres --set=ON_ERROR_STOP=1 --set=slot="$slot" <<'SQL' >/dev/null
SELECT pg_create_physical_replication_slot(:'slot')
WHERE NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = :'slot');
SQL
    # Moved into its place when it is whole: a copy that broke off is made anew.
    rm -rf "$copy"
    pg_basebackup --dbname="application_name=$POSTGRES_NODE" --pgdata="$copy" --wal-method=stream \
        --checkpoint=fast --slot="$slot" --write-recovery-conf
    mv "$copy" "$PGDATA"
    unset PGHOST PGUSER PGPASSWORD
fi

exec docker-entrypoint.sh "$@"
