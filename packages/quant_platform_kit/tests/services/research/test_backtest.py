"""The back-test on a market of five sessions, every number worked by hand."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from quant_platform_kit.domain.cycle import ExecutionPolicy
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.gates import RiskLimits
from quant_platform_kit.domain.orders import Side
from quant_platform_kit.domain.performance import BacktestResult
from quant_platform_kit.domain.planning import IDEAL, ExecutionRules
from quant_platform_kit.domain.prices import PriceTable
from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.domain.strategy import (
    Action,
    BoundStrategy,
    InputName,
    StrategyContext,
    StrategyDecision,
    StrategyManifest,
    TargetMode,
)
from quant_platform_kit.services.research.backtest import BacktestSettings, FillAt, backtest

NAN = float("nan")
MON, TUE, WED, THU, FRI = (date(2023, 11, 27 + n) if n < 4 else date(2023, 12, 1) for n in range(5))
CLOSE = {"AAA": [100.0, 102.0, 104.0, 103.0, 105.0], "BBB": [50.0, 50.0, 51.0, 51.5, 53.0]}
OPEN = {"AAA": [99.0, 101.0, 103.0, 104.0, 102.0], "BBB": [50.0, 50.0, 50.5, 52.0, 52.5]}
FREE = ExecutionPolicy(TargetMode.VALUE, IDEAL)
SWITCH: Mapping[date, dict[str, float]] = {MON: {"AAA": 1.0}, WED: {"BBB": 1.0}, FRI: {"AAA": 0.5}}
"""All into AAA on Monday, over to BBB on Wednesday; what Friday decides can no longer be filled."""

Market = Callable[..., PriceTable]
Scripted = Callable[..., BoundStrategy]


@pytest.fixture
def prices(market: Market) -> PriceTable:
    return market(MON, CLOSE, open=OPEN)


@pytest.fixture
def following(scripted: Scripted) -> Callable[..., BoundStrategy]:
    """Return a maker of strategies that rebalance to a table of weights and hold on every other session."""

    def make(table: Mapping[date, Mapping[str, float]], **manifest: Any) -> BoundStrategy:
        def decide(manifest: StrategyManifest, ctx: StrategyContext) -> StrategyDecision:
            if ctx.as_of not in table:
                return manifest.hold(ctx)
            return manifest.rebalance(ctx, table[ctx.as_of])

        return scripted(decide, **manifest)

    return make


def settings(cash: object = 10_100, fill: FillAt = FillAt.NEXT_OPEN, **changes: Any) -> BacktestSettings:
    made = BacktestSettings(MON, FRI, Decimal(str(cash)), fill, FREE)
    return replace(made, **changes)


def traded(result: BacktestResult) -> list[tuple[date, date, Side, str, float, float]]:
    return [
        (t.as_of, t.session, t.fill.side, t.fill.symbol, float(t.fill.quantity), float(t.fill.price))
        for t in result.trades
    ]


# --- what it computes -----------------------------------------------------------------------------


def test_orders_fill_at_the_next_open_and_the_book_is_valued_at_each_close(
    following: Callable[..., BoundStrategy], prices: PriceTable, calendar: ExchangeCalendar
) -> None:
    # Tuesday's open buys 10100 / 101 = 100 AAA; Thursday's open turns 100 x 104 into 10400 / 52 = 200 BBB.
    result = backtest(following(SWITCH), prices, calendar, settings())
    assert traded(result) == [
        (MON, TUE, Side.BUY, "AAA", 100, 101),
        (WED, THU, Side.SELL, "AAA", 100, 104),
        (WED, THU, Side.BUY, "BBB", 200, 52),
    ]
    assert result.sessions == (MON, TUE, WED, THU, FRI)
    assert result.equity.tolist() == [10100, 10200, 10400, 10300, 10600]
    assert result.cash.tolist() == [10100, 0, 0, 0, 0]
    assert result.symbols == ("AAA", "BBB")
    assert result.holdings.tolist() == [[0, 0], [10200, 0], [10400, 0], [0, 10300], [0, 10600]]


def test_orders_fill_at_the_next_close_when_asked_to(
    following: Callable[..., BoundStrategy], prices: PriceTable, calendar: ExchangeCalendar
) -> None:
    # Tuesday's close buys 10200 / 102 = 100 AAA; Thursday's turns 100 x 103 into 10300 / 51.5 = 200 BBB.
    result = backtest(following(SWITCH), prices, calendar, settings(10_200, FillAt.NEXT_CLOSE))
    assert traded(result) == [
        (MON, TUE, Side.BUY, "AAA", 100, 102),
        (WED, THU, Side.SELL, "AAA", 100, 103),
        (WED, THU, Side.BUY, "BBB", 200, 51.5),
    ]
    assert result.equity.tolist() == [10200, 10200, 10400, 10300, 10600]


def test_the_figures_are_those_of_the_daily_equity(
    following: Callable[..., BoundStrategy], prices: PriceTable, calendar: ExchangeCalendar
) -> None:
    summary = backtest(following(SWITCH), prices, calendar, settings()).summary
    returns = [10200 / 10100 - 1, 10400 / 10200 - 1, 10300 / 10400 - 1, 10600 / 10300 - 1]
    volatility = statistics.stdev(returns) * 252**0.5
    assert summary.final_multiple == pytest.approx(106 / 101)
    assert summary.max_drawdown == pytest.approx(-1 / 104)
    assert summary.volatility == pytest.approx(volatility)
    assert summary.sharpe == pytest.approx(statistics.fmean(returns) * 252 / volatility)
    # Four days of 365.25: (106/101) ** 91.3125 = e ** (91.3125 x 0.0483192) = 82.435.
    assert summary.cagr == pytest.approx(81.435, rel=1e-3)
    # 10100 + 10400 + 10400 traded in 4/365.25 years on a mean equity of 10320.
    assert summary.turnover == pytest.approx(30900 * 91.3125 / 10320)
    assert (summary.sessions, summary.runs, summary.rebalance_decisions) == (5, 4, 2)
    assert (summary.blocked_decisions, summary.blocked_plans, summary.sessions_traded) == (0, 0, 2)
    assert summary.costs == 0


def test_commission_and_slippage_are_paid_on_both_sides(
    following: Callable[..., BoundStrategy], prices: PriceTable, calendar: ExchangeCalendar
) -> None:
    # 10 bp commission, 20 bp slippage, whole shares. Buy at 102.204; 98 shares with costs are 10026.01, so the factor
    # 10000 / 10026.008 leaves 97: 97 x 102.204 = 9913.788 and 9.913788. Sell at 102.794: 9971.018 less 9.971018.
    rules = ExecutionRules(
        commission_bps=Decimal(10), slippage_bps=Decimal(20), cash_buffer=Decimal(0), minimum_notional=Decimal(0)
    )
    policy = ExecutionPolicy(TargetMode.VALUE, rules)
    in_and_out = following({MON: {"AAA": 1.0}, WED: {}})
    result = backtest(in_and_out, prices, calendar, settings(10_000, FillAt.NEXT_CLOSE, policy=policy))
    assert traded(result) == [
        (MON, TUE, Side.BUY, "AAA", 97, 102.204),
        (WED, THU, Side.SELL, "AAA", 97, 102.794),
    ]
    assert [trade.quote for trade in result.trades] == [102, 103]
    # 10000 - 9913.788 - 9.913788 = 76.298212, + 97 x 102; + 97 x 104; 76.298212 + 9971.018 - 9.971018.
    assert result.equity.tolist() == pytest.approx([10000, 9970.298212, 10164.298212, 10037.345194, 10037.345194])
    # 9.913788 + 97 x 0.204 + 9.971018 + 97 x 0.206.
    assert result.summary.costs == pytest.approx(59.654806)


def test_an_intent_that_leaves_cash_keeps_it(
    following: Callable[..., BoundStrategy], prices: PriceTable, calendar: ExchangeCalendar
) -> None:
    result = backtest(following({MON: {"AAA": 0.5}}), prices, calendar, settings())
    assert result.cash.tolist() == [10100, 5050, 5050, 5050, 5050]
    assert result.equity.tolist() == [10100, 10150, 10250, 10200, 10300]


def test_a_benchmark_is_scaled_to_the_starting_cash(
    following: Callable[..., BoundStrategy], prices: PriceTable, calendar: ExchangeCalendar
) -> None:
    result = backtest(following({}), prices, calendar, settings(1000, benchmark="BBB"))
    assert result.benchmark_symbol == "BBB"
    assert result.benchmark is not None
    assert result.benchmark.tolist() == pytest.approx([1000, 1000, 1020, 1030, 1060])


def test_a_period_inside_the_prices_uses_the_sessions_inside_it(
    following: Callable[..., BoundStrategy], prices: PriceTable, calendar: ExchangeCalendar
) -> None:
    inside = settings(10_300, start=TUE, end=THU)
    result = backtest(following({TUE: {"AAA": 1.0}}), prices, calendar, inside)
    assert result.sessions == (TUE, WED, THU)
    assert traded(result) == [(TUE, WED, Side.BUY, "AAA", 100, 103)]
    assert result.equity.tolist() == [10300, 10400, 10300]


def test_progress_is_told_once_per_evaluated_session(
    following: Callable[..., BoundStrategy], prices: PriceTable, calendar: ExchangeCalendar
) -> None:
    told: list[int] = []
    backtest(following({}), prices, calendar, settings(), lambda: told.append(1))
    assert len(told) == 4


# --- no look-ahead --------------------------------------------------------------------------------


def test_the_last_decision_is_reported_and_neither_counted_nor_filled(
    following: Callable[..., BoundStrategy], prices: PriceTable, calendar: ExchangeCalendar
) -> None:
    result = backtest(following(SWITCH), prices, calendar, settings())
    assert (result.final.decision.as_of, result.final.decision.action) == (FRI, Action.REBALANCE)
    assert [record.decision.as_of for record in result.decisions] == [MON, TUE, WED, THU]
    quiet = backtest(following({MON: SWITCH[MON], WED: SWITCH[WED]}), prices, calendar, settings())
    assert quiet.summary == result.summary
    assert traded(quiet) == traded(result)


def test_a_strategy_sees_nothing_after_the_session_it_decides_on(
    scripted: Scripted, prices: PriceTable, calendar: ExchangeCalendar
) -> None:
    seen: dict[date, list[list[float]]] = {}

    def decide(manifest: StrategyManifest, ctx: StrategyContext) -> StrategyDecision:
        assert ctx.market_history.last_session == ctx.as_of
        assert ctx.market_history.dates[-1] == np.datetime64(ctx.as_of)
        seen[ctx.as_of] = ctx.market_history.close.tolist()
        return manifest.hold(ctx)

    backtest(scripted(decide), prices, calendar, settings())
    closes = [list(row) for row in zip(CLOSE["AAA"], CLOSE["BBB"], strict=True)]
    assert seen == {day: closes[: n + 1] for n, day in enumerate((MON, TUE, WED, THU, FRI))}


def test_decisions_do_not_change_with_what_happens_after_them(
    scripted: Scripted, market: Market, prices: PriceTable, calendar: ExchangeCalendar
) -> None:
    def leader(manifest: StrategyManifest, ctx: StrategyContext) -> StrategyDecision:
        history = ctx.market_history
        gains = history.close[-1] / history.close[0]
        return manifest.rebalance(ctx, {history.symbols[int(gains.argmax())]: 1.0})

    crash = {"AAA": [100.0, 102.0, 104.0, 52.0, 26.0], "BBB": [50.0, 50.0, 51.0, 102.0, 204.0]}
    crash_open = {"AAA": [99.0, 101.0, 103.0, 104.0, 1.0], "BBB": [50.0, 50.0, 50.5, 52.0, 500.0]}
    calm = backtest(scripted(leader), prices, calendar, settings())
    stormy = backtest(scripted(leader), market(MON, crash, open=crash_open), calendar, settings())
    assert [record.digest for record in stormy.decisions[:3]] == [record.digest for record in calm.decisions[:3]]
    assert stormy.decisions[3].digest != calm.decisions[3].digest
    assert [t for t in traded(stormy) if t[1] <= THU] == [t for t in traded(calm) if t[1] <= THU]
    assert stormy.equity[:3].tolist() == calm.equity[:3].tolist()


def test_the_portfolio_a_strategy_sees_is_valued_at_the_prices_it_trades_at(
    scripted: Scripted, prices: PriceTable, calendar: ExchangeCalendar
) -> None:
    bases: dict[date, Decimal] = {}

    def decide(manifest: StrategyManifest, ctx: StrategyContext) -> StrategyDecision:
        bases[ctx.as_of] = ctx.portfolio.base
        return manifest.rebalance(ctx, {"AAA": 1.0}) if ctx.as_of == MON else manifest.hold(ctx)

    strategy = scripted(decide, required_inputs=frozenset({InputName.MARKET_HISTORY, InputName.PORTFOLIO_SNAPSHOT}))
    backtest(strategy, prices, calendar, settings())
    # 100 AAA at the opens of the sessions after, and at Friday's close for the decision that is not filled.
    assert bases == {MON: 10100, TUE: 10300, WED: 10400, THU: 10200, FRI: 10500}


# --- missing prices and gates ---------------------------------------------------------------------


def test_a_target_without_a_price_blocks_the_whole_plan_and_the_next_session_carries_it(
    following: Callable[..., BoundStrategy], market: Market, calendar: ExchangeCalendar
) -> None:
    holes = {**OPEN, "BBB": [50.0, 50.0, 50.5, NAN, 52.5]}
    result = backtest(following(SWITCH), market(MON, CLOSE, open=holes), calendar, settings())
    assert [record.blocked for record in result.decisions] == [
        (),
        (),
        ("no price for BBB, which has to be traded",),
        (),
    ]
    # Wednesday's switch waits for a price of BBB: on Friday 100 AAA at 102 make 10,200, that is 194.28... BBB at 52.5.
    assert traded(result) == [
        (MON, TUE, Side.BUY, "AAA", 100, 101),
        (THU, FRI, Side.SELL, "AAA", 100, 102),
        (THU, FRI, Side.BUY, "BBB", pytest.approx(10_200 / 52.5), 52.5),
    ]
    assert result.equity.tolist()[:4] == [10100, 10200, 10400, 10300]
    assert result.equity[4] == pytest.approx(10_200 / 52.5 * CLOSE["BBB"][4])
    assert (result.summary.rebalance_decisions, result.summary.blocked_plans) == (2, 1)


def test_a_holding_without_a_price_to_trade_at_blocks_the_decision_until_it_has_one(
    following: Callable[..., BoundStrategy], market: Market, calendar: ExchangeCalendar
) -> None:
    holes = {**OPEN, "AAA": [99.0, 101.0, 103.0, NAN, 102.0]}
    result = backtest(following(SWITCH), market(MON, CLOSE, open=holes), calendar, settings())
    assert result.decisions[2].decision.action is Action.BLOCKED
    assert result.decisions[2].decision.reasons == ("no price for the holding of AAA; the account cannot be valued",)
    assert result.summary.blocked_decisions == 1
    assert [(trade[1], trade[2], trade[3]) for trade in traded(result)] == [
        (TUE, Side.BUY, "AAA"),
        (FRI, Side.SELL, "AAA"),
        (FRI, Side.BUY, "BBB"),
    ]


def test_a_holding_without_a_close_keeps_the_price_it_was_last_valued_at(
    following: Callable[..., BoundStrategy], market: Market, calendar: ExchangeCalendar
) -> None:
    holes = {**CLOSE, "AAA": [100.0, 102.0, NAN, 103.0, 105.0]}
    result = backtest(following({MON: {"AAA": 1.0}}), market(MON, holes, open=OPEN), calendar, settings())
    assert result.equity.tolist() == [10100, 10200, 10200, 10300, 10500]


def test_a_holding_bought_in_a_session_without_a_close_is_valued_at_its_quote(
    following: Callable[..., BoundStrategy], market: Market, calendar: ExchangeCalendar
) -> None:
    holes = {**CLOSE, "AAA": [100.0, NAN, 104.0, 103.0, 105.0]}
    result = backtest(following({MON: {"AAA": 1.0}}), market(MON, holes, open=OPEN), calendar, settings())
    assert result.equity.tolist() == [10100, 10100, 10400, 10300, 10500]


def test_a_price_too_small_for_a_quote_is_no_price_and_the_decision_waits(
    following: Callable[..., BoundStrategy], market: Market, calendar: ExchangeCalendar
) -> None:
    tiny = {**OPEN, "AAA": [99.0, 0.0000004, 103.0, 104.0, 102.0]}
    result = backtest(following({MON: {"AAA": 1.0}}), market(MON, CLOSE, open=tiny), calendar, settings())
    assert result.decisions[0].blocked == ("no price for AAA, which has to be traded",)
    assert [(trade.as_of, trade.session, trade.quote) for trade in result.trades] == [(TUE, WED, 103)]


@pytest.mark.parametrize(("limit", "session"), [("0.01", TUE), ("0.0099", WED)])
def test_a_move_since_the_last_close_is_forbidden_beyond_its_limit(
    following: Callable[..., BoundStrategy], prices: PriceTable, calendar: ExchangeCalendar, limit: str, session: date
) -> None:
    # AAA closes at 100 on Monday and opens at 101 on Tuesday; on Wednesday it opens 0.98 % above Tuesday's close.
    policy = replace(FREE, limits=RiskLimits(max_price_move=Decimal(limit)))
    result = backtest(following({MON: {"AAA": 1.0}}), prices, calendar, settings(policy=policy))
    assert [trade.session for trade in result.trades] == [session]
    assert bool(result.decisions[0].blocked) is (session is WED)


# --- wrong settings -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"cash": Decimal(0)}, "--cash is 0; a back-test starts with a positive amount"),
        ({"cash": Decimal(-5)}, "--cash is -5; a back-test starts with a positive amount"),
        ({"start": FRI, "end": MON}, "--end 2023-11-27 is before --start 2023-12-01"),
        ({"start": date(2023, 11, 24)}, "2023-11-24 to 2023-12-01 is not covered: .* 2023-11-27 to 2023-12-01"),
        ({"end": date(2023, 12, 4)}, "2023-11-27 to 2023-12-04 is not covered: .* 2023-11-27 to 2023-12-01"),
        ({"end": MON}, "2023-11-27 to 2023-11-27 has 1 sessions; a back-test needs two"),
    ],
)
def test_settings_that_make_no_back_test_are_refused(
    following: Callable[..., BoundStrategy],
    prices: PriceTable,
    calendar: ExchangeCalendar,
    changes: dict[str, Any],
    words: str,
) -> None:
    with pytest.raises(InvalidInput, match=words):
        backtest(following(SWITCH), prices, calendar, replace(settings(), **changes))


def test_a_fill_at_the_open_needs_opens(
    following: Callable[..., BoundStrategy], market: Market, calendar: ExchangeCalendar
) -> None:
    with pytest.raises(InvalidInput, match="--fill next-open needs a column open in the price file"):
        backtest(following(SWITCH), market(MON, CLOSE), calendar, settings())
    closes_suffice = backtest(following(SWITCH), market(MON, CLOSE), calendar, settings(fill=FillAt.NEXT_CLOSE))
    assert len(closes_suffice.trades) == 3


def test_a_needed_symbol_without_a_price_on_the_last_session_is_refused(
    following: Callable[..., BoundStrategy], market: Market, calendar: ExchangeCalendar
) -> None:
    ended = market(MON, {**CLOSE, "BBB": [50.0, 50.0, 51.0, 51.5, NAN]}, open=OPEN)
    with pytest.raises(InvalidInput, match="no price on the last session 2023-12-01: BBB; choose an earlier --end"):
        backtest(following(SWITCH), ended, calendar, settings())
    optional = following({MON: {"AAA": 1.0}}, optional=frozenset({"BBB"}))
    assert backtest(optional, ended, calendar, settings()).equity[-1] == 100 * 105


def test_a_last_session_that_cannot_be_decided_on_is_refused(
    scripted: Scripted, prices: PriceTable, calendar: ExchangeCalendar
) -> None:
    lost = scripted(lambda manifest, ctx: manifest.blocked(ctx, "too early", "too late"))
    with pytest.raises(InvalidInput, match="the last session 2023-12-01 is BLOCKED: too early; too late"):
        backtest(lost, prices, calendar, settings())


def test_a_benchmark_with_a_hole_is_refused(
    following: Callable[..., BoundStrategy], market: Market, calendar: ExchangeCalendar
) -> None:
    holes = market(MON, {**CLOSE, "SPY": [1.0, 2.0, NAN, 4.0, 5.0]}, open={**OPEN, "SPY": [1.0] * 5})
    with pytest.raises(InvalidInput, match="benchmark SPY has no price on 2023-11-29; choose another --benchmark"):
        backtest(following(SWITCH), holes, calendar, settings(benchmark="SPY"))
