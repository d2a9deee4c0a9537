#!/usr/bin/env bash
# From an empty account at Hetzner to services that run, and to a forge that deploys them from then on.
#
#   bash scripts/hetzner/bootstrap.sh [--stores] [--dry-run]
#
# It reads scripts/hetzner/bootstrap-secrets.env and deploy/images.toml, and keeps what it makes in .state/hetzner. Run it
# again after anything: each step is skipped that is found done. --dry-run prints each command and runs none. --stores ends
# once the stores stand, before anything trades: that is when a backup is restored.
# deploy/hetzner/README.md has the whole.
set -euo pipefail
shopt -s inherit_errexit

dry_run='' stores_only=''
for word in "$@"; do
    case $word in
    --dry-run) dry_run=yes ;;
    --stores) stores_only=yes ;;
    *)
        echo "usage: bootstrap.sh [--stores] [--dry-run]" >&2
        exit 2
        ;;
    esac
done
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck disable=SC2034 # the steps read these
program=bootstrap root=$PWD state=.state/hetzner number=0
# shellcheck disable=SC2034
poll_seconds=${BOOTSTRAP_POLL_SECONDS:-5} api_seconds=${BOOTSTRAP_API_SECONDS:-900} rollout_seconds=${BOOTSTRAP_ROLLOUT_SECONDS:-600}
# shellcheck disable=SC2034
forward_seconds=1800
exec 3>&1

# shellcheck source=scripts/hetzner/steps/common.sh
source scripts/hetzner/steps/common.sh
# shellcheck source=scripts/hetzner/steps/inputs.sh
source scripts/hetzner/steps/inputs.sh
# shellcheck source=scripts/hetzner/steps/server.sh
source scripts/hetzner/steps/server.sh
# shellcheck source=scripts/hetzner/steps/forward.sh
source scripts/hetzner/steps/forward.sh
# shellcheck source=scripts/hetzner/steps/cluster.sh
source scripts/hetzner/steps/cluster.sh
# shellcheck source=scripts/hetzner/steps/forge.sh
source scripts/hetzner/steps/forge.sh

read_secrets scripts/hetzner/bootstrap-secrets.env
check_values
check_tools terraform hcloud kubectl curl openssl git docker base64 python3 quant
check_uv
check_pins
[[ $dry_run ]] || open_state
require_same_name

console="the console at Hetzner; \`terraform -chdir=infra/terraform/hetzner plan\`"
pods="KUBECONFIG=$kubeconfig kubectl get pods --all-namespaces, and kubectl describe of what is not ready"
forge_log="KUBECONFIG=$kubeconfig kubectl --namespace delivery logs statefulset/forgejo"

step authorities "authorities of the cluster" "$authorities: they have to last 90 days; a server knows the ones it was made with"
step server "server, firewall, network, volume" "$console"
step api "the API answers" "the server's console at Hetzner: cloud-init status --long, journalctl --unit k3s; is your address in OPERATOR_ADDRESSES?"
step kubeconfig "$kubeconfig" "KUBECONFIG=$kubeconfig kubectl get nodes"
step unchanged "what is set once is what it was" "scripts/hetzner/bootstrap-secrets.env: write the values with which the cluster was made"
step secrets "Secrets" "KUBECONFIG=$kubeconfig kubectl get secrets --namespace event-trading"
step stores "the overlay's stores and delivery" "$pods"
if [[ $stores_only ]]; then
    say "the stores stand, and no service was started: scripts/hetzner/restore.sh FOLDER brings a backup back, bootstrap.sh goes on"
    exit
fi
step images "the image in the cluster's registry" "docker build's output above; KUBECONFIG=$kubeconfig kubectl --namespace delivery logs deployment/registry"
step halt "a new ledger is halted" "KUBECONFIG=$kubeconfig kubectl --namespace event-trading logs statefulset/ledger"
step services "the overlay" "$pods"
step rollout "services are ready" "$pods; kubectl logs of a service names the setting or server that is wrong"
step forge "the forge is reachable" "$forge_log"
step admin "its administrator" "$forge_log"
step repository "its repository" "$forge_log"
step pushed "this repository is in it" "$forge_log; git push by hand to the same address"
step runner "its runner" "KUBECONFIG=$kubeconfig kubectl --namespace delivery logs deployment/runner; $forge_log"
[[ $dry_run ]] || hand_off
