"""Bars of one session, one by one and as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Bar", "FloatArray", "IntArray", "SessionBars", "fold"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


class Bar(NamedTuple):
    """A bar; ``minute`` is its start in minutes since the open, prices are in the symbol's currency."""

    minute: int
    open: float
    high: float
    low: float
    close: float


@dataclass(frozen=True, slots=True)
class SessionBars:
    """The source bars of a session's regular hours.

    Attributes
    ----------
    minutes
        Starts in minutes since the open, int64, strictly ascending, none at or after the close, shape (n_bars,).
    open, high, low, close
        Prices in the symbol's currency, float64, positive and finite, shape (n_bars,).
    length
        Minutes of one bar.
    """

    minutes: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    length: int = 1

    @classmethod
    def none(cls, length: int) -> SessionBars:
        """Return no bars of a length."""
        empty = np.empty(0)
        return cls(np.empty(0, dtype=np.int64), empty, empty, empty, empty, length)

    def __len__(self) -> int:
        """Count the bars."""
        return len(self.minutes)

    def before(self, minute: int) -> SessionBars:
        """Return the bars that start before a minute, as views."""
        return self.part(slice(0, int(self.minutes.searchsorted(minute))))

    def since(self, minute: int) -> SessionBars:
        """Return the bars that start at a minute or later, as views."""
        return self.part(slice(int(self.minutes.searchsorted(minute)), None))

    def part(self, rows: slice) -> SessionBars:
        """Return some of the bars, as views."""
        return SessionBars(
            self.minutes[rows], self.open[rows], self.high[rows], self.low[rows], self.close[rows], self.length
        )

    def __getitem__(self, row: int) -> Bar:
        """Return one bar."""
        prices = (self.open, self.high, self.low, self.close)
        return Bar(int(self.minutes[row]), *(float(column[row]) for column in prices))

    def rows(self) -> list[Bar]:
        """Return all bars, one by one."""
        columns = (self.minutes, self.open, self.high, self.low, self.close)
        return list(map(Bar._make, zip(*(column.tolist() for column in columns), strict=True)))


def fold(bars: SessionBars, length: int) -> SessionBars:
    """Return bars of another length, a multiple of the source's: of every slot that has a source bar, one.

    A slot's bar has the first open, the highest high, the lowest low and the last close of its source bars.
    """
    if not len(bars) or length == bars.length:
        return bars
    slots = bars.minutes // length
    edges = np.concatenate(([0], np.flatnonzero(slots[1:] != slots[:-1]) + 1, [len(bars)]))
    starts, ends = edges[:-1], edges[1:] - 1
    return SessionBars(
        slots[starts] * length,
        bars.open[starts],
        np.maximum.reduceat(bars.high, starts),
        np.minimum.reduceat(bars.low, starts),
        bars.close[ends],
        length,
    )
