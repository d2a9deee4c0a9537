"""Intraday bars of one symbol as a file has them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from quant_platform_kit.adapters.arrow import arrow_module
from quant_platform_kit.adapters.price_columns import floats_of, open_columns
from quant_platform_kit.domain.errors import InvalidInput

from trading_playbook.dp20.bars import FloatArray, IntArray

__all__ = ["PRICES", "RawBars", "read_bars", "utc_offsets"]

PRICES = ("open", "high", "low", "close")
_START = "bar_start_et"
_MICROSECONDS = 60_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class RawBars:
    """Bars of one symbol, unchecked, ascending by start.

    Attributes
    ----------
    place
        The file, for messages.
    starts
        Exchange-local starts in minutes since 1970-01-01 00:00, int64, shape (n_bars,).
    prices
        By name, float64, NaN where a cell is empty, shape (n_bars,).
    """

    place: str
    symbol: str
    starts: IntArray
    prices: dict[str, FloatArray]

    @property
    def days(self) -> NDArray[np.datetime64]:
        """The exchange-local date of each bar, datetime64[D], shape (n_bars,)."""
        return (self.starts // 1440).astype("datetime64[D]")

    @property
    def minutes(self) -> IntArray:
        """Minutes since midnight of each bar's start, shape (n_bars,)."""
        return self.starts % 1440

    def named(self, row: int) -> str:
        """Return which bar a row is, in words."""
        return f"{self.symbol} at {np.datetime64(int(self.starts[row]), 'm').item():%Y-%m-%d %H:%M}"


def read_bars(path: Path, symbol: str, timezone: tzinfo) -> RawBars:
    """Return the bars of a symbol.

    Parameters
    ----------
    path
        Parquet or CSV with the columns symbol, bar_start_et, open, high, low and close. Starts without a time zone are
        exchange-local, those with one are converted.

    Raises
    ------
    InvalidInput
        The file cannot be read, lacks a column or the symbol, or has a start that is no time or within a minute.
    """
    file = open_columns(path)
    if absent := [name for name in ("symbol", _START, *PRICES) if name not in file.names]:
        raise InvalidInput(
            f"{path} has no column {', '.join(absent)}; it has {', '.join(file.names)}; a file of bars has symbol, "
            f"{_START}, {', '.join(PRICES)}"
        )
    table = file.read(("symbol", _START, *PRICES))
    rows = _rows_of(path, symbol, table["symbol"])
    starts = _starts(path, table[_START], timezone)[rows]
    order = np.argsort(starts, kind="stable")
    prices = {name: floats_of(path, name, table[name])[rows][order] for name in PRICES}
    return RawBars(str(path), symbol, starts[order], prices)


def _rows_of(path: Path, symbol: str, column: Any) -> IntArray:
    """Return the rows of a symbol; pyarrow's own comparison would import pandas."""
    if column.null_count:
        raise InvalidInput(f"{path}: {column.null_count} rows have no symbol; remove or complete them")
    coded = column.combine_chunks().dictionary_encode()
    names = [str(name) for name in coded.dictionary.to_pylist()]
    rows = np.flatnonzero(np.from_dlpack(coded.indices) == names.index(symbol)) if symbol in names else ()
    if not len(rows):
        raise InvalidInput(f"{path} has no bars of {symbol}; it holds {', '.join(sorted(names)[:20]) or 'none'}")
    return np.asarray(rows, dtype=np.int64)


def _starts(path: Path, column: Any, timezone: tzinfo) -> IntArray:
    """Return starts in exchange-local minutes since 1970."""
    arrow = arrow_module("pyarrow", "reading bars")
    if column.null_count:
        raise InvalidInput(f"{path}: {column.null_count} rows have no {_START}; remove or complete them")
    if not arrow.types.is_timestamp(column.type):
        raise InvalidInput(f"{path}: column {_START} is {column.type}; write timestamps such as 2025-09-15 09:30:00")
    cells = column.combine_chunks().cast(arrow.timestamp("us", column.type.tz), safe=False).cast(arrow.int64())
    instants: IntArray = np.from_dlpack(cells).astype(np.int64)
    if column.type.tz is not None:
        instants = instants + utc_offsets(instants, timezone)
    if odd := np.flatnonzero(instants % _MICROSECONDS).tolist():
        found = _EPOCH + timedelta(microseconds=int(instants[odd[0]]))
        raise InvalidInput(f"{path}: {_START} has {found:%Y-%m-%d %H:%M:%S.%f}; bars start at a full minute")
    return instants // _MICROSECONDS


def utc_offsets(instants: IntArray, timezone: tzinfo) -> IntArray:
    """Return what to add to UTC for local time: by the offset at each hour, which none changes in.

    Parameters
    ----------
    instants
        Microseconds since 1970 in UTC, int64; the result is in microseconds too.
    """
    hours, place = np.unique(instants // (60 * _MICROSECONDS), return_inverse=True)
    found = [(_EPOCH + timedelta(hours=int(hour))).astimezone(timezone).utcoffset() or timedelta() for hour in hours]
    return np.array([offset // timedelta(microseconds=1) for offset in found], dtype=np.int64)[place]
