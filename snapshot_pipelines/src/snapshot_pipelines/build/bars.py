"""Bars out of price files: those of the stocks and of what they are compared with, from one file each."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from quant_platform_kit.adapters.arrow import arrow_module
from quant_platform_kit.adapters.price_files import price_table, read_prices
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.prices import PriceTable
from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.domain.snapshot_manifest import Source
from quant_platform_kit.domain.strategy import Adjustment

from snapshot_pipelines.build.grid import Grid, merged
from snapshot_pipelines.build.sectors import BENCHMARKS

__all__ = ["Bars", "read_bars"]

_COLUMNS = ("close", "adj_close", "volume")

Span = tuple[date, date]
"""The first and the last session with a bar."""


@dataclass(frozen=True, slots=True)
class _File:
    """The needed bars of a file."""

    path: Path
    source: Source
    table: PriceTable

    def span(self, symbols: Collection[str]) -> Span | None:
        """Return the first and the last session in which one of some symbols has a bar here."""
        columns = [at for at, symbol in enumerate(self.table.symbols) if symbol in symbols]
        bars = ~np.isnan(self.table.fields["close"][:, columns])
        rows: list[int] = np.flatnonzero(bars.any(axis=1)).tolist()
        return (self.table.sessions[rows[0]], self.table.sessions[rows[-1]]) if rows else None


@dataclass(frozen=True, slots=True)
class Bars:
    """The needed bars of all files.

    Attributes
    ----------
    sources
        The files.
    held
        File name -> the needed symbols in it.
    """

    grid: Grid
    sources: tuple[Source, ...]
    held: Mapping[str, tuple[str, ...]]


def read_bars(paths: Sequence[Path], stocks: Collection[str], calendar: ExchangeCalendar) -> Bars:
    """Return the bars of the stocks and of the benchmarks, on every session from the stocks' first to their last.

    Raises
    ------
    InvalidInput
        A file that cannot be read or holds nothing that is needed, a needed symbol in two files, a benchmark without
        bars in the time of the stocks, or no stock with bars.
    """
    files = [_read(path, {*stocks, *BENCHMARKS}, calendar) for path in paths]
    _refuse_shared(files)
    named = ", ".join(map(str, paths))
    whole = _together([file.span(stocks) for file in files])
    if absent := [symbol for symbol in BENCHMARKS if not any(symbol in file.table.column for file in files)]:
        raise InvalidInput(f"no prices of {', '.join(absent)} in {named}; every snapshot has rows of them: add a file")
    if whole is None:
        raise InvalidInput(f"no prices of any of the {len(stocks)} stocks of the sectors file in {named}; add a file")
    for symbol in BENCHMARKS:
        _refuse_apart(symbol, _together([file.span([symbol]) for file in files]), whole)
    grid = merged([file.table for file in files], calendar.between(*whole))
    held = {file.path.name: file.table.symbols for file in files}
    return Bars(grid, tuple(file.source for file in files), held)


def _read(path: Path, needed: Collection[str], calendar: ExchangeCalendar) -> _File:
    """Read a file; its bars and its digest are of the same content."""
    before = _state(path)
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InvalidInput(f"{path}: {error.strerror}; give a price file") from None
    prices = read_prices(path, _COLUMNS)
    arrow_module("pyarrow", "reading price files").default_memory_pool().release_unused()  # the grids can have it
    if _state(path) != before:
        raise InvalidInput(f"{path} was changed while it was read; try again when it is complete")
    held = [symbol for symbol in prices.symbols if symbol in needed]
    if not held:
        raise InvalidInput(f"{path} has prices of no stock of the sectors file, nor of {' or '.join(BENCHMARKS)}")
    if (carried := prices.carried("adj_close")) is not Adjustment.TOTAL_RETURN:
        raise InvalidInput(f"{path} says that its adj_close is {carried.value}; features are of total return")
    role = "benchmarks" if all(symbol in BENCHMARKS for symbol in held) else "prices"
    table = price_table(prices, held, "adj_close", calendar, unadjusted=True)
    return _File(path, Source(role, path.name, digest, before[0]), table)


def _state(path: Path) -> tuple[int, int, int]:
    try:
        with path.open("rb"):
            state = path.stat()
    except OSError as error:
        raise InvalidInput(f"{path}: {error.strerror}; give a file of prices") from None
    return state.st_size, state.st_mtime_ns, state.st_ino


def _refuse_shared(files: Sequence[_File]) -> None:
    holder: dict[str, Path] = {}
    for file in files:
        for symbol in file.table.symbols:
            if symbol in holder:
                raise InvalidInput(f"{symbol} is in {holder[symbol]} and in {file.path}; take it out of one of them")
            holder[symbol] = file.path


def _together(spans: Sequence[Span | None]) -> Span | None:
    known = [span for span in spans if span]
    return (min(first for first, _ in known), max(last for _, last in known)) if known else None


def _refuse_apart(symbol: str, span: Span | None, whole: Span) -> None:
    """Refuse a benchmark whose bars and those of the stocks lie in different times."""
    if span is None or span[0] > whole[1] or span[1] < whole[0]:
        found = f"bars from {span[0]} to {span[1]}" if span else "no bars"
        raise InvalidInput(
            f"{symbol} has {found}, the stocks have theirs from {whole[0]} to {whole[1]}; give prices of the same time"
        )
