#!/usr/bin/env bash
# Start the ledger's standby; an empty volume is filled from the ledger first.
#
# PRIMARY is the ledger's host, PGDATA the folder of the data, PGPASSWORD the password of replicator. Further words are
# the server's options.
set -euo pipefail

if [[ ! -s $PGDATA/PG_VERSION ]]; then
    rm -rf "$PGDATA.part" # of a copy that was interrupted
    pg_basebackup --pgdata="$PGDATA.part" --write-recovery-conf --wal-method=stream --checkpoint=fast --slot=ledger_standby \
        --dbname="host=$PRIMARY port=${PRIMARY_PORT:-5432} user=replicator application_name=ledger_standby"
    rm -rf "$PGDATA"
    mv "$PGDATA.part" "$PGDATA"
fi
chmod 0700 "$PGDATA"
exec postgres "$@"
