"""What is kept of rows that were replaced: why, the old row and the new one, a line of JSON each."""

from __future__ import annotations

from quant_platform_kit.domain.digests import canonical_json

from trading_playbook.journal.cells import cells_of
from trading_playbook.journal.merging import Merged, Written
from trading_playbook.journal.record import COLUMNS, TradeRecord

__all__ = ["replacement_lines"]


def replacement_lines(merged: Merged, reason: str | None) -> bytes:
    """Return the lines of all rows that a merge replaces; empty where it replaces none."""
    return b"".join(
        canonical_json({"reason": reason, "old": _row(result.kept), "new": _row(result.record)}) + b"\n"
        for result in merged.results
        if result.outcome is Written.REPLACED and result.kept is not None
    )


def _row(record: TradeRecord) -> dict[str, str]:
    return dict(zip(COLUMNS, cells_of(record), strict=True))
