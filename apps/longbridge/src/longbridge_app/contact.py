"""What a first contact learns of an access token at LongBridge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal

from quant_platform_kit.adapters.longbridge_inputs import market_symbol, plain_symbol
from quant_platform_kit.domain.sessions import ExchangeCalendar, SessionHours
from quant_platform_kit.domain.strategy import Adjustment
from quant_platform_kit.ports.contact_source import AccountFacts, Instrument, Limits, LoginFacts
from quant_platform_kit.ports.market_data import MarketData

from longbridge_app.beliefs import DAYS, INSTRUMENT
from longbridge_app.pacing import CALLS
from longbridge_app.rows import Instrument as Row
from longbridge_app.rows import TradingDays
from longbridge_app.worker import Worker, member_of

__all__ = ["LongBridgeContact"]

RENEWAL = "an access token lasts as long as was chosen when it was made, 90 days at most; nothing tells when it ends"
MARKET = "US"
OPEN, REGULAR_CLOSE, HALF_CLOSE = time(9, 30), time(16), time(13)
WINDOW_SECONDS = 30


class LongBridgeContact:
    """`ContactSource` of an account; calls are the library's requests over both connections."""

    def __init__(
        self, trade: Worker, quote: Worker, market: MarketData, adjustment: Adjustment, calendar: ExchangeCalendar
    ) -> None:
        self._trade, self._quote, self._calendar = trade, quote, calendar
        self.market, self.adjustment = market, adjustment
        self._before = 0

    @property
    def library(self) -> str:
        """The library that is installed."""
        return self._trade.credentials.library

    @property
    def calls(self) -> int:
        """Requests since the login."""
        return self._trade.calls + self._quote.calls - self._before

    def whose(self) -> str:
        """Return whose the token is; the library was told so when it logged in."""
        return f"member {member_of(self._quote)}"

    def login(self) -> LoginFacts:
        """Return whose the token is; which account it is for, LongBridge tells nobody."""
        name = self.whose()
        self._before += self.calls
        return LoginFacts(name, renewal=RENEWAL)

    def now(self) -> datetime | None:
        """Return None: the library tells no time of the server."""
        return None

    def facts(self) -> AccountFacts:
        """Return nothing: the library tells nothing of the account but its figures."""
        return AccountFacts()

    def instruments(self, symbols: Sequence[str]) -> Mapping[str, Instrument] | None:
        """Return lots and currencies; whether parts may be traded is not told."""
        wanted = [*map(market_symbol, symbols)]
        with self._quote.turn("instruments") as deadline:
            rows: Sequence[Row] = self._quote.rows(
                INSTRUMENT, "instruments", wanted, what="instruments", deadline=deadline
            )
        named = {plain_symbol(row.symbol): row for row in rows}
        return {name: Instrument(name, row.currency, lot=Decimal(row.lot_size)) for name, row in named.items()}

    def hours(self, days: Sequence[date]) -> Mapping[date, SessionHours | None] | None:
        """Return sessions by the list of trading days; of half days only that they close early is told, not when."""
        with self._quote.turn("trading days") as deadline:
            span = min(days), max(days)
            told = self._quote.look("trading_days", MARKET, *span, what="trading days", deadline=deadline)
            self._quote.seen.take(DAYS.subject, told)
        return {day: self._hours(day, told) for day in days if not (day in told.half and self._has_half(day))}

    def limits(self) -> Limits:
        """Return what LongBridge takes; an order takes one call to be sent, and one to learn what it cost."""
        stated = f"{CALLS} calls about orders and the account in {WINDOW_SECONDS} s, 10 questions about prices a second"
        return Limits(stated, CALLS * 60 / WINDOW_SECONDS / 2)

    def _has_half(self, day: date) -> bool:
        """Whether our calendar too has a day that closes early."""
        calendar = self._calendar
        return calendar.is_session(day) and calendar.hours(day).close < self._at(day, REGULAR_CLOSE)

    def _hours(self, day: date, told: TradingDays) -> SessionHours | None:
        """Return the hours of a day, None for a closed one; a half day ends when those of the exchange usually do."""
        if day in (*told.whole, *told.half):
            return SessionHours(self._at(day, OPEN), self._at(day, HALF_CLOSE if day in told.half else REGULAR_CLOSE))
        return None

    def _at(self, day: date, at: time) -> datetime:
        return datetime.combine(day, at, self._calendar.timezone).astimezone(UTC)
