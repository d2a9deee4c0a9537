"""Schwab's hours of the market for shares."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.domain.errors import BrokerError
from schwab_app.contact import regular_hours

DAY = date(2023, 11, 24)
HALF = {"start": "2023-11-24T09:30:00-05:00", "end": "2023-11-24T13:00:00-05:00"}


def market(**told: Any) -> dict[str, Any]:
    return {"equity": {"EQ": {"date": "2023-11-24", **told}}}


def test_a_half_day_ends_early_and_a_closed_day_has_no_hours() -> None:
    assert regular_hours(market(isOpen=True, sessionHours={"regularMarket": [HALF]}), DAY) == load_calendar(
        "XNYS"
    ).hours(DAY)
    assert regular_hours({"equity": {"equity": {"isOpen": False}}}, DAY) is None


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"equity": {}},
        {"equity": []},
        market(isOpen=True),
        market(isOpen=True, sessionHours={"regularMarket": []}),
        market(isOpen=True, sessionHours={"regularMarket": [HALF, HALF]}),
        market(isOpen=True, sessionHours={"regularMarket": [{"start": "soon", "end": "later"}]}),
        market(isOpen="yes", sessionHours={"regularMarket": [HALF]}),
    ],
)
def test_hours_that_are_not_told_are_no_hours(document: dict[str, Any]) -> None:
    with pytest.raises(BrokerError):
        regular_hours(document, DAY)
