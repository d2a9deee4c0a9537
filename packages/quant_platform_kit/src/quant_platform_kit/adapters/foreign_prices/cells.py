"""Cells of a source as dates, symbols and numbers; one that is none is named by column, row and text.

Dates and symbols come as texts with an index for each row, so that every text is read once. Rows are counted without
the headings.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quant_platform_kit.adapters.foreign_prices.heads import arrow
from quant_platform_kit.adapters.foreign_prices.layouts import as_symbol
from quant_platform_kit.adapters.foreign_prices.options import DateOrder, ImportOptions
from quant_platform_kit.adapters.price_columns import NOTHING, floats_of
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.prices import FloatArray

__all__ = ["Coded", "coded", "dates_asked", "days_of_texts", "numbers_of_texts", "symbols_of_texts"]

_STOOQ_MARKET = re.compile(r"\.US$")


@dataclass(frozen=True, slots=True)
class Coded:
    """A column of texts: the distinct ones, and which of them each row has, shape (n_rows,)."""

    path: Path
    name: str
    texts: tuple[str, ...]
    rows: NDArray[np.int32]

    def first_row(self, code: int) -> int:
        """Return the first row that has a text, from 1."""
        return int(np.argmax(self.rows == code)) + 1

    def refused(self, code: int, why: str) -> InvalidInput:
        """Return the complaint about a text."""
        count = int(np.count_nonzero(self.rows == code))
        more = f" and {count - 1} more rows have" if count > 1 else " has"
        return InvalidInput(
            f"{self.path}: column {self.name}, row {self.first_row(code)}{more} {self.texts[code]!r}: {why}"
        )


def coded(path: Path, name: str, column: Any) -> Coded:
    """Return a column of pyarrow, of dictionaries of texts."""
    one = column.unify_dictionaries().combine_chunks()
    texts = tuple("" if text is None else str(text).strip() for text in one.dictionary.to_pylist())
    return Coded(path, name, texts, np.from_dlpack(one.indices).astype(np.int32, copy=False))


# --- dates -----------------------------------------------------------------------------------------

Read = Callable[[Sequence[str]], date]


def _ymd(parts: Sequence[str]) -> date:
    return date(int(parts[0]), int(parts[1]), int(parts[2]))


def _since_1970(digits: str) -> date:
    return datetime.fromtimestamp(int(digits) / 1000 ** ((len(digits) - 10) // 3), UTC).date()


_TIME = r"(?:[T ].*)?"
_FORMS: dict[str, tuple[re.Pattern[str], Read]] = {
    "2023-12-29": (re.compile(rf"([0-9]{{4}})-([0-9]{{2}})-([0-9]{{2}}){_TIME}"), _ymd),
    "2023/12/29": (re.compile(rf"([0-9]{{4}})/([0-9]{{2}})/([0-9]{{2}}){_TIME}"), _ymd),
    "20231229": (re.compile(rf"((?:19|20)[0-9]{{2}})([0-9]{{2}})([0-9]{{2}}){_TIME}"), _ymd),
    "seconds since 1970, UTC": (re.compile(r"([0-9]{10})(?:\.0*)?"), lambda parts: _since_1970(parts[0])),
    "milliseconds since 1970, UTC": (re.compile(r"([0-9]{13})(?:\.0*)?"), lambda parts: _since_1970(parts[0])),
    "microseconds since 1970, UTC": (re.compile(r"([0-9]{16})"), lambda parts: _since_1970(parts[0])),
    "nanoseconds since 1970, UTC": (re.compile(r"([0-9]{19})"), lambda parts: _since_1970(parts[0])),
}
_TWO_WAYS = re.compile(rf"([0-9]{{1,2}})([/.-])([0-9]{{1,2}})\2([0-9]{{4}}){_TIME}")
_ORDERED: dict[DateOrder, tuple[str, tuple[re.Pattern[str], Read]]] = {
    DateOrder.MONTH_FIRST: ("12/29/2023", (_TWO_WAYS, lambda parts: _ymd((parts[3], parts[0], parts[2])))),
    DateOrder.DAY_FIRST: ("29/12/2023", (_TWO_WAYS, lambda parts: _ymd((parts[3], parts[2], parts[0])))),
}


def days_of_texts(column: Coded, order: DateOrder | None) -> tuple[NDArray[np.datetime64], str]:
    """Return the date in every row, and how dates are written; an instant has the date that it is written with.

    All rows are written in one way, that of the first.

    Raises
    ------
    InvalidInput
        A text is no date, is written in another way, or does not say which is day and which is month.
    """
    first = int(column.rows[0]) if len(column.rows) else 0
    form, (pattern, read) = _form(column, first, order)
    days = np.zeros(len(column.texts), dtype="datetime64[D]")
    for code in _in_order(column):
        found = pattern.fullmatch(column.texts[code])
        if found is None:
            raise column.refused(code, f"it is written in another way than row 1, {column.texts[first]!r} ({form})")
        try:
            days[code] = read(found.groups())
        except (ValueError, OverflowError):
            raise column.refused(code, f"there is no such date ({form})") from None
    return days[column.rows], form


def dates_asked(text: str) -> bool:
    """Whether a date does not say which is its day and which its month."""
    return _TWO_WAYS.fullmatch(text) is not None


def _in_order(column: Coded) -> list[int]:
    """Return the codes that rows have, in the order in which they come first."""
    held, at = np.unique(column.rows, return_index=True)
    return held[np.argsort(at)].tolist()


def _form(column: Coded, first: int, order: DateOrder | None) -> tuple[str, tuple[re.Pattern[str], Read]]:
    """Return how the first row is written."""
    text = column.texts[first]
    if order is not None:
        form, (pattern, read) = _ORDERED[order]
        if pattern.fullmatch(text) is None:
            raise column.refused(first, f"--dates {order.value} is for dates such as {form}; leave it out")
        return form, (pattern, read)
    for form, (pattern, read) in _FORMS.items():
        if pattern.fullmatch(text):
            return form, (pattern, read)
    if _TWO_WAYS.fullmatch(text):
        raise column.refused(first, f"{_which(text)}; add --dates month-first or --dates day-first")
    raise column.refused(first, f"it is no date; write 2023-12-29 (known too: {', '.join(list(_FORMS)[1:4])})")


def _which(text: str) -> str:
    """Say whether a date with a day and a month in doubt can be read one way only."""
    can: list[str] = []
    for order, (_, (pattern, read)) in _ORDERED.items():
        found = pattern.fullmatch(text)
        try:
            can += [order.value] if found and read(found.groups()) else []
        except ValueError:
            continue
    if len(can) > 1:
        return "day and month both fit"
    return f"only {can[0]} fits here, and one row does not say it of all" if can else "neither order fits"


# --- symbols ---------------------------------------------------------------------------------------


def symbols_of_texts(column: Coded, *, of_stooq: bool) -> tuple[tuple[str, ...], NDArray[np.int32]]:
    """Return the symbols of a column in capitals, ascending, and which of them each row has.

    Raises
    ------
    InvalidInput
        A text is no symbol, or two of them would become one.
    """
    names: dict[int, str] = {}
    for code in _in_order(column):
        text = column.texts[code]
        symbol = as_symbol(text)
        if symbol is None:
            raise column.refused(code, "it is no symbol; write one in each row, such as SPY or BRK B")
        names[code] = _STOOQ_MARKET.sub("", symbol) if of_stooq else symbol
    written: dict[str, int] = {}
    for code, symbol in names.items():
        if (other := written.setdefault(symbol, code)) != code:
            raise column.refused(code, f"it would be {symbol}, as {column.texts[other]!r} is; keep one way to write it")
    symbols = tuple(sorted(written))
    number = {symbol: at for at, symbol in enumerate(symbols)}
    codes = np.zeros(len(column.texts), dtype=np.int32)
    for code, symbol in names.items():
        codes[code] = number[symbol]
    return symbols, codes[column.rows]


# --- numbers ---------------------------------------------------------------------------------------


def numbers_of_texts(path: Path, name: str, column: Any, options: ImportOptions) -> FloatArray:
    """Return a column of texts as numbers, NaN where a cell is empty.

    Raises
    ------
    InvalidInput
        A text is no number as the options allow them.
    """
    compute = arrow("pyarrow.compute")
    texts = compute.utf8_trim_whitespace(column.cast(arrow("pyarrow").string()))
    nothing = "^(?:" + "|".join(re.escape(text) for text in (*NOTHING, *options.missing)) + ")$"
    empty = compute.fill_null(compute.match_substring_regex(texts, nothing), True)
    good = compute.match_substring_regex(texts, f"^{_pattern(options)}$")
    odd = compute.and_(compute.invert(empty), compute.invert(compute.fill_null(good, False)))
    if count := compute.sum(odd).as_py():
        raise _no_number(path, name, texts, compute.index(odd, True).as_py(), count, options)
    cleaned = texts
    for mark in _to_remove(options):
        cleaned = compute.replace_substring(cleaned, mark, "")
    if options.decimal_comma:
        cleaned = compute.replace_substring(cleaned, ",", ".")
    numbers = compute.if_else(empty, arrow("pyarrow").scalar(None, arrow("pyarrow").string()), cleaned)
    return floats_of(path, name, numbers.cast(arrow("pyarrow").float64()))


def _to_remove(options: ImportOptions) -> list[str]:
    between = "." if options.decimal_comma else ","
    return [*([between] if options.thousands else []), *(["$"] if options.currency else [])]


def _pattern(options: ImportOptions) -> str:
    point, between = (",", r"\.") if options.decimal_comma else (r"\.", ",")
    whole = rf"(?:[0-9]{{1,3}}(?:{between}[0-9]{{3}})+|[0-9]+)" if options.thousands else "[0-9]+"
    sign = r"[+-]?\$?" if options.currency else "[+-]?"
    return rf"{sign}(?:{whole}(?:{point}[0-9]*)?|{point}[0-9]+)(?:[eE][+-]?[0-9]+)?"


def _no_number(path: Path, name: str, texts: Any, row: int, count: int, options: ImportOptions) -> InvalidInput:
    text = texts[row].as_py()
    more = f" and {count - 1} more rows like it" if count > 1 else ""
    return InvalidInput(f"{path}: column {name}, row {row + 1}{more}: {text!r} is no number; {_advice(text, options)}")


def _advice(text: str, options: ImportOptions) -> str:
    """Say which options would read a text, if any do."""
    flags = ("thousands", "currency", "decimal_comma")
    for count in range(1, len(flags) + 1):
        fit = [
            " ".join(f"--{name.replace('_', '-')}" for name in names)
            for names in combinations(flags, count)
            if re.fullmatch(_pattern(replace(options, **dict.fromkeys(names, True))), text)
        ]
        if fit:
            return f"write 1234.5, or add {' or '.join(fit)}, if it is meant so"
    return f"write 1234.5, or add --missing '{text}' if it stands for a missing price"
