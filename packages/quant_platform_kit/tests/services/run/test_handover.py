"""A change of profile: what the last one bought is refused, sold or kept, as asked; what a person bought is theirs.

Monday's decision of the first profile puts 60 % into AAA at 100 and 40 % into BBB at 50: 60 and 80 units, bought on
Tuesday. On Wednesday the account runs another one, which manages BBB and CCC, at 20, and wants half of each.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from quant_platform_kit.domain.boundaries import Boundary
from quant_platform_kit.domain.identity import Mode
from quant_platform_kit.domain.orders import OrderState, Side
from quant_platform_kit.domain.prices import PriceTable
from quant_platform_kit.domain.runs import Outcome, RunReport
from quant_platform_kit.domain.strategy import BoundStrategy, TargetMode
from quant_platform_kit.services.run.request import Handover

from ...exactly_once import NAN, Way, World, following, prices, rule, switch

MON, TUE, WED, THU, FRI = (date(2023, 11, 27 + n) if n < 4 else date(2023, 12, 1) for n in range(5))
REFUSE, SELL, KEEP = Handover.REFUSE, Handover.SELL, Handover.KEEP
EVERY = list(Handover)
BY_HAND = {"MINE": Decimal(7), "ZZZ": Decimal(11)}


def market(**changes: list[float]) -> PriceTable:
    usual = {"AAA": [100.0] * 5, "BBB": [50.0] * 5, "CCC": [20.0] * 5, "MINE": [10.0] * 5}
    return prices(MON, **{**usual, **changes})


FIRST = following({MON: {"AAA": 0.6, "BBB": 0.4}}, profile="first")


def second() -> BoundStrategy:
    return following({TUE: {"BBB": 0.5, "CCC": 0.5}}, profile="second", managed=("BBB", "CCC"))


def switched(table: PriceTable | None = None, strategy: BoundStrategy | None = None) -> World:
    """Return an account that the first profile invested whole, and that the second one runs from now on."""
    world = World(table or market(), FIRST)
    assert world.run(TUE).outcome is Outcome.COMPLETED
    assert world.held == {"AAA": 60, "BBB": 80}
    world.strategy = strategy or second()
    return world


def traded(report: RunReport) -> list[tuple[str, str, int]]:
    return [(o.side.value, o.symbol, int(o.filled)) for o in report.orders]


# --- refuse ---------------------------------------------------------------------------------------


def test_by_default_holdings_of_an_earlier_profile_block_the_run_and_are_listed() -> None:
    world = switched()
    sent = list(world.desk.received)
    report = world.run(WED)
    assert report.outcome is Outcome.BLOCKED
    assert report.reasons[-1] == "an earlier profile bought AAA: run with handover sell or keep"
    assert (report.orders, world.desk.received) == ((), sent)
    assert world.held == {"AAA": 60, "BBB": 80}


def test_a_refused_handover_stays_refused_and_the_decision_stays_due() -> None:
    world = switched()
    for session, slot in ((WED, "cli"), (WED, "again"), (THU, "cli")):
        assert world.run(session, slot).outcome is Outcome.BLOCKED
    report = world.run(FRI, handover=SELL)
    assert (report.outcome, report.executes) == (Outcome.COMPLETED, TUE)
    assert world.held == {"BBB": 100, "CCC": 250}


def test_every_holding_that_is_left_is_listed() -> None:
    world = World(market(), following({MON: {"AAA": 0.3, "MINE": 0.3}}, profile="first", managed=("AAA", "MINE")))
    world.run(TUE)
    world.strategy = second()
    assert world.run(WED).reasons[-1] == "an earlier profile bought AAA, MINE: run with handover sell or keep"


def test_a_change_to_a_profile_that_manages_all_that_is_held_needs_no_handover() -> None:
    world = switched(strategy=following({TUE: {"AAA": 1}}, profile="third"))
    report = world.run(WED)
    assert (report.outcome, world.held) == (Outcome.COMPLETED, {"AAA": 100})
    assert report.bought_by == {"AAA": "third"}


# --- sell -----------------------------------------------------------------------------------------


def test_leftovers_are_sold_first_and_the_base_counts_them() -> None:
    """10,000: 6,000 of AAA and 4,000 of BBB. Half is 5,000: 20 more BBB and 250 CCC."""
    world = switched()
    report = world.run(WED, handover=SELL)
    assert (report.outcome, report.base) == (Outcome.COMPLETED, 10_000)
    assert traded(report) == [("SELL", "AAA", 60), ("BUY", "BBB", 20), ("BUY", "CCC", 250)]
    assert world.held == {"BBB": 100, "CCC": 250}
    assert world.desk.book.cash == 0
    assert report.bought_by == {"BBB": "second", "CCC": "second"}


def test_leftovers_are_sold_also_while_the_new_profile_holds() -> None:
    world = switched(strategy=following({}, profile="second", managed=("BBB", "CCC")))
    report = world.run(WED, handover=SELL)
    assert (report.outcome, report.executes, traded(report)) == (Outcome.COMPLETED, None, [("SELL", "AAA", 60)])
    assert world.held == {"BBB": 80}
    after = world.run(THU, handover=SELL)
    assert (after.outcome, after.orders) == (Outcome.NO_ACTION, ())


def test_leftovers_are_sold_also_when_the_new_profile_only_buys() -> None:
    """What is to be sold is the last profile's; that the new one never sells is about its own holdings.

    The account is invested whole: without the sale this month's contribution would be bought for nothing.
    """

    def decide(manifest: Any, ctx: Any) -> Any:
        if ctx.as_of != TUE:
            return manifest.hold(ctx)
        return manifest.rebalance(ctx, {"CCC": ctx.portfolio.value("CCC") + 1_000}, buy_only=True)

    buyer = rule(decide, profile="saver", managed=("BBB", "CCC"), target_mode=TargetMode.VALUE)
    world = switched(strategy=buyer)
    world.run(WED, handover=SELL)
    world.run(THU, handover=SELL)
    assert world.held == {"BBB": 80, "CCC": 50}


def test_leftovers_without_a_price_block_the_run() -> None:
    world = switched(market(AAA=[100.0, 100.0, NAN, 100.0, 100.0]))
    sent = len(world.desk.received)
    report = world.run(WED, handover=SELL)
    assert report.outcome is Outcome.BLOCKED
    assert report.reasons == ("no price for the holding of AAA; the account cannot be valued",)
    assert len(world.desk.received) == sent


def test_leftovers_half_sold_are_sold_on_in_the_next_run() -> None:
    world = switched(strategy=following({}, profile="second", managed=("BBB", "CCC")))
    world.desk.ways = {"AAA": [Way.HALF]}
    assert world.run(WED, handover=SELL).outcome is Outcome.INCOMPLETE
    assert world.held == {"AAA": 30, "BBB": 80}
    report = world.run(THU, handover=SELL)
    assert (report.outcome, traded(report)) == (Outcome.COMPLETED, [("SELL", "AAA", 30)])


def test_buys_of_a_handover_are_cut_to_what_the_sale_really_brought() -> None:
    """30 of 60 units are sold: 3,000. 20 BBB and 250 CCC would cost 6,000; half of each is bought."""
    world = switched()
    world.desk.ways = {"AAA": [Way.HALF]}
    report = world.run(WED, handover=SELL)
    assert report.outcome is Outcome.INCOMPLETE
    assert traded(report) == [("SELL", "AAA", 30), ("BUY", "BBB", 10), ("BUY", "CCC", 125)]
    after = world.run(THU, handover=SELL)
    assert (after.outcome, after.executes, world.held) == (Outcome.COMPLETED, TUE, {"BBB": 100, "CCC": 250})


@pytest.mark.parametrize("boundary", Boundary)
def test_a_handover_interrupted_anywhere_ends_as_if_it_had_not_been(boundary: Boundary) -> None:
    world = switched()
    world.desk.dedupe = False
    world.go_to(WED)
    with world.dying(boundary):
        world.run_now(WED, handover=SELL)
    world.clock.sleep(300)
    world.run_now(WED, handover=SELL)
    assert world.held == {"BBB": 100, "CCC": 250}
    assert world.desk.sent == {"AAA": 2, "BBB": 2, "CCC": 1}, "of which one AAA and one BBB on Tuesday"


def test_a_dry_run_of_a_handover_plans_the_sale_and_sends_nothing() -> None:
    world = switched()
    sent = len(world.desk.received)
    report = world.run(WED, mode=Mode.DRY_RUN, handover=SELL)
    assert report.plan is not None
    assert [(o.side, o.symbol) for o in report.plan.orders] == [
        (Side.SELL, "AAA"),
        (Side.BUY, "BBB"),
        (Side.BUY, "CCC"),
    ]
    assert len(world.desk.received) == sent


# --- keep -----------------------------------------------------------------------------------------


def test_leftovers_that_are_kept_are_neither_touched_nor_counted_and_stay_reported() -> None:
    """The base is 80 x 50 = 4,000: 40 BBB and 100 CCC."""
    world = switched()
    report = world.run(WED, handover=KEEP)
    assert (report.outcome, report.base) == (Outcome.COMPLETED, 4_000)
    assert traded(report) == [("SELL", "BBB", 40), ("BUY", "CCC", 100)]
    assert world.held == {"AAA": 60, "BBB": 40, "CCC": 100}
    assert report.account is not None
    assert report.account.quantities["AAA"] == 60
    assert report.bought_by == {"AAA": "first", "BBB": "first", "CCC": "second"}
    after = world.run(THU, handover=KEEP)
    assert (after.outcome, world.held["AAA"], after.bought_by["AAA"]) == (Outcome.NO_ACTION, 60, "first")


def test_what_was_kept_can_be_sold_later() -> None:
    world = switched()
    world.run(WED, handover=KEEP)
    report = world.run(THU, handover=SELL)
    assert traded(report) == [("SELL", "AAA", 60)]


def test_going_back_finds_the_leftovers_of_the_other_profile() -> None:
    world = switched()
    world.run(WED, handover=KEEP)
    world.strategy = following({WED: {"AAA": 1}}, profile="first")
    assert world.run(THU).reasons[-1] == "an earlier profile bought CCC: run with handover sell or keep"
    report = world.run(THU, "again", handover=SELL)
    assert traded(report) == [("SELL", "BBB", 40), ("SELL", "CCC", 100), ("BUY", "AAA", 40)]
    assert world.held == {"AAA": 100}


# --- who bought what is never forgotten ---------------------------------------------------------------


def test_runs_that_trade_nothing_hand_on_who_bought_what() -> None:
    """Too late, halted, and killed before it planned: three runs between the one that bought and the one that asks."""
    world = switched()
    late = world.run(TUE, "late", scheduled_at=None)
    assert late.bought_by == {"AAA": "first", "BBB": "first"}
    world.clock.instant = world.clock.instant.replace(hour=22)
    assert world.run_now(TUE, "after the close").outcome is Outcome.SKIPPED
    switch(world.store, "all")
    assert world.run(WED, "halted").outcome is Outcome.BLOCKED
    switch(world.store, "all", on=False)
    with world.dying(Boundary.CLAIMED):
        world.run(WED, "killed")
    world.clock.sleep(300)
    report = world.run_now(WED)
    assert report.reasons[-1] == "an earlier profile bought AAA: run with handover sell or keep"
    failed = world.reports.find(world.key(WED, "killed").run_id)
    assert failed is not None
    assert (failed.outcome, failed.bought_by) == (Outcome.FAILED, {"AAA": "first", "BBB": "first"})


def test_a_holding_sold_meanwhile_is_nobodys_any_more() -> None:
    world = switched()
    del world.desk.book.quantities["AAA"]
    world.desk.book.cash += 6_000
    report = world.run(WED)
    assert (report.outcome, world.held) == (Outcome.COMPLETED, {"BBB": 100, "CCC": 250})
    assert "AAA" not in report.bought_by


def test_a_failed_order_of_the_first_profile_makes_no_leftover() -> None:
    world = World(market(), FIRST)
    world.desk.ways = {"AAA": [Way.REJECT]}
    report = world.run(TUE)
    assert report.bought_by == {"BBB": "first"}
    world.strategy = second()
    assert world.run(WED).outcome is Outcome.COMPLETED


# --- what a person bought -------------------------------------------------------------------------


@pytest.mark.parametrize("handover", EVERY)
@pytest.mark.parametrize("mode", [Mode.PAPER, Mode.DRY_RUN, Mode.PROBE])
def test_what_the_operator_bought_by_hand_is_never_touched_in_any_mode(handover: Handover, mode: Mode) -> None:
    """MINE has a price, ZZZ has none: neither is valued, planned, sold or in the way."""
    world = switched()
    world.desk.book.quantities |= BY_HAND
    report = world.run(WED, "look", mode, handover=handover)
    assert {symbol: world.held[symbol] for symbol in BY_HAND} == BY_HAND
    assert all(order.symbol not in BY_HAND for order in world.desk.received)
    planned = {line.symbol for line in report.plan.lines} if report.plan else set()
    assert planned.isdisjoint(BY_HAND)
    assert report.account is not None
    assert {symbol: report.account.quantities[symbol] for symbol in BY_HAND} == BY_HAND
    assert set(BY_HAND).isdisjoint(report.bought_by)
    if mode is Mode.PAPER:
        assert (report.outcome is Outcome.BLOCKED) is (handover is REFUSE)


@pytest.mark.parametrize("handover", EVERY)
def test_what_the_operator_bought_by_hand_does_not_count_for_the_base(handover: Handover) -> None:
    world = World(market(), FIRST)
    world.desk.book.quantities |= BY_HAND
    report = world.run(TUE, handover=handover)
    assert (report.outcome, report.base) == (Outcome.COMPLETED, 10_000)
    assert world.held == {"AAA": 60, "BBB": 80, **BY_HAND}


def test_what_the_operator_bought_by_hand_is_left_alone_over_many_runs_and_a_handover() -> None:
    world = World(market(), FIRST)
    world.desk.book.quantities |= BY_HAND
    world.run(TUE)
    world.strategy = second()
    for session in (WED, THU, FRI):
        report = world.run(session, handover=SELL)
        assert report.outcome is not Outcome.BLOCKED
    assert world.held == {"BBB": 100, "CCC": 250, **BY_HAND}
    assert all(o.state is OrderState.FILLED for o in report.orders)
