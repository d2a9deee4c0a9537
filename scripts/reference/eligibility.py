"""docs/reference/eligibility.md, made out of manifests and platforms."""

from __future__ import annotations

from checkout import ROOT
from quant_platform_kit.adapters.platforms import platforms
from quant_platform_kit.adapters.strategies import catalog
from quant_platform_kit.domain.matrix import MatrixRow, PlatformDescription, matrix
from quant_platform_kit.domain.strategy import StrategyManifest

from reference.markdown import table

HEAD = """\
# Which profile runs where

Generated from the strategies' manifests and the platforms' `platform.toml` by `scripts/generate_reference.py`; the
repository's check fails when it is out of date. `quant profiles` shows the same of an installation.

A profile runs where everything it needs is delivered; what is missing most is the
[price adjustment](../adr/0003-price-adjustment.md), which a price source (`PRICE_HISTORY_PATH`) can deliver instead of
the broker. Where a profile runs, it decides the same from the same portfolio: the test
`tests/services/brokers/test_one_decision_everywhere.py` compares its digests across the platforms and the back-test,
each with its broker's own prices, and at Schwab also under the same rules on split-adjusted prices.
"""


def page() -> str:
    """Return the page."""
    described = sorted(platforms(ROOT), key=lambda each: each.name)
    strategies = catalog()
    rows = {
        (row.profile, row.platform): row for row in matrix([each.manifest for each in strategies.values()], described)
    }
    head = ["profile", "mode", "prices", *(f"{each.display_name} ({each.native_mode.value})" for each in described)]
    lines: list[list[str]] = []
    for name, strategy in strategies.items():
        needs = [f"`{name}`", strategy.manifest.target_mode.value, _prices(strategy.manifest)]
        lines.append([*needs, *(_cell(rows[name, each.name]) for each in described)])
    lines.append(["prices delivered", "", "", *(_delivered(each) for each in described)])
    return f"{HEAD}\n{table(head, lines)}\n"


def _prices(manifest: StrategyManifest) -> str:
    return manifest.adjustment.value if manifest.reads_prices else "none: a feature snapshot"


def _delivered(platform: PlatformDescription) -> str:
    return ", ".join(sorted(adjustment.value for adjustment in platform.adjustments))


def _cell(row: MatrixRow) -> str:
    if not row.enabled:
        return f"no: {'; '.join(row.reasons)}"
    return "with a price source" if row.needs_source else "yes"
