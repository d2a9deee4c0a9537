"""Who does what the machine of a session says: records first, then acts, then records what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from quant_platform_kit.domain.errors import BrokerError, OrderRejected, QuantError
from quant_platform_kit.domain.orders import TRANSITIONS, ExecutionReport, OrderState
from quant_platform_kit.domain.redaction import redact
from quant_platform_kit.domain.runs import OrderRecord, Transition
from quant_platform_kit.services.operate.audit import Operator
from quant_platform_kit.services.operate.halting import set_halt
from quant_platform_kit.services.record.leases import AccountLease

from trading_playbook.dp20.outcome import Step
from trading_playbook.live.breakers import MOST_DRIFT
from trading_playbook.live.events import BarSeen, Decided, Event, Happening, Noted, Planned, Role, SlotEnded, Terms, Way
from trading_playbook.live.orders import Placed
from trading_playbook.live.ports import BarTold, Connection, LivePorts, OrderHint, Told
from trading_playbook.live.record import SessionRecord
from trading_playbook.live.session import LiveSession
from trading_playbook.live.sizing import foreign, halt_scope, quantity_of, switches
from trading_playbook.live.todo import Ask, Cancel, Declare, Drop, EndSlot, Enter, Note, Plan, Send, Todo

__all__ = ["Desk"]

NOTE_ERRORS_EVERY = timedelta(seconds=30)
"""From the third error in a row on, one is recorded so often."""
FEW = 3


@dataclass(slots=True)
class Desk:
    """One worker at one session, while it holds the account's lease.

    Attributes
    ----------
    resumed
        Whether another worker began the session: then an order is new only after the broker was asked for it.
    """

    terms: Terms
    session: LiveSession
    record: SessionRecord
    lease: AccountLease
    ports: LivePorts
    resumed: bool = False
    _planned_here: set[str] = field(default_factory=set[str])
    _asked_bars: set[int] = field(default_factory=set[int])
    _errors: int = 0

    # --- hearing -----------------------------------------------------------------------------------

    def read(self) -> None:
        """Take in what is recorded: events, then where each order stands."""
        for event in self.record.events():
            self.session.take(event)
            self.resumed = True
        known = self.record.steps.of_each(self.session.orders.by_id)
        for identity, placed in self.session.orders.by_id.items():
            self.session.progress(OrderRecord(placed.order, known[identity]))

    def hear(self, told: Told) -> None:
        """Record what the feed told."""
        match told:
            case BarTold(bar=bar, updated=updated):
                self._bar(Way.UPDATED if updated else Way.STREAM, bar)
            case Connection(up=up, text=text):
                self.note(Happening.CONNECTED if up else Happening.DISCONNECTED, text)
                if up:
                    self.fill_gap()
            case OrderHint(client_order_id=identity):
                self.session.hint(identity)

    def fill_gap(self) -> None:
        """Ask for the bars so far, and record those that were never told; without an answer the gap stays."""
        try:
            bars = self.ports.feed.so_far()
        except QuantError as error:
            self._failed(error)
            return
        for bar in bars:
            if not self.session.slots.knows(bar.minute):
                self._bar(Way.REST, bar)
        self.ports.reached("gap-filled")

    def note(self, what: Happening, text: str = "") -> None:
        """Record that something happened, and tell of it where somebody should know."""
        noted = Noted(self.ports.clock.now(), what, redact(text))
        self._keep(noted)
        self.ports.reached(f"{what.name.lower()}-noted")
        if what.alerts:
            self.ports.tell(self.terms, noted)

    def _bar(self, way: Way, bar: Sequence[float]) -> None:
        self._keep(BarSeen(self.ports.clock.now(), way, *bar))  # pyright: ignore[reportArgumentType]
        self.ports.reached("bar-recorded")

    def _keep(self, event: Event) -> None:
        """Record an event, and only then let it count."""
        self.record.append(event)
        self.session.take(event)

    def _failed(self, error: Exception) -> None:
        """Record that a call got no answer."""
        self._errors += 1
        last = self.session.noted.get(Happening.ERROR)
        if self._errors <= FEW or last is None or self.ports.clock.now() >= last.at + NOTE_ERRORS_EVERY:
            self.note(Happening.ERROR, f"{type(error).__name__}: {error}")

    def _answered(self) -> None:
        self._errors = 0
        self.session.breakers.answered()

    # --- doing -------------------------------------------------------------------------------------

    def do(self, todo: Todo) -> None:
        """Do one thing.

        Raises
        ------
        LeaseLost
            Another worker may be at it: nothing was sent.
        StoreError
            The store does not answer: nothing was sent.
        """
        match todo:
            case Declare(decision=decision):
                self._keep(Decided(self.ports.clock.now(), *decision))
                self.ports.reached("decision-recorded")
            case EndSlot(minute=minute):
                self._end_slot(minute)
            case Enter():
                self._enter()
            case Plan(role=role, quantity=quantity, stop=stop):
                self._plan(role, self._still_there(quantity) if role is Role.EXIT else quantity, stop)
            case Send() | Drop() | Ask() | Cancel():
                self._see_to(self.session.orders.by_id[todo.order_id], todo)
            case Note(what=what, text=text):
                if what is Happening.BREAKER:
                    self._halt(text)
                self.note(what, text)

    def _see_to(self, placed: Placed, todo: Send | Drop | Ask | Cancel) -> None:
        """Do something about an order."""
        match todo:
            case Send():
                self._send(placed)
            case Drop(why=why):
                self._step(placed, OrderState.CANCELLED, note=f"not sent: {why}")
            case Ask():
                self._ask(placed)
            case Cancel():
                self._cancel(placed)

    def check_clock(self) -> None:
        """Trip the breaker of a clock that is apart from the broker's."""
        try:
            drift = self.ports.drift()
        except BrokerError as error:
            self._failed(error)
            return
        if abs(drift) > MOST_DRIFT:
            text = f"clock: {drift.total_seconds():.1f} s apart, the bound is {MOST_DRIFT.total_seconds():.0f} s"
            self._halt(text)
            self.note(Happening.BREAKER, text)

    def _halt(self, text: str) -> None:
        """Halt the account's sessions with this symbol, until `quant resume`."""
        operator = Operator(self.ports.store, self.ports.clock, self.terms.service)
        set_halt(operator, halt_scope(self.terms.key.account_id, self.terms.symbol), text, on=True)

    def _end_slot(self, minute: int) -> None:
        if minute not in self._asked_bars:
            self._asked_bars.add(minute)
            self.fill_gap()
            return
        self._keep(SlotEnded(self.ports.clock.now(), minute))
        self.ports.reached("slot-ended")

    def _enter(self) -> None:
        """Plan the entry, or record what forbids it."""
        terms, broker = self.terms, self.ports.broker
        self.session.tried_to_enter(self.ports.clock.now())
        try:
            account = broker.account()
            working = broker.open_orders() if terms.key.mode.submits else ()
            objections = [*foreign(account, working, terms), *self.ports.objections(account)]
        except BrokerError as error:
            self._failed(error)
            return
        self._answered()
        if objections:
            self.note(Happening.FINDING, "; ".join(objections))
            return
        price = next(each.price for each in self.session.declared if each.step is Step.CONFIRMED)
        quantity, bound = quantity_of(account, Decimal(repr(price)), self.session.risk, terms)
        if not quantity:
            self.note(Happening.REFUSED, f"nothing can be bought: {bound}")
        elif off := switches(self.ports.store, terms):
            self.note(Happening.REFUSED, f"would buy {quantity} {terms.symbol}: {'; '.join(off)}")
        else:
            self._plan(Role.ENTRY, quantity, None)

    def _plan(self, role: Role, quantity: Decimal, stop: Decimal | None) -> None:
        if not quantity:
            return
        order = self.terms.order(role, len(self.session.orders), quantity, stop)
        self._planned_here.add(order.client_order_id)
        self._keep(Planned(self.ports.clock.now(), role, order))
        self.ports.reached(f"{role}-recorded")

    def _still_there(self, quantity: Decimal) -> Decimal:
        """Return how much of what is held the account has: what a person sold is not sold again."""
        try:
            there = self.ports.broker.account().quantities.get(self.terms.symbol, Decimal(0))
        except BrokerError as error:
            self._failed(error)
            return quantity
        if there < quantity:
            self.note(Happening.FINDING, f"{quantity} {self.terms.symbol} were bought, the account has {there}")
        return max(min(quantity, there), Decimal(0))

    def _send(self, placed: Placed) -> None:
        """Record that an order is about to leave, read the switches, then send it; see `Gateway.send` of the kit."""
        broker, role, identity = self.ports.broker, placed.role, placed.order.client_order_id
        fresh = identity in self._planned_here or placed.record.state is not OrderState.RECORDED
        if not fresh and not self._never_left(placed):
            return
        timeout = broker.traits.timeout
        self.lease.require(2 * timeout)
        self._step(placed, OrderState.SENT)
        self.ports.reached(f"{role}-sent-recorded")
        if role is Role.ENTRY and (off := switches(self.ports.store, self.terms)):
            self._step(placed, OrderState.CANCELLED, note=f"not sent: {'; '.join(off)}")
            return
        self.lease.require(timeout)
        try:
            report = broker.submit(placed.order)
        except OrderRejected as error:
            report = ExecutionReport(placed.order, OrderState.REJECTED, (), str(error))
        except BrokerError as error:
            self.session.hint(identity)
            self._failed(error)
            return
        self.ports.reached(f"{role}-sent")
        self._answer(placed, report)

    def _never_left(self, placed: Placed) -> bool:
        """Whether the broker does not know an order that nobody recorded to have sent."""
        self._planned_here.add(placed.order.client_order_id)
        try:
            found = self.ports.broker.find(placed.order.client_order_id)
        except BrokerError as error:
            self._planned_here.discard(placed.order.client_order_id)
            self._failed(error)
            return False
        if found is None:
            return True
        self.note(Happening.FINDING, f"the broker knows order {placed.order.client_order_id}; the ledger lost its step")
        self._step(placed, OrderState.UNKNOWN)
        self._answer(placed, found)
        return False

    def _ask(self, placed: Placed) -> None:
        identity, now = placed.order.client_order_id, self.ports.clock.now()
        self.lease.require(self.ports.broker.traits.timeout)
        try:
            found = self.ports.broker.find(identity)
        except BrokerError as error:
            self.session.asked(identity, now, found=True)
            self._failed(error)
            self._reconnect()
            return
        self._answered()
        self.session.asked(identity, now, found=found is not None)
        if found is not None:
            self._answer(placed, found)

    def _reconnect(self) -> None:
        try:
            self.ports.broker.connect()
        except BrokerError as error:
            self._failed(error)

    def _cancel(self, placed: Placed) -> None:
        self.session.cancelled(placed.order.client_order_id, self.ports.clock.now())
        try:
            report = self.ports.broker.cancel(placed.order.client_order_id)
        except BrokerError as error:
            self.session.hint(placed.order.client_order_id)
            self._failed(error)
            return
        self.ports.reached(f"{placed.role}-cancel-sent")
        self._answer(placed, report)

    def _answer(self, placed: Placed, report: ExecutionReport) -> None:
        """Record a broker's answer, if it says more than the ledger knows."""
        self._answered()
        self.session.asked(report.order.client_order_id, self.ports.clock.now(), found=True)
        report = ExecutionReport(placed.order, report.state, report.fills, redact(report.text))
        known = (placed.record.state, placed.record.execution) == (report.state, report)
        if known or report.state not in TRANSITIONS[placed.record.state]:
            return
        self._step(placed, report.state, report)
        self.ports.reached(f"{placed.role}-{report.state.value.lower().replace('_', '-')}")

    def _step(
        self, placed: Placed, state: OrderState, execution: ExecutionReport | None = None, *, note: str = ""
    ) -> None:
        step = Transition(state, self.lease.state.epoch, self.ports.clock.now(), execution, note)
        self.session.progress(self.record.steps.record(placed.record, step))
