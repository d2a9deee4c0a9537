"""A small market, the venue that has it, and the app at it."""

from __future__ import annotations

import socket
from collections.abc import Callable, Generator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from alpaca_app.addresses import Addresses
from alpaca_app.api import Alpaca
from alpaca_app.cache import SessionCache
from alpaca_app.compose import clock_of
from alpaca_app.settings import Keys
from alpaca_app.source import AlpacaSource
from loguru import logger
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.plain_folder import PlainFolder
from quant_platform_kit.domain.sessions import ExchangeCalendar
from trading_playbook.days import days_between
from trading_playbook.sources.installed import Feed, Wanted
from trading_playbook.sources.usage import Usage
from venue_sandbox.servers.launch import Server
from venue_sandbox.stands.alpaca import KEY, SECRET, AlpacaPriceStand

NOON = datetime(2025, 12, 1, 17, tzinfo=UTC)
"""A Monday while the exchange is open, after the three sessions of the file."""
FIRST, LAST = date(2025, 11, 25), date(2025, 11, 28)
BEGIN = date(2025, 1, 2)
SYMBOLS = {"QQQ": 600.0, "SPY": 700.0}


@pytest.fixture(scope="session")
def calendar() -> ExchangeCalendar:
    """Return the calendar of the New York Stock Exchange."""
    return load_calendar("XNYS")


def minute_rows(calendar: ExchangeCalendar, symbol: str, base: float) -> list[dict[str, Any]]:
    """Return a bar for every minute of the sessions, and one before each opens."""
    rows: list[dict[str, Any]] = []
    for day in days_between(calendar, FIRST, LAST):
        for minute in (-30, *range(day.minutes)):
            start = (day.opens + timedelta(minutes=minute)).replace(tzinfo=None)
            price = base + (minute % 7) * 0.01
            bar = {"open": price, "high": price + 0.5, "low": price - 0.5, "close": price + 0.1}
            rows.append({"symbol": symbol, "bar_start_et": start, **bar, "volume": 500})
    return rows


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory, calendar: ExchangeCalendar) -> tuple[Path, Path]:
    """Return a file of minutes of three sessions, the last a half day, and one of days."""
    folder = tmp_path_factory.mktemp("market")
    bars, daily = folder / "bars.parquet", folder / "daily.csv"
    rows = [row for symbol, base in SYMBOLS.items() for row in minute_rows(calendar, symbol, base)]
    pq.write_table(pa.Table.from_pylist(rows), bars)
    lines = ["date,symbol,open,high,low,close,volume,adj_close"]
    for symbol, base in SYMBOLS.items():
        for number, day in enumerate(calendar.between(BEGIN, LAST)):
            close = base - 200 + number
            lines.append(f"{day},{symbol},{close - 1},{close + 2},{close - 2},{close},1000,{close * 0.99}")
    daily.write_text("\n".join(lines) + "\n")
    return bars, daily


@pytest.fixture
def only_the_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a test connect to servers of this run and to nothing else."""
    connect = socket.socket.connect

    def checked(self: socket.socket, address: Any) -> None:
        if self.family != socket.AF_UNIX and (address[0] != "127.0.0.1" or address[1] not in Server.opened):
            pytest.fail(f"connection to {address}, which was not opened for this run")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", checked)


@pytest.fixture(scope="session")
def running(files: tuple[Path, Path]) -> Generator[AlpacaPriceStand]:
    """Start the venue once, with pages of 200 bars."""
    with AlpacaPriceStand(*files, NOON, ("--page", "200", "--requests-per-minute", "0")) as stand:
        yield stand


@pytest.fixture
def stand(running: AlpacaPriceStand, only_the_stand: None) -> Generator[AlpacaPriceStand]:
    """Return the venue as it began, but for its splits."""
    running.server.clear()
    running.server.forget_requests()
    running.set_clock(NOON)
    yield running
    running.server.clear()


@pytest.fixture
def warnings() -> Generator[list[str]]:
    """Return what is logged as a warning."""
    heard: list[str] = []
    number = logger.add(lambda message: heard.append(message.record["message"]), level="WARNING")
    yield heard
    logger.remove(number)


@pytest.fixture
def opened(calendar: ExchangeCalendar, tmp_path: Path) -> Generator[Callable[..., AlpacaSource]]:
    """Return how a source of an address is opened, with a cache in a folder of the test's own."""
    made: list[Alpaca] = []

    def open_(url: str, symbol: str = "QQQ", **how: Any) -> AlpacaSource:
        keys = Keys(how.get("key", KEY), how.get("secret", SECRET))
        alpaca = Alpaca(keys, Addresses(url, url, is_sandbox=True), how.get("seconds", 10), Usage(), lambda _: None)
        made.append(alpaca)
        feed = how.get("feed", Feed.SIP)
        days = days_between(calendar, how.get("first", FIRST), LAST) if how.get("announced", True) else ()
        cache = SessionCache(PlainFolder(tmp_path / "cache"), symbol, feed, alpaca.usage)
        return AlpacaSource(alpaca, cache, Wanted(symbol, calendar, days), feed, how.get("clock") or clock_of(alpaca))

    yield open_
    for alpaca in made:
        alpaca.close()
