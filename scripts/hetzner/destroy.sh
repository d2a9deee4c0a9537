#!/usr/bin/env bash
# Delete what bootstrap.sh made at Hetzner, after saying what is lost and hearing the server's name.
#
#   bash scripts/hetzner/destroy.sh [--server-only] [--dry-run]
#
# --server-only leaves volume and address: bootstrap.sh then makes a server that is the same cluster again.
set -euo pipefail
shopt -s inherit_errexit

dry_run='' server_only=''
for word in "$@"; do
    case $word in
    --dry-run) dry_run=yes ;;
    --server-only) server_only=yes ;;
    *)
        echo "usage: destroy.sh [--server-only] [--dry-run]" >&2
        exit 2
        ;;
    esac
done
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck disable=SC2034 # the steps read these
program=destroy root=$PWD state=.state/hetzner
exec 3>&1

# shellcheck source=scripts/hetzner/steps/common.sh
source scripts/hetzner/steps/common.sh
# shellcheck source=scripts/hetzner/steps/inputs.sh
source scripts/hetzner/steps/inputs.sh
# shellcheck source=scripts/hetzner/steps/server.sh
source scripts/hetzner/steps/server.sh

read_secrets scripts/hetzner/bootstrap-secrets.env
check_values
check_tools terraform hcloud openssl
[[ $dry_run || -d $state ]] || die "$state is not there: nothing was made from this checkout"
[[ $dry_run ]] || open_state
require_same_name
initialize >/dev/null || die "terraform init failed, see above; nothing was deleted"

say "this deletes, at Hetzner:"
say "  the server $SERVER_NAME, and with it everything that runs"
if [[ $server_only ]]; then
    say "  and keeps its volume and its address"
else
    say "  its volume: the ledger with its duplicate-suppression history, the bus, the archive, the forge, all images"
    say "  its address, network and firewall"
    say "after the loss of the ledger an answer is kept from being given twice by its nonce alone, while the salt stands:"
    say "docs/runbooks/event-trading.md, \"A node is lost\". There is no way back but a backup: scripts/hetzner/backup.sh FOLDER makes one now."
fi
if [[ ! $dry_run ]]; then
    printf '%s: type the name of the server to go on: ' "$program"
    IFS= read -r typed || typed=''
    [[ $typed == "$SERVER_NAME" ]] || die "that is not $SERVER_NAME; nothing was deleted"
fi

if [[ $server_only ]]; then
    tf destroy -input=false -auto-approve -target=hcloud_volume_attachment.state -target=hcloud_server.node
    say "done; bootstrap.sh makes the server again"
    exit
fi
cloud volume disable-protection "$SERVER_NAME" delete ||
    say "the volume's protection was not taken off: it may be gone, or Terraform will say so"
tf destroy -input=false -auto-approve
run rm -rf "$kubeconfig" "$state/address" "$state/overlay" "$state/operator.key" "$state/operator.crt" "$state/forgejo.key" "$state/forgejo.crt"
for kind in server volume primary-ip network firewall; do
    left=$(labelled "$kind")
    [[ ! $left ]] || die "$kind $left is still there, labelled event-trading=$SERVER_NAME: hcloud $kind delete"
done
say "done; nothing that is labelled event-trading=$SERVER_NAME is left. $authorities stays, for a server to come"
