#!/usr/bin/env bash
# Build the eight images of tq-broker from a commit, each tagged with the app's version and `latest`.
set -euo pipefail

usage() {
    cat <<'USAGE'
usage: build_all_images.sh -e local|aliyun [--dry-run]

  -e local    build the images for this machine
  -e aliyun   build them, and push them to REGISTRY, such as registry.cn-hangzhou.aliyuncs.com/NAMESPACE;
              log in before: docker login registry.cn-hangzhou.aliyuncs.com
  --dry-run   print the docker commands, and run none

COMMIT is what is built, HEAD by default: changes that are not committed are in no image.
USAGE
}

refuse() {
    printf 'build_all_images.sh: %s\n' "$1" >&2
    usage >&2
    exit 2
}

target=
dry_run=
while (($#)); do
    case $1 in
        -e)
            target=${2-}
            shift
            ;;
        --dry-run) dry_run=yes ;;
        -h | --help)
            usage
            exit 0
            ;;
        *) refuse "there is no option $1" ;;
    esac
    (($# == 0)) || shift
done
case $target in
    local) prefix= ;;
    aliyun)
        [[ -n ${REGISTRY-} ]] || refuse "REGISTRY is not set"
        prefix=${REGISTRY%/}/
        ;;
    *) refuse "-e takes local or aliyun" ;;
esac

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
roles=(order_submitter order_canceller order_monitor position_monitor account_monitor
    order_handler position_handler account_handler)
app=apps/tq_broker
contexts=.cache/deploy/tq_broker
commit=$(git rev-parse --verify "${COMMIT:-HEAD}^{commit}")
version=v$(git show "$commit:$app/pyproject.toml" | sed -n 's/^version = "\(.*\)"$/\1/p')
trading=tq_broker_trading:$version
handling=tq_broker_handling:$version

run() {
    if [[ $dry_run ]]; then
        printf '%s\n' "$*"
    else
        printf '+ %s\n' "$*" >&2
        "$@"
    fi
}

# What the app's Dockerfile installs from: the app, the shared package, and the lock's versions with their hashes.
make_context() {
    local context=$contexts/$1 extras=$2 options=() extra
    mkdir -p "$context"
    cp -R "$contexts/tree/$app" "$context/app"
    cp -R "$contexts/tree/packages/quant_platform_kit" "$context/app/quant_platform_kit"
    echo "./app/quant_platform_kit" >"$context/requirements.txt"
    echo "./app[$extras]" >"$context/app.txt"
    for extra in ${extras//,/ }; do
        options+=(--extra "$extra")
    done
    "$uv" export --quiet --frozen --project "$contexts/tree" --package tq-broker "${options[@]}" --no-default-groups \
        --no-emit-workspace --no-annotate --output-file "$context/constraints.txt"
}

if [[ ! $dry_run ]]; then
    uv=$(command -v .tools/uv || command -v uv) || {
        echo "build_all_images.sh: uv is missing; make setup fetches it" >&2
        exit 1
    }
    uv=$(realpath "$uv")
    rm -rf "$contexts"
    mkdir -p "$contexts/tree" "$contexts/services"
    git archive "$commit" | tar -x -C "$contexts/tree"
    cp "$contexts/tree/$app/Dockerfile.services" "$contexts/services/Dockerfile"
    make_context trading tqsdk,deploy
    make_context handling deploy
    rm -rf "$contexts/tree"
fi

build=(docker build --platform linux/amd64)
for base in trading handling; do
    run "${build[@]}" --build-arg "COMMIT_SHA=$commit" --file "$contexts/$base/app/Dockerfile" \
        --tag "${!base}" "$contexts/$base"
done
for role in "${roles[@]}"; do
    image=${prefix}tq_$role
    run "${build[@]}" --build-arg "TRADING=$trading" --build-arg "HANDLING=$handling" --target "$role" \
        --tag "$image:$version" --tag "$image:latest" "$contexts/services"
done
if [[ $prefix ]]; then
    for role in "${roles[@]}"; do
        run docker push "${prefix}tq_$role:$version"
        run docker push "${prefix}tq_$role:latest"
    done
fi
