"""Price sources of the installed platforms."""

from __future__ import annotations

from quant_platform_kit.adapters.installed import load_of_platform
from quant_platform_kit.ports.price_source import OpenPriceSource

__all__ = ["ENTRY_POINTS", "price_source"]

ENTRY_POINTS = "quant.price_sources"
"""Entry point group: each loads an `OpenPriceSource` under the name of its platform."""


def price_source(platform: str) -> OpenPriceSource:
    """Return what opens the price source of a platform; raises as `load_of_platform`."""
    return load_of_platform(ENTRY_POINTS, platform, "prices to pull")
