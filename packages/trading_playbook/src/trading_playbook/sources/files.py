"""Bars and daily closes of one symbol out of files of this machine."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import repeat
from pathlib import Path

import numpy as np
from quant_platform_kit.adapters.price_files import price_table, read_prices
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.domain.strategy import Adjustment

from trading_playbook.days import TradingDay
from trading_playbook.dp20.bars import FloatArray, SessionBars
from trading_playbook.sources.bar_checks import regular_hours
from trading_playbook.sources.bar_files import read_bars
from trading_playbook.sources.usage import Usage

__all__ = ["FileSource"]


class FileSource:
    """One symbol out of a file of intraday bars and a file of daily prices.

    Parameters
    ----------
    bars
        Columns symbol, bar_start_et, open, high, low, close; see `read_bars`.
    daily
        Long format: date, symbol, close, split-adjusted in the units of the bars.

    Raises
    ------
    InvalidInput
        A file cannot be read, does not hold the symbol, or holds what cannot be meant of it.
    """

    def __init__(self, bars: Path, daily: Path, symbol: str, calendar: ExchangeCalendar) -> None:
        self.symbol = symbol
        self.usage = Usage()
        self._closes = _daily_closes(daily, symbol, calendar)
        self._sessions = regular_hours(read_bars(bars, symbol, calendar.timezone), calendar)
        self.bar_minutes = self._sessions.length

    def bars(self, day: TradingDay) -> SessionBars:
        """Return the bars of a session; see `BarSource.bars`."""
        return self._sessions.of(day.date)

    def check(self) -> None:
        """Do nothing: the files have been read."""

    def closes(self, days: Sequence[date], session: date) -> FloatArray:
        """Return the closes of sessions; see `BarSource.closes`. The file has one basis for all sessions."""
        return np.fromiter(map(self._closes.get, days, repeat(np.nan)), np.float64, len(days))


def _daily_closes(path: Path, symbol: str, calendar: ExchangeCalendar) -> dict[date, float]:
    """Return the close of each session, NaN where the file has none."""
    prices = read_prices(path, ("close",))
    if (carried := prices.carried("close")) is not Adjustment.SPLIT:
        raise InvalidInput(
            f"{path}: its column adjustment says {carried.value}; the mean of daily closes takes split-adjusted ones"
        )
    table = price_table(prices, (symbol,), "close", calendar)
    return dict(zip(table.sessions, table.fields["close"][:, 0].tolist(), strict=True))
