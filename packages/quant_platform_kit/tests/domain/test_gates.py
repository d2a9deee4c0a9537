"""Every gate lets pass exactly at its bound and forbids a step beyond it, saying so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from quant_platform_kit.domain.gates import (
    RiskLimits,
    margin_gate,
    missing_prices,
    move_gate,
    notional_gate,
    plan_gates,
    price_age_gate,
    session_gate,
    short_gate,
    turnover_gate,
    weight_gate,
)
from quant_platform_kit.domain.orders import Order, Side
from quant_platform_kit.domain.planning import IDEAL, ExecutionRules, OrderPlan, PlanLine, Residual
from quant_platform_kit.domain.portfolio import PortfolioSnapshot, Position, Quote
from quant_platform_kit.domain.sessions import SessionHours
from quant_platform_kit.domain.strategy import TargetMode
from quant_platform_kit.domain.translation import ExecutionTargets

NOW = datetime(2023, 12, 1, 21, 0, tzinfo=UTC)
HOURS = SessionHours(datetime(2023, 12, 1, 14, 30, tzinfo=UTC), NOW)
MOMENT = timedelta(microseconds=1)
QUOTES = {"AAA": Quote("AAA", Decimal(100), NOW), "BBB": Quote("BBB", Decimal(50), NOW)}
PORTFOLIO = PortfolioSnapshot("PAPER-1", NOW, "USD", Decimal(1000), (Position("AAA", Decimal(5), Decimal(100)),))


def buy(symbol: str, quantity: str) -> Order:
    return Order(f"qb{symbol}", symbol, Side.BUY, Decimal(quantity))


def sell(symbol: str, quantity: str) -> Order:
    return Order(f"qs{symbol}", symbol, Side.SELL, Decimal(quantity))


def wanted(mode: TargetMode = TargetMode.VALUE, base: str = "1500", **targets: str) -> ExecutionTargets:
    return ExecutionTargets(mode, Decimal(base), {symbol: Decimal(target) for symbol, target in targets.items()})


@pytest.mark.parametrize("instant", [datetime(2023, 12, 1, 14, 30, tzinfo=UTC), NOW])
def test_the_session_gate_is_open_from_the_opening_to_the_closing_instant(instant: datetime) -> None:
    assert session_gate("XNYS", HOURS, instant) == []


@pytest.mark.parametrize(
    ("instant", "shown"),
    [
        (datetime(2023, 12, 1, 14, 30, tzinfo=UTC) - MOMENT, "2023-12-01 14:29"),
        (NOW + MOMENT, "2023-12-01 21:00"),
        (datetime(2023, 12, 4, 15, 0, tzinfo=UTC), "2023-12-04 15:00"),
        (datetime(2023, 11, 30, 15, 0, tzinfo=UTC), "2023-11-30 15:00"),
    ],
)
def test_the_session_gate_forbids_every_other_instant(instant: datetime, shown: str) -> None:
    assert session_gate("XNYS", HOURS, instant) == [
        f"XNYS is closed at {shown} UTC; it trades 2023-12-01 14:30 to 21:00 UTC"
    ]


def test_the_session_gate_forbids_the_rest_at_noon() -> None:
    noon = datetime(2023, 12, 1, 4, 0, tzinfo=UTC)
    hours = SessionHours(noon - timedelta(hours=3), noon + timedelta(hours=4), noon, noon + timedelta(hours=1))
    assert session_gate("XHKG", hours, noon) == []
    assert len(session_gate("XHKG", hours, noon + timedelta(minutes=30))) == 1


def test_a_price_as_old_as_the_limit_passes_and_an_older_one_is_forbidden() -> None:
    limit = timedelta(seconds=60)
    assert price_age_gate(QUOTES.values(), NOW + limit, limit) == []
    old, new = Quote("AAA", Decimal(1), NOW), Quote("BBB", Decimal(1), NOW + timedelta(seconds=30))
    assert price_age_gate([old, new], NOW + timedelta(seconds=61), limit) == [
        "price of AAA is 61 s old; the limit is 60 s"
    ]
    assert len(price_age_gate([old], NOW + limit + MOMENT, limit)) == 1


@pytest.mark.parametrize("price", ["105", "95"])
def test_a_move_of_exactly_the_limit_passes(price: str) -> None:
    quote = Quote("AAA", Decimal(price), NOW)
    assert move_gate([quote], {"AAA": Decimal(100)}, Decimal("0.05")) == []


@pytest.mark.parametrize(("price", "shown"), [("105.01", "5.01%"), ("94.99", "5.01%"), ("50", "50.00%")])
def test_a_larger_move_up_or_down_is_forbidden(price: str, shown: str) -> None:
    quotes = [Quote("AAA", Decimal(price), NOW), Quote("NEW", Decimal(1), NOW)]
    assert move_gate(quotes, {"AAA": Decimal(100)}, Decimal("0.05")) == [
        f"AAA moved {shown} since the decision; the limit is 5.00%"
    ]


def test_selling_all_that_is_held_passes_and_a_share_more_is_forbidden() -> None:
    assert short_gate([sell("AAA", "5"), buy("BBB", "99")], PORTFOLIO) == []
    assert short_gate([sell("AAA", "5.000000001"), sell("BBB", "1")], PORTFOLIO) == [
        "sell 5.000000001 AAA with 5 held: no short sales",
        "sell 1 BBB with 0 held: no short sales",
    ]


def test_spending_cash_and_proceeds_to_the_last_cent_passes_and_more_is_forbidden() -> None:
    # 1000 + 5 x 100 = 1500 = 30 x 50.
    assert margin_gate([sell("AAA", "5"), buy("BBB", "30")], PORTFOLIO, QUOTES, IDEAL) == []
    assert margin_gate([sell("AAA", "5"), buy("BBB", "30.0002")], PORTFOLIO, QUOTES, IDEAL) == []
    assert margin_gate([sell("AAA", "5"), buy("BBB", "30.0004")], PORTFOLIO, QUOTES, IDEAL) == [
        "the orders leave -0.02 USD in cash: no margin"
    ]


def test_the_margin_gate_counts_costs() -> None:
    # 20 x 50 = 1000, but 10 % slippage and 10 % commission make it 1210.
    rules = ExecutionRules(slippage_bps=Decimal(1000), commission_bps=Decimal(1000))
    assert margin_gate([buy("BBB", "20")], PORTFOLIO, QUOTES, rules) == [
        "the orders leave -210.00 USD in cash: no margin"
    ]


def test_an_overdrawn_account_may_still_sell() -> None:
    overdrawn = PortfolioSnapshot("PAPER-1", NOW, "USD", Decimal(-2000), PORTFOLIO.positions)
    assert margin_gate([sell("AAA", "5")], overdrawn, QUOTES, IDEAL) == []
    assert margin_gate([sell("AAA", "5"), buy("BBB", "1")], overdrawn, QUOTES, IDEAL) == [
        "the orders leave -1550.00 USD in cash: no margin"
    ]


def test_an_order_of_exactly_the_largest_notional_passes_and_a_larger_one_is_forbidden() -> None:
    orders = [buy("AAA", "3"), sell("BBB", "6")]
    assert notional_gate(orders, QUOTES, Decimal(300)) == []
    assert notional_gate(orders, QUOTES, Decimal("299.99")) == [
        "BUY AAA is 300.00; the order limit is 299.99",
        "SELL BBB is 300.00; the order limit is 299.99",
    ]


def test_a_turnover_of_exactly_the_limit_passes_and_a_larger_one_is_forbidden() -> None:
    # 3 x 100 + 6 x 50 = 600 of 1500 = 40 %: sales count as well as buys.
    orders = [sell("AAA", "3"), buy("BBB", "6")]
    assert turnover_gate(orders, QUOTES, Decimal(1500), Decimal("0.4")) == []
    assert turnover_gate(orders, QUOTES, Decimal(1500), Decimal("0.39")) == [
        "the plan trades 600.00 of a base of 1500.00; the limit is 39.00%"
    ]


@pytest.mark.parametrize(
    ("mode", "targets"), [(TargetMode.VALUE, {"AAA": "750", "BBB": "300"}), (TargetMode.WEIGHT, {"AAA": "0.5"})]
)
def test_a_target_of_exactly_the_largest_weight_passes_and_a_larger_one_is_forbidden(
    mode: TargetMode, targets: dict[str, str]
) -> None:
    assert weight_gate(wanted(mode, **targets), Decimal("0.5")) == []
    assert weight_gate(wanted(mode, **targets), Decimal("0.4999")) == [
        "target of AAA is 750.00 of a base of 1500.00; the limit is 49.99%"
    ]


def test_a_limit_that_is_off_forbids_nothing() -> None:
    huge, ancient = [buy("AAA", "1e12")], datetime(1990, 1, 2, tzinfo=UTC)
    assert price_age_gate([Quote("AAA", Decimal(1), ancient)], NOW, None) == []
    assert move_gate(QUOTES.values(), {"AAA": Decimal("0.01")}, None) == []
    assert notional_gate(huge, QUOTES, None) == []
    assert turnover_gate(huge, QUOTES, Decimal(1), None) == []
    assert weight_gate(wanted(AAA="1e12"), None) == []


def test_every_symbol_to_be_traded_needs_a_price() -> None:
    only = {"BBB": QUOTES["BBB"]}
    assert missing_prices(wanted(BBB="100"), PORTFOLIO, only) == []
    assert missing_prices(wanted(AAA="0", BBB="100", CCC="0", DDD="1"), PORTFOLIO, only) == [
        "no price for AAA, DDD, which have to be traded",
    ]
    assert missing_prices(wanted(BBB="100", DDD="1"), PORTFOLIO, only) == ["no price for DDD, which has to be traded"]


def test_a_plan_is_judged_by_every_gate() -> None:
    orders = [sell("AAA", "6"), buy("BBB", "60")]
    lines = tuple(PlanLine(o.symbol, Decimal(0), Decimal(0), Decimal(1), o, Decimal(0), Residual.NONE) for o in orders)
    limits = RiskLimits(Decimal(1000), Decimal(1), Decimal(1))
    reasons = plan_gates(OrderPlan(lines), wanted(BBB="3000"), PORTFOLIO, QUOTES, IDEAL, limits)
    assert [reason.split(";")[0] for reason in reasons] == [
        "sell 6 AAA with 5 held: no short sales",
        "the orders leave -1400.00 USD in cash: no margin",
        "BUY BBB is 3000.00",
        "the plan trades 3600.00 of a base of 1500.00",
        "target of BBB is 3000.00 of a base of 1500.00",
    ]


def test_limits_are_off_unless_set_but_for_the_age_of_prices() -> None:
    assert RiskLimits() == RiskLimits(None, None, None, None, timedelta(seconds=60))
