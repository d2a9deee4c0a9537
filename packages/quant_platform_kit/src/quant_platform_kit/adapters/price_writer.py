"""Daily prices into a price file of the long format, whole or not at all."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quant_platform_kit.adapters.arrow import arrow_module
from quant_platform_kit.adapters.price_files import LongPrices
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.prices import FloatArray
from quant_platform_kit.domain.strategy import Adjustment
from quant_platform_kit.ports.price_source import DailyBar

__all__ = ["SUFFIXES", "check_target", "columns_of", "write_long", "write_prices"]

SUFFIXES = (".csv", ".parquet")
OPTIONAL = ("adj_close", "open", "high", "low", "volume")
NUMBERS = ("close", *OPTIONAL, "dividend")
CLAIM = "adj_close_adjustment"
"""Says that ``adj_close`` is total return in a file whose other prices are raw, and which is taken at its word."""
TEXTS = ("symbol", "adjustment", CLAIM)
_arrow = partial(arrow_module, task="writing price files")

ROWS = 1 << 20
"""So many are written at a time."""
Beside = Callable[[Path], tuple[Path, bytes]]
Bars = Mapping[str, Sequence[DailyBar]]


def check_target(path: Path, *, replace: bool) -> None:
    """Raise `InvalidInput` unless a price file may be written to ``path``."""
    if path.suffix not in SUFFIXES:
        raise InvalidInput(f"{path}: a price file ends in {' or '.join(SUFFIXES)}")
    if path.is_dir():
        raise InvalidInput(f"{path} is a folder; name a file in it")
    if path.exists() and not replace:
        raise InvalidInput(f"{path} exists; choose another name, or replace it with --force")


def columns_of(bars: Bars, carried: Adjustment) -> tuple[str, ...]:
    """Return the columns a file of ``bars`` has: what was delivered of any of them, and what they carry."""
    every = [bar for series in bars.values() for bar in series]
    delivered = (name for name in OPTIONAL if any(getattr(bar, name) is not None for bar in every))
    names = ("date", "symbol", "close", *delivered, "adjustment")
    return (*names, CLAIM) if carried is Adjustment.RAW and "adj_close" in names else names


def write_prices(path: Path, bars: Bars, carried: Adjustment) -> None:
    """Write bars as a price file, by date and symbol.

    Parameters
    ----------
    carried
        What closes and opens carry: the column ``adjustment`` says so in every row.

    Raises
    ------
    InvalidInput
        A day twice, a price that is not positive, or a file that cannot be written.
    """
    for symbol, series in bars.items():
        _check(symbol, series)
    write_long(path, _long(path, bars, carried))


def write_long(path: Path, prices: LongPrices, beside: Beside | None = None) -> None:
    """Write rows as they are in the format of the path's suffix; the file is made beside it and moved there.

    Parameters
    ----------
    beside
        Gives a path and content, from the path of the file that was made, of a file to be there with it.

    Raises
    ------
    InvalidInput
        It cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".prices-", dir=path.parent) as folder:
            made = Path(folder) / path.name
            _write(made, prices)
            if beside is not None:
                other, content = beside(made)
                (Path(folder) / other.name).write_bytes(content)
                os.replace(Path(folder) / other.name, other)
            os.replace(made, path)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written: {error.strerror}; choose another place") from error


def _check(symbol: str, series: Sequence[DailyBar]) -> None:
    seen: set[date] = set()
    for bar in series:
        if bar.day in seen:
            raise InvalidInput(f"the source delivered {symbol} on {bar.day} twice; nothing was written")
        seen.add(bar.day)
        for name in ("close", *OPTIONAL):
            price = getattr(bar, name)
            least = price == 0 and name == "volume"
            if price is not None and not (math.isfinite(price) and (price > 0 or least)):
                raise InvalidInput(
                    f"the source delivered {name} of {symbol} on {bar.day} as {price:g}; nothing was written"
                )


def _long(path: Path, bars: Bars, carried: Adjustment) -> LongPrices:
    symbols = tuple(sorted(bars))
    rows = sorted((bar.day, code, bar) for code, symbol in enumerate(symbols) for bar in bars[symbol])
    delivered = columns_of(bars, carried)
    return LongPrices(
        path=path,
        days=np.array([day for day, _, _ in rows], dtype="datetime64[D]"),
        symbols=symbols,
        codes=np.array([code for _, code, _ in rows], dtype=np.int64),
        columns={
            name: np.array([getattr(bar, name) for _, _, bar in rows], dtype=np.float64)  # None becomes NaN
            for name in ("close", *OPTIONAL)
            if name in delivered
        },
        adjustment=carried,
        adj_close_adjustment=Adjustment.TOTAL_RETURN if CLAIM in delivered else None,
    )


# --- arrow -----------------------------------------------------------------------------------------


def _write(path: Path, prices: LongPrices) -> None:
    """Write some rows after the other, so that little is held twice."""
    parts = (_table(prices, slice(at, at + ROWS)) for at in range(0, max(1, len(prices.days)), ROWS))
    first = next(parts)
    if path.suffix == ".csv":
        writer: Any = _arrow("pyarrow.csv").CSVWriter(path, first.schema)
    else:
        texts = [name for name in first.column_names if name in TEXTS]  # prices seldom repeat: a dictionary costs only
        writer = _arrow("pyarrow.parquet").ParquetWriter(path, first.schema, use_dictionary=["date", *texts])
    with writer:
        writer.write(first)
        for part in parts:
            writer.write(part)


def _table(prices: LongPrices, rows: slice) -> Any:
    """Return rows as a table of pyarrow, made without the calls that import pandas."""
    arrow = _arrow("pyarrow")
    days, codes = prices.days[rows].astype(np.int32), prices.codes[rows].astype(np.int32)
    said = {"adjustment": prices.adjustment, CLAIM: prices.adj_close_adjustment}
    columns = {
        "date": arrow.Array.from_buffers(arrow.date32(), len(days), [None, arrow.py_buffer(days)]),
        "symbol": _texts(prices.symbols, codes),
        **{name: _floats(prices.columns[name][rows]) for name in NUMBERS if name in prices.columns},
        **{name: _texts([kind.value], np.zeros(len(days), np.int32)) for name, kind in said.items() if kind},
    }
    return arrow.Table.from_arrays(list(columns.values()), names=list(columns))


def _floats(values: FloatArray) -> Any:
    arrow, held = _arrow("pyarrow"), np.ascontiguousarray(values)
    there = np.packbits(~np.isnan(held), bitorder="little")
    return arrow.Array.from_buffers(arrow.float64(), len(held), [arrow.py_buffer(there), arrow.py_buffer(held)])


def _texts(distinct: Sequence[str], codes: NDArray[np.int32]) -> Any:
    """Return a column of texts out of the distinct ones and which of them each row has."""
    arrow, encoded = _arrow("pyarrow"), [text.encode() for text in distinct]
    ends = np.cumsum([0, *map(len, encoded)], dtype=np.int32)
    names = arrow.Array.from_buffers(
        arrow.string(), len(encoded), [None, arrow.py_buffer(ends), arrow.py_buffer(b"".join(encoded))]
    )
    indices = arrow.Array.from_buffers(arrow.int32(), len(codes), [None, arrow.py_buffer(codes)])
    return arrow.DictionaryArray.from_arrays(indices, names).cast(arrow.string())
