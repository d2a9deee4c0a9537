"""The rows of a published feature snapshot: what a file held, and whether it may be decided on."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import pairwise
from operator import lt
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from quant_platform_kit.domain.features import IS_STOCK, FeatureContract, FeatureTable
from quant_platform_kit.domain.prices import FloatArray
from quant_platform_kit.domain.sectors import SECTOR_NAMES
from quant_platform_kit.domain.snapshot_manifest import Column, SnapshotManifest

__all__ = ["LABELS", "MOST_UNKNOWN", "SnapshotRows", "row_fault"]

LABELS = ("as_of", "symbol", IS_STOCK, "member", "primary", "sector", "sector_code")
"""The columns that every snapshot has and that are no features."""
MOST_UNKNOWN = 0.1
"""The share of members of which a column that is read may be unknown."""
_TYPE_OF = {"as_of": "date", "symbol": "string", "sector": "string"}
_FLAGS = (IS_STOCK, "member", "primary")
_MOST = float(np.finfo(np.float64).max)
_BOUNDS: tuple[tuple[re.Pattern[str], float, float, str], ...] = (
    (re.compile(r"(adv|dvol)\d+_usd|vol_\d+|market_cap_usd"), 0, _MOST, "it is not negative"),
    (re.compile(r"corr_\d+"), -1 - 1e-9, 1 + 1e-9, "a correlation is between -1 and 1"),
    (re.compile(r".*"), -_MOST, _MOST, "a number is finite"),
)
"""The least and the largest value of a column by its name, the first that fits."""


@dataclass(frozen=True)
class SnapshotRows:
    """The content of a snapshot's file.

    Attributes
    ----------
    columns
        As the file says, in its order; a type that no snapshot has goes by pyarrow's name, and its cells are left out.
    row_count
        Of every column.
    texts
        By column, None where there is nothing.
    days
        By column, exchange-local dates as datetime64[D], NaT where there is nothing.
    numeric
        The columns that hold numbers.
    numbers
        Their cells as float64, NaN where there is nothing; shape (columns, rows).
    """

    columns: tuple[Column, ...]
    row_count: int
    texts: Mapping[str, tuple[str | None, ...]]
    days: Mapping[str, NDArray[np.datetime64]]
    numeric: tuple[str, ...]
    numbers: FloatArray

    @property
    def symbols(self) -> tuple[str | None, ...]:
        """The symbol of each row."""
        return self.texts["symbol"]

    def number(self, name: str) -> FloatArray:
        """Return a column of numbers."""
        return self.numbers[self._at[name]]

    def table(self) -> FeatureTable:
        """Return the numbers as a strategy is given them; every row has to have a symbol."""
        symbols = cast("tuple[str, ...]", self.symbols)
        return FeatureTable(symbols, dict(zip(self.numeric, self.numbers, strict=True)))

    @cached_property
    def _at(self) -> Mapping[str, int]:
        return {name: at for at, name in enumerate(self.numeric)}


def row_fault(rows: SnapshotRows, manifest: SnapshotManifest, contract: FeatureContract | None) -> str:
    """Return the first thing that is wrong with the rows of a snapshot, with what to do; empty where nothing is.

    Parameters
    ----------
    contract
        What the profile asks of them; None checks them for themselves.
    """
    asked = contract or FeatureContract(())
    faults = (fault for check in _CHECKS for fault in check(rows, manifest, asked))
    return next((f"{fault}; build and publish it again" for fault in faults), "")


# --- the checks, in their order ----------------------------------------------------------------

Faults = Iterator[str]


def _of_the_manifest(rows: SnapshotRows, manifest: SnapshotManifest, contract: FeatureContract) -> Faults:
    del contract
    if rows.columns == manifest.columns:
        return
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
    yield f"columns are in the order {', '.join(names)}; manifest says {', '.join(said)}"


def _nullable(column: Column) -> str:
    return f"may {'' if column.nullable else 'not '}be empty"


def _of_the_profile(rows: SnapshotRows, manifest: SnapshotManifest, contract: FeatureContract) -> Faults:
    del manifest
    types = {column.name: column.type for column in rows.columns}
    for name in (*LABELS, *contract.reads, *contract.benchmark_reads):
        wanted = _TYPE_OF.get(name, "number")
        if name not in types:
            yield f"{name} is missing; the profile reads it"
        elif wanted != (types[name] if types[name] in ("date", "string") else "number"):
            yield f"{name} is {types[name]}; the profile reads a {wanted}"


def _count(rows: SnapshotRows, manifest: SnapshotManifest, contract: FeatureContract) -> Faults:
    del contract
    if rows.row_count != manifest.row_count:
        yield f"the file has {rows.row_count} rows; manifest says {manifest.row_count}"


def _session(rows: SnapshotRows, manifest: SnapshotManifest, contract: FeatureContract) -> Faults:
    del contract
    days = rows.days["as_of"]
    odd = days != np.datetime64(manifest.snapshot_as_of, "D")
    for at in np.flatnonzero(odd).tolist() if odd.any() else ():
        found = "no as_of" if np.isnat(days[at]) else f"as_of {days[at]}"
        yield f"row {rows.symbols[at] or at + 1} has {found}; snapshot is of {manifest.snapshot_as_of}"


def _symbols(rows: SnapshotRows, manifest: SnapshotManifest, contract: FeatureContract) -> Faults:
    del manifest, contract
    if _ascend(rows.symbols):
        return
    symbols = [symbol or "" for symbol in rows.symbols]
    for number, (before, symbol) in enumerate(pairwise(["", *symbols]), 1):
        if not symbol:
            yield f"row {number} has no symbol"
        elif before and symbol == before:
            yield f"{symbol} twice"
        elif before and symbol < before:
            yield f"{before} before {symbol}: not ascending"


def _ascend(symbols: tuple[Any, ...]) -> bool:
    return all(symbols) and all(map(lt, symbols, symbols[1:]))


def _labels(rows: SnapshotRows, manifest: SnapshotManifest, contract: FeatureContract) -> Faults:
    del manifest, contract
    flags = np.stack([rows.number(name) for name in _FLAGS])
    odd = (flags != 0) & (flags != 1)
    for label, at in np.argwhere(odd).tolist() if odd.any() else ():
        yield _of(rows, _FLAGS[label], at, "it is 0 or 1")
    codes = rows.number("sector_code").tolist()
    for strange in [code for code in dict.fromkeys(codes) if code not in SECTOR_NAMES]:
        yield f"sector_code {strange:g} of {rows.symbols[codes.index(strange)]} is unknown"


def _numbers(rows: SnapshotRows, manifest: SnapshotManifest, contract: FeatureContract) -> Faults:
    del manifest, contract
    bounds = [_bounds_of(name) for name in rows.numeric]
    least, most = (np.array([bound[end] for bound in bounds]) for end in (0, 1))
    odd = (rows.numbers < least[:, np.newaxis]) | (rows.numbers > most[:, np.newaxis])
    for column, at in np.argwhere(odd).tolist() if odd.any() else ():
        infinite = np.isinf(rows.numbers[column, at])
        yield _of(rows, rows.numeric[column], at, "a number is finite" if infinite else bounds[column][2])


@cache
def _bounds_of(name: str) -> tuple[float, float, str]:
    return next((least, most, why) for names, least, most, why in _BOUNDS if names.fullmatch(name))


def _of(rows: SnapshotRows, name: str, at: int, why: str) -> str:
    return f"{name} of {rows.symbols[at]} is {rows.number(name)[at]:g}; {why}"


def _known(rows: SnapshotRows, manifest: SnapshotManifest, contract: FeatureContract) -> Faults:
    del manifest
    members = (rows.number(IS_STOCK) == 1) & (rows.number("member") == 1)
    unknown = dict(zip(rows.numeric, (np.isnan(rows.numbers) & members).sum(axis=1).tolist(), strict=True))
    count = int(members.sum())
    for name in contract.reads:
        if unknown[name] > MOST_UNKNOWN * count:
            most = f"at most {100 * MOST_UNKNOWN:.0f} % may be"
            yield f"{name} is unknown for {unknown[name]} of {count} members; {most}"


def _benchmarks(rows: SnapshotRows, manifest: SnapshotManifest, contract: FeatureContract) -> Faults:
    del manifest
    for symbol in contract.benchmarks:
        if symbol not in rows.symbols:
            yield f"no row for {symbol}"
            continue
        at = rows.symbols.index(symbol)
        for name in contract.benchmark_reads:
            if np.isnan(rows.number(name)[at]):
                yield f"{name} of {symbol} is unknown"


_CHECKS: tuple[Callable[[SnapshotRows, SnapshotManifest, FeatureContract], Faults], ...] = (
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
