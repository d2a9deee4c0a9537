"""Bars that nobody traded: the same ones for a symbol and a session wherever they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Self

import numpy as np

from trading_playbook.days import TradingDay
from trading_playbook.dp20.bars import FloatArray, SessionBars
from trading_playbook.sources.usage import Usage

__all__ = ["InventedSource"]

START, DAILY_CLOSE, STEP, REACH = 100.0, 90.0, 0.05, 0.02


@dataclass
class InventedSource:
    """A `BarSource` whose minutes are a random walk, each session's its own, above every daily close."""

    symbol: str = "QQQ"
    bar_minutes: int = 1
    usage: Usage = field(default_factory=Usage)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Close nothing."""

    def check(self) -> None:
        """Ask nobody."""

    def bars(self, day: TradingDay) -> SessionBars:
        """Return the bars of a session; see `BarSource.bars`."""
        draw = np.random.default_rng([day.date.toordinal(), *self.symbol.encode()])
        path = START + np.cumsum(draw.normal(scale=STEP, size=day.minutes + 1))
        opens, closes = path[:-1], path[1:]
        highs, lows = np.maximum(opens, closes) + REACH, np.minimum(opens, closes) - REACH
        return SessionBars(np.arange(day.minutes, dtype=np.int64), opens, highs, lows, closes)

    def closes(self, days: Sequence[date], session: date) -> FloatArray:
        """Return the closes of sessions; see `BarSource.closes`."""
        return np.full(len(days), DAILY_CLOSE)
