"""What an operator accepts of what happened to an account outside the platform: ``accepted/<run_id>``.

It holds for the run after the one that was blocked, and for no later one: that takes note of the account as it is.
"""

from __future__ import annotations

from contextlib import suppress

from quant_platform_kit.domain.errors import Conflict, Refused
from quant_platform_kit.domain.reconciliation import Finding
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.operate.audit import Operator
from quant_platform_kit.services.record.leases import read_lease
from quant_platform_kit.services.record.objects import encode
from quant_platform_kit.services.record.report_store import ReportStore

__all__ = ["accept", "is_accepted"]

_PREFIX = "accepted/"


def is_accepted(store: VersionedStore, run_id: str | None) -> bool:
    """Whether an operator accepted what a run was blocked by."""
    return run_id is not None and store.get(_PREFIX + run_id) is not None


def accept(operator: Operator, reports: ReportStore, account_id: str, run_id: str, reason: str) -> tuple[Finding, ...]:
    """Accept what the last run of an account found; return it. Asked again, it does nothing more.

    Raises
    ------
    Refused
        It is not the account's last run, or it found nothing; nothing was changed.
    """
    lease = read_lease(operator.store, account_id)
    last = lease.last_run if lease else None
    if run_id != last:
        raise Refused(f"run {run_id} is not the last one of {account_id}, which is {last or 'none'}: accept that one")
    report = reports.find(run_id)
    found = () if report is None else tuple(finding for finding in report.findings if finding.kind.outside)
    if not found:
        raise Refused(f"run {run_id} found nothing that happened outside the platform: there is nothing to accept")
    entry = operator.audit("accept", reason, account=account_id, run=run_id)
    with suppress(Conflict):
        operator.store.create(_PREFIX + run_id, encode(entry, _PREFIX + run_id))
    return found
