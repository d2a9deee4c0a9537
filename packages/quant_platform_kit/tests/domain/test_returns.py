"""What an account made, worked by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from quant_platform_kit.domain.portfolio import AccountState
from quant_platform_kit.domain.returns import Valuation, flow_between, returns

D = Decimal
START = datetime(2023, 1, 3, 21, tzinfo=UTC)
PRICES = {"AAA": D(100)}


def values(*rows: tuple[int, object, object]) -> list[Valuation]:
    return [Valuation(START + timedelta(days=day), D(str(value)), D(str(flow))) for day, value, flow in rows]


def account(cash: object, units: int = 0) -> AccountState:
    return AccountState("A", {"USD": D(str(cash))}, {"AAA": D(units)} if units else {})


def test_without_deposits_both_returns_are_the_growth() -> None:
    made = returns(values((0, 1000, 0), (5, 1100, 0), (10, 1210, 0)))
    assert made is not None
    assert (made.invested, made.profit, made.time_weighted) == (1000, 210, D("0.21"))
    assert made.money_weighted == pytest.approx(D("0.21"), abs=D("1e-9"))


def test_a_deposit_is_no_profit_and_weighs_for_the_time_it_was_there() -> None:
    """1000 grows by 10 %, 1000 come, all loses 10 %: time-weighted -1 %, and the money lost more than that."""
    made = returns(values((0, 1000, 0), (5, 2100, 1000), (10, 1890, 0)))
    assert made is not None
    assert (made.invested, made.profit, made.time_weighted) == (2000, -110, D("-0.01"))
    growth = 1 + made.money_weighted if made.money_weighted is not None else D(0)
    assert 1000 * float(growth) + 1000 * float(growth) ** 0.5 == pytest.approx(1890, abs=1e-6)
    assert made.money_weighted is not None
    assert made.money_weighted < made.time_weighted


def test_a_withdrawal_is_no_loss() -> None:
    made = returns(values((0, 1000, 0), (5, 600, -500), (10, 660, 0)))
    assert made is not None
    assert (made.invested, made.profit, made.time_weighted) == (500, 160, D("0.21"))


def test_nothing_is_said_of_one_value_or_of_an_account_that_was_worth_nothing() -> None:
    assert returns([]) is None
    assert returns(values((0, 1000, 0))) is None
    assert returns(values((0, 1000, 0), (1, 0, -1000), (2, 500, 500))) is None


def test_money_that_came_and_was_lost_whole_has_no_money_weighted_return() -> None:
    made = returns(values((0, 1000, 0), (10, 0, 0)))
    assert made is not None
    assert (made.time_weighted, made.money_weighted) == (-1, None)


@pytest.mark.parametrize(
    ("before", "now", "flow"),
    [
        (account(1000), account(1500), 500),
        (account(1000, 5), account(700, 5), -300),
        (account(1000, 5), account(1498, 0), 0),
        (account(1000), account(499, 5), 0),
        (account(1000), account(1000, 5), 500),
        (account(1000, 5), account(3500, 0), 2000),
    ],
    ids=["deposit", "withdrawal", "sold by hand", "bought by hand", "units came", "sold by hand, and a deposit"],
)
def test_what_came_from_outside_is_told_from_what_was_traded_by_hand(
    before: AccountState, now: AccountState, flow: int
) -> None:
    assert flow_between(before, now, PRICES, "USD") == flow


def test_a_split_brings_nothing() -> None:
    assert flow_between(account(1000, 5), account(1000, 10), PRICES, "USD", split=True) == 0
