"""What became of an order, and how it is split: examples, and whatever chance finds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quant_platform_kit.domain.orders import OrderState
from tq_broker_app.settings import Split
from tq_broker_app.tq.watching import OrderWatch
from tq_broker_app.trading.contracts import Holding
from tq_broker_app.trading.plans import Child, ParentPlan, is_part, parent_of
from tq_broker_app.trading.progress import ChildEnd, Event, Progress, average_price, event_id, progress_of
from tq_broker_app.trading.splitting import Reserved, TooLittle, split
from tq_broker_app.trading.venue_orders import VenueOrder, VenueTrade, children_shown, look_alikes

from .frame import BEAN, NOW, View, contract, plan_of, venue_order, wanted

TWO = (Child("a_closetoday", "CLOSETODAY", 3), Child("a_close", "CLOSE", 2))
BOTH = plan_of(wanted(offset="CLOSE", volume=5), *TWO)
ONE = plan_of(wanted(volume=5))


def trade(order_id: str, volume: int, price: float, number: int = 0) -> VenueTrade:
    return VenueTrade(f"{order_id}|{number}", order_id, volume, Decimal(str(price)))


def progress(plan: ParentPlan, *orders: VenueOrder, trades: Sequence[VenueTrade] = (), **ends: ChildEnd) -> Progress:
    by_order: dict[str, list[VenueTrade]] = {}
    for each in trades:
        by_order.setdefault(each.order_id, []).append(each)
    return progress_of(plan, {order.order_id: order for order in orders}, by_order, ends)


def test_an_order_that_waits_for_its_first_fill_has_nothing_to_tell() -> None:
    found = progress(ONE, venue_order("a", 5, 5))
    assert (found.event, found.finished, found.average_price, found.exchange_order_id) == (None, False, None, "E-a")


def test_an_order_that_is_not_shown_has_nothing_to_tell() -> None:
    assert progress(ONE).event is None


def test_fills_are_those_of_trades_and_not_what_the_order_says() -> None:
    found = progress(ONE, venue_order("a", 5, 1), trades=[trade("a", 3, 3500)])
    assert (found.event, found.filled) == (Event.PARTIAL_FILL, 3)


def test_a_complete_fill_is_told_once_all_trades_are_there() -> None:
    told = [trade("a", 3, 3500), trade("a", 2, 3505, 1)]
    assert progress(ONE, venue_order("a", 5, 0), trades=told[:1]).event is Event.PARTIAL_FILL
    found = progress(ONE, venue_order("a", 5, 0), trades=told)
    assert (found.event, found.finished, found.average_price) == (Event.COMPLETE_FILL, True, Decimal(3502))


def test_all_lots_traded_are_no_end_before_the_order_says_so() -> None:
    found = progress(ONE, venue_order("a", 5, 2), trades=[trade("a", 5, 3500)])
    assert (found.event, found.finished, found.filled) == (None, False, 5)


def test_a_refusal_of_the_exchange_is_rejected_in_its_words() -> None:
    refused = venue_order("a", 5, 5, alive=False, is_error=True, exchange_order_id="", last_message="no money")
    found = progress(ONE, refused)
    assert (found.event, found.reason) == (Event.REJECTED, "no money")


def test_an_end_without_an_exchange_id_is_rejected_and_with_one_cancelled() -> None:
    ended = venue_order("a", 5, 5, alive=False)
    assert progress(ONE, replace(ended, exchange_order_id="")).event is Event.REJECTED
    assert progress(ONE, ended).event is Event.CANCELLED


def test_a_cancelled_order_keeps_its_fills() -> None:
    ended = venue_order("a", 5, 3, alive=False)
    assert progress(ONE, ended).event is None
    found = progress(ONE, ended, trades=[trade("a", 2, 3500)])
    assert (found.event, found.filled, found.finished) == (Event.CANCELLED, 2, True)


def test_what_a_person_has_seen_of_a_part_counts() -> None:
    seen = ChildEnd(OrderState.FILLED, "resolved by x", ((1, Decimal(3490)), (2, Decimal(3520))))
    found = progress(BOTH, venue_order("a_close", 2, 0), trades=[trade("a_close", 2, 3500)], a_closetoday=seen)
    assert (found.event, found.filled, found.average_price) == (Event.COMPLETE_FILL, 5, Decimal(3506))
    some = replace(seen, state=OrderState.CANCELLED, fills=((1, Decimal(3490)),))
    found = progress(BOTH, venue_order("a_close", 2, 0), trades=[trade("a_close", 2, 3500)], a_closetoday=some)
    assert (found.event, found.filled, found.finished) == (Event.CANCELLED, 3, True)


def test_what_a_login_shows_of_a_part_counts_more_than_what_a_person_has_seen() -> None:
    seen = ChildEnd(OrderState.FILLED, "resolved by x", ((3, Decimal(3490)),))
    found = progress(BOTH, venue_order("a_closetoday", 3, 3), a_closetoday=seen, a_close=ChildEnd(OrderState.CANCELLED))
    assert (found.event, found.filled, found.finished) == (None, 0, False)


def test_what_was_refused_before_it_was_sent_is_rejected() -> None:
    found = progress(plan_of(wanted(), refused="off tick"))
    assert (found.event, found.reason, found.finished) == (Event.REJECTED, "off tick", True)


@pytest.mark.parametrize(
    ("ends", "event"),
    [
        ((OrderState.REJECTED, OrderState.REJECTED), Event.REJECTED),
        ((OrderState.CANCELLED, OrderState.REJECTED), Event.CANCELLED),
        ((OrderState.CANCELLED, OrderState.CANCELLED), Event.CANCELLED),
    ],
)
def test_parts_that_were_never_sent_end_their_order(ends: tuple[OrderState, OrderState], event: Event) -> None:
    told = {child.order_id: ChildEnd(state, state.value) for child, state in zip(TWO, ends, strict=True)}
    assert progress(BOTH, **told).event is event


def test_an_order_of_two_parts_ends_when_both_have() -> None:
    first, second = venue_order("a_closetoday", 3, 0), venue_order("a_close", 2, 2)
    told = [trade("a_closetoday", 3, 3500), trade("a_close", 2, 3510)]
    assert progress(BOTH, first, second, trades=told[:1]).event is Event.PARTIAL_FILL
    found = progress(BOTH, first, replace(second, volume_left=0, alive=False), trades=told)
    assert (found.event, found.average_price) == (Event.COMPLETE_FILL, Decimal(3504))
    assert found.exchange_order_id == "E-a_closetoday,E-a_close"


def test_a_part_that_filled_and_one_that_was_held_back_are_cancelled_with_the_reason() -> None:
    end = ChildEnd(OrderState.REJECTED, "halted: all")
    found = progress(BOTH, venue_order("a_closetoday", 3, 0), trades=[trade("a_closetoday", 3, 3500)], a_close=end)
    assert (found.event, found.filled, found.reason) == (Event.CANCELLED, 3, "halted: all")


def test_ids_of_events_are_the_same_whenever_they_are_told() -> None:
    assert event_id("a", "PARTIAL_FILL", 3) == "a:PARTIAL_FILL:3"


def test_the_price_is_the_mean_weighted_by_volume() -> None:
    assert average_price([trade("a", 1, 10), trade("a", 3, 14)]) == Decimal(13)
    assert average_price([]) is None


def test_parts_name_their_parent() -> None:
    assert [parent_of(name) for name in ("a", "a_close", "a_closetoday", "a_closed")] == ["a", "a", "a", "a_closed"]
    assert [is_part(name) for name in ("a", "a_close", "a_closetoday")] == [False, True, True]


# --- diffs in any order ------------------------------------------------------------------------------


@st.composite
def _life(draw: st.DrawFn) -> tuple[list[VenueTrade], list[VenueOrder], list[Any]]:
    """Return all trades and the last state of both parts, and the diffs that tell of them in some order."""
    trades: list[VenueTrade] = []
    finals: list[VenueOrder] = []
    for child in TWO:
        filled = draw(st.integers(0, child.volume))
        for number in range(filled):
            trades.append(trade(child.order_id, 1, draw(st.integers(3400, 3600)), number))
        final = venue_order(child.order_id, child.volume, child.volume - filled, alive=False, offset=child.offset)
        taken = filled or draw(st.booleans())
        finals.append(final if taken else replace(final, exchange_order_id="", is_error=True))
    states = [
        replace(final, alive=True, volume_left=left, exchange_order_id=f"E-{final.order_id}", is_error=False)
        for final in finals
        for left in range(final.volume, final.volume_left - 1, -1)
    ]
    diffs: list[Any] = draw(st.permutations([*trades, *finals, *states]))
    again = draw(st.lists(st.sampled_from(diffs), max_size=5))
    return trades, finals, [*diffs, *again]


@given(_life(), st.data())
def test_whatever_the_order_of_diffs_one_end_is_told_and_it_is_the_same(
    life: tuple[list[VenueTrade], list[VenueOrder], list[Any]], data: st.DataObject
) -> None:
    trades, finals, diffs = life
    expected = progress(BOTH, *finals, trades=trades)
    view, watch = View(), OrderWatch()
    orders: dict[str, VenueOrder] = {}
    told: dict[str, list[VenueTrade]] = {}
    ends: list[Progress] = []
    for diff in diffs:
        if isinstance(diff, VenueOrder):
            shown = view.shown.get(diff.order_id)  # the exchange never takes back an end, nor what is filled
            if shown is None or (shown.alive and diff.volume_left <= shown.volume_left):
                view.shown[diff.order_id] = diff
        elif diff not in view.filled:
            view.filled.append(diff)
        if data.draw(st.booleans(), label="looks"):
            ends += _looked(watch, view, orders, told)
    ends += _looked(watch, view, orders, told)
    assert expected.finished
    assert expected.event is not None
    assert ends
    assert all(end.event is expected.event for end in ends)
    assert {end.filled for end in ends} == {len(trades)}
    assert all(end.average_price == expected.average_price for end in ends)


def _looked(
    watch: OrderWatch, view: View, orders: dict[str, VenueOrder], told: dict[str, list[VenueTrade]]
) -> list[Progress]:
    """Look, as the monitor does, and return the end that is told, if there is one."""
    changes = watch.look(view)  # type: ignore[arg-type]
    orders |= changes.orders
    for each in changes.trades:
        told.setdefault(each.order_id, []).append(each)
    found = progress_of(BOTH, orders, told, {})
    assert found.filled <= BOTH.wanted.volume
    if not (changes.orders or changes.trades) or not found.finished:
        assert not found.finished or found.event is not None
        return []
    return [found]


def test_closed_orders_are_not_looked_at_again() -> None:
    view, watch = View(), OrderWatch()
    view.shown["a"] = venue_order("a", 2, 0)
    assert set(watch.look(view).orders) == {"a"}  # type: ignore[arg-type]
    view.fill("a", 2, shows=False)
    assert [each.volume for each in watch.look(view).trades] == [2]  # type: ignore[arg-type]
    view.shown["a"] = None  # type: ignore[assignment]
    assert watch.look(view).orders == {}  # type: ignore[arg-type]


# --- orders under an id of the gateway's -------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "counts"),
    [
        ({}, True),
        ({"inserted_at": int((NOW.timestamp() - 4) * 1e9)}, True),
        ({"inserted_at": int((NOW.timestamp() - 6) * 1e9)}, False),
        ({"order_id": "other"}, False),
        ({"offset": "CLOSE"}, False),
        ({"direction": "SELL"}, False),
        ({"volume": 4}, False),
        ({"limit_price": None}, False),
        ({"symbol": BEAN}, False),
        ({"alive": False, "volume_left": 0}, True),
    ],
)
def test_a_nameless_order_of_the_same_content_since_then_may_be_it(changes: dict[str, Any], counts: bool) -> None:
    shown = replace(venue_order("SERVER.1.2.3", 5, 5), **changes)
    found = look_alikes(ONE, ONE.children[0], {shown.order_id: shown}, NOW.timestamp(), 5.0)
    assert found == ([shown.order_id] if counts else [])


# --- orders that the ledger has lost ---------------------------------------------------------------


def shown(order_id: str, volume: int, offset: str = "CLOSE", **changes: Any) -> VenueOrder:
    return venue_order(order_id, volume, offset=offset, **changes)


@pytest.mark.parametrize(
    ("orders", "found"),
    [
        (
            [shown("a_close", 2), shown("a_closetoday", 3, "CLOSETODAY")],
            ["a_close", "a_closetoday"],
        ),
        ([shown("a_close", 2)], ["a_close"]),
        ([shown("a", 5)], ["a"]),
        ([shown("a", 5, limit_price=None)], ["a"]),
        ([shown("a", 4)], []),
        ([shown("a", 6)], []),
        ([shown("a", 5), shown("a_close", 1)], []),
        ([shown("a", 5, "OPEN")], []),
        ([shown("a_close", 2), shown("a_closetoday", 3, "CLOSETODAY", direction="SELL")], []),
        ([shown("a", 5, symbol=BEAN)], []),
        ([shown("a", 5, limit_price=Decimal(3502))], []),
    ],
)
def test_orders_under_the_ids_of_an_order_are_its_parts_if_their_content_is_its_own(
    orders: list[VenueOrder], found: list[str]
) -> None:
    children = children_shown(wanted(offset="CLOSE", volume=5), orders)
    assert [child.order_id for child in children] == found
    assert [child.volume for child in children] == [order.volume for order in orders if found]


# --- splitting ---------------------------------------------------------------------------------------


def parts(
    volume: int, holding: Holding, reserved: Reserved | None = None, first: Split = Split.TODAY, **asked: Any
) -> list[tuple[str, str, int]]:
    asked = {"offset": "CLOSE", "direction": "SELL", **asked}
    made = split(
        wanted(volume=volume, **asked),
        contract(asked.get("symbol", "SHFE.rb2510")),
        holding,
        reserved or Reserved(),
        first,
    )
    return [(child.order_id, child.offset, child.volume) for child in made]


def test_today_is_closed_first_unless_the_settings_say_otherwise() -> None:
    held = Holding(today=3, history=2)
    assert parts(4, held) == [("a_closetoday", "CLOSETODAY", 3), ("a_close", "CLOSE", 1)]
    assert parts(4, held, first=Split.HISTORY) == [("a_close", "CLOSE", 2), ("a_closetoday", "CLOSETODAY", 2)]


def test_one_part_has_a_suffix_too() -> None:
    assert parts(2, Holding(today=3)) == [("a_closetoday", "CLOSETODAY", 2)]
    assert parts(2, Holding(history=3)) == [("a_close", "CLOSE", 2)]


def test_closetoday_is_one_order_with_its_own_id() -> None:
    assert parts(2, Holding(today=2), offset="CLOSETODAY") == [("a", "CLOSETODAY", 2)]
    with pytest.raises(TooLittle, match="2 of today"):
        parts(3, Holding(today=2, history=9), offset="CLOSETODAY")


def test_elsewhere_close_is_one_order_and_the_exchange_decides() -> None:
    assert parts(9, Holding(), symbol=BEAN) == [("a", "CLOSE", 9)]
    assert parts(9, Holding(), symbol=BEAN, offset="CLOSETODAY") == [("a", "CLOSE", 9)]
    assert parts(9, Holding(), offset="OPEN") == [("a", "OPEN", 9)]


LOTS = st.integers(0, 20)


@given(st.integers(1, 60), LOTS, LOTS, LOTS, LOTS, LOTS, LOTS, st.sampled_from(Split))
def test_parts_add_up_and_never_take_more_than_is_free(
    volume: int, today: int, history: int, frozen: int, old_frozen: int, own: int, old_own: int, first: Split
) -> None:
    holding = Holding(today, history, min(today, frozen), min(history, old_frozen))
    free = max(0, today - holding.today_frozen - own), max(0, history - holding.history_frozen - old_own)
    if volume > sum(free):
        with pytest.raises(TooLittle, match=f"{free[0]} of today and {free[1]} of earlier days"):
            parts(volume, holding, Reserved(own, old_own), first)
        return
    found = parts(volume, holding, Reserved(own, old_own), first)
    lots = {offset: part for _, offset, part in found}
    assert sum(lots.values()) == volume
    assert all(part > 0 for part in lots.values())
    assert lots.get("CLOSETODAY", 0) <= free[0]
    assert lots.get("CLOSE", 0) <= free[1]
    preferred = {Split.TODAY: ("CLOSETODAY", free[0]), Split.HISTORY: ("CLOSE", free[1])}[first]
    assert lots.get(preferred[0], 0) == min(preferred[1], volume)


def test_what_is_reserved_is_told_by_the_offset_of_each_part() -> None:
    children = [Child("a", "CLOSETODAY", 2), Child("b", "CLOSE", 3), Child("c", "OPEN", 9)]
    assert Reserved.of(children) == Reserved(today=2, history=3)
