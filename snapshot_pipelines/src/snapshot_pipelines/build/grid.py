"""Daily bars of many symbols on one dense grid, and what of it was known when a session had closed."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from datetime import date
from typing import TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.prices import FloatArray, PriceHistory, PriceTable

__all__ = ["Grid", "Window", "merged"]

T = TypeVar("T")
FIELDS = ("close", "unadjusted", "volume")
YEAR = 252
"""Sessions of returns that are kept for the next feature that asks."""


class Grid:
    """Bars of all symbols: one row per calendar session, one column per symbol.

    Parameters
    ----------
    table
        ``close`` holds adjusted closes (total return), ``unadjusted`` the closes that were traded at up to splits,
        ``volume`` shares; NaN = none. A bar is a session with both closes.

    Attributes
    ----------
    missing
        Where there is no bar, shape (n_sessions, n_symbols).
    runs
        Sessions of the unbroken run of bars that ends at each session, shape (n_sessions, n_symbols).
    first_bars
        The row of each symbol's first bar, shape (n_symbols,); the number of rows for a symbol without one.
    """

    def __init__(self, table: PriceTable) -> None:
        self.table = table
        self.missing: NDArray[np.bool_] = np.isnan(table.fields["close"])
        row = np.arange(1, len(self.missing) + 1, dtype=np.int32)[:, np.newaxis]
        self.runs: NDArray[np.int32] = row - np.maximum.accumulate(np.where(self.missing, row, np.int32(0)), axis=0)
        none = self.missing.all(axis=0)
        self.first_bars: NDArray[np.int64] = np.where(none, len(self.missing), self.missing.argmin(axis=0))
        for array in (self.missing, self.runs, self.first_bars):
            array.setflags(write=False)

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

    Attributes
    ----------
    most
        How many sessions may be read at once; 0 is no limit.
    """

    def __init__(self, grid: Grid, stop: int) -> None:
        self._grid = grid
        self._stop = stop
        self.prices = PriceHistory(grid.table, stop)
        self.most = 0
        self._returns: FloatArray = np.empty((0, len(grid.table.symbols)))
        self._found: dict[str, object] = {}

    @property
    def symbols(self) -> tuple[str, ...]:
        """Column names, length n_symbols."""
        return self._grid.table.symbols

    @property
    def as_of(self) -> date:
        """The newest session known (exchange-local date)."""
        return self._grid.table.sessions[self._stop - 1]

    @property
    def history(self) -> NDArray[np.int32]:
        """Sessions of the unbroken run of bars that ends at ``as_of``, shape (n_symbols,)."""
        return self._grid.runs[self._stop - 1]

    @property
    def seen(self) -> NDArray[np.bool_]:
        """Whether a symbol has had any bar, shape (n_symbols,)."""
        return self._grid.first_bars < self._stop

    def column(self, symbol: str) -> int:
        """Return the column number of ``symbol``; KeyError for one that the grid does not hold."""
        return self._grid.table.column[symbol]

    @property
    def age(self) -> NDArray[np.int64]:
        """Sessions since the first bar, which counts, shape (n_symbols,); 0 without one."""
        return np.maximum(self._stop - self._grid.first_bars, 0)

    def gaps(self, sessions: int) -> NDArray[np.int64]:
        """Return how many of the last sessions lack a bar since the first one, shape (n_symbols,)."""
        missing = np.isnan(self.closes(sessions))
        return missing.sum(axis=0) - np.maximum(sessions - self.age, 0)

    def longest_pause(self, symbol: str) -> int:
        """Return the most consecutive sessions without a bar between two bars of ``symbol``."""
        bars = np.flatnonzero(~self._grid.missing[: self._stop, self.column(symbol)])
        return int(np.diff(bars).max(initial=1)) - 1

    def closes(self, sessions: int) -> FloatArray:
        """Return the last adjusted closes, oldest first, shape (sessions, n_symbols), NaN = no bar."""
        self._allow(sessions)
        return self._last("close", sessions)

    def returns(self, sessions: int) -> FloatArray:
        """Return the last simple daily returns of adjusted closes, oldest first, shape (sessions, n_symbols)."""
        self._allow(sessions + 1)
        if len(self._returns) < sessions:
            closes = self._last("close", max(sessions, YEAR) + 1)
            self._returns = closes[1:] / closes[:-1] - 1
            self._returns.setflags(write=False)
        return self._returns[len(self._returns) - sessions :]

    def once(self, name: str, compute: Callable[[], T]) -> T:
        """Return what ``compute`` returned when it was first asked for under a name: what several features read."""
        if name not in self._found:
            self._found[name] = compute()
        return cast("T", self._found[name])

    def dollar_volume(self, sessions: int) -> FloatArray:
        """Return close x volume of the last sessions in USD, oldest first, shape (sessions, n_symbols)."""
        self._allow(sessions)
        return self._last("unadjusted", sessions) * self._last("volume", sessions)

    def _allow(self, sessions: int) -> None:
        """Refuse a feature more sessions than it says that it needs: a gap in the others would go unnoticed."""
        if self.most and sessions > self.most:
            raise InvalidInput(f"it reads {sessions} sessions and says bars={self.most}; say how many it reads")

    def _last(self, field: str, sessions: int) -> FloatArray:
        grid = self._grid.table.fields[field]
        if sessions <= self._stop:
            return grid[self._stop - sessions : self._stop]
        before = np.full((sessions - self._stop, grid.shape[1]), np.nan)
        return np.concatenate([before, grid[: self._stop]])


def merged(tables: Sequence[PriceTable], sessions: Sequence[date]) -> Grid:
    """Return the bars of several tables, which share no symbol, on one grid.

    Parameters
    ----------
    tables
        With the fields ``close`` (adjusted), ``unadjusted`` and ``volume``, on every calendar session of their range.
    sessions
        Consecutive sessions of the calendar; bars of others are left out.
    """
    days = np.array(sessions, dtype="datetime64[D]")
    symbols = [symbol for table in tables for symbol in table.symbols]
    fields = {name: np.concatenate([_on(days, table, name) for table in tables], axis=1) for name in FIELDS}
    half = np.isnan(fields["close"]) | np.isnan(fields["unadjusted"])
    fields["close"][half] = np.nan
    fields["unadjusted"][half] = np.nan
    return Grid(PriceTable(days, symbols, fields, copy=False))


def _on(days: NDArray[np.datetime64], table: PriceTable, name: str) -> FloatArray:
    """Return a field of a table on these days, NaN where the table has none of them."""
    _, rows, taken = np.intersect1d(days, table.dates, assume_unique=True, return_indices=True)
    if len(rows) == len(days):
        return table.fields[name][taken[0] : taken[-1] + 1]
    grid = np.full((len(days), len(table.symbols)), np.nan)
    grid[rows] = table.fields[name][taken]
    return grid
