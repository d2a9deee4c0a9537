"""An attempt as a document, for machines."""

from __future__ import annotations

from trading_playbook.attempts import Attempt
from trading_playbook.daily.run import DailyResult
from trading_playbook.journal.merging import Written

__all__ = ["document_of"]


def document_of(attempt: Attempt, result: DailyResult) -> dict[str, object]:
    """Return what became of an attempt, and of its rows in each journal."""
    return {
        "symbol": attempt.symbol,
        "session": attempt.session,
        "outcome": attempt.ending,
        "rows": attempt.rows,
        "seconds": attempt.seconds,
        "reason": attempt.reason,
        "retry_at": result.retry_at,
        "warnings": result.warnings,
        "journals": [
            {
                "place": each.place,
                "error": None if each.error is None else str(each.error),
                "rows": {outcome: each.count(outcome) for outcome in Written},
            }
            for each in result.results
        ],
    }
