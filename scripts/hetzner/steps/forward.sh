# Reaching into the cluster from this machine: its registry, its ledger, its bus.
# shellcheck shell=bash disable=SC2034,SC2154,SC2329 # what is forwarded is called by its name, and reads what is set here
#
# A forwarded connection comes out inside the pod, on its loopback: no network policy is asked and none has to allow it. Who may
# make one is a right at the API, which the operator's certificate has and no account of the cluster.

forwards=()
bus_port=19090 # of a broker's listener for the operator; broker N is this and N more on this machine

# with_forward NAMESPACE TARGET LOCAL:REMOTE COMMAND...: with the port's address on this machine in $forwarded.
with_forward() {
    local namespace=$1 target=$2 ports=$3 log=$state/port-forward.${2##*/} code=0 own forwarded
    shift 3
    if [[ $dry_run ]]; then
        k --namespace="$namespace" port-forward "$target" "$ports"
        forwarded=127.0.0.1:PORT
        "$@" || code=$?
        return "$code"
    fi
    : >"$log"
    KUBECONFIG=$root/$kubeconfig timeout --foreground "$forward_seconds" kubectl --namespace="$namespace" port-forward \
        "$target" "$ports" >"$log" 2>&1 3>&- 9>&- &
    own=$!
    forwards+=("$own")
    trap 'kill "${forwards[@]}" 2>/dev/null || :' EXIT
    wait_for "$rollout_seconds" "kubectl port-forward $target" opened_or_ended "$log" "$own" || return 1
    forwarded=$(sed -n 's/^Forwarding from \(127\.0\.0\.1:[0-9]*\) .*/\1/p' "$log" | head -n 1)
    if [[ $forwarded ]]; then
        "$@" || code=$?
        kill "$own" 2>/dev/null || : # it may have ended
    else
        echo "kubectl port-forward $target $ports: $(tail -n 1 "$log")" >&2
        code=1
    fi
    unset 'forwards[-1]'
    return "$code"
}

opened_or_ended() {
    grep -q '^Forwarding from 127' "$1" || ! kill -0 "$2" 2>/dev/null
}

# with_ledger COMMAND...: with the ledger's address in $ledger, and its password where libpq looks for it.
with_ledger() {
    with_forward event-trading pod/ledger-0 :5432 at_ledger "$@"
}

at_ledger() {
    local ledger=event_trading@$forwarded/event_trading
    PGPASSWORD=$POSTGRES_PASSWORD "$@"
}

# with_bus COMMAND...: with the brokers' addresses in $bus. A client asks one of them where the others are, and is told these.
with_bus() {
    local brokers
    brokers=$(k --namespace=event-trading get statefulset redpanda --output='jsonpath={.spec.replicas}') || return 1
    [[ $brokers =~ ^[1-9]$ ]] || {
        echo "the bus has '$brokers' brokers; 1 to 9 can be reached from here" >&2
        return 1
    }
    with_brokers "$brokers" '' "$@"
}

with_brokers() {
    local left=$1 bus=$2 port=$((bus_port + $1 - 1))
    shift 2
    if ((left == 0)); then
        "$@"
    else
        with_forward event-trading "pod/redpanda-$((left - 1))" "$port:$bus_port" \
            with_brokers "$((left - 1))" "127.0.0.1:$port${bus:+,$bus}" "$@"
    fi
}
