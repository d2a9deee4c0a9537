#!/usr/bin/env bash
# Back up every store that a plan names into a new folder, which appears whole or not at all; see docs/runbooks/restore.md.
#
#   scripts/backup.sh PLAN FOLDER
#
# The bus comes first and ledgers after it: a restored ledger knows at least what the restored bus hands out again.
# WAIT_SECONDS (default 300) is how long workers that are on an account of a ledger are waited for. EMPTY=yes keeps stores
# that hold nothing yet; without it one is taken for a mistake of its address.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/keeping/plan.sh
source "$here/keeping/plan.sh"

(($# == 2)) || complain "usage: backup.sh PLAN FOLDER"
plan=$1 folder=${2%"${2##*[!/]}"}
[[ $folder && $folder != -* ]] || complain "folder '$2'; write the path of a new one"
[[ ${WAIT_SECONDS:-300} =~ ^[0-9]+$ ]] || complain "WAIT_SECONDS is '$WAIT_SECONDS'; write a whole number of seconds"
[[ ${EMPTY:-no} =~ ^(yes|no)$ ]] || complain "EMPTY is '$EMPTY'; write yes or no"
empty=()
[[ ${EMPTY:-no} == no ]] || empty=(--empty)
unfinished=$folder.unfinished
read_plan "$plan"
[[ ! -e $folder ]] || complain "$folder is there already; name another folder"
[[ ! -e $unfinished ]] || complain "$unfinished is left of a backup that did not end; look at it, and remove it"
need_by_kind bus event-trading
need_by_kind database pg_dump
need_by_kind ledger quant
need_by_kind archive quant
umask 077
mkdir -p "$unfinished"
trap '[[ ! -d $unfinished ]] || echo "backup.sh: this backup did not end: look at $unfinished, remove it, and begin again" >&2' EXIT

back_up() {
    local kind=$1 name=$2 address=$3 second=${4-} out=$unfinished/$1-$2
    echo "== $kind $name"
    case $kind in
        bus) event-trading bus export --config "$address" --out "$out.jsonl.gz" "${empty[@]}" ;;
        database) pg_dump --dbname="$address" --format=custom --no-owner --no-acl --file="$out.dump" ;;
        ledger) quant ledger export --store "$address" --reports "$second" --out "$out.jsonl.gz" \
            --wait "${WAIT_SECONDS:-300}" "${empty[@]}" ;;
        archive)
            quant objects copy "$address" "${second:-$out}" "${empty[@]}"
            [[ ! $second ]] || echo "$second" >"$out.place"
            ;;
    esac
}

for kind in bus database ledger archive; do
    for store in "${stores[@]}"; do
        [[ ${store%% *} == "$kind" ]] || continue
        read -ra words <<<"$store"
        back_up "${words[@]}"
    done
done
date --utc +%Y-%m-%dT%H:%M:%SZ >"$unfinished/made"
(cd "$unfinished" && find . -type f ! -name 'SHA256SUMS*' -print0 | sort -z | xargs -0 sha256sum) >"$unfinished/SHA256SUMS.new"
mv "$unfinished/SHA256SUMS.new" "$unfinished/SHA256SUMS"
sync -f "$unfinished"
mv -T "$unfinished" "$folder"
echo "$folder is whole: ${#stores[@]} stores"
