"""What adapters of brokers for whole shares refuse before they ask, and how a rejection is raised."""

from decimal import Decimal

import pytest
from quant_platform_kit.domain.errors import OrderRejected
from quant_platform_kit.domain.orders import (
    ExecutionReport,
    Order,
    OrderState,
    Side,
    check_whole_units,
    raise_if_rejected,
)


def _order(quantity: str = "3", limit: str | None = None) -> Order:
    return Order("q1", "SPY", Side.BUY, Decimal(quantity), None if limit is None else Decimal(limit))


@pytest.mark.parametrize("quantity", ["0", "-1", "0.5", "NaN", "Infinity"])
def test_a_quantity_that_is_no_positive_whole_number_is_rejected_with_its_value(quantity: str) -> None:
    with pytest.raises(OrderRejected, match=rf"^quantity {quantity} of SPY: it is a positive whole number$"):
        check_whole_units(_order(quantity))


@pytest.mark.parametrize("limit", ["0", "-1", "NaN", "Infinity"])
def test_a_limit_that_is_no_price_is_rejected_with_its_value(limit: str) -> None:
    with pytest.raises(OrderRejected, match=rf"^limit {limit} for SPY: a limit is positive and finite$"):
        check_whole_units(_order(limit=limit))


@pytest.mark.parametrize(("quantity", "limit"), [("1", None), ("3.000", None), ("1E+2", "0.01")])
def test_whole_units_at_a_price_or_at_the_market_pass(quantity: str, limit: str | None) -> None:
    check_whole_units(_order(quantity, limit))


@pytest.mark.parametrize(
    ("said", "raised"), [("no shares to sell", "no shares to sell"), ("", "rejected without a reason")]
)
def test_a_rejection_is_raised_in_the_brokers_words(said: str, raised: str) -> None:
    with pytest.raises(OrderRejected, match=f"^{raised}$"):
        raise_if_rejected(ExecutionReport(_order(), OrderState.REJECTED, (), said))


@pytest.mark.parametrize("state", sorted(set(OrderState) - {OrderState.REJECTED}, key=lambda state: state.value))
def test_any_other_answer_is_returned_as_it_is(state: OrderState) -> None:
    report = ExecutionReport(_order(), state)

    assert raise_if_rejected(report) is report
