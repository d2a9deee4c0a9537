"""The files that snapshots are built from: read once, named by their content."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from quant_platform_kit.adapters.arrow import arrow_module
from quant_platform_kit.adapters.price_files import price_table, read_prices
from quant_platform_kit.domain.digests import sha256
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.prices import PriceTable
from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.domain.snapshot_manifest import Source
from quant_platform_kit.domain.strategy import Adjustment

from snapshot_pipelines.build import fundamentals, membership, sectors
from snapshot_pipelines.build.grid import Grid, merged
from snapshot_pipelines.build.own_features import read_features
from snapshot_pipelines.build.rows import Market
from snapshot_pipelines.build.sectors import BENCHMARKS
from snapshot_pipelines.build.text_table import TextTable

__all__ = ["Inputs", "read_market"]

_PRICE_COLUMNS = ("close", "adj_close", "volume")
_ROLES = ("prices", "benchmarks", "sectors", "membership", "fundamentals", "features")


@dataclass(frozen=True, slots=True)
class Inputs:
    """The files to build from.

    Attributes
    ----------
    prices
        Daily prices in long format; no needed symbol stands in two of them.
    membership
        None if every stock is always a member.
    fundamentals
        None without facts of accounts.
    features
        A Python file of one's own features; None without.
    """

    prices: Sequence[Path]
    sectors: Path
    membership: Path | None = None
    fundamentals: Path | None = None
    features: Path | None = None


def read_market(inputs: Inputs, calendar: ExchangeCalendar) -> tuple[Market, tuple[Source, ...]]:
    """Return what rows are made of, and the files it came from in the order of their roles.

    Raises
    ------
    InvalidInput
        A file that cannot be read or is none of its kind, a needed symbol in two files, benchmarks or all stocks
        without prices.
    """
    found: list[Source] = []
    labels = sectors.read_sectors(_table(inputs.sectors, "sectors", sectors.COLUMNS, found))
    members = facts = None
    if inputs.membership:
        members = membership.read_membership(_table(inputs.membership, "membership", membership.COLUMNS, found))
    if inputs.fundamentals:
        table = _table(inputs.fundamentals, "fundamentals", fundamentals.REQUIRED, found)
        facts = fundamentals.read_fundamentals(table)
    own = read_features(inputs.features, _content(inputs.features, "features", found)) if inputs.features else ()
    grid = _grid(inputs.prices, labels.keys(), calendar, found)
    found.sort(key=lambda source: _ROLES.index(source.role))
    return Market(grid, labels, members, facts, own), tuple(found)


def _table(path: Path, role: str, required: Sequence[str], found: list[Source]) -> TextTable:
    return TextTable(path, _content(path, role, found), role, required)


def _content(path: Path, role: str, found: list[Source]) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"{path}: {error.strerror}; give the file of {role}") from None
    found.append(Source(role, path.name, sha256(content), len(content)))
    return content


def _grid(paths: Sequence[Path], stocks: Collection[str], calendar: ExchangeCalendar, found: list[Source]) -> Grid:
    needed = {*stocks, *BENCHMARKS}
    holder: dict[str, Path] = {}
    tables: list[PriceTable] = []
    for path in paths:
        table, source = _prices(path, needed, calendar)
        for symbol in table.symbols:
            if symbol in holder:
                raise InvalidInput(f"{symbol} is in {holder[symbol]} and in {path}; take it out of one of them")
            holder[symbol] = path
        tables.append(table)
        found.append(source)
    files = ", ".join(map(str, paths))
    if absent := [symbol for symbol in BENCHMARKS if symbol not in holder]:
        raise InvalidInput(f"no prices of {', '.join(absent)} in {files}; every snapshot has rows of them: add a file")
    of_stocks = [table for table in tables if not set(table.symbols) <= set(BENCHMARKS)]
    if not of_stocks:
        raise InvalidInput(f"no prices of any of the {len(stocks)} stocks of the sectors file in {files}; add a file")
    first = min(table.sessions[0] for table in of_stocks)
    last = max(table.sessions[-1] for table in of_stocks)
    return merged(tables, calendar.between(first, last))


def _prices(path: Path, needed: Collection[str], calendar: ExchangeCalendar) -> tuple[PriceTable, Source]:
    """Return the needed bars of a file; they and its digest are of the same content."""
    before = _state(path)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    prices = read_prices(path, _PRICE_COLUMNS)
    arrow_module("pyarrow", "reading price files").default_memory_pool().release_unused()
    if _state(path) != before:
        raise InvalidInput(f"{path} was changed while it was read; try again when it is complete")
    held = [symbol for symbol in prices.symbols if symbol in needed]
    if not held:
        raise InvalidInput(f"{path} has prices of no stock of the sectors file, nor of {' or '.join(BENCHMARKS)}")
    if (carried := prices.carried("adj_close")) is not Adjustment.TOTAL_RETURN:
        raise InvalidInput(f"{path} says that its adj_close is {carried.value}; features are of total return")
    role = "benchmarks" if all(symbol in BENCHMARKS for symbol in held) else "prices"
    table = price_table(prices, held, "adj_close", calendar, unadjusted=True)
    return table, Source(role, path.name, digest, before[0])


def _state(path: Path) -> tuple[int, int, int]:
    try:
        with path.open("rb"):
            state = path.stat()
    except OSError as error:
        raise InvalidInput(f"{path}: {error.strerror}; give a file of prices") from None
    return state.st_size, state.st_mtime_ns, state.st_ino
