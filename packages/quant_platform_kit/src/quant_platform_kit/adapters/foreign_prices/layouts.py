"""What a column of a source is, and how the columns of a file hang together."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from quant_platform_kit.domain.prices import SYMBOL
from quant_platform_kit.domain.strategy import Adjustment

__all__ = ["FIELDS", "LONG", "SINGLE", "Layout", "Series", "as_symbol", "field_of", "plain", "preferred"]

FIELDS = ("close", "adj_close", "open", "high", "low", "volume", "dividend")
LONG = "the long format"
_ALIASES: Mapping[str, tuple[str, ...]] = {
    "date": ("date", "data", "datetime", "timestamp", "trade date", "trading date", "day", "time"),
    "symbol": ("symbol", "ticker", "tickers", "code", "act symbol", "instrument", "asset", "sym", "tic", "name"),
    "close": ("close", "close price", "closing price", "close last", "price", "zamkniecie"),
    "adj_close": ("adj close", "adjclose", "adjusted close", "adj close price", "close adj"),
    "open": ("open", "open price", "opening price", "otwarcie"),
    "high": ("high", "high price", "najwyzszy"),
    "low": ("low", "low price", "najnizszy"),
    "volume": ("volume", "vol", "total volume", "wolumen"),
    "dividend": ("dividend", "dividends", "divcash", "dividend amount"),
    "adjustment": ("adjustment",),
    "adj_close_adjustment": ("adj close adjustment",),
}
"""Names of columns in small letters; where a file has several of date or symbol, the first of these is meant."""
_SHORT = {"o": "open", "h": "high", "l": "low", "c": "close", "v": "volume"}
_FIELD = {alias: name for name, aliases in _ALIASES.items() for alias in aliases}
SINGLE = ("date", "symbol")
"""What a file may have several candidates of."""


@dataclass(frozen=True, slots=True)
class Series:
    """Columns that belong together: of one symbol, or of every row's own.

    Attributes
    ----------
    fields
        Number of a column by field.
    """

    symbol: str | None
    fields: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Layout:
    """Which column of a file is what.

    Attributes
    ----------
    source
        What the file is taken for, in words.
    headings
        How many lines come before the rows.
    names
        Of all columns, as messages call them.
    symbol, period
        Columns of the symbol and of the length of a bar, where there are such.
    said
        Columns that say what prices carry, by name.
    adjustment
        What such files are known to carry in ``close``; None where they do not show it.
    """

    source: str
    headings: int
    names: tuple[str, ...]
    date: int
    series: tuple[Series, ...]
    symbol: int | None = None
    period: int | None = None
    said: Mapping[str, int] = field(default_factory=dict[str, int])
    adjustment: Adjustment | None = None

    @property
    def names_symbols(self) -> bool:
        """Whether it says which symbols its rows are of."""
        return self.symbol is not None or self.series[0].symbol is not None

    @property
    def fields(self) -> tuple[str, ...]:
        """Fields of any series, in the order of `FIELDS`."""
        return tuple(name for name in FIELDS if any(name in series.fields for series in self.series))

    @property
    def unused(self) -> tuple[str, ...]:
        """Names of columns that nothing is taken from."""
        used = {self.date, self.symbol, self.period, *self.said.values()}
        used |= {number for series in self.series for number in series.fields.values()}
        return tuple(name for number, name in enumerate(self.names) if number not in used)


def plain(name: str) -> str:
    """Return a column's name in small letters, words of letters and digits only, without a number before it."""
    return re.sub(r"^\d+ ", "", re.sub(r"[^a-z0-9]+", " ", name.casefold()).strip())


def field_of(name: str, short: bool = False) -> str | None:
    """Return what a column of that name is; None where the name says nothing."""
    return _SHORT.get(plain(name)) if short and plain(name) in _SHORT else _FIELD.get(plain(name))


def preferred(name: str, candidates: Mapping[str, int]) -> int:
    """Return the candidate for ``date`` or ``symbol`` whose name says it best."""
    return min(candidates.items(), key=lambda one: _ALIASES[name].index(plain(one[0])))[1]


def as_symbol(text: str) -> str | None:
    """Return a symbol in capitals; None for what cannot be one."""
    upper = text.strip().upper()
    return upper if SYMBOL.fullmatch(upper) else None
