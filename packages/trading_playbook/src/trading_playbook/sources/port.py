"""What a source of one symbol's bars owes."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import date
from typing import Protocol

from trading_playbook.days import TradingDay
from trading_playbook.dp20.bars import FloatArray, SessionBars
from trading_playbook.sources.usage import Usage

__all__ = ["BarSource", "Opens"]


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
        """What was asked of it so far."""
        ...

    def bars(self, day: TradingDay) -> SessionBars:
        """Return the bars of a session's regular hours; none where the source has none.

        Raises
        ------
        QuantError
            The source cannot be reached, refuses, or has a bar that cannot be meant.
        """
        ...

    def check(self) -> None:
        """Ask what a run asks first, and keep nothing; raises as `bars`."""
        ...

    def closes(self, days: Sequence[date], session: date) -> FloatArray:
        """Return the closes of sessions, NaN where there is none, shape (len(days),).

        They are adjusted for splits and not for dividends, in the units of the bars of ``session``.
        """
        ...


Opens = Callable[[], AbstractContextManager[BarSource]]
"""Opens a source, whose connections end when its context is left."""
