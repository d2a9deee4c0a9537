"""What an operator does to an account by hand: settle, run again, halt, resume, cancel; audited before it happens."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from quant_platform_kit.domain.digests import canonical_json
from quant_platform_kit.domain.errors import (
    BrokerError,
    Conflict,
    InProgress,
    InvalidInput,
    LeaseLost,
    OrderRejected,
    Refused,
    StoreError,
)
from quant_platform_kit.domain.identity import RunKey
from quant_platform_kit.domain.orders import ExecutionReport, Fill, OrderState
from quant_platform_kit.domain.runs import OrderRecord, RunClaim, RunPlan, Transition
from quant_platform_kit.ports.broker import Broker
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.audit import Operator
from quant_platform_kit.services.decoding import decode
from quant_platform_kit.services.flags import FlagEntry, halts
from quant_platform_kit.services.leases import AccountLease, LeaseTerms, read_lease
from quant_platform_kit.services.ledger import DecisionLedger, RunLedger

__all__ = [
    "Attempt",
    "InFlight",
    "RecordedRun",
    "Resolution",
    "Resolved",
    "Settlement",
    "Switched",
    "cancel_open",
    "cancel_order",
    "in_flight",
    "recorded_run",
    "rerun",
    "resolve",
    "services_of",
    "set_halt",
]

ZERO = Decimal(0)
STEP = timedelta(seconds=20)
"""How long the lease must still last before a step is recorded."""


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """A planned run as the ledger has it; buys have the quantities that its revision cut them to."""

    claim: RunClaim
    plan: RunPlan
    records: dict[str, OrderRecord]

    @property
    def unknown(self) -> tuple[OrderRecord, ...]:
        """The orders whose fate nobody knows."""
        return tuple(record for record in self.records.values() if record.state is OrderState.UNKNOWN)


def recorded_run(store: VersionedStore, account_id: str, run_id: str) -> RecordedRun | None:
    """Return a run with its orders, None unless it was planned."""
    ledger = RunLedger(store, account_id, run_id)
    claim, plan = ledger.known_claim(), ledger.plan()
    if claim is None or plan is None:
        return None
    revision = ledger.revision()
    cut: Mapping[str, Decimal] = revision.quantities if revision else {}
    orders = [replace(order, quantity=cut.get(order.client_order_id, order.quantity)) for order in plan.plan.orders]
    return RecordedRun(claim, plan, ledger.orders(orders))


# --- settling an order ------------------------------------------------------------------------------


class Settlement(StrEnum):
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
        Paid or received per unit, in the instrument's currency; required for and only for `Settlement.FILLED`.
    """

    run_id: str
    order_id: str
    settlement: Settlement
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
    _check_free(store, account_id)
    operator.audit(
        "resolve",
        asked.evidence,
        account=account_id,
        run=asked.run_id,
        order=asked.order_id,
        settlement=asked.settlement,
        quantity=asked.quantity,
        price=asked.price,
    )
    with _leased(operator, account_id) as lease:
        run = _planned(store, account_id, asked.run_id)
        step = _step(run, asked, operator)
        if step is not None:
            lease.require(STEP)
            ledger = RunLedger(store, account_id, asked.run_id)
            record = ledger.record(run.records[asked.order_id], replace(step, epoch=lease.state.epoch))
            run.records[asked.order_id] = record
        _settle_run(store, lease, run, asked.run_id)
    unknown = tuple(record.order.client_order_id for record in run.unknown)
    return Resolved(
        run.records[asked.order_id], step is not None, unknown, run.plan.executes, _all_executed(run.records.values())
    )


def _check_figures(asked: Resolution) -> None:
    filled = asked.settlement is Settlement.FILLED
    if filled and asked.price is None:
        raise InvalidInput("a filled order has a price: give --price, what one unit was traded at")
    for name, value in (("--price", asked.price), ("--quantity", asked.quantity)):
        if value is not None and not filled:
            raise InvalidInput(f"{name} is {value}, but an order that is {asked.settlement.value} has none")
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
    quantity = ZERO if asked.settlement is not Settlement.FILLED else asked.quantity or ordered
    if quantity > ordered:
        raise InvalidInput(f"--quantity is {quantity}; order {asked.order_id} was for {ordered}")
    state = OrderState.FILLED if quantity == ordered else OrderState.CANCELLED
    if record.state is not OrderState.UNKNOWN:
        if record.state is state and _unfinished(run, operator.store):
            return None
        raise Refused(f"order {asked.order_id} is {record.state.value}, not UNKNOWN: there is nothing to settle")
    now = operator.store.now()
    note = f"{asked.settlement.value} by {operator.who}: {asked.evidence}"
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
    ledger = DecisionLedger(store, key.account_id, run.claim.profile, key.mode)
    if run.plan.executes is not None:
        for record in run.records.values():
            if record.bought and record.transitions[-1].note and record.transitions[-1].execution:
                identity = f"{run_id}.{record.order.client_order_id}"
                ledger.record_spent(run.plan.executes, identity, {record.order.symbol: record.bought})
        if _all_executed(run.records.values()):
            ledger.mark_executed(run.plan.executes, run_id)
    if not run.unknown and run_id in lease.state.uncertain_runs:
        lease.settle_run(run_id)


def _all_executed(records: Iterable[OrderRecord]) -> bool:
    return all(record.executed for record in records)


def _check_free(store: VersionedStore, account_id: str) -> None:
    """Find out before anything is written whether somebody works on the account."""
    state = read_lease(store, account_id)
    if state is not None and state.expires_at is not None:
        left = state.expires_at + LeaseTerms().settle_window - store.now()
        if left > timedelta(0):
            raise InProgress(f"{state.holder} works on the account", left)


@contextmanager
def _leased(operator: Operator, account_id: str) -> Generator[AccountLease]:
    holder = f"operator {operator.who}"
    lease = AccountLease.acquire(operator.store, account_id, holder, LeaseTerms(), operator.clock)
    try:
        yield lease
    finally:
        with suppress(StoreError, LeaseLost):
            lease.release()


# --- running again ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Attempt:
    """Leave to run once more, under a slot of its own.

    Attributes
    ----------
    key
        Of the new run.
    opened
        False when this attempt was opened before and is not used yet.
    """

    key: RunKey
    opened: bool
    who: str
    why: str


@dataclass(frozen=True, slots=True)
class _Opened:
    slot: str
    who: str
    why: str
    at: datetime


def rerun(operator: Operator, account_id: str, run_id: str, reason: str) -> Attempt:
    """Open one more attempt of a run, ``reruns/<run_id>/<n>``; the last one, if nobody has used it yet.

    Nothing is run here. A decision that was executed is never planned again, whatever is asked for.

    Raises
    ------
    Refused
        The run is not known, a run is open, or an order of the account is UNKNOWN; nothing was changed.
    """
    store = operator.store
    claim = RunLedger(store, account_id, run_id).known_claim()
    if claim is None:
        raise Refused(f"account {account_id} has no run {run_id}; `quant status` names the last one")
    state = read_lease(store, account_id)
    if state is not None and state.open_run:
        raise Refused(f"run {state.open_run} is open: ask for it again, it is finished first")
    if state is not None and state.uncertain_runs:
        runs = ", ".join(state.uncertain_runs)
        raise Refused(f"run {runs} has UNKNOWN orders: settle them with `quant resolve` first")
    number = max((int(key.rpartition("/")[2]) for key in store.keys(f"reruns/{run_id}/")), default=0)
    known = store.get(f"reruns/{run_id}/{number}") if number else None
    if known is not None:
        opened = decode(_Opened, known.data, f"reruns/{run_id}/{number}")
        key = replace(claim.key, slot=opened.slot)
        if RunLedger(store, account_id, key.run_id).known_claim() is None:
            return Attempt(key, opened=False, who=opened.who, why=opened.why)
    slot = f"{claim.key.slot}+{number + 1}"
    entry = operator.audit("rerun", reason, account=account_id, run=run_id, slot=slot)
    try:
        opened = _Opened(slot, operator.who, reason, entry.at)
        store.create(f"reruns/{run_id}/{number + 1}", canonical_json(opened))
    except Conflict:
        return rerun(operator, account_id, run_id, reason)
    return Attempt(replace(claim.key, slot=slot), opened=True, who=operator.who, why=reason)


# --- halting ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Switched:
    """Where a switch stands; ``entry`` is its newest, None when it was never set."""

    scope: str
    changed: bool
    entry: FlagEntry | None


def set_halt(operator: Operator, scope: str, reason: str, *, on: bool) -> Switched:
    """Halt a scope or lift its halt; one that stands so already is left as it is.

    Parameters
    ----------
    scope
        ``all``, ``service-<name>`` or ``account-<id>``.
    """
    switches = halts(operator.store)
    if (scope in switches.on()) == on:
        return Switched(scope, changed=False, entry=next(reversed(switches.entries(scope)), None))
    asked = operator.audit("halt" if on else "resume", reason, scope=scope)
    entry = FlagEntry(on, operator.who, reason, asked.at)
    switches.set(scope, entry)
    return Switched(scope, changed=True, entry=entry)


@dataclass(frozen=True, slots=True)
class InFlight:
    """An open run, and its order that was sent last and has no answer yet: None if there is none."""

    account_id: str
    run_id: str
    service: str | None
    order: OrderRecord | None


def services_of(store: VersionedStore, account_id: str) -> frozenset[str]:
    """Return the services that have or had the account's open and last run."""
    state = read_lease(store, account_id)
    runs = [run for run in (state.open_run, state.last_run) if run] if state else []
    claims = (RunLedger(store, account_id, run).known_claim() for run in runs)
    return frozenset(claim.service for claim in claims if claim)


def in_flight(store: VersionedStore, account_id: str) -> InFlight | None:
    """Return the run that is open on an account with the one call that a halt may come too late for."""
    state = read_lease(store, account_id)
    if state is None or state.open_run is None:
        return None
    claim = RunLedger(store, account_id, state.open_run).known_claim()
    run = recorded_run(store, account_id, state.open_run)
    sent = [record for record in run.records.values() if record.state is OrderState.SENT] if run else []
    newest = max(sent, key=lambda record: record.transitions[-1].at, default=None)
    return InFlight(account_id, state.open_run, claim.service if claim else None, newest)


# --- cancelling -------------------------------------------------------------------------------------


def cancel_open(broker: Broker) -> list[ExecutionReport]:
    """Cancel every working order of an account over a new connection; return where each stands.

    Nothing is recorded: the run that sent an order, or its recovery, asks the broker and records the answer.

    Raises
    ------
    BrokerError
        The broker did not answer, twice.
    """
    broker.connect()
    return [_cancel(broker, report.order.client_order_id) for report in broker.open_orders()]


def cancel_order(operator: Operator, broker: Broker, order_id: str, reason: str) -> ExecutionReport:
    """Cancel one working order over a new connection; return where it stands.

    Raises
    ------
    Refused
        The broker does not know the order, or it works no more.
    BrokerError
        The broker did not answer.
    """
    broker.connect()
    if order_id not in {report.order.client_order_id for report in broker.open_orders()}:
        found = broker.find(order_id)
        stands = f"is {found.state.value}" if found else "is not known to the broker"
        raise Refused(f"order {order_id} {stands}: there is nothing to cancel")
    operator.audit("cancel", reason, account=broker.account_id, order=order_id)
    return _cancel(broker, order_id)


def _cancel(broker: Broker, order_id: str) -> ExecutionReport:
    """Cancel, over a new connection if the first one breaks; a cancel may be repeated."""
    try:
        return broker.cancel(order_id)
    except OrderRejected:
        found = broker.find(order_id)
        if found is None:
            raise
        return found
    except BrokerError:
        broker.connect()
        return broker.cancel(order_id)
