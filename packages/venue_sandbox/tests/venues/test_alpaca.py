"""The parts of the Alpaca front that need no network."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from aiohttp.test_utils import make_mocked_request
from quant_platform_kit.adapters.calendar_tables import load_calendar
from venue_sandbox.exchange.clock import VenueClock
from venue_sandbox.exchange.treatment import Treatment
from venue_sandbox.servers.faults import FaultError
from venue_sandbox.venues.alpaca.bar_options import BAR_OPTIONS
from venue_sandbox.venues.alpaca.bars import RECENT, bar_endpoints
from venue_sandbox.venues.alpaca.calendar import calendar_endpoints
from venue_sandbox.venues.alpaca.context import AlpacaVenue, Plan
from venue_sandbox.venues.alpaca.server import venue_of
from venue_sandbox.venues.alpaca.tape import Split, read_tape
from venue_sandbox.venues.http.front import Refused

DAY = "date,symbol,open,high,low,close,volume,adj_close\n"
ROWS = (
    "2025-11-26,QQQ,600,606,594,603,300,597\n"
    "2025-11-28,QQQ,603,609,597,606,300,606\n"
    "2025-11-28,SPY,700,701,699,700,50,700\n"
)
NOON = datetime(2025, 12, 1, 17, tzinfo=UTC)
MINUTES = (
    "symbol,bar_start_et,open,high,low,close,volume\n"
    "QQQ,2025-12-01 11:43:00,600,601,599,600,100\n"
    "QQQ,2025-12-01 11:44:00,600,601,599,600,100\n"
    "QQQ,2025-12-01 11:45:00,600,601,599,600,100\n"
)


@pytest.fixture
def venue(tmp_path: Path) -> AlpacaVenue:
    minutes, daily = tmp_path / "minutes.csv", tmp_path / "daily.csv"
    minutes.write_text(MINUTES)
    daily.write_text(DAY + ROWS)
    calendar = load_calendar("XNYS")
    return venue_of(read_tape(minutes, daily, calendar), calendar, VenueClock(real=NOON.timestamp), Plan("k", "s"), 0)


def asked(venue: AlpacaVenue, **query: Any) -> Any:
    usual = {"symbols": "QQQ", "timeframe": "1Day", "start": "2025-11-01"}
    request = make_mocked_request("GET", f"/v2/stocks/bars?{urlencode({**usual, **query})}")
    answer: Any = asyncio.run(bar_endpoints(venue)[0].answer(request, None))
    return json.loads(answer.text)


def closes(venue: AlpacaVenue, adjustment: str) -> list[float]:
    return [bar["c"] for bar in asked(venue, adjustment=adjustment)["bars"]["QQQ"]]


def test_prices_are_raw_or_adjusted_for_what_has_happened_by_now(venue: AlpacaVenue) -> None:
    assert closes(venue, "raw") == closes(venue, "split") == [603, 606]
    assert closes(venue, "dividend") == closes(venue, "all") == [597, 606]
    venue.tape.split("QQQ", Split(date(2025, 11, 28), 2))
    venue.tape.split("QQQ", Split(date(2025, 12, 2), 10))
    assert closes(venue, "raw") == [603, 303]
    assert closes(venue, "split") == [301.5, 303]
    assert closes(venue, "all") == [298.5, 303]
    assert asked(venue, adjustment="split")["bars"]["QQQ"][0]["v"] == 600


def test_pages_go_over_symbols_in_their_order(venue: AlpacaVenue) -> None:
    first = asked(venue, symbols="SPY,QQQ,ZZZ", limit=2)
    assert list(first["bars"]) == ["QQQ"]
    last = asked(venue, symbols="SPY,QQQ,ZZZ", limit=2, page_token=first["next_page_token"])
    assert list(last["bars"]) == ["SPY"]
    assert last["next_page_token"] is None
    assert last["bars"]["SPY"][0]["t"] == "2025-11-28T05:00:00Z"


def test_sip_bars_are_late_for_whoever_pays_nothing(venue: AlpacaVenue) -> None:
    now = {"timeframe": "1Min", "start": "2025-12-01T16:00:00Z", "end": NOON.isoformat()}
    with pytest.raises(Refused, match=RECENT) as refused:
        asked(venue, **now)
    assert refused.value.status == 403
    assert len(asked(venue, **now, feed="iex")["bars"]["QQQ"]) == 3
    del now["end"]
    assert len(asked(venue, **now)["bars"]["QQQ"]) == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"symbols": ""},
        {"timeframe": "5Min"},
        {"adjustment": "none"},
        {"feed": "otc"},
        {"limit": 10_001},
        {"start": "today"},
        {"page_token": "!"},
        {"unknown": "x"},
        *({name: "x"} for name, option in BAR_OPTIONS.items() if option.treatment is Treatment.REFUSED),
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_what_is_not_served_is_refused(venue: AlpacaVenue, wrong: dict[str, Any]) -> None:
    with pytest.raises(Refused) as refused:
        asked(venue, **wrong)
    assert refused.value.status == 400


def test_the_calendar_has_hours_and_no_closed_day(venue: AlpacaVenue) -> None:
    venue.faults.arm({"kind": "close_day", "session": "2025-11-26"})
    request = make_mocked_request("GET", "/v2/calendar?start=2025-11-26&end=2025-11-30")
    answer: Any = asyncio.run(calendar_endpoints(venue)[0].answer(request, None))
    (day,) = json.loads(answer.text)
    assert (day["date"], day["open"], day["close"]) == ("2025-11-28", "09:30", "13:00")


def test_there_are_no_faults_of_orders_yet(venue: AlpacaVenue) -> None:
    with pytest.raises(FaultError, match="kind partial_fill is not known; known: drop_before, silent, clock, split"):
        venue.faults.arm({"kind": "partial_fill"})
