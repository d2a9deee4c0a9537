"""The one door to a broker: every order passes all gates here, immediately before it is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Protocol

from quant_platform_kit.domain.boundaries import Boundary
from quant_platform_kit.domain.cycle import ExecutionPolicy
from quant_platform_kit.domain.errors import OrderRejected
from quant_platform_kit.domain.gates import PRICE_JUMP, notional_gate, price_age_gate, session_gate
from quant_platform_kit.domain.identity import Mode
from quant_platform_kit.domain.orders import TRANSITIONS, ExecutionReport, Order, OrderState, with_plausible_prices
from quant_platform_kit.domain.portfolio import Quote
from quant_platform_kit.domain.redaction import redact
from quant_platform_kit.domain.runs import OrderRecord, Transition
from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.ports.broker import Broker
from quant_platform_kit.ports.clock import Clock
from quant_platform_kit.ports.resending import Resending
from quant_platform_kit.ports.tracing import NOT_TRACED, Tracer
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.operate.switches import switched_off
from quant_platform_kit.services.record.leases import AccountLease
from quant_platform_kit.services.record.ledger import RunLedger

__all__ = ["Gateway", "Reached"]


class Reached(Protocol):
    """Called at every `Boundary`; a fault campaign stops the worker there."""

    def __call__(self, boundary: Boundary) -> None:
        """Learn that ``boundary`` was reached."""
        ...


@dataclass(frozen=True, slots=True)
class Gateway:
    """What sending an order of one run needs.

    Attributes
    ----------
    prices
        Per symbol, what the plan was made at: what a broker's fills are held against.
    lost
        Halts that were set and that the store has lost, as a resumed run found when it took over: they go on halting.
    """

    broker: Broker
    store: VersionedStore
    clock: Clock
    calendar: ExchangeCalendar
    lease: AccountLease
    ledger: RunLedger
    policy: ExecutionPolicy
    service: str
    mode: Mode
    session: date
    prices: Mapping[str, Decimal]
    reached: Reached
    lost: Sequence[str] = ()
    tracer: Tracer = NOT_TRACED

    def forbidden(self, order: Order, quotes: Mapping[str, Quote]) -> list[str]:
        """Return what of prices, hours and limits forbids an order now; the switches are read by `send` itself."""
        now, limits = self.clock.now(), self.policy.limits
        quote = quotes.get(order.symbol)
        if quote is None:
            return [f"no price for {order.symbol}"]
        return [
            *session_gate(self.calendar.name, self.calendar.hours(self.session), now),
            *price_age_gate([quote], now, limits.max_price_age),
            *notional_gate([order], quotes, limits.max_order_notional),
        ]

    def send(self, record: OrderRecord) -> OrderRecord:
        """Record the intent to send, read the switches, then send; what the broker answers is recorded too.

        Halts are read last, after the intent is recorded: whoever sets one finds in the ledger every order that may
        have passed it.

        Raises
        ------
        StoreError
            The switches cannot be read, which is as good as halted: nothing was sent, and the run stays open.
        BrokerError
            No answer: the record says SENT, and only a look-up may tell what became of it.
        LeaseLost
            Another worker may be at it: nothing was sent.
        """
        timeout = self.broker.traits.timeout
        self.lease.require(2 * timeout)
        record = self.ledger.record(record, self.step(OrderState.SENT))
        self.reached(Boundary.SENT_RECORDED)
        if switched_off := self.switches():
            never_sent = sum(step.state is OrderState.SENT for step in record.transitions) == 1
            proven = never_sent or self.broker.traits.after_silence.absence_proves
            state = OrderState.CANCELLED if proven else OrderState.UNKNOWN
            return self.finish_as(record, state, "not sent: " + "; ".join(switched_off))
        self.lease.require(timeout)
        try:
            execution = self.broker.submit(record.order)
        except OrderRejected as error:
            execution = ExecutionReport(record.order, OrderState.REJECTED, (), str(error))
        self.reached(Boundary.ORDER_SENT)
        return self.answer(record, execution)

    def send_again(self, order: Order, broker: Resending) -> bool:
        """Send an order of an order test under its reference a second time; False where a switch forbids it.

        That it is about to be done is recorded first, and the halts are read last.

        Raises
        ------
        OrderRejected, BrokerError
            As `Resending.send_again`.
        """
        timeout = self.broker.traits.timeout
        self.lease.require(2 * timeout)
        self.ledger.record_again(order)
        self.reached(Boundary.SENT_RECORDED)
        if self.switches():
            return False
        self.lease.require(timeout)
        broker.send_again(order)
        self.reached(Boundary.ORDER_SENT)
        return True

    def answer(self, record: OrderRecord, execution: ExecutionReport) -> OrderRecord:
        """Record a broker's answer, if it says more than the ledger knows; an older one is passed over."""
        planned_at, limit = self.prices.get(record.order.symbol), self.policy.limits.price_jump or PRICE_JUMP
        execution = with_plausible_prices(replace(execution, text=redact(execution.text)), planned_at, limit)
        known = (record.state, record.execution) == (execution.state, execution)
        if known or execution.state not in TRANSITIONS[record.state]:
            return record
        record = self.ledger.record(record, self.step(execution.state, execution))
        self.reached(Boundary.ANSWER_RECORDED)
        return record

    def finish_as(self, record: OrderRecord, state: OrderState, note: str) -> OrderRecord:
        """Record a state that is not the broker's answer, and why."""
        return self.ledger.record(record, self.step(state, None, note))

    def step(self, state: OrderState, execution: ExecutionReport | None = None, note: str = "") -> Transition:
        """Return a transition of now."""
        return Transition(state, self.lease.state.epoch, self.clock.now(), execution, note)

    def switches(self) -> list[str]:
        """Return which switches forbid sending now; a store that cannot be read raises, and nothing is sent."""
        if not self.mode.submits:
            return [f"mode {self.mode.value} sends nothing"]
        return [*self.lost, *switched_off(self.store, self.service, self.broker.account_id, self.mode)]
