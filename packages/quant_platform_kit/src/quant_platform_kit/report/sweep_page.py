"""The page of a sweep."""

from collections.abc import Mapping

from quant_platform_kit.domain.sweeping import Sweep


def render_sweep(found: Sweep, *, settings: Mapping[str, str]) -> str:
    """Return."""
    return ""
