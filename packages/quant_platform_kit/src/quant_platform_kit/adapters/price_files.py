"""Daily prices out of parquet and CSV files in long format: one row per date and symbol.

Columns: ``date``, ``symbol``, ``close``; ``adj_close`` and ``open`` where they are asked for. pyarrow is used only
through the calls that do not import pandas.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.portfolio import Quote, quotable, quote_price
from quant_platform_kit.domain.prices import FloatArray, PriceHistory, PriceTable
from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.domain.strategy import Adjustment
from quant_platform_kit.ports.clock import Clock

__all__ = ["PRICE_FIELDS", "FileMarketData", "LongPrices", "price_table", "read_prices"]

PRICE_FIELDS = {"close": Adjustment.SPLIT, "adj_close": Adjustment.TOTAL_RETURN}
"""Price columns a run can be based on, and the adjustment each is taken to carry."""


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
    """

    path: Path
    days: NDArray[np.datetime64]
    symbols: tuple[str, ...]
    codes: NDArray[np.int64]
    columns: Mapping[str, FloatArray]


def read_prices(path: Path, fields: Sequence[str]) -> LongPrices:
    """Read the columns ``date``, ``symbol`` and ``fields`` of a price file.

    Raises
    ------
    InvalidInput
        The file cannot be read, lacks a column, or holds an empty date or symbol.
    """
    table = _read_columns(path, ["date", "symbol", *fields])
    for name in ("date", "symbol"):
        if empty := table[name].null_count:
            raise InvalidInput(f"{path}: {empty} rows have no {name}; remove or complete them")
    symbols, codes = _symbols(path, table["symbol"])
    return LongPrices(
        path=path,
        days=_days(path, table["date"]),
        symbols=symbols,
        codes=codes,
        columns={name: _floats(path, name, table[name]) for name in fields},
    )


def _symbols(path: Path, column: Any) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Return the symbols that rows have, ascending, and each row's index into them."""
    coded: Any = column.combine_chunks().dictionary_encode()
    rows = np.from_dlpack(coded.indices).astype(np.int64)
    names = [str(name) for name in coded.dictionary.to_pylist()]
    used, of_row = np.unique(np.array(names, dtype=np.str_)[rows], return_inverse=True)
    if odd := [name for name in used.tolist() if name != name.strip() or not name]:
        raise InvalidInput(f"{path}: symbol {odd[0]!r} is empty or has spaces around it; correct these rows")
    return tuple(used.tolist()), of_row.astype(np.int64)


def _arrow(module: str) -> Any:
    """Import a part of pyarrow, which ships no types."""
    try:
        return import_module(module)
    except ImportError:
        raise InvalidInput("reading price files needs pyarrow: install quant-platform-kit[data]") from None


def _read_columns(path: Path, names: Sequence[str]) -> Any:
    failure = _arrow("pyarrow").ArrowException
    try:
        present = _column_names(path)
        if absent := [name for name in names if name not in present]:
            raise InvalidInput(
                f"{path} has no column {', '.join(absent)}; it has {', '.join(present)}; "
                "a price file has date, symbol, close and, where asked for, adj_close and open"
            )
        return _read_table(path, names)
    except OSError as error:
        raise InvalidInput(f"{path}: {error.strerror or error}") from error
    except failure as error:
        raise InvalidInput(f"{path} is not a readable price file: {str(error).splitlines()[0]}") from error


def _column_names(path: Path) -> list[str]:
    if path.suffix == ".csv":
        with _arrow("pyarrow.csv").open_csv(path) as reader:
            return reader.schema.names
    with _arrow("pyarrow.parquet").ParquetFile(path) as file:
        return file.schema_arrow.names


def _read_table(path: Path, names: Sequence[str]) -> Any:
    if path.suffix == ".csv":
        csv = _arrow("pyarrow.csv")
        text = {"symbol": _arrow("pyarrow").string()}
        options = csv.ConvertOptions(include_columns=list(names), column_types=text, strings_can_be_null=False)
        return csv.read_csv(path, convert_options=options)
    with _arrow("pyarrow.parquet").ParquetFile(path) as file:
        return file.read(columns=list(names))


def _days(path: Path, column: Any) -> NDArray[np.datetime64]:
    arrow = _arrow("pyarrow")
    if arrow.types.is_integer(column.type) or arrow.types.is_floating(column.type):
        raise InvalidInput(f"{path}: column date is {column.type}; write ISO dates such as 2023-12-29")
    try:
        if getattr(column.type, "tz", None):
            column = _arrow("pyarrow.compute").local_timestamp(column)
        instants = column.combine_chunks().cast(arrow.timestamp("us"), safe=False).cast(arrow.int64())
    except arrow.ArrowException:
        raise InvalidInput(f"{path}: column date is {column.type}; write ISO dates such as 2023-12-29") from None
    return np.from_dlpack(instants).view("datetime64[us]").astype("datetime64[D]")


def _floats(path: Path, name: str, column: Any) -> FloatArray:
    arrow = _arrow("pyarrow")
    try:
        numbers = column.combine_chunks().cast(arrow.float64())
    except arrow.ArrowException:
        raise InvalidInput(f"{path}: column {name} is {column.type}; prices are numbers") from None
    values = np.full(len(numbers), np.nan)
    if numbers.null_count < len(numbers):
        seen = np.from_dlpack(numbers.is_valid().cast(arrow.int8())).astype(bool)
        values[seen] = np.from_dlpack(numbers.drop_null())
    return values


def price_table(prices: LongPrices, symbols: Collection[str], field: str, calendar: ExchangeCalendar) -> PriceTable:
    """Return one series of some symbols as a table over every calendar session between the first and last row.

    Parameters
    ----------
    field
        ``close`` or ``adj_close``: what becomes the table's ``close``. Its ``open``, where the file has one, is
        scaled by the same adjustment.

    Raises
    ------
    InvalidInput
        A symbol the file does not hold, a date and symbol twice, a date that is no session, a price not positive.
    """
    wanted = tuple(sorted(set(symbols)))
    if absent := [symbol for symbol in wanted if symbol not in prices.symbols]:
        raise InvalidInput(f"{prices.path} has no prices of {', '.join(absent)}; it holds {', '.join(prices.symbols)}")
    chosen = np.isin(prices.codes, [prices.symbols.index(symbol) for symbol in wanted])
    days, codes = prices.days[chosen], prices.codes[chosen]
    if field != "close":
        _refuse_bad_closes(prices, chosen)
    sessions = np.array(_sessions(prices, days, calendar), dtype="datetime64[D]")
    to_column = np.full(len(prices.symbols), -1)
    to_column[[prices.symbols.index(symbol) for symbol in wanted]] = np.arange(len(wanted))
    cells = np.searchsorted(sessions, days) * len(wanted) + to_column[codes]
    _refuse_duplicates(prices, days, codes, cells)
    grids = {name: np.full(len(sessions) * len(wanted), np.nan) for name in _series(prices, field)}
    for name, values in _series(prices, field).items():
        grids[name][cells] = values[chosen]
    try:
        return PriceTable(sessions, wanted, {name: grid.reshape(len(sessions), -1) for name, grid in grids.items()})
    except InvalidInput as error:
        raise InvalidInput(f"{prices.path}: {error}") from None


def _refuse_bad_closes(prices: LongPrices, chosen: NDArray[np.bool_]) -> None:
    """Refuse bad closes below another series: they scale its opens, and no table holds them."""
    close = prices.columns["close"]
    bad = np.flatnonzero(chosen & ~np.isnan(close) & ~((close > 0) & np.isfinite(close)))
    if len(bad):
        row = bad[0]
        raise InvalidInput(
            f"{prices.path}: close of {prices.symbols[prices.codes[row]]} on {prices.days[row]} is {close[row]:g}; "
            "a price is positive and finite: correct the row or leave the cell empty"
        )


def _series(prices: LongPrices, field: str) -> dict[str, FloatArray]:
    series = {"close": prices.columns[field]}
    if "open" in prices.columns:
        scale = 1.0 if field == "close" else prices.columns[field] / prices.columns["close"]
        series["open"] = prices.columns["open"] * scale
    return series


def _sessions(prices: LongPrices, days: NDArray[np.datetime64], calendar: ExchangeCalendar) -> tuple[date, ...]:
    present = np.unique(days).tolist()
    sessions = calendar.between(present[0], present[-1])
    if strange := sorted(set(present) - set(sessions)):
        raise InvalidInput(
            f"{prices.path} has prices on {strange[0]}, which is not a session of {calendar.name}; remove these rows"
        )
    return sessions


def _refuse_duplicates(
    prices: LongPrices, days: NDArray[np.datetime64], codes: NDArray[np.int64], cells: NDArray[np.int64]
) -> None:
    _, first = np.unique(cells, return_index=True)
    if len(first) < len(cells):
        row = int(np.setdiff1d(np.arange(len(cells)), first)[0])
        raise InvalidInput(
            f"{prices.path} has {prices.symbols[codes[row]]} on {days[row]} twice; keep one row per date and symbol"
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
