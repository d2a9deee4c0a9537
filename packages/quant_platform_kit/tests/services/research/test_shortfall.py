"""Live against back-test: one account for each part that differs in nothing else, and one that differs in many."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from quant_platform_kit.domain.cycle import ExecutionPolicy
from quant_platform_kit.domain.errors import Damaged, InvalidInput
from quant_platform_kit.domain.planning import REALISTIC
from quant_platform_kit.domain.shortfall import Part
from quant_platform_kit.services.research.backtest import BacktestSettings, backtest
from quant_platform_kit.services.research.live_record import live_record
from quant_platform_kit.services.research.shortfall import shortfall
from quant_platform_kit.testing.paper_sessions import CASH, Accidents, PaperSessions
from quant_platform_kit.testing.shortfall_cases import ALONE, SEED, cases, market, played
from quant_platform_kit.testing.simulation.strategy import bound

D, ZERO = Decimal, Decimal(0)
SESSIONS = 12


@pytest.mark.parametrize("name", ["equal", "same fees"])
def test_an_account_that_did_what_the_back_test_did_differs_in_nothing(name: str) -> None:
    _, found = played(name, SESSIONS)
    assert found.live == found.backtest
    assert set(found.whole.lines.values()) == {ZERO}
    assert len(found.decisions) > 4


@pytest.mark.parametrize("name", ALONE)
def test_an_effect_that_is_alone_is_the_whole_difference(name: str) -> None:
    account, found = played(name, SESSIONS)
    part = cases(found.sessions[1:])[name].alone
    others = {other: amount for other, amount in found.whole.parts.items() if other is not part}
    assert part is not None
    assert found.whole.parts[part] == found.whole.total != ZERO
    assert set(others.values()) == {ZERO}
    assert found.whole.interaction == ZERO
    assert found.live[0] == found.backtest[0] == CASH
    assert account.desk.book.cash  # the account is still at work


def test_lots_that_are_the_same_differ_in_nothing_and_others_do() -> None:
    account, _ = played("equal", SESSIONS)
    store = (account.reports, account.store, account.account_id)
    assert live_record(*store, REALISTIC).deviations.rules is None
    units = [order.quantity for run in account.reports.all() for order in (run.plan.orders if run.plan else ())]
    assert any(quantity % 7 for quantity in units)
    for lots, told in ((D(7), D(1)), (D("0.5"), D(1))):
        sized = live_record(*store, replace(REALISTIC, quantity_step=lots)).deviations.rules
        assert sized is not None
        assert sized.quantity_step == told


def test_many_effects_add_up_to_the_difference_of_the_curves_to_the_cent() -> None:
    _, found = played("many", 20)
    whole = found.whole
    assert all(amount for part, amount in whole.parts.items() if part is not Part.DECISION)
    assert whole.parts[Part.DECISION] == ZERO
    assert sum(whole.lines.values()) == (found.live[-1] - CASH) - (found.backtest[-1] - CASH) == whole.total
    assert ZERO < whole.interaction_share < D("0.05")
    assert all(amount == round(amount, 2) for amount in whole.lines.values())
    for name, amount in whole.lines.items():
        assert sum(one.cost.lines[name] for one in found.decisions) == amount
    assert [one.until for one in found.decisions][-1] == found.sessions[-1]


def test_a_spread_costs_what_it_takes_of_what_is_traded() -> None:
    """One decision, no price moves: 15 bp instead of 2 on what was bought."""
    account, found = played("spread", SESSIONS)
    first = found.decisions[0]
    (report,) = (r for r in account.reports.all() if r.key.session == first.session)
    bought = sum((o.filled * (o.decision_price or ZERO) for o in report.orders), ZERO)
    beyond = bought * D("0.0013") * D("1.0001")  # with the commission on it
    day = found.sessions.index(first.session)
    assert found.live[day] - found.backtest[day] == pytest.approx(-beyond, abs=D("0.02"))


def test_a_commission_costs_what_it_takes_of_what_is_traded() -> None:
    account, found = played("commission", SESSIONS)
    first = found.decisions[0]
    (report,) = (r for r in account.reports.all() if r.key.session == first.session)
    paid = sum((o.commission for o in report.orders), ZERO)
    day = found.sessions.index(first.session)
    assert found.live[day] - found.backtest[day] == pytest.approx(-paid * 8 / 9, abs=D("0.02"))


def test_an_account_that_began_with_holdings_is_compared_with_a_back_test_that_has_them_too() -> None:
    account, _ = played("equal", SESSIONS)
    calendar, prices = market(SESSIONS)
    days = prices.sessions
    live = live_record(account.reports, account.store, account.account_id, REALISTIC, (days[6], days[10]))
    assert live.start == days[5]
    assert any(live.begin.quantities.values())
    settings = BacktestSettings(days[1], days[2], D(0), cases(days[2:])["equal"].fill, ExecutionPolicy())
    strategy = bound(SEED, monthly=False)
    found = shortfall(live, prices, calendar, settings, lambda asked: backtest(strategy, prices, calendar, asked))
    assert found.live == found.backtest
    assert found.sessions == days[5:11]


def test_a_period_without_runs_or_prices_is_refused_with_what_to_do() -> None:
    account, _ = played("equal", SESSIONS)
    calendar, prices = market(SESSIONS)
    later = calendar.after(prices.sessions[-1])
    with pytest.raises(InvalidInput, match="no run that decided in this period; check --account and --start"):
        live_record(account.reports, account.store, account.account_id, REALISTIC, (later, None))
    live = live_record(account.reports, account.store, account.account_id, REALISTIC)
    settings = BacktestSettings(live.start, live.end, D(0))
    with pytest.raises(InvalidInput, match=r"need prices from .* choose a later --start or an earlier --end"):
        shortfall(replace(live, end=later), prices, calendar, settings, lambda asked: pytest.fail("played"))


def test_two_profiles_in_one_period_are_refused() -> None:
    calendar, prices = market(SESSIONS)
    days, account = prices.sessions, PaperSessions(bound(SEED, monthly=False), prices, calendar)
    account.run(days[2])
    report = account.reports.all()[0]
    key = replace(report.key, session=days[3])
    account.reports.publish(replace(report, profile="other", key=key, run_id=key.run_id))
    with pytest.raises(InvalidInput, match=f"ran drawn in mode paper until {days[2]}, and other in mode paper since"):
        live_record(account.reports, account.store, account.account_id, REALISTIC)


def test_inputs_that_are_missing_are_damage_and_no_other_numbers() -> None:
    account, _ = played("equal", SESSIONS)
    digest = next(r.reasoning.inputs.digest for r in account.reports.all() if r.reasoning)
    account.lose(f"inputs/{digest}")
    with pytest.raises(Damaged, match="is not in the report store"):
        live_record(account.reports, account.store, account.account_id, REALISTIC)


def test_a_halt_leaves_the_account_where_it_was() -> None:
    calendar, prices = market(SESSIONS)
    days = prices.sessions
    account = PaperSessions(bound(SEED, monthly=False), prices, calendar, Accidents(halts=frozenset(days[2:])))
    account.run_all(days[2], days[-1])
    assert account.desk.book.cash == CASH
