"""How a file is written, from its first bytes: compressed or not, its encoding, what separates its cells."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from quant_platform_kit.adapters.arrow import arrow_module
from quant_platform_kit.domain.errors import InvalidInput

__all__ = ["Head", "open_source", "read_head"]

BYTES = 1 << 16
"""So many are looked at: the headings of thousands of columns, and some rows."""
SEPARATORS = ",;\t|"
ROWS = 8
_GZIP, _PARQUET, _ZIP = b"\x1f\x8b", b"PAR1", b"PK\x03\x04"
_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"\xef\xbb\xbf": "utf-8-sig"}
arrow = partial(arrow_module, task="importing price files")


@dataclass(frozen=True, slots=True)
class Head:
    """The beginning of a file.

    Attributes
    ----------
    separator
        Between cells; empty for a parquet file.
    rows
        Cells of the first lines that are not empty, without spaces around them.
    """

    path: Path
    encoding: str
    separator: str
    rows: tuple[tuple[str, ...], ...]

    @property
    def is_parquet(self) -> bool:
        """Whether its columns have types."""
        return not self.separator

    @property
    def is_plain(self) -> bool:
        """Whether it is written as price files are."""
        return self.is_parquet or (self.separator == "," and self.encoding.startswith("utf-8"))


def read_head(path: Path) -> Head:
    """Return the beginning of a file.

    Raises
    ------
    InvalidInput
        It cannot be read, is empty, is no text, or does not show what separates its cells.
    """
    try:
        start, whole = _start(path)
        if start.startswith(_PARQUET):
            return Head(path, "", "", (_parquet_names(path),))
    except (OSError, EOFError, zlib.error) as error:
        raise InvalidInput(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if start.startswith(_ZIP):
        raise InvalidInput(f"{path} is a zip archive; unpack it, and import the files in it")
    encoding = _encoding(start)
    lines = _text(path, start, encoding, whole=whole)
    separator = _separator(path, lines)
    rows = csv.reader(io.StringIO("\n".join(lines[: ROWS + 1])), delimiter=separator)
    cells = [tuple(cell.strip() for cell in row) for row in rows if any(row)][:ROWS]
    return Head(path, encoding, separator, tuple(cells))


def open_source(path: Path) -> Any:
    """Open a file for pyarrow; one that is compressed is uncompressed as it is read."""
    opened = arrow("pyarrow").OSFile(str(path))
    if opened.read(len(_GZIP)) == _GZIP:
        opened.seek(0)
        return arrow("pyarrow").CompressedInputStream(opened, "gzip")
    opened.seek(0)
    return opened


def _start(path: Path) -> tuple[bytes, bool]:
    """Return the first bytes, and whether they are all there are."""
    with path.open("rb") as raw:
        start = raw.read(BYTES)
        if start.startswith(_GZIP):
            raw.seek(0)
            with gzip.open(raw) as unpacked:
                start = unpacked.read(BYTES)
    return start, len(start) < BYTES


def _parquet_names(path: Path) -> tuple[str, ...]:
    try:
        with arrow("pyarrow.parquet").ParquetFile(path) as file:
            return tuple(file.schema_arrow.names)
    except arrow("pyarrow").ArrowException as error:
        raise InvalidInput(f"{path} is not a readable parquet file: {str(error).splitlines()[0]}") from error


def _encoding(start: bytes) -> str:
    for mark, encoding in _MARKS.items():
        if start.startswith(mark):
            return encoding
    if b"\0" in start[:64]:  # UTF-16 without a mark: every other byte of a plain text is nought
        return "utf-16-le" if start[1:2] == b"\0" else "utf-16-be"
    return "utf-8"


def _text(path: Path, start: bytes, encoding: str, *, whole: bool) -> list[str]:
    """Return the first lines, of which the last is left out where it may be cut."""
    try:
        decoded = start.decode(encoding, "strict" if whole else "ignore")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path} is no text in {encoding}: byte {error.start}; save it as UTF-8") from None
    lines = decoded.splitlines()
    lines = [line for line in (lines if whole else lines[:-1]) if line.strip()]
    if not lines:
        raise InvalidInput(f"{path} is empty, or has no line that ends; a price file has a header and rows")
    return lines


def _separator(path: Path, lines: list[str]) -> str:
    """Return what separates the cells of the first line, and divides the next ones into as many."""
    held = [one for one in SEPARATORS if one in lines[0]]
    like = [one for one in held if all(_cells(line, one) == _cells(lines[0], one) for line in lines[1:ROWS])]
    found = like if len(held) > 1 else held
    if len(found) != 1:
        known = "comma, semicolon, tab or |"
        what = "more than one of them could" if held else "none is in its first line"
        raise InvalidInput(f"{path}: cells are separated by {known}, and {what}: {lines[0][:80]!r}; write one of them")
    return found[0]


def _cells(line: str, separator: str) -> int:
    return sum(len(row) for row in csv.reader([line], delimiter=separator))
