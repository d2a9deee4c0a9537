"""The rows of a published feature snapshot: what a file held, and whether it may be decided on."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quant_platform_kit.domain.features import IS_STOCK, FeatureContract, FeatureTable
from quant_platform_kit.domain.sectors import SECTOR_NAMES
from quant_platform_kit.domain.snapshot_manifest import Column, SnapshotManifest

__all__ = ["LABELS", "MOST_UNKNOWN", "Cells", "SnapshotRows", "row_fault"]

Cells = NDArray[np.float64] | NDArray[np.datetime64] | tuple[str | None, ...]
"""A column: numbers with NaN, dates with NaT, or texts with None where there is nothing."""

LABELS = ("as_of", "symbol", IS_STOCK, "member", "primary", "sector", "sector_code")
"""The columns that every snapshot has and that are no features."""
MOST_UNKNOWN = 0.1
"""The share of members of which a column that is read may be unknown."""
_TYPE_OF = {"as_of": "date", "symbol": "string", "sector": "string"}
_FLAGS = (IS_STOCK, "member", "primary")
_NOT_NEGATIVE = re.compile(r"(adv|dvol)\d+_usd|vol_\d+|market_cap_usd")
_CORRELATION = re.compile(r"corr_\d+")
_BEYOND_ONE = 1e-9


@dataclass(frozen=True, slots=True)
class SnapshotRows:
    """The content of a snapshot's file.

    Attributes
    ----------
    columns
        As the file says, in its order; a type that no snapshot has goes by pyarrow's name.
    row_count
        Of every column.
    cells
        By column; those of a type that no snapshot has are left out.
    """

    columns: tuple[Column, ...]
    row_count: int
    cells: Mapping[str, Cells]

    @property
    def symbols(self) -> tuple[str | None, ...]:
        """The symbol of each row."""
        return self.texts("symbol")

    def texts(self, name: str) -> tuple[str | None, ...]:
        """Return a column of texts."""
        cells = self.cells[name]
        assert isinstance(cells, tuple), f"{name} is no column of texts"
        return cells

    def numbers(self, name: str) -> NDArray[np.float64]:
        """Return a column of numbers."""
        cells = self.cells[name]
        assert isinstance(cells, np.ndarray), f"{name} is no column of numbers"
        return cells  # pyright: ignore[reportReturnType]

    @property
    def numeric(self) -> tuple[str, ...]:
        """The columns that hold numbers: all but the date and the texts."""
        return tuple(column.name for column in self.columns if column.type not in ("date", "string"))

    def table(self) -> FeatureTable:
        """Return the columns that hold numbers, as a strategy is given them."""
        symbols = [str(symbol) for symbol in self.symbols]
        return FeatureTable(symbols, {name: self.numbers(name) for name in self.numeric})


def row_fault(rows: SnapshotRows, manifest: SnapshotManifest, contract: FeatureContract | None) -> str:
    """Return the first thing that is wrong with the rows of a snapshot, with what to do; empty where nothing is.

    Parameters
    ----------
    contract
        What the profile asks of them; None checks them for themselves.
    """
    faults = (fault for check in _CHECKS for fault in check(rows, manifest, contract))
    return next((f"{fault}; build and publish it again" for fault in faults), "")


# --- the checks, in their order ----------------------------------------------------------------

Faults = Iterator[str]


def _of_the_manifest(rows: SnapshotRows, manifest: SnapshotManifest, contract: FeatureContract | None) -> Faults:
    del contract
    said = {column.name: column for column in manifest.columns}
    names = [column.name for column in rows.columns]
    for found in rows.columns:
        wanted = said.get(found.name)
        if names.count(found.name) > 1:
            yield f"column {found.name} is there twice"
        if wanted is None:
            yield f"column {found.name} is not in the manifest"
        elif found.type != wanted.type:
            yield f"{found.name} is {found.type}; manifest says {wanted.type}"
        elif found.nullable != wanted.nullable:
            yield f"{found.name} {_nullable(found)}; manifest says it {_nullable(wanted)}"
    for name in said:
        if name not in names:
            yield f"column {name} is missing; the manifest names it"
    if names != list(said):
        yield f"columns are in the order {', '.join(names)}; manifest says {', '.join(said)}"


def _nullable(column: Column) -> str:
    return f"may {'' if column.nullable else 'not '}be empty"


def _of_the_profile(rows: SnapshotRows, manifest: SnapshotManifest, contract: FeatureContract | None) -> Faults:
    del manifest
    types = {column.name: column.type for column in rows.columns}
    asked = () if contract is None else (*contract.reads, *contract.benchmark_reads)
    for name in dict.fromkeys((*LABELS, *asked)):
        wanted = _TYPE_OF.get(name, "number")
        if name not in types:
            yield f"{name} is missing; the profile reads it"
        elif wanted != (types[name] if types[name] in ("date", "string") else "number"):
            yield f"{name} is {types[name]}; the profile reads a {wanted}"


def _count(rows: SnapshotRows, manifest: SnapshotManifest, contract: FeatureContract | None) -> Faults:
    del contract
    if rows.row_count != manifest.row_count:
        yield f"the file has {rows.row_count} rows; manifest says {manifest.row_count}"


def _session(rows: SnapshotRows, manifest: SnapshotManifest, contract: FeatureContract | None) -> Faults:
    del contract
    days = rows.cells["as_of"]
    assert isinstance(days, np.ndarray), "checked before"
    for at in np.flatnonzero(days != np.datetime64(manifest.snapshot_as_of)):
        found = "no as_of" if np.isnat(days[at]) else f"as_of {days[at]}"
        yield f"row {rows.symbols[at] or at + 1} has {found}; snapshot is of {manifest.snapshot_as_of}"


def _symbols(rows: SnapshotRows, manifest: SnapshotManifest, contract: FeatureContract | None) -> Faults:
    del manifest, contract
    before = ""
    for number, symbol in enumerate(rows.symbols, 1):
        if not symbol:
            yield f"row {number} has no symbol"
        elif symbol == before:
            yield f"{symbol} twice"
        elif symbol < before:
            yield f"{before} before {symbol}: not ascending"
        before = symbol or before


def _labels(rows: SnapshotRows, manifest: SnapshotManifest, contract: FeatureContract | None) -> Faults:
    del manifest, contract
    for name in _FLAGS:
        yield from _outside(rows, name, (0, 1), "")
    yield from _outside(rows, "sector_code", tuple(SECTOR_NAMES), " unknown")


def _outside(rows: SnapshotRows, name: str, allowed: Sequence[int], why: str) -> Faults:
    values = rows.numbers(name)
    for at in np.flatnonzero(~np.isin(values, allowed)):
        symbol, value = rows.symbols[at], values[at]
        if np.isnan(value):
            yield f"{name} of {symbol} is empty"
        elif why:
            yield f"{name} {value:g} of {symbol} is{why}"
        else:
            yield f"{name} of {symbol} is {value:g}; it is 0 or 1"


def _numbers(rows: SnapshotRows, manifest: SnapshotManifest, contract: FeatureContract | None) -> Faults:
    del manifest, contract
    for name in rows.numeric:
        values = rows.numbers(name)
        odd, why = np.isinf(values), "a number is finite"
        if not odd.any() and _NOT_NEGATIVE.fullmatch(name):
            odd, why = values < 0, "it is not negative"
        elif not odd.any() and _CORRELATION.fullmatch(name):
            odd, why = np.abs(values) > 1 + _BEYOND_ONE, "a correlation is between -1 and 1"
        for at in np.flatnonzero(odd):
            yield f"{name} of {rows.symbols[at]} is {values[at]:g}; {why}"


def _known(rows: SnapshotRows, manifest: SnapshotManifest, contract: FeatureContract | None) -> Faults:
    del manifest
    members = (rows.numbers(IS_STOCK) == 1) & (rows.numbers("member") == 1)
    count = int(members.sum())
    for name in () if contract is None else contract.reads:
        unknown = int(np.isnan(rows.numbers(name)[members]).sum())
        if unknown > MOST_UNKNOWN * count:
            most = f"at most {100 * MOST_UNKNOWN:.0f} % may be"
            yield f"{name} is unknown for {unknown} of {count} members; {most}"


def _benchmarks(rows: SnapshotRows, manifest: SnapshotManifest, contract: FeatureContract | None) -> Faults:
    del manifest
    if contract is None:
        return
    for symbol in contract.benchmarks:
        if symbol not in rows.symbols:
            yield f"no row for {symbol}"
            continue
        at = rows.symbols.index(symbol)
        for name in contract.benchmark_reads:
            if np.isnan(rows.numbers(name)[at]):
                yield f"{name} of {symbol} is unknown"


_CHECKS: tuple[Callable[[SnapshotRows, SnapshotManifest, FeatureContract | None], Faults], ...] = (
    _of_the_manifest,
    _of_the_profile,
    _count,
    _session,
    _symbols,
    _labels,
    _numbers,
    _known,
    _benchmarks,
)
