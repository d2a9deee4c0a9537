"""Whether a service's accounts are at rest: an open run, an UNKNOWN and a working order are named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from quant_platform_kit.domain.boundaries import Boundary
from quant_platform_kit.domain.errors import Damaged
from quant_platform_kit.services.observe.at_rest import Unrest, UnrestKind, accounts_of, unrest
from quant_platform_kit.services.operate.owners import hand_over, require_ownership

from ...lossy_account import NOT_SENT, TUE, WED, Store, World, id_of

OPEN, UNKNOWN, WORKING = UnrestKind.OPEN_RUN, UnrestKind.UNKNOWN_ORDER, UnrestKind.WORKING_ORDER


@pytest.fixture
def sound(make_world: Callable[..., World]) -> World:
    """Return an account whose broker loses nothing."""
    return make_world(lost=())


def seen(world: World) -> list[Unrest]:
    found = unrest(world.store, "cli")
    assert all(each.account_id == world.account_id for each in found)
    assert all(each.run_id in each.text for each in found)
    assert all((each.client_order_id or "") in each.text for each in found)
    return found


def meanwhile(world: World, boundary: Boundary) -> list[Unrest]:
    """Return what is named while a run is at a boundary."""
    found: list[Unrest] = []

    def reached(passed: Boundary) -> None:
        if passed is boundary:
            found.extend(seen(world))

    world.reached = reached
    world.run(TUE)
    return found


def kinds(world: World) -> list[UnrestKind]:
    return [each.kind for each in seen(world)]


def steps(world: World, symbol: str) -> list[Path]:
    """Return the recorded steps of the only order of a symbol in the ledger, oldest first."""
    found = sorted((world.folder / "store").glob("accounts/*/runs/*/orders/*"))
    last: dict[str, list[Path]] = {}
    for path in found:
        last.setdefault(path.name.partition(".")[0], []).append(path)
    (own,) = (paths for paths in last.values() if any(f'"{symbol}"'.encode() in path.read_bytes() for path in paths))
    return own


def test_an_account_that_has_never_run_and_one_whose_runs_have_ended_are_at_rest(sound: World) -> None:
    require_ownership(sound.store, sound.account_id, "cli")
    assert seen(sound) == []
    for session in (TUE, WED):
        sound.run(session)
        assert seen(sound) == []


def test_a_run_that_somebody_works_on_is_named_with_its_worker_and_the_end_of_the_lease(sound: World) -> None:
    (run,) = meanwhile(sound, Boundary.CLAIMED)
    assert (run.kind, run.client_order_id) == (OPEN, None)
    assert "is open since 2023-11-28 20:00:00 UTC; " in run.text
    assert run.text.endswith("works on it, its lease lasts until 20:01:00 UTC: wait")


def test_a_run_that_nobody_works_on_is_named_until_it_is_finished(sound: World) -> None:
    sound.die(Boundary.CLAIMED)
    (run,) = seen(sound)
    assert run.kind is OPEN
    assert run.text.endswith("and nobody works on it: call the service again, which finishes it")
    sound.run(WED)
    assert seen(sound) == []


def test_a_run_that_was_opened_and_not_claimed_is_named(sound: World) -> None:
    (run,) = meanwhile(sound, Boundary.LEASE_TAKEN)
    assert (run.kind, "is open and not claimed yet; " in run.text) == (OPEN, True)


@pytest.mark.parametrize("boundary", [Boundary.PLAN_COMMITTED, Boundary.SELLS_DONE])
def test_an_order_of_an_open_run_that_was_never_sent_is_not_working(sound: World, boundary: Boundary) -> None:
    sound.die(boundary)
    assert kinds(sound) == [OPEN]


@pytest.mark.parametrize(
    ("boundary", "named", "left"),
    [(Boundary.SENT_RECORDED, [OPEN, WORKING], [UNKNOWN]), (Boundary.ANSWER_RECORDED, [OPEN], [])],
)
def test_an_order_of_an_open_run_is_named_until_the_broker_told_its_end(
    sound: World, boundary: Boundary, named: list[UnrestKind], left: list[UnrestKind]
) -> None:
    sound.die(boundary)
    found = seen(sound)
    assert [each.kind for each in found] == named
    for each in found[1:]:
        assert "(BUY 58 AAA)" in each.text
        assert each.text.endswith("is SENT, 0 filled; its run sees it to its end")
    sound.run(TUE)
    assert kinds(sound) == left


def test_an_unknown_order_of_a_closed_run_is_named_once_until_it_is_settled(world: World) -> None:
    report = world.lose()
    (order,) = seen(world)
    assert (order.kind, order.run_id, order.client_order_id) == (UNKNOWN, report.run_id, id_of(report, "BBB"))
    assert f"settle it with `quant resolve {report.run_id} {order.client_order_id} --as" in order.text
    world.run(WED)
    assert kinds(world) == [UNKNOWN], "also when it is not the last run any more"
    world.resolve(report, "BBB", NOT_SENT)
    assert seen(world) == []


def test_an_unknown_order_of_an_open_run_is_named_beside_the_run(world: World) -> None:
    world.die(Boundary.BUYS_DONE)
    assert kinds(world) == [OPEN, UNKNOWN]


def test_a_working_order_that_outlived_its_run_is_named(sound: World) -> None:
    report = sound.run(TUE)
    steps(sound, "BBB")[-1].unlink()
    (order,) = seen(sound)
    assert (order.kind, order.run_id, order.client_order_id) == (WORKING, report.run_id, id_of(report, "BBB"))
    assert order.text.endswith("; its run has ended without it: look at the broker")


def test_steps_of_a_run_whose_plan_was_lost_are_damage(sound: World) -> None:
    sound.die(Boundary.SENT_RECORDED)
    (plan,) = (sound.folder / "store").glob("accounts/*/runs/*/plan")
    plan.unlink()
    with pytest.raises(Damaged, match="plan is missing"):
        unrest(sound.store, "cli")


def test_only_the_accounts_that_belong_to_a_service_now_are_its_own(world: World) -> None:
    world.lose()
    for account in ("A2", "A1"):
        require_ownership(world.store, account, "other")
    assert accounts_of(world.store, "cli") == (world.account_id,)
    assert accounts_of(world.store, "other") == ("A1", "A2")
    assert accounts_of(world.store, "nobody") == ()
    assert unrest(world.store, "other") == []
    hand_over(world.operator, world.account_id, "other", "moved")
    assert (accounts_of(world.store, "cli"), unrest(world.store, "cli")) == ((), [])
    assert [each.kind for each in unrest(world.store, "other")] == [UNKNOWN]


def test_an_account_at_rest_costs_few_reads(sound: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The list of owners, owner, lease, the last run's list of steps, and the newest step of both its orders."""
    sound.run(TUE)
    calls: list[str] = []
    for name in ("get", "keys"):
        real = getattr(Store, name)
        monkeypatch.setattr(Store, name, lambda self, key, real=real, name=name: calls.append(name) or real(self, key))
    assert unrest(sound.store, "cli") == []
    assert (calls.count("keys"), calls.count("get")) == (2, 4)
