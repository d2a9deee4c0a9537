"""Price files as Yahoo Finance, yfinance and Stooq write them, as daily bars by symbol."""

from __future__ import annotations

import csv
import gzip
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from quant_platform_kit.adapters.price_columns import foreign_format
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.strategy import Adjustment
from quant_platform_kit.ports.price_source import DailyBar

__all__ = ["Imported", "import_prices"]

FIELDS = {
    "close": "close",
    "adj close": "adj_close",
    "open": "open",
    "high": "high",
    "low": "low",
    "volume": "volume",
}
"""Names of columns in these files, in lower case, and what they are in a `DailyBar`."""
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_DAY = re.compile(r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})([T ].*)?")
_NOTHING = frozenset({"", "null", "nan", "NaN"})
_STOOQ_MARKET = re.compile(r"\.US$")

Cells = Mapping[str, Mapping[date, dict[str, float]]]


@dataclass(frozen=True, slots=True)
class Imported:
    """The bars of a file by symbol, ascending, who wrote it, and what its closes carry."""

    source: str
    bars: Mapping[str, Sequence[DailyBar]]
    adjustment: Adjustment


def import_prices(path: Path, symbol: str | None = None, adjustment: Adjustment | None = None) -> Imported:
    """Read a file of another format; nothing in it is repaired.

    Parameters
    ----------
    symbol
        Of a file that does not name it: one of a single symbol.
    adjustment
        What the closes carry, of a file that does not show it.

    Raises
    ------
    InvalidInput
        The file is of none of the formats, or a cell is no date or number, or it does not say what has to be known.
    """
    rows = _rows(path)
    source = foreign_format(rows[0]) if rows else None
    if source is None:
        raise InvalidInput(f"{path} is no file of Yahoo Finance, yfinance or Stooq; its header is {rows[:1]}")
    read = {"Stooq": _stooq, "yfinance": _yfinance, "Yahoo Finance": _yahoo}[source]
    cells = read(path, rows, symbol)
    if empty := [name for name, days in cells.items() if not any("close" in fields for fields in days.values())]:
        raise InvalidInput(f"{path}: there is no close of {', '.join(empty)}")
    bars = {name: _bars(days) for name, days in cells.items()}
    return Imported(source, bars, _carried(path, source, bars, adjustment))


def _rows(path: Path) -> list[list[str]]:
    try:
        opened = gzip.open if path.name.endswith(".gz") else open
        with opened(path, "rt", newline="", encoding="utf-8-sig") as lines:
            return [[cell.strip() for cell in row] for row in csv.reader(lines) if any(row)]
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error) as error:
        raise InvalidInput(f"{path} cannot be read as CSV: {error}") from error


def _yahoo(path: Path, rows: Sequence[Sequence[str]], symbol: str | None) -> Cells:
    if symbol is None:
        raise InvalidInput(f"{path} does not say of which symbol it is: add --symbol, such as --symbol SPY")
    header = [name.casefold() for name in rows[0]]
    _refuse_twice(path, header)
    found: dict[date, dict[str, float]] = {}
    for number, row in enumerate(rows[1:], 1):
        _refuse_short(path, number, header, row)
        day = _day(path, number, row[header.index("date")])
        _keep(path, found, symbol, day, _numbers(path, number, header, row))
    return {symbol: found}


def _stooq(path: Path, rows: Sequence[Sequence[str]], symbol: str | None) -> Cells:
    header = [name.casefold().strip("<>") for name in rows[0]]
    _refuse_twice(path, header)
    named = ["volume" if name == "vol" else name for name in header]
    found: dict[str, dict[date, dict[str, float]]] = {}
    for number, row in enumerate(rows[1:], 1):
        _refuse_short(path, number, header, row)
        if "per" in header and row[header.index("per")] != "D":
            raise InvalidInput(f"{path}: column <PER>, row {number}: {row[header.index('per')]!r}; only D is daily")
        name = _STOOQ_MARKET.sub("", row[header.index("ticker")])
        day = _day(path, number, row[header.index("date")])
        _keep(path, found.setdefault(name, {}), name, day, _numbers(path, number, named, row))
    del symbol  # the file names it
    return found


def _yfinance(path: Path, rows: Sequence[Sequence[str]], symbol: str | None) -> Cells:
    """Read a table with two lines of headings, a field and a symbol over each column, and a third with `Date`."""
    del symbol  # the file names them
    if len(rows) < 3 or len(rows[0]) != len(rows[1]):
        raise InvalidInput(f"{path}: a file of yfinance begins with two lines of headings, of fields and of tickers")
    fields, tickers = (rows[1], rows[0]) if rows[0][0].casefold() == "ticker" else (rows[0], rows[1])
    columns = list(zip([name.casefold() for name in fields], tickers, strict=True))[1:]
    _refuse_twice(path, [f"{field} of {name}" for field, name in columns])
    body = rows[3:] if rows[2][0].casefold() == "date" else rows[2:]
    found: dict[str, dict[date, dict[str, float]]] = {}
    for number, row in enumerate(body, 1):
        _refuse_short(path, number, fields, row)
        day = _day(path, number, row[0])
        for name in dict.fromkeys(name for _, name in columns):
            header = [field if of == name else "" for field, of in columns]
            _keep(path, found.setdefault(name, {}), name, day, _numbers(path, number, header, row[1:]))
    return found


def _refuse_twice(path: Path, header: Sequence[str]) -> None:
    if twice := [name for name in header if name and header.count(name) > 1]:
        raise InvalidInput(f"{path} has two columns named {twice[0]}; which one is meant? Keep one of them")


def _refuse_short(path: Path, number: int, header: Sequence[str], row: Sequence[str]) -> None:
    if len(row) != len(header):
        raise InvalidInput(f"{path}: row {number} has {len(row)} cells; its header has {len(header)}")


def _numbers(path: Path, number: int, header: Sequence[str], row: Sequence[str]) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, cell in zip(header, row, strict=True):
        if name not in FIELDS or cell in _NOTHING:
            continue
        if _NUMBER.fullmatch(cell) is None:
            raise InvalidInput(f"{path}: column {name}, row {number}: {cell!r} is no number; write 1234.5")
        found[FIELDS[name]] = float(cell)
    return found


def _day(path: Path, number: int, cell: str) -> date:
    read = _DAY.fullmatch(cell)
    try:
        if read is None:
            raise ValueError
        return date(*map(int, read.groups()[:3]))
    except ValueError:
        raise InvalidInput(
            f"{path}: column date, row {number}: {cell!r} is no date; write 2023-12-29 or 20231229"
        ) from None


def _keep(path: Path, found: dict[date, dict[str, float]], symbol: str, day: date, fields: dict[str, float]) -> None:
    if day in found:
        raise InvalidInput(f"{path} has {symbol} on {day} twice; keep one row per date and symbol")
    found[day] = fields


def _bars(days: Mapping[date, dict[str, float]]) -> list[DailyBar]:
    return [DailyBar(day, **fields) for day, fields in sorted(days.items()) if "close" in fields]


def _carried(path: Path, source: str, bars: Mapping[str, Sequence[DailyBar]], said: Adjustment | None) -> Adjustment:
    """Return what the closes carry: beside an adjusted close they are adjusted for splits, else it has to be said."""
    adjusted = any(bar.adj_close is not None for series in bars.values() for bar in series)
    if adjusted:
        if said not in (None, Adjustment.SPLIT):
            raise InvalidInput(f"--adjustment {said.value}: {source} adjusts closes for splits where it adds Adj Close")
        return Adjustment.SPLIT
    if said is None:
        raise InvalidInput(
            f"{path} does not show what its closes carry: add --adjustment total_return where dividends are taken out, "
            "as yfinance does by default, --adjustment split where only splits are, else --adjustment raw"
        )
    return said
