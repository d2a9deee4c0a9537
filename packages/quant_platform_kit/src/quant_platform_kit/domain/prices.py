"""Daily prices as one validated table and cheap views of its first sessions."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from datetime import date

import numpy as np
from numpy.typing import NDArray

from quant_platform_kit.domain.errors import InvalidInput

__all__ = ["SYMBOL", "FloatArray", "PriceHistory", "PriceTable"]

FloatArray = NDArray[np.float64]
SYMBOL = re.compile(r"[A-Z0-9][A-Z0-9. -]{0,19}")
"""How a person writes a symbol."""
EVIDENCE = ("unadjusted", "low", "high", "volume")
"""What closes are judged by; a strategy sees nothing of it."""


class PriceTable:
    """The only owner of price memory: read-only, C-ordered float64 grids, validated once.

    Parameters
    ----------
    dates
        Exchange-local session dates, strictly ascending, shape (n_sessions,). The table holds every calendar session
        between its first and its last, so that a missing bar is a NaN and month ends are those of the calendar.
    symbols
        Column names, unique, length n_symbols.
    fields
        Grids of shape (n_sessions, n_symbols) in the symbol's currency; NaN means no bar. ``close`` is required,
        ``open``, ``low`` and ``high`` are optional; all belong to one series (raw, split-adjusted or total-return).
        ``unadjusted`` are closes in the units of quotes, raw or split-adjusted, where ``close`` are not. ``volume``
        counts units, NaN where it is not told. Only what a run decides or trades on has to be a price: lows, highs and
        volumes may be zero.
    copy
        False hands the grids over: they become read-only, and nobody else may write to their memory.

    Raises
    ------
    InvalidInput
        Dates out of order, a grid of another shape, a price that is zero, negative or infinite, a negative volume.
    """

    __slots__ = ("_made", "column", "dates", "fields", "month_ends", "sessions", "symbols")

    def __init__(
        self,
        dates: NDArray[np.datetime64],
        symbols: Sequence[str],
        fields: Mapping[str, FloatArray],
        *,
        copy: bool = True,
    ) -> None:
        days = np.array(dates, dtype="datetime64[D]")
        days.setflags(write=False)
        self._index(days, symbols)
        ascending = np.diff(days).astype(np.int64) > 0
        if not ascending.all():
            row = int(np.argmin(ascending)) + 1
            raise InvalidInput(f"date {days[row]} follows {days[row - 1]}; dates ascend without duplicates")
        if "close" not in fields:
            raise InvalidInput(f"price table has the fields {sorted(fields)}; it needs 'close'")
        self.fields: Mapping[str, FloatArray] = {name: self._owned(name, grid, copy) for name, grid in fields.items()}

    def select(self, symbols: Sequence[str]) -> PriceTable:
        """Return the closes of some symbols, and what they are judged by, as a table; columns in the order given.

        Columns are taken with `numpy.take`: fancy indexing yields F order, whose sums differ in the last bit.
        """
        columns = np.array([self.column[symbol] for symbol in symbols], dtype=np.intp)
        kept = [name for name in ("close", *EVIDENCE) if name in self.fields]
        return self._part(slice(None), symbols, {name: np.take(self.fields[name], columns, axis=1) for name in kept})

    def rows(self, start: int, stop: int) -> PriceTable:
        """Return some sessions as a table of their own, which owns a copy of their prices."""
        sessions = slice(start, stop)
        return self._part(sessions, self.symbols, {name: grid[sessions].copy() for name, grid in self.fields.items()})

    def made(self, rule: Callable[[PriceTable], FloatArray]) -> FloatArray:
        """Return what a pure rule makes of this table, read-only; it is made once."""
        grid = self._made.get(rule)
        if grid is None:
            grid = self._made[rule] = rule(self)
            grid.setflags(write=False)
        return grid

    def _part(self, sessions: slice, symbols: Sequence[str], fields: Mapping[str, FloatArray]) -> PriceTable:
        """Return prices of this table as one of their own: they were validated when this one was made."""
        part = object.__new__(PriceTable)
        part._index(self.dates[sessions], symbols)
        for grid in fields.values():
            grid.setflags(write=False)
        part.fields = fields
        return part

    def _index(self, dates: NDArray[np.datetime64], symbols: Sequence[str]) -> None:
        """Keep the axes, and what is looked up by them."""
        self.dates: NDArray[np.datetime64] = dates
        self._made: dict[Callable[[PriceTable], FloatArray], FloatArray] = {}
        months = dates.astype("datetime64[M]")
        self.month_ends: list[int] = (months[1:] != months[:-1]).nonzero()[0].tolist()
        self.sessions: tuple[date, ...] = tuple(dates.tolist())
        self.symbols: tuple[str, ...] = tuple(symbols)
        self.column: Mapping[str, int] = {symbol: i for i, symbol in enumerate(self.symbols)}
        if len(self.column) < len(self.symbols):
            raise InvalidInput(f"symbols repeat: {sorted(self.symbols)}; every column has a name of its own")

    def _owned(self, name: str, grid: FloatArray, copy: bool) -> FloatArray:
        owned = np.array(grid, dtype=np.float64, order="C", copy=copy or None)
        expected = (len(self.sessions), len(self.symbols))
        if owned.shape != expected:
            raise InvalidInput(f"{name} has shape {owned.shape}; dates and symbols ask for {expected}")
        good = (owned >= 0) if name in EVIDENCE else (owned > 0)
        bad = np.argwhere(~np.isnan(owned) & ~(good & np.isfinite(owned)))
        if len(bad):
            row, column = bad[0]
            what = f"{name} is not negative, and finite" if name in EVIDENCE else "a price is positive and finite"
            raise InvalidInput(
                f"{name} of {self.symbols[column]} on {self.sessions[row]} is {owned[row, column]:g}; "
                f"{what}: correct the row or leave the cell empty"
            )
        owned.setflags(write=False)
        return owned


class PriceHistory:
    """The first ``stop`` sessions of a table: what was known when the last of them had closed.

    A view: making one costs a bisect and copies nothing.
    """

    __slots__ = ("_table", "stop")

    def __init__(self, table: PriceTable, stop: int | None = None) -> None:
        self._table = table
        self.stop = len(table.sessions) if stop is None else stop

    def __len__(self) -> int:
        """Count the sessions."""
        return self.stop

    def until(self, session: date) -> PriceHistory:
        """Return the history up to and including ``session`` (exchange-local date)."""
        return PriceHistory(self._table, bisect_right(self._table.sessions, session, 0, self.stop))

    @property
    def symbols(self) -> tuple[str, ...]:
        """Column names, length n_symbols."""
        return self._table.symbols

    @property
    def dates(self) -> NDArray[np.datetime64]:
        """Session dates, datetime64[D], shape (len(self),)."""
        return self._table.dates[: self.stop]

    @property
    def sessions(self) -> tuple[date, ...]:
        """Session dates as such, length len(self)."""
        return self._table.sessions[: self.stop]

    def month_ends(self, count: int) -> list[int]:
        """Return the rows of the last ``count`` sessions after which a month ended within the history, ascending.

        There are fewer where the history is shorter.
        """
        end = bisect_left(self._table.month_ends, self.stop - 1)
        return self._table.month_ends[max(0, end - count) : end]

    @property
    def last_session(self) -> date | None:
        """The newest session, or None when empty."""
        return self._table.sessions[self.stop - 1] if self.stop else None

    @property
    def close(self) -> FloatArray:
        """Closes, shape (len(self), n_symbols), NaN = no bar, read-only."""
        return self._table.fields["close"][: self.stop]

    def field(self, name: str) -> FloatArray | None:
        """Return another grid of the table, as `close`; None where it has none of that name."""
        grid = self._table.fields.get(name)
        return None if grid is None else grid[: self.stop]

    def newest_of(self, rule: Callable[[PriceTable], FloatArray]) -> FloatArray:
        """Return the newest session's row of a grid that a rule makes of the whole table, shape (n_symbols,).

        Parameters
        ----------
        rule
            Pure; each row of its grid depends on the prices of its own session and of those before it only.
        """
        return self._table.made(rule)[self.stop - 1]

    def newest_bar(self, symbol: str) -> tuple[date, float] | None:
        """Return the session and the close of a symbol's newest bar, in the units of quotes; None without a bar."""
        grid = self._table.fields.get("unadjusted", self._table.fields["close"])
        column = grid[: self.stop, self._table.column[symbol]]
        row = self.stop - 1
        if self.stop and np.isnan(column[row]):
            row = max(np.flatnonzero(~np.isnan(column)).tolist(), default=-1)
        return (self._table.sessions[row], float(column[row])) if row >= 0 else None

    def column(self, symbol: str) -> int:
        """Return the column number of ``symbol``; KeyError for one the history does not hold."""
        return self._table.column[symbol]

    def first(self, sessions: int) -> PriceHistory:
        """Return the first ``sessions`` of this history."""
        return PriceHistory(self._table, min(sessions, self.stop))

    def newest(self, sessions: int) -> PriceHistory:
        """Return the last ``sessions`` of this history as a table of their own."""
        return PriceHistory(self._table.rows(max(0, self.stop - sessions), self.stop))

    def columns(self, symbols: Sequence[str]) -> list[int]:
        """Return the column numbers of ``symbols``; KeyError for one the history does not hold."""
        column = self._table.column
        return [column[symbol] for symbol in symbols]

    def without_bar(self, session: date, symbols: Sequence[str]) -> list[str]:
        """Return those of ``symbols`` that have no bar in ``session``, or all when it is not the newest one here."""
        if self.last_session != session:
            return list(symbols)
        last = self.close[-1]
        return [symbol for symbol, column in zip(symbols, self.columns(symbols), strict=True) if np.isnan(last[column])]
