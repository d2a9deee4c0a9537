# What the operator gives, and what has to be on the workstation. Nothing is made or changed here.
# shellcheck shell=bash disable=SC2034,SC2154 # the other files read the names; bootstrap.sh sets the variables

# shellcheck source=scripts/pins.sh
source scripts/pins.sh

needed=(HCLOUD_TOKEN OPERATOR_ADDRESSES SERVER_NAME SERVER_LOCATION SERVER_TYPE EVENT_TRADING_ACCOUNT EVENT_TRADING_NEAR_KEY
    EVENT_TRADING_NEAR_TOKEN POSTGRES_PASSWORD FORGEJO_ADMIN FORGEJO_ADMIN_MAIL FORGEJO_ADMIN_PASSWORD FORGEJO_REPOSITORY
    FORGEJO_SECRET_KEY FORGEJO_RUNNER_SECRET)
optional=(NOTIFY_URLS)

# Read NAME=VALUE lines; no shell reads them. A name that is not known, twice there or without a value is refused.
read_secrets() {
    local file=$1 line name number=0
    [[ -f $file ]] || die "$file is missing: copy bootstrap-secrets.env.example, chmod 600, and fill it in"
    [[ $(stat -c %a "$file" 2>/dev/null || stat -f %Lp "$file") == 600 ]] ||
        die "$file can be read by others: chmod 600 $file"
    declare -A seen=()
    while IFS= read -r line || [[ $line ]]; do
        number=$((number + 1))
        [[ $line && $line != \#* ]] || continue
        name=${line%%=*}
        [[ $line == *=* && " ${needed[*]} ${optional[*]} " == *" $name "* ]] ||
            die "$file, line $number: it does not begin with a name that bootstrap-secrets.env.example has"
        [[ ! ${seen[$name]-} ]] || die "$file, line $number: $name is there twice; keep one"
        seen[$name]=yes
        printf -v "$name" '%s' "${line#*=}"
    done <"$file"
    for name in "${needed[@]}"; do
        [[ ${!name-} ]] || die "$file: $name has no value"
    done
    NOTIFY_URLS=${NOTIFY_URLS-}
}

matches() {
    [[ ${!1} =~ $2 ]] || die "$1 is not as it has to be: $3"
}

check_values() {
    matches SERVER_NAME '^[a-z][a-z0-9-]{1,40}[a-z0-9]$' "3 to 42 lower-case letters, digits and hyphens"
    # The network is in eu-central: a server of another zone could not join it.
    matches SERVER_LOCATION '^(fsn1|nbg1|hel1)$' "fsn1, nbg1 or hel1"
    matches SERVER_TYPE '^[a-z]+[0-9]+$' "such as cpx41"
    matches HCLOUD_TOKEN '^[A-Za-z0-9]+$' "letters and digits, without quotes"
    matches OPERATOR_ADDRESSES '^[0-9a-fA-F.:]+/[0-9]+(,[0-9a-fA-F.:]+/[0-9]+)*$' "such as 198.51.100.7/32"
    check_operators
    matches POSTGRES_PASSWORD '^[A-Za-z0-9]{16,}$' "at least 16 letters and digits"
    matches EVENT_TRADING_ACCOUNT '^[A-Za-z0-9_-][A-Za-z0-9._-]*$' "an account such as solver.near"
    matches FORGEJO_ADMIN '^[a-z][a-z0-9_-]*$' "lower-case letters, digits, _ and -"
    matches FORGEJO_REPOSITORY '^[A-Za-z0-9._-]+$' "letters, digits, . _ and -"
    matches FORGEJO_RUNNER_SECRET '^[0-9a-f]{40}$' "40 characters of openssl rand -hex 20"
    matches FORGEJO_ADMIN_PASSWORD '^[^[:cntrl:]]{12,}$' "at least 12 characters, no tabs"
    matches FORGEJO_ADMIN_MAIL "^[^[:space:]\"'@]+@[^[:space:]\"'@]+\$" "an address such as operator@example.org, without quotes"
    matches FORGEJO_SECRET_KEY '^[A-Za-z0-9]{16,}$' "40 characters of openssl rand -hex 20"
    matches EVENT_TRADING_NEAR_KEY '^ed25519:[^[:space:]]+$' "ed25519:..., without quotes"
    matches EVENT_TRADING_NEAR_TOKEN '^[^[:space:]]+$' "without spaces"
}

# Terraform asks for the same, after something is made.
check_operators() {
    local each bits
    for each in ${OPERATOR_ADDRESSES//,/ }; do
        bits=$((10#${each#*/}))
        if [[ $each == *:* ]]; then
            ((bits >= 48 && bits <= 128)) || die "OPERATOR_ADDRESSES: $each; write a prefix from /48 to /128"
        else
            [[ $each =~ ^([0-9]{1,3}\.){3}[0-9]{1,3}/ && $bits -ge 16 && $bits -le 32 ]] ||
                die "OPERATOR_ADDRESSES: $each; write four numbers and a prefix from /16 to /32: the API is not open to everybody"
        fi
    done
}

# check_tools TOOL...: what `make setup` installs comes from this checkout.
check_tools() {
    local tool
    PATH=$root/.venv/bin:$PATH
    for tool; do
        command -v "$tool" >/dev/null ||
            die "$tool is not on this machine; deploy/hetzner/README.md says what is needed, make setup installs quant and uv"
    done
}

check_uv() {
    [[ -x .tools/uv ]] || command -v uv >/dev/null || die "uv is not on this machine; make setup fetches it"
}

# The value of a key in a table of deploy/images.toml.
pinned() {
    pinned_in deploy/images.toml "$1" "$2"
}

check_pins() {
    local unpinned
    unpinned=$(awk '
        /^\[/ { table = substr($0, 2, length($0) - 2); sub(/^(images|binaries)\./, "", table) }
        ($1 == "digest" || $1 == "sha256") && $3 == "\"UNPINNED\"" { printf "%s%s", separator, table; separator = ", " }
    ' deploy/images.toml)
    if [[ $unpinned ]]; then
        [[ $dry_run ]] || die "deploy/images.toml: not pinned: $unpinned. scripts/pin_images.sh asks their registries; then commit it"
        say "not pinned, so that this would be refused: $unpinned"
    fi
    check_written
}

# What is applied names the same digests.
check_written() {
    local name written=deploy/k8s/images/kustomization.yaml
    while read -r name; do
        grep -qF "{ name: $name, newName: $(pinned "images.$name" repository), digest: $(pinned "images.$name" digest) }" "$written" ||
            die "$written has another $name than deploy/images.toml: scripts/generate_image_pins.py writes it; then commit it"
    done < <(sed -n 's/^\[images\.\(.*\)\]$/\1/p' deploy/images.toml)
}
