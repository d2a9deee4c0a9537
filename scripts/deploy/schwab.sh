#!/usr/bin/env bash
# Deploy by hand what the variables name of schwab: scripts/deploy/schwab.sh mine.tfvars.json [--service NAME] [--dry-run]
set -euo pipefail

exec "$(dirname "${BASH_SOURCE[0]}")/../gcp/python.sh" gcp.deploy "${0##*/}" schwab "$@"
