"""The source of bars that an installed app brings along, and what it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum

from quant_platform_kit.adapters.installed import load_only
from quant_platform_kit.domain.sessions import ExchangeCalendar

from trading_playbook.days import TradingDay
from trading_playbook.sources.port import BarSource

__all__ = ["ENTRY_POINTS", "Feed", "OpenSource", "Wanted", "open_source"]

ENTRY_POINTS = "trading_playbook.sources"
"""Entry point group: each loads an `OpenSource`."""


class Feed(StrEnum):
    """Whose trades bars are made of."""

    SIP = "sip"
    """All exchanges."""
    IEX = "iex"
    """One of them."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a command wants of a source.

    Attributes
    ----------
    days
        The sessions that will be asked for, ascending, so that they can be fetched together; empty if not known yet.
    feed
        None for the one that the settings of the source name.
    cache
        Where finished sessions are kept, a folder or ``gs://bucket/prefix``; empty where the settings say.
    """

    symbol: str
    calendar: ExchangeCalendar
    days: Sequence[TradingDay] = ()
    feed: Feed | None = None
    cache: str = ""


OpenSource = Callable[[Wanted], AbstractContextManager[BarSource]]
"""Opens a source: reads its settings from the environment, and ends its connections when its context is left."""


def open_source(wanted: Wanted) -> AbstractContextManager[BarSource]:
    """Open the source that is installed; raises as `load_only`, and as the source does."""
    opened: OpenSource = load_only(ENTRY_POINTS, "source of bars", "alpaca-app, or give --bars FILE and --daily FILE")
    return opened(wanted)
