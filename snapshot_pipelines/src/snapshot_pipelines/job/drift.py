"""How a session's features differ from those that services decide on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import Any

from quant_platform_kit.domain.digests import canonical_json
from quant_platform_kit.domain.errors import Conflict
from quant_platform_kit.domain.strategy import BoundStrategy
from quant_platform_kit.ports.snapshot_store import SnapshotStore

from snapshot_pipelines.publish.comparing import compare, comparison_document, moves_between
from snapshot_pipelines.publish.snapshots import Snapshot, ranking_of

__all__ = ["Drift", "drift_between", "drift_key", "keep_drift"]

RANKED = 20
"""How much of a ranking is compared."""
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Drift:
    """A comparison, for machines and in words."""

    document: Mapping[str, Any]
    words: tuple[str, ...]


def drift_key(profile: str, as_of: date, against: str) -> str:
    """Return where the report of a session is kept; ``against`` is the digest of the published manifest."""
    return f"drift/{profile}/{as_of}-{against[:12]}.json"


def drift_between(published: Snapshot, built: Snapshot, strategy: BoundStrategy) -> Drift:
    """Return what changed from the published snapshot to one of a later session."""
    found = compare(published, built)
    moves = moves_between(ranking_of(published, strategy), ranking_of(built, strategy), RANKED)
    entered = [move.symbol for move in moves if move.before is None or move.before > RANKED]
    sizes = {one.name: one for one in found.columns if one.changed and one.name in built.features}
    sizes.pop("history", None)  # it grows by itself
    words = list(_symbols(found.joined, "became members"))
    words += _symbols(found.left, "no members any more")
    words += [
        f"{name}: median change {column.median:.4g}, largest {column.largest:.4g} ({column.symbol})"
        for name, column in sizes.items()
        if column.symbol
    ]
    words += _symbols(tuple(entered), f"new among the first {RANKED}")
    return Drift(comparison_document(published, built, found, moves), tuple(words))


def _symbols(symbols: tuple[str, ...], what: str) -> Iterator[str]:
    if symbols:
        more = f" and {len(symbols) - _SHOWN} more" if len(symbols) > _SHOWN else ""
        yield f"{what}: {', '.join(symbols[:_SHOWN])}{more}"


def keep_drift(store: SnapshotStore, key: str, drift: Drift) -> None:
    """Put a report beside the snapshots; one that is there stays."""
    with suppress(Conflict):
        store.create(key, canonical_json(drift.document) + b"\n")
