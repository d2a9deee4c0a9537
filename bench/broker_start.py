"""A cold start of a broker's service against a hello-world with the same client library; as `bench.web_start`."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.web_start import HELLO, compare, environment

__all__ = ["measure"]


@dataclass(frozen=True)
class Start:
    """What is compared: an import, and a service with settings of its own."""

    imports: str
    module: str
    settings: Mapping[str, str] = field(default_factory=dict[str, str])


LONGBRIDGE = {
    "ACCOUNT_PREFIX": "HK",
    "ACCOUNT_REGION": "HK",
    "LONGPORT_APP_KEY": "key",
    "LONGPORT_APP_SECRET": "secret",
    "LONGPORT_ACCESS_TOKEN": "token",
}
SCHWAB = {
    "PRICE_HISTORY_PATH": "prices.csv",
    "SCHWAB_APP_KEY": "sandbox-key",
    "SCHWAB_APP_SECRET": "sandbox-secret",
    "SCHWAB_TOKEN_PATH": "token.json",
}
STARTS = {
    "ibkr": Start("import ib_async\n", "ibkr_app"),
    "schwab": Start("import schwab\n", "schwab_app", SCHWAB),
    "longbridge": Start("import longbridge.openapi\n", "longbridge_app", LONGBRIDGE),
    "longport": Start("import longport.openapi\n", "longbridge_app", LONGBRIDGE),
}


def measure(broker: str) -> dict[str, Any]:
    """Return the median ratios of start and memory."""
    start = STARTS[broker]
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        settings = {**environment(Path(name)), **start.settings}
        return compare(start.imports + HELLO, start.module, settings)
