"""A snapshot-backed profile in a run: what it reads, what it manages, and what becomes of a snapshot that is late.

The profile buys the two stocks with the largest score on the last session of a month, half each. The decision of
2023-11-30 may be carried to the run of Wednesday, 6 December.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from quant_platform_kit.domain.boundaries import Boundary
from quant_platform_kit.domain.errors import Damaged, InvalidInput, StoreError
from quant_platform_kit.domain.features import FeatureContract
from quant_platform_kit.domain.identity import Mode
from quant_platform_kit.domain.runs import FeatureSummary, Outcome, RunReport
from quant_platform_kit.domain.sessions import Cadence
from quant_platform_kit.domain.strategy import (
    Action,
    BoundStrategy,
    InputName,
    StrategyContext,
    StrategyDecision,
    StrategyManifest,
)
from quant_platform_kit.services.observe.notifying import about_run
from quant_platform_kit.services.research.backtest import BacktestSettings, FillAt, backtest
from quant_platform_kit.services.research.replay import ReplayVerdict, replay_run
from quant_platform_kit.services.run.request import Handover

from ...exactly_once import CALENDAR, NAN, World, following, prices, rule, switch

OCT31, NOV29, NOV30 = date(2023, 10, 31), date(2023, 11, 29), date(2023, 11, 30)
DEC1, DEC4, DEC5, DEC6, DEC7 = (date(2023, 12, n) for n in (1, 4, 5, 6, 7))
STOCKS = {"AAA": 100.0, "BBB": 50.0, "CCC": 25.0}


def rows(**scores: float) -> dict[str, dict[str, float]]:
    """Return a snapshot's rows: a stock per score, and SPY to compare with."""
    found = {symbol: {"is_stock": 1.0, "score": score, "odd": NAN} for symbol, score in scores.items()}
    return {**found, "SPY": {"is_stock": 0.0, "score": 0.0, "odd": 1.0}}


def leaders(manifest: StrategyManifest, ctx: StrategyContext) -> StrategyDecision:
    """Return half of each of the two leaders on the last session of a month."""
    snapshot = ctx.feature_snapshot
    if not ctx.session.ends_month:
        return manifest.hold(ctx, "not the last session of a month")
    ranked = sorted(snapshot.stocks, key=lambda symbol: (-snapshot.rows[symbol]["score"], symbol))
    return manifest.rebalance(ctx, dict.fromkeys(ranked[:2], 0.5), f"leaders of {snapshot.as_of}")


def monthly(decide: Callable[..., StrategyDecision] = leaders, **manifest: Any) -> BoundStrategy:
    declared: dict[str, Any] = {
        "required_inputs": frozenset({InputName.FEATURE_SNAPSHOT, InputName.PORTFOLIO_SNAPSHOT}),
        "managed": ("BIL",),
        "features": FeatureContract(("score",)),
        "history_sessions": 0,
        "cadence": Cadence.MONTH_END,
    }
    return rule(decide, **{**declared, **manifest})


def world(strategy: BoundStrategy | None = None, **changes: Mapping[date, float]) -> World:
    """Return a market of three stocks and two funds at constant prices, with October's snapshot published."""
    sessions = CALENDAR.between(OCT31, date(2023, 12, 15))
    closes = {
        symbol: [changes.get(symbol, {}).get(day, price) for day in sessions]
        for symbol, price in {**STOCKS, "BIL": 91.0, "SPY": 450.0}.items()
    }
    made = World(prices(OCT31, **closes), strategy or monthly())
    made.shelf.publish(OCT31, rows(AAA=3, BBB=2, CCC=1))
    return made


def seasoned(strategy: BoundStrategy | None = None, **changes: Mapping[date, float]) -> World:
    """Return a world whose last run held on 29 November."""
    made = world(strategy, **changes)
    assert made.run(NOV30).action is Action.HOLD
    return made


def units(report: RunReport) -> dict[str, Decimal]:
    return {order.symbol: order.filled for order in report.orders}


# --- what it reads and manages --------------------------------------------------------------------


def test_a_month_end_is_decided_on_its_snapshot_and_names_every_stock_of_it() -> None:
    made = seasoned()
    made.shelf.publish(NOV30, rows(AAA=1, BBB=2, CCC=3))
    report = made.run(DEC1)
    assert (report.outcome, report.executes, units(report)) == (Outcome.COMPLETED, NOV30, {"BBB": 100, "CCC": 200})
    intent = made.decisions().read(NOV30, Action.REBALANCE).decision.intent
    assert intent is not None
    assert dict(intent.targets) == {"AAA": 0, "BBB": Decimal("0.5"), "BIL": 0, "CCC": Decimal("0.5")}


def test_a_holding_that_left_the_snapshot_is_sold_and_one_that_is_not_ours_is_left_alone() -> None:
    made = seasoned()
    made.shelf.publish(NOV30, rows(AAA=3, BBB=2, CCC=1))
    assert units(made.run(DEC1)) == {"AAA": 50, "BBB": 100}
    assert made.run(date(2023, 12, 4)).outcome is Outcome.NO_ACTION
    made.desk.book.quantities["SPY"] = Decimal(7)
    dec29 = date(2023, 12, 29)
    table = prices(OCT31, **{s: [p] * 60 for s, p in {**STOCKS, "BIL": 91.0, "SPY": 450.0}.items()})
    made.market._table = table
    made.shelf.publish(dec29, rows(BBB=2, CCC=1))
    made.clock.instant = made.clock.instant.replace(month=12, day=29)
    made.run(dec29)
    report = made.run(date(2024, 1, 2))
    assert {order.symbol: order.side.value for order in report.orders} == {"AAA": "SELL", "CCC": "BUY"}
    assert made.held == {"BBB": 100, "CCC": 200, "SPY": 7}


def test_the_report_and_its_notification_say_which_snapshot_was_read() -> None:
    made = seasoned()
    made.shelf.publish(NOV30, rows(AAA=3, BBB=2, CCC=1))
    made.run(DEC1)
    report = made.run(DEC4)
    assert report.reasoning is not None
    features = report.reasoning.inputs.features
    assert features is not None
    assert features == FeatureSummary(NOV30, 1, features.digest, 4)
    line = f"input mode snapshot: snapshot as of 2023-11-30, 1 session old, manifest {features.digest[:12]}"
    assert line in about_run(report).body.splitlines()


def test_only_what_is_held_and_targeted_is_quoted() -> None:
    made = seasoned()
    asked: list[set[str]] = []
    quotes = made.market.quotes
    made.market.quotes = lambda symbols: asked.append(set(symbols)) or quotes(symbols)
    made.shelf.publish(NOV30, rows(AAA=3, BBB=2, CCC=1))
    made.run(DEC1)
    made.run(DEC4)
    assert set().union(*asked) == {"AAA", "BBB"}


# --- blocked --------------------------------------------------------------------------------------


def test_a_run_without_a_snapshot_is_blocked_with_the_reason_and_records_no_decision() -> None:
    made = world()
    made.shelf.snapshots.clear()
    report = made.run(NOV30)
    assert (report.outcome, report.reasons) == (Outcome.BLOCKED, ("nothing was published; publish it",))
    assert made.decisions().history() == []
    assert "input mode snapshot: none could be read" in about_run(report).body.splitlines()


def test_a_store_of_snapshots_that_is_down_leaves_the_run_open_for_another_try() -> None:
    made = seasoned()
    made.shelf.publish(NOV30, rows(AAA=3, BBB=2, CCC=1))
    made.shelf.down = True
    with pytest.raises(StoreError, match="down"):
        made.run(DEC1)
    made.shelf.down = False
    assert made.run(DEC1).outcome is Outcome.COMPLETED


# --- late -----------------------------------------------------------------------------------------


def late(made: World) -> RunReport:
    """Run on two sessions without November's snapshot, publish it, and return the run of the third."""
    for session, age in ((DEC1, 21), (DEC4, 22)):
        report = made.run(session)
        assert (report.outcome, report.orders) == (Outcome.BLOCKED, ())
        assert f"stale: as_of 2023-10-31 is {age} sessions before" in report.reasons[0]
    made.shelf.publish(NOV30, rows(AAA=1, BBB=2, CCC=3))
    return made.run(DEC5)


def test_a_month_end_whose_snapshot_is_two_sessions_late_is_decided_on_it_and_executed() -> None:
    made = seasoned()
    report = late(made)
    assert (report.outcome, report.executes, units(report)) == (Outcome.COMPLETED, NOV30, {"BBB": 100, "CCC": 200})
    assert made.shelf.read_for[-1] == (NOV30, DEC1, DEC4)
    assert made.run(DEC6).outcome is Outcome.NO_ACTION


def test_it_is_decided_on_its_own_snapshot_even_where_a_newer_one_is_there() -> None:
    made = seasoned()
    made.run(DEC1)
    made.shelf.publish(NOV30, rows(AAA=1, BBB=2, CCC=3))
    made.shelf.publish(DEC1, rows(AAA=9, BBB=2, CCC=1))
    report = made.run(DEC4)
    assert (report.executes, units(report)) == (NOV30, {"BBB": 100, "CCC": 200})


def test_a_new_account_whose_first_month_end_is_late_does_not_wait_for_the_next() -> None:
    report = late(world())
    assert (report.outcome, report.executes, units(report)) == (Outcome.COMPLETED, NOV30, {"BBB": 100, "CCC": 200})


@pytest.mark.parametrize("boundary", [b for b in Boundary if b is not Boundary.REVISION_COMMITTED])
def test_a_worker_that_dies_while_it_makes_up_for_a_late_month_end_loses_and_doubles_nothing(
    boundary: Boundary,
) -> None:
    made = seasoned()
    for session in (DEC1, DEC4):
        assert made.run(session).outcome is Outcome.BLOCKED
    made.shelf.publish(NOV30, rows(AAA=1, BBB=2, CCC=3))
    made.die_at(boundary, DEC5)
    made.clock.sleep(600)
    made.run(DEC5)
    made.run(DEC5, "once more")
    assert made.held == {"BBB": 100, "CCC": 200}
    assert made.desk.sent == {"BBB": 1, "CCC": 1}


def test_a_switch_of_profiles_between_leaves_the_late_month_end_to_the_new_one() -> None:
    made = seasoned()
    assert made.run(DEC1).outcome is Outcome.BLOCKED
    made.strategy = monthly(profile="other", display_name="Other")
    assert made.run(DEC4, enter_now=True, handover=Handover.SELL).outcome is Outcome.BLOCKED
    made.shelf.publish(NOV30, rows(AAA=1, BBB=2, CCC=3))
    report = made.run(DEC5, enter_now=True, handover=Handover.SELL)
    assert (report.profile, report.executes, units(report)) == ("other", NOV30, {"BBB": 100, "CCC": 200})
    assert made.decisions("scripted").history()[-1].as_of == NOV29


def test_one_that_is_never_cured_is_told_as_behind_target() -> None:
    made = seasoned()
    for session in (DEC1, DEC4, DEC5, DEC6):
        assert made.run(session).outcome is Outcome.BLOCKED
    assert made.run(DEC7).behind == (NOV30,)


# --- recorded and replayed ------------------------------------------------------------------------


def test_a_run_is_replayed_from_its_recorded_inputs_with_the_snapshots_gone() -> None:
    made = seasoned()
    report = late(made)
    made.shelf.snapshots.clear()
    found = replay_run(report.run_id, made.reports, lambda profile, config: made.strategy, CALENDAR)
    assert found.verdict is ReplayVerdict.EQUAL, found.why
    assert [decision.as_of for decision in found.decisions] == [NOV30, DEC1, DEC4]


def test_recorded_rows_are_the_same_to_the_last_bit_and_unknown_where_they_were() -> None:
    made = seasoned()
    made.shelf.publish(NOV30, rows(AAA=1 / 3, BBB=2, CCC=1))
    report = made.run(DEC1)
    assert report.reasoning is not None
    assert report.reasoning.inputs.digest is not None
    _, seen = made.reports.inputs.read(report.reasoning.inputs.digest)
    snapshot = seen.snapshot
    assert snapshot is not None
    assert (snapshot.as_of, snapshot.newest_due, snapshot.age) == (NOV30, NOV30, 0)
    assert snapshot.rows["AAA"]["score"] == 1 / 3
    assert snapshot.rows["AAA"]["odd"] != snapshot.rows["AAA"]["odd"]
    assert list(snapshot.rows) == ["AAA", "BBB", "CCC", "SPY"]


def test_a_changed_byte_of_recorded_rows_is_damage() -> None:
    made = seasoned()
    made.shelf.publish(NOV30, rows(AAA=3, BBB=2, CCC=1))
    report = made.run(DEC1)
    assert report.reasoning is not None
    assert report.reasoning.inputs.digest is not None
    recorded, _ = made.reports.inputs.read(report.reasoning.inputs.digest)
    key = f"inputs/{recorded.features[-1].rows}"
    made.report_store.objects[key] = made.report_store.objects[key]._replace(data=b"changed")
    with pytest.raises(Damaged, match=key):
        made.reports.inputs.read(report.reasoning.inputs.digest)


def test_a_probe_reads_the_snapshot_of_the_run_it_looks_ahead_to() -> None:
    made = seasoned()
    made.shelf.publish(NOV30, rows(AAA=1, BBB=2, CCC=3))
    report = made.run(DEC1, "probe", Mode.PROBE)
    assert report.plan is not None
    assert sorted(order.symbol for order in report.plan.orders) == ["BBB", "CCC"]
    assert made.run(DEC1).executes == NOV30


# --- a profile that reads nothing is as it was -------------------------------------------------------


def test_a_direct_profile_reads_no_snapshot() -> None:
    made = world(following({}, managed=("AAA", "BBB")))
    made.run(NOV30)
    assert made.shelf.read_for == []


# --- the back-test --------------------------------------------------------------------------------


def back_tested(made: World) -> Any:
    features = made.shelf.read(made.strategy, CALENDAR.between(NOV29, DEC7))
    settings = BacktestSettings(NOV29, DEC7, Decimal(10_000), FillAt.NEXT_CLOSE, made.policy)
    return backtest(made.strategy, made.table, CALENDAR, settings, features=features)


def test_a_back_test_decides_as_runs_do() -> None:
    made = seasoned()
    made.shelf.publish(NOV30, rows(AAA=1, BBB=2, CCC=3))
    run = made.run(DEC1)
    result = back_tested(made)
    assert run.decision_digest == result.decisions[1].digest
    assert result.symbols == ("BBB", "BIL", "CCC")


def test_a_holding_whose_prices_end_is_closed_at_its_last_close_and_named() -> None:
    gone = {day: NAN for day in CALENDAR.between(DEC5, date(2023, 12, 15))}
    made = world(CCC={DEC4: 26.0, **gone})
    made.shelf.publish(NOV30, rows(AAA=1, BBB=2, CCC=3))
    result = back_tested(made)
    (ended,) = result.ended
    assert (ended.symbol, ended.session, ended.units, ended.price) == ("CCC", DEC4, 200, Decimal("26.000000"))
    assert result.equity[-1] == 10_200
    assert result.cash[-1] == 5_200
    assert [trade.session for trade in result.trades if trade.fill.symbol == "CCC"] == [DEC1, DEC5]


def test_a_back_test_without_readings_is_refused() -> None:
    made = world()
    settings = BacktestSettings(NOV29, DEC7, Decimal(10_000), FillAt.NEXT_CLOSE)
    with pytest.raises(InvalidInput, match="reads feature snapshots"):
        backtest(made.strategy, made.table, CALENDAR, settings)


# --- what is the profile's own -----------------------------------------------------------------------


def test_a_stock_of_the_snapshot_that_the_profile_manages_itself_blocks() -> None:
    made = seasoned()
    made.shelf.publish(NOV30, rows(AAA=3, BBB=2, BIL=1))
    report = made.run(DEC1)
    assert (report.outcome, report.orders) == (Outcome.BLOCKED, ())
    assert report.reasons[0].startswith("BIL: a stock of the snapshot, and managed by scripted itself")


# --- what is not known yet, and what is not forgotten ---------------------------------------------------


def test_an_account_is_not_known_by_a_run_that_could_read_no_snapshot() -> None:
    made = world()
    made.desk.book.quantities["AAA"] = Decimal(7)
    made.shelf.snapshots.clear()
    assert made.run(DEC1).outcome is Outcome.BLOCKED
    made.shelf.publish(NOV30, rows(AAA=1, BBB=2, CCC=3))
    report = made.run(DEC4)
    assert (report.outcome, report.orders) == (Outcome.BLOCKED, ())
    assert any("7 AAA" in reason for reason in report.reasons), report.reasons


def test_what_the_profile_bought_stays_its_own_through_runs_that_were_blocked() -> None:
    made = seasoned()
    made.shelf.publish(NOV30, rows(AAA=3, BBB=2, CCC=1))
    made.run(DEC1)
    units = dict(made.held)
    made.held.clear()
    made.shelf.snapshots.clear()
    assert made.run(DEC4).outcome is Outcome.BLOCKED
    made.held.update(units)
    assert made.run(DEC5).bought_by == {"AAA": "scripted", "BBB": "scripted"}


def test_a_first_session_that_met_a_halt_is_made_up_for() -> None:
    made = world()
    made.shelf.publish(NOV30, rows(AAA=1, BBB=2, CCC=3))
    switch(made.store, "all")
    assert made.run(DEC1).outcome is Outcome.BLOCKED
    switch(made.store, "all", on=False)
    report = made.run(DEC4)
    assert (report.outcome, report.executes) == (Outcome.COMPLETED, NOV30)


def test_a_first_session_stays_due_after_a_later_one_was_decided_and_another_mode_looked() -> None:
    made = world()
    del made.shelf.snapshots[OCT31]
    made.shelf.publish(DEC1, rows(AAA=9, BBB=2, CCC=1))
    assert made.run(DEC1).outcome is Outcome.BLOCKED
    assert made.run(DEC4).action is Action.HOLD
    made.shelf.publish(NOV30, rows(AAA=1, BBB=2, CCC=3))
    made.run(DEC5, "look", Mode.DRY_RUN)
    report = made.run(DEC5)
    assert (report.outcome, report.executes, units(report)) == (Outcome.COMPLETED, NOV30, {"BBB": 100, "CCC": 200})
