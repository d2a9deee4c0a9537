"""The websockets of the Alpaca venue with the stream clients of alpaca-py, unmodified."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Generator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from alpaca_app.library import load_data, load_trading
from venue_sandbox.stands.alpaca import KEY, SECRET, AlpacaPriceStand

pytestmark = pytest.mark.filterwarnings("ignore")

OPENS = datetime(2025, 12, 1, 14, 30, tzinfo=UTC)
SECONDS = 20.0


@pytest.fixture
def stand(tmp_path: Path) -> Generator[AlpacaPriceStand]:
    """Return a venue a minute before the open, with ten minutes of two symbols, and cash."""
    minutes, daily = tmp_path / "minutes.csv", tmp_path / "daily.csv"
    rows = [
        f"{symbol},2025-12-01 09:{30 + minute}:00,{600 + minute},{601 + minute},{599 + minute},{600 + minute},100"
        for minute in range(10)
        for symbol in ("QQQ", "SPY")
    ]
    minutes.write_text("\n".join(["symbol,bar_start_et,open,high,low,close,volume", *rows]) + "\n")
    daily.write_text("date,symbol,open,high,low,close,volume,adj_close\n2025-12-01,QQQ,600,601,599,600,9,600\n")
    with AlpacaPriceStand(minutes, daily, OPENS - timedelta(minutes=1), ("--requests-per-minute", "0")) as running:
        running.arm("cash", account="DUSBX000001", amount="100000")
        yield running


class Listening:
    """A stream client in a thread of its own; leaving it ends the client."""

    def __init__(self, client: Any, subscribe: Callable[[Any, Any], None]) -> None:
        self.client, self.heard = client, list[Any]()

        async def take(message: Any) -> None:
            self.heard.append(message)

        subscribe(client, take)
        self._thread = threading.Thread(target=client.run, daemon=True)
        self._thread.start()

    def __enter__(self) -> Listening:
        return self

    def __exit__(self, *_: object) -> None:
        self.client._should_run = False
        asyncio.run_coroutine_threadsafe(self.client.stop_ws(), self.client._loop).result(SECONDS)
        self._thread.join(SECONDS)

    def wait(self, enough: Callable[[], bool]) -> None:
        """Wait until something is so."""
        end = time.monotonic() + SECONDS
        while not enough():
            assert time.monotonic() < end, self.heard
            time.sleep(0.02)


def bars(stand: AlpacaPriceStand, *, updated: bool = False, **how: Any) -> Listening:
    """Listen to the bars of QQQ."""
    load_data()
    from alpaca.data.enums import DataFeed
    from alpaca.data.live import StockDataStream

    url = f"ws://127.0.0.1:{stand.server.port}/v2/iex"
    secret = how.pop("secret", SECRET)
    client = StockDataStream(KEY, secret, feed=DataFeed.IEX, url_override=url, **how)

    def subscribe(client: Any, take: Any) -> None:
        client.subscribe_bars(take, "QQQ")
        if updated:
            client.subscribe_updated_bars(take, "QQQ")

    return Listening(client, subscribe)


def ready(stand: AlpacaPriceStand, listening: Listening) -> None:
    """Wait until a client is logged in and has subscribed."""
    listening.wait(lambda: listening.client._running)
    time.sleep(0.3)


def after(stand: AlpacaPriceStand, minutes: int) -> None:
    stand.set_clock(OPENS + timedelta(minutes=minutes, seconds=1))


def starts(listening: Listening) -> list[int]:
    """Return the minutes after the open of the bars that came."""
    return [round((bar.timestamp - OPENS).total_seconds() / 60) for bar in listening.heard]


def test_bars_come_as_the_clock_moves_on_minute_by_minute(stand: AlpacaPriceStand) -> None:
    with bars(stand) as listening:
        ready(stand, listening)
        after(stand, 1)
        listening.wait(lambda: starts(listening) == [0])
        assert (listening.heard[0].symbol, listening.heard[0].close) == ("QQQ", 600.0)
        after(stand, 4)
        listening.wait(lambda: starts(listening) == [0, 1, 2, 3])


def test_bars_are_lost_doubled_late_and_updated(stand: AlpacaPriceStand) -> None:
    for minute, harm in enumerate(("lost", "duplicate", "late", "updated")):
        start = (OPENS + timedelta(minutes=minute)).isoformat()
        stand.arm("streamed_bar", symbol="QQQ", start=start, harm=harm, seconds=90)
    with bars(stand, updated=True) as listening:
        ready(stand, listening)
        after(stand, 6)
        listening.wait(lambda: len(listening.heard) == 7)
        assert starts(listening) == [1, 1, 3, 2, 4, 3, 5]
        assert [bar.close for bar in listening.heard if bar.timestamp.minute == 33] == [603.0, 603.01]


def test_what_is_missed_while_a_connection_is_lost_is_not_sent_again(stand: AlpacaPriceStand) -> None:
    with bars(stand) as listening:
        ready(stand, listening)
        after(stand, 1)
        listening.wait(lambda: starts(listening) == [0])
        stand.arm("disconnect")
        after(stand, 3)
        time.sleep(3)
        after(stand, 4)
        listening.wait(lambda: 3 in starts(listening))
        assert starts(listening) == [0, 3]


def test_a_mute_socket_is_noticed_by_its_time_out_only(stand: AlpacaPriceStand) -> None:
    with bars(stand, data_timeout=1.0) as listening:
        ready(stand, listening)
        stand.arm("stream_mute")
        after(stand, 2)
        time.sleep(2)
        assert listening.heard == []
        stand.arm("stream_mute", mute=False)
        time.sleep(3)
        after(stand, 4)
        listening.wait(lambda: 3 in starts(listening))


@pytest.mark.parametrize("code", [402, 406])
def test_wrong_keys_and_a_second_connection_raise_nothing(stand: AlpacaPriceStand, code: int) -> None:
    if code == 402:
        with bars(stand, secret="wrong") as listening:
            time.sleep(2)
            assert (listening.heard, listening.client._running) == ([], False)
        return
    with bars(stand) as first:
        ready(stand, first)
        with bars(stand) as second:
            time.sleep(2)
            after(stand, 1)
            first.wait(lambda: starts(first) == [0])
            assert (second.heard, second.client._running) == ([], False)


def test_what_becomes_of_orders_is_told_and_told_twice_by_a_fault(stand: AlpacaPriceStand) -> None:
    trading = load_trading()
    from alpaca.trading.stream import TradingStream

    client = TradingStream(KEY, SECRET, paper=True, url_override=f"ws://127.0.0.1:{stand.server.port}/stream")
    with Listening(client, lambda client, take: client.subscribe_trade_updates(take)) as listening:
        ready(stand, listening)
        after(stand, 1)
        orders = trading.TradingClient(KEY, SECRET, url_override=stand.url)
        side, day = trading.OrderSide.BUY, trading.TimeInForce.DAY
        stand.arm("duplicate_event")
        orders.submit_order(
            trading.MarketOrderRequest(symbol="QQQ", qty=3, side=side, time_in_force=day, client_order_id="q1")
        )
        listening.wait(lambda: len([each for each in listening.heard if each.event == "fill"]) == 2)
        fills = [each for each in listening.heard if each.event == "fill"]
        assert {each.execution_id for each in fills} == {fills[0].execution_id}
        assert (fills[0].order.client_order_id, fills[0].qty, fills[0].position_qty) == ("q1", 3.0, 3.0)
