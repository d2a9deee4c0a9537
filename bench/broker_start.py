"""A cold start of the IBKR service against a hello-world that imports the same client library; as `bench.web_start`."""

import tempfile
from pathlib import Path
from typing import Any

from bench.web_start import HELLO, compare, environment

SDK = "import ib_async\n"


def measure() -> dict[str, Any]:
    """Return the median ratios of start and memory."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        return compare(SDK + HELLO, "ibkr_app", environment(Path(name)))
