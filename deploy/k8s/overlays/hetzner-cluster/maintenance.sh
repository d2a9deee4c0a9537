#!/usr/bin/env bash
# Let a broker enter maintenance, in which the others lead its partitions, or leave it.
#
#   maintenance.sh enter|leave
#
# It waits for its own broker, at most 60 s; one that is not up by then is left as it is, and the kubelet goes on.
set -euo pipefail

admin=http://127.0.0.1:9644
case ${1-} in
enter) method=PUT ;;
leave) method=DELETE ;;
*)
    echo "usage: maintenance.sh enter|leave" >&2
    exit 2
    ;;
esac

node_id() {
    curl --silent --fail --max-time 5 "$admin/v1/node_config" | grep -o '"node_id": *[0-9]*' | grep -o '[0-9]*$'
}

for _ in {1..30}; do
    if id=$(node_id) && curl --silent --fail --max-time 5 --request "$method" "$admin/v1/brokers/$id/maintenance"; then
        break
    fi
    sleep 2
done
if [[ $method == PUT && ${id-} ]]; then
    for _ in {1..40}; do # until nothing is led here any more
        if curl --silent --fail --max-time 5 "$admin/v1/brokers/$id" | grep -q '"finished": *true'; then
            break
        fi
        sleep 1
    done
fi
