"""The broker and the stream that an installed app brings along for live sessions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta

from quant_platform_kit.adapters.installed import load_only
from quant_platform_kit.domain.identity import Mode
from quant_platform_kit.domain.portfolio import AccountState
from quant_platform_kit.ports.broker import Broker
from quant_platform_kit.ports.clock import Clock
from quant_platform_kit.ports.versioned_store import VersionedStore

from trading_playbook.days import TradingDay
from trading_playbook.live.ports import BarFeed
from trading_playbook.sources.port import BarSource

__all__ = ["ENTRY_POINTS", "LiveVenue", "LiveWanted", "OpenLive", "open_live"]

ENTRY_POINTS = "trading_playbook.live"
"""Entry point group: each loads an `OpenLive`."""


@dataclass(frozen=True, slots=True)
class LiveWanted:
    """What sessions want of a venue; the store is where the adapter records what it sends."""

    symbol: str
    store: VersionedStore


@dataclass(frozen=True, slots=True)
class LiveVenue:
    """One account at a broker, and the stream of a symbol.

    Attributes
    ----------
    mode
        How far the settings let sessions go.
    feed
        Whose trades bars are made of.
    bars
        Opens the stream for a session.
    source
        The closes before a session.
    objections, drift
        As in `LivePorts`.
    before_live
        What forbids live trading of the account whatever the switches say; empty for a paper account.
    """

    broker: Broker
    mode: Mode
    feed: str
    bars: Callable[[TradingDay], BarFeed]
    source: BarSource
    clock: Clock
    objections: Callable[[AccountState], Sequence[str]]
    drift: Callable[[], timedelta]
    before_live: Callable[[], Sequence[str]]


OpenLive = Callable[[LiveWanted], AbstractContextManager[LiveVenue]]
"""Opens a venue: reads its settings from the environment at once, and is connected as long as its context lasts."""


def open_live(wanted: LiveWanted) -> AbstractContextManager[LiveVenue]:
    """Open the venue that is installed; raises as `load_only`, and as the venue does."""
    opened: OpenLive = load_only(ENTRY_POINTS, "venue for live sessions", "alpaca-app")
    return opened(wanted)
