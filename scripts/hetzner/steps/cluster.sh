# From an API to services that run: Secrets, the overlay, images, rollout.
# shellcheck shell=bash disable=SC2154,SC2329 # bootstrap.sh sets the variables, and steps are called by their names

overlay=deploy/k8s/overlays/hetzner-single-node
applied=$state/overlay
repository=registry.delivery.svc:5000/event_trading
stores=(statefulset/ledger statefulset/redpanda)
resume="KUBECONFIG=$kubeconfig kubectl --namespace event-trading exec executor-0 -- sh -c 'quant resume all --who NAME --reason TEXT --store \"\$STORE_URL\"'"
services=(statefulset/archiver statefulset/monitor statefulset/executor statefulset/reactor statefulset/normalizer
    deployment/inventory deployment/prices deployment/ingestor)

apply() {
    k apply --server-side --force-conflicts --field-manager=bootstrap "$@"
}

# Whether the cluster has all of it already. What differs may be secret: nothing of it is shown.
has() {
    k diff --server-side --force-conflicts --field-manager=bootstrap "$@" >/dev/null && [[ ! $dry_run ]]
}

# The overlay with the digest of our image; bootstrap applies this, and never the base.
write_overlay() {
    run mkdir -p "$applied"
    if [[ $dry_run ]]; then
        say "    write $applied/kustomization.yaml: $overlay with event-trading@${1:-UNPINNED}"
        return
    fi
    keep "$applied/kustomization.yaml" <<YAML
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [../../../$overlay]
images: [{ name: $repository, digest: ${1:-UNPINNED} }]
YAML
}

# --- what is set once ------------------------------------------------------------------------------

# The value of a Secret's key in the cluster, nothing if there is none.
kept_secret() {
    local said
    said=$(k --namespace="$1" get secret "$2" --ignore-not-found --output="jsonpath={.data.$3}") || return 1
    [[ $dry_run ]] || base64 --decode <<<"$said"
}

# The names whose values ledger, forge and runner have taken over once: another value would be applied, and change nothing.
changed() {
    local ledger key registered place
    ledger=$(kept_secret event-trading ledger-owner password) || return 1
    key=$(kept_secret delivery forgejo secret-key) || return 1
    registered=$(kept_secret delivery runner-registration '\.runner') || return 1
    place=$(registration_of) || return 1
    [[ ! $dry_run ]] || return 0
    [[ ! $ledger || $ledger == "$POSTGRES_PASSWORD" ]] || echo POSTGRES_PASSWORD
    [[ ! $key || $key == "$FORGEJO_SECRET_KEY" ]] || echo FORGEJO_SECRET_KEY
    [[ ! $registered || $registered == *"\"token\":\"$FORGEJO_RUNNER_SECRET\""* ]] || echo FORGEJO_RUNNER_SECRET
    [[ ! $place || ${place%%.*} == "$FORGEJO_ADMIN" ]] || echo FORGEJO_ADMIN
    [[ ! $place || ${place#*.} == "$FORGEJO_REPOSITORY".* ]] || echo FORGEJO_REPOSITORY
}

check_unchanged() {
    local found
    [[ ! $dry_run ]] || return 1
    found=$(changed)
    [[ ! $found ]]
}

do_unchanged() {
    local found
    found=$(changed)
    [[ $found ]] || return 0
    echo "${found//$'\n'/, }: not what this cluster was made with. Nothing was changed: write that value again," \
        "or change it as deploy/hetzner/README.md, \"Values that are set once\", says" >&2
    return 1
}

# --- Secrets -------------------------------------------------------------------------------------

secrets() {
    [[ ! $dry_run ]] || return 0
    secret event-trading event-trading-account account "$EVENT_TRADING_ACCOUNT"
    secret event-trading event-trading-key key "$EVENT_TRADING_NEAR_KEY"
    secret event-trading event-trading-token token "$EVENT_TRADING_NEAR_TOKEN"
    secret event-trading ledger-owner password "$POSTGRES_PASSWORD"
    secret event-trading event-trading-ledger url \
        "postgresql+psycopg://event_trading:$POSTGRES_PASSWORD@ledger.event-trading.svc:5432/event_trading"
    if [[ $NOTIFY_URLS ]]; then
        secret event-trading event-trading-alerts urls "$NOTIFY_URLS"
    fi
    secret delivery forgejo secret-key "$FORGEJO_SECRET_KEY"
    secret delivery forgejo-tls tls.crt "$(cat "$state/forgejo.crt")" tls.key "$(cat "$state/forgejo.key")"
    secret delivery forgejo-ca ca.crt "$(cat "$authorities/server-ca.crt")"
    secret delivery runner-registration .runner "$(registration)"
}

# What `forgejo-runner create-runner-file` would write: the first 16 characters of the secret, as bytes, are its UUID.
registration() {
    local hex
    hex=$(printf '%s' "${FORGEJO_RUNNER_SECRET:0:16}" | od -An -tx1 | tr -d ' \n')
    printf '{"id":0,"uuid":"%s-%s-%s-%s-%s","name":"cluster","token":"%s","address":"%s","labels":["cluster:host"]}\n' \
        "${hex:0:8}" "${hex:8:4}" "${hex:12:4}" "${hex:16:4}" "${hex:20:12}" "$FORGEJO_RUNNER_SECRET" \
        "https://forgejo.delivery.svc:3000/"
}

forge_is_signed() {
    good_for_a_month "$state/forgejo" server-ca &&
        openssl x509 -in "$state/forgejo.crt" -noout -checkip "$(address)" | grep -q "does match"
}

check_secrets() {
    [[ ! $dry_run ]] || return 1
    forge_is_signed
    secrets | has --filename=-
    tells_nobody_else
    has_prices
}

# A Secret that the file names no more is taken away: alerts would go on to whoever they went to.
tells_nobody_else() {
    local said
    [[ ! $NOTIFY_URLS ]] || return 0
    said=$(k --namespace=event-trading get secret event-trading-alerts --ignore-not-found --output=name) || return 1
    [[ ! $said ]]
}

do_secrets() {
    if [[ $dry_run ]] || ! forge_is_signed >/dev/null 2>&1; then
        signed server-ca "$state/forgejo" "/CN=forgejo" \
            "subjectAltName=DNS:forgejo.delivery.svc,IP:$(address)"$'\n'"extendedKeyUsage=serverAuth"
    fi
    write_overlay ""
    apply --kustomize="$applied" --selector=app.kubernetes.io/component=namespace
    secrets | apply --filename=-
    if [[ ! $NOTIFY_URLS ]]; then
        k --namespace=event-trading delete secret event-trading-alerts --ignore-not-found
    fi
    [[ ! $(running_digest) ]] ||
        say "   a service that runs sees a value that has changed when it is started again: kubectl --namespace event-trading rollout restart"
    if ! has_prices >/dev/null 2>&1; then
        k --namespace=event-trading create configmap event-trading-prices \
            --from-file=prices.jsonl=deploy/k8s/prices.example.jsonl
    fi
}

# Prices are made once, as an example; from then on they are the operator's.
has_prices() {
    k --namespace=event-trading get configmap event-trading-prices && [[ ! $dry_run ]]
}

# --- stores and delivery: the part of the overlay that needs no image of ours ----------------------

check_stores() {
    local digest
    digest=$(running_digest)
    write_overlay "$digest"
    has --kustomize="$applied" --selector='app.kubernetes.io/component!=service'
    rolled_out 5 event-trading "${stores[@]}"
    rolled_out 5 delivery deployment/registry
}

do_stores() {
    local digest
    digest=$(running_digest)
    write_overlay "$digest"
    apply --kustomize="$applied" --selector='app.kubernetes.io/component!=service'
    rolled_out "$rollout_seconds" event-trading "${stores[@]}"
    rolled_out "$rollout_seconds" delivery deployment/registry
}

rolled_out() {
    local seconds=$1 namespace=$2 each
    shift 2
    for each in "$@"; do
        k --namespace="$namespace" rollout status "$each" --timeout="${seconds}s"
    done
}

# --- images --------------------------------------------------------------------------------------

# What the services run; after the hand-off this is the runner's word, and no bootstrap takes it back.
running_digest() {
    [[ ! $dry_run ]] || return 0
    local image
    image=$(k --namespace=event-trading get statefulset executor --ignore-not-found \
        --output='jsonpath={.spec.template.spec.containers[0].image}') || return 1
    if [[ $image =~ @(sha256:[0-9a-f]{64})$ ]]; then
        echo "${BASH_REMATCH[1]}"
    fi
}

# with_registry COMMAND...: with the address of the cluster's registry on this machine in $registry.
with_registry() {
    with_forward delivery service/registry :5000 at_registry "$@"
}

at_registry() {
    registry=$forwarded "$@"
}

# The digest that the registry has for the commit; fails where it has none.
delivered() {
    local said digest
    said=$(ask curl --silent --show-error --fail --head --max-time 30 \
        --header "Accept: application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json" \
        --header "Accept: application/vnd.docker.distribution.manifest.v2+json" \
        "http://$registry/v2/event_trading/manifests/$(git rev-parse HEAD)") || return 1
    digest=$(tr -d '\r' <<<"$said" | awk 'tolower($1) == "docker-content-digest:" { print $2 }')
    [[ $digest =~ ^sha256:[0-9a-f]{64}$ ]] || return 1
    echo "$digest"
}

delivered_digest() {
    with_registry delivered
}

check_images() {
    local digest
    [[ ! $dry_run ]] || return 1
    digest=$(running_digest)
    [[ $digest ]] || delivered_digest
}

do_images() {
    with_registry build_and_push
}

build_and_push() {
    REGISTRY=$registry COMMIT=HEAD run scripts/deploy/event_trading/build_image.sh || return 1
    if [[ ! $dry_run ]]; then
        delivered >/dev/null || {
            echo "the registry does not name the digest of what was pushed" >&2
            return 1
        }
    fi
}

# --- a new ledger begins halted ---------------------------------------------------------------------

# What `quant halt all --if-new` goes by: anything that was recorded or switched, an operator's wish apart.
is_known="SELECT EXISTS (SELECT 1 FROM versioned_objects WHERE key <> 'ready' AND key NOT LIKE 'audit/%')"

check_halt() {
    local said
    said=$(k --namespace=event-trading exec ledger-0 -- psql --no-psqlrc --tuples-only --no-align \
        --username=event_trading --dbname=event_trading --command="$is_known")
    [[ $said == t ]]
}

# A ledger that is new knows nothing of what an account has sent before: whoever delivers it looks, and resumes.
do_halt() {
    with_ledger halt_new
    say "   it is resumed by: $resume"
}

halt_new() {
    run quant halt all --if-new --store "postgresql+psycopg://$ledger" --who bootstrap \
        --reason "the ledger is new: look at the account, then resume" >&3
}

# --- services and rollout --------------------------------------------------------------------------

wanted_digest() {
    [[ ! $dry_run ]] || return 0
    local digest
    digest=$(running_digest)
    if [[ ! $digest ]]; then
        digest=$(delivered_digest)
    fi
    echo "$digest"
}

check_services() {
    local digest
    digest=$(wanted_digest)
    write_overlay "$digest"
    has --kustomize="$applied"
}

do_services() {
    local digest
    digest=$(wanted_digest)
    [[ $dry_run || $digest ]] || {
        echo "no image of ours is in the registry" >&2
        return 1
    }
    write_overlay "$digest"
    apply --kustomize="$applied"
}

check_rollout() {
    [[ ! $dry_run ]] || return 1
    rolled_out 2 event-trading "${services[@]}"
}

do_rollout() {
    rolled_out "$rollout_seconds" event-trading "${services[@]}"
}
