"""Where the `release` command begins.

Exit codes: 0 done, well; 1 refused, failed, or something does not fit; 2 usage.

``release status --json`` without a store is answered with git alone, without loading the command line.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from quant_platform_kit.domain.errors import QuantError
from quant_platform_kit.domain.redaction import redact

from quant_release.inspect.status import read_status
from quant_release.settings import store_url

__all__ = ["main"]


def main() -> None:
    """Run the command line; a user's error becomes one line, never a traceback."""
    try:
        code = _status() if sys.argv[1:] == ["status", "--json"] and store_url() is None else _command_line()
    except QuantError as error:
        sys.stderr.write(f"release: {' '.join(redact(str(error)).split())}\n")
        code = 1
    sys.exit(code)


def _status() -> int:
    status = read_status(Path.cwd())
    sys.stdout.write(json.dumps(status, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n")
    return 0 if status["well"] else 1


def _command_line() -> int:
    from quant_release.cli.app import run

    return run()
