"""A cold start of a broker's service against a hello-world with the same client library; as `bench.web_start`."""

import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

from venue_sandbox.stands.stand import ACCOUNT, Opening

from bench.libraries import of_library
from bench.web_start import HELLO, compare, environment

__all__ = ["measure"]


def measure(library: str) -> dict[str, Any]:
    """Return the median ratios of start and memory; a venue runs, as a service is led to one, and is asked nothing."""
    kind, subject = of_library(library)
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        with kind.open(Opening(folder=folder, accounts={ACCOUNT: {"USD": Decimal(100_000)}})) as stand:
            history = kind.history_settings(folder / "prices.csv")
            settings = {**environment(folder), **stand.settings(ACCOUNT), **history}
            return compare(f"import {subject.module}\n{HELLO}", kind.app, settings)
