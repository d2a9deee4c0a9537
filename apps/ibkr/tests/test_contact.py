"""The Gateway's hours, as its descriptions write them."""

from __future__ import annotations

from datetime import date

import pytest
from ibkr_app.contact import trading_hours
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.domain.errors import BrokerError
from quant_platform_kit.domain.sessions import SessionHours

CALENDAR = load_calendar("XNYS")
FRIDAY, SATURDAY, HALF = date(2023, 11, 17), date(2023, 11, 18), date(2023, 11, 24)


@pytest.mark.parametrize("zone", ["US/Eastern", "America/New_York", "US/Eastern (Eastern Time)", "Nowhere/Known"])
def test_hours_are_those_of_the_calendar(zone: str) -> None:
    text = "20231117:0930-20231117:1600;20231118:CLOSED;20231124:0930-20231124:1300;"
    assert trading_hours(text, zone, CALENDAR) == {
        FRIDAY: CALENDAR.hours(FRIDAY),
        SATURDAY: None,
        HALF: CALENDAR.hours(HALF),
    }


def test_a_day_with_a_break_has_its_first_and_its_last_instant() -> None:
    text = "20231117:0930-20231117:1200;20231117:1300-20231117:1600"
    whole = CALENDAR.hours(FRIDAY)
    assert trading_hours(text, "US/Eastern", CALENDAR) == {FRIDAY: SessionHours(whole.open, whole.close)}


@pytest.mark.parametrize("text", ["20231117:0930", "20231117:OPEN", "17.11.2023 09:30-16:00", "20231117:0930-1600"])
def test_hours_that_are_written_otherwise_are_refused(text: str) -> None:
    with pytest.raises(BrokerError, match="hours cannot be read"):
        trading_hours(text, "US/Eastern", CALENDAR)
