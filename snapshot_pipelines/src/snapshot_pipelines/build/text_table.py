"""CSV files of facts: every cell is text until somebody asks for a date or a number, and a bad one is named."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from quant_platform_kit.domain.errors import InvalidInput

__all__ = ["Line", "TextTable"]


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a file.

    Attributes
    ----------
    place
        The file and the row, counted from 1 below the header.
    cells
        Column name -> text without spaces around it.
    """

    place: str
    cells: dict[str, str]

    def symbol(self, column: str) -> str:
        """Return a symbol; `InvalidInput` where the cell is empty."""
        if not (text := self.cells[column]):
            raise InvalidInput(f"{self.place} has no {column}; complete or remove it")
        return text

    def day(self, column: str) -> date | None:
        """Return an ISO date, None for an empty cell."""
        if not (text := self.cells[column]):
            return None
        try:
            return date.fromisoformat(text)
        except ValueError:
            raise InvalidInput(f"{self.place}: {column} is {text!r}; write an ISO date such as 2018-11-30") from None

    def number(self, column: str) -> float:
        """Return a finite number, NaN for an empty cell."""
        if not (text := self.cells[column]):
            return math.nan
        try:
            value = float(text)
        except ValueError:
            value = math.inf
        if not math.isfinite(value):
            raise InvalidInput(f"{self.place}: {column} is {text!r}; it is a finite number, or empty where unknown")
        return value


class TextTable:
    """The rows of a CSV file.

    Parameters
    ----------
    path
        For messages.
    content
        The file's bytes: UTF-8, columns separated by commas, names in the first row.
    what
        What the file is, such as ``sectors``.
    required
        Columns that it must have.

    Raises
    ------
    InvalidInput
        It is no such file, has no rows, lacks a column or has one twice, or a row has more or fewer cells.
    """

    def __init__(self, path: Path, content: bytes, what: str, required: Sequence[str]) -> None:
        self.path = path
        self._what = what
        try:
            cells = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True))
        except (UnicodeDecodeError, csv.Error) as error:
            raise InvalidInput(f"{path} is no CSV file of {what}: {error}") from None
        self.names = tuple(name.strip() for name in cells[0]) if cells else ()
        self._check_names(required)
        self._rows = [row for row in cells[1:] if row]
        if not self._rows:
            raise InvalidInput(f"{path} has no rows; it is the file of {what}: {', '.join(required)}")

    def __iter__(self) -> Iterator[Line]:
        """Yield its rows."""
        for number, row in enumerate(self._rows, 1):
            place = f"{self.path}, row {number}"
            if len(row) != len(self.names):
                raise InvalidInput(f"{place} has {len(row)} cells; the header has {len(self.names)}")
            yield Line(place, dict(zip(self.names, (cell.strip() for cell in row), strict=True)))

    def _check_names(self, required: Sequence[str]) -> None:
        has = ", ".join(self.names) or "nothing"
        if absent := [name for name in required if name not in self.names]:
            raise InvalidInput(
                f"{self.path} has no column {', '.join(absent)}; it has {has[:200]}; the file of {self._what} has "
                f"{', '.join(required)}"
            )
        if twice := [name for name in self.names if self.names.count(name) > 1]:
            raise InvalidInput(f"{self.path} has two columns named {twice[0]!r}; keep one of them")
