"""Sources, one file or many, as one price file of the long format."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from quant_platform_kit.adapters.foreign_prices.options import ImportOptions
from quant_platform_kit.adapters.foreign_prices.reading import read_rows
from quant_platform_kit.adapters.price_files import LongPrices, joined
from quant_platform_kit.adapters.price_import.checking import checked
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.sessions import ExchangeCalendar

__all__ = ["Imported", "Taken", "import_prices", "sha256_of"]

SUFFIXES = (".csv", ".txt", ".tsv", ".parquet", ".csv.gz", ".txt.gz", ".tsv.gz")
"""Of the files that are taken out of a folder."""
Track = Callable[[Sequence[Path]], Iterable[Path]]


@dataclass(frozen=True, slots=True)
class Taken:
    """What a file was taken for.

    Attributes
    ----------
    dates
        How dates are written in it.
    columns
        Field -> name of the column it is taken from, of a file that has symbols below one another.
    unused
        Columns that nothing was taken from.
    dropped
        Rows that were left out, and why, one sentence each.
    """

    path: str
    sha256: str
    source: str
    dates: str
    rows: int
    symbols: int
    columns: dict[str, str]
    unused: tuple[str, ...]
    dropped: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Imported:
    """Prices by date and symbol, the files they are from, and files of folders that are none of prices."""

    prices: LongPrices
    taken: tuple[Taken, ...]
    passed_over: tuple[Path, ...]


def import_prices(
    sources: Sequence[Path], options: ImportOptions, calendar: ExchangeCalendar, track: Track = iter
) -> Imported:
    """Read sources: files, or folders of one file per symbol, those in folders below too.

    Parameters
    ----------
    track
        Shows progress over the files.

    Raises
    ------
    InvalidInput
        A source cannot be read, is ambiguous, or does not say what has to be known; the sources carry different things,
        or two of them have a symbol.
    """
    files, passed_over = _files(sources)
    if len(files) > 1 and options.symbol:
        raise InvalidInput(f"--symbol {options.symbol} is for one file, and {len(files)} are given; leave it out")
    one_of_many = len(files) > 1 or sources[0].is_dir()
    found: list[LongPrices] = []
    taken: list[Taken] = []
    for path in track(files):
        prices, one = _read(path, options, calendar, name_says_symbol=one_of_many)
        found.append(prices)
        taken.append(one)
    _refuse_unlike(found)
    together = found[0] if len(found) == 1 else _in_order(joined(found, files[0]))
    return Imported(together, tuple(taken), tuple(passed_over))


def _files(sources: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Return the files of sources, and those of folders that are passed over."""
    files: list[Path] = []
    others: list[Path] = []
    for source in sources:
        inside = sorted(path for path in source.rglob("*") if path.is_file()) if source.is_dir() else [source]
        for path in inside:
            is_prices = not source.is_dir() or path.name.lower().endswith(SUFFIXES)
            (files if is_prices else others).append(path)
        if source.is_dir() and not any(path in inside for path in files):
            raise InvalidInput(f"{source} holds no file that ends in {', '.join(SUFFIXES)}")
    if twice := {path for path in files if files.count(path) > 1}:
        raise InvalidInput(f"{min(twice)} is named twice; name it once")
    return files, others


def _read(
    path: Path, options: ImportOptions, calendar: ExchangeCalendar, *, name_says_symbol: bool
) -> tuple[LongPrices, Taken]:
    digest = sha256_of(path)
    rows = read_rows(path, options, name_says_symbol=name_says_symbol)
    layout, first = rows.layout, rows.layout.series[0]
    one = checked(rows, options, calendar)
    return one.prices, Taken(
        path=str(path),
        sha256=digest,
        source=layout.source,
        dates=rows.dates,
        rows=len(one.prices.days),
        symbols=len(one.prices.symbols),
        columns={} if first.symbol else {name: layout.names[at] for name, at in first.fields.items()},
        unused=layout.unused,
        dropped=one.dropped,
    )


def _in_order(prices: LongPrices) -> LongPrices:
    return prices.taking(np.lexsort((prices.codes, prices.days)))


def sha256_of(path: Path) -> str:
    """Return the digest of a file."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}") from error


def _refuse_unlike(found: Sequence[LongPrices]) -> None:
    """Refuse files that cannot be one: of other adjustments, or with a symbol in two of them."""
    first = found[0]
    held: dict[str, Path] = {}
    for one in found:
        if (one.adjustment, one.adj_close_adjustment) != (first.adjustment, first.adj_close_adjustment):
            raise InvalidInput(
                f"closes of {first.path} are {_carried(first)} and those of {one.path} are {_carried(one)}; import "
                "them as two files"
            )
        for name, what in (("adj_close", "adjusted closes"), ("dividend", "dividends")):
            if (name in one.columns) != (name in first.columns):
                has, lacks = (one, first) if name in one.columns else (first, one)
                raise InvalidInput(f"{has.path} has {what} and {lacks.path} has none; import them as two files")
        for symbol in one.symbols:
            if (other := held.setdefault(symbol, one.path)) != one.path:
                raise InvalidInput(
                    f"{symbol} is in {other} and in {one.path}; import each, and put them together with "
                    "`quant prices merge`"
                )


def _carried(prices: LongPrices) -> str:
    return prices.adjustment.value if prices.adjustment else "of no adjustment that is known"
