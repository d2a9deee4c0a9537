"""What LongBridge's orders mean, and what its errors say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from longbridge_app.broker import traits_of
from longbridge_app.mapping import described, order_of, order_state, report
from longbridge_app.rows import Credentials, FillRow, OrderRow
from longbridge_app.worker import LongBridgeError
from quant_platform_kit.domain.errors import NeedsOperator
from quant_platform_kit.domain.orders import Order, OrderState, Side
from quant_platform_kit.domain.silence import AfterSilence

D = Decimal
AT = datetime(2023, 6, 2, 16, tzinfo=UTC)
ROW = OrderRow("7", "q1", "SPY.US", "Buy", "MO", "New", D(3), D(0), None, AT, "")


def test_orders_are_described_as_they_were_sent() -> None:
    assert order_of(ROW) == Order("q1", "SPY", Side.BUY, D(3))
    limited = ROW._replace(remark="", order_type="LO", side="Sell", price=D(50))
    assert order_of(limited) == Order("longbridge-7", "SPY", Side.SELL, D(3), D(50))
    assert described(limited) == "7 (SELL 3 SPY limit 50, New, entered 16:00:00 UTC)"


@pytest.mark.parametrize(
    ("status", "executed", "state"),
    [
        ("NotReported", 0, OrderState.ACKNOWLEDGED),
        ("New", 0, OrderState.ACKNOWLEDGED),
        ("SomethingNew", 0, OrderState.ACKNOWLEDGED),
        ("New", 1, OrderState.PARTIALLY_FILLED),
        ("PartialFilled", 1, OrderState.PARTIALLY_FILLED),
        ("Filled", 3, OrderState.FILLED),
        ("Canceled", 0, OrderState.CANCELLED),
        ("PartialWithdrawal", 1, OrderState.CANCELLED),
        ("Expired", 0, OrderState.EXPIRED),
        ("Rejected", 0, OrderState.REJECTED),
        ("Rejected", 1, OrderState.CANCELLED),
    ],
)
def test_states(status: str, executed: int, state: OrderState) -> None:
    assert order_state(ROW._replace(status=status, executed_quantity=D(executed))) is state


def test_costs_stand_with_the_first_execution_and_executions_count_once() -> None:
    fills = [FillRow("7", "b", D(2), D(10), AT), FillRow("7", "a", D(1), D(11), AT), FillRow("7", "b", D(2), D(10), AT)]
    told = report(ROW._replace(status="Filled", executed_quantity=D(3)), fills, D("1.00"))
    assert told.state is OrderState.FILLED
    assert [(fill.execution_id, fill.commission) for fill in told.fills] == [("a", D("1.00")), ("b", D(0))]
    assert sum(fill.commission for fill in told.fills) == 1


def test_executions_that_contradict_the_row_are_for_a_person_with_both_figures() -> None:
    row = ROW._replace(status="PartialFilled", executed_quantity=D(1))
    with pytest.raises(NeedsOperator, match=r"add up to 2 SPY, and 1 were filled, as the broker says"):
        report(row, [FillRow("7", "a", D(2), D(11), AT)], D(1))


def test_filled_means_that_every_execution_is_known() -> None:
    row = ROW._replace(status="Filled", executed_quantity=D(3))
    assert report(row, [], D(1)).state is OrderState.ACKNOWLEDGED
    assert report(row, [FillRow("7", "a", D(1), D(11), AT)], D(1)).state is OrderState.PARTIALLY_FILLED


def test_a_rejection_says_why() -> None:
    assert report(ROW._replace(status="Rejected", msg="no money"), [], D(0)).text == "no money"
    assert report(ROW._replace(status="Rejected"), [], D(0)).text


@pytest.mark.parametrize(
    ("code", "refused", "passing"),
    [
        (None, False, True),
        (429002, False, True),
        (429, False, True),
        (500000, False, True),
        (401003, True, False),
        (403201, True, False),
        (602001, True, False),
        (603001, True, False),
        (301600, False, False),
    ],
)
def test_only_a_refusal_proves_that_nothing_was_done(code: int | None, refused: bool, passing: bool) -> None:
    error = LongBridgeError("said", code)
    assert (error.refused, error.passing) == (refused, passing)


def test_only_longbridge_recognises_an_id() -> None:
    settle = timedelta(seconds=30)
    assert traits_of("longbridge", settle, 20).after_silence is AfterSilence.RESEND_SOON
    assert traits_of("longport", settle, 20).after_silence is AfterSilence.BLOCK


def test_credentials_do_not_show_themselves() -> None:
    assert repr(Credentials("longbridge", "key-1", "secret-1", "token-1")) == "Credentials(longbridge)"
