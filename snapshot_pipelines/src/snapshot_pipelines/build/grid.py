"""Daily bars of many symbols on one dense grid, and what of it was known when a session had closed."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from quant_platform_kit.domain.prices import FloatArray, PriceHistory, PriceTable

__all__ = ["Grid", "Window", "merged"]


@dataclass(frozen=True)
class Grid:
    """Bars of all symbols: one row per calendar session, one column per symbol.

    Attributes
    ----------
    table
        ``close`` holds adjusted closes (total return), ``unadjusted`` the closes that were traded at up to splits,
        ``volume`` shares; NaN = none. A bar is a session with both closes.
    """

    table: PriceTable

    @cached_property
    def missing(self) -> NDArray[np.bool_]:
        """Where there is no bar, shape (n_sessions, n_symbols)."""
        return np.isnan(self.table.fields["close"])

    @cached_property
    def first_bars(self) -> NDArray[np.int64]:
        """The row of each symbol's first bar, shape (n_symbols,); the number of rows for a symbol without one."""
        none = self.missing.all(axis=0)
        return np.where(none, len(self.missing), self.missing.argmin(axis=0))

    def until(self, as_of: date) -> Window:
        """Return what was known when ``as_of`` (exchange-local date) had closed."""
        return Window(self, bisect_right(self.table.sessions, as_of))


class Window:
    """The sessions of a grid up to and including one: all that a feature may read.

    Parameters
    ----------
    grid
        The bars.
    stop
        How many of its sessions are known.
    """

    def __init__(self, grid: Grid, stop: int) -> None:
        self._grid = grid
        self._stop = stop
        self.prices = PriceHistory(grid.table, stop)

    @property
    def symbols(self) -> tuple[str, ...]:
        """Column names, length n_symbols."""
        return self._grid.table.symbols

    @property
    def as_of(self) -> date:
        """The newest session known (exchange-local date)."""
        return self._grid.table.sessions[self._stop - 1]

    @cached_property
    def history(self) -> NDArray[np.int64]:
        """Sessions of the unbroken run of bars that ends at ``as_of``, shape (n_symbols,)."""
        backwards = self._grid.missing[: self._stop][::-1]
        return np.where(backwards.any(axis=0), backwards.argmax(axis=0), self._stop)

    @property
    def seen(self) -> NDArray[np.bool_]:
        """Whether a symbol has had any bar, shape (n_symbols,)."""
        return self._grid.first_bars < self._stop

    def column(self, symbol: str) -> int:
        """Return the column number of ``symbol``; KeyError for one that the grid does not hold."""
        return self._grid.table.column[symbol]

    def closes(self, sessions: int) -> FloatArray:
        """Return the last adjusted closes, oldest first, shape (sessions, n_symbols), NaN = no bar."""
        return self._last("close", sessions)

    def returns(self, sessions: int) -> FloatArray:
        """Return the last simple daily returns of adjusted closes, oldest first, shape (sessions, n_symbols)."""
        closes = self.closes(sessions + 1)
        return closes[1:] / closes[:-1] - 1

    def dollar_volume(self, sessions: int) -> FloatArray:
        """Return close x volume of the last sessions in USD, oldest first, shape (sessions, n_symbols)."""
        return self._last("unadjusted", sessions) * self._last("volume", sessions)

    def _last(self, field: str, sessions: int) -> FloatArray:
        grid = self._grid.table.fields[field]
        if sessions <= self._stop:
            return grid[self._stop - sessions : self._stop]
        before = np.full((sessions - self._stop, grid.shape[1]), np.nan)
        return np.concatenate([before, grid[: self._stop]])


def merged(tables: Sequence[PriceTable], sessions: Sequence[date], symbols: Sequence[str]) -> Grid:
    """Return the bars of several tables, which share no symbol, on one grid.

    Parameters
    ----------
    tables
        With the fields ``close`` (adjusted), ``unadjusted`` and ``volume``, on every calendar session of their range.
    sessions
        The calendar sessions of the grid; bars outside them are left out.
    """
    days = np.array(sessions, dtype="datetime64[D]")
    fields = {name: np.full((len(sessions), len(symbols)), np.nan) for name in ("close", "unadjusted", "volume")}
    column = {symbol: i for i, symbol in enumerate(symbols)}
    for table in tables:
        _, rows, taken = np.intersect1d(days, table.dates, assume_unique=True, return_indices=True)
        columns = [column[symbol] for symbol in table.symbols]
        for name, grid in fields.items():
            grid[np.ix_(rows, columns)] = table.fields[name][taken]
    half = np.isnan(fields["close"]) | np.isnan(fields["unadjusted"])
    fields["close"][half] = np.nan
    fields["unadjusted"][half] = np.nan
    return Grid(PriceTable(days, symbols, fields))
