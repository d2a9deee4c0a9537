"""What can be read of runs: those that ended, and the ones still open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.runs import Attempt, Outcome, RunClaim, RunReport
from quant_platform_kit.runtime.service import Stores
from quant_platform_kit.services.observe.notifying import Delivery, Notices
from quant_platform_kit.services.operate.owners import accounts_in
from quant_platform_kit.services.record.leases import read_lease
from quant_platform_kit.services.record.ledger import RunLedger

__all__ = ["OpenRunSummary", "RunSummary", "find_open", "newest", "open_runs", "told_about"]

MOST = 200


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A run in one line."""

    run_id: str
    account_id: str
    display_name: str
    mode: str
    session: date
    as_of: date
    outcome: Outcome
    reasons: tuple[str, ...]
    orders: int
    todo: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OpenRunSummary:
    """A run that has no report yet: who claimed it, and what stopped its workers so far."""

    run_id: str
    account_id: str
    holder: str
    claim: RunClaim | None
    attempts: tuple[Attempt, ...]


def newest(stores: Stores, limit: int, session: date | None = None) -> list[RunSummary]:
    """Return the runs that ended, newest session first.

    Raises
    ------
    InvalidInput
        ``limit`` is not from 1 to 200.
    """
    if not 1 <= limit <= MOST:
        raise InvalidInput(f"limit is {limit}; it is from 1 to {MOST}")
    reports = stores.reports
    found = (reports.find(run_id) for run_id in reversed(reports.ids(session)[-limit:]))
    return [_summary(report) for report in found if report is not None]


def _summary(report: RunReport) -> RunSummary:
    return RunSummary(
        run_id=report.run_id,
        account_id=report.key.account_id,
        display_name=report.display_name,
        mode=report.key.mode.value,
        session=report.key.session,
        as_of=report.as_of,
        outcome=report.outcome,
        reasons=report.reasons,
        orders=len(report.orders),
        todo=report.todo,
    )


def open_runs(stores: Stores) -> list[OpenRunSummary]:
    """Return the run that each account has open, if it has one."""
    store, found = stores.ledger, list[OpenRunSummary]()
    for account_id in accounts_in(store):
        lease = read_lease(store, account_id)
        if lease is None or lease.open_run is None:
            continue
        ledger = RunLedger(store, account_id, lease.open_run)
        found.append(OpenRunSummary(lease.open_run, account_id, lease.holder, ledger.known_claim(), ledger.attempts()))
    return found


def find_open(runs: Sequence[OpenRunSummary], run_id: str) -> OpenRunSummary | None:
    """Return the open run of an id."""
    return next((run for run in runs if run.run_id == run_id), None)


def told_about(stores: Stores, run_id: str) -> Delivery | None:
    """Return what became of a run's notification, None if none was tried."""
    return Notices(stores.notices, None).of_run(run_id)
