"""EMA and ATR of one session, bar by bar: both start anew with its first bar."""

from __future__ import annotations

from trading_playbook.dp20.bars import Bar

__all__ = ["Indicators"]


class Indicators:
    """The mean of closes and the average true range after the bars added so far; NaN before the first.

    The mean starts at the first close. True ranges know closes of the same session only: the first is high - low. The
    average is their plain mean for as many bars as it has, and Wilder's from then on.
    """

    __slots__ = ("_alpha", "_bars", "_close", "_count", "_ranges", "atr", "ema")

    def __init__(self, ema_bars: int, atr_bars: int) -> None:
        self.ema = self.atr = float("nan")
        self._alpha = 2 / (ema_bars + 1)
        self._bars = atr_bars
        self._count = 0
        self._ranges = 0.0

    def add(self, bar: Bar) -> None:
        """Take in the next bar."""
        _, _, high, low, close = bar
        self._count += 1
        if self._count == 1:
            self.ema, true_range = close, high - low
        else:
            before = self._close
            self.ema += self._alpha * (close - self.ema)
            true_range = max(high, before) - min(low, before)
        if self._count <= self._bars:
            self._ranges += true_range
            self.atr = self._ranges / self._count
        else:
            self.atr = ((self._bars - 1) * self.atr + true_range) / self._bars
        self._close = close
