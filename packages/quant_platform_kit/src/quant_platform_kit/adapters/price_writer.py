"""Daily bars into a price file of the long format, whole or not at all."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from datetime import date
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from quant_platform_kit.adapters.arrow import arrow_module
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.strategy import Adjustment
from quant_platform_kit.ports.price_source import DailyBar

__all__ = ["SUFFIXES", "check_target", "columns_of", "write_prices"]

SUFFIXES = (".csv", ".parquet")
OPTIONAL = ("adj_close", "open", "high", "low", "volume")
CLAIM = "adj_close_adjustment"
"""Says that ``adj_close`` is total return in a file whose other prices are raw, and which is taken at its word."""
_arrow = partial(arrow_module, task="writing price files")

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
    """Write a file in the format of its suffix; it is made beside ``path`` and moved there.

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
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".prices-", dir=path.parent) as folder:
            made = Path(folder) / path.name
            _write(made, bars, carried)
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


def _write(path: Path, bars: Bars, carried: Adjustment) -> None:
    arrow = _arrow("pyarrow")
    rows = sorted((bar.day, symbol, bar) for symbol, series in bars.items() for bar in series)
    columns: dict[str, Any] = {
        "date": arrow.array([day for day, _, _ in rows], arrow.date32()),
        "symbol": arrow.array([symbol for _, symbol, _ in rows], arrow.string()),
    }
    said = {"adjustment": carried.value, CLAIM: Adjustment.TOTAL_RETURN.value}
    for name in columns_of(bars, carried)[2:]:
        if name in said:
            columns[name] = arrow.array([said[name]] * len(rows), arrow.string())
        else:
            columns[name] = arrow.array([getattr(bar, name) for _, _, bar in rows], arrow.float64())
    table = arrow.table(columns)
    if path.suffix == ".csv":
        _arrow("pyarrow.csv").write_csv(table, path)
    else:
        _arrow("pyarrow.parquet").write_table(table, path)
