"""Price sources of the installed platforms."""

from __future__ import annotations

from importlib.metadata import entry_points

from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.ports.price_source import OpenPriceSource

__all__ = ["ENTRY_POINTS", "price_source"]

ENTRY_POINTS = "quant.price_sources"
"""Entry point group: each loads an `OpenPriceSource` under the name of its platform."""


def price_source(platform: str) -> OpenPriceSource:
    """Return what opens the price source of a platform.

    Raises
    ------
    InvalidInput
        No installed platform of that name has one, or its package is not complete.
    """
    installed = {entry.name: entry for entry in entry_points(group=ENTRY_POINTS)}
    if platform not in installed:
        known = ", ".join(sorted(installed)) or "none; install a platform's app, such as ibkr-app"
        raise InvalidInput(f"platform {platform!r} has no prices to pull; installed: {known}")
    try:
        return installed[platform].load()
    except ImportError as error:
        raise InvalidInput(f"platform {platform} cannot be used: {error}; install its app with its extras") from error
