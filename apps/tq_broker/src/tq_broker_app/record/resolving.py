"""Settling an order whose end nobody knows, by what a person has seen at the futures company."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from quant_platform_kit.domain.errors import InvalidInput, Refused
from quant_platform_kit.domain.orders import ExecutionReport, Fill, OrderState
from quant_platform_kit.domain.runs import OrderRecord, Transition
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.operate.audit import Operator
from quant_platform_kit.services.operate.owners import accounts_in
from quant_platform_kit.services.record.leases import lease_at

from tq_broker_app.record.order_book import OrderBook, lease_key
from tq_broker_app.trading.plans import Child, ParentPlan, parent_of
from tq_broker_app.trading.progress import Event, Progress

__all__ = ["Evidence", "Known", "Settled", "Waiting", "progress_after", "settle", "waiting", "waiting_for"]

BY_OPERATOR = "resolved by "
"""What the note of a step begins with that a person has decided on."""
OPEN = (OrderState.UNKNOWN, OrderState.SENT)
CANDIDATE = re.compile(r"SERVER\.[^\s,;]+")


@dataclass(frozen=True, slots=True)
class Waiting:
    """A child whose end is not known."""

    plan: ParentPlan
    child: Child
    record: OrderRecord

    @property
    def note(self) -> str:
        """Why, in the words of the ledger."""
        return next((step.note for step in reversed(self.record.transitions) if step.note), "")

    @property
    def candidates(self) -> Sequence[str]:
        """Orders at the exchange that may be it."""
        return CANDIDATE.findall(self.note)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a person has seen.

    Attributes
    ----------
    filled
        Lots; 0 for an order that never traded.
    price
        Volume-weighted mean of the fills, in CNY; None where there are none.
    reason
        Where it was seen, in words.
    """

    filled: int
    price: Decimal | None
    reason: str


@dataclass(frozen=True, slots=True)
class Known:
    """What ``order_history`` has of an order: lots, their mean price, and the exchange's id."""

    status: str
    filled: int
    price: Decimal | None
    exchange_order_id: str = ""


@dataclass(frozen=True, slots=True)
class Settled:
    """An order that was settled; ``changed`` is False where it had been settled so before."""

    waiting: Waiting
    changed: bool


def waiting(store: VersionedStore, portfolio_id: str) -> Iterator[Waiting]:
    """Yield the children of a portfolio that the ledger does not know the end of, and that may have been sent."""
    for account in accounts_in(store):
        book = OrderBook(store, account)
        for day in book.open_days():
            states = book.sent_on(day)
            for order_id in sorted(name for name, state in states.items() if state in OPEN):
                plan = book.plan_of(order_id)
                if plan.wanted.portfolio_id == portfolio_id:
                    yield _waiting(book, plan, order_id)


def waiting_for(store: VersionedStore, portfolio_id: str, order_id: str) -> Waiting:
    """Return the child that an id stands for: its own, or that of an order with one child.

    Raises
    ------
    Refused
        There is no such order of the portfolio, it has several children, or none.
    """
    plan = OrderBook(store, "").plan(parent_of(order_id))
    if plan is None or plan.wanted.portfolio_id != portfolio_id:
        raise Refused(f"order {order_id}: portfolio {portfolio_id} has no such order; `tq-broker resolve` lists some")
    if not plan.children:
        raise Refused(f"order {order_id}: nothing of it was ever sent: {plan.refused}")
    ids = [child.order_id for child in plan.children]
    if order_id not in ids:
        raise Refused(f"order {order_id} has the parts {', '.join(ids)}: name the one that is UNKNOWN")
    return _waiting(OrderBook(store, plan.account_id), plan, order_id)


def settle(operator: Operator, found: Waiting, evidence: Evidence, known: Known | None) -> Settled:
    """Record what became of an order; asked again with the same evidence it changes nothing.

    Parameters
    ----------
    known
        The row of the order, None if there is none.

    Raises
    ------
    InvalidInput
        The figures do not fit; nothing was changed.
    Refused
        The order is not UNKNOWN; nothing was changed.
    """
    _check(found.child, evidence, known)
    record, state = found.record, _state(found.child, evidence)
    if _settled_so(record, state, evidence):
        return Settled(found, changed=False)
    lost = record.state is OrderState.ACKNOWLEDGED and known is not None and known.status == "UNKNOWN"
    if record.state is not OrderState.UNKNOWN and not lost:
        raise Refused(f"order {found.child.order_id} is {record.state.value}, not UNKNOWN: there is nothing to settle")
    plan = found.plan
    operator.audit(
        "resolve",
        evidence.reason,
        account=plan.account_id,
        order=found.child.order_id,
        filled=evidence.filled,
        price=evidence.price,
    )
    lease = lease_at(operator.store, lease_key(plan.account_id))
    note = f"{BY_OPERATOR}{operator.who}: {evidence.reason}"
    step = Transition(
        state, lease.epoch if lease else 0, operator.store.now(), _execution(operator, record, evidence), note
    )
    steps = OrderBook(operator.store, plan.account_id).steps(plan.trading_day)
    return Settled(Waiting(plan, found.child, steps.record(record, step)), changed=True)


def progress_after(settled: Waiting, others: Mapping[str, OrderRecord], rows: Mapping[str, Known]) -> Progress | None:
    """Return where an order stands with a child of it settled; None while the end of another child is not known.

    Parameters
    ----------
    others
        What the ledger knows of all children, by id.
    rows
        What ``order_history`` has of the order and its children, by id.
    """
    plan = settled.plan
    fills: list[tuple[int, Decimal]] = []
    for child in plan.children:
        own = settled.record if child is settled.child else others[child.order_id]
        if (end := _end(own, rows.get(child.order_id))) is None:
            return None
        fills += [end] if end[0] else []
    filled = sum(volume for volume, _ in fills)
    ids = [rows[child.order_id].exchange_order_id for child in plan.children if child.order_id in rows]
    return Progress(
        exchange_order_id=",".join(name for name in ids if name),
        finished=True,
        filled=filled,
        average_price=sum((price * volume for volume, price in fills), Decimal(0)) / filled if filled else None,
        event=Event.COMPLETE_FILL if filled == plan.wanted.volume else Event.CANCELLED,
        inserted_at=None,
        reason=settled.note,
    )


def _waiting(book: OrderBook, plan: ParentPlan, order_id: str) -> Waiting:
    child = next(each for each in plan.children if each.order_id == order_id)
    return Waiting(plan, child, book.steps(plan.trading_day).reread(OrderRecord(plan.order(child))))


def _check(child: Child, evidence: Evidence, known: Known | None) -> None:
    if not 0 <= evidence.filled <= child.volume:
        raise InvalidInput(f"--filled is {evidence.filled}; order {child.order_id} was for {child.volume} lots")
    if known is not None and evidence.filled < known.filled:
        raise InvalidInput(f"--filled is {evidence.filled}; order_history has {known.filled} lots already")
    if evidence.filled and evidence.price is None:
        raise InvalidInput("an order that has traded has a price: give --price, the mean of its fills in CNY")
    if not evidence.filled and evidence.price is not None:
        raise InvalidInput(f"--price is {evidence.price}, but --filled 0 says that it never traded")
    if evidence.price is not None and not (evidence.price.is_finite() and evidence.price > 0):
        raise InvalidInput(f"--price is {evidence.price}; it is a positive number")


def _state(child: Child, evidence: Evidence) -> OrderState:
    return OrderState.FILLED if evidence.filled == child.volume else OrderState.CANCELLED


def _settled_so(record: OrderRecord, state: OrderState, evidence: Evidence) -> bool:
    """Whether a person has said the same before: a command that was interrupted may have more to do."""
    last = record.transitions[-1] if record.transitions else None
    return (
        last is not None
        and last.note.startswith(BY_OPERATOR)
        and last.state is state
        and record.filled == evidence.filled
        and (not evidence.filled or _mean(record) == evidence.price)
    )


def _execution(operator: Operator, record: OrderRecord, evidence: Evidence) -> ExecutionReport | None:
    if not evidence.filled or evidence.price is None:
        return None
    order, now, volume = record.order, operator.store.now(), Decimal(evidence.filled)
    identity = f"operator-{order.client_order_id}"
    fill = Fill(order.client_order_id, order.symbol, order.side, volume, evidence.price, Decimal(0), now, identity)
    state = OrderState.FILLED if volume == order.quantity else OrderState.CANCELLED
    return ExecutionReport(order, state, (fill,))


def _end(record: OrderRecord, row: Known | None) -> tuple[int, Decimal] | None:
    """Return the lots that a child has traded and their mean price; None while that may change."""
    if record.state.terminal:
        return int(record.filled), _mean(record) or Decimal(0)
    if row is not None and row.status == "FINISHED":
        return row.filled, row.price or Decimal(0)
    return None


def _mean(record: OrderRecord) -> Decimal | None:
    fills = record.execution.fills if record.execution else ()
    return sum((fill.price * fill.quantity for fill in fills), Decimal(0)) / record.filled if fills else None
