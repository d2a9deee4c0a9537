#!/usr/bin/env bash
# Build event-trading's image of HEAD in the cluster, and move its services to that digest, one after another.
#
#   scripts/deploy/event_trading/in_cluster.sh
#
# The runner of the forge runs it: BUILDKIT_HOST is the builder, kubectl is the runner's account, which may move these
# services and nothing else. A service that does not become ready ends it: those after it keep what they run, and it goes back
# to what it ran before.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
image=${IMAGE:-registry.delivery.svc:5000/event_trading}
seconds=${ROLLOUT_SECONDS:-300}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
commit=$(git rev-parse --verify HEAD)
mkdir "$work/tree"
git archive "$commit" | tar -x -C "$work/tree"

buildctl build --frontend dockerfile.v0 --local context="$work/tree" \
    --local dockerfile="$work/tree/scripts/deploy/event_trading" --opt filename=context.Dockerfile \
    --output "type=local,dest=$work/context"
buildctl build --frontend dockerfile.v0 --local context="$work/context" --local dockerfile="$work/context/app" \
    --opt "build-arg:COMMIT_SHA=$commit" --output "type=image,name=$image:$commit,push=true" --metadata-file "$work/built"
digest=$(sed -n 's/.*"containerimage\.digest": *"\(sha256:[0-9a-f]*\)".*/\1/p' "$work/built" | head -n 1)
[[ $digest =~ ^sha256:[0-9a-f]{64}$ ]] || {
    echo "in_cluster.sh: the builder named no digest of $image:$commit" >&2
    exit 1
}
echo "$commit is $image@$digest"

# Who is read from before who reads: the archiver first, the ingestor last.
for workload in statefulset/archiver statefulset/monitor statefulset/executor statefulset/reactor statefulset/normalizer \
    deployment/inventory deployment/prices deployment/ingestor; do
    before=$(kubectl --namespace event-trading get "$workload" --output 'jsonpath={.spec.template.spec.containers[0].image}')
    kubectl --namespace event-trading set image "$workload" "service=$image@$digest"
    if ! kubectl --namespace event-trading rollout status "$workload" --timeout "${seconds}s"; then
        kubectl --namespace event-trading set image "$workload" "service=$before"
        echo "in_cluster.sh: $workload did not become ready; it goes back to $before, and those after it were not touched" >&2
        exit 1
    fi
    echo "$workload runs $digest"
done
