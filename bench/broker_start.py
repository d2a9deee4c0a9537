"""A cold start of a broker's service against a hello-world that imports the same client library; as `bench.web_start`.

No profile of the catalog may run at Schwab: its service is started with the same profile on split-adjusted prices.
"""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.web_start import HELLO, compare, environment

__all__ = ["measure"]

SPLIT_PROFILE = """
from dataclasses import replace
from quant_platform_kit.domain.strategy import Adjustment
from us_equity_strategies.dual_momentum import DualMomentum

class SplitMomentum(DualMomentum):
    manifest = replace(DualMomentum.manifest, profile="split_momentum", adjustment=Adjustment.SPLIT)

CATALOG = {"split_momentum": SplitMomentum()}
"""
SPLIT_SERVICE = """
import gc

gc.disable()

from pathlib import Path
from quant_platform_kit.web.serve import main
from schwab_app import compose

compose.description = lambda: Path(__file__).with_name("platform.toml")
main(compose.compose)
"""


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
    "STRATEGY_PROFILE": "split_momentum",
    "SCHWAB_APP_KEY": "sandbox-key",
    "SCHWAB_APP_SECRET": "sandbox-secret",
    "SCHWAB_TOKEN_PATH": "token.json",
}
STARTS = {
    "ibkr": Start("import ib_async\n", "ibkr_app"),
    "schwab": Start("import schwab\n", "split_service", SCHWAB),
    "longbridge": Start("import longbridge.openapi\n", "longbridge_app", LONGBRIDGE),
    "longport": Start("import longport.openapi\n", "longbridge_app", LONGBRIDGE),
}


def measure(broker: str) -> dict[str, Any]:
    """Return the median ratios of start and memory."""
    start = STARTS[broker]
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        settings = {**environment(folder), "PYTHONPATH": str(_site(folder)), **start.settings}
        return compare(start.imports + HELLO, start.module, settings)


def _site(folder: Path) -> Path:
    """Return a folder with a profile that may run at Schwab, and the service that runs it."""
    installed = folder / "split-1.dist-info"
    installed.mkdir()
    (folder / "split_profile.py").write_text(SPLIT_PROFILE)
    (folder / "split_service.py").write_text(SPLIT_SERVICE)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: split\nVersion: 1\n")
    (installed / "entry_points.txt").write_text("[quant.strategies]\nsplit = split_profile:CATALOG\n")
    described = Path("apps/schwab/platform.toml").read_text()
    (folder / "platform.toml").write_text(described.replace("enabled = []", 'enabled = ["split_momentum"]'))
    return folder
