"""Making the plan of an order: checked, limited, and split where the exchange tells today's part from the rest."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.orders import Side
from quant_platform_kit.domain.trading_days import TradingHours, is_open, trading_day

from tq_broker_app.messages import SubmitRequest
from tq_broker_app.roles.parts import Parts
from tq_broker_app.tq.reading import View
from tq_broker_app.tq.session import TqSession
from tq_broker_app.trading.checks import age_problem, contract_problems, wanted_of
from tq_broker_app.trading.contracts import SPLIT_EXCHANGES, Contract
from tq_broker_app.trading.plans import Child, ParentPlan, Wanted, names_of
from tq_broker_app.trading.splitting import Reserved, TooLittle, split
from tq_broker_app.trading.venue_orders import children_shown

__all__ = ["Planner", "hours_problem"]


def hours_problem(parts: Parts, contract: Contract, shown_day: str) -> str | None:
    """Return why a contract does not trade now."""
    now = parts.clock.now()
    try:
        day = trading_day(parts.calendar, now)
        trades = is_open(parts.calendar, TradingHours.parse(contract.trading_time), now)
    except InvalidInput as error:
        return str(error)
    if not trades:
        return f"{contract.symbol} does not trade at {now.astimezone(parts.calendar.timezone):%Y-%m-%d %H:%M:%S %Z}"
    if f"{day:%Y%m%d}" != shown_day:
        return f"the trading day is {day:%Y%m%d}, and the login shows {shown_day}: log in again"
    return None


@dataclass(slots=True)
class Planner:
    """Makes plans, one after the other, so that no two orders close the same lots.

    Attributes
    ----------
    unsent
        Children that were planned and that the exchange may not show yet, with what they belong to.
    sends_today
        Orders sent on this trading day.
    """

    parts: Parts
    session: TqSession
    unsent: dict[str, tuple[Wanted, Child]] = field(default_factory=dict[str, tuple[Wanted, Child]])
    sends_today: Callable[[], int] = lambda: 0

    async def plan(self, request: SubmitRequest) -> ParentPlan:
        """Return the plan of an order; one that cannot be sent has no children and says why.

        One that the exchange shows already has the children that are shown there, whatever speaks against sending it.
        What it closes stays reserved until `release`.
        """
        wanted, now = wanted_of(request), self.parts.clock.now()
        problems = list(self._at_first_sight(request, now))

        def at_once(view: View) -> ParentPlan | None:
            if (found := self._found(view, wanted, now)) is not None:
                return found
            return self._refused(wanted, now, problems) if problems else self._planned_at_once(view, wanted, now)

        return await self.session.ask(at_once) or (
            await self.session.ask_async(lambda view: self._planned(view, wanted, now))
        )

    def reserve(self, plan: ParentPlan, order_ids: Container[str]) -> None:
        """Take note of children that may be on their way, from before a restart."""
        self.unsent |= {child.order_id: (plan.wanted, child) for child in plan.children if child.order_id in order_ids}

    def release(self, *order_ids: str) -> None:
        """Forget children that the exchange shows, or that came to nothing."""
        for order_id in order_ids:
            self.unsent.pop(order_id, None)

    def _at_first_sight(self, request: SubmitRequest, now: datetime) -> Iterator[str]:
        orders = self.parts.settings.orders
        if (problem := age_problem(request.timestamp, now, orders.max_age)) is not None:
            yield problem
        if self.sends_today() >= orders.max_actions_per_day:
            yield f"{orders.max_actions_per_day} orders were sent today, as many as may be"

    def _refused(self, wanted: Wanted, now: datetime, problems: list[str]) -> ParentPlan:
        day = self.session.trading_day
        return ParentPlan(wanted, self.session.account_id, day, (), now, "; ".join(problems))

    def _found(self, view: View, wanted: Wanted, now: datetime) -> ParentPlan | None:
        """Return the plan of an order that the exchange shows: if the ledger does not know it, the ledger has lost it.

        It is not split anew: what is held has changed since, and other parts would have other ids.
        """
        shown = [view.order(name) for name in names_of(wanted.order_id) if view.knows(name)]
        if not shown:
            return None
        if not (children := children_shown(wanted, shown)):
            names = ", ".join(order.order_id for order in shown)
            return self._refused(wanted, now, [f"order_id {wanted.order_id}: the exchange has another order, {names}"])
        lots = sum(child.volume for child in children)
        rest = "" if lots == wanted.volume else f"the exchange has {lots} of {wanted.volume} lots; the rest is not sent"
        return ParentPlan(wanted, view.account_id, view.trading_day, children, now, rest)

    async def _planned(self, view: View, wanted: Wanted, now: datetime) -> ParentPlan:
        """Return a plan, in the thread of the TqApi: nothing comes between reading the position and reserving it."""
        if await view.contract(wanted.symbol) is None:
            return self._refused(wanted, now, [f"symbol {wanted.symbol}: no future of that name is listed today"])
        plan = self._planned_at_once(view, wanted, now)
        assert plan is not None, "the contract is known now"
        return plan

    def _planned_at_once(self, view: View, wanted: Wanted, now: datetime) -> ParentPlan | None:
        """Return a plan, None where the contract has to be asked for first."""
        if (known := view.known_contract(wanted.symbol)) is None:
            return None
        contract, quote = known
        problems = list(contract_problems(wanted, contract, quote, self.parts.settings.orders))
        if (closed := hours_problem(self.parts, contract, view.trading_day)) is not None:
            problems.append(closed)
        problems += self._net_problems(view, wanted)
        if problems:
            return self._refused(wanted, now, problems)
        first = self.parts.settings.orders.first_of(contract.product)
        try:
            reserved = Reserved.of(self._closing(view, wanted))
            children = split(wanted, contract, view.holding(wanted.symbol, wanted.held_side), reserved, first)
        except TooLittle as error:
            return self._refused(wanted, now, [str(error)])
        plan = ParentPlan(wanted, view.account_id, view.trading_day, children, now)
        self.reserve(plan, {child.order_id for child in children})
        return plan

    def _closing(self, view: View, wanted: Wanted) -> Iterator[Child]:
        """Yield our own children on the same side that the exchange has not frozen lots for yet."""
        if wanted.symbol.partition(".")[0] not in SPLIT_EXCHANGES:
            return
        for other, child in tuple(self.unsent.values()):  # another thread releases meanwhile
            same = (other.symbol, other.held_side) == (wanted.symbol, wanted.held_side)
            if same and child.offset != "OPEN" and not _shown(view, child.order_id):
                yield child

    def _net_problems(self, view: View, wanted: Wanted) -> Iterator[str]:
        """Yield what is wrong should this order, and all others of its direction, trade, and none of the other one."""
        most = self.parts.settings.orders.max_net_position
        if most is None:
            return
        held = {side: view.holding(wanted.symbol, side) for side in ("long", "short")}
        net = sum(sign * (held[side].today + held[side].history) for side, sign in (("long", 1), ("short", -1)))
        pending = wanted.volume + sum(self._pending(view, wanted).values())
        after = net + pending if wanted.side is Side.BUY else net - pending
        if after > most if wanted.side is Side.BUY else after < -most:
            yield f"net position of {wanted.symbol} would be {after} with all open orders, at most {most} may be"

    def _pending(self, view: View, wanted: Wanted) -> Mapping[str, int]:
        """Return the lots that open orders of the same symbol and direction may still trade, by order id."""
        shown = {
            order.order_id: order.volume_left
            for order in view.orders().values()
            if (order.symbol, order.direction) == (wanted.symbol, wanted.direction) and order.alive
        }
        planned = {
            order_id: child.volume
            for order_id, (other, child) in tuple(self.unsent.items())
            if (other.symbol, other.direction) == (wanted.symbol, wanted.direction) and not view.knows(order_id)
        }
        return {**planned, **shown}


def _shown(view: View, order_id: str) -> bool:
    """Whether the exchange has answered to an order: its lots are frozen, or free again."""
    return view.knows(order_id) and view.answered(order_id)
