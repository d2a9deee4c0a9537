"""The source of bars that an installed app brings along."""

from __future__ import annotations

from contextlib import AbstractContextManager

from quant_platform_kit.adapters.installed import load_only

from trading_playbook.sources.port import BarSource, OpenSource, Wanted

__all__ = ["ENTRY_POINTS", "open_source"]

ENTRY_POINTS = "trading_playbook.sources"
"""Entry point group: each loads an `OpenSource`."""


def open_source(wanted: Wanted) -> AbstractContextManager[BarSource]:
    """Open the source that is installed; raises as `load_only`, and as the source does."""
    opened: OpenSource = load_only(ENTRY_POINTS, "source of bars", "alpaca-app, or give --bars FILE and --daily FILE")
    return opened(wanted)
