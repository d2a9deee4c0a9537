"""What changed from one snapshot to another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from quant_platform_kit.domain.features import FeatureTable, RankedRow
from quant_platform_kit.domain.prices import FloatArray
from quant_platform_kit.domain.snapshot_manifest import SnapshotManifest

from snapshot_pipelines.publish.snapshots import Snapshot

__all__ = [
    "ColumnChange",
    "Comparison",
    "RankMove",
    "column_changes",
    "compare",
    "comparison_document",
    "moves_between",
    "rank_moves",
]

FIELDS = ("contract_version", "config_sha256", "code_version", "row_count")


@dataclass(frozen=True, slots=True)
class ColumnChange:
    """How a column differs in the rows of both.

    Attributes
    ----------
    changed
        Symbols with another value, unknown ones included.
    median
        Of the absolute differences where both are known; NaN where there is none.
    largest
        The largest of them, and the symbol it is of; NaN and empty where there is none.
    known_before, known_after
        Rows in which it is known.
    """

    name: str
    changed: int
    median: float
    largest: float
    symbol: str
    known_before: int
    known_after: int


@dataclass(frozen=True, slots=True)
class RankMove:
    """A symbol's place in both rankings; None where it is not ranked."""

    symbol: str
    before: int | None
    after: int | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """The differences of two snapshots.

    Attributes
    ----------
    fields
        Field of the manifest -> its value in both, where they differ; sources by their name.
    added, removed
        Symbols of one of them only, ascending.
    joined, left
        Symbols of both that became members, and that are none any more.
    columns
        Of both, in the order of the second.
    new_columns, lost_columns
        Of one of them only.
    """

    fields: dict[str, tuple[str, str]]
    added: tuple[str, ...]
    removed: tuple[str, ...]
    joined: tuple[str, ...]
    left: tuple[str, ...]
    columns: tuple[ColumnChange, ...]
    new_columns: tuple[str, ...]
    lost_columns: tuple[str, ...]


def compare(before: Snapshot, after: Snapshot) -> Comparison:
    """Return what changed from one snapshot to another."""
    old, new = before.table, after.table
    both = [symbol for symbol in new.symbols if symbol in old]
    was, now = _members(old, both), _members(new, both)
    return Comparison(
        _fields(before.manifest, after.manifest),
        tuple(sorted(set(new.symbols) - set(old.symbols))),
        tuple(sorted(set(old.symbols) - set(new.symbols))),
        tuple(symbol for symbol, a, b in zip(both, was, now, strict=True) if b > a),
        tuple(symbol for symbol, a, b in zip(both, was, now, strict=True) if b < a),
        column_changes(old, new),
        tuple(name for name in new.columns if name not in old.columns),
        tuple(name for name in old.columns if name not in new.columns),
    )


def column_changes(old: FeatureTable, new: FeatureTable) -> tuple[ColumnChange, ...]:
    """Return how the columns of both tables differ in the rows of both."""
    both = [symbol for symbol in new.symbols if symbol in old]
    names = [name for name in new.columns if name in old.columns]
    return tuple(_change(name, both, _column(old, name, both), _column(new, name, both)) for name in names)


def _change(name: str, symbols: Sequence[str], old: FloatArray, new: FloatArray) -> ColumnChange:
    changed = int(((old != new) & ~(np.isnan(old) & np.isnan(new))).sum())
    known = ~np.isnan(old) & ~np.isnan(new)
    counts = int((~np.isnan(old)).sum()), int((~np.isnan(new)).sum())
    if not known.any():
        return ColumnChange(name, changed, np.nan, np.nan, "", *counts)
    gaps = np.where(known, np.abs(new - old), -1.0)
    at = int(gaps.argmax())
    return ColumnChange(name, changed, float(np.median(gaps[known])), float(gaps[at]), symbols[at], *counts)


def _column(table: FeatureTable, name: str, symbols: Sequence[str]) -> FloatArray:
    place = {symbol: row for row, symbol in enumerate(table.symbols)}
    return table.columns[name][[place[symbol] for symbol in symbols]]


def _members(table: FeatureTable, symbols: Sequence[str]) -> FloatArray:
    return _column(table, "member", symbols)


def _fields(old: SnapshotManifest, new: SnapshotManifest) -> dict[str, tuple[str, str]]:
    told = {name: (str(getattr(old, name)), str(getattr(new, name))) for name in FIELDS}
    was, now = ({source.name: source.sha256 for source in manifest.sources} for manifest in (old, new))
    told |= {name: (was.get(name, "-"), now.get(name, "-")) for name in (*was, *(n for n in now if n not in was))}
    return {name: (a, b) for name, (a, b) in told.items() if a != b}


def rank_moves(old: Sequence[RankedRow], new: Sequence[RankedRow], most: int) -> list[RankMove]:
    """Return the places of those that are among the first ``most`` in either ranking, by their place in the second."""
    was, now = ({row.symbol: row.rank for row in ranking} for ranking in (old, new))
    first = [row.symbol for row in new if row.rank <= most]
    first += [row.symbol for row in old if row.rank <= most and row.symbol not in first]
    return [RankMove(symbol, was.get(symbol), now.get(symbol)) for symbol in first]


def moves_between(old: Sequence[RankedRow] | None, new: Sequence[RankedRow] | None, most: int) -> list[RankMove]:
    """Return `rank_moves`, none where one of them has no ranking."""
    return rank_moves(old, new, most) if old is not None and new is not None else []


def comparison_document(
    old: Snapshot, new: Snapshot, found: Comparison, moves: Sequence[RankMove]
) -> dict[str, object]:
    """Return a comparison of two snapshots as a document."""
    columns = [
        {
            "name": column.name,
            "changed": column.changed,
            "median": None if column.symbol == "" else column.median,
            "largest": None if column.symbol == "" else column.largest,
            "symbol": column.symbol or None,
            "known": [column.known_before, column.known_after],
        }
        for column in found.columns
    ]
    return {
        "profile": new.manifest.strategy_profile,
        "before": {"as_of": old.manifest.snapshot_as_of, "manifest_sha256": old.digest},
        "after": {"as_of": new.manifest.snapshot_as_of, "manifest_sha256": new.digest},
        "fields": found.fields,
        "symbols": {"added": found.added, "removed": found.removed, "joined": found.joined, "left": found.left},
        "columns": columns,
        "new_columns": found.new_columns,
        "lost_columns": found.lost_columns,
        "ranking": moves,
    }
