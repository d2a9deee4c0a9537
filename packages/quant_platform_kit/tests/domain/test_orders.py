"""What adapters of brokers for whole shares refuse before they ask, and how a rejection is raised."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from quant_platform_kit.domain.errors import OrderRejected
from quant_platform_kit.domain.orders import (
    ExecutionReport,
    Fill,
    Order,
    OrderState,
    Side,
    check_whole_units,
    raise_if_rejected,
    with_plausible_prices,
)
from quant_platform_kit.domain.reconciliation import Discrepancy, odd_prices
from quant_platform_kit.domain.runs import OrderRecord, Transition


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


def test_a_stop_is_refused_where_the_broker_takes_none_and_with_a_limit() -> None:
    stop = replace(_order(), stop_price=Decimal(90))
    with pytest.raises(OrderRejected, match=r"^stop 90 for SPY: this broker takes no stop orders from here$"):
        check_whole_units(stop)
    check_whole_units(stop, stop_orders=True)
    with pytest.raises(OrderRejected, match=r"^stop 90 and limit 91 for SPY: an order has one of them$"):
        check_whole_units(replace(stop, limit_price=Decimal(91)), stop_orders=True)


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


AT = datetime(2023, 6, 2, 16, tzinfo=UTC)


@pytest.mark.parametrize(
    ("price", "known"),
    [("0", False), ("-1", False), ("59", False), ("141", False), ("60", True), ("140", True), ("100.01", True)],
)
def test_a_fill_at_no_price_counts_at_the_price_it_was_planned_at_and_is_named(price: str, known: bool) -> None:
    order = _order()
    fill = Fill("q1", "SPY", Side.BUY, Decimal(3), Decimal(price), Decimal(0), AT)
    answer = ExecutionReport(order, OrderState.FILLED, (fill,))
    read = with_plausible_prices(answer, Decimal(100), Decimal("0.40"))
    assert (read.filled_quantity, read.fills[0].price_known) == (3, known)
    assert read.fills[0].price == (Decimal(price) if known else 100)
    assert [finding.kind for finding in odd_prices(read.fills)] == ([] if known else [Discrepancy.ODD_PRICE])
    outcome = OrderRecord(order, (Transition(OrderState.FILLED, 1, AT, read),)).outcome
    assert (outcome.filled, outcome.average_price) == (3, Decimal(price) if known else None)
    assert with_plausible_prices(answer, None, Decimal("0.40")) == answer
