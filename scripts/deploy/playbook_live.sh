#!/usr/bin/env bash
# Deploy by hand the live playbook that the variables name: scripts/deploy/playbook_live.sh mine.tfvars.json [--dry-run]
set -euo pipefail

exec "$(dirname "${BASH_SOURCE[0]}")/../gcp/python.sh" gcp.deploy "${0##*/}" alpaca-live "$@"
