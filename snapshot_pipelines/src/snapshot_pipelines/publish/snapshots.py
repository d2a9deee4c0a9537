"""A snapshot with everything that belongs to it, once it was verified."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray
from quant_platform_kit.adapters.snapshot_reading import Published, read_file, rows_of
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.features import IS_STOCK, FeatureSnapshot, FeatureTable, RankedRow
from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.domain.snapshot_checks import Asked, Moment, identity_faults, path_faults, session_faults
from quant_platform_kit.domain.snapshot_manifest import SnapshotManifest
from quant_platform_kit.domain.snapshot_rows import LABELS, SnapshotRows
from quant_platform_kit.domain.strategy import BoundStrategy

from snapshot_pipelines.publish.roots import Place, Root, summary_key

__all__ = ["Snapshot", "Terms", "members_of", "ranking_of", "verified"]


@dataclass(frozen=True)
class Snapshot:
    """A snapshot that passed all checks.

    Attributes
    ----------
    data
        The bytes of its file.
    summary
        What a reader should know of it, as the builder wrote it; None where it is not there.
    """

    found: Published
    data: bytes
    rows: SnapshotRows
    summary: bytes | None

    @property
    def manifest(self) -> SnapshotManifest:
        """Its manifest."""
        return self.found.manifest

    @property
    def digest(self) -> str:
        """SHA-256 of the manifest."""
        return self.found.digest

    @cached_property
    def table(self) -> FeatureTable:
        """The rows as a strategy reads them."""
        return self.rows.table()

    @cached_property
    def is_member(self) -> NDArray[np.bool_]:
        """Which rows are of stocks that were members, shape (rows,)."""
        return members_of(self.table)

    @property
    def features(self) -> tuple[str, ...]:
        """The columns that are no labels."""
        return tuple(name for name in self.rows.numeric if name not in LABELS)

    @cached_property
    def known(self) -> Mapping[str, int]:
        """Of how many members each feature is known."""
        columns = self.table.columns
        return {name: int((~np.isnan(columns[name][self.is_member])).sum()) for name in self.features}

    @cached_property
    def told(self) -> Mapping[str, Any]:
        """The summary as a document, empty without one."""
        try:
            return cast("Mapping[str, Any]", json.loads(self.summary or b"{}"))
        except ValueError:
            return {}


def members_of(table: FeatureTable) -> NDArray[np.bool_]:
    """Return which rows of a table are of stocks that were members, shape (rows,)."""
    return (table.columns[IS_STOCK] == 1) & (table.columns["member"] == 1)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a snapshot has to be beyond what its manifest says.

    Attributes
    ----------
    moment
        When it is decided on; None for no session in particular.
    """

    asked: Asked
    calendar: ExchangeCalendar
    moment: Moment | None = None


def verified(root: Root, place: Place, terms: Terms) -> Snapshot:
    """Return a snapshot that passes the checks a service makes.

    Raises
    ------
    InvalidInput
        The first check that it does not pass, in the words that a service would say.
    """
    found = place.found
    try:
        return _checked(root, found, terms)
    except InvalidInput as error:
        raise InvalidInput(f"feature snapshot {terms.asked.profile}: {error}") from None


def _checked(root: Root, found: Published, terms: Terms) -> Snapshot:
    manifest = found.manifest
    faults = chain(
        identity_faults(manifest, terms.asked),
        session_faults(manifest, terms.calendar, terms.moment),
        path_faults(manifest),
    )
    if fault := next(faults, ""):
        raise InvalidInput(fault)
    data = read_file(root.store, manifest)
    rows = rows_of(data, manifest, terms.asked.contract)
    summary = root.store.get(summary_key(manifest, found.digest))
    return Snapshot(found, data, rows, summary.data if summary else None)


class _Ranking(Protocol):
    """A strategy that says how it ranks."""

    def ranking(self, snapshot: FeatureSnapshot, config: object) -> Sequence[RankedRow]: ...


def ranking_of(snapshot: Snapshot, strategy: BoundStrategy | None) -> list[RankedRow] | None:
    """Return the scores of a strategy without holdings, the best first; None where nobody says.

    Parameters
    ----------
    strategy
        With the configuration that the snapshot was built with; None where that is not known.
    """
    if strategy is None or not hasattr(strategy.strategy, "ranking"):
        return None
    seen = FeatureSnapshot(snapshot.manifest.snapshot_as_of, snapshot.digest, snapshot.table)
    return list(cast("_Ranking", strategy.strategy).ranking(seen, strategy.config))
