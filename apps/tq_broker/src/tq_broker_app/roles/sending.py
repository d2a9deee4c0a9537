"""Bringing the children of a plan to the exchange: at most once each, and found again after any crash."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import NamedTuple, TypeVar

from loguru import logger
from quant_platform_kit.domain.errors import Conflict, LeaseLost
from quant_platform_kit.domain.orders import ExecutionReport, OrderState
from quant_platform_kit.domain.runs import OrderRecord, Transition
from quant_platform_kit.runtime.gathering import Gathering
from quant_platform_kit.services.operate.switches import switch_prefixes
from quant_platform_kit.services.record.listing import Listing
from quant_platform_kit.services.record.objects import encode
from quant_platform_kit.services.record.order_steps import followed

from tq_broker_app.errors import SessionOver
from tq_broker_app.record.order_book import OrderBook
from tq_broker_app.roles.departing import Departing, Departures
from tq_broker_app.roles.parts import Parts, Point, in_thread
from tq_broker_app.roles.planning import hours_problem
from tq_broker_app.roles.right import Right
from tq_broker_app.roles.turns import Turn
from tq_broker_app.tq.reading import View
from tq_broker_app.tq.sending import answer_to
from tq_broker_app.tq.session import TqSession
from tq_broker_app.trading.plans import Child, ParentPlan
from tq_broker_app.trading.progress import ChildEnd
from tq_broker_app.trading.venue_orders import VenueOrder, look_alikes, same_order

__all__ = ["REFUSED", "Brought", "Intent", "Sender", "unsent_ends"]

T = TypeVar("T")
REFUSED = "refused: "
"""What the note of a child begins with that one of our gates kept from being sent; others were cancelled."""
CLOCK_TOLERANCE_SECONDS = 5.0
"""How far the exchange's clock may be behind ours."""
FRESH = timedelta(seconds=1)
"""A plan that is younger has just been checked against the contract and its hours."""


def unsent_ends(records: Mapping[str, OrderRecord]) -> dict[str, ChildEnd]:
    """Return how children ended that no login shows, by id: never sent, or settled by a person."""
    ends: dict[str, ChildEnd] = {}
    for order_id, record in records.items():
        last = record.transitions[-1] if record.transitions else None
        if last is None or not last.state.terminal:
            continue
        if last.execution is None:
            state = OrderState.REJECTED if last.note.startswith(REFUSED) else OrderState.CANCELLED
            ends[order_id] = ChildEnd(state, last.note.removeprefix(REFUSED))
        elif last.note:
            fills = [(int(fill.quantity), fill.price) for fill in last.execution.fills]
            ends[order_id] = ChildEnd(last.state, last.note, tuple(fills))
    return ends


class Brought(NamedTuple):
    """How far a child has come: what the ledger knows, and what the exchange has answered where it just did."""

    record: OrderRecord
    answer: VenueOrder | None = None


class Intent(NamedTuple):
    """That a child is about to be sent, recorded, and what speaks against it that was read after that.

    Attributes
    ----------
    off
        Switches that forbid it; None where they are read when its turn comes, as others are before it.
    """

    record: OrderRecord
    off: Sequence[str] | None
    cancelled: bool


@dataclass(slots=True)
class Sender:
    """Sends the children of plans under the right to send.

    Attributes
    ----------
    departures
        Where orders leave.
    active_since
        When the right to send was taken, on the clock's seconds: the last one may have sent until then.
    writing
        Steps of different orders that come at the same time are written together.
    """

    parts: Parts
    session: TqSession
    book: OrderBook
    right: Right
    active_since: float = 0.0
    departures: Departures = field(init=False)
    writing: Gathering = field(init=False)

    def __post_init__(self) -> None:
        self.departures = Departures(self.parts, self.session, self.right)
        self.writing = Gathering(self.parts.store)

    async def bring(
        self,
        plan: ParentPlan,
        child: Child,
        record: OrderRecord,
        turn: Turn,
        *,
        last: bool = True,
        intent: Intent | None = None,
    ) -> Brought:
        """Bring a child to the exchange, or find out what became of it.

        Parameters
        ----------
        turn
            It leaves when its turn has come; the last child gives it back once it has left, or will not leave.
        intent
            What `begin` returned, where that was called.

        Raises
        ------
        SessionOver
            The exchange did not answer: what became of the order is found out after the next login.
        LeaseLost
            Another one has the right to send.
        """
        if record.state in (OrderState.SENT, OrderState.UNKNOWN):
            record = await self._looked_up(plan, child, record)
        if record.state in (OrderState.RECORDED, OrderState.SENT):
            record = await self._sent(plan, child, record, turn, intent, last=last)
        if last:
            turn.give_back()
        return await self._answered(plan, child, record) if record.state is OrderState.SENT else Brought(record)

    async def _sent(
        self, plan: ParentPlan, child: Child, record: OrderRecord, turn: Turn, intent: Intent | None, *, last: bool
    ) -> OrderRecord:
        """Record the intent, read all switches, send: whoever sets a halt finds the intent of what may have passed."""
        again = record.state is OrderState.SENT
        if intent is None:
            await turn.near()
            if problem := await self._kept_back(plan):
                return await self._end(plan, child, record, REFUSED + problem)
            await self.right.require()
            intent = await self.begin(plan, child, record, look=turn.is_first)
        record, off, cancelled = intent
        if cancelled:
            return await self._end(plan, child, record, "cancelled before it was sent")
        left = await turn.leave(Departing(plan, child, off), self.departures.carry, last=last)
        if isinstance(left, str):
            return await self._end(plan, child, record, REFUSED + left)
        if isinstance(left, Exception):
            raise left
        if left is None:
            raise LeaseLost(f"order {child.order_id} was not sent: the right to send, or the trading day, is over")
        if not left:
            return await self._known(plan, child, record) or record
        self.parts.figures.count("orders", outcome="sent again" if again else "sent")
        self.parts.reached(Point.INSERTED)
        return record

    async def begin(self, plan: ParentPlan, child: Child, record: OrderRecord, *, look: bool) -> Intent:
        """Record the intent to send, then read what may speak against it.

        Parameters
        ----------
        look
            Whether switches are read: of no use for one that waits for others.
        """
        read = partial(self._objections, plan, child, look=look)
        record, (off, cancelled) = await self._followed(plan, record, self._intent(), read)
        self.parts.reached(Point.SENT)
        return Intent(record, off, cancelled)

    async def begin_new(self, plan: ParentPlan, *, look: bool) -> Intent | None:
        """Record a new plan and the intent to send its first child, both at once; None where either is there."""
        if plan.trading_day not in self.book.opened:
            await in_thread(partial(self.book.open_day, plan))
        first, step = plan.children[0], self._intent()
        try:
            off, cancelled = await self.writing.create(
                self.book.with_first_step(plan, step), partial(self._objections, plan, first, look=look)
            )
        except Conflict:
            return None
        self.parts.reached(Point.PLANNED)
        self.parts.reached(Point.SENT)
        return Intent(followed(OrderRecord(plan.order(first)), step), off, cancelled)

    def _intent(self) -> Transition:
        return Transition(OrderState.SENT, self.right.epoch, self.parts.clock.now())

    def _objections(self, plan: ParentPlan, child: Child, *, look: bool) -> tuple[list[str] | None, bool]:
        """List, in one step, whether a child is to be cancelled, and the switches if they are to be looked at."""
        switches = switch_prefixes(self.parts.settings.tq.mode) if look else ()
        listing = Listing(self.parts.store, (self.book.cancel_prefix(plan), *switches))
        return self.departures.switches(listing) if look else None, self.book.cancel_intended(plan, child, listing)

    async def _answered(self, plan: ParentPlan, child: Child, record: OrderRecord) -> Brought:
        seconds = self.parts.settings.submitter.answer_seconds
        begun = self.parts.clock.monotonic()
        try:
            async with asyncio.timeout(seconds):
                shown = await self.session.until(lambda view: answer_to(view, child.order_id))
        except TimeoutError:
            told = f"no answer to order {child.order_id} within {seconds:g} s: log in again and look"
            raise SessionOver(told) from None
        self.parts.figures.answered(self.parts.clock.monotonic() - begun)
        self.parts.reached(Point.ANSWERED)
        return Brought(await self._record_answer(plan, record, shown), shown)

    async def _record_answer(self, plan: ParentPlan, record: OrderRecord, shown: VenueOrder) -> OrderRecord:
        state = OrderState.REJECTED if shown.refused else OrderState.ACKNOWLEDGED
        told = shown.last_message if shown.refused else f"exchange order id {shown.exchange_order_id or 'not told yet'}"
        record = await self._step(plan, record, state, ExecutionReport(record.order, state, (), told))
        self.parts.figures.count("orders", outcome=state.value.lower())
        self.parts.reached(Point.ANSWER_RECORDED)
        return record

    async def _looked_up(self, plan: ParentPlan, child: Child, record: OrderRecord) -> OrderRecord:
        """Ask the exchange what became of an order that may have left; SENT if it certainly did not arrive."""
        if plan.trading_day != self.session.trading_day:
            return await self._unknown(plan, record, f"it was sent on {plan.trading_day}, and that day is over")
        await self._let_appear(record)
        shown, others = await self.session.ask(lambda view: _find(view, plan, child, record))
        if shown is not None:
            return await self._seen(plan, child, record, shown)
        if others:
            return await self._unknown(plan, record, f"it is not shown, and it may be one of {', '.join(others)}")
        return record

    async def _known(self, plan: ParentPlan, child: Child, record: OrderRecord) -> OrderRecord | None:
        """Record what became of a child that the exchange shows, None if it shows none of that id.

        A ledger from a backup may have lost that it was sent: then what is shown counts, not what forbids to send.
        """
        name = child.order_id
        shown = await self.session.ask(lambda view: view.order(name) if view.knows(name) else None)
        if shown is None:
            return None
        if not same_order(plan.wanted, child, shown):
            return await self._unknown(plan, record, "the exchange has another order under its id")
        if record.state is OrderState.RECORDED:
            record = await self._step(plan, record, OrderState.SENT, note="found at the exchange")
        return await self._seen(plan, child, record, shown)

    async def _seen(self, plan: ParentPlan, child: Child, record: OrderRecord, shown: VenueOrder) -> OrderRecord:
        """Record the answer to a child that is shown; one that only the client library may show yet is waited for."""
        if not shown.answered and child.order_id in self.departures.inserted:
            return (await self._answered(plan, child, record)).record
        return await self._record_answer(plan, record, shown)

    async def _let_appear(self, record: OrderRecord) -> None:
        """Wait until what was sent has appeared, if it arrived."""
        clock = self.parts.clock
        sent = max(step.at for step in record.transitions if step.state is OrderState.SENT)
        passed = min((clock.now() - sent).total_seconds(), clock.monotonic() - self.active_since)
        await asyncio.sleep(max(0.0, self.parts.settings.submitter.visibility_seconds - passed))

    async def _unknown(self, plan: ParentPlan, record: OrderRecord, note: str) -> OrderRecord:
        if record.state is OrderState.UNKNOWN:
            return record
        logger.error("order {} is UNKNOWN: {}; see `tq-broker resolve`", record.order.client_order_id, note)
        self.parts.figures.count("orders", outcome="unknown")
        return await self._step(plan, record, OrderState.UNKNOWN, note=note)

    async def _kept_back(self, plan: ParentPlan) -> str | None:
        """Return why a child may not be sent any more."""
        if plan.trading_day != self.session.trading_day:
            return f"its trading day {plan.trading_day} is over"
        age = self.parts.clock.now() - plan.received_at
        if age > self.parts.settings.orders.max_age:
            return f"it was received {age.total_seconds():.0f} s ago, and nothing shows that it was sent"
        if enough := self.departures.enough():
            return enough
        if age < FRESH:
            return None
        return await self.session.ask_async(lambda view: self._closed(view, plan))

    async def _closed(self, view: View, plan: ParentPlan) -> str | None:
        known = await view.contract(plan.wanted.symbol)
        if known is None:
            return f"symbol {plan.wanted.symbol} is not listed today"
        return hours_problem(self.parts, known[0], view.trading_day)

    async def _end(self, plan: ParentPlan, child: Child, record: OrderRecord, note: str) -> OrderRecord:
        """Record that a child will not be sent, unless the exchange shows it."""
        if (known := await self._known(plan, child, record)) is not None:
            return known
        self.parts.figures.count("orders", outcome="not sent")
        return await self._step(plan, record, OrderState.CANCELLED, note=note)

    async def _step(
        self,
        plan: ParentPlan,
        record: OrderRecord,
        state: OrderState,
        execution: ExecutionReport | None = None,
        note: str = "",
    ) -> OrderRecord:
        step = Transition(state, self.right.epoch, self.parts.clock.now(), execution, note)
        return (await self._followed(plan, record, step, _nothing))[0]

    async def _followed(
        self, plan: ParentPlan, record: OrderRecord, step: Transition, then: Callable[[], T]
    ) -> tuple[OrderRecord, T]:
        """Record the next step of a child, then do something in the same thread; see `OrderSteps.record`."""
        steps = self.book.steps(plan.trading_day)
        key = steps.next_key(record, step)
        try:
            value = await self.writing.create({key: encode(step, key)}, then)
        except Conflict:
            await in_thread(partial(steps.record, record, step))
            value = await in_thread(then)
        return followed(record, step), value


def _nothing() -> None:
    """Do nothing."""


def _find(view: View, plan: ParentPlan, child: Child, record: OrderRecord) -> tuple[VenueOrder | None, list[str]]:
    """Return an order under its own id, and those that may be it under an id of the gateway's."""
    if view.knows(child.order_id):
        return view.order(child.order_id), []
    assert record.first_sent is not None, "it was sent"
    others = look_alikes(plan, child, view.orders(), record.first_sent.timestamp(), CLOCK_TOLERANCE_SECONDS)
    return None, list(others)
