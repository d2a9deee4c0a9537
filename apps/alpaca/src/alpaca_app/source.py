"""Alpaca as a source of the playbook: what is kept is read, the rest is asked for and kept once it is whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from itertools import takewhile

import numpy as np
from loguru import logger
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.strategy import Adjustment
from quant_platform_kit.ports.clock import Clock
from trading_playbook.days import TradingDay
from trading_playbook.dp20.bars import FloatArray, SessionBars
from trading_playbook.sources.installed import Feed, Wanted
from trading_playbook.sources.usage import Usage

from alpaca_app.api import Alpaca, Asked
from alpaca_app.cache import SessionCache
from alpaca_app.calendar_check import differences
from alpaca_app.daily import Daily
from alpaca_app.hours import is_whole
from alpaca_app.minutes import BAR_MINUTES, sessions_of
from alpaca_app.split_basis import closes_on_basis
from alpaca_app.transport import TooRecent

__all__ = ["AlpacaSource"]

TOGETHER = 10
"""Sessions in one question: about a page of bars."""
DAYS_BEFORE = 1500
"""Calendar days that have 1,000 sessions, and a few more: no mean takes more closes."""
TOO_RECENT = timedelta(minutes=15)
_ONE_MINUTE = timedelta(minutes=1)

Closes = Mapping[date, float]


class AlpacaSource:
    """Minute bars and closes of one symbol; see `trading_playbook.sources.port.BarSource`.

    Minute bars are as they were traded. Sessions that are asked for next are fetched together with one that is missing.
    """

    bar_minutes = BAR_MINUTES

    def __init__(self, alpaca: Alpaca, cache: SessionCache, wanted: Wanted, feed: Feed, clock: Clock) -> None:
        self.symbol = wanted.symbol
        self._alpaca, self._cache, self._wanted, self._feed, self._clock = alpaca, cache, wanted, feed, clock
        self._calendar = wanted.calendar
        self._held: dict[date, SessionBars] = {}
        self._closes: tuple[Closes, Closes] | None = None

    @property
    def usage(self) -> Usage:
        """Requests and look-ups in the cache so far."""
        return self._alpaca.usage

    def bars(self, day: TradingDay) -> SessionBars:
        """Return the bars of a session; see `BarSource.bars`."""
        if day.date not in self._held:
            kept = self._cache.bars(day)
            self._held |= self._fetched(day) if kept is None else {day.date: kept}
        return self._held[day.date]

    def check(self) -> None:
        """Ask for daily closes and the calendar; see `BarSource.check`."""
        self._daily(self._calendar.local_date(self._clock.now()))

    def closes(self, days: Sequence[date], session: date) -> FloatArray:
        """Return closes in a session's own units; see `BarSource.closes`."""
        kept = self._cache.closes(session)
        if kept is not None and kept.keys() >= set(days):
            return np.array([kept[day] for day in days], dtype=np.float64)
        raw, split = self._daily(session)
        closes = closes_on_basis(raw, split, days, session)
        if session in raw and session in split and not np.isnan(closes).any():
            self._cache.keep_closes(session, days, closes)
        return closes

    def _fetched(self, day: TradingDay) -> Mapping[date, SessionBars]:
        """Return the bars of a session and of some after it, which are kept if they are whole."""
        self._daily(day.date)  # a symbol that is not known ends here, and nothing of it is kept
        days = self._together(day)
        found = self._asked(days)
        fetched = {each.date: found.get(each.date, SessionBars.none(BAR_MINUTES)) for each in days}
        now = self._clock.now()
        for each in days:
            if is_whole(each, fetched[each.date], self._calendar, now):
                self._cache.keep_bars(each, fetched[each.date])
        return fetched

    def _together(self, day: TradingDay) -> list[TradingDay]:
        """Return a session and those to be fetched with it: finished ones that nobody has kept."""
        later = [each for each in self._wanted.days if each.date > day.date]
        wanted = takewhile(lambda each: self._is_past(each) and not self._cache.has_bars(each.date), later)
        return [day, *wanted][:TOGETHER] if self._is_past(day) else [day]

    def _is_past(self, day: TradingDay) -> bool:
        return is_whole(day, SessionBars.none(BAR_MINUTES), self._calendar, self._clock.now())

    def _asked(self, days: Sequence[TradingDay]) -> Mapping[date, SessionBars]:
        """Ask for the bars of sessions that follow one another."""
        asked = Asked(
            symbol=self.symbol,
            minutes=True,
            first=self._calendar.hours(days[0].date).open,
            last=self._calendar.hours(days[-1].date).close - _ONE_MINUTE,
            adjustment=Adjustment.RAW,
            feed=self._feed,
        )
        try:
            return self._alpaca.bars(asked, lambda rows: sessions_of(rows, asked, self._calendar))
        except TooRecent as error:
            until = (self._clock.now() - TOO_RECENT).astimezone(self._calendar.timezone)
            raise TooRecent(f"SIP bars before {until:%H:%M} only, or --feed iex ({error})") from error

    def _daily(self, session: date) -> tuple[Closes, Closes]:
        """Return closes as they were traded, and adjusted for splits, from long before a session up to now."""
        if self._closes is None:
            days = [session, *(day.date for day in self._wanted.days)]
            self._closes = self._asked_closes(min(days) - timedelta(days=DAYS_BEFORE))
            for text in differences(self._alpaca, min(days), max(days), self._calendar):
                logger.warning("{}", text)
        return self._closes

    def _asked_closes(self, first: date) -> tuple[Closes, Closes]:
        daily = Daily(self._alpaca, self._feed, self._calendar, self._clock)
        today = self._calendar.local_date(self._clock.now())
        raw, split = (
            {day: bar["close"] for day, bar in daily.bars(self.symbol, first, today, adjustment).items()}
            for adjustment in (Adjustment.RAW, Adjustment.SPLIT)
        )
        if not raw:
            raise InvalidInput(f"Alpaca has no bars of {self.symbol} since {first}; is it the symbol of a US stock?")
        return raw, split
