"""Finished daily bars of Alpaca by session."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from functools import partial
from typing import Any

from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.domain.strategy import Adjustment
from quant_platform_kit.ports.clock import Clock
from trading_playbook.daily.due import SETTLED
from trading_playbook.sources.installed import Feed

from alpaca_app.api import Alpaca, Asked, Rows

__all__ = ["Daily"]

PRICES = {"open": "o", "high": "h", "low": "l", "close": "c", "volume": "v"}


class Daily:
    """Daily bars of a feed; those of a session that is not finished are left out."""

    def __init__(self, alpaca: Alpaca, feed: Feed, calendar: ExchangeCalendar, clock: Clock) -> None:
        self._alpaca, self._feed = alpaca, feed
        self._calendar, self._clock = calendar, clock

    def bars(self, symbol: str, first: date, last: date, adjustment: Adjustment) -> Mapping[date, Mapping[str, float]]:
        """Return open, high, low, close and volume of each session between two days, both included, ascending.

        Raises
        ------
        BrokerError
            Alpaca does not answer, or refuses.
        InvalidInput
            A price is none.
        """
        finished = self._calendar.last_closed(self._clock.now() - SETTLED)
        begin, end = (self._midnight(day) for day in (first, min(last, finished)))
        if begin > end:
            return {}
        asked = Asked(symbol=symbol, minutes=False, first=begin, last=end, adjustment=adjustment, feed=self._feed)
        return self._alpaca.bars(asked, partial(self._parsed, symbol))

    def _parsed(self, symbol: str, rows: Rows) -> Mapping[date, Mapping[str, float]]:
        found = {self._day(bar, symbol): _prices(bar, symbol) for bar in rows}
        if len(found) < len(rows):
            raise InvalidInput(f"Alpaca: {len(rows)} daily bars of {symbol} are of {len(found)} days")
        return found

    def _midnight(self, day: date) -> datetime:
        """Return the start of a daily bar."""
        return datetime.combine(day, time(), self._calendar.timezone)

    def _day(self, bar: Mapping[str, Any], symbol: str) -> date:
        try:
            day = self._calendar.local_date(datetime.fromisoformat(str(bar.get("t"))).astimezone(UTC))
        except ValueError as error:
            raise InvalidInput(f"Alpaca: daily bar of {symbol}: {error}") from error
        if not self._calendar.is_session(day):
            raise InvalidInput(f"Alpaca: daily bar of {symbol} on {day}, a day without session")
        return day


def _prices(bar: Mapping[str, Any], symbol: str) -> Mapping[str, float]:
    found = {name: _number(bar.get(field)) for name, field in PRICES.items()}
    for name, value in found.items():
        if not (math.isfinite(value) and (value > 0 or (name == "volume" and value == 0))):
            raise InvalidInput(f"Alpaca: {name} of {symbol}'s daily bar at {bar.get('t')} is {value:.10g}")
    return found


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else math.nan
