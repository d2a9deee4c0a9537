# What backup.sh and restore.sh share: what they ask for, and the plan of the cluster's stores.
# shellcheck shell=bash disable=SC2034,SC2154 # the scripts set the variables

# shellcheck source=scripts/hetzner/steps/common.sh
source scripts/hetzner/steps/common.sh
# shellcheck source=scripts/hetzner/steps/inputs.sh
source scripts/hetzner/steps/inputs.sh
# shellcheck source=scripts/hetzner/steps/server.sh
source scripts/hetzner/steps/server.sh
# shellcheck source=scripts/hetzner/steps/forward.sh
source scripts/hetzner/steps/forward.sh

forward_seconds=86400 rollout_seconds=60 poll_seconds=${BOOTSTRAP_POLL_SECONDS:-1}

# kinds_of KNOWN WORD...: the kinds of stores that are asked for, all of them if none is named, in $kinds.
kinds_of() {
    local known=$1 each
    shift
    kinds="$*"
    for each in "$@"; do
        [[ " $known " == *" $each "* ]] || die "$each is no kind of store here; there are: $known"
    done
    kinds=${kinds:-$known}
}

asked_for() {
    [[ " $kinds " == *" $1 "* ]]
}

require_cluster() {
    read_secrets scripts/hetzner/bootstrap-secrets.env
    check_values
    check_tools kubectl openssl tar
    [[ -f $kubeconfig ]] || die "$kubeconfig is not there: bootstrap.sh makes the cluster, bootstrap.sh --stores as far as its stores"
    open_state
    require_same_name
}

# The plan for scripts/backup.sh and restore.sh, which have no password in it.
write_plan() {
    keep "$state/stores.plan" <<PLAN
$(! asked_for bus || echo "bus trading $root/deploy/k8s/base/settings.yaml")
$(! asked_for database || echo "database trading postgresql://$ledger")
$(! asked_for archive || echo "archive trading $root/$state/archive")
PLAN
}

# with_stores COMMAND...: with the plan written, and the settings that differ on this machine in the environment.
with_stores() {
    if asked_for database; then
        with_ledger at_stores "$@"
    else
        ledger='' at_stores "$@"
    fi
}

at_stores() {
    if asked_for bus; then
        with_bus at_all "$@"
    else
        bus='' at_all "$@"
    fi
}

at_all() {
    write_plan || return 1
    EVENT_TRADING_KAFKA_URL=$bus EVENT_TRADING_ACCOUNT=$EVENT_TRADING_ACCOUNT "$@"
}
