# From nothing to an API that answers: authorities, server, API, kubeconfig.
# shellcheck shell=bash disable=SC2154,SC2329 # bootstrap.sh sets the variables, and steps are called by their names

authorities=$state/authorities
kubeconfig=$state/kubeconfig.yaml

tf() {
    HCLOUD_TOKEN=$HCLOUD_TOKEN TF_DATA_DIR=$root/$state/terraform TF_IN_AUTOMATION=1 \
        TF_VAR_name=$SERVER_NAME TF_VAR_location=$SERVER_LOCATION TF_VAR_server_type=$SERVER_TYPE \
        TF_VAR_operators="[\"${OPERATOR_ADDRESSES//,/\",\"}\"]" TF_VAR_authorities=$root/$authorities \
        TF_VAR_k3s="{ url = \"$(pinned binaries.k3s url)\", sha256 = \"$(pinned binaries.k3s sha256)\" }" \
        run terraform -chdir=infra/terraform/hetzner "$@" </dev/null
}

cloud() {
    HCLOUD_TOKEN=$HCLOUD_TOKEN run hcloud "$@" </dev/null
}

# --- authorities: who signs for the server, and for its operator ---------------------------------

# The authorities are called after the server that they were made for. What Terraform knows is that one, whatever is asked for.
require_same_name() {
    local known
    [[ -s $authorities/server-ca.crt ]] || return 0
    known=$(openssl x509 -in "$authorities/server-ca.crt" -noout -subject -nameopt multiline |
        sed -n 's/^ *commonName *= \(.*\)-server-ca$/\1/p')
    [[ $known == "$SERVER_NAME" ]] ||
        die "SERVER_NAME is $SERVER_NAME, and $state is of $known: write that name, or move $state away once $known is destroyed"
}

check_authorities() {
    local name
    [[ ! $dry_run ]] || return 1
    for name in server-ca client-ca; do
        [[ -s $authorities/$name.key ]]
        openssl x509 -in "$authorities/$name.crt" -noout -checkend $((90 * 86400))
    done
}

do_authorities() {
    local name
    for name in server-ca client-ca; do
        # One that is there stays: a server may stand that knows it.
        if [[ ! -s $authorities/$name.crt ]]; then
            authority "$name"
        fi
    done
}

authority() {
    run mkdir -p "$authorities"
    (
        umask 077
        run openssl ecparam -name prime256v1 -genkey -noout -out "$authorities/$1.key.part"
        run openssl req -x509 -new -sha256 -days 3650 -key "$authorities/$1.key.part" -subj "/CN=$SERVER_NAME-$1" \
            -addext "keyUsage=critical,digitalSignature,keyEncipherment,keyCertSign" -out "$authorities/$1.crt.part"
        run mv "$authorities/$1.key.part" "$authorities/$1.key"
        run mv "$authorities/$1.crt.part" "$authorities/$1.crt"
    )
}

# signed AUTHORITY FILE SUBJECT EXTENSIONS: a key and a certificate for a year.
signed() {
    (
        umask 077
        run openssl ecparam -name prime256v1 -genkey -noout -out "$2.key.part"
        run openssl req -new -key "$2.key.part" -subj "$3" -out "$2.csr"
        if [[ ! $dry_run ]]; then
            printf '%s\n' "$4" >"$2.ext"
        fi
        run openssl x509 -req -in "$2.csr" -CA "$authorities/$1.crt" -CAkey "$authorities/$1.key" -days 365 -sha256 \
            -set_serial "0x$(openssl rand -hex 16)" -extfile "$2.ext" -out "$2.crt.part"
        run mv "$2.key.part" "$2.key"
        run mv "$2.crt.part" "$2.crt"
        run rm -f "$2.csr" "$2.ext"
    )
}

good_for_a_month() {
    openssl x509 -in "$1.crt" -noout -checkend $((30 * 86400)) &&
        openssl verify -CAfile "$authorities/$2.crt" "$1.crt" && [[ -s $1.key ]]
}

# --- server --------------------------------------------------------------------------------------

initialize() {
    tf init -input=false -backend-config="path=$root/$state/terraform.tfstate"
}

check_server() {
    initialize
    tf plan -input=false -detailed-exitcode -lock-timeout=60s
    [[ ! $dry_run ]] || return 1
    write_address
}

do_server() {
    require_same_location
    initialize
    adopt
    tf apply -input=false -auto-approve -lock-timeout=60s
}

# Terraform would put a server elsewhere by deleting it, and stop at the volume.
require_same_location() {
    local id where
    id=$(labelled volume)
    [[ $id =~ ^[0-9]+$ ]] || return 0
    where=$(of volume "$id" '{{.Location.Name}}')
    [[ $where == "$SERVER_LOCATION" ]] || {
        echo "SERVER_LOCATION is $SERVER_LOCATION, and the volume is in $where: write that, nothing moves a volume" >&2
        return 1
    }
}

write_address() {
    local found
    found=$(tf output -raw address)
    [[ $found =~ ^[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+$ ]] || {
        echo "terraform output says that the address is '$found'" >&2
        return 1
    }
    keep "$state/address" <<<"$found"
}

address() {
    if [[ $dry_run ]]; then
        echo ADDRESS
    else
        cat "$state/address"
    fi
}

# What a run has made that was killed before Terraform wrote it down is taken into its state, not made again.
adopt() {
    local known kind resource id inside
    known=$(tf state list 2>/dev/null) || known='' # there is no state yet
    while read -r kind resource; do
        if ! is_known "$resource"; then
            id=$(labelled "$kind")
            adopt_one "$resource" "$id"
        fi
    done <<'LIST'
primary-ip hcloud_primary_ip.server
network hcloud_network.cluster
firewall hcloud_firewall.cluster
volume hcloud_volume.state
server hcloud_server.node
LIST
    if ! is_known hcloud_network_subnet.nodes; then
        id=$(labelled network)
        inside=0
        [[ ! $id ]] || inside=$(of network "$id" '{{len .Subnets}}')
        [[ $inside == 0 ]] || adopt_one hcloud_network_subnet.nodes "$id" "$id-10.80.0.0/24"
    fi
    if ! is_known hcloud_volume_attachment.state; then
        id=$(labelled volume)
        inside=''
        [[ ! $id ]] || inside=$(of volume "$id" '{{with .Server}}{{.ID}}{{end}}')
        [[ ! $inside ]] || adopt_one hcloud_volume_attachment.state "$id"
    fi
}

is_known() {
    [[ ! $dry_run && $'\n'$known$'\n' == *$'\n'$1$'\n'* ]]
}

# The number of what has our label, none if there is nothing.
labelled() {
    cloud "$1" list --selector "event-trading=$SERVER_NAME" --output noheader --output columns=id
}

of() {
    cloud "$1" describe "$2" --output "format=$3"
}

# adopt_one RESOURCE NUMBER [NAME]: NAME is what `terraform import` calls it, if not by its number.
adopt_one() {
    [[ $2 ]] || return 0
    [[ $2 =~ ^[0-9]+$ ]] || {
        echo "$1: what is labelled event-trading=$SERVER_NAME is not one: $2" >&2
        return 1
    }
    tf import -input=false "$1" "${3-$2}"
}

# --- API -----------------------------------------------------------------------------------------

# The first handshake is verified like every other: the authority is ours, and was there before the server.
api_is_ready() {
    local said
    said=$(ask curl --silent --show-error --fail --max-time 10 --cacert "$authorities/server-ca.crt" \
        --cert "$state/operator.crt" --key "$state/operator.key" "https://$(address):6443/readyz")
    [[ $said == ok ]]
}

check_api() {
    [[ ! $dry_run ]] || return 1
    good_for_a_month "$state/operator" client-ca
    api_is_ready
}

do_api() {
    if [[ $dry_run ]] || ! good_for_a_month "$state/operator" client-ca >/dev/null 2>&1; then
        signed client-ca "$state/operator" "/O=system:masters/CN=operator" "extendedKeyUsage=clientAuth"
    fi
    wait_for "$api_seconds" "https://$(address):6443/readyz" api_is_ready
}

# --- kubeconfig ----------------------------------------------------------------------------------

k() {
    KUBECONFIG=$root/$kubeconfig run kubectl "$@"
}

encoded() {
    base64 <"$1" | tr -d '\n'
}

the_kubeconfig() {
    cat <<YAML
apiVersion: v1
kind: Config
clusters: [{ name: $SERVER_NAME, cluster: { server: "https://$(address):6443", certificate-authority-data: $(encoded "$authorities/server-ca.crt") } }]
users: [{ name: operator, user: { client-certificate-data: $(encoded "$state/operator.crt"), client-key-data: $(encoded "$state/operator.key") } }]
contexts: [{ name: $SERVER_NAME, context: { cluster: $SERVER_NAME, user: operator } }]
current-context: $SERVER_NAME
YAML
}

check_kubeconfig() {
    [[ ! $dry_run ]] || return 1
    [[ $(stat -c %a "$kubeconfig" 2>/dev/null || stat -f %Lp "$kubeconfig") == 600 ]]
    [[ $(cat "$kubeconfig") == "$(the_kubeconfig)" ]]
    k get node "$SERVER_NAME"
}

node_is_there() {
    k get node "$SERVER_NAME"
}

do_kubeconfig() {
    if [[ $dry_run ]]; then
        say "    write $kubeconfig (0600)"
    else
        the_kubeconfig | keep "$kubeconfig"
    fi
    wait_for "$api_seconds" "node $SERVER_NAME" node_is_there
    k wait --for=condition=Ready "node/$SERVER_NAME" --timeout="${api_seconds}s"
}
