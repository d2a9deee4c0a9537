# The hand-off: the forge, its administrator, the repository, the runner; what is verified, and what is left for a person.
# shellcheck shell=bash disable=SC2016,SC2154,SC2329 # git's shell reads its helper; bootstrap.sh sets the variables

quoted() {
    local text=${1//\\/\\\\}
    printf '"%s"' "${text//\"/\\\"}"
}

forge_url() {
    echo "https://$(address):30443"
}

# forge LOGIN METHOD PATH [BODY]: the status in $status, the answer in $answer. LOGIN is a line of curl's settings; login
# and body come on stdin, as others see the words of a command.
forge() {
    local login=$1 method=$2 path=$3 body=${4-} said url
    url=$(forge_url)
    status='' answer=''
    said=$(
        {
            printf '%s\n' "$login"
            if [[ $body ]]; then
                printf 'header = "Content-Type: application/json"\ndata = %s\n' "$(quoted "$body")"
            fi
        } | ask curl --silent --show-error --max-time 30 --cacert "$authorities/server-ca.crt" --config - \
            --request "$method" --write-out '\n%{http_code}' "$url/api/v1$path"
    ) || return 1
    status=${said##*$'\n'} answer=${said%$'\n'*}
}

by_password() {
    printf 'user = %s' "$(quoted "$FORGEJO_ADMIN:$FORGEJO_ADMIN_PASSWORD")"
}

# Print what a line of Python makes of the answer, which is d.
of_answer() {
    [[ ! $dry_run ]] || return 1
    python3 -c "import json, sys; d = json.load(sys.stdin); $1" <<<"$answer"
}

in_forge() {
    k --namespace=delivery exec --stdin forgejo-0 -- forgejo "$@"
}

# --- reachable -----------------------------------------------------------------------------------

check_forge() {
    ask curl --silent --show-error --fail --max-time 10 --cacert "$authorities/server-ca.crt" "$(forge_url)/api/healthz"
}

do_forge() {
    rolled_out "$rollout_seconds" delivery statefulset/forgejo
    wait_for "$rollout_seconds" "$(forge_url)/api/healthz" check_forge
}

# --- administrator -------------------------------------------------------------------------------

check_admin() {
    forge "$(by_password)" GET /user
    [[ $status == 200 ]]
    of_answer "sys.exit(not (d['login'] == '$FORGEJO_ADMIN' and d['is_admin']))"
    no_keys_left
}

# The forge's own command makes the administrator, with a password that nobody learns, and a key that sets the right one.
do_admin() {
    local key
    if [[ $dry_run ]] || ! in_forge admin user list </dev/null | awk 'NR > 1 { print $2 }' | grep -qx "$FORGEJO_ADMIN"; then
        in_forge admin user create --admin --username "$FORGEJO_ADMIN" --email "$FORGEJO_ADMIN_MAIL" --random-password \
            --must-change-password=false </dev/null >/dev/null
    fi
    key=$(in_forge admin user generate-access-token --username "$FORGEJO_ADMIN" --token-name "bootstrap-$(date +%s)-$RANDOM" \
        --scopes write:admin --raw </dev/null)
    [[ $dry_run || $key =~ ^[0-9a-f]{40}$ ]] || {
        echo "the forge gave no key" >&2
        return 1
    }
    forge "header = \"Authorization: token $key\"" PATCH "/admin/users/$FORGEJO_ADMIN" \
        "{\"source_id\": 0, \"login_name\": \"$FORGEJO_ADMIN\", \"must_change_password\": false, \"password\": $(quoted "$FORGEJO_ADMIN_PASSWORD")}" ||
        [[ $dry_run ]]
    [[ $dry_run || $status == 200 ]] || {
        echo "the forge answered $status to the password of $FORGEJO_ADMIN" >&2
        return 1
    }
    remove_keys
}

no_keys_left() {
    forge "$(by_password)" GET "/users/$FORGEJO_ADMIN/tokens"
    [[ $status == 200 ]]
    of_answer "sys.exit(any(each['name'].startswith('bootstrap-') for each in d))"
}

remove_keys() {
    local key keys
    forge "$(by_password)" GET "/users/$FORGEJO_ADMIN/tokens" || [[ $dry_run ]]
    [[ ! $dry_run ]] || return 0
    keys=$(of_answer "print(*(each['name'] for each in d if each['name'].startswith('bootstrap-')), sep='\n')")
    for key in $keys; do
        forge "$(by_password)" DELETE "/users/$FORGEJO_ADMIN/tokens/$key"
        [[ $status == 204 || $status == 404 ]] || {
            echo "the forge answered $status when the key $key was to go" >&2
            return 1
        }
    done
}

# --- repository ----------------------------------------------------------------------------------

check_repository() {
    forge "$(by_password)" GET "/repos/$FORGEJO_ADMIN/$FORGEJO_REPOSITORY"
    [[ $status == 200 ]]
}

do_repository() {
    forge "$(by_password)" POST /user/repos \
        "{\"name\": \"$FORGEJO_REPOSITORY\", \"private\": true, \"auto_init\": false, \"default_branch\": \"main\"}" ||
        [[ $dry_run ]]
    [[ $dry_run || $status == 201 ]] || {
        echo "the forge answered $status to a new repository" >&2
        return 1
    }
}

with_git() {
    GIT_SSL_CAINFO=$root/$authorities/server-ca.crt GIT_TERMINAL_PROMPT=0 FORGE_USER=$FORGEJO_ADMIN \
        FORGE_PASSWORD=$FORGEJO_ADMIN_PASSWORD run git -c credential.helper= \
        -c 'credential.helper=!f() { printf "username=%s\\npassword=%s\\n" "$FORGE_USER" "$FORGE_PASSWORD"; }; f' "$@"
}

# Somebody may have gone on since: what the forge has is never overwritten.
check_pushed() {
    local said
    said=$(with_git ls-remote "$(forge_url)/$FORGEJO_ADMIN/$FORGEJO_REPOSITORY.git" refs/heads/main)
    [[ $said =~ ^[0-9a-f]{40}[[:space:]]refs/heads/main$ ]]
}

do_pushed() {
    with_git push "$(forge_url)/$FORGEJO_ADMIN/$FORGEJO_REPOSITORY.git" HEAD:refs/heads/main
}

# --- runner --------------------------------------------------------------------------------------

# The registration is in the forge's volume: it is of this volume, or not there.
registered_as() {
    local volume
    volume=$(k --namespace=delivery get persistentvolumeclaim data-forgejo-0 --output='jsonpath={.metadata.uid}')
    [[ $dry_run || $volume ]] || return 1
    echo "$FORGEJO_ADMIN.$FORGEJO_REPOSITORY.$volume"
}

# What was registered last: nothing if nothing was.
registration_of() {
    k --namespace=delivery get secret runner-registration --ignore-not-found \
        --output='jsonpath={.metadata.annotations.delivery/registered}'
}

check_runner() {
    local wanted said
    [[ ! $dry_run ]] || return 1
    wanted=$(registered_as)
    said=$(registration_of)
    [[ $said == "$wanted" ]]
    rolled_out 2 delivery deployment/runner
}

# The forge knows a runner by the first characters of its secret: told twice, it is one runner.
do_runner() {
    local wanted
    wanted=$(registered_as)
    printf '%s' "$([[ $dry_run ]] || printf '%s' "$FORGEJO_RUNNER_SECRET")" | in_forge forgejo-cli actions register \
        --secret-stdin --name cluster --scope "$FORGEJO_ADMIN/$FORGEJO_REPOSITORY" --labels cluster:host
    k --namespace=delivery annotate --overwrite secret runner-registration "delivery/registered=$wanted"
    rolled_out "$rollout_seconds" delivery deployment/builder deployment/runner
}

# --- hand-off ------------------------------------------------------------------------------------

verified() {
    local code
    try "check_$1" >/dev/null 2>&1
    if ((code == 0)); then
        say "  [x] $2"
    else
        say "  [ ] $2: NOT confirmed"
        missing=yes
    fi
}

hand_off() {
    missing=''
    say "hand-off; confirmed just now:"
    verified api "the API answers to its operator, and its certificate is of our authority"
    verified rollout "every service runs by digest, and is ready"
    verified forge "the forge is reachable: $(forge_url)"
    verified admin "$FORGEJO_ADMIN is its administrator, and no key of bootstrap is left"
    verified pushed "it has this repository as $FORGEJO_ADMIN/$FORGEJO_REPOSITORY"
    verified runner "one runner is registered with it, and runs"
    say "yours:"
    say "  [ ] log in at the forge and turn on two-factor authentication"
    say "  [ ] push a commit to main there, and see the runner build it and move the services"
    say "  [ ] keep $state somewhere safe and secret: it is the only way back into the cluster"
    say "  [ ] a ledger that was new is halted. Look at the account, then: $resume"
    say "  [ ] prices are an example: kubectl replaces the ConfigMap event-trading-prices, deploy/hetzner/README.md says how"
    say "  [ ] dry_run_only is true: docs/runbooks/event-trading.md says how an account goes live"
    [[ ! $missing ]] || die "the hand-off is not whole; run this again"
}
