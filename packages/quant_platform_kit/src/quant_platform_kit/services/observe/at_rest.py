"""Whether the accounts of a service are at rest: what the ledger knows of runs and orders that have not ended."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from quant_platform_kit.domain.orders import OrderState
from quant_platform_kit.domain.runs import OrderRecord
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.observe.status import OpenRun, open_run_of
from quant_platform_kit.services.operate.owners import accounts_in, owner_of
from quant_platform_kit.services.record.leases import LeaseState, read_lease
from quant_platform_kit.services.record.ledger import RunLedger
from quant_platform_kit.services.record.recorded_run import recorded_run
from quant_platform_kit.services.run.advice import PLACE, resolve_line

__all__ = ["Unrest", "UnrestKind", "accounts_of", "unrest"]


class UnrestKind(StrEnum):
    """What has not ended: a run, an order that nobody knows the fate of, or one that the broker may still fill."""

    OPEN_RUN = "open_run"
    UNKNOWN_ORDER = "unknown_order"
    WORKING_ORDER = "working_order"


@dataclass(frozen=True, slots=True)
class Unrest:
    """One thing that has not ended.

    Attributes
    ----------
    client_order_id
        None for a run.
    text
        The same for a person, and what to do.
    """

    kind: UnrestKind
    account_id: str
    run_id: str
    client_order_id: str | None
    text: str


def accounts_of(store: VersionedStore, service: str) -> tuple[str, ...]:
    """Return the accounts that belong to a service, ascending; one listing, and a read for each in the store."""
    owners = ((account, owner_of(store, account)) for account in accounts_in(store))
    return tuple(account for account, owner in owners if owner and owner.service == service)


def unrest(store: VersionedStore, service: str) -> list[Unrest]:
    """Return what has not ended on the accounts of a service, by account; empty where all is at rest.

    An order of an open run that was never sent is not named, nor any of a live session: the run is. It reads the newest
    step of each order of the runs in question, and more only where something has not ended. Nothing is asked of the
    broker.

    Raises
    ------
    Damaged
        What was recorded of an account is not whole.
    """
    return [each for account in accounts_of(store, service) for each in _of_account(store, account)]


def _of_account(store: VersionedStore, account_id: str) -> Iterator[Unrest]:
    lease = read_lease(store, account_id)
    if lease is None:
        return
    if run := open_run_of(store, account_id, lease):
        is_session = RunLedger(store, account_id, run.run_id).is_session
        text = _session_text(account_id, run) if is_session else _run_text(account_id, run)
        yield Unrest(UnrestKind.OPEN_RUN, account_id, run.run_id, None, text)
    for run_id in _runs(lease):
        for record in _unended(store, account_id, run_id):
            yield _order(account_id, run_id, record, is_open=run_id == lease.open_run)


def _runs(lease: LeaseState) -> Iterable[str]:
    """Return the runs that may have orders which have not ended: the open one, uncertain ones, the last."""
    named = (lease.open_run, *lease.uncertain_runs, lease.last_run)
    return dict.fromkeys(run_id for run_id in named if run_id)


def _unended(store: VersionedStore, account_id: str, run_id: str) -> list[OrderRecord]:
    """Return the orders of a run that were sent, or may have been, and have not come to their end."""
    ledger = RunLedger(store, account_id, run_id)
    if all(step.state.terminal for step in ledger.steps.newest().values()):
        return []
    run = recorded_run(store, account_id, run_id)
    if run is None and ledger.is_session:
        return []  # it is open as long as one of its orders is
    if run is None:
        ledger.require_whole(ledger.known_claim(), ledger.plan())
        return []
    return [record for record in run.records.values() if record.transitions and not record.state.terminal]


def _run_text(account_id: str, run: OpenRun) -> str:
    since = f"since {run.since:%Y-%m-%d %H:%M:%S} UTC" if run.since else "and not claimed yet"
    what = f"run {run.run_id} of account {account_id} is open {since}"
    if run.worked_on:
        return f"{what}; {run.holder} works on it, its lease lasts until {run.lease_expires_at:%H:%M:%S} UTC: wait"
    return f"{what}, and nobody works on it: call the service again, which finishes it"


def _session_text(account_id: str, run: OpenRun) -> str:
    what = f"live session {run.run_id} of account {account_id} is under way, and ends after the close, when it is flat"
    return f"{what}: wait" if run.worked_on else f"{what}; nobody works on it: start the service, which takes it over"


def _order(account_id: str, run_id: str, record: OrderRecord, *, is_open: bool) -> Unrest:
    order, is_unknown = record.order, record.state is OrderState.UNKNOWN
    name = f"{order.client_order_id} ({order.side.value} {order.quantity:f} {order.symbol})"
    what = f"order {name} of run {run_id} of account {account_id} is {record.state.value}"
    if is_unknown:
        settle = resolve_line(run_id, order.client_order_id, f"--account {account_id} {PLACE}")
        advice = f"settle it with `{settle}`"
    elif is_open:
        advice = "its run sees it to its end"
    else:
        advice = "its run has ended without it: look at the broker"
    kind = UnrestKind.UNKNOWN_ORDER if is_unknown else UnrestKind.WORKING_ORDER
    return Unrest(kind, account_id, run_id, order.client_order_id, f"{what}, {record.filled:f} filled; {advice}")
