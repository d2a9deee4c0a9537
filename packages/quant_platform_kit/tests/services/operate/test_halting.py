"""A halt stops what it names until it is lifted, and tells what it came too late for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from quant_platform_kit.domain.boundaries import Boundary
from quant_platform_kit.domain.errors import InvalidInput, StoreError
from quant_platform_kit.domain.orders import OrderState
from quant_platform_kit.domain.runs import Outcome
from quant_platform_kit.services.operate.audit import Operator
from quant_platform_kit.services.operate.halting import in_flight, services_of, set_halt
from quant_platform_kit.services.operate.owners import accounts_in
from quant_platform_kit.services.operate.switches import halt_words, halts

from ...lossy_account import TUE, Store, Tree, World


@pytest.mark.parametrize("scope", ["all", "service-cli", "account", "release-cli"])
def test_a_halted_account_trades_nothing_until_it_is_resumed(make_world: Callable[..., World], scope: str) -> None:
    world = make_world(lost=())
    scope = f"account-{world.account_id}" if scope == "account" else scope
    assert set_halt(world.operator, scope, "storm", on=True).changed
    halted = world.run(TUE)
    assert (halted.outcome, halted.orders) == (Outcome.BLOCKED, ())
    assert halt_words(scope) in halted.reasons[0]
    assert set_halt(world.operator, scope, "calm", on=False).changed
    assert world.run(TUE, "later").outcome is Outcome.COMPLETED
    assert world.commands == ["halt", "resume"]


@pytest.mark.parametrize(
    "scope", ["", "service", "service-", "release", "others-cli", "account-A/release-cli", "all\n"]
)
def test_a_scope_that_is_none_is_refused_and_nothing_is_written(world: World, tree: Tree, scope: str) -> None:
    before = tree(world.folder)
    for on in (True, False):
        with pytest.raises(InvalidInput, match="the scope of a halt is"):
            set_halt(world.operator, scope, "storm", on=on)
    assert tree(world.folder) == before


def test_halting_and_resuming_twice_change_nothing_the_second_time(world: World, tree: Tree) -> None:
    never = set_halt(world.operator, "all", "calm", on=False)
    assert (never.changed, never.entry) == (False, None)
    first = set_halt(world.operator, "all", "storm", on=True)
    before = tree(world.folder)
    second = set_halt(replace(world.operator, who="otto"), "all", "hail", on=True)
    assert (second.changed, second.entry) == (False, first.entry)
    assert tree(world.folder) == before
    assert first.entry is not None
    assert (first.entry.who, first.entry.why) == ("mira", "storm")


def test_the_call_that_a_halt_came_too_late_for_is_found(world: World) -> None:
    assert in_flight(world.store, world.account_id) is None
    world.die(Boundary.SENT_RECORDED)
    flight = in_flight(world.store, world.account_id)
    assert flight is not None
    assert flight.order is not None
    assert (flight.order.order.symbol, flight.order.state, flight.service) == ("AAA", OrderState.SENT, "cli")
    assert services_of(world.store, world.account_id) == {"cli"}
    assert accounts_in(world.store) == (world.account_id,)


def test_an_open_run_that_has_sent_nothing_is_named_without_an_order(world: World) -> None:
    world.die(Boundary.LEASE_TAKEN)
    flight = in_flight(world.store, world.account_id)
    assert flight is not None
    assert (flight.order, flight.service) == (None, None)


def test_a_switch_is_set_even_if_the_store_answers_late(world: World) -> None:
    class Slow(Store):
        def create(self, key: str, data: bytes) -> int:
            made = super().create(key, data)
            if key.startswith("halts/"):
                raise StoreError("no answer")
            return made

    with pytest.raises(StoreError):
        set_halt(Operator(Slow(world.folder / "store", world.clock), world.clock, "mira"), "all", "storm", on=True)
    assert halts(world.store).on() == {"all"}
    assert not set_halt(world.operator, "all", "storm", on=True).changed
