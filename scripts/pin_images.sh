#!/usr/bin/env bash
# Ask registries for the digests of deploy/images.toml, and k3s's release for its checksum; write them into the file.
#
#   scripts/pin_images.sh [--again]
#
# Nothing is invented: a digest is written when the manifest that the registry gives has that SHA-256. What cannot be asked
# stays as it is and is named; the exit status is 1 then. A pin whose tag has moved is named too, and replaced with --again.
# shellcheck disable=SC2329 # pin calls the questions by their names
set -euo pipefail

again=
if [[ $# == 1 && $1 == --again ]]; then
    again=yes
elif (($#)); then
    echo "usage: pin_images.sh [--again]" >&2
    exit 2
fi
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/pins.sh
source scripts/pins.sh
file=${IMAGES_FILE:-deploy/images.toml}
[[ -f $file && -r $file && -w $file ]] || {
    echo "pin_images.sh: IMAGES_FILE $file is no file that can be read and written; name one like deploy/images.toml" >&2
    exit 2
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
accept="application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, "
accept+="application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"

# The value of a key in a table of the file.
value() {
    pinned_in "$file" "$1" "$2"
}

# Put a value in place of that of a key, all else as it is.
write() {
    awk -v table="[$1]" -v key="$2" -v value="$3" '
        /^\[/ { inside = $0 == table }
        inside && $1 == key { $0 = key " = \"" value "\"" }
        { print }
    ' "$file" >"$work/written"
    cat "$work/written" >"$file.part"
    mv "$file.part" "$file"
}

# Get an address into a file with its headers beside it; more words are curl's. What was wrong is in $why.
get() {
    local url=$1 into=$2
    shift 2
    if ! curl --silent --show-error --location --max-time 60 --dump-header "$into.headers" --output "$into" \
        "$@" "$url" 2>"$work/trouble"; then
        why=$(tr '\n' ' ' <"$work/trouble")
        return 1
    fi
    status=$(tr -d '\r' <"$into.headers" | awk '/^HTTP\// { status = $2 } END { print status }')
    why="$url answered ${status:-nothing}"
}

header() {
    awk -v name="$1" 'tolower($1) == name ":" { value = $2 } END { print value }' "$2" | tr -d '\r'
}

# A token for a registry that asks for one, as its answer says where; none is a person's.
token() {
    local challenge realm service scope
    challenge=$(grep -i '^www-authenticate: *bearer' "$1" | tail -n 1 | tr -d '\r')
    realm=$(sed -n 's/.*realm="\([^"]*\)".*/\1/p' <<<"$challenge")
    service=$(sed -n 's/.*service="\([^"]*\)".*/\1/p' <<<"$challenge")
    scope=$(sed -n 's/.*scope="\([^"]*\)".*/\1/p' <<<"$challenge")
    [[ $realm == https://* ]] || return 1
    get "$realm" "$work/token" --get --data-urlencode "service=$service" --data-urlencode "scope=$scope" || return 1
    sed -n 's/.*"\(access_\)\{0,1\}token" *: *"\([^"]*\)".*/\2/p' "$work/token" | head -n 1
}

# The digest of an image, in $digest; what was wrong is in $why.
ask_registry() {
    local repository=$1 tag=$2 host path url bearer found
    host=${repository%%/*} path=${repository#*/}
    [[ $host != docker.io ]] || host=registry-1.docker.io
    url=https://$host/v2/$path/manifests/$tag
    get "$url" "$work/manifest" --header "Accept: $accept" || return 1
    if [[ $status == 401 ]]; then
        bearer=$(token "$work/manifest.headers") || {
            why="$host gave no token"
            return 1
        }
        printf 'header = "Authorization: Bearer %s"\n' "$bearer" >"$work/login"
        get "$url" "$work/manifest" --header "Accept: $accept" --config "$work/login" || return 1
    fi
    [[ $status == 200 ]] || return 1
    digest=sha256:$(sha256sum <"$work/manifest" | cut -d ' ' -f 1)
    found=$(header docker-content-digest "$work/manifest.headers")
    if [[ $found && $found != "$digest" ]]; then
        why="$host says $found of a manifest whose SHA-256 is ${digest#sha256:}"
        return 1
    fi
}

ask_release() {
    get "$1" "$work/checksums" || return 1
    [[ $status == 200 ]] || return 1
    digest=$(awk '$2 == "k3s" { print $1 }' "$work/checksums")
    [[ $digest =~ ^[0-9a-f]{64}$ ]] || {
        why="$1 names no SHA-256 of k3s"
        return 1
    }
}

left=0
pin() { # table, key, what it is, the question
    local table=$1 key=$2 what=$3 old why='' digest='' status=''
    shift 3
    old=$(value "$table" "$key")
    if ! "$@"; then
        echo "$what: not asked: $why; it stays $old" >&2
        [[ $old != UNPINNED ]] || left=1
    elif [[ $old == "$digest" ]]; then
        echo "$what: $digest"
    elif [[ $old == UNPINNED || $again ]]; then
        write "$table" "$key" "$digest"
        echo "$what: $digest, written"
    else
        echo "$what: it is $digest now, pinned is $old; --again takes the new one" >&2
        left=1
    fi
}

mapfile -t images < <(sed -n 's/^\[images\.\(.*\)\]$/\1/p' "$file")
for name in "${images[@]}"; do
    repository=$(value "images.$name" repository) tag=$(value "images.$name" tag)
    pin "images.$name" digest "$name $tag" ask_registry "$repository" "$tag"
done
pin binaries.k3s sha256 "k3s $(value binaries.k3s version)" ask_release "$(value binaries.k3s checksums)"
echo "now: scripts/generate_image_pins.py && scripts/render_kubernetes.py, and commit what changed"
exit "$left"
