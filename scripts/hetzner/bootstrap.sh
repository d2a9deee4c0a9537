#!/usr/bin/env bash
# From an empty account at Hetzner to services that run, and to a forge that deploys them from then on.
#
#   bash scripts/hetzner/bootstrap.sh [--dry-run]
#
# It reads scripts/hetzner/bootstrap-secrets.env and deploy/images.toml, and keeps what it makes in .state/hetzner. Run it
# again after anything: each step is skipped that is found done. --dry-run prints each command and runs none.
# deploy/hetzner/README.md has the whole.
set -euo pipefail
shopt -s inherit_errexit

dry_run=''
if [[ $# == 1 && $1 == --dry-run ]]; then
    dry_run=yes
elif (($#)); then
    echo "usage: bootstrap.sh [--dry-run]" >&2
    exit 2
fi
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck disable=SC2034 # the steps read these
program=bootstrap root=$PWD state=.state/hetzner number=0
# shellcheck disable=SC2034
poll_seconds=${BOOTSTRAP_POLL_SECONDS:-5} api_seconds=${BOOTSTRAP_API_SECONDS:-900} rollout_seconds=${BOOTSTRAP_ROLLOUT_SECONDS:-600}
exec 3>&1

# shellcheck source=scripts/hetzner/steps/common.sh
source scripts/hetzner/steps/common.sh
# shellcheck source=scripts/hetzner/steps/inputs.sh
source scripts/hetzner/steps/inputs.sh
# shellcheck source=scripts/hetzner/steps/server.sh
source scripts/hetzner/steps/server.sh
# shellcheck source=scripts/hetzner/steps/cluster.sh
source scripts/hetzner/steps/cluster.sh
# shellcheck source=scripts/hetzner/steps/forge.sh
source scripts/hetzner/steps/forge.sh

read_secrets scripts/hetzner/bootstrap-secrets.env
check_values
check_tools
check_pins
if [[ ! $dry_run ]]; then
    (umask 077 && mkdir -p "$state")
    lock_state
fi
require_same_name

console="the console at Hetzner; \`terraform -chdir=infra/terraform/hetzner plan\`"
pods="KUBECONFIG=$kubeconfig kubectl get pods --all-namespaces, and kubectl describe of what is not ready"
forge_log="KUBECONFIG=$kubeconfig kubectl --namespace delivery logs statefulset/forgejo"

step authorities "authorities of the cluster" "$authorities: they have to last 90 days; a server knows the ones it was made with"
step server "server, firewall, network, volume" "$console"
step api "the API answers" "the server's console at Hetzner: cloud-init status --long, journalctl --unit k3s; is your address in OPERATOR_ADDRESSES?"
step kubeconfig "$kubeconfig" "KUBECONFIG=$kubeconfig kubectl get nodes"
step secrets "Secrets" "KUBECONFIG=$kubeconfig kubectl get secrets --namespace event-trading"
step stores "the overlay's stores and delivery" "$pods"
step images "the image in the cluster's registry" "docker build's output above; KUBECONFIG=$kubeconfig kubectl --namespace delivery logs deployment/registry"
step services "the overlay" "$pods"
step rollout "services are ready" "$pods; kubectl logs of a service names the setting or server that is wrong"
step forge "the forge is reachable" "$forge_log"
step admin "its administrator" "$forge_log"
step repository "its repository" "$forge_log"
step pushed "this repository is in it" "$forge_log; git push by hand to the same address"
step runner "its runner" "KUBECONFIG=$kubeconfig kubectl --namespace delivery logs deployment/runner; $forge_log"
[[ $dry_run ]] || hand_off
