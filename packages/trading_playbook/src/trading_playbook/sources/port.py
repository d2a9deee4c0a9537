"""What a source of one symbol's bars owes, and what is asked of one that an app brings along."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Protocol

from quant_platform_kit.domain.sessions import ExchangeCalendar

from trading_playbook.days import TradingDay
from trading_playbook.dp20.bars import FloatArray, SessionBars
from trading_playbook.sources.usage import Usage

__all__ = ["BarSource", "Feed", "OpenSource", "Wanted"]


class BarSource(Protocol):
    """Minute bars and daily closes of one symbol."""

    @property
    def symbol(self) -> str:
        """Whose they are."""
        ...

    @property
    def bar_minutes(self) -> int:
        """Minutes of a source bar."""
        ...

    @property
    def usage(self) -> Usage:
        """What was asked of others so far."""
        ...

    def bars(self, day: TradingDay) -> SessionBars:
        """Return the bars of a session's regular hours; none where the source has none.

        Raises
        ------
        QuantError
            The source cannot be reached, refuses, or has a bar that cannot be meant.
        """
        ...

    def closes(self, days: Sequence[date], session: date) -> FloatArray:
        """Return the closes of sessions, NaN where there is none, shape (len(days),).

        They are adjusted for splits and not for dividends, in the units of the bars of ``session``.
        """
        ...


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
        The sessions that will be asked for, ascending.
    feed
        None for the one that the settings of the source name.
    cache
        Where finished sessions are kept, a folder or ``gs://bucket/prefix``; empty where the settings say.
    """

    symbol: str
    days: Sequence[TradingDay]
    calendar: ExchangeCalendar
    feed: Feed | None = None
    cache: str = ""


OpenSource = Callable[[Wanted], AbstractContextManager[BarSource]]
"""Opens a source: reads its settings from the environment, and ends its connections when its context is left."""
