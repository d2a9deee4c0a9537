"""The columns of a parquet or CSV file by name, and their cells as dates and numbers; a bad cell is named.

pyarrow is used only through the calls that do not import pandas.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quant_platform_kit.adapters.arrow import arrow_module as _arrow_module
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.prices import FloatArray
from quant_platform_kit.domain.strategy import Adjustment

__all__ = ["NOTHING", "Columns", "OddCell", "adjustment_said", "days_of", "floats_of", "open_columns"]

_CSV = (".csv", ".csv.gz")
_TEXT = frozenset({"symbol", "adjustment", "adj_close_adjustment"})
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ].*)?")
NOTHING = frozenset({"", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "NULL", "null"})
"""What an empty cell may be written as; a dash is none of it."""
_SHOWN = 200
"""Characters of what pyarrow says of a file that may be none of text."""
arrow_module = partial(_arrow_module, task="reading price files")
ISO = "write ISO dates such as 2023-12-29"


class OddCell(InvalidInput):
    """A cell that is no date or number as price files have them."""


@dataclass(frozen=True, slots=True)
class Columns:
    """A file and the names of its columns."""

    path: Path
    names: tuple[str, ...]

    def read(self, names: Sequence[str]) -> Any:
        """Return some columns as a table of pyarrow, typed by what is in them."""
        return _guarded(self.path, lambda: _read(self.path, names))

    def each(self, names: Sequence[str]) -> Iterator[tuple[str, Any]]:
        """Yield some columns one after the other; of a parquet file no more than one is held at a time."""
        together = self.read(names) if self.path.name.endswith(_CSV) else None
        for name in names:
            yield name, (self.read([name]) if together is None else together)[name]


def open_columns(path: Path) -> Columns:
    """Return the columns of a price file.

    Raises
    ------
    InvalidInput
        The file cannot be read, is one of a format that has to be imported, or has two columns of one name.
    """
    names = _guarded(path, lambda: _names(path))
    counted = Counter(name.strip().casefold() for name in names)
    if twice := [name for name in names if counted[name.strip().casefold()] > 1]:
        raise InvalidInput(f"{path} has two columns named {twice[0]}; which one is meant? Keep one of them")
    return Columns(path, tuple(names))


def days_of(path: Path, column: Any) -> NDArray[np.datetime64]:
    """Return a column of dates, datetime64[D]; an instant is taken as it is written, whatever its time zone."""
    arrow = arrow_module("pyarrow")
    if arrow.types.is_integer(column.type) or arrow.types.is_floating(column.type):
        raise OddCell(f"{path}: column date is {column.type}; {ISO}: row 1 has {column[0].as_py()}")
    try:
        if getattr(column.type, "tz", None):
            column = arrow_module("pyarrow.compute").local_timestamp(column)
        instants = column.combine_chunks().cast(arrow.timestamp("us"), safe=False).cast(arrow.int64())
    except arrow.ArrowException:
        row, cell = _first_odd_date(column.to_pylist())
        raise OddCell(f"{path}: column date is {column.type}; {ISO}: row {row} has {cell!r}") from None
    return np.from_dlpack(instants).view("datetime64[us]").astype("datetime64[D]")


def _first_odd_date(cells: Sequence[object]) -> tuple[int, object]:
    """Return the first cell that is no ISO date, else the first that is written in another way than the first one."""
    form = len(str(cells[0]))
    for row, cell in enumerate(cells, 1):
        if not _is_iso(str(cell)):
            return row, cell
    return next(((row, cell) for row, cell in enumerate(cells, 1) if len(str(cell)) != form), (1, cells[0]))


def _is_iso(text: str) -> bool:
    try:
        date.fromisoformat(text[:10])
    except ValueError:
        return False
    return _DATE.fullmatch(text) is not None


def floats_of(path: Path, name: str, column: Any) -> FloatArray:
    """Return a column of numbers, NaN where a cell is empty."""
    arrow = arrow_module("pyarrow")
    if arrow.types.is_string(column.type) or arrow.types.is_large_string(column.type):
        return _parsed(path, name, column.to_pylist())
    try:
        numbers = column.combine_chunks().cast(arrow.float64())
    except arrow.ArrowException:
        raise OddCell(f"{path}: column {name} is {column.type}; prices are numbers") from None
    if not numbers.null_count and len(numbers):
        return np.from_dlpack(numbers).astype(np.float64, copy=False)
    values = np.full(len(numbers), np.nan)
    if numbers.null_count < len(numbers):
        seen = np.from_dlpack(numbers.is_valid().cast(arrow.int8())).astype(bool)
        values[seen] = np.from_dlpack(numbers.drop_null())
    return values


def _parsed(path: Path, name: str, cells: Sequence[str | None]) -> FloatArray:
    """Return the numbers of a column of text, or name the first cell that is none."""
    values = np.full(len(cells), np.nan)
    for row, cell in enumerate(cells):
        text = (cell or "").strip()
        if _NUMBER.fullmatch(text):
            values[row] = float(text)
        elif text not in NOTHING:
            raise OddCell(
                f"{path}: column {name} is string; prices are numbers: row {row + 1} has {text!r}; write 1234.5, "
                "without separators of thousands, and leave the cell of a missing price empty"
            )
    return values


def adjustment_said(path: Path, name: str, column: Any) -> Adjustment:
    """Return what a column says in every row that prices carry."""
    coded = column.combine_chunks().dictionary_encode(null_encoding="encode")
    texts = [str(cell or "").strip() for cell in coded.dictionary.to_pylist()]
    known = ", ".join(kind.value for kind in Adjustment)
    for text in texts:
        if text not in {kind.value for kind in Adjustment}:
            row = _row_of(coded, texts.index(text))
            raise InvalidInput(f"{path}: column {name}, row {row}: {text!r} is none of {known}")
    if len(said := dict.fromkeys(texts)) != 1:
        other = f"row {_row_of(coded, 1)} has {texts[1]!r}" if texts else "there is no row"
        text = " and ".join(said) or "nothing"
        raise InvalidInput(f"{path}: column {name} says {text}; one file carries one of {known}: {other}")
    return Adjustment(texts[0])


def _row_of(coded: Any, code: int) -> int:
    """Return the first row of a text in a column of dictionaries, from 1."""
    return int(np.argmax(np.from_dlpack(coded.indices) == code)) + 1


def _guarded(path: Path, read: Any) -> Any:
    failure = arrow_module("pyarrow").ArrowException
    try:
        return read()
    except OSError as error:
        raise InvalidInput(f"{path}: {error.strerror or error}") from error
    except failure as error:
        first = "".join(char if char.isprintable() else "?" for char in str(error).splitlines()[0])
        raise InvalidInput(f"{path} is not a readable price file: {first[:_SHOWN]}") from error


def _names(path: Path) -> list[str]:
    if path.name.endswith(_CSV):
        with arrow_module("pyarrow.csv").open_csv(path) as reader:
            return reader.schema.names
    with arrow_module("pyarrow.parquet").ParquetFile(path) as file:
        return file.schema_arrow.names


def _read(path: Path, names: Sequence[str]) -> Any:
    if not path.name.endswith(_CSV):
        with arrow_module("pyarrow.parquet").ParquetFile(path, read_dictionary=["symbol"]) as file:
            return file.read(columns=list(names))
    try:
        return _read_csv(path, names, [name for name in names if name in _TEXT])
    except arrow_module("pyarrow").ArrowInvalid:
        return _read_csv(path, names, names)  # a cell far down is of another type than the first ones: it is named


def _read_csv(path: Path, names: Sequence[str], text: Sequence[str]) -> Any:
    csv, string = arrow_module("pyarrow.csv"), arrow_module("pyarrow").string()
    types = dict.fromkeys(text, string)
    options = csv.ConvertOptions(include_columns=list(names), column_types=types, strings_can_be_null=False)
    return csv.read_csv(path, convert_options=options)
