#!/usr/bin/env bash
# Make what the Dockerfile of event-trading installs from, of the files of a commit: the app, the shared package, and the
# lock's versions with their hashes.
#
#   UV=uv scripts/deploy/event_trading/context.sh TREE FOLDER
set -euo pipefail

tree=${1:?the files of a commit} folder=${2:?where the context goes}
mkdir -p "$folder"
"${UV:-uv}" export --quiet --frozen --project "$tree" --package event-trading --extra deploy --no-default-groups \
    --no-emit-workspace --no-annotate --output-file "$folder/constraints.txt"
cp -R "$tree/apps/event_trading" "$folder/app"
cp -R "$tree/packages/quant_platform_kit" "$folder/app/quant_platform_kit"
echo "./app/quant_platform_kit" >"$folder/requirements.txt"
echo "./app[deploy]" >"$folder/app.txt"
