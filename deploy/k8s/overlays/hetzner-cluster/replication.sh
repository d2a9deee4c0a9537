#!/usr/bin/env bash
# Run once, when the ledger is made: who may replicate it, and that every commit waits for the standby from then on.
set -euo pipefail

# psql reads the password out of its environment: it is on no command line.
psql --quiet --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname="$POSTGRES_DB" <<'SQL'
\getenv password REPLICATION_PASSWORD
CREATE ROLE replicator WITH REPLICATION LOGIN PASSWORD :'password';
SELECT pg_create_physical_replication_slot('ledger_standby');
ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (ledger_standby)';
ALTER SYSTEM SET max_slot_wal_keep_size = '4GB';
SQL
echo "host replication replicator all scram-sha-256" >>"$PGDATA/pg_hba.conf"
