#!/usr/bin/env bash
# Build the image of event-trading from a commit, tagged with the commit, its version and `latest`; push it where REGISTRY is
# set.
#
#   scripts/deploy/event_trading/build_image.sh
#   COMMIT=v1.2 REGISTRY=registry.example/ours scripts/deploy/event_trading/build_image.sh
#
# COMMIT is what is built, HEAD by default: changes that are not committed are in no image.
set -euo pipefail

if (($#)); then
    echo "usage: [COMMIT=...] [REGISTRY=...] build_image.sh" >&2
    exit 2
fi
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
uv=$(command -v .tools/uv || command -v uv) || {
    echo "build_image.sh: uv is missing; make setup fetches it" >&2
    exit 1
}
app=apps/event_trading
context=.cache/deploy/event_trading
commit=$(git rev-parse --verify "${COMMIT:-HEAD}^{commit}")
version=v$(git show "$commit:$app/pyproject.toml" | sed -n 's/^version = "\(.*\)"$/\1/p')
image=${REGISTRY:+${REGISTRY%/}/}event_trading

rm -rf "$context"
mkdir -p "$context/tree"
git archive "$commit" | tar -x -C "$context/tree"
UV=$uv scripts/deploy/event_trading/context.sh "$context/tree" "$context"
rm -rf "$context/tree"

docker build --platform linux/amd64 --build-arg "COMMIT_SHA=$commit" --file "$context/app/Dockerfile" \
    --tag "$image:$commit" --tag "$image:$version" --tag "$image:latest" "$context"
if [[ ${REGISTRY-} ]]; then
    docker push "$image:$commit"
    docker push "$image:$version"
    docker push "$image:latest"
fi
