"""What can be read of runs: those that ended, and the ones still open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.runs import Attempt, Outcome, RunClaim, RunReport
from quant_platform_kit.runtime.service import Service, Stores
from quant_platform_kit.services.observe.account import AccountView, account_views
from quant_platform_kit.services.observe.notifying import Delivery, Notices
from quant_platform_kit.services.observe.status import StatusSources
from quant_platform_kit.services.operate.owners import accounts_in, owner_of
from quant_platform_kit.services.record.leases import read_lease
from quant_platform_kit.services.record.ledger import RunLedger

__all__ = ["OpenRunSummary", "RunSummary", "accounts", "find_open", "newest", "open_runs", "told_about"]

MOST, PAPER = 200, "paper"


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
    _check(limit)
    reports = stores.reports
    found = (reports.find(run_id) for run_id in reversed(reports.ids(session)[-limit:]))
    return [_summary(report) for report in found if report is not None]


def _check(limit: int) -> None:
    if not 1 <= limit <= MOST:
        raise InvalidInput(f"limit is {limit}; it is from 1 to {MOST}")


def accounts(service: Service, limit: int) -> list[AccountView]:
    """Return the accounts of a service, by their newest ``limit`` runs each; raises as `newest`.

    On paper, time is the venue's: where an account stands is judged at its last run.
    """
    _check(limit)
    store, manifest = service.stores.ledger, service.strategy.manifest
    own = [one for one in accounts_in(store) if (owner := owner_of(store, one)) and owner.service == service.name]
    now = None if service.platform.name == PAPER else store.now()
    manifests = {manifest.profile: manifest}
    return account_views(StatusSources(store, service.stores.reports, service.calendar, manifests, now), own, limit)


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
