"""Daily prices out of parquet and CSV files in long format: one row per date and symbol.

Columns: ``date``, ``symbol``, ``close``; ``adj_close``, ``open``, ``low``, ``high`` and ``volume`` where they are asked
for; ``adjustment`` says what the prices carry.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quant_platform_kit.adapters.foreign_prices.lines import how_to_import
from quant_platform_kit.adapters.price_columns import (
    Columns,
    OddCell,
    adjustment_said,
    days_of,
    floats_of,
    open_columns,
)
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.portfolio import Quote, quotable, quote_price
from quant_platform_kit.domain.prices import FloatArray, PriceHistory, PriceTable
from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.domain.strategy import Adjustment
from quant_platform_kit.ports.clock import Clock

__all__ = [
    "EVIDENCE_COLUMNS",
    "PRICE_FIELDS",
    "BadPrices",
    "ClosedDays",
    "FileMarketData",
    "LongPrices",
    "closed_days",
    "joined",
    "price_table",
    "read_price_files",
    "read_prices",
    "sessions_of",
]

PRICE_FIELDS = {"close": Adjustment.SPLIT, "adj_close": Adjustment.TOTAL_RETURN}
"""Price columns a run can be based on, and the adjustment each is taken to carry where the file does not say."""
EVIDENCE_COLUMNS = ("low", "high", "volume")
"""Columns that closes are judged by, where a file has them."""
_SAID = ("adjustment", "adj_close_adjustment")
SHIFTS = tuple(sign * days for days in range(1, 32) for sign in (1, -1))
"""By how many days all dates of a file may be off, the least first."""
BAD_VALUE = "prices that are not positive and finite"
ZONES = 2
"""Days that a time zone can move a date by."""
SHIFT_LEFT, MOST_STRANGE, MANY_STRANGE, MOVED = 0.1, 0.5, 0.05, 0.5
"""A shift explains dates that are no sessions if it leaves this part of them; more than half are most, and more than a
twentieth many: no calendar has so many holidays. They were moved, and not added, where sessions lack rows for this part
of them."""


class BadPrices(InvalidInput):
    """Prices of a symbol that no table can be made of.

    Attributes
    ----------
    kind
        What is wrong, in words that hold for other symbols too.
    """

    def __init__(self, message: str, kind: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class LongPrices:
    """A price file as it stands, unchecked beyond its columns.

    Attributes
    ----------
    days
        datetime64[D], shape (n_rows,).
    codes
        Index into ``symbols`` of each row, shape (n_rows,).
    columns
        Column name -> float64 values, shape (n_rows,), NaN where the file has none.
    adjustment
        What the file says that its prices carry; None where it does not say.
    adj_close_adjustment
        The same of its column ``adj_close``, in a file whose other prices carry something else.
    files
        Those it was read from, in their order; none of prices that were made in memory.
    """

    path: Path
    days: NDArray[np.datetime64]
    symbols: tuple[str, ...]
    codes: NDArray[np.int64]
    columns: Mapping[str, FloatArray]
    adjustment: Adjustment | None = None
    adj_close_adjustment: Adjustment | None = None
    files: tuple[Path, ...] = ()

    def taking(self, rows: NDArray[np.int64]) -> LongPrices:
        """Return some rows, in the order given; symbols without one stay named."""
        return replace(
            self,
            days=self.days[rows],
            codes=self.codes[rows],
            columns={name: values[rows] for name, values in self.columns.items()},
        )

    def carried(self, field: str) -> Adjustment:
        """Return what a column carries: what the file says; without a word of it, what `PRICE_FIELDS` takes it for.

        A file that says raw is taken at its word: its ``adj_close`` is total return only where it says that too.
        """
        if field == "close" or self.adjustment is Adjustment.RAW:
            said = self.adj_close_adjustment if field == "adj_close" else None
            return said or self.adjustment or PRICE_FIELDS[field]
        return PRICE_FIELDS[field]


def read_prices(path: Path, fields: Sequence[str], optional: Sequence[str] = ()) -> LongPrices:
    """Read the columns ``date``, ``symbol`` and ``fields`` of a price file, and of ``optional`` those that it has.

    Raises
    ------
    InvalidInput
        The file cannot be read, lacks a column, has one twice, holds an empty date or symbol, or a cell that is no date
        or number.
    """
    try:
        file = _open_long(path, fields)
    except InvalidInput as error:
        raise _with_import(path, error, cells=False) from None
    present = [name for name in (*_SAID, *fields, *optional) if name in file.names]
    columns = file.each(list(dict.fromkeys(["date", "symbol", *present])))
    said: dict[str, Adjustment] = {}
    numbers: dict[str, FloatArray] = {}
    try:
        days = days_of(path, _whole(path, *next(columns)))
        symbols, codes = _symbols(path, _whole(path, *next(columns)))
        for name, column in columns:
            if name in _SAID:
                said[name] = adjustment_said(path, name, column)
            else:
                numbers[name] = floats_of(path, name, column)
    except OddCell as error:
        raise _with_import(path, error, cells=True) from None
    return LongPrices(
        path=path,
        days=days,
        symbols=symbols,
        codes=codes,
        columns=numbers,
        adjustment=said.get("adjustment"),
        adj_close_adjustment=said.get("adj_close_adjustment"),
        files=(path,),
    )


def _whole(path: Path, name: str, column: Any) -> Any:
    """Return a column that every row has."""
    if empty := column.null_count:
        raise InvalidInput(f"{path}: {empty} rows have no {name}; remove or complete them")
    return column


def _open_long(path: Path, fields: Sequence[str]) -> Columns:
    """Open a file that has the columns of the long format and some others."""
    file = open_columns(path)
    if absent := [name for name in dict.fromkeys(("date", "symbol", *fields)) if name not in file.names]:
        raise InvalidInput(
            f"{path} has no column {', '.join(absent)}; it has {', '.join(file.names)}; "
            "a price file has date, symbol, close and, where asked for, adj_close and open, separated by commas"
        )
    return file


def _with_import(path: Path, error: InvalidInput, *, cells: bool) -> InvalidInput:
    """Return a refusal with the command that imports the file, where there is one."""
    how = how_to_import(path, cells=cells)
    return InvalidInput(f"{error}; {how}") if how else error


def read_price_files(paths: Sequence[Path], fields: Sequence[str], optional: Sequence[str] = ()) -> LongPrices:
    """Read several price files as one; of ``optional`` the columns that all of them have.

    Raises
    ------
    InvalidInput
        As `read_prices`, or the files say of their prices that they carry different things.
    """
    files = [read_prices(path, fields, optional) for path in paths]
    if len(files) == 1:
        return files[0]
    if len({(file.adjustment, file.adj_close_adjustment) for file in files}) > 1:
        differ = "; ".join(f"{file.path}: {file.adjustment.value if file.adjustment else 'nothing'}" for file in files)
        raise InvalidInput(f"the price files say different things of what their prices carry: {differ}; give like ones")
    return joined(files, Path(" and ".join(str(path) for path in paths)))


def joined(files: Sequence[LongPrices], path: Path) -> LongPrices:
    """Return the rows of files whose prices carry the same, one file after the other, with the columns all have."""
    names = sorted({name for file in files for name in file.symbols})
    code = {name: number for number, name in enumerate(names)}
    codes = [np.array([code[name] for name in file.symbols], dtype=np.int64)[file.codes] for file in files]
    shared = [name for name in files[0].columns if all(name in file.columns for file in files)]
    return LongPrices(
        path=path,
        days=np.concatenate([file.days for file in files]),
        symbols=tuple(names),
        codes=np.concatenate(codes),
        columns={name: np.concatenate([file.columns[name] for file in files]) for name in shared},
        adjustment=files[0].adjustment,
        adj_close_adjustment=files[0].adj_close_adjustment,
        files=tuple(each for file in files for each in file.files),
    )


def _symbols(path: Path, column: Any) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Return the symbols that rows have, ascending, and each row's index into them."""
    coded: Any = column.combine_chunks().dictionary_encode()
    rows = np.from_dlpack(coded.indices).astype(np.int64)
    names = np.array([str(name) for name in coded.dictionary.to_pylist()], dtype=np.str_)
    held = np.flatnonzero(np.bincount(rows, minlength=len(names)))
    used, code = np.unique(names[held], return_inverse=True)
    if odd := [name for name in used.tolist() if name != name.strip() or not name]:
        raise InvalidInput(f"{path}: symbol {odd[0]!r} is empty or has spaces around it; correct these rows")
    of_name = np.zeros(len(names), dtype=np.int64)
    of_name[held] = code
    return tuple(used.tolist()), of_name[rows]


def price_table(
    prices: LongPrices, symbols: Collection[str], field: str, calendar: ExchangeCalendar, *, unadjusted: bool = False
) -> PriceTable:
    """Return one series of some symbols as a table over every calendar session between the first and last row.

    Parameters
    ----------
    field
        ``close`` or ``adj_close``: what becomes the table's ``close``. Its ``open``, ``low`` and ``high``, where they
        were read, are scaled by the same adjustment.
    unadjusted
        Keep the file's ``close`` beside an ``adj_close``: for quotes that come from elsewhere.

    Raises
    ------
    InvalidInput
        A symbol the file does not hold, a date and symbol twice, a date that is no session, a price not positive, an
        ``adj_close`` that is not total return.
    """
    wanted = tuple(sorted(set(symbols)))
    code = {symbol: number for number, symbol in enumerate(prices.symbols)}
    if absent := [symbol for symbol in wanted if symbol not in code]:
        raise InvalidInput(f"{prices.path} has no prices of {', '.join(absent)}; it holds {', '.join(prices.symbols)}")
    if field == "adj_close" and prices.carried(field) is not Adjustment.TOTAL_RETURN:
        raise InvalidInput(
            f"{prices.path}: its column adjustment says {prices.carried(field).value}, so adj_close is not taken as "
            "total return; use --price-field close, or correct the column if it is wrong"
        )
    to_column = np.full(len(code), -1)
    to_column[[code[symbol] for symbol in wanted]] = np.arange(len(wanted))
    chosen = to_column[prices.codes] >= 0
    rows = slice(None) if chosen.all() else np.flatnonzero(chosen)  # all of them without a copy
    days, codes = prices.days[rows], prices.codes[rows]
    if field != "close":
        _refuse_bad_closes(prices, chosen)
    sessions = np.array(sessions_of(prices.path, days, calendar), dtype="datetime64[D]")
    cells = np.searchsorted(sessions, days) * len(wanted) + to_column[codes]
    _refuse_duplicates(prices, days, codes, cells)
    grids: dict[str, FloatArray] = {}
    for name, values in _series(prices, field, unadjusted).items():
        grids[name] = np.full(len(sessions) * len(wanted), np.nan)
        grids[name][cells] = values[rows]
    try:
        fields = {name: grid.reshape(len(sessions), -1) for name, grid in grids.items()}
        return PriceTable(sessions, wanted, fields, copy=False)
    except InvalidInput as error:
        raise BadPrices(f"{prices.path}: {error}", BAD_VALUE) from None


def _refuse_bad_closes(prices: LongPrices, chosen: NDArray[np.bool_]) -> None:
    """Refuse bad closes below another series: they scale its opens, and no table holds them."""
    close = prices.columns["close"]
    bad = np.flatnonzero(chosen & ~np.isnan(close) & ~((close > 0) & np.isfinite(close)))
    if len(bad):
        row = bad[0]
        raise BadPrices(
            f"{prices.path}: close of {prices.symbols[prices.codes[row]]} on {prices.days[row]} is {close[row]:g}; "
            "a price is positive and finite: correct the row or leave the cell empty",
            BAD_VALUE,
        )


def _series(prices: LongPrices, field: str, unadjusted: bool) -> dict[str, FloatArray]:
    columns = prices.columns
    series = {"close": columns[field]}
    with np.errstate(divide="ignore", invalid="ignore"):  # of a symbol that is not asked for, and so not refused
        scale = 1.0 if field == "close" else columns[field] / columns["close"]
        series |= {name: columns[name] * scale for name in ("open", "low", "high") if name in columns}
    if "volume" in columns:
        series["volume"] = columns["volume"]
    if unadjusted and field != "close":
        series["unadjusted"] = columns["close"]
    return series


def sessions_of(path: Path, days: NDArray[np.datetime64], calendar: ExchangeCalendar) -> tuple[date, ...]:
    """Return every session from the first to the last of some dates.

    Raises
    ------
    InvalidInput
        One of them is no session.
    """
    if strange := closed_days(days, calendar):
        raise BadPrices(f"{path} {strange.why}", "dates that are no sessions")
    return calendar.between(days.min().item(), days.max().item())


@dataclass(frozen=True, slots=True)
class ClosedDays:
    """Dates that are no sessions, ascending.

    Attributes
    ----------
    why
        What is wrong with them, in words.
    shifted
        Whether they are of rows that belong to other days: leaving them out would leave a wrong file.
    """

    days: tuple[date, ...]
    why: str
    shifted: bool


def closed_days(days: NDArray[np.datetime64], calendar: ExchangeCalendar) -> ClosedDays | None:
    """Return those of some dates that are no sessions; None where all are."""
    first = days.min()
    present: list[date] = (first + np.flatnonzero(np.bincount((days - first).astype(np.int64)))).tolist()
    strange = sorted(set(present) - set(calendar.between(present[0], present[-1])))
    if not strange:
        return None
    told = f"has prices on {strange[0]}, which is not a session of {calendar.name}"
    shifted = _shift(present, strange, calendar)
    return ClosedDays(tuple(strange), f"{told}, {shifted}" if shifted else f"{told}; remove these rows", bool(shifted))


def _shift(present: Sequence[date], strange: Sequence[date], calendar: ExchangeCalendar) -> str:
    """Say by what dates of which some are no sessions are shifted; nothing where rows are merely too many."""
    days = min(SHIFTS, key=lambda shift: _left(present, shift, calendar))  # the first of several
    if len(strange) > 1 and _left(present, days, calendar) <= SHIFT_LEFT * len(strange):
        way = "early" if days > 0 else "late"
        cause = "dates of another time zone do" if abs(days) <= ZONES else "shifted ones do"
        return (
            f"nor are {len(strange)} of its {len(present)} dates: they lie {abs(days)} day(s) {way}, as "
            f"{cause}; write the date of the session at the exchange, and leave no row out"
        )
    lacking = len(set(calendar.between(present[0], present[-1])) - set(present))
    if len(strange) > MANY_STRANGE * len(present) and lacking >= MOVED * len(strange):
        return (
            f"nor are {len(strange)} of its {len(present)} dates, while {lacking} sessions between them have "
            "no row: some of its dates are shifted, as by a time zone; write the dates of the sessions, and leave no "
            "row out"
        )
    if len(strange) > MOST_STRANGE * len(present):
        return (
            f"nor are most of its dates ({len(strange)} of {len(present)}): they are of another time zone or "
            "exchange; write the dates of the sessions"
        )
    return ""


def _left(present: Sequence[date], days: int, calendar: ExchangeCalendar) -> int:
    """Return how many dates are still no sessions when all are moved by some days."""
    table = calendar.table
    moved = (day + timedelta(days=days) for day in present)
    return sum(not calendar.is_session(day) for day in moved if table.first <= day <= table.last)


def _refuse_duplicates(
    prices: LongPrices, days: NDArray[np.datetime64], codes: NDArray[np.int64], cells: NDArray[np.int64]
) -> None:
    if np.bincount(cells).max() > 1:
        _, first = np.unique(cells, return_index=True)
        row = int(np.setdiff1d(np.arange(len(cells)), first)[0])
        raise BadPrices(
            f"{prices.path} has {prices.symbols[codes[row]]} on {days[row]} twice; keep one row per date and symbol",
            "a date twice",
        )


class FileMarketData:
    """`MarketData` out of a price table, with the clock deciding which session is quoted.

    Parameters
    ----------
    field
        ``open`` or ``close``: which price of the clock's session the quotes are.
    """

    def __init__(self, table: PriceTable, calendar: ExchangeCalendar, clock: Clock, field: str = "close") -> None:
        self._table = table
        self._calendar = calendar
        self._clock = clock
        self._field = field

    def history(self, symbols: Sequence[str], until: date, sessions: int) -> PriceHistory:
        """Return the closes of ``symbols`` up to ``until``; all the file has, whatever ``sessions`` asks for."""
        return PriceHistory(self._table.select(symbols)).until(until)

    def quotes(self, symbols: Collection[str]) -> Mapping[str, Quote]:
        """Return the prices of the clock's session; a symbol without a bar is absent."""
        now = self._clock.now()
        row = self._row(self._calendar.local_date(now))
        prices = self._table.fields[self._field]
        found: dict[str, Quote] = {}
        for symbol in symbols:
            column = self._table.column.get(symbol)
            if row is not None and column is not None and quotable(prices[row, column]):
                found[symbol] = Quote(symbol, quote_price(prices[row, column]), now)
        return found

    def _row(self, session: date) -> int | None:
        stop = PriceHistory(self._table).until(session).stop
        return stop - 1 if stop and self._table.sessions[stop - 1] == session else None
