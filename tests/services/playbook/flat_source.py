"""A source whose price never moves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
from trading_playbook.days import TradingDay
from trading_playbook.dp20.bars import FloatArray, SessionBars
from trading_playbook.sources.usage import Usage

__all__ = ["FlatSource"]


@dataclass
class FlatSource:
    """Bars of one price.

    Attributes
    ----------
    late
        What happens, one after another, while bars are asked for that are not there yet.
    """

    symbol: str = "QQQ"
    bar_minutes: int = 1
    usage: Usage = field(default_factory=Usage)
    late: list[Callable[[], object]] = field(default_factory=list[Callable[[], object]])

    def bars(self, day: TradingDay) -> SessionBars:
        if self.late:
            self.late.pop(0)()
            return SessionBars.none(self.bar_minutes)
        minutes = np.arange(day.minutes, dtype=np.int64)
        flat = np.full(day.minutes, 100.0)
        return SessionBars(minutes, flat, flat, flat, flat)

    def check(self) -> None:
        pass

    def closes(self, days: Sequence[date], session: date) -> FloatArray:
        return np.full(len(days), 90.0)
