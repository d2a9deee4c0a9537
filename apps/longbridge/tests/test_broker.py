"""An order whose two lists were asked for at different moments."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal as D
from types import SimpleNamespace
from typing import Any

import pytest
from longbridge_app.beliefs import TABLES
from longbridge_app.broker import LongBridgeBroker
from longbridge_app.rows import FillRow, OrderRow
from quant_platform_kit.domain.errors import NeedsOperator
from quant_platform_kit.domain.orders import OrderState
from quant_platform_kit.services.record.seen import Seen

AT = datetime(2023, 11, 28, 20, tzinfo=UTC)
ROW = OrderRow("7", "q1", "SPY.US", "Buy", "MO", "PartialFilled", D(5), D(2), None, AT, "")
FILLS = [FillRow("7", "a", D(2), D(10), AT), FillRow("7", "b", D(3), D(10), AT)]


def broker() -> Any:
    """Return a broker that reads its two lists from here."""
    made: Any = object.__new__(LongBridgeBroker)
    made._reports, forgot = {}, list[str]()
    made._orders = SimpleNamespace(forget=lambda: forgot.append("orders"), steady=True)
    made._fills = SimpleNamespace(rows=FILLS, refresh=lambda deadline: False)
    made._worker = SimpleNamespace(has_room=lambda: True, look=lambda *given, **named: D(1), seen=Seen(TABLES))
    made._clock = SimpleNamespace(now=lambda: AT)
    made.forgot = forgot
    return made


def test_an_order_that_was_filled_between_its_two_lists_is_asked_for_again() -> None:
    made = broker()
    assert made._reported(ROW, None).state is OrderState.ACKNOWLEDGED
    assert made.forgot == ["orders"]
    filled = ROW._replace(status="Filled", executed_quantity=D(5))
    report = made._reported(filled, None)
    assert (report.state, report.filled_quantity) == (OrderState.FILLED, 5)


def test_an_order_that_has_ended_with_more_fills_than_it_says_is_for_a_person() -> None:
    with pytest.raises(NeedsOperator, match="add up to 5"):
        broker()._reported(ROW._replace(status="Canceled"), None)
