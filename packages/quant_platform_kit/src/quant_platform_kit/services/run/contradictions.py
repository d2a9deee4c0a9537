"""Whether the reports of earlier runs say more of a decision than the ledger does: then the ledger lost something."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from quant_platform_kit.domain.orders import Side
from quant_platform_kit.domain.runs import Outcome, RunClaim, RunReport
from quant_platform_kit.services.record.ledger import DecisionLedger
from quant_platform_kit.services.record.report_store import ReportStore

__all__ = ["lost_of_decision"]


def lost_of_decision(
    ledger: DecisionLedger, reports: ReportStore, claim: RunClaim, as_of: date, sessions: Iterable[date]
) -> list[str]:
    """Return what the ledger has lost of a decision that it calls due, in words.

    Parameters
    ----------
    claim
        Of the run that would execute it.
    as_of
        The session of the decision (exchange-local date).
    sessions
        Those in which it may have been executed.
    """
    lost: list[str] = []
    spenders: frozenset[str] | None = None
    for report in _runs_for(reports, claim, as_of, sessions):
        if report.outcome is Outcome.COMPLETED:
            lost.append(f"run {report.run_id} executed the decision of {as_of}, and the ledger has lost that")
        elif any(order.side is Side.BUY and order.filled for order in report.orders):
            spenders = ledger.spenders(as_of) if spenders is None else spenders
            if report.run_id not in spenders:
                lost.append(f"run {report.run_id} bought for the decision of {as_of}, and the ledger has lost that")
    return lost


def _runs_for(reports: ReportStore, claim: RunClaim, as_of: date, sessions: Iterable[date]) -> Iterable[RunReport]:
    """Yield the reports of the account's runs that sent orders for a decision."""
    for session in sessions:
        for run_id in reports.ids(session):
            report = reports.find(run_id)
            if report is None or not report.orders or report.executes != as_of:
                continue
            same = (report.key.account_id, report.profile, report.key.mode)
            if same == (claim.key.account_id, claim.profile, claim.key.mode):
                yield report
