#!/usr/bin/env bash
# Bring a project of Google Cloud to where `release` can move its services; for those without Terraform.
#
#   scripts/gcp/bootstrap.sh [--dry-run | --check] infra/terraform/gcp/mine.tfvars.json
#
# Needs gcloud, logged in, and python3 from 3.11 on. Run it again whenever it stopped: what is there is left as it is.
set -euo pipefail

exec "$(dirname "${BASH_SOURCE[0]}")/python.sh" gcp.bootstrap "$@"
