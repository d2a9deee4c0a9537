"""Settling an UNKNOWN order by what an operator found out, and with it the run and its decision."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from quant_platform_kit.domain.errors import InvalidInput, LeaseLost, Refused, StoreError
from quant_platform_kit.domain.orders import ExecutionReport, Fill, OrderState
from quant_platform_kit.domain.runs import OrderRecord, Transition
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.operate.audit import Operator
from quant_platform_kit.services.record.leases import AccountLease, LeaseTerms, read_lease, require_free
from quant_platform_kit.services.record.ledger import DecisionLedger, RunLedger
from quant_platform_kit.services.record.recorded_run import RecordedRun, recorded_run

__all__ = ["Resolution", "Resolved", "ResolvedAs", "resolve"]

ZERO = Decimal(0)
STEP = timedelta(seconds=20)
"""How long the lease must still last before a step is recorded."""


class ResolvedAs(StrEnum):
    """What became of an order, as an operator found out."""

    FILLED = "filled"
    NOT_SENT = "not-sent"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Resolution:
    """What an operator says about one UNKNOWN order.

    Attributes
    ----------
    evidence
        Where the operator saw it.
    quantity
        Units filled, None for all of them. If they are fewer, the rest counts as cancelled.
    price
        Paid or received per unit, in the instrument's currency; required for and only for `ResolvedAs.FILLED`.
    """

    run_id: str
    order_id: str
    resolved_as: ResolvedAs
    evidence: str
    quantity: Decimal | None = None
    price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Resolved:
    """Where a settled order stands, and its run.

    Attributes
    ----------
    changed
        False when the order had been settled so before, and only the rest had to be finished.
    unknown_left
        Orders of the run that are still UNKNOWN.
    executes, executed
        The session of the run's decision, None without one, and whether the decision is executed now.
    """

    order: OrderRecord
    changed: bool
    unknown_left: tuple[str, ...]
    executes: date | None
    executed: bool


def resolve(operator: Operator, account_id: str, asked: Resolution) -> Resolved:
    """Settle an UNKNOWN order by what an operator found out, and finish its run when it was the last one.

    Asked again after it was interrupted, it finishes what is left.

    Raises
    ------
    InvalidInput
        The price or the quantity does not fit; nothing was changed.
    Refused
        No such run or order, the run is open, or the order is not UNKNOWN; nothing was changed.
    InProgress
        Another worker is on the account.
    """
    store = operator.store
    _check_figures(asked)
    _step(_planned(store, account_id, asked.run_id), asked, operator)
    require_free(store, read_lease(store, account_id))
    operator.audit(
        "resolve",
        asked.evidence,
        account=account_id,
        run=asked.run_id,
        order=asked.order_id,
        settlement=asked.resolved_as,
        quantity=asked.quantity,
        price=asked.price,
    )
    with _leased(operator, account_id) as lease:
        run = _planned(store, account_id, asked.run_id)
        step = _step(run, asked, operator)
        if step is not None:
            lease.require(STEP)
            ledger = RunLedger(store, account_id, asked.run_id, lease.chain)
            record = ledger.record(run.records[asked.order_id], replace(step, epoch=lease.state.epoch))
            run.records[asked.order_id] = record
        _settle_run(store, lease, run, asked.run_id)
    unknown = tuple(record.order.client_order_id for record in run.unknown)
    return Resolved(
        run.records[asked.order_id], step is not None, unknown, run.plan.executes, _all_executed(run.records.values())
    )


def _check_figures(asked: Resolution) -> None:
    filled = asked.resolved_as is ResolvedAs.FILLED
    if filled and asked.price is None:
        raise InvalidInput("a filled order has a price: give --price, what one unit was traded at")
    for name, value in (("--price", asked.price), ("--quantity", asked.quantity)):
        if value is not None and not filled:
            raise InvalidInput(f"{name} is {value}, but an order that is {asked.resolved_as.value} has none")
        if value is not None and not (value.is_finite() and value > 0):
            raise InvalidInput(f"{name} is {value}; it is a positive number")


def _planned(store: VersionedStore, account_id: str, run_id: str) -> RecordedRun:
    """Return a closed run with its orders."""
    run = recorded_run(store, account_id, run_id)
    if run is None:
        raise Refused(f"run {run_id} of account {account_id} has no recorded orders; `quant status` names the runs")
    state = read_lease(store, account_id)
    if state is not None and state.open_run == run_id:
        raise Refused(f"run {run_id} is still open: run it again first, it asks the broker about its orders")
    return run


def _step(run: RecordedRun, asked: Resolution, operator: Operator) -> Transition | None:
    """Return the step that settles the order; None when it is settled so already and the run waits to be finished."""
    record = run.records.get(asked.order_id)
    if record is None:
        unknown = ", ".join(r.order.client_order_id for r in run.unknown) or "none"
        raise Refused(f"run {asked.run_id} has no order {asked.order_id}; UNKNOWN there: {unknown}")
    ordered = record.order.quantity
    quantity = ZERO if asked.resolved_as is not ResolvedAs.FILLED else asked.quantity or ordered
    if quantity > ordered:
        raise InvalidInput(f"--quantity is {quantity}; order {asked.order_id} was for {ordered}")
    state = OrderState.FILLED if quantity == ordered else OrderState.CANCELLED
    if record.state is not OrderState.UNKNOWN:
        if record.state is state and _unfinished(run, operator.store):
            return None
        raise Refused(f"order {asked.order_id} is {record.state.value}, not UNKNOWN: there is nothing to settle")
    now = operator.store.now()
    note = f"{asked.resolved_as.value} by {operator.who}: {asked.evidence}"
    return Transition(state, 0, now, _execution(record, quantity, asked.price, now) if quantity else None, note)


def _unfinished(run: RecordedRun, store: VersionedStore) -> bool:
    """Whether every order is settled, but the account still waits for it: an operator's command was interrupted."""
    state = read_lease(store, run.claim.key.account_id)
    return not run.unknown and state is not None and run.claim.key.run_id in state.uncertain_runs


def _execution(record: OrderRecord, quantity: Decimal, price: Decimal | None, at: datetime) -> ExecutionReport:
    order = record.order
    assert price is not None, "a fill has a price"
    identity = f"operator-{order.client_order_id}"
    fill = Fill(order.client_order_id, order.symbol, order.side, quantity, price, ZERO, at, identity)
    state = OrderState.FILLED if quantity == order.quantity else OrderState.CANCELLED
    return ExecutionReport(order, state, (fill,))


def _settle_run(store: VersionedStore, lease: AccountLease, run: RecordedRun, run_id: str) -> None:
    """Record what follows from the settled orders; it can be done again without doing anything twice.

    What the run itself bought was recorded when it closed; each order that an operator settled adds an entry of its
    own.
    """
    key = run.claim.key
    ledger = DecisionLedger(store, key.account_id, run.claim.profile, key.mode, lease.chain)
    if run.plan.executes is not None:
        for record in run.records.values():
            if record.bought and record.transitions[-1].note and record.transitions[-1].execution:
                identity = f"{run_id}.{record.order.client_order_id}"
                ledger.record_spent(run.plan.executes, identity, {record.order.symbol: record.bought})
        if _all_executed(run.records.values()):
            ledger.mark_executed(run.plan.executes, run_id)
    if not run.unknown and run_id in lease.state.uncertain_runs:
        lease.clear_uncertain(run_id)


def _all_executed(records: Iterable[OrderRecord]) -> bool:
    return all(record.executed for record in records)


@contextmanager
def _leased(operator: Operator, account_id: str) -> Generator[AccountLease]:
    holder = f"operator {operator.who}"
    lease = AccountLease.acquire(operator.store, account_id, holder, LeaseTerms(), operator.clock)
    try:
        yield lease
    finally:
        with suppress(StoreError, LeaseLost):
            lease.release()
