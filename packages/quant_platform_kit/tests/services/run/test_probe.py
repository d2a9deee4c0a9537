"""A probe says what the next run would do, and leaves no trace.

The account decides on 2023-11-30 to put 60 % into AAA at 100 and 40 % into BBB at 50, of 10,000 USD.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from quant_platform_kit.adapters.clock import FrozenClock
from quant_platform_kit.domain.errors import Conflict
from quant_platform_kit.domain.identity import Mode
from quant_platform_kit.domain.orders import ExecutionReport, Order, OrderState, Side
from quant_platform_kit.domain.runs import Outcome, RunReport
from quant_platform_kit.domain.sessions import Cadence
from quant_platform_kit.domain.silence import AfterSilence, BrokerTraits
from quant_platform_kit.services.record.overlay_store import Scratch
from quant_platform_kit.services.run.request import Handover

from ...exactly_once import ACCOUNT, MemoryStore, Way, World, following, moment, switch
from .test_carry import (
    DEC1,
    DEC4,
    DEC5,
    DEC8,
    FULL,
    NOV28,
    NOV30,
    OCT31,
    WEIGHTS,
    holes,
    market,
    monthly,
    seasoned,
)

Case = tuple[World, date, dict[str, Any]]


def due_today() -> Case:
    return seasoned(), DEC1, {}


def nothing_due() -> Case:
    world = seasoned()
    world.run(DEC1)
    return world, DEC4, {}


def carried() -> Case:
    world = seasoned()
    world.desk.ways = {"AAA": [Way.REJECT], "BBB": [Way.REJECT]}
    assert world.run(DEC1).outcome is Outcome.INCOMPLETE
    return world, DEC4, {}


def half_carried() -> Case:
    world = seasoned()
    world.desk.ways = {"BBB": [Way.HALF]}
    assert world.run(DEC1).outcome is Outcome.INCOMPLETE
    return world, DEC5, {}


def missed() -> Case:
    """Nothing ran between the session before the decision and the second one after it."""
    return seasoned(), DEC4, {}


def too_old() -> Case:
    world = seasoned()
    for session in (DEC1, DEC4, DEC5):
        world.desk.ways = {"AAA": [Way.REJECT], "BBB": [Way.REJECT]}
        world.run(session)
    return world, DEC8, {}


def new_account() -> Case:
    return World(market(), following({OCT31: WEIGHTS}, cadence=Cadence.MONTH_END)), NOV28, {}


def new_account_that_enters() -> Case:
    world, session, _ = new_account()
    return world, session, {"enter_now": True}


def without_data() -> Case:
    return seasoned(market(BBB=holes(NOV30))), DEC1, {}


def with_an_order_by_hand() -> Case:
    world = seasoned()
    by_hand = Order("by-hand", "AAA", Side.BUY, Decimal(1))
    world.desk.foreign = [ExecutionReport(by_hand, OrderState.ACKNOWLEDGED)]
    return world, DEC1, {}


def with_an_order_of_unknown_fate() -> Case:
    world = seasoned()
    world.desk.traits = BrokerTraits(AfterSilence.BLOCK)
    world.desk.ways = {"AAA": [Way.DROP]}
    assert world.run(DEC1).outcome is Outcome.BLOCKED
    return world, DEC4, {}


def with_holdings_of_another_profile(handover: Handover) -> Case:
    world = seasoned()
    assert world.run(DEC1).outcome is Outcome.COMPLETED
    world.strategy = following({DEC1: {"BBB": 0.5}}, profile="second", managed=("BBB",))
    return world, DEC4, {"handover": handover}


CASES: dict[str, Callable[[], Case]] = {
    "due today": due_today,
    "nothing due": nothing_due,
    "carried": carried,
    "half of it carried": half_carried,
    "missed": missed,
    "too old": too_old,
    "a new account": new_account,
    "a new account that enters at once": new_account_that_enters,
    "without data": without_data,
    "an order by hand": with_an_order_by_hand,
    "an order of unknown fate": with_an_order_of_unknown_fate,
    **{
        f"holdings of another profile, {choice.value}": lambda choice=choice: with_holdings_of_another_profile(choice)
        for choice in Handover
    },
}


def planned(report: RunReport) -> list[tuple[str, str, Decimal]]:
    return [(o.side.value, o.symbol, o.quantity) for o in report.plan.orders] if report.plan else []


@pytest.mark.parametrize("case", CASES)
def test_a_probe_says_what_the_run_after_it_does_and_leaves_no_trace(case: str) -> None:
    world, session, asked = CASES[case]()
    objects = dict(world.store.objects), dict(world.report_store.objects)
    sent = len(world.desk.received)
    probed = world.run(session, "look", Mode.PROBE, **asked)
    assert (world.store.objects, world.report_store.objects) == objects
    assert len(world.desk.received) == sent
    run = world.run(session, **asked)
    assert (probed.action, probed.decision_digest) == (run.action, run.decision_digest)
    assert (probed.executes, probed.behind, probed.findings) == (run.executes, run.behind, run.findings)
    assert planned(probed) == planned(run)
    assert [reason for reason in probed.reasons if reason != "mode probe: nothing was sent"] == list(run.reasons)
    assert probed.outcome is run.outcome


def test_these_cases_send_block_and_wait() -> None:
    ends = {case: (world.run(session, **asked)) for case, make in CASES.items() for world, session, asked in [make()]}
    assert {report.outcome for report in ends.values()} == {Outcome.COMPLETED, Outcome.BLOCKED, Outcome.NO_ACTION}
    assert ends["carried"].executes == ends["missed"].executes == NOV30
    assert ends["too old"].behind == (NOV30,)
    assert planned(ends["due today"]) == [("BUY", "AAA", 60), ("BUY", "BBB", 80)]


# --- switches --------------------------------------------------------------------------------------


def test_a_probe_under_a_halt_shows_the_plan_and_the_halt() -> None:
    world = seasoned()
    switch(world.store, "all")
    report = world.run(DEC1, "look", Mode.PROBE)
    assert report.outcome is Outcome.BLOCKED
    assert report.reasons[-1].startswith("halted: all")
    assert [quantity for _, _, quantity in planned(report)] == list(FULL.values())


@pytest.mark.parametrize("listed", [False, True])
def test_a_probe_ahead_of_live_runs_says_whether_the_account_may_trade(listed: bool) -> None:
    world = World(market(), monthly(cadence=Cadence.SESSION))
    if listed:
        switch(world.store, ACCOUNT, allow=True)
    report = world.run(DEC1, "look", Mode.PROBE, ahead_of=Mode.LIVE)
    refusals = [reason for reason in report.reasons if "allow-list" in reason]
    assert (report.outcome, refusals) == (
        (Outcome.COMPLETED, [])
        if listed
        else (Outcome.BLOCKED, [f"account {ACCOUNT} is not on the allow-list for live trading"])
    )


def test_a_probe_goes_on_with_the_decisions_of_its_own_mode_only() -> None:
    """Paper runs executed the decision of November; dry runs of this account have not decided anything yet."""
    world = seasoned()
    world.run(DEC1)
    world.desk.book.quantities.clear()
    world.desk.book.cash = Decimal(10_000)
    world.strategy = monthly(cadence=Cadence.SESSION)
    assert world.run(DEC1, "look", Mode.PROBE, ahead_of=Mode.PAPER).executes is None
    assert world.run(DEC1, "look", Mode.PROBE, ahead_of=Mode.DRY_RUN).executes == NOV30


# --- the store of a probe --------------------------------------------------------------------------


def test_what_is_written_to_a_scratch_store_is_seen_there_and_nowhere_else() -> None:
    below = MemoryStore(FrozenClock(moment("2023-12-01 15:00")))
    below.create("a/1", b"one")
    before, scratch = dict(below.objects), Scratch(below)
    scratch.create("a/2", b"two")
    scratch.replace("a/1", b"changed", 1)
    scratch.replace("a/1", b"changed again", 2)
    assert scratch.keys("a/") == ["a/1", "a/2"]
    assert [scratch.get(key) for key in ("a/1", "a/2", "a/3")] == [(b"changed again", 3), (b"two", 1), None]
    for key in ("a/1", "a/2"):
        with pytest.raises(Conflict):
            scratch.create(key, b"")
    with pytest.raises(Conflict):
        scratch.replace("a/3", b"", 1)
    with pytest.raises(Conflict):
        scratch.replace("a/1", b"", 1)
    assert scratch.now() == below.now()
    assert below.objects == before
