#!/usr/bin/env bash
# Bring ledger and bus of the cluster back from a backup, into empty ones, with trading halted: scripts/restore.sh, from outside.
#
#   bash scripts/hetzner/restore.sh FOLDER [bus|database]...
#
# No service may run: bootstrap.sh --stores makes the cluster as far as its stores, bootstrap.sh starts the services afterwards.
# The archive stays in the backup, as its files are named by offsets of the old bus. docs/runbooks/restore.md has the order.
set -euo pipefail
shopt -s inherit_errexit

if (($# == 0)) || [[ $1 == -* || ! $1 ]]; then
    echo "usage: restore.sh FOLDER [bus|database]..." >&2
    exit 2
fi
folder=$(realpath -m -- "$1")
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck disable=SC2034 # the steps read these
program=restore root=$PWD state=.state/hetzner dry_run=''
exec 3>&1

# shellcheck source=scripts/hetzner/steps/keeping.sh
source scripts/hetzner/steps/keeping.sh

kinds_of "bus database" "${@:2}"
[[ -f $folder/SHA256SUMS ]] || die "$folder is no backup that backup.sh has made to its end"
require_cluster

services="--namespace event-trading --selector app.kubernetes.io/component=service"
# shellcheck disable=SC2086 # they are words
running=$(k get pods $services --output=name) || die "the cluster was not asked, see above; nothing was restored"
[[ ! $running ]] || die "services run ($(wc -l <<<"$running") pods); nothing was restored. Stop them, and run this again when they are gone:
  KUBECONFIG=$kubeconfig kubectl scale deployment,statefulset $services --replicas=0"
with_stores bash scripts/restore.sh "$folder" "$state/stores.plan" || die "it did not end, see above. No service may run before it has"
say "now bootstrap.sh starts the services, halted where the ledger was restored; docs/runbooks/restore.md says how to resume"
