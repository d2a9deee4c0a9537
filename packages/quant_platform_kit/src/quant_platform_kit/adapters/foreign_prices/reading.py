"""One source as rows: each with a date, a symbol and prices, in the order in which they stand in the file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quant_platform_kit.adapters.foreign_prices.cells import (
    Coded,
    coded,
    days_of_texts,
    numbers_of_texts,
    symbols_of_texts,
)
from quant_platform_kit.adapters.foreign_prices.headings import recognise
from quant_platform_kit.adapters.foreign_prices.heads import Head, arrow, open_source, read_head
from quant_platform_kit.adapters.foreign_prices.layouts import Layout, as_symbol
from quant_platform_kit.adapters.foreign_prices.options import ImportOptions
from quant_platform_kit.adapters.price_columns import NOTHING, adjustment_said, days_of, floats_of
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.prices import FloatArray
from quant_platform_kit.domain.strategy import Adjustment

__all__ = ["Rows", "read_rows", "symbol_in_name"]

_NAME = re.compile(r"(.+?)(?:[._-]us)?(?:_d)?(?:\.(?:csv|txt|tsv|parquet|gz))+", re.IGNORECASE)
"""What names of files of one symbol are made of: SPY.csv, spy.us.txt, spy_us_d.csv."""


BLOCK = 1 << 24
"""Bytes of a text that are read at a time."""


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a source.

    Attributes
    ----------
    dates
        How dates are written in it.
    days
        datetime64[D], shape (n_rows,).
    codes
        Index into ``symbols`` of each row, shape (n_rows,).
    columns
        Field -> float64 values, shape (n_rows,), NaN where there is none.
    lines
        How many rows the file has: as many as here, or as many times less as it has symbols side by side.
    said
        What the file says that its prices carry, by column.
    """

    path: Path
    layout: Layout
    dates: str
    days: NDArray[np.datetime64]
    symbols: tuple[str, ...]
    codes: NDArray[np.int32]
    columns: dict[str, FloatArray]
    lines: int
    said: Mapping[str, Adjustment]

    def named(self, row: int) -> str:
        """Return which row it is in the file, and of what, in words."""
        return f"row {row % self.lines + 1} ({self.symbols[self.codes[row]]} on {self.days[row]})"


def read_rows(path: Path, options: ImportOptions, *, name_says_symbol: bool) -> Rows:
    """Read a source.

    Parameters
    ----------
    name_says_symbol
        Whether the name of a file that names no symbol does: it is one of several.

    Raises
    ------
    InvalidInput
        It cannot be read, is of no known form, or has a cell that is no date, symbol or number.
    """
    head = read_head(path)
    layout = recognise(head, options.columns)
    if len(head.rows) <= layout.headings and not head.is_parquet:
        raise InvalidInput(f"{path} has headings and no row")
    symbol = None if layout.names_symbols else _one_symbol(path, options, name_says_symbol=name_says_symbol)
    if layout.names_symbols and options.symbol:
        raise InvalidInput(f"--symbol {options.symbol}: {path} names its symbols itself; leave it out")
    cells = _parquet(head, layout) if head.is_parquet else _Csv(head, layout, options).read()
    if not len(cells[layout.date]):
        raise InvalidInput(f"{path} has no row")
    if layout.period is not None:
        _refuse_other_periods(coded(path, layout.names[layout.period], cells.pop(layout.period)))
    days, form = _days(path, layout, cells.pop(layout.date), options)
    said = {name: _said(path, name, cells.pop(number)) for name, number in layout.said.items()}
    if layout.symbol is not None:
        texts = coded(path, layout.names[layout.symbol], cells.pop(layout.symbol))
        symbols, codes = symbols_of_texts(texts, of_stooq=layout.source == "Stooq")
    else:
        symbols = tuple(sorted(one.symbol or str(symbol) for one in layout.series))
        codes = np.repeat(np.arange(len(symbols), dtype=np.int32), len(days))
    columns = _columns(path, layout, cells, len(days), options)
    lines, days = len(days), np.tile(days, len(layout.series)) if len(layout.series) > 1 else days
    return Rows(path, layout, form, days, symbols, codes, columns, lines, said)


def symbol_in_name(path: Path) -> str | None:
    """Return the symbol that a file's name is made of, None for any other name."""
    found = _NAME.fullmatch(path.name)
    return as_symbol(found[1]) if found else None


def _one_symbol(path: Path, options: ImportOptions, *, name_says_symbol: bool) -> str:
    named = symbol_in_name(path)
    if options.symbol:
        return options.symbol
    if not name_says_symbol:
        raise InvalidInput(f"{path} does not say of which symbol it is: add --symbol, as in --symbol {named or 'SPY'}")
    if named is None:
        raise InvalidInput(f"{path} does not say of which symbol it is, nor does its name; name it SPY.csv")
    return named


def _refuse_other_periods(column: Coded) -> None:
    for code, text in enumerate(column.texts):
        if text != "D" and (column.rows == code).any():
            raise column.refused(code, "only D is daily; leave the others out")


def _days(path: Path, layout: Layout, column: Any, options: ImportOptions) -> tuple[NDArray[np.datetime64], str]:
    types = arrow("pyarrow").types
    if types.is_timestamp(column.type) or types.is_date(column.type):
        return days_of(path, column), str(column.type)
    return days_of_texts(coded(path, layout.names[layout.date], column), options.dates)


def _said(path: Path, name: str, column: Any) -> Adjustment:
    return adjustment_said(path, name, column.cast(arrow("pyarrow").string()))


def _columns(
    path: Path, layout: Layout, cells: dict[int, Any], lines: int, options: ImportOptions
) -> dict[str, FloatArray]:
    """Return the numbers of each field, of one symbol after the other where they stand side by side."""
    series = sorted(layout.series, key=lambda one: one.symbol or "")
    found: dict[str, FloatArray] = {}
    for name in layout.fields:
        numbers = [one.fields.get(name) for one in series]
        parts = [
            np.full(lines, np.nan) if at is None else _numbers(path, layout.names[at], cells.pop(at), options)
            for at in numbers
        ]
        found[name] = parts[0] if len(parts) == 1 else np.concatenate(parts)
        arrow("pyarrow").default_memory_pool().release_unused()  # what the text took is given back before more is made
    return found


def _numbers(path: Path, name: str, column: Any, options: ImportOptions) -> FloatArray:
    types = arrow("pyarrow").types
    if types.is_string(column.type) or types.is_large_string(column.type):
        return numbers_of_texts(path, name, column, options)
    return floats_of(path, name, column)


# --- cells -----------------------------------------------------------------------------------------


def _parquet(head: Head, layout: Layout) -> dict[int, Any]:
    """Return the columns of a parquet file that something is taken from, by number."""
    numbers = _used(layout)
    with arrow("pyarrow.parquet").ParquetFile(head.path) as file:
        table = file.read(columns=[layout.names[number] for number in numbers])
    cells = {number: table[layout.names[number]] for number in numbers}
    types = arrow("pyarrow").types
    for number in (layout.date, layout.symbol, layout.period):
        if number is not None and not types.is_temporal(cells[number].type):
            cells[number] = _as_texts(cells[number])
    for number in (layout.date, layout.symbol):
        if number is not None and (empty := cells[number].null_count):
            raise InvalidInput(f"{head.path}: {empty} rows have no {layout.names[number]}; remove or complete them")
    return cells


def _as_texts(column: Any) -> Any:
    pa = arrow("pyarrow")
    return column.cast(pa.string()).dictionary_encode().cast(pa.dictionary(pa.int32(), pa.string()))


def _used(layout: Layout) -> list[int]:
    fields = {number for series in layout.series for number in series.fields.values()}
    others = (layout.date, layout.symbol, layout.period, *layout.said.values())
    return sorted({*fields, *(number for number in others if number is not None)})


@dataclass(frozen=True, slots=True)
class _Csv:
    """A text whose cells are read."""

    head: Head
    layout: Layout
    options: ImportOptions

    def read(self) -> dict[int, Any]:
        """Return the columns that something is taken from, by number: numbers as such where all of a column are.

        Raises
        ------
        InvalidInput
            It is no text, or a row has more or fewer cells than the headings.
        """
        pa = arrow("pyarrow")
        try:
            return self._read(numbers=pa.float64() if self.options.plain_numbers else pa.string())
        except pa.ArrowInvalid:
            try:
                return self._read(numbers=pa.string())  # a cell is no number: as texts it can be named
            except pa.ArrowException as error:
                raise self._refused(error) from None
        except (pa.ArrowException, OSError, UnicodeError) as error:
            raise InvalidInput(f"{self.head.path} cannot be read: {str(error).splitlines()[0][:200]}") from error

    def _read(self, numbers: Any, bad: list[Any] | None = None) -> dict[int, Any]:
        pa, csv = arrow("pyarrow"), arrow("pyarrow.csv")
        fields = {number for series in self.layout.series for number in series.fields.values()}
        text = pa.dictionary(pa.int32(), pa.string())
        used = _used(self.layout)

        def noted(row: Any) -> str:
            if bad is not None:
                bad.append(row)
            return "error"

        types = {f"f{number}": numbers if number in fields else text for number in used}
        with open_source(self.head.path) as stream:
            table = csv.read_csv(
                stream,
                csv.ReadOptions(
                    use_threads=bad is None,
                    block_size=BLOCK,
                    autogenerate_column_names=True,
                    skip_rows=self.layout.headings,
                    encoding=self.head.encoding.removesuffix("-sig").replace("utf-8", "utf8"),
                ),
                csv.ParseOptions(
                    delimiter=self.head.separator,
                    invalid_row_handler=None if bad is None else noted,
                ),
                csv.ConvertOptions(
                    column_types=types,
                    include_columns=list(types),
                    null_values=[*NOTHING, *self.options.missing],
                    strings_can_be_null=False,
                ),
            )
        return {number: table[f"f{number}"] for number in used}

    def _refused(self, error: Exception) -> InvalidInput:
        """Say what is wrong with a text that cannot be divided into cells."""
        bad: list[Any] = []
        try:
            self._read(arrow("pyarrow").string(), bad)
        except arrow("pyarrow").ArrowException:
            pass
        if not bad:
            text = "".join(char if char.isprintable() else "?" for char in str(error).splitlines()[0])
            return InvalidInput(f"{self.head.path} cannot be read as a table: {text[:200]}")
        row: Any = bad[0]
        number = row.number - self.layout.headings
        return InvalidInput(
            f"{self.head.path}: row {number} has {row.actual_columns} cells, and its header has "
            f"{len(self.layout.names)}: {row.text[:60]!r}; complete or remove it"
        )
