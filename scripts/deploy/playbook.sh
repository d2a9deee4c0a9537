#!/usr/bin/env bash
# Deploy the service trading-playbook to Cloud Run and the job that calls it after each close; each line is printed, then run.
#
#   PROJECT=ours IMAGE=us-central1-docker.pkg.dev/ours/services/alpaca@sha256:... BUCKET=ours-playbook \
#       scripts/deploy/playbook.sh [--dry-run]
#
# With --dry-run lines are only printed. Keys are named, never given: ALPACA_KEY and ALPACA_SECRET are secrets of Secret
# Manager with their version, SECRET:VERSION. MONGODB, another one, adds the journal in MongoDB.
set -euo pipefail

dry_run=
if [[ $# == 1 && $1 == --dry-run ]]; then
    dry_run=yes
elif (($#)); then
    echo "usage: PROJECT=... IMAGE=... BUCKET=... playbook.sh [--dry-run]" >&2
    exit 2
fi
for name in PROJECT IMAGE BUCKET; do
    [[ ${!name-} ]] || {
        echo "playbook.sh: $name is not set" >&2
        exit 2
    }
done
[[ $IMAGE =~ @sha256:[0-9a-f]{64}$ ]] || {
    echo "playbook.sh: IMAGE is $IMAGE; name it by digest, REPOSITORY@sha256:..., as the release prints it" >&2
    exit 2
}
keys=${ALPACA_KEY:-alpaca-api-key:1},${ALPACA_SECRET:-alpaca-secret-key:1}${MONGODB:+,$MONGODB}
[[ $keys =~ ^[A-Za-z0-9_-]+:[0-9]+(,[A-Za-z0-9_-]+:[0-9]+)*$ ]] || {
    echo "playbook.sh: ALPACA_KEY, ALPACA_SECRET and MONGODB are SECRET:VERSION, such as alpaca-api-key:1" >&2
    exit 2
}

service=trading-playbook
job=$service-daily
place=(--project "$PROJECT" --region us-central1)
runs_as=$service@$PROJECT.iam.gserviceaccount.com
caller=$service-job@$PROJECT.iam.gserviceaccount.com
audience=https://$service.$PROJECT.internal

run() {
    printf '%q ' "$@"
    echo
    [[ $dry_run ]] || "$@"
}

# A value may have a comma, and a digest or an account an @: none of them has a |.
environment="^|^GCS_BUCKET=$BUCKET|STORE_URL=gs://$BUCKET/store|ALPACA_PAPER=true|WRITER_TYPE=gcs${MONGODB:+,mongodb}"
environment+="|IMAGE=$IMAGE|CLOUD_RUN_SERVICE=$service|LOG_FORMAT=json"
environment+="|OIDC_AUDIENCE=$audience|OIDC_SERVICE_ACCOUNT=$caller"
secrets=ALPACA_API_KEY=${ALPACA_KEY:-alpaca-api-key:1},ALPACA_SECRET_KEY=${ALPACA_SECRET:-alpaca-secret-key:1}
secrets+=${MONGODB:+,MONGODB_CONNECTION=$MONGODB}
run gcloud run deploy "$service" "${place[@]}" --image "$IMAGE" --service-account "$runs_as" --memory 1Gi --timeout 600s \
    --max-instances 1 --no-allow-unauthenticated --add-custom-audiences "$audience" \
    --set-env-vars "$environment" --set-secrets "$secrets"
run gcloud run services add-iam-policy-binding "$service" "${place[@]}" --member "serviceAccount:$caller" \
    --role roles/run.invoker

address=https://$service-PROJECT_NUMBER.us-central1.run.app
verb=create
if [[ ! $dry_run ]]; then
    address=$(gcloud run services describe "$service" "${place[@]}" --format 'value(status.url)')
    if gcloud scheduler jobs describe "$job" --project "$PROJECT" --location us-central1 >/dev/null 2>&1; then
        verb=update
    fi
fi
run gcloud scheduler jobs "$verb" http "$job" --project "$PROJECT" --location us-central1 --schedule "0 17 * * 1-5" \
    --time-zone America/New_York --uri "$address/backtest" --http-method POST --oidc-service-account-email "$caller" \
    --oidc-token-audience "$audience" --attempt-deadline 600s --max-retry-attempts 5 --min-backoff 900s --max-backoff 3600s
