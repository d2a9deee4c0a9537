"""The steps of orders below any key: read one order, some, or the newest of all."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from quant_platform_kit.adapters.clock import FrozenClock
from quant_platform_kit.domain.errors import Damaged, LeaseLost, Refused
from quant_platform_kit.domain.orders import Order, OrderState, Side
from quant_platform_kit.domain.runs import OrderRecord, Transition
from quant_platform_kit.ports.versioned_store import Stored
from quant_platform_kit.services.record.chain import Chain
from quant_platform_kit.services.record.objects import link_of
from quant_platform_kit.services.record.order_steps import OrderSteps

from ...exactly_once import MemoryStore, moment

AT = moment("2023-11-28 15:00")
ROOT = "accounts/DUSBX1/futures/20231129"
SENT, DONE = OrderState.SENT, OrderState.FILLED


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(FrozenClock(AT))


@pytest.fixture
def steps(store: MemoryStore) -> OrderSteps:
    return OrderSteps(store, ROOT)


def order(identity: str) -> OrderRecord:
    return OrderRecord(Order(identity, "SHFE.rb2405", Side.BUY, Decimal(2)))


def step(state: OrderState, seconds: int = 0, epoch: int = 1) -> Transition:
    return Transition(state, epoch, AT + timedelta(seconds=seconds))


def test_steps_are_objects_below_the_key_that_was_given(steps: OrderSteps, store: MemoryStore) -> None:
    record = steps.record(steps.record(order("a_1"), step(SENT)), step(DONE, 1))
    assert record.state is DONE
    assert store.keys("") == [f"{ROOT}/a_1.001", f"{ROOT}/a_1.002"]


def test_the_steps_of_one_order_are_not_those_of_one_that_begins_like_it(steps: OrderSteps) -> None:
    steps.record(order("a"), step(SENT))
    steps.record(order("a1"), step(SENT, 5))
    steps.record(order("a-1"), step(SENT, 6))
    assert steps.of("a") == (step(SENT),)
    assert steps.of("a1") == (step(SENT, 5),)
    assert steps.of("b") == ()


def test_the_newest_step_of_every_order_takes_one_listing_and_a_read_for_each(
    steps: OrderSteps, store: MemoryStore
) -> None:
    steps.record(steps.record(order("a"), step(SENT)), step(DONE, 1))
    steps.record(order("b"), step(SENT, 2))
    calls: list[str] = []
    store.fault = lambda operation, key, done: calls.append(operation)
    assert steps.newest() == {"a": step(DONE, 1), "b": step(SENT, 2)}
    assert calls == ["keys", "get", "get"]


def test_of_many_steps_the_last_is_the_newest(steps: OrderSteps) -> None:
    record = order("a")
    for number in range(1, 120):
        record = steps.record(record, step(SENT, number))
    assert steps.newest() == {"a": step(SENT, 119)}
    assert steps.of("a") == record.transitions


def test_orders_that_were_asked_for_are_read_and_no_others(steps: OrderSteps, store: MemoryStore) -> None:
    steps.record(order("a"), step(SENT))
    steps.record(order("stranger"), step(SENT))
    store.objects[f"{ROOT}/stranger.001"] = Stored(b"damaged", 1)
    assert steps.of_each(["b", "a"]) == {"b": (), "a": (step(SENT),)}


def test_what_belongs_to_another_day_is_another_order(steps: OrderSteps, store: MemoryStore) -> None:
    OrderSteps(store, "accounts/DUSBX1/futures/20231130").record(order("a"), step(SENT))
    assert steps.newest() == {}
    assert steps.of("a") == ()


def test_who_was_overtaken_is_told_so(steps: OrderSteps) -> None:
    steps.record(order("a"), step(SENT, epoch=2))
    with pytest.raises(LeaseLost, match="another worker recorded step 1 of a"):
        steps.record(order("a"), step(SENT, epoch=1))


def test_a_step_that_may_not_follow_is_refused(steps: OrderSteps, store: MemoryStore) -> None:
    with pytest.raises(Refused, match="order a is RECORDED; it cannot become FILLED"):
        steps.record(order("a"), step(DONE))
    assert store.keys("") == []


def test_a_step_that_was_moved_to_another_order_is_damage(steps: OrderSteps, store: MemoryStore) -> None:
    steps.record(order("a"), step(SENT))
    stored = store.get(f"{ROOT}/a.001")
    assert stored is not None
    store.create(f"{ROOT}/b.001", stored.data)
    for read in (steps.newest, lambda: steps.of("b"), lambda: steps.of_each(["b"])):
        with pytest.raises(Damaged, match=r"b\.001 was changed"):
            read()
    assert steps.of("a") == (step(SENT),)


def test_steps_have_their_place_in_a_chain(store: MemoryStore) -> None:
    steps = OrderSteps(store, ROOT, Chain(store, epoch=3))
    steps.record(steps.record(order("a"), step(SENT, epoch=3)), step(DONE, 1, epoch=3))
    links = [link_of(stored.data, key) for key in store.keys("") if (stored := store.get(key))]
    assert [(link.epoch, link.number) for link in links if link] == [(3, 1), (3, 2)]
