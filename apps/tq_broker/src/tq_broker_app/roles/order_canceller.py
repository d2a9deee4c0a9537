"""tq_order_canceller: a cancel is recorded, and repeated until the order has come to its end.

Only what is shown as alive is cancelled: the exchange drops a cancel that comes before its order. One that nobody has
submitted yet will not be sent.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial

from loguru import logger
from quant_platform_kit.domain.orders import OrderState

from tq_broker_app.bus.ports import Queue
from tq_broker_app.messages import CancelRequest, RequestAnswer
from tq_broker_app.record.order_book import CancelIntent, OrderBook
from tq_broker_app.roles.changes import Bell
from tq_broker_app.roles.parts import Parts, Point, in_thread
from tq_broker_app.roles.reporting import refusal
from tq_broker_app.roles.requests import Malformed, read_request, request_digest
from tq_broker_app.roles.sending import unsent_ends
from tq_broker_app.roles.together import until_first
from tq_broker_app.tq.reading import View
from tq_broker_app.tq.sending import cancel
from tq_broker_app.tq.session import TqSession
from tq_broker_app.trading.checks import id_problem
from tq_broker_app.trading.plans import names_of, parent_of
from tq_broker_app.trading.venue_orders import VenueOrder

__all__ = ["OrderCanceller"]

REPEAT_SECONDS, LONGEST_SECONDS = 1.0, 60.0
"""How long a cancel is waited for before it is sent again: twice as long each time, as outside of trading hours."""
SECOND = 1.0
AT_ONCE = 32


@dataclass(slots=True)
class OrderCanceller:
    """Cancels of one account."""

    parts: Parts
    session: TqSession
    book: OrderBook = field(init=False)
    _wanted: set[str] = field(default_factory=set[str])
    _next: dict[str, tuple[float, float]] = field(default_factory=dict[str, tuple[float, float]])
    _recent: deque[float] = field(default_factory=deque[float])

    def __post_init__(self) -> None:
        self.book = OrderBook(self.parts.store, self.session.account_id)

    async def run(self) -> None:
        """Take cancels, and repeat them, until cancelled."""
        self._wanted |= await in_thread(self.book.cancels)
        await until_first(self._repeat(), self.parts.bus.consume(Queue.CANCEL, self.handle, at_once=AT_ONCE))

    async def handle(self, body: bytes) -> None:
        """Process a cancel of the engine."""
        self.parts.reached(Point.TAKEN)
        request = read_request(CancelRequest, body)
        problem = request if isinstance(request, Malformed) else await self._problem(request)
        if problem is not None:
            logger.warning("cancel of order {} is REJECTED: {}", problem.order_id, problem.reason)
            now = self.parts.clock.now()
            await self.parts.publish(Queue.ORDERS, refusal(problem, request_digest(body), now, "CANCEL_REJECTED"))
            return
        assert not isinstance(request, Malformed), "it has no problem"
        order_id = request.payload.order_id
        intent = CancelIntent(request.request_id, self.parts.clock.now())
        await in_thread(partial(self.book.intend_cancel, order_id, intent))
        self.parts.reached(Point.INTENDED)
        self._wanted.add(order_id)
        for name in tuple(self._next):
            if order_id in (name, parent_of(name)):
                self._next.pop(name, None)  # whoever asks again does not wait for the next repetition
        if (answer := await self._answer(request, request_digest(body))) is not None:
            await self.parts.publish(Queue.ORDERS, answer)
        await self._cancel_shown()

    async def _problem(self, request: CancelRequest) -> Malformed | None:
        asked = request.payload
        reason = id_problem(parent_of(asked.order_id))
        if asked.portfolio_id != self.parts.portfolio:
            reason = f"portfolio_id {asked.portfolio_id!r}: this deployment trades {self.parts.portfolio}"
        plan = None if reason else await in_thread(partial(self.book.plan, parent_of(asked.order_id)))
        if plan is not None and plan.wanted.portfolio_id != self.parts.portfolio:
            reason = f"order_id {asked.order_id}: it is an order of portfolio {plan.wanted.portfolio_id}"
        return Malformed(asked.order_id, asked.portfolio_id, reason) if reason else None

    async def _answer(self, request: CancelRequest, digest: str) -> RequestAnswer | None:
        """Return what is to be answered at once; None where the order's own events will tell."""
        order_id = request.payload.order_id
        plan = await in_thread(partial(self.book.plan, parent_of(order_id)))
        if plan is None:
            shown = await self.session.ask(partial(_shown, order_ids=names_of(order_id)))
            lost = f"the exchange has {', '.join(shown)}, which the ledger does not know: submit it again to hear more"
            told = lost if shown else "no such order was submitted; it will not be sent"
            return self._answered(order_id, digest, "CANCEL_NOTED", told)
        children = [c.order_id for c in plan.children if order_id in (c.order_id, plan.wanted.order_id)]
        if not children:
            return self._answered(order_id, digest, "CANCEL_TOO_LATE", plan.refused or "the order has no such part")
        records = await in_thread(partial(self.book.children, plan))
        ends = unsent_ends(records)
        shown = await self.session.ask(partial(_shown, order_ids=children))
        if all(not shown[child].alive if child in shown else child in ends for child in children):
            return self._answered(order_id, digest, "CANCEL_TOO_LATE", "the order has come to its end")
        if plan.trading_day != self.session.trading_day:
            return self._answered(order_id, digest, "CANCEL_TOO_LATE", f"its trading day {plan.trading_day} is over")
        absent = [records[child] for child in children if child not in shown]
        notes = [record.transitions[-1].note for record in absent if record.state is OrderState.UNKNOWN]
        return self._answered(order_id, digest, "CANCEL_UNKNOWN", "; ".join(notes)) if notes else None

    def _answered(self, order_id: str, digest: str, status: str, reason: str) -> RequestAnswer:
        return RequestAnswer.model_validate(
            {
                "timestamp": self.parts.clock.now(),
                "portfolio_id": self.parts.portfolio,
                "order_id": order_id,
                "status": status,
                "reason": reason,
                "event_id": f"{order_id}:{status}:{digest}",
            }
        )

    async def _repeat(self) -> None:
        """Cancel whatever is shown alive and is to be cancelled, until the login is over."""
        bell = Bell(self.session)
        while True:
            await self._cancel_shown()
            await bell.wait(REPEAT_SECONDS)

    async def _cancel_shown(self) -> None:
        await self.session.ask(self._cancel_alive)

    def _cancel_alive(self, view: View) -> None:
        """Send the cancels that are due, in the thread of the TqApi; first those that were never sent."""
        now = self.parts.clock.monotonic()
        wanted = [each for each in view.order_ids() if each in self._wanted or parent_of(each) in self._wanted]
        known = {order_id: self._next.get(order_id, (0.0, REPEAT_SECONDS)) for order_id in wanted}
        for order_id, (due, pause) in sorted(known.items(), key=lambda each: each[1][0]):
            if now >= due and view.order(order_id).alive and self._may_send(now):
                cancel(view, order_id)
                self._next[order_id] = now + pause, min(2 * pause, LONGEST_SECONDS)
                self.parts.figures.count("cancels")

    def _may_send(self, now: float) -> bool:
        """Whether another cancel may be sent in this second; what may not is sent in the next."""
        most = self.parts.settings.orders.max_actions_per_second
        while self._recent and now - self._recent[0] >= SECOND:
            self._recent.popleft()
        if len(self._recent) >= most:
            return False
        self._recent.append(now)
        return True


def _shown(view: View, order_ids: Iterable[str]) -> Mapping[str, VenueOrder]:
    return {order_id: view.order(order_id) for order_id in order_ids if view.knows(order_id)}
