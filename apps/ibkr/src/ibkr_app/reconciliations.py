"""Reconciliations for whoever keeps books beside the platform: one JSON document per run."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from quant_platform_kit.adapters.stores import open_store
from quant_platform_kit.domain.digests import canonical_json
from quant_platform_kit.domain.errors import Conflict
from quant_platform_kit.domain.runs import RunReport

__all__ = ["reconciliation_writer"]


def reconciliation_writer(place: str) -> Callable[[RunReport], None]:
    """Return what writes the reconciliation of a run that ended, once.

    Parameters
    ----------
    place
        A folder, or ``gs://bucket/prefix``.
    """

    def write(report: RunReport) -> None:
        document = {
            "run_id": report.run_id,
            "account_id": report.key.account_id,
            "session": report.key.session,
            "outcome": report.outcome,
            "findings": report.findings,
            "account": report.account,
            "finished_at": report.finished_at,
        }
        _keep(place, f"{report.run_id}.json", canonical_json(document))

    return write


def _keep(place: str, name: str, content: bytes) -> None:
    """Write a document whole or not at all."""
    if place.startswith("gs://"):
        with suppress(Conflict):
            open_store(place).create(name, content)
        return
    path = Path(place) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_bytes(content)
    part.replace(path)
