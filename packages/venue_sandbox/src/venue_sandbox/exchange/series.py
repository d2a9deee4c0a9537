"""Daily prices of every instrument, out of a file or invented."""

from __future__ import annotations

import zlib
from bisect import bisect_right
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from quant_platform_kit.adapters.price_files import LongPrices, read_prices
from quant_platform_kit.domain.sessions import ExchangeCalendar

__all__ = ["Series", "read_series", "synthetic_series"]

FloatArray = NDArray[np.float64]

SYNTHETIC_BEGIN = date(2015, 1, 2)
DAILY_DRIFT = 0.0004
DAILY_DEVIATION = 0.011
CASH_LIKE = frozenset({"BIL", "BOXX", "SGOV"})


@dataclass(frozen=True, slots=True)
class Series:
    """Daily prices of one instrument, ascending by session; arrays of shape (n_sessions,), no NaN.

    Attributes
    ----------
    adjusted
        Closes adjusted for dividends too.
    """

    sessions: tuple[date, ...]
    open: FloatArray
    close: FloatArray
    adjusted: FloatArray

    def row(self, session: date) -> int | None:
        """Return the row of the newest bar up to ``session``; None before the first."""
        return bisect_right(self.sessions, session) - 1 if self.sessions and session >= self.sessions[0] else None


def read_series(path: Path) -> dict[str, Series]:
    """Read a price file with the columns date, symbol, open, close and adj_close.

    A row without a close is no bar; where ``open`` or ``adj_close`` is empty, the close stands for it.
    """
    prices = read_prices(path, ("open", "close", "adj_close"))
    return {symbol: _of_symbol(prices, code) for code, symbol in enumerate(prices.symbols)}


def synthetic_series(symbols: Collection[str], calendar: ExchangeCalendar, seed: int) -> dict[str, Series]:
    """Invent prices on every session from 2015 on; a symbol's depend on itself and the seed only."""
    sessions = calendar.between(SYNTHETIC_BEGIN, calendar.table.last)
    return {symbol: _invented(symbol, sessions, seed) for symbol in sorted(symbols)}


def _of_symbol(prices: LongPrices, code: int) -> Series:
    rows = np.flatnonzero((prices.codes == code) & (prices.columns["close"] > 0))
    rows = rows[np.argsort(prices.days[rows], kind="stable")]
    columns: Mapping[str, FloatArray] = {name: values[rows] for name, values in prices.columns.items()}
    close = columns["close"]
    opens, adjusted = (np.where(columns[name] > 0, columns[name], close) for name in ("open", "adj_close"))
    return Series(tuple(prices.days[rows].tolist()), opens, close, adjusted)


def _invented(symbol: str, sessions: tuple[date, ...], seed: int) -> Series:
    rng = np.random.default_rng([seed, zlib.crc32(symbol.encode())])
    noise = rng.standard_normal(len(sessions))
    start = float(rng.uniform(40, 400))
    moves = 0.00008 + 0.00003 * noise if symbol in CASH_LIKE else DAILY_DRIFT + DAILY_DEVIATION * noise
    close: FloatArray = np.round(start * np.exp(np.cumsum(moves)), 2)
    before = np.concatenate(([close[0]], close[:-1]))
    opens: FloatArray = np.round(before + (close - before) * rng.uniform(0.1, 0.5, len(close)), 2)
    return Series(sessions, opens, close, close)
