"""The carry rule: a REBALANCE stays due until it is executed, superseded or too old; live and in the back-test.

The decision of 2023-11-30, the last session of November, puts 60 % into AAA at 100 and 40 % into BBB at 50, of
10,000 USD: 60 and 80 units. Its own session to trade in is Friday, 1 December; it may be carried into the three after
that, to Wednesday, 6 December.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quant_platform_kit.adapters.price_files import FileMarketData
from quant_platform_kit.domain.boundaries import Boundary
from quant_platform_kit.domain.carry import CARRY_SESSIONS, Due, Evaluated, carried_intent, due
from quant_platform_kit.domain.cycle import ExecutionPolicy
from quant_platform_kit.domain.gates import RiskLimits
from quant_platform_kit.domain.identity import Mode
from quant_platform_kit.domain.orders import OrderState
from quant_platform_kit.domain.portfolio import PortfolioSnapshot, Position
from quant_platform_kit.domain.prices import PriceHistory, PriceTable
from quant_platform_kit.domain.runs import Outcome, RunReport
from quant_platform_kit.domain.sessions import Cadence
from quant_platform_kit.domain.silence import AfterSilence, BrokerTraits
from quant_platform_kit.domain.strategy import Action, AllocationIntent, BoundStrategy, TargetMode
from quant_platform_kit.services.observe.status import StatusSources, account_status
from quant_platform_kit.services.research.backtest import BacktestSettings, FillAt, backtest

from ...exactly_once import ACCOUNT, CALENDAR, NAN, PLAIN, Way, World, following, moment, prices, rule, switch, trust

OCT31, NOV28, NOV29, NOV30 = date(2023, 10, 31), date(2023, 11, 28), date(2023, 11, 29), date(2023, 11, 30)
DEC1, DEC4, DEC5, DEC6, DEC7, DEC8 = (date(2023, 12, n) for n in (1, 4, 5, 6, 7, 8))
LATER = (DEC1, DEC4, DEC5, DEC6, DEC7)
WEIGHTS = {"AAA": 0.6, "BBB": 0.4}
FULL = {"AAA": 60, "BBB": 80}
REBALANCE, HOLD, BLOCKED = Action.REBALANCE, Action.HOLD, Action.BLOCKED
BLOCKED_RUN = Outcome.BLOCKED
VALUE = TargetMode.VALUE


def market(**changes: Mapping[date, float]) -> PriceTable:
    """Return a market from 2023-10-30 to 2023-12-15: AAA at 100 and BBB at 50, but for some sessions."""
    sessions = CALENDAR.between(date(2023, 10, 30), date(2023, 12, 15))
    usual = {"AAA": 100.0, "BBB": 50.0}
    return prices(
        sessions[0], **{s: [changes.get(s, {}).get(day, price) for day in sessions] for s, price in usual.items()}
    )


def holes(*days: date) -> dict[date, float]:
    return dict.fromkeys(days, NAN)


def monthly(**manifest: Any) -> BoundStrategy:
    """Return the strategy of these tests: it decides on the last session of a month."""
    return following({NOV30: WEIGHTS}, **{"cadence": Cadence.MONTH_END, **manifest})


def seasoned(table: PriceTable | None = None, strategy: BoundStrategy | None = None, **world: Any) -> World:
    """Return an account that has been running: its last run decided to hold on 29 November."""
    made = World(table or market(), strategy or monthly(), **world)
    assert made.run(NOV30).outcome is Outcome.NO_ACTION
    return made


def assert_nothing_due(world: World, *sessions: date) -> None:
    """Run in some sessions, twice in each; nothing may be sent."""
    sent = len(world.desk.received)
    for session in sessions:
        for slot in ("nothing", "nothing either"):
            report = world.run(session, slot)
            assert (report.outcome, report.executes, report.orders) == (Outcome.NO_ACTION, None, ())
    assert len(world.desk.received) == sent


# --- held by a release --------------------------------------------------------------------------------


def test_a_run_of_a_service_that_a_release_holds_is_blocked_and_its_decision_is_executed_once_it_is_open() -> None:
    world = seasoned()
    switch(world.store, "release-cli")
    held = world.run(DEC1, "while it was held")
    assert (held.outcome, held.orders) == (BLOCKED_RUN, ())
    assert held.reasons == ("held by a release: release-cli; `release open` lifts it",)
    assert world.desk.received == []
    switch(world.store, "release-cli", on=False)
    opened = world.run(DEC1, "the next slot")
    assert (opened.outcome, opened.executes) == (Outcome.COMPLETED, NOV30)
    assert_nothing_due(world, DEC4)


def test_a_release_that_holds_a_service_after_it_decided_leaves_the_rest_of_its_decision_due() -> None:
    world = seasoned()
    world.desk.on_submit = lambda order: switch(world.store, "release-cli")
    cut_short = world.run(DEC1, "when it was held")
    assert [(o.symbol, o.state) for o in cut_short.orders] == [
        ("AAA", OrderState.FILLED),
        ("BBB", OrderState.CANCELLED),
    ]
    assert world.run(DEC1, "while it was held").outcome is BLOCKED_RUN
    world.desk.on_submit = lambda order: None
    switch(world.store, "release-cli", on=False)
    assert [order.symbol for order in world.run(DEC1, "the next slot").orders] == ["BBB"]
    assert world.desk.sent == {"AAA": 1, "BBB": 1}
    assert_nothing_due(world, DEC4)


# --- the rule itself ------------------------------------------------------------------------------

DAYS = CALENDAR.between(NOV28, DEC8)


def on(*decisions: tuple[date, Action] | tuple[date, Action, bool]) -> list[Evaluated]:
    return [Evaluated(*decision) for decision in decisions]


@pytest.mark.parametrize("every_session", [False, True])
@pytest.mark.parametrize(
    ("decisions", "today", "expected"),
    [
        ([], DEC1, Due(None, ())),
        ([(NOV29, HOLD)], NOV29, Due(None, ())),
        ([(NOV30, BLOCKED)], NOV30, Due(None, ())),
        ([(NOV30, REBALANCE)], NOV30, Due(NOV30, ())),
        ([(NOV30, REBALANCE)], DEC5, Due(NOV30, ())),
        ([(NOV30, REBALANCE)], DEC6, Due(None, (NOV30,))),
        ([(NOV30, REBALANCE, True)], NOV30, Due(None, ())),
        ([(NOV30, REBALANCE, True)], DEC6, Due(None, ())),
        ([(NOV30, REBALANCE), (DEC1, BLOCKED)], DEC1, Due(NOV30, ())),
        ([(NOV30, REBALANCE), (DEC1, REBALANCE)], DEC1, Due(DEC1, ())),
        ([(NOV30, REBALANCE), (DEC1, REBALANCE, True)], DEC1, Due(None, ())),
        ([(NOV30, REBALANCE, True), (DEC1, REBALANCE)], DEC5, Due(DEC1, ())),
        ([(NOV28, REBALANCE), (NOV30, REBALANCE)], DEC6, Due(None, (NOV30,))),
    ],
)
def test_what_is_due_is_the_newest_rebalance_unless_it_is_executed_or_too_old(
    decisions: list[Any], today: date, expected: Due, every_session: bool
) -> None:
    sessions = [day for day in DAYS if day <= today]
    assert due(on(*decisions), sessions, every_session=every_session) == expected


def test_a_hold_supersedes_only_where_the_profile_decides_in_every_session() -> None:
    decisions = on((NOV30, REBALANCE), (DEC1, HOLD))
    sessions = [day for day in DAYS if day <= DEC1]
    assert due(decisions, sessions, every_session=True) == Due(None, ())
    assert due(decisions, sessions, every_session=False) == Due(NOV30, ())


def test_a_rebalance_after_a_hold_is_due() -> None:
    decisions = on((NOV30, HOLD), (DEC1, REBALANCE))
    assert due(decisions, [day for day in DAYS if day <= DEC1], every_session=True) == Due(DEC1, ())


@pytest.mark.parametrize(("carry", "today"), [(0, NOV30), (1, DEC1), (3, DEC5), (5, DEC7)])
def test_a_decision_may_be_executed_in_so_many_sessions_after_its_own(carry: int, today: date) -> None:
    decisions = on((NOV30, REBALANCE))
    upto, beyond = ([day for day in DAYS if day <= last] for last in (today, CALENDAR.after(today)))
    assert due(decisions, upto, every_session=False, carry_sessions=carry).as_of == NOV30
    assert due(decisions, beyond, every_session=False, carry_sessions=carry) == Due(None, (NOV30,))
    assert CARRY_SESSIONS == 3


def test_a_decision_older_than_every_session_known_is_too_old() -> None:
    assert due(on((OCT31, REBALANCE)), [NOV30, DEC1], every_session=False) == Due(None, (OCT31,))


def snapshot(cash: int, **held: tuple[int, int]) -> PortfolioSnapshot:
    """Return a portfolio; a holding is its units and their price."""
    positions = tuple(Position(s, Decimal(units), Decimal(price)) for s, (units, price) in sorted(held.items()))
    return PortfolioSnapshot("DUSBX001", moment("2023-12-04 20:00"), "USD", Decimal(cash), positions)


def values(mode: TargetMode = VALUE, *, buy_only: bool = False, **targets: str) -> AllocationIntent:
    return AllocationIntent(mode, {symbol: Decimal(target) for symbol, target in targets.items()}, buy_only)


def test_carried_weights_are_what_they_were() -> None:
    intent = values(TargetMode.WEIGHT, AAA="0.6", BBB="0")
    assert carried_intent(intent, {"AAA": Decimal(5)}, Decimal(7), snapshot(100, AAA=(3, 10)), {}) == intent


def test_carried_values_scale_with_the_base() -> None:
    """12,000 now instead of 10,000 then."""
    now = snapshot(9_000, AAA=(30, 100))
    carried = carried_intent(values(AAA="6000", BBB="3333.33", CCC="0"), {}, Decimal(10_000), now, {})
    assert carried == values(AAA="7200.00", BBB="4000.00", CCC="0")


@pytest.mark.parametrize("base_then", [0, -5])
def test_values_decided_without_a_base_are_carried_as_they_are(base_then: int) -> None:
    intent = values(AAA="6000")
    assert carried_intent(intent, {}, Decimal(base_then), snapshot(12_000), {}) == values(AAA="6000.00")


def test_a_carried_contribution_is_what_is_not_spent_of_it_on_top_of_what_is_held() -> None:
    """3,000 were held and 1,000 were to be added, of which 400 are spent; what is held is worth 5,100 by now."""
    now = snapshot(600, AAA=(34, 150))
    intent = values(buy_only=True, AAA="4000")
    held, spent = {"AAA": Decimal(3_000)}, {"AAA": Decimal(400)}
    assert carried_intent(intent, held, Decimal(4_000), now, spent) == values(buy_only=True, AAA="5700.00")


@pytest.mark.parametrize("spent", [1_000, 1_001])
def test_a_contribution_that_is_spent_adds_nothing(spent: int) -> None:
    intent = values(buy_only=True, AAA="4000")
    now = snapshot(0, AAA=(40, 80))
    carried = carried_intent(intent, {"AAA": Decimal(3_000)}, Decimal(4_000), now, {"AAA": Decimal(spent)})
    assert carried == values(buy_only=True, AAA="3200.00")


def test_a_contribution_per_symbol_is_carried_per_symbol() -> None:
    intent = values(buy_only=True, AAA="500", BBB="500")
    carried = carried_intent(intent, {}, Decimal(1_000), snapshot(500, AAA=(5, 100)), {"AAA": Decimal(500)})
    assert carried == values(buy_only=True, AAA="500.00", BBB="500.00")


# --- missed, blocked, half filled -------------------------------------------------------------------


@pytest.mark.parametrize("session", LATER[:4])
def test_a_month_end_that_was_missed_is_made_up_for_in_the_next_three_sessions(session: date) -> None:
    world = seasoned()
    report = world.run(session)
    assert (report.outcome, report.executes) == (Outcome.COMPLETED, NOV30)
    assert report.as_of == CALENDAR.before(session)
    assert report.behind == ()
    assert world.held == FULL
    assert_nothing_due(world, *[day for day in LATER if day > session])


def test_a_month_end_missed_for_longer_is_reported_as_behind_and_not_executed() -> None:
    world = seasoned()
    for session in (DEC7, DEC8):
        report = world.run(session)
        assert (report.outcome, report.executes, report.behind) == (Outcome.NO_ACTION, None, (NOV30,))
    assert world.desk.received == []


@pytest.mark.parametrize("blocked", [1, 2, 3])
def test_a_month_end_blocked_by_a_missing_price_is_completed_when_it_is_back(blocked: int) -> None:
    world = seasoned(market(BBB=holes(*LATER[:blocked])))
    for session in LATER[:blocked]:
        report = world.run(session)
        assert (report.outcome, report.executes) == (Outcome.BLOCKED, NOV30)
        assert report.reasons[-1] == "no price for BBB, which has to be traded"
    report = world.run(LATER[blocked])
    assert (report.outcome, report.executes, report.orders[0].symbol) == (Outcome.COMPLETED, NOV30, "AAA")
    assert world.held == FULL


def test_a_month_end_blocked_for_longer_is_reported_as_behind_and_not_executed() -> None:
    world = seasoned(market(BBB=holes(*LATER[:4])))
    assert [world.run(session).outcome for session in LATER[:4]] == [Outcome.BLOCKED] * 4
    report = world.run(DEC7)
    assert (report.outcome, report.executes, report.behind) == (Outcome.NO_ACTION, None, (NOV30,))
    assert world.desk.received == []


def test_behind_target_is_over_with_the_next_rebalance() -> None:
    world = seasoned(strategy=following({NOV30: WEIGHTS, DEC7: {"AAA": 1}}, cadence=Cadence.MONTH_END))
    assert world.run(DEC7).behind == (NOV30,)
    report = world.run(DEC8)
    assert (report.executes, report.behind, world.held) == (DEC7, (), {"AAA": 100})


def test_a_later_slot_of_the_session_goes_on_with_what_was_blocked() -> None:
    world = seasoned()
    switch(world.store, "all")
    assert world.run(DEC1).outcome is Outcome.BLOCKED
    switch(world.store, "all", on=False)
    report = world.run(DEC1, "half past")
    assert (report.outcome, report.executes, report.as_of) == (Outcome.COMPLETED, NOV30, NOV30)
    assert world.held == FULL


def test_a_month_end_that_was_halted_throughout_is_decided_afterwards() -> None:
    world = seasoned()
    switch(world.store, "all")
    assert world.run(DEC1).outcome is Outcome.BLOCKED
    assert [decision.as_of for decision in world.decisions().history()] == [NOV29]
    switch(world.store, "all", on=False)
    assert world.run(DEC4).executes == NOV30
    assert [(d.as_of, d.action, d.executed) for d in world.decisions().history()] == [
        (NOV29, HOLD, False),
        (NOV30, REBALANCE, True),
        (DEC1, HOLD, False),
    ]


def test_a_half_filled_month_end_is_completed_in_the_next_session_at_its_prices() -> None:
    """30 and 40 units are bought, 5,000 left. AAA rises to 110: base 3,300 + 2,000 + 5,000 = 10,300.

    60 % are 6,180, or 56 units: 26 more; 40 % are 4,120, or 82 units: 42 more.
    """
    world = seasoned(market(AAA={DEC4: 110.0}))
    world.desk.ways = {"AAA": [Way.HALF], "BBB": [Way.HALF]}
    first = world.run(DEC1)
    assert (first.outcome, first.executes) == (Outcome.INCOMPLETE, NOV30)
    assert [(o.symbol, o.filled, o.state) for o in first.orders] == [
        ("AAA", 30, OrderState.CANCELLED),
        ("BBB", 40, OrderState.CANCELLED),
    ]
    second = world.run(DEC4)
    assert (second.outcome, second.executes, second.as_of) == (Outcome.COMPLETED, NOV30, DEC1)
    assert [(o.symbol, o.filled) for o in second.orders] == [("AAA", 26), ("BBB", 42)]
    assert world.held == {"AAA": 56, "BBB": 82}
    assert_nothing_due(world, DEC5, DEC6)


def test_a_refused_order_is_tried_again_in_the_next_session() -> None:
    world = seasoned()
    world.desk.ways = {"BBB": [Way.REJECT]}
    assert world.run(DEC1).outcome is Outcome.INCOMPLETE
    report = world.run(DEC4)
    assert [(o.symbol, o.filled) for o in report.orders] == [("BBB", 80)]
    assert_nothing_due(world, DEC5)


def test_an_order_half_filled_again_and_again_stays_due_and_then_is_behind() -> None:
    """Of 80 units 40, 20, 10 and 5 are bought."""
    world = seasoned()
    world.desk.ways = {"BBB": [Way.HALF] * 4}
    assert [world.run(session).outcome for session in LATER[:4]] == [Outcome.INCOMPLETE] * 4
    assert world.held == {"AAA": 60, "BBB": 75}
    report = world.run(DEC7)
    assert (report.outcome, report.behind, report.orders) == (Outcome.NO_ACTION, (NOV30,), ())


def test_a_session_whose_decision_was_blocked_is_decided_again_when_its_bar_arrives() -> None:
    def decide(manifest: Any, ctx: Any) -> Any:
        if ctx.market_history.without_bar(ctx.as_of, ["AAA"]):
            return manifest.blocked(ctx, f"no bar on {ctx.as_of}")
        return manifest.rebalance(ctx, WEIGHTS) if ctx.session.ends_month else manifest.hold(ctx)

    world = seasoned(strategy=rule(decide, cadence=Cadence.MONTH_END))
    late = FileMarketData(market(AAA=holes(NOV30)), CALENDAR, world.clock)
    complete, world.market = world.market, late
    report = world.run(DEC1)
    assert (report.outcome, report.action, report.reasons) == (Outcome.BLOCKED, BLOCKED, (f"no bar on {NOV30}",))
    world.market = complete
    report = world.run(DEC4)
    assert (report.outcome, report.action, report.executes) == (Outcome.COMPLETED, HOLD, NOV30)
    assert world.held == FULL


def waiting_for(symbol: str) -> BoundStrategy:
    """Return a rule that is BLOCKED while a symbol has no bar in the session decided on."""

    def decide(manifest: Any, ctx: Any) -> Any:
        if ctx.market_history.without_bar(ctx.as_of, [symbol]):
            return manifest.blocked(ctx, f"no bar on {ctx.as_of}")
        return manifest.rebalance(ctx, WEIGHTS) if ctx.session.ends_month else manifest.hold(ctx)

    return rule(decide, cadence=Cadence.MONTH_END)


@pytest.mark.parametrize("late", [1, 2, 3, 4, 5])
def test_a_blocked_month_end_is_decided_when_its_bar_comes_whatever_was_decided_since(late: int) -> None:
    """The bar of 30 November comes so many sessions late; the sessions between have theirs and are HOLD."""
    world = seasoned(strategy=waiting_for("AAA"))
    complete = world.market
    world.market = FileMarketData(market(AAA=holes(NOV30)), CALENDAR, world.clock)
    sessions = (*LATER, DEC8)
    reports = [world.run(session) for session in sessions[:late]]
    assert [report.action for report in reports] == [BLOCKED, *[HOLD] * (late - 1)]
    assert [report.behind for report in reports] == [(NOV30,) if number == 4 else () for number in range(late)]
    world.market = complete
    report = world.run(sessions[late])
    if late <= 3:
        assert (report.outcome, report.executes, report.behind) == (Outcome.COMPLETED, NOV30, ())
        assert world.held == FULL
    else:
        assert (report.outcome, report.executes) == (Outcome.NO_ACTION, None)
        assert report.behind == ((NOV30,) if late == 4 else ())
        assert not any(world.held.values())


@pytest.mark.parametrize("next_run", [DEC8, date(2023, 12, 11), date(2023, 12, 14)])
def test_a_month_end_that_grew_too_old_while_nothing_ran_is_told_by_the_next_run_and_once(next_run: date) -> None:
    """On 1 and 4 December the account runs, and 30 November stays BLOCKED; when it grows too old nothing runs."""
    world = seasoned(market(AAA=holes(NOV30)), waiting_for("AAA"))
    assert [world.run(session).action for session in (DEC1, DEC4)] == [BLOCKED, HOLD]
    assert world.run(next_run).behind == (NOV30,)
    sources = StatusSources(world.store, world.reports, CALENDAR, {"scripted": world.strategy.manifest}, None)
    status = account_status(sources, ACCOUNT)
    assert status.behind == (NOV30,)
    assert status.needs == (f"behind target: the REBALANCE of {NOV30} grew too old to be executed",)
    assert world.run(next_run, "again").behind == ()
    assert account_status(sources, ACCOUNT).needs == ()


def test_a_session_that_stayed_blocked_is_not_decided_once_a_newer_rebalance_supersedes_it() -> None:
    def decide(manifest: Any, ctx: Any) -> Any:
        if ctx.market_history.without_bar(ctx.as_of, ["AAA"]):
            return manifest.blocked(ctx, f"no bar on {ctx.as_of}")
        return manifest.rebalance(ctx, WEIGHTS) if ctx.as_of in (NOV30, DEC1) else manifest.hold(ctx)

    world = seasoned(strategy=rule(decide))
    complete, world.market = world.market, FileMarketData(market(AAA=holes(NOV30)), CALENDAR, world.clock)
    assert world.run(DEC1).action is BLOCKED
    assert world.run(DEC4).executes == DEC1
    world.market = complete
    assert world.run(DEC5).action is HOLD
    assert NOV30 not in [decision.as_of for decision in world.decisions().history()]


def test_a_session_in_the_middle_of_a_month_that_stays_blocked_is_no_reason_to_call_a_person() -> None:
    world = seasoned(market(AAA=holes(DEC1)), waiting_for("AAA"))
    reports = [world.run(session) for session in LATER]
    assert [report.behind for report in reports] == [()] * len(reports)


def test_a_missed_session_is_decided_with_as_much_history_as_its_rule_asks_for() -> None:
    """A price source owes the sessions that are asked for, and no more: a missed session needs some before them."""
    seen: dict[date, int] = {}

    def decide(manifest: Any, ctx: Any) -> Any:
        seen[ctx.as_of] = len(ctx.market_history)
        if len(ctx.market_history) < manifest.history_sessions:
            return manifest.blocked(ctx, "short history")
        return manifest.rebalance(ctx, WEIGHTS) if ctx.session.ends_month else manifest.hold(ctx)

    class Exact(FileMarketData):
        def history(self, symbols: Sequence[str], until: date, sessions: int) -> PriceHistory:
            table = self._table.select(symbols)
            stop = table.sessions.index(until) + 1
            rows = slice(stop - sessions, stop)
            return PriceHistory(PriceTable(table.dates[rows], symbols, {"close": table.fields["close"][rows]}))

    world = World(market(), rule(decide, cadence=Cadence.MONTH_END, history_sessions=10))
    world.market = Exact(market(), CALENDAR, world.clock)
    assert world.run(NOV30).outcome is Outcome.NO_ACTION
    report = world.run(DEC4)
    assert seen[NOV30] >= 10
    assert (report.outcome, report.executes) == (Outcome.COMPLETED, NOV30)


def test_every_missed_session_is_decided_and_recorded_once() -> None:
    world = seasoned()
    world.run(DEC6)
    history = [(d.as_of, d.action) for d in world.decisions().history()]
    assert history == [(NOV29, HOLD), (NOV30, REBALANCE), (DEC1, HOLD), (DEC4, HOLD), (DEC5, HOLD)]
    written = list(world.store.writes)
    world.run(DEC6, "another")
    assert [key for key in world.store.writes[len(written) :] if "/decisions/" in key] == []


# --- superseded -----------------------------------------------------------------------------------


def test_a_newer_rebalance_supersedes_one_that_was_blocked() -> None:
    strategy = following({NOV30: {"AAA": 1}, DEC1: {"BBB": 1}})
    world = seasoned(market(AAA=holes(DEC1)), strategy)
    assert world.run(DEC1).outcome is Outcome.BLOCKED
    report = world.run(DEC4)
    assert (report.outcome, report.executes) == (Outcome.COMPLETED, DEC1)
    assert world.desk.sent == {"BBB": 1}
    assert_nothing_due(world, DEC5, DEC6)


def test_a_newer_rebalance_that_is_blocked_too_is_the_one_that_is_carried() -> None:
    strategy = following({NOV30: {"AAA": 1}, DEC1: {"BBB": 1}})
    world = seasoned(market(AAA=holes(DEC1), BBB=holes(DEC4)), strategy)
    assert [world.run(session).outcome for session in (DEC1, DEC4)] == [Outcome.BLOCKED] * 2
    assert world.run(DEC5).executes == DEC1
    assert world.held == {"BBB": 200}


@pytest.mark.parametrize(
    ("cadence", "executes"), [(Cadence.SESSION, None), (Cadence.UNSTATED, NOV30), (Cadence.MONTH_END, NOV30)]
)
def test_a_hold_ends_a_half_filled_rebalance_only_in_profiles_decided_every_session(
    cadence: Cadence, executes: date | None
) -> None:
    world = seasoned(strategy=monthly(cadence=cadence))
    world.desk.ways = {"BBB": [Way.HALF]}
    world.run(DEC1)
    report = world.run(DEC4)
    assert report.executes == executes
    assert world.held == {"AAA": 60, "BBB": 80 if executes else 40}


# --- executed is executed ---------------------------------------------------------------------------


@pytest.mark.parametrize("factors", [(1.3, 0.7), (0.6, 1.4), (0.99, 1.01), (3.3, 0.1)])
def test_a_decision_that_was_executed_is_never_planned_again_whatever_prices_do(factors: tuple[float, float]) -> None:
    up, down = factors
    rest = dict.fromkeys(LATER[1:], 0.0)
    table = market(AAA={day: 100 * up for day in rest}, BBB={day: 50 * down for day in rest})
    world = seasoned(table)
    assert world.run(DEC1).outcome is Outcome.COMPLETED
    world.market.quotes = FileMarketData(table, CALENDAR, world.clock).quotes
    for symbol in FULL:
        trust(world.store, symbol, DEC4)
    assert_nothing_due(world, DEC4, DEC5, DEC6, DEC7)
    assert world.held == FULL


def test_a_decision_that_was_executed_is_not_planned_again_for_new_cash_or_a_manual_trade() -> None:
    world = seasoned()
    world.run(DEC1)
    world.desk.book.cash += 5_000
    world.desk.book.quantities["AAA"] = Decimal(10)
    assert_nothing_due(world, DEC4, DEC5)


def test_what_lots_and_thresholds_leave_over_counts_as_executed() -> None:
    """10,000 at AAA 70 and BBB 30: 85.7 and 133.3 units; the rest is never made up for, though cash is there."""
    days = {day: 70.0 for day in LATER}, {day: 30.0 for day in LATER}
    world = seasoned(market(AAA=days[0], BBB=days[1]))
    for symbol in FULL:
        trust(world.store, symbol, DEC1)
    assert world.run(DEC1).outcome is Outcome.COMPLETED
    assert world.held == {"AAA": 85, "BBB": 133}
    world.desk.book.cash += 1_000
    assert_nothing_due(world, DEC4)


def test_a_decision_that_asks_for_what_is_held_already_is_executed_without_an_order() -> None:
    world = seasoned(strategy=following({NOV30: WEIGHTS, DEC1: WEIGHTS}, cadence=Cadence.SESSION))
    world.run(DEC1)
    report = world.run(DEC4)
    assert (report.outcome, report.executes, report.orders) == (Outcome.NO_ACTION, DEC1, ())
    assert [d.executed for d in world.decisions().history()] == [False, True, True]
    world.desk.book.cash += 5_000
    assert_nothing_due(world, DEC5)


# --- amounts --------------------------------------------------------------------------------------


def test_carried_values_grow_with_a_deposit() -> None:
    """6,000 and 4,000 of 10,000; two thousand come in: 7,200 and 4,800, or 72 and 96 units."""
    strategy = following({NOV30: {"AAA": 6_000, "BBB": 4_000}}, target_mode=VALUE, cadence=Cadence.MONTH_END)
    world = seasoned(market(BBB=holes(DEC1)), strategy)
    assert world.run(DEC1).outcome is Outcome.BLOCKED
    world.desk.book.cash += 2_000
    report = world.run(DEC4)
    assert (report.outcome, report.executes, report.base) == (Outcome.COMPLETED, NOV30, 12_000)
    assert world.held == {"AAA": 72, "BBB": 96}


def test_carried_values_shrink_with_the_account() -> None:
    """60 units of AAA are bought, BBB is refused; AAA falls to 80: base 4,800 + 4,000 = 8,800.

    6,000 become 5,280, or 66 units; 4,000 become 3,520, or 70 units at 50.
    """
    strategy = following({NOV30: {"AAA": 6_000, "BBB": 4_000}}, target_mode=VALUE, cadence=Cadence.MONTH_END)
    world = seasoned(market(AAA={DEC4: 80.0}), strategy)
    world.desk.ways = {"BBB": [Way.REJECT]}
    world.run(DEC1)
    report = world.run(DEC4)
    assert [(o.side.value, o.symbol, o.filled) for o in report.orders] == [("BUY", "AAA", 6), ("BUY", "BBB", 70)]
    assert world.held == {"AAA": 66, "BBB": 70}


def contributing(amount: int = 1_000, day: date = DEC1) -> BoundStrategy:
    """Return a strategy that buys AAA for an amount on the first session of a month, and never sells."""

    def decide(manifest: Any, ctx: Any) -> Any:
        if not ctx.session.starts_month:
            return manifest.hold(ctx)
        return manifest.rebalance(ctx, {"AAA": ctx.portfolio.value("AAA") + amount}, buy_only=True)

    return rule(decide, target_mode=VALUE, cadence=Cadence.MONTH_START, managed=("AAA",))


def saver(table: PriceTable | None = None, units: int = 0, cash: int = 10_000) -> World:
    """Return an account that contributes 1,000 a month; the decision of 1 December trades on the 4th."""
    world = World(table or market(), contributing(), Decimal(cash))
    world.desk.book.quantities |= {"AAA": Decimal(units)} if units else {}
    assert world.run(NOV30, block_on=frozenset()).outcome is Outcome.NO_ACTION
    return world


def test_a_months_contribution_is_spent_once_over_slots_and_sessions() -> None:
    world = saver(units=30)
    assert world.run(DEC4).outcome is Outcome.COMPLETED
    assert world.held == {"AAA": 40}
    assert_nothing_due(world, DEC4, DEC5, DEC6, DEC7)


@pytest.mark.parametrize(("price", "units"), [(100.0, 5), (125.0, 4), (80.0, 6)])
def test_a_half_spent_contribution_buys_for_the_other_half_at_the_next_price(price: float, units: int) -> None:
    """5 units for 500; what was held before, and what it is worth by now, is no part of it."""
    world = saver(market(AAA={DEC5: price}), units=30)
    trust(world.store, "AAA", DEC5)
    world.desk.ways = {"AAA": [Way.HALF]}
    assert world.run(DEC4).outcome is Outcome.INCOMPLETE
    assert world.held == {"AAA": 35}
    report = world.run(DEC5)
    assert (report.outcome, report.executes) == (Outcome.COMPLETED, DEC1)
    assert [(o.side.value, o.filled) for o in report.orders] == [("BUY", units)]
    assert world.desk.bought == {"AAA": 500 + units * Decimal(price)}
    assert_nothing_due(world, DEC6, DEC7)


def test_a_contribution_filled_by_halves_over_four_runs_is_never_exceeded() -> None:
    """5 of 10 units, 2 of 5, 1 of 3, then both that are left."""
    world = saver()
    world.desk.ways = {"AAA": [Way.HALF] * 3}
    filled = [report.orders[0].filled for report in (world.run(DEC4, slot) for slot in ("a", "b", "c", "d"))]
    assert filled == [5, 2, 1, 2]
    assert world.desk.bought == {"AAA": 1_000}
    assert_nothing_due(world, DEC4, DEC5)


def test_a_contribution_that_the_cash_cuts_is_spent_all_the_same() -> None:
    world = saver(cash=350)
    assert world.run(DEC4).outcome is Outcome.COMPLETED
    assert world.held == {"AAA": 3}
    world.desk.book.cash += 5_000
    assert_nothing_due(world, DEC4, DEC5)


CRASHES = [
    pytest.param(boundary, way, id=f"{boundary.value}-{way.name}")
    for boundary in Boundary
    for way in (Way.FILL, Way.HALF, Way.LOST, Way.DROP)
    # Nothing is sold, so nothing is revised; and where the answer is lost there is no instant after it.
    if boundary is not Boundary.REVISION_COMMITTED and (boundary, way) != (Boundary.ORDER_SENT, Way.LOST)
]


@pytest.mark.parametrize(("boundary", "way"), CRASHES)
def test_a_contribution_is_spent_once_over_a_crash_anywhere_two_slots_and_the_next_session(
    boundary: Boundary, way: Way
) -> None:
    world = saver(units=30)
    world.desk.ways = {"AAA": [way]}
    world.desk.dedupe = False
    world.die_at(boundary, DEC4)
    world.clock.sleep(300)
    for slot in ("second", "cli", "third"):
        world.run_now(DEC4, slot)
    world.run(DEC5)
    assert world.desk.bought == {"AAA": 1_000}
    assert world.held == {"AAA": 40}
    assert world.decisions().history()[-2].executed


def test_a_contribution_whose_order_is_unknown_is_not_spent_again() -> None:
    world = saver()
    world.desk.traits = BrokerTraits(AfterSilence.BLOCK, timedelta(0))
    world.desk.ways = {"AAA": [Way.DROP]}
    assert world.run(DEC4).outcome is Outcome.BLOCKED
    for session, slot in ((DEC4, "second"), (DEC5, "cli"), (DEC6, "cli"), (DEC7, "cli")):
        report = world.run(session, slot)
        assert report.orders == ()
        if session < DEC7:
            assert report.outcome is Outcome.BLOCKED
            assert "has UNKNOWN orders: settle them with `quant resolve` first" in report.reasons[-1]
    assert world.desk.sent == {"AAA": 1}


def test_every_month_has_a_contribution_of_its_own() -> None:
    world = World(market(), contributing())
    november = date(2023, 11, 2)
    assert world.run(november).executes == date(2023, 11, 1)
    for session in CALENDAR.between(date(2023, 11, 3), DEC8):
        world.run(session)
    assert world.desk.bought == {"AAA": 2_000}
    assert [order.quantity for order in world.desk.received] == [10, 10]


# --- new accounts ---------------------------------------------------------------------------------


def test_a_new_account_waits_for_its_next_decision_session() -> None:
    world = World(market(), following({OCT31: {"AAA": 1}, NOV30: WEIGHTS}, cadence=Cadence.MONTH_END))
    for session in (date(2023, 11, 2), date(2023, 11, 3), NOV29, NOV30):
        assert world.run(session).outcome is Outcome.NO_ACTION
    assert world.desk.received == []
    assert (world.run(DEC1).executes, world.held) == (NOV30, FULL)


def test_a_new_account_that_is_told_to_enter_now_executes_the_decision_still_in_force() -> None:
    world = World(market(), following({OCT31: {"AAA": 1}, NOV30: WEIGHTS}, cadence=Cadence.MONTH_END))
    report = world.run(date(2023, 11, 22), enter_now=True)
    assert (report.outcome, report.executes, world.held) == (Outcome.COMPLETED, OCT31, {"AAA": 100})
    assert_nothing_due(world, date(2023, 11, 22), NOV29)
    assert world.run(DEC1).executes == NOV30


def test_an_entry_that_was_blocked_goes_on_in_the_next_slot() -> None:
    """BBB has no price in the first slot: the account has bought nothing yet, and asks to enter again."""
    world = World(market(), following({OCT31: WEIGHTS}, cadence=Cadence.MONTH_END))
    session, complete = date(2023, 11, 22), world.market
    world.market = FileMarketData(market(BBB=holes(session)), CALENDAR, world.clock)
    assert world.run(session, enter_now=True).outcome is Outcome.BLOCKED
    world.market = complete
    report = world.run(session, "again", enter_now=True)
    assert (report.outcome, report.executes, world.held) == (Outcome.COMPLETED, OCT31, FULL)


def test_entering_now_changes_nothing_for_an_account_that_has_executed_a_decision() -> None:
    world = World(market(), following({OCT31: WEIGHTS}, cadence=Cadence.MONTH_END))
    assert world.run(date(2023, 11, 1)).executes == OCT31
    report = world.run(date(2023, 11, 22), enter_now=True)
    assert (report.outcome, report.executes, report.orders) == (Outcome.NO_ACTION, None, ())


def test_a_new_account_with_a_profile_decided_every_session_enters_at_once() -> None:
    world = World(market(), following({NOV28: WEIGHTS}, cadence=Cadence.SESSION))
    assert (world.run(NOV29).executes, world.held) == (NOV28, FULL)


# --- modes that send nothing ----------------------------------------------------------------------


@pytest.mark.parametrize("mode", [Mode.DRY_RUN, Mode.PROBE])
def test_a_mode_that_sends_nothing_does_not_fulfil_what_is_due(mode: Mode) -> None:
    world = seasoned()
    for session in (DEC1, DEC4):
        report = world.run(session, "look", mode)
        assert world.desk.received == []
        assert report.orders == ()
    assert world.run(DEC4).executes == NOV30
    assert world.held == FULL


@pytest.mark.parametrize("mode", [Mode.DRY_RUN, Mode.PROBE])
def test_a_mode_that_sends_nothing_does_not_spend_a_contribution(mode: Mode) -> None:
    world = saver()
    assert world.run(DEC4, "look", mode).plan is not None
    assert world.run(DEC4).outcome is Outcome.COMPLETED
    assert world.desk.bought == {"AAA": 1_000}


@pytest.mark.parametrize("mode", [Mode.DRY_RUN, Mode.PROBE])
def test_a_mode_that_sends_nothing_does_not_supersede_what_is_due(mode: Mode) -> None:
    """Every session is decided by this profile, and a HOLD supersedes; one that was only looked at does not."""
    world = seasoned(market(BBB=holes(DEC1)), monthly(cadence=Cadence.SESSION))
    assert world.run(DEC1).outcome is Outcome.BLOCKED
    world.run(DEC4, "look", mode)
    assert [(d.as_of, d.action) for d in world.decisions().history()] == [(NOV29, HOLD), (NOV30, REBALANCE)]


def test_a_probe_leaves_the_store_as_it_was() -> None:
    world = seasoned()
    before = dict(world.store.objects), dict(world.report_store.objects)
    report = world.run(DEC1, "look", Mode.PROBE)
    assert report.plan is not None
    assert [(o.symbol, o.quantity) for o in report.plan.orders] == [("AAA", 60), ("BBB", 80)]
    assert (world.store.objects, world.report_store.objects) == before


# --- the back-test has the same rule ----------------------------------------------------------------

Trade = tuple[date, str, str, Decimal, Decimal]


def trades_live(world: World, sessions: Sequence[date]) -> tuple[list[Trade], list[RunReport]]:
    """Run in every session, and return what was traded."""
    reports = [world.run(session) for session in sessions]
    return [
        (report.key.session, o.side.value, o.symbol, o.filled, o.average_price)
        for report in reports
        for o in report.orders
    ], reports


def trades_tested(table: PriceTable, strategy: BoundStrategy, policy: ExecutionPolicy, first: date, last: date) -> Any:
    """Back-test over the same sessions, at the same prices, and return what was traded."""
    settings = BacktestSettings(first, last, Decimal(10_000), FillAt.NEXT_CLOSE, policy)
    result = backtest(strategy, table, CALENDAR, settings)
    trades = [(t.session, f.side.value, f.symbol, f.quantity, f.price) for t in result.trades for f in [t.fill]]
    return trades, result


SCRIPTS: dict[str, tuple[PriceTable, BoundStrategy, list[tuple[date, str, int]]]] = {
    "a month end that was blocked and carried": (
        market(BBB=holes(DEC1, DEC4), AAA={DEC5: 120.0}),
        monthly(),
        [(DEC5, "AAA", 50), (DEC5, "BBB", 80)],
    ),
    "one that was blocked for too long": (market(BBB=holes(*LATER[:4])), monthly(), []),
    "one that was blocked until the last moment": (
        market(BBB=holes(*LATER[:3])),
        monthly(),
        [(DEC6, "AAA", 60), (DEC6, "BBB", 80)],
    ),
    "one superseded by a newer one": (
        market(AAA=holes(DEC1)),
        following({NOV30: {"AAA": 1}, DEC1: {"BBB": 1}}),
        [(DEC4, "BBB", 200)],
    ),
    "one superseded by a hold": (market(BBB=holes(DEC1)), monthly(cadence=Cadence.SESSION), []),
    "values carried over a rise": (
        market(BBB=holes(DEC4), AAA={DEC5: 125.0}),
        following({NOV30: {"AAA": 5_000}, DEC1: {"AAA": 5_000, "BBB": 5_000}}, target_mode=VALUE),
        # The base goes from 10,000 to 11,250: 5,625 each are 45 units of AAA and 112 of BBB.
        [(DEC1, "AAA", 50), (DEC5, "AAA", -5), (DEC5, "BBB", 112)],
    ),
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_back_test_carries_as_a_run_does(name: str) -> None:
    table, strategy, expected = SCRIPTS[name]
    world = World(table, strategy)
    live, _ = trades_live(world, CALENDAR.between(NOV29, DEC8))
    tested, _ = trades_tested(table, strategy, world.policy, NOV28, DEC8)
    assert live == tested
    assert [(day, symbol, units if side == "BUY" else -units) for day, side, symbol, units, _ in live] == expected


def test_the_back_test_makes_up_for_a_month_end_at_which_a_holding_had_no_price() -> None:
    """The account could not be valued on 1 December; a run decides the month end on the 4th, when it can."""
    table = market(AAA=holes(DEC1))
    strategy = following({NOV28: {"AAA": 1}, NOV30: {"BBB": 1}}, cadence=Cadence.MONTH_END)
    world = World(table, strategy)
    live, reports = trades_live(world, CALENDAR.between(NOV29, DEC8))
    assert [(r.key.session, r.outcome, r.executes) for r in reports[2:4]] == [
        (DEC1, Outcome.BLOCKED, None),
        (DEC4, Outcome.COMPLETED, NOV30),
    ]
    tested, _ = trades_tested(table, strategy, world.policy, NOV28, DEC8)
    assert live == tested


def late(decisions: Mapping[date, Mapping[str, float]], asked: int, **manifest: Any) -> BoundStrategy:
    """Return a rule that is BLOCKED on 30 November until it was asked for it so often."""
    left = [asked]

    def decide(manifest: Any, ctx: Any) -> Any:
        if ctx.as_of == NOV30 and left[0]:
            left[0] -= 1
            return manifest.blocked(ctx, "no bar yet")
        targets = decisions.get(ctx.as_of)
        return manifest.hold(ctx, "-") if targets is None else manifest.rebalance(ctx, targets, "-")

    return rule(decide, **manifest)


LATE: dict[str, tuple[dict[date, Mapping[str, float]], Cadence, dict[int, list[tuple[date, str, int]]]]] = {
    "decided when it can be, unless it is too old": (
        {NOV30: WEIGHTS},
        Cadence.MONTH_END,
        {n: [(LATER[n], "AAA", 60), (LATER[n], "BBB", 80)] for n in (1, 2, 3)} | {4: [], 5: []},
    ),
    "superseded by a newer rebalance": (
        {NOV30: WEIGHTS, DEC1: {"AAA": 1}},
        Cadence.UNSTATED,
        {n: [(DEC4, "AAA", 100)] for n in (2, 3, 4, 5)},
    ),
    "superseded by a hold of a profile decided in every session": (
        {NOV30: WEIGHTS},
        Cadence.SESSION,
        {n: [] for n in (2, 3, 4, 5)},
    ),
}


@pytest.mark.parametrize(("name", "asked"), [(name, asked) for name, case in LATE.items() for asked in case[2]])
def test_the_back_test_decides_a_blocked_session_later_as_a_run_does(name: str, asked: int) -> None:
    decisions, cadence, expected = LATE[name]
    world = World(market(), late(decisions, asked, cadence=cadence))
    live, _ = trades_live(world, CALENDAR.between(NOV29, DEC8))
    strategy = late(decisions, asked, cadence=cadence)
    tested, _ = trades_tested(market(), strategy, world.policy, NOV28, DEC8)
    assert live == tested
    assert [(day, symbol, units) for day, _, symbol, units, _ in live] == expected[asked]


WISHES = ({"AAA": 1.0}, {"BBB": 1.0}, WEIGHTS, {"AAA": 0.3, "BBB": 0.3}, {})


@settings(max_examples=300)
@given(
    decisions=st.dictionaries(st.integers(0, 8), st.sampled_from(WISHES), max_size=5),
    gaps=st.sets(st.integers(1, 8), max_size=5),
    moves=st.lists(st.integers(80, 125), min_size=10, max_size=10),
    cadence=st.sampled_from([Cadence.SESSION, Cadence.UNSTATED, Cadence.MONTH_END]),
)
def test_on_any_market_a_run_and_the_back_test_trade_the_same(
    decisions: dict[int, Mapping[str, float]], gaps: set[int], moves: list[int], cadence: Cadence
) -> None:
    """Ten sessions; BBB has gaps, at which it cannot be bought, and an account that holds it not be valued."""
    sessions = CALENDAR.between(NOV28, date(2023, 12, 11))
    table = prices(
        NOV28,
        AAA=[float(move) for move in moves],
        BBB=[NAN if n in gaps else 50.0 for n in range(10)],
    )
    strategy = following({sessions[n]: wish for n, wish in decisions.items()}, cadence=cadence)
    policy = ExecutionPolicy(rules=replace(PLAIN, minimum_notional=Decimal(25)), limits=RiskLimits())
    tested, result = trades_tested(table, strategy, policy, sessions[0], sessions[-1])
    world = World(table, strategy, policy=policy)
    live, reports = trades_live(world, sessions[1:])
    assert live == tested
    blocked = [bool(record.blocked) or record.decision.action is BLOCKED for record in result.decisions]
    assert [report.outcome is Outcome.BLOCKED for report in reports] == blocked
    assert world.desk.book.equity({"AAA": Decimal(moves[-1]), "BBB": Decimal(50)}) == Decimal(str(result.equity[-1]))
