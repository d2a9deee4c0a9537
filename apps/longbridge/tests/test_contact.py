"""LongBridge's trading days, as hours."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import date
from types import SimpleNamespace
from typing import Any, cast

from longbridge_app.beliefs import TABLES
from longbridge_app.contact import LongBridgeContact
from longbridge_app.rows import TradingDays
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.domain.strategy import Adjustment
from quant_platform_kit.ports.market_data import MarketData
from quant_platform_kit.services.record.seen import Seen

CALENDAR = load_calendar("XNYS")
FRIDAY, SATURDAY, HALF = date(2023, 11, 17), date(2023, 11, 18), date(2023, 11, 24)


def told(whole: tuple[date, ...], half: tuple[date, ...], *days: date) -> Any:
    """Return the hours of days where LongBridge tells such a list."""

    def look(method: str, *arguments: Any, **_: Any) -> TradingDays:
        assert (method, arguments) == ("trading_days", ("US", min(days), max(days)))
        return TradingDays(whole, half)

    worker = cast("Any", SimpleNamespace(turn=lambda what: nullcontext(), look=look, calls=0, seen=Seen(TABLES)))
    contact = LongBridgeContact(worker, worker, cast("MarketData", None), Adjustment.TOTAL_RETURN, CALENDAR)
    return contact.hours(days)


def test_a_whole_day_has_regular_hours_and_a_day_that_is_not_listed_none() -> None:
    assert told((FRIDAY,), (), FRIDAY, SATURDAY) == {FRIDAY: CALENDAR.hours(FRIDAY), SATURDAY: None}


def test_a_half_day_that_our_calendar_has_too_is_not_told_and_any_other_ends_early() -> None:
    assert told((), (HALF,), HALF) == {}
    (hours,) = told((), (FRIDAY,), FRIDAY).values()
    assert hours.close < CALENDAR.hours(FRIDAY).close


def test_a_whole_day_that_is_a_half_day_here_differs() -> None:
    (hours,) = told((HALF,), (), HALF).values()
    assert hours.close > CALENDAR.hours(HALF).close
