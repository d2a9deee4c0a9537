"""tq_order_monitor: tells what became of orders, derived anew from what a login shows.

It keeps nothing: after a restart it tells everything again, and the ids of events make that harmless.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial

from loguru import logger
from quant_platform_kit.domain.errors import Damaged
from quant_platform_kit.domain.orders import OrderState
from quant_platform_kit.domain.runs import OrderRecord

from tq_broker_app.bus.ports import Queue
from tq_broker_app.messages import OrderRowUpdate, OrdersSeen, OrderUpdate
from tq_broker_app.record.order_book import OrderBook
from tq_broker_app.roles.changes import Bell
from tq_broker_app.roles.parts import Parts, in_thread
from tq_broker_app.roles.reporting import child_row, order_row, order_update
from tq_broker_app.roles.sending import unsent_ends
from tq_broker_app.tq.session import TqSession
from tq_broker_app.tq.watching import OrderWatch
from tq_broker_app.trading.checks import id_problem
from tq_broker_app.trading.plans import ParentPlan, is_part, parent_of
from tq_broker_app.trading.progress import ChildEnd, Progress, progress_of
from tq_broker_app.trading.venue_orders import VenueOrder, VenueTrade

__all__ = ["OrderMonitor"]

LATE_SECONDS = 60.0
"""An order that has come to its end, and whose trades do not add up after so long, is told of in the log."""

AGAIN_SECONDS = 0.5
"""How long after a look the ledger is asked again for parts that are not shown: they may have ended unsent."""

Told = OrderUpdate | OrderRowUpdate


@dataclass(slots=True)
class OrderMonitor:
    """Watches the orders of one account."""

    parts: Parts
    session: TqSession
    book: OrderBook = field(init=False)
    _watch: OrderWatch = field(default_factory=OrderWatch)
    _orders: dict[str, VenueOrder] = field(default_factory=dict[str, VenueOrder])
    _trades: dict[str, list[VenueTrade]] = field(default_factory=dict[str, list[VenueTrade]])
    _plans: dict[str, ParentPlan] = field(default_factory=dict[str, ParentPlan])
    _foreign: set[str] = field(default_factory=set[str])
    _told: dict[str, str] = field(default_factory=dict[str, str])
    _absent: set[str] = field(default_factory=set[str])
    _waiting: dict[str, float] = field(default_factory=dict[str, float])

    def __post_init__(self) -> None:
        self.book = OrderBook(self.parts.store, self.session.account_id)

    async def run(self) -> None:
        """Tell of all orders, then of every change, until the login is over."""
        bell = Bell(self.session)
        await self._look()
        await self._tell_all_seen()
        asked = claimed = self.parts.clock.monotonic()
        while True:
            rung = await bell.wait(AGAIN_SECONDS if self._absent else LATE_SECONDS)
            await self._look()
            if (now := self.parts.clock.monotonic()) - asked >= AGAIN_SECONDS or not rung:
                asked = now
                for order_id in tuple(self._absent):
                    await self._tell(self._plans[order_id])
            if now - claimed >= LATE_SECONDS:
                claimed = now
                await self._tell_of(tuple(self._foreign))  # their last change may have come before their plan
            self._warn_of_late_trades()

    async def _look(self) -> None:
        changes = await self.session.ask(self._watch.look)
        self._orders |= changes.orders
        for trade in changes.trades:
            self._trades.setdefault(trade.order_id, []).append(trade)
        await self._tell_of([*changes.orders, *(trade.order_id for trade in changes.trades)])
        self.parts.figures.set("orders_shown", "Orders that the login shows.", len(self._orders))

    async def _tell_of(self, order_ids: Iterable[str]) -> None:
        """Tell where the orders stand that orders at the exchange belong to."""
        parents = [await self._parent(order_id) for order_id in order_ids]
        for parent in dict.fromkeys(parents):
            if parent is not None:
                await self._tell(self._plans[parent])

    async def _parent(self, order_id: str) -> str | None:
        """Return whose child an order is; None for one that the ledger does not know.

        It is asked again whenever the order changes: one that it has lost it knows once the engine submits it again.
        """
        parent, is_new = parent_of(order_id), order_id not in self._foreign
        try:
            plan = await self._plan(parent)
        except Damaged as error:
            self._foreign.add(order_id)
            if is_new:
                logger.error("order {} cannot be told of: {}", order_id, error)
            return None
        own = plan is not None and plan.account_id == self.book.account_id
        if plan is not None and own and any(child.order_id == order_id for child in plan.children):
            self._foreign.discard(order_id)
            return parent
        self._foreign.add(order_id)
        if is_new:
            self.parts.figures.count("foreign_orders")
            logger.warning("order {}: the ledger does not know it; is it of another client of the account?", order_id)
        return None

    async def _plan(self, parent: str) -> ParentPlan | None:
        """Return the plan of an order; the ledger is not asked for ids that no engine may use."""
        if parent not in self._plans and id_problem(parent) is None:
            if (plan := await in_thread(partial(self.book.plan, parent))) is not None:
                self._plans[parent] = plan
        return self._plans.get(parent)

    async def _tell(self, plan: ParentPlan) -> None:
        try:
            records = await self._records(plan)
        except Damaged as error:
            self._absent.discard(plan.wanted.order_id)
            logger.error("order {} cannot be told of: {}", plan.wanted.order_id, error)
            return
        ends, now = unsent_ends(records), self.parts.clock.now()
        progress = progress_of(plan, self._orders, self._trades, ends)
        for child in plan.children:
            order, trades = self._orders.get(child.order_id), self._trades.get(child.order_id, [])
            if is_part(child.order_id) and (order is not None or child.order_id in ends):
                await self._publish(child_row(plan, child, order, trades, ends, now))
        self._take_note(plan, ends, progress)
        if any(record.state is OrderState.UNKNOWN and name not in self._orders for name, record in records.items()):
            return  # what nobody knows of a part, nobody knows of the order
        tell = order_row if progress.event is None else order_update
        await self._publish(tell(plan, progress, now))

    async def _records(self, plan: ParentPlan) -> dict[str, OrderRecord]:
        """Return what the ledger knows of the parts; nothing where the exchange shows all of them."""
        if all(child.order_id in self._orders for child in plan.children):
            return {}
        return await in_thread(partial(self.book.children, plan))

    async def _publish(self, message: Told) -> None:
        """Publish what was not told last: the time of telling does not count."""
        content = message.model_dump_json(exclude={"timestamp"})
        if self._told.get(message.order_id) != content:
            await self.parts.publish(Queue.ORDERS, message)
            self._told[message.order_id] = content

    async def _tell_all_seen(self) -> None:
        """Tell what the login shows, as of the time when it was asked for: what came later may not be in it yet."""
        shown = {*self._orders, *(parent_of(order_id) for order_id in self._orders)}
        await self.parts.publish(
            Queue.ORDERS,
            OrdersSeen(
                timestamp=self.session.asked_at,
                portfolio_id=self.parts.portfolio,
                trading_day=self.session.trading_day,
                order_ids=tuple(sorted(shown)),
            ),
        )

    def _take_note(self, plan: ParentPlan, ends: Mapping[str, ChildEnd], progress: Progress) -> None:
        """Note what an order waits for whose shown parts have ended: parts that are not shown, or trades."""
        order_id, ids = plan.wanted.order_id, [child.order_id for child in plan.children]
        ended = all(not self._orders[name].alive for name in ids if name in self._orders)
        absent = any(name not in self._orders and name not in ends for name in ids)
        if ended and absent:
            self._absent.add(order_id)
        else:
            self._absent.discard(order_id)
        if ended and not absent and not progress.finished:
            self._waiting.setdefault(order_id, self.parts.clock.monotonic())
        else:
            self._waiting.pop(order_id, None)

    def _warn_of_late_trades(self) -> None:
        now = self.parts.clock.monotonic()
        late = [order_id for order_id, since in self._waiting.items() if now - since > LATE_SECONDS]
        self.parts.figures.set("orders_without_trades", "Orders at their end whose trades do not add up.", len(late))
        for order_id in late:
            logger.error("order {} has come to its end, and its trades do not add up", order_id)
            self._waiting[order_id] = now
