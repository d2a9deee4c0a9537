"""Facts of companies' accounts, each with the day from which it was known.

A file states its days in a column ``published`` (ISO dates, one per row), or once for all rows in its name:
``fundamentals_2018_10_31.csv`` was known from that day on, ``fundamentals_2018_10.csv`` from the last day of the month.
A symbol may stand in several rows of different days: a snapshot takes the newest that was known.
"""

from __future__ import annotations

import calendar
import math
import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from quant_platform_kit.domain.errors import InvalidInput

from snapshot_pipelines.build.text_table import Line, TextTable

__all__ = ["FACTS", "REQUIRED", "Fundamentals", "read_fundamentals"]

FACTS: Mapping[str, str] = {
    "return_on_equity": "returnOnEquity",
    "gross_margins": "grossMargins",
    "price_to_book": "priceToBook",
    "trailing_pe": "trailingPE",
    "market_cap_usd": "marketCap",
}
"""Column of a snapshot -> its name in files of Yahoo Finance; a file may use either."""
REQUIRED = ("ticker",)
_DATED = re.compile(r"(?<![0-9])([0-9]{4})[-_]([0-9]{2})(?:[-_]([0-9]{2}))?(?![0-9])")

Facts = tuple[float, ...]


class Fundamentals:
    """Facts by symbol and the day from which they were known.

    Parameters
    ----------
    path
        For messages.
    columns
        Which facts the file has, in the order of `FACTS`.
    facts
        symbol -> (published, values) ascending by day, values in the order of ``columns``.
    """

    def __init__(self, path: Path, columns: Sequence[str], facts: Mapping[str, Sequence[tuple[date, Facts]]]) -> None:
        self.columns = tuple(columns)
        self._path = path
        self._facts = facts

    def known(self, symbols: Sequence[str], as_of: date) -> dict[str, list[float]]:
        """Return each fact of each symbol as it was known on ``as_of``; NaN where the file has none.

        Raises
        ------
        InvalidInput
            What the file has of a symbol was published later, or it has nothing of any symbol.
        """
        found = [self._known(symbol, as_of) for symbol in symbols]
        if not any(symbol in self._facts for symbol in symbols):
            raise InvalidInput(f"{self._path} names none of the {len(symbols)} symbols at {as_of}; correct its tickers")
        return {name: [values[i] for values in found] for i, name in enumerate(self.columns)}

    def _known(self, symbol: str, as_of: date) -> Facts:
        facts = self._facts.get(symbol)
        if not facts:
            return (math.nan,) * len(self.columns)
        at = bisect_right(facts, as_of, key=lambda fact: fact[0])
        if at == 0:
            raise InvalidInput(
                f"{self._path}: facts of {symbol} were published {facts[0][0]}, after {as_of}; a snapshot uses nothing "
                "of later: leave --fundamentals out, or give a file of what was known"
            )
        return facts[at - 1][1]


def read_fundamentals(table: TextTable) -> Fundamentals:
    """Return the facts of a file.

    Raises
    ------
    InvalidInput
        It says not when its facts were published, has no fact, a symbol twice for one day, or a cell that is no number.
    """
    sources = {name: other if other in table.names else name for name, other in FACTS.items()}
    columns = [name for name, source in sources.items() if source in table.names]
    if not columns:
        known = ", ".join(f"{name} (or {other})" for name, other in FACTS.items())
        raise InvalidInput(f"{table.path} has none of the columns {known}; it has {', '.join(table.names)}")
    of_all = None if "published" in table.names else _day_of_name(table.path)
    facts: dict[str, dict[date, Facts]] = {}
    for line in table:
        symbol, published = line.symbol("ticker"), of_all or line.day("published")
        if published is None:
            raise InvalidInput(f"{line.place}: {symbol} has no day in published; write from when it was known")
        of_symbol = facts.setdefault(symbol, {})
        if published in of_symbol:
            raise InvalidInput(f"{line.place} has {symbol} of {published} again; keep one row per ticker and day")
        of_symbol[published] = tuple(_fact(line, name, sources[name]) for name in columns)
    return Fundamentals(table.path, columns, {symbol: sorted(found.items()) for symbol, found in facts.items()})


def _fact(line: Line, name: str, column: str) -> float:
    value = line.number(column)
    if name == "market_cap_usd" and value < 0:
        raise InvalidInput(f"{line.place}: {column} is {value:g}; what a company is worth is not negative: correct it")
    return value


def _day_of_name(path: Path) -> date:
    """Return the day that a file's name states: the last one written in it, a month's last day for a month."""
    for year, month, day in reversed(_DATED.findall(path.stem)):
        try:
            return date(int(year), int(month), int(day or calendar.monthrange(int(year), int(month))[1]))
        except ValueError:
            continue
    raise InvalidInput(
        f"{path} says not when its facts were published; add a column published (ISO dates), or write the day into its "
        "name, as fundamentals_2018_10_31.csv"
    )
