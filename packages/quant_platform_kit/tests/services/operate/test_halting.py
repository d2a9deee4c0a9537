"""A halt stops what it names until it is lifted, and tells what it came too late for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.adapters.file_store import FileStore
from quant_platform_kit.domain.boundaries import Boundary
from quant_platform_kit.domain.errors import InvalidInput, StoreError
from quant_platform_kit.domain.orders import OrderState
from quant_platform_kit.domain.runs import Outcome
from quant_platform_kit.services.observe.readiness import make_sure_it_writes
from quant_platform_kit.services.operate.audit import Operator
from quant_platform_kit.services.operate.halting import halt_new, in_flight, is_new, services_of, set_halt
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


@pytest.fixture
def first(tmp_path: Path) -> Operator:
    """Return an operator at a store that nothing was written to."""
    return Operator(FileStore(tmp_path / "new"), SystemClock(), "mira")


def test_a_new_store_is_halted_once_and_stays_resumed(first: Operator, tmp_path: Path, tree: Tree) -> None:
    make_sure_it_writes(first.store)
    assert halt_new(first, "new").changed
    assert halts(first.store).on() == {"all"}
    set_halt(first, "all", "looked at", on=False)
    before = tree(tmp_path)
    again = halt_new(first, "new")
    assert (again.changed, again.entry and again.entry.on, halts(first.store).on()) == (False, False, frozenset())
    assert tree(tmp_path) == before


def test_a_store_that_anything_was_recorded_in_is_not_new(first: Operator) -> None:
    first.store.create("trades/solver.near/p000/open", b"{}")
    assert not halt_new(first, "new").changed
    assert halts(first.store).on() == frozenset()


def test_a_first_halt_that_was_killed_after_its_audit_is_asked_for_again(first: Operator) -> None:
    first.audit("halt", "new", switch="halts/all/000001-1-on", scope="all")
    assert is_new(first.store)
    assert halt_new(first, "new").changed
    assert halts(first.store).on() == {"all"}


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
