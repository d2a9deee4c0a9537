#!/usr/bin/env bash
# Back up the cluster's stores into a new folder of this machine, while its services go on: scripts/backup.sh, from outside.
#
#   bash scripts/hetzner/backup.sh FOLDER [bus|database|archive]...
#
# Without kinds it is all three. Ledger and bus are reached through the API, the archive is fetched from the archiver's pod
# first, into .state/hetzner. docs/runbooks/restore.md has the whole.
set -euo pipefail
shopt -s inherit_errexit

if (($# == 0)) || [[ $1 == -* || ! $1 ]]; then
    echo "usage: backup.sh FOLDER [bus|database|archive]..." >&2
    exit 2
fi
folder=$(realpath -m -- "$1")
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck disable=SC2034 # the steps read these
program=backup root=$PWD state=.state/hetzner dry_run=''
exec 3>&1

# shellcheck source=scripts/hetzner/steps/keeping.sh
source scripts/hetzner/steps/keeping.sh

kinds_of "bus database archive" "${@:2}"
[[ ! -e $folder ]] || die "$folder is there already; name another folder"
require_cluster

# What is being written has a name of its own, and is no part of an archive yet.
fetch_archive() {
    say "fetching the archive"
    k --namespace=event-trading exec archiver-0 -- tar --create --directory=/var/lib/event-trading --exclude='.tmp-*' archive |
        tar --extract --directory="$state"
}

rm -rf "$state/archive"
if asked_for archive; then
    fetch_archive || die "the archive was not fetched, see above: does archiver-0 run? Without it name the kinds: bus database"
fi
code=0
with_stores bash scripts/backup.sh "$state/stores.plan" "$folder" || code=$?
rm -rf "$state/archive"
((code == 0)) || die "no backup was made, see above"
