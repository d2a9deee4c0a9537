"""Where run reports are kept."""

from __future__ import annotations

from datetime import date

from quant_platform_kit.domain.digests import canonical_json, sha256
from quant_platform_kit.domain.errors import Conflict, Damaged
from quant_platform_kit.domain.runs import RunReport
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.record.objects import decode
from quant_platform_kit.services.record.recorded_inputs import InputStore, content_of_inputs

__all__ = ["ReportStore", "content_of"]

_RUNS = "runs/"
_HEAD, _SEAL = b'{"report":', b',"sha256":"%s"}'
_SEAL_SIZE = len(_SEAL) - 2 + 64


class ReportStore:
    """Run reports below ``runs/`` by run id, each written once and sealed with its SHA-256, and recorded inputs."""

    def __init__(self, store: VersionedStore) -> None:
        self._store = store
        self.inputs = InputStore(store)

    def find(self, run_id: str) -> RunReport | None:
        """Return the report of a run, None before it has ended.

        Raises
        ------
        Damaged
            It was changed after it was written.
        """
        stored = self._store.get(_RUNS + run_id)
        if stored is None:
            return None
        report = decode(RunReport, _unsealed(stored.data, run_id), _RUNS + run_id)
        if report.run_id != run_id:
            raise Damaged(f"{_RUNS}{run_id} holds the report of run {report.run_id}")
        return report

    def publish(self, report: RunReport) -> RunReport:
        """Keep a report, and return the one that is kept: the first."""
        content = canonical_json(report)
        try:
            self._store.create(_RUNS + report.run_id, _HEAD + content + _SEAL % sha256(content).encode())
        except Conflict:
            return self.find(report.run_id) or report
        return report

    def ids(self, session: date | None = None) -> list[str]:
        """Return the ids of the runs that have a report, ascending by session; those of one session only, if given."""
        prefix = f"{_RUNS}{session.isoformat()}." if session else _RUNS
        return [key.removeprefix(_RUNS) for key in self._store.keys(prefix)]

    def all(self) -> list[RunReport]:
        """Return every report, by run id."""
        found = (self.find(run_id) for run_id in self.ids())
        return [report for report in found if report is not None]


def content_of(kind: str, name: str, data: bytes) -> bytes:
    """Return the content of an object of the reports whose name and digest fit it.

    Parameters
    ----------
    kind
        ``runs`` or ``inputs``: the first part of its key; ``name`` is the other.

    Raises
    ------
    Damaged
        They do not fit.
    """
    if kind == "inputs":
        return content_of_inputs(name, data)
    content = _unsealed(data, name)
    if b'"run_id":"%s"' % name.encode() not in content:
        raise Damaged(f"{_RUNS}{name} holds the report of another run")
    return content


def _unsealed(data: bytes, run_id: str) -> bytes:
    """Return the content of a sealed report."""
    content = data[len(_HEAD) : -_SEAL_SIZE]
    if data != _HEAD + content + _SEAL % sha256(content).encode():
        raise Damaged(f"{_RUNS}{run_id} was changed after it was written")
    return content
