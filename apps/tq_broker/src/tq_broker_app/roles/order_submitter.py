"""tq_order_submitter: takes the orders of the engine, and brings each to the exchange at most once."""

from __future__ import annotations

import asyncio
from collections.abc import Container, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from weakref import WeakValueDictionary

from loguru import logger
from quant_platform_kit.domain.errors import Damaged, LeaseLost, StoreError
from quant_platform_kit.domain.orders import OrderState
from quant_platform_kit.domain.runs import OrderRecord
from quant_platform_kit.services.operate.owners import require_ownership

from tq_broker_app.bus.ports import BusDown, Queue
from tq_broker_app.errors import SessionOver
from tq_broker_app.messages import SubmitRequest
from tq_broker_app.record.order_book import AnotherOrder, OrderBook
from tq_broker_app.roles.parts import Parts, Point, in_thread
from tq_broker_app.roles.planning import Planner
from tq_broker_app.roles.reporting import child_row, order_row, order_update, refusal, unknown_rows
from tq_broker_app.roles.requests import Malformed, read_request, request_digest
from tq_broker_app.roles.right import Right
from tq_broker_app.roles.sending import Intent, Sender, unsent_ends
from tq_broker_app.roles.together import until_first
from tq_broker_app.roles.turns import Turn, Turns
from tq_broker_app.tq.reading import View
from tq_broker_app.tq.session import TqSession
from tq_broker_app.trading.checks import id_problem
from tq_broker_app.trading.plans import CLOSE_SUFFIX, CLOSETODAY_SUFFIX, ParentPlan, is_part, parent_of
from tq_broker_app.trading.progress import ChildEnd, progress_of
from tq_broker_app.trading.venue_orders import VenueOrder, VenueTrade

__all__ = ["OrderSubmitter"]

LINGERS = frozenset({OrderState.RECORDED, OrderState.SENT, OrderState.UNKNOWN})
"""States of a child whose way to the exchange is not told to its end; without any step it is RECORDED."""


@dataclass(slots=True)
class OrderSubmitter:
    """Orders on their way.

    Parameters
    ----------
    holder
        Who holds the right to send, in words.
    """

    parts: Parts
    session: TqSession
    holder: str
    book: OrderBook = field(init=False)
    right: Right = field(init=False)
    sender: Sender = field(init=False)
    planner: Planner = field(init=False)
    _turns: Turns = field(default_factory=Turns)
    _one_by_one: WeakValueDictionary[str, asyncio.Lock] = field(default_factory=WeakValueDictionary[str, asyncio.Lock])

    def __post_init__(self) -> None:
        account = self.session.account_id
        self.book = OrderBook(self.parts.store, account)
        self.right = Right(self.parts, account, self.holder)
        self.sender = Sender(self.parts, self.session, self.book, self.right)
        self.planner = Planner(self.parts, self.session, sends_today=lambda: self.sender.departures.sends_today)

    async def run(self) -> None:
        """Take orders until cancelled; as long as another one is active, stand by."""
        at_once = self.parts.settings.submitter.prefetch
        consuming = self.parts.bus.consume(Queue.SUBMIT, self.handle, at_once=at_once, active=self)
        await until_first(self.right.keep(), consuming)

    async def activate(self) -> None:
        """Take the right to send, then find out what became of every order that the last one left on its way."""
        await self.right.take()
        self.sender.active_since = self.parts.clock.monotonic()
        tq = self.parts.settings.tq
        await in_thread(partial(require_ownership, self.parts.store, self.book.account_id, tq.service))
        await self.recover()

    async def stand_down(self) -> None:
        """Let a successor begin at once: whoever is not active does not keep the right from others."""
        with suppress(StoreError, LeaseLost):
            await self.right.give_back()

    async def recover(self) -> None:
        """Bring every order that was begun as far as it goes."""
        today = self.session.trading_day
        for day in sorted({*await in_thread(self.book.open_days), today}):
            states = await in_thread(partial(self.book.sent_on, day))
            if day == today:
                self.sender.departures.sends_today = len(states)
            for order_id in sorted(_unfinished(states)):
                await self._go_on(order_id)
            if day != today:
                await self._settle(day)

    async def _go_on(self, order_id: str) -> None:
        """Bring an order further; one that cannot be is told in the log, and keeps no other from being sent."""
        try:
            await self.pursue(await in_thread(partial(self.book.plan_of, order_id)))
        except (SessionOver, LeaseLost, BusDown):
            raise
        except Exception as error:
            if isinstance(error, StoreError) and not isinstance(error, Damaged):
                raise
            logger.exception("order {} cannot be brought further: see `tq-broker resolve`", order_id)

    async def _settle(self, day: str) -> None:
        """Record that nothing of an earlier trading day is on its way any more, if that is so."""
        states = await in_thread(partial(self.book.sent_on, day))
        if LINGERS.isdisjoint(states.values()):
            await in_thread(partial(self.book.settle, day, self.parts.clock.now()))

    async def handle(self, body: bytes) -> None:
        """Process a request of the engine."""
        self.parts.reached(Point.TAKEN)
        async with self._turns.turn() as turn:
            request = read_request(SubmitRequest, body)
            if isinstance(request, Malformed):
                await self._refuse(request, body)
                return
            alone = self._one_by_one.setdefault(request.payload.order_id, asyncio.Lock())
            async with alone:
                await self._take(request, body, turn)

    async def _take(self, request: SubmitRequest, body: bytes, turn: Turn) -> None:
        asked = request.payload
        problem = id_problem(asked.order_id)
        if asked.portfolio_id != self.parts.portfolio:
            problem = f"portfolio_id {asked.portfolio_id!r}: this deployment trades {self.parts.portfolio}"
        if problem is not None:
            await self._refuse(Malformed(asked.order_id, asked.portfolio_id, problem), body)
            return
        await turn.near()
        plan = await self.planner.plan(request)
        try:
            recorded, intent = await self._recorded(plan, turn)
        except AnotherOrder as error:
            await self._refuse(Malformed(asked.order_id, asked.portfolio_id, str(error)), body)
            return
        await self.pursue(recorded, turn, is_new=recorded is plan, intent=intent)

    async def _recorded(self, plan: ParentPlan, turn: Turn) -> tuple[ParentPlan, Intent | None]:
        """Record a plan, or return the one recorded before; what a plan closes is reserved only if it counts.

        Where it may leave next, the intent to send its first child is recorded at once.
        """
        recorded: ParentPlan | None = None
        try:
            if plan.children and self.sender.departures.may_leave_at_once():
                intent = await self.sender.begin_new(plan, look=turn.is_first)
                if intent is not None:
                    recorded = plan
                    return plan, intent
            recorded = await in_thread(partial(self.book.record, plan))
            self.parts.reached(Point.PLANNED)
            return recorded, None
        finally:
            if recorded is not plan:
                self.planner.release(*(child.order_id for child in plan.children))

    async def pursue(
        self, plan: ParentPlan, turn: Turn | None = None, *, is_new: bool = False, intent: Intent | None = None
    ) -> None:
        """Bring all children of a plan as far as they go, and tell what the exchange will not tell."""
        records = {child.order_id: OrderRecord(plan.order(child)) for child in plan.children}
        if not is_new:
            records = await in_thread(partial(self.book.children, plan))
            self.planner.reserve(plan, {name for name, record in records.items() if record.state in LINGERS})
        turn, answers = turn or Turn(), dict[str, VenueOrder]()
        try:
            for child in plan.children:
                name, last = child.order_id, child is plan.children[-1]
                records[name], answer = await self.sender.bring(
                    plan, child, records[name], turn, last=last, intent=intent
                )
                intent = None
                if answer is not None:
                    answers[name] = answer
        finally:
            self.planner.release(*records)
        await self._tell(plan, records, answers, again=not is_new)
        self.parts.figures.count("requests", outcome="refused" if plan.refused else "taken")

    async def _tell(
        self, plan: ParentPlan, records: Mapping[str, OrderRecord], answers: dict[str, VenueOrder], *, again: bool
    ) -> None:
        """Tell where an order stands that was taken: no login may ever show it, as when its trading day ends now."""
        now, ends = self.parts.clock.now(), unsent_ends(records)
        orders, trades = answers, dict[str, list[VenueTrade]]()
        if again or answers.keys() != records.keys():
            orders, trades = await self.session.ask(partial(_shown, order_ids=records))
        lost = self._unknown(plan, records, ends, orders)
        for row in unknown_rows(plan, lost, now):
            await self.parts.publish(Queue.ORDERS, row)
        if lost:
            return
        progress = progress_of(plan, orders, trades, ends)
        told = order_row(plan, progress, now) if progress.event is None else order_update(plan, progress, now)
        await self.parts.publish(Queue.ORDERS, told)
        for child in plan.children:
            if is_part(child.order_id):
                order, own = orders.get(child.order_id), trades.get(child.order_id, [])
                await self.parts.publish(Queue.ORDERS, child_row(plan, child, order, own, ends, now))

    def _unknown(
        self,
        plan: ParentPlan,
        records: Mapping[str, OrderRecord],
        ends: Mapping[str, ChildEnd],
        shown: Container[str],
    ) -> dict[str, str]:
        """Return the children whose end nobody knows, or will see, with the reason.

        Their trading day is over, or the exchange took them and shows them no more: its gateway has lost its memory.
        """
        day = self.session.trading_day
        over = f"its trading day {plan.trading_day} is over, and no end of it was told"
        gone = f"the exchange took it, and the login of {day} does not show it: its gateway may have lost its memory"
        lost = {
            name: record.transitions[-1].note for name, record in records.items() if record.state is OrderState.UNKNOWN
        }
        for name, record in records.items():
            if name in ends or name in lost:
                continue
            if plan.trading_day != day:
                lost[name] = over
            elif record.state is OrderState.ACKNOWLEDGED and name not in shown:
                lost[name] = gone
        return lost

    async def _refuse(self, request: Malformed, body: bytes) -> None:
        answer = refusal(request, request_digest(body), self.parts.clock.now())
        logger.warning("request for order {} is REJECTED: {}", request.order_id, request.reason)
        self.parts.figures.count("requests", outcome="rejected")
        await self.parts.publish(Queue.ORDERS, answer)


def _unfinished(states: Mapping[str, OrderState]) -> set[str]:
    """Return the orders of a day with a child on its way; one part of two may have no step yet."""
    found: set[str] = set()
    for child, state in states.items():
        parent = parent_of(child)
        parts = [states.get(parent + end) for end in (CLOSE_SUFFIX, CLOSETODAY_SUFFIX)]
        if state in LINGERS or (is_part(child) and None in parts):
            found.add(parent)
    return found


def _shown(view: View, order_ids: Iterable[str]) -> tuple[dict[str, VenueOrder], dict[str, list[VenueTrade]]]:
    """Return orders and trades as the exchange shows them, of which it means a look at all."""
    return {order_id: view.order(order_id) for order_id in order_ids if view.knows(order_id)}, view.trades()
