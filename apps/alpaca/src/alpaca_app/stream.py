"""Alpaca's streams of bars and of what becomes of orders, as a `trading_playbook.live.ports.BarFeed`.

The library's clients run in threads of their own. Their handlers put what came into a queue and do nothing else: what a
handler raises costs the rest of its frame. The library tells of no connection, lost, refused or made: that is heard
where it begins one.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from queue import Empty, SimpleQueue
from typing import Any

from quant_platform_kit.domain.redaction import redact
from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.domain.strategy import Adjustment
from quant_platform_kit.ports.clock import Clock
from trading_playbook.days import TradingDay
from trading_playbook.dp20.bars import Bar
from trading_playbook.live.ports import BarTold, Connection, OrderHint, Told
from trading_playbook.sources.installed import Feed

from alpaca_app.api import Alpaca, Asked
from alpaca_app.minutes import sessions_of

__all__ = ["AlpacaFeed", "Past", "listening"]

STOP_SECONDS = 3.0
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Past:
    """The bars of a symbol over REST, of the stream's feed."""

    alpaca: Alpaca
    symbol: str
    feed: Feed
    calendar: ExchangeCalendar
    clock: Clock

    def bars(self, day: TradingDay) -> Sequence[Bar]:
        """Return the bars of a session that have ended."""
        hours, now = self.calendar.hours(day.date), self.clock.now()
        last = min(hours.close, now) - _MINUTE
        if last < hours.open:
            return ()
        asked = Asked(
            symbol=self.symbol, minutes=True, first=hours.open, last=last, adjustment=Adjustment.RAW, feed=self.feed
        )
        found = self.alpaca.bars(asked, lambda rows: sessions_of(rows, asked, self.calendar))
        bars = found[day.date].rows() if day.date in found else []
        return [bar for bar in bars if day.opens + (bar.minute + 1) * _MINUTE <= now]


class AlpacaFeed:
    """The streams of one symbol and one account for one session.

    Parameters
    ----------
    past
        Answers over REST, with bars of the same feed.
    bars, orders
        The library's clients, with raw messages, not yet running.
    """

    def __init__(self, day: TradingDay, past: Past, bars: Any, orders: Any) -> None:
        self._day, self._past = day, past
        self._told: SimpleQueue[Told] = SimpleQueue()

        async def bar(message: Any) -> None:
            self._told.put(BarTold(self._bar(message)))

        async def updated(message: Any) -> None:
            self._told.put(BarTold(self._bar(message), updated=True))

        async def order(message: Any) -> None:
            self._told.put(OrderHint(str(message["data"]["order"]["client_order_id"])))

        bars.subscribe_bars(bar, past.symbol)
        bars.subscribe_updated_bars(updated, past.symbol)
        orders.subscribe_trade_updates(order)
        self._ends = [listening(bars, self._told.put), listening(orders, lambda _: None)]

    def poll(self, seconds: float) -> Sequence[Told]:
        """Return what came; see `BarFeed.poll`."""
        came: list[Told] = []
        with suppress(Empty):
            came.append(self._told.get(timeout=seconds) if seconds > 0 else self._told.get_nowait())
            while True:
                came.append(self._told.get_nowait())
        return came

    def so_far(self) -> Sequence[Bar]:
        """Return the bars that have ended; see `BarFeed.so_far`."""
        return self._past.bars(self._day)

    def close(self) -> None:
        """End both streams, at once."""
        for end in self._ends:
            end()

    def _bar(self, message: Any) -> Bar:
        """Return a message of the library as a bar; its ``t`` is the start, a timestamp of msgpack."""
        starts: datetime = message["t"].to_datetime()
        minute = round((starts - self._day.opens) / _MINUTE)
        return Bar(minute, *(float(message[name]) for name in ("o", "h", "l", "c")))


def listening(client: Any, tell: Callable[[Connection], None]) -> Callable[[], None]:
    """Run a client of the library in a thread, telling of its connections; return what ends it at once."""
    begin = client._start_ws

    async def watched() -> None:
        try:
            await begin()
        except Exception as error:
            tell(Connection(up=False, text=redact(f"{type(error).__name__}: {error}")))
            raise
        tell(Connection(up=True))

    client._start_ws = watched
    thread = threading.Thread(target=client.run, daemon=True, name=type(client).__name__)
    thread.start()

    def end() -> None:
        client._should_run = False
        if (loop := client._loop) is not None and not loop.is_closed():
            with suppress(Exception):
                asyncio.run_coroutine_threadsafe(client.stop_ws(), loop).result(STOP_SECONDS)
        thread.join(STOP_SECONDS)

    return end
