"""Plans: no two orders close the same lots, and none goes beyond a limit."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest
from tq_broker_app.messages import SubmitRequest
from tq_broker_app.roles.planning import Planner, hours_problem
from tq_broker_app.trading.contracts import Holding
from tq_broker_app.trading.plans import Child, ParentPlan

from .bad_inputs import order
from .frame import (
    BEAN,
    DAY,
    NEXT_DAY,
    NOW,
    PORTFOLIO,
    REBAR,
    Session,
    contract,
    later,
    make_parts,
    plan_of,
    venue_order,
    wanted,
)


def request(order_id: str, **payload: Any) -> SubmitRequest:
    return SubmitRequest.model_validate_json(json.dumps(order(order_id, NOW, PORTFOLIO, **payload)))


def closing(order_id: str, volume: int, **payload: Any) -> SubmitRequest:
    return request(order_id, direction="SELL", offset="CLOSE", volume=volume, limit_price=3499, **payload)


def with_planner(use: Callable[[Planner, Session], Awaitable[Any]], sends_today: int = 0, **orders: Any) -> Any:
    session = Session()
    session.view.holdings[REBAR, "long"] = Holding(today=3, history=2)

    async def run() -> Any:
        parts = make_parts(orders=orders)
        return await use(Planner(parts, session, sends_today=lambda: sends_today), session)  # type: ignore[arg-type]

    return asyncio.run(run())


def planned(*requests: SubmitRequest, sends_today: int = 0, **orders: Any) -> list[ParentPlan]:
    async def use(planner: Planner, _: Session) -> list[ParentPlan]:
        return [await planner.plan(each) for each in requests]

    return with_planner(use, sends_today, **orders)


def test_an_order_to_open_is_one_order_with_its_own_id() -> None:
    [plan] = planned(request("a"))
    assert (plan.children, plan.refused, plan.trading_day) == ((Child("a", "OPEN", 2),), "", DAY)


def test_two_orders_to_close_never_take_the_same_lots() -> None:
    first, second, third = planned(closing("a", 4), closing("b", 1), closing("c", 1))
    assert first.children == (Child("a_closetoday", "CLOSETODAY", 3), Child("a_close", "CLOSE", 1))
    assert second.children == (Child("b_close", "CLOSE", 1),)
    assert third.children == ()
    assert "0 of today and 0 of earlier days can be closed on the long side" in third.refused


def test_what_the_exchange_has_frozen_is_not_counted_twice() -> None:
    async def use(planner: Planner, session: Session) -> ParentPlan:
        await planner.plan(closing("a", 3))
        session.view.shown["a_closetoday"] = venue_order("a_closetoday", 3, 3)
        session.view.holdings[REBAR, "long"] = Holding(today=3, history=2, today_frozen=3)
        return await planner.plan(closing("b", 2))

    assert with_planner(use).children == (Child("b_close", "CLOSE", 2),)


def test_an_order_without_an_exchange_id_still_reserves_its_lots() -> None:
    async def use(planner: Planner, session: Session) -> ParentPlan:
        await planner.plan(closing("a", 5))
        session.view.shown["a_closetoday"] = venue_order("a_closetoday", 3, 3, exchange_order_id="")
        return await planner.plan(closing("b", 1))

    assert with_planner(use).refused


def test_lots_are_free_again_once_an_order_is_released() -> None:
    async def use(planner: Planner, _: Session) -> ParentPlan:
        plan = await planner.plan(closing("a", 5))
        planner.release(*(child.order_id for child in plan.children))
        return await planner.plan(closing("b", 5))

    assert len(with_planner(use).children) == 2


def test_the_other_side_and_other_symbols_are_not_reserved() -> None:
    async def use(planner: Planner, session: Session) -> list[ParentPlan]:
        session.view.holdings |= {(REBAR, "short"): Holding(today=5), ("SHFE.cu2505", "long"): Holding(today=5)}
        session.view.contracts["SHFE.cu2505"] = contract("SHFE.cu2505")
        await planner.plan(closing("a", 5))
        short = request("b", offset="CLOSE", volume=5)
        return [await planner.plan(each) for each in (short, closing("c", 5, symbol="SHFE.cu2505"))]

    assert [plan.refused for plan in with_planner(use)] == ["", ""]


def test_orders_from_before_a_restart_reserve_their_lots() -> None:
    async def use(planner: Planner, _: Session) -> ParentPlan:
        asked = wanted("old", "CLOSE", 5, direction="SELL")
        parts = Child("old_closetoday", "CLOSETODAY", 3), Child("old_close", "CLOSE", 2)
        planner.reserve(plan_of(asked, *parts), {"old_closetoday", "old_close"})
        return await planner.plan(closing("b", 1))

    assert with_planner(use).refused


def test_lots_may_be_released_while_a_plan_is_made() -> None:
    class Releasing(dict[str, Any]):
        """Lots of a side: the moment they are looked at, another thread releases an order."""

        planner: Planner

        def __contains__(self, order_id: object) -> bool:
            self.planner.release(str(order_id))
            return False

    async def use(planner: Planner, session: Session) -> ParentPlan:
        for number in range(3):
            planner.reserve(plan_of(wanted(f"o{number}", "CLOSE", 1, direction="SELL")), {f"o{number}"})
        session.view.shown = Releasing()
        session.view.shown.planner = planner
        return await planner.plan(closing("b", 1))

    assert with_planner(use, max_net_position=9).refused == ""


@pytest.mark.parametrize("first", ["today", "history"])
def test_a_product_may_close_another_part_first(first: str) -> None:
    [plan] = planned(closing("a", 4), split_first_by_product={"rb": first})
    assert [child.offset for child in plan.children] == (
        ["CLOSETODAY", "CLOSE"] if first == "today" else ["CLOSE", "CLOSETODAY"]
    )


def test_closetoday_becomes_close_where_there_is_no_such_thing() -> None:
    asked = request("a", symbol=BEAN, direction="SELL", offset="CLOSETODAY", limit_price=3499)
    [plan] = planned(asked, translate_closetoday=True)
    assert plan.children == (Child("a", "CLOSE", 2),)


def test_the_net_position_counts_what_is_held_open_and_planned() -> None:
    async def use(planner: Planner, session: Session) -> list[ParentPlan]:
        session.view.shown["other"] = venue_order("other", 9, 2)
        return [await planner.plan(request(name)) for name in "abc"]

    first, second, third = with_planner(use, max_net_position=11)
    assert (first.refused, second.refused) == ("", "")  # 5 held, 2 of another order, then 2 and 2
    assert "would be 13 with all open orders, at most 11 may be" in third.refused


def test_an_order_that_makes_a_net_position_smaller_is_never_refused_for_it() -> None:
    [plan] = planned(closing("a", 2), max_net_position=1)
    assert plan.refused == ""


def test_a_resting_order_of_the_other_direction_makes_no_room() -> None:
    async def use(planner: Planner, session: Session) -> ParentPlan:
        session.view.shown["other"] = venue_order("other", 100, 100, symbol=BEAN, direction="SELL")
        session.view.contracts[BEAN] = contract(BEAN)
        return await planner.plan(request("a", symbol=BEAN, volume=200))

    assert "would be 200 with all open orders, at most 100 may be" in with_planner(use, max_net_position=100).refused


@pytest.mark.parametrize(
    ("held", "asked", "refused"),
    [
        ({"short": 150}, ("BUY", 290), "would be 140"),
        ({"long": 150}, ("SELL", 290), "would be -140"),
        ({"short": 150}, ("BUY", 20), ""),
        ({"short": 150}, ("BUY", 250), ""),
        ({"long": 150}, ("SELL", 20), ""),
        ({"short": 150}, ("SELL", 1), "would be -151"),
    ],
)
def test_a_net_position_beyond_the_limit_may_become_smaller_and_no_other_one(
    held: dict[str, int], asked: tuple[str, int], refused: str
) -> None:
    async def use(planner: Planner, session: Session) -> ParentPlan:
        session.view.contracts[BEAN] = contract(BEAN)
        session.view.holdings |= {(BEAN, side): Holding(today=lots) for side, lots in held.items()}
        direction, volume = asked
        price = 3499 if direction == "SELL" else 3501
        return await planner.plan(request("a", symbol=BEAN, direction=direction, volume=volume, limit_price=price))

    told = with_planner(use, max_net_position=100, max_volume=500).refused
    assert refused in told if refused else told == ""


def test_a_short_net_position_is_limited_too() -> None:
    [plan] = planned(request("a", symbol=BEAN, direction="SELL", volume=3, limit_price=3499), max_net_position=2)
    assert "would be -3" in plan.refused


def test_no_more_orders_are_planned_than_may_be_sent_in_a_day() -> None:
    [plan] = planned(request("a"), sends_today=7, max_actions_per_day=7)
    assert (plan.children, plan.refused) == ((), "7 orders were sent today, as many as may be")


def test_all_reasons_are_told_at_once() -> None:
    [plan] = planned(request("a", limit_price=Decimal("2000.5").__float__(), volume=900))
    assert len(plan.refused.split("; ")) == 3


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, None), (20 * 60, "does not trade at 2025-03-11 10:20:00"), (3 * 86400 + 60, "the login shows 20250311")],
)
def test_orders_are_taken_while_a_contract_trades(seconds: float, said: str | None) -> None:
    parts = make_parts()
    parts.clock.instant = later(seconds)  # type: ignore[attr-defined]
    problem = hours_problem(parts, contract(), DAY)
    assert problem is None if said is None else said in (problem or "")


def test_a_night_session_belongs_to_the_next_trading_day() -> None:
    parts = make_parts()
    parts.clock.instant = later(11.5 * 3600)  # type: ignore[attr-defined]
    at_night = contract(trading_time={"day": [["09:00:00", "15:00:00"]], "night": [["21:00:00", "23:00:00"]]})
    assert hours_problem(parts, at_night, NEXT_DAY) is None
    assert "20250312" in (hours_problem(parts, at_night, DAY) or "")
