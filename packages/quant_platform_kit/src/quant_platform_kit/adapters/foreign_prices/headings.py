"""What a file is, by its headings: whose format, and which of its columns is what."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from quant_platform_kit.adapters.foreign_prices.heads import Head
from quant_platform_kit.adapters.foreign_prices.layouts import (
    FIELDS,
    LONG,
    SINGLE,
    Layout,
    Series,
    as_symbol,
    field_of,
    plain,
    preferred,
)
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.strategy import Adjustment

__all__ = ["recognise"]

_VENDORS: Mapping[str, tuple[frozenset[str], Adjustment | None]] = {
    "Tiingo": (frozenset({"adjclose", "divcash", "splitfactor"}), Adjustment.RAW),
    "Alpha Vantage": (frozenset({"adjusted close", "dividend amount", "split coefficient"}), Adjustment.RAW),
}
"""Columns that only one vendor has together, and what its ``close`` carries by its own documentation."""
_STACKED = ("price", "ticker", "attributes", "symbol", "symbols", "")
"""What stands before the first of two lines of headings."""
_UNNAMED = ("", "index", "unnamed 0")
_DATED = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([T ].*)?|\d{8}|\d{9,}(\.0)?")
_OF_A_FIELD = re.compile(r"[ ._-](ADJ|ADJUSTED|RAW|CLOSE|OPEN|HIGH|LOW|VOLUME)$")
_MARKET = re.compile(r"<.*>")


def recognise(head: Head, columns: Mapping[str, str] | None = None) -> Layout:
    """Return what a file is.

    Parameters
    ----------
    columns
        Names of columns by what they are to be taken for.

    Raises
    ------
    InvalidInput
        It has no header, no date, no close, or two columns that could be the same thing.
    """
    path, names = head.path, head.rows[0]
    if names and any(_DATED.fullmatch(name) for name in names) and not any(field_of(name) for name in names):
        raise InvalidInput(f"{path} has no header, its first line is {', '.join(names)[:80]!r}; add one: date,open,...")
    if _is_stacked(head.rows):
        return _two_headings(path, head.rows)
    roles = _roles(path, names, columns or {})
    dated = len(head.rows) > 1 and _DATED.fullmatch(head.rows[1][0]) is not None
    if "date" not in roles and plain(names[0]) in _UNNAMED and (dated or head.is_parquet):
        roles["date"] = 0
    if "date" not in roles:
        raise InvalidInput(f"{path} has no column of dates; it has {_listed(names)}; name one: --column date=NAME")
    if "close" in roles:
        return _by_rows(names, roles, columns or {})
    if "adj_close" in roles:
        raise InvalidInput(
            f"{path} has {names[roles['adj_close']]} and no close; to take it as the close: "
            f"--column close='{names[roles['adj_close']]}' --adjustment total_return"
        )
    return _wide(path, names, roles["date"])


def _roles(path: Path, names: Sequence[str], said: Mapping[str, str]) -> dict[str, int]:
    """Return the number of each column that is something, by what it is."""
    roles = {role: _named(path, names, role, name) for role, name in said.items()}
    short = {"o", "h", "l", "c"} <= {plain(name) for name in names}
    found: dict[str, list[int]] = {}
    for number, name in enumerate(names):
        if (role := field_of(name, short)) and role not in roles and number not in roles.values():
            found.setdefault(role, []).append(number)
    for role, numbers in found.items():
        alike = {plain(names[number]) for number in numbers}
        if len(numbers) > 1 and (role not in SINGLE or len(alike) < len(numbers)):
            both = " and ".join(names[number] for number in numbers)
            raise InvalidInput(f"{path} has {both}; which one is the {role}? Say so: --column {role}=NAME")
        roles[role] = preferred(role, {names[n]: n for n in numbers}) if role in SINGLE else numbers[0]
    return roles


def _named(path: Path, names: Sequence[str], role: str, name: str) -> int:
    counted = Counter(names)
    if counted[name] != 1:
        raise InvalidInput(f"--column {role}={name}: {path} has {counted[name]} columns of it: {_listed(names)}")
    return names.index(name)


def _by_rows(names: Sequence[str], roles: Mapping[str, int], said: Mapping[str, str]) -> Layout:
    """Return the layout of a file with one row per date, or per date and symbol."""
    plains = {plain(name) for name in names}
    source, carried = _vendor(names, plains, roles)
    overruled = {"close", "adj_close"} & said.keys()
    return Layout(
        source=source,
        headings=1,
        names=tuple(names),
        date=roles["date"],
        series=(Series(None, {name: roles[name] for name in FIELDS if name in roles}),),
        symbol=roles.get("symbol"),
        period=names.index("<PER>") if "<PER>" in names else None,
        said={name: roles[name] for name in ("adjustment", "adj_close_adjustment") if name in roles},
        adjustment=None if overruled else carried,
    )


def _vendor(names: Sequence[str], plains: set[str], roles: Mapping[str, int]) -> tuple[str, Adjustment | None]:
    """Return whose file it is, and what its closes are known to carry."""
    for vendor, (has, carried) in _VENDORS.items():
        if has <= plains:
            return vendor, carried
    of_yahoo = "adj_close" in roles and names[roles["adj_close"]] == "Adj Close"
    carried = Adjustment.SPLIT if of_yahoo else None
    if _MARKET.fullmatch(names[roles["date"]]):
        return "Stooq", None
    if {"dividends", "stock splits"} <= plains:
        return "yfinance", carried
    if "symbol" not in roles:
        return ("Yahoo Finance" if of_yahoo else "daily bars of one symbol"), carried
    if {"date", "symbol", "close"} <= set(names):
        return LONG, carried
    return ("yfinance, stacked" if of_yahoo else "the long format with other column names"), carried


def _wide(path: Path, names: Sequence[str], date: int) -> Layout:
    """Return the layout of a table of closes with a column for each symbol."""
    others = {number: name for number, name in enumerate(names) if number != date}
    if all(field_of(name) for name in others.values()):
        raise InvalidInput(f"{path} has no column close; it has {_listed(names)}; name one: --column close=NAME")
    series: list[Series] = []
    for number, name in others.items():
        symbol = as_symbol(name)
        if symbol is None or _OF_A_FIELD.search(symbol):
            raise InvalidInput(
                f"{path} has no column close, and is no table of closes by symbol either: column {number + 1}, "
                f"{name!r}, is no symbol; name the close with --column close=NAME, or keep one series of each symbol"
            )
        series.append(Series(symbol, {"close": number}))
    _refuse_twice(path, series)
    return Layout("a table of closes, one column per symbol", 1, tuple(names), date, tuple(series))


# --- two lines of headings -------------------------------------------------------------------------


def _is_stacked(rows: Sequence[Sequence[str]]) -> bool:
    if len(rows) < 3 or len(rows[0]) != len(rows[1]) or len(rows[0]) < 2:
        return False
    firsts = (rows[0][0].casefold(), rows[1][0].casefold())
    return all(first in _STACKED for first in firsts) and any(_fields_in(rows[at]) for at in (0, 1))


def _fields_in(row: Sequence[str]) -> int:
    return sum(field_of(name) in FIELDS for name in row[1:])


def _two_headings(path: Path, rows: Sequence[Sequence[str]]) -> Layout:
    """Return the layout of a table with a field and a symbol over each column, either above the other."""
    fields, tickers = (rows[0], rows[1]) if _fields_in(rows[0]) >= _fields_in(rows[1]) else (rows[1], rows[0])
    by_symbol: dict[str, dict[str, int]] = {}
    for number, (field, ticker) in enumerate(zip(fields[1:], tickers[1:], strict=True), 1):
        symbol = as_symbol(ticker)
        if symbol is None:
            raise InvalidInput(f"{path}: column {number + 1} is of {ticker!r}, which is no symbol; correct the heading")
        role = field_of(field)
        if role not in FIELDS:
            continue
        if role in by_symbol.setdefault(symbol, {}):
            raise InvalidInput(f"{path} has two columns named {field} of {ticker}; keep one of them")
        by_symbol[symbol][role] = number
    without = [symbol for symbol, found in by_symbol.items() if "close" not in found]
    if without:
        raise InvalidInput(f"{path} has no close of {_listed(without)}; a file needs one of every symbol")
    third = len(rows) > 2 and _DATED.fullmatch(rows[2][0]) is None
    adjusted = any("adj_close" in found for found in by_symbol.values())
    return Layout(
        source="yfinance, two lines of headings",
        headings=3 if third else 2,
        names=("date", *_over_each(fields, tickers)),
        date=0,
        series=tuple(Series(symbol, found) for symbol, found in by_symbol.items()),
        adjustment=Adjustment.SPLIT if adjusted else None,
    )


def _over_each(fields: Sequence[str], tickers: Sequence[str]) -> Iterator[str]:
    return (f"{field} of {ticker}" for field, ticker in zip(fields[1:], tickers[1:], strict=True))


def _refuse_twice(path: Path, series: Sequence[Series]) -> None:
    counted = Counter(one.symbol for one in series)
    if twice := [symbol for symbol, count in counted.items() if count > 1]:
        raise InvalidInput(f"{path} has two columns of {twice[0]}; which one is meant? Keep one of them")


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
    return ", ".join(names[:12]) + more
