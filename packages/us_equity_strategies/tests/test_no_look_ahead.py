"""No profile of prices knows the future: whatever comes after a session, the decisions up to it stay the same.

A decision on t is made in the session after t and at that session's quotes, so two things are shown for a cut at t.
Given the portfolio a run saw, no price after t reaches a decision on t or before. And a whole back-test up to t, with
every fill and every account on the way, is the same whatever the file holds after t.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any

import pytest
from quant_platform_kit.adapters.price_files import price_table
from quant_platform_kit.adapters.strategies import bind, catalog
from quant_platform_kit.domain.cycle import ExecutionPolicy
from quant_platform_kit.domain.performance import BacktestResult
from quant_platform_kit.domain.prices import PriceTable
from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.domain.strategy import BoundStrategy, StrategyContext, StrategyDecision
from quant_platform_kit.services.research.backtest import BacktestSettings, FillAt, backtest
from quant_platform_kit.testing.look_ahead import FUTURES, Future, first_changed_decision, with_future
from quant_platform_kit.testing.synthetic import synthetic_prices
from us_equity_strategies.catalog import CATALOG

PROFILES = [profile for profile, strategy in CATALOG.items() if strategy.manifest.input_mode == "direct"]
START, END = date(2011, 1, 3), date(2016, 12, 30)
CUTS = (date(2012, 6, 29), date(2014, 3, 3), date(2015, 8, 24))  # a quarter end, a month start, a crash


EITHER = pytest.mark.parametrize("future", FUTURES.values(), ids=FUTURES)


def run(strategy: BoundStrategy, table: PriceTable, calendar: ExchangeCalendar, end: date) -> BacktestResult:
    policy = ExecutionPolicy(strategy.manifest.target_mode)
    settings = BacktestSettings(START, end, Decimal(160_000), FillAt.NEXT_CLOSE, policy)
    return backtest(strategy, table, calendar, settings)


@cache
def untouched(profile: str, table: PriceTable, calendar: ExchangeCalendar, end: date) -> BacktestResult:
    """Return the back-test of a profile on a table as it is; both futures are held against the same one."""
    return run(bind(catalog()[profile]), table, calendar, end)


@cache
def invented(profile: str, calendar: ExchangeCalendar) -> PriceTable:
    symbols = catalog()[profile].manifest.symbols
    prices = synthetic_prices(symbols, calendar, date(2009, 1, 2), END, seed=23)
    return price_table(prices, symbols, "adj_close", calendar)


def changed(strategy: Any, table: PriceTable, calendar: ExchangeCalendar, future: Future) -> date | None:
    """Return the first session decided differently for what lies behind a cut."""
    return first_changed_decision(
        strategy, table, calendar, lambda bound: run(bound, table, calendar, END), CUTS, [future]
    )


def check_back_test(profile: str, table: PriceTable, calendar: ExchangeCalendar, future: Future) -> None:
    strategy = bind(catalog()[profile])
    whole = untouched(profile, table, calendar, END)
    assert len({known.decision.action for known in whole.decisions}) > 1, "a record of one action shows nothing"
    for after in CUTS:
        known = untouched(profile, table, calendar, after)
        found = run(strategy, with_future(table, after, future), calendar, after)
        assert found.summary == known.summary
        assert found.final == known.final
        assert found.equity.tolist() == whole.equity[: len(found.sessions)].tolist()
        assert found.trades == tuple(trade for trade in whole.trades if trade.session <= after)
        assert found.decisions == whole.decisions[: len(found.sessions) - 1]


@EITHER
@pytest.mark.parametrize("profile", PROFILES)
def test_on_real_prices_no_later_bar_reaches_a_decision(
    real_table: Callable[[str], PriceTable], calendar: ExchangeCalendar, profile: str, future: Any
) -> None:
    assert changed(catalog()[profile], real_table(profile), calendar, future) is None


@EITHER
@pytest.mark.parametrize("profile", PROFILES)
def test_on_real_prices_a_back_test_does_not_depend_on_what_follows_its_end(
    real_table: Callable[[str], PriceTable], calendar: ExchangeCalendar, profile: str, future: Any
) -> None:
    check_back_test(profile, real_table(profile), calendar, future)


@EITHER
@pytest.mark.parametrize("profile", PROFILES)
def test_on_an_invented_market_no_later_bar_reaches_a_decision(
    calendar: ExchangeCalendar, profile: str, future: Any
) -> None:
    assert changed(catalog()[profile], invented(profile, calendar), calendar, future) is None


@EITHER
@pytest.mark.parametrize("profile", PROFILES)
def test_on_an_invented_market_a_back_test_does_not_depend_on_what_follows_its_end(
    calendar: ExchangeCalendar, profile: str, future: Any
) -> None:
    check_back_test(profile, invented(profile, calendar), calendar, future)


class Peeking:
    """Holds SPY when it will rise in the next session: what no strategy can know."""

    manifest = CATALOG["nasdaq_sp500_smart_dca"].manifest
    Config = CATALOG["nasdaq_sp500_smart_dca"].Config

    def evaluate(self, ctx: StrategyContext, config: Any) -> StrategyDecision:
        """Decide on the row after the last one given."""
        history = ctx.market_history
        column, closes = history.column("SPY"), history._table.fields["close"]
        now, then = closes[history.stop - 1, column], closes[min(history.stop, len(closes) - 1), column]
        return self.manifest.rebalance(ctx, {"SPY" if then > now else "QQQ": ctx.portfolio.base})


@EITHER
def test_the_check_catches_a_strategy_that_looks_one_session_ahead(calendar: ExchangeCalendar, future: Any) -> None:
    table = invented("nasdaq_sp500_smart_dca", calendar)
    assert changed(Peeking(), table, calendar, future) in CUTS
