"""A `FeatureSource` in memory: snapshots that a test publishes, and a store that may be down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from quant_platform_kit.domain.digests import sha256
from quant_platform_kit.domain.errors import StoreError
from quant_platform_kit.domain.features import FeatureReading, FeatureSnapshot, FeatureTable
from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.domain.strategy import BoundStrategy

__all__ = ["FeatureShelf"]


@dataclass(slots=True)
class FeatureShelf:
    """Published snapshots by session; a session is read from the newest up to it.

    Attributes
    ----------
    down
        While set, nothing can be read.
    read_for
        The sessions of every reading, oldest first.
    """

    calendar: ExchangeCalendar
    snapshots: dict[date, FeatureTable] = field(default_factory=dict[date, FeatureTable])
    down: bool = False
    read_for: list[tuple[date, ...]] = field(default_factory=list[tuple[date, ...]])

    def publish(self, as_of: date, rows: Mapping[str, Mapping[str, float]]) -> None:
        """Publish the snapshot of a session."""
        self.snapshots[as_of] = FeatureTable.of(rows)

    def read(self, strategy: BoundStrategy, sessions: Sequence[date]) -> tuple[FeatureReading, ...]:
        """Return what there is to read; see `FeatureSource.read`."""
        if self.down:
            raise StoreError("the snapshots cannot be read: the store is down")
        self.read_for.append(tuple(sessions))
        return tuple(self._reading(strategy, session) for session in sessions)

    def _reading(self, strategy: BoundStrategy, session: date) -> FeatureReading:
        due = self.calendar.last_decision(session, strategy.manifest.cadence)
        as_of = max((day for day in self.snapshots if day <= session), default=None)
        if as_of is None:
            return FeatureReading(session, None, "nothing was published; publish it")
        age = len(self.calendar.between(as_of, session)) - 1
        if as_of < due:
            return FeatureReading(session, None, f"stale: as_of {as_of} is {age} sessions before {session}; publish it")
        digest = sha256(f"{strategy.manifest.profile} {as_of}".encode())
        return FeatureReading(session, FeatureSnapshot(as_of, digest, self.snapshots[as_of], due, age))
