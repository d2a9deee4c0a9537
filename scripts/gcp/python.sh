#!/usr/bin/env bash
# Run a module of scripts/ with the python3 of this machine, which needs nothing installed.
set -euo pipefail

python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "python3 is missing, or older than 3.11" >&2
    exit 1
}
module=$1
shift
PYTHONPATH=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd) PYTHONDONTWRITEBYTECODE=1 exec python3 -m "$module" "$@"
