"""Where run reports are kept."""

from __future__ import annotations

from pydantic import TypeAdapter

from quant_platform_kit.domain.digests import canonical_json
from quant_platform_kit.domain.errors import Conflict
from quant_platform_kit.domain.runs import RunReport
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.decoding import decode

__all__ = ["ReportStore"]

_REPORT = TypeAdapter(RunReport)


class ReportStore:
    """Run reports by run id, each written once."""

    def __init__(self, store: VersionedStore) -> None:
        self._store = store

    def find(self, run_id: str) -> RunReport | None:
        """Return the report of a run, None before it has ended."""
        stored = self._store.get(run_id)
        return None if stored is None else decode(_REPORT, stored.data, run_id)

    def publish(self, report: RunReport) -> RunReport:
        """Keep a report, and return the one that is kept: the first."""
        try:
            self._store.create(report.run_id, canonical_json(report))
        except Conflict:
            return self.find(report.run_id) or report
        return report

    def all(self) -> list[RunReport]:
        """Return every report, by run id."""
        found = (self.find(run_id) for run_id in self._store.keys(""))
        return [report for report in found if report is not None]
