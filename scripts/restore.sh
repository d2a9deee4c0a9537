#!/usr/bin/env bash
# Bring stores back from a backup into empty ones, with trading halted there; see docs/runbooks/restore.md.
#
#   scripts/restore.sh FOLDER PLAN
#
# PLAN names the stores to restore and where they are now: kinds and names are those of the backup's plan. The backup is
# checked before anything is written, and a store that is not empty is refused. Services stay stopped until it has ended. A
# database appears whole, with its halt, or not at all; its account has to be allowed to make databases. A bus is restored
# only where its ledger is halted.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/keeping/plan.sh
source "$here/keeping/plan.sh"

(($# == 2)) || complain "usage: restore.sh FOLDER PLAN"
folder=$1 plan=$2
read_plan "$plan"
[[ -f $folder/SHA256SUMS ]] || complain "$folder is no backup that backup.sh has made to its end"
need_by_kind bus event-trading
need_by_kind database pg_restore psql createdb dropdb quant
need_by_kind ledger quant
need_by_kind archive quant
(cd "$folder" && sha256sum --check --quiet --strict SHA256SUMS) || complain "$folder is damaged, see above; take another backup"
reason="restored from the backup of $(<"$folder/made")"

kept() {
    local out=$folder/$1-$2
    case $1 in
        bus | ledger) echo "$out.jsonl.gz" ;;
        database) echo "$out.dump" ;;
        archive) if [[ -f $out.place ]]; then cat "$out.place"; else echo "$out"; fi ;;
    esac
}

ask() {
    psql --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 --dbname="$1" --command="$2"
}

relations="SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'"

# A database that is not there, or has nothing in it.
require_empty_database() {
    local address=$1 base=${1%%\?*} name found
    name=${base##*/}
    [[ $(ask "$(beside "$address" template1)" "SELECT count(*) FROM pg_database WHERE datname = '$name'") == 1 ]] || return 0
    found=$(ask "$address" "$relations")
    ((found == 0)) || complain "database $name holds $found tables and the like: use an empty one"
}

# Into a database of another name, which is halted and takes the right name after that: nobody trades by it before.
restore_database() {
    local address=$1 file=$2 base=${1%%\?*} name new server beside_it
    name=${base##*/} new=${base##*/}_restoring
    server=$(beside "$address" template1) beside_it=$(beside "$address" "${base##*/}_restoring")
    createdb --maintenance-db="$server" --template=template0 "$new" ||
        complain "createdb failed; where database $new is left of a restore that did not end, look at it and drop it"
    pg_restore --dbname="$beside_it" --exit-on-error --no-owner --no-acl --single-transaction "$file"
    if [[ $(ask "$beside_it" "SELECT count(*) FROM pg_class WHERE relname = 'versioned_objects' AND relkind = 'r'") != 0 ]]; then
        quant halt all --empty --store "$(store_url "$beside_it")" --reason "$reason: reconcile first"
        halted=$((halted + 1))
    fi
    require_empty_database "$address"
    dropdb --maintenance-db="$server" --if-exists "$name"
    ask "$server" "ALTER DATABASE \"$new\" RENAME TO \"$name\""
}

restore() {
    local kind=$1 name=$2 address=$3 second=${4-} file
    file=$(kept "$kind" "$name")
    echo "== $kind $name"
    case $kind in
        bus) event-trading bus import "$file" --config "$address" ;;
        database) restore_database "$address" "$file" ;;
        ledger)
            quant ledger import "$file" --store "$address" --reports "$second" --halt-all
            halted=$((halted + 1))
            ;;
        archive) quant objects restore "$file" "$address" ;;
    esac
}

halted=0
for store in "${stores[@]}"; do
    read -ra words <<<"$store"
    file=$(kept "${words[0]}" "${words[1]}")
    [[ $file == *://* || -e $file ]] || complain "$folder has no ${words[0]} ${words[1]}"
    # An archive has a list of its own, which is checked before anything of it is written.
    [[ ${words[0]} == archive ]] || grep -qF "  ./${file##*/}" "$folder/SHA256SUMS" ||
        complain "$folder/SHA256SUMS does not name ${file##*/}: it was cut; take another backup"
    [[ ${words[0]} != database ]] || require_empty_database "${words[2]}"
done
for kind in database ledger bus archive; do
    for store in "${stores[@]}"; do
        [[ ${store%% *} == "$kind" ]] || continue
        read -ra words <<<"$store"
        restore "${words[@]}"
    done
done
echo "restored: ${#stores[@]} stores"
if ((halted)); then
    echo "halted: $halted of them: reconcile, then quant resume all --reason TEXT --store URL"
else
    echo "nothing was halted, as no ledger was restored: one that stands is as it was"
fi
