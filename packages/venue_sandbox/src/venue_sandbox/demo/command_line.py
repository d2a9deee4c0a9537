"""The `quant` command as an operator types it."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

from venue_sandbox.stands.paper import PaperPlatform

__all__ = ["quant"]


def quant(platform: PaperPlatform, line: str) -> subprocess.CompletedProcess[str]:
    """Run one line of `quant`, with the service's own settings in the place of their names."""
    settings = {"$STORE_URL": platform.store_url, "$REPORT_STORE_URL": platform.report_store_url}
    words = [settings.get(word, word) for word in shlex.split(line)]
    command = [str(Path(sys.executable).with_name("quant")), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)
