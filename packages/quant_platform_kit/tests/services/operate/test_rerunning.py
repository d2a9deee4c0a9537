"""A rerun is leave for one more run, given once, and refused where the records forbid it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import pytest
from quant_platform_kit.domain.boundaries import Boundary
from quant_platform_kit.domain.errors import Refused
from quant_platform_kit.domain.runs import Outcome
from quant_platform_kit.services.operate.audit import Operator
from quant_platform_kit.services.operate.rerunning import rerun

from ...lossy_account import NOT_SENT, TUE, WED, Tree, World


def test_a_rerun_gives_leave_for_one_more_run_which_does_not_repeat_an_executed_decision(
    make_world: Callable[..., World],
) -> None:
    world = make_world(lost=())
    first = world.run(TUE)
    attempt = rerun(world.operator, world.account_id, first.run_id, "in doubt")
    assert (attempt.key.slot, attempt.key.session, attempt.opened) == ("cli+1", TUE, True)
    assert world.store.keys("reruns/") == [f"reruns/{first.run_id}/1"]
    held = world.held
    again = world.run(TUE, attempt.key.slot)
    assert (again.run_id, again.outcome, again.orders) == (attempt.key.run_id, Outcome.NO_ACTION, ())
    assert world.held == held
    assert world.commands == ["rerun"]


def test_an_attempt_that_nobody_used_is_not_opened_a_second_time(make_world: Callable[..., World], tree: Tree) -> None:
    world = make_world(lost=())
    first = world.run(TUE)
    opened = rerun(world.operator, world.account_id, first.run_id, "in doubt")
    before = tree(world.folder)
    again = rerun(replace(world.operator, who="otto"), world.account_id, first.run_id, "me too")
    assert (again.key, again.opened, again.who, again.why) == (opened.key, False, "mira", "in doubt")
    assert tree(world.folder) == before
    world.run(TUE, opened.key.slot)
    assert rerun(world.operator, world.account_id, first.run_id, "once more").key.slot == "cli+2"


def test_two_operators_who_ask_for_a_rerun_at_once_get_the_same_attempt(make_world: Callable[..., World]) -> None:
    world = make_world(lost=())
    first = world.run(TUE)
    start = Barrier(2)

    def ask(who: str) -> tuple[str, bool]:
        start.wait()
        attempt = rerun(Operator(world.store, world.clock, who), world.account_id, first.run_id, "in doubt")
        return attempt.key.slot, attempt.opened

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(ask, ("mira", "otto"))) == [("cli+1", False), ("cli+1", True)]


def test_no_rerun_while_an_order_is_unknown_a_run_is_open_or_for_a_run_that_never_was(world: World, tree: Tree) -> None:
    lost = world.lose()
    before = tree(world.folder)
    with pytest.raises(Refused, match=f"run {lost.run_id} has UNKNOWN orders: settle them"):
        rerun(world.operator, world.account_id, lost.run_id, "in doubt")
    with pytest.raises(Refused, match=r"has no run 2023-11-28\.never"):
        rerun(world.operator, world.account_id, "2023-11-28.never", "in doubt")
    assert tree(world.folder) == before
    world.resolve(lost, "BBB", NOT_SENT)
    world.die(Boundary.PLAN_COMMITTED, WED)
    before = tree(world.folder)
    with pytest.raises(Refused, match=r"run 2023-11-29.* is open"):
        rerun(world.operator, world.account_id, lost.run_id, "in doubt")
    assert tree(world.folder) == before
