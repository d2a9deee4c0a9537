"""What the endpoints of Alpaca share."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TypedDict

from aiohttp import web
from quant_platform_kit.domain.sessions import ExchangeCalendar

from venue_sandbox.exchange.clock import VenueClock
from venue_sandbox.exchange.exchange import Exchange
from venue_sandbox.exchange.faults import VenueFaults
from venue_sandbox.exchange.orders import VenueOrder
from venue_sandbox.venues.alpaca.faults import StreamedBar
from venue_sandbox.venues.alpaca.tape import Bar, Split, Tape
from venue_sandbox.venues.http.connections import Connections
from venue_sandbox.venues.http.front import Refused, Venue
from venue_sandbox.venues.http.rate_limit import RateLimit

__all__ = ["LATE", "AccountFlags", "AlpacaVenue", "AssetFlags", "Plan", "instant", "text"]

LATE = timedelta(minutes=15)
"""How much later SIP prices come to whoever pays nothing."""
KEY, SECRET = "APCA-API-KEY-ID", "APCA-API-SECRET-KEY"
UNAUTHORIZED = 401, 40110000


@dataclass(frozen=True, slots=True)
class Plan:
    """Who may ask, and for what.

    Attributes
    ----------
    key, secret
        Of the first account; the key of every account is this one with the account's number behind a dash, too.
    paid
        Whether the subscription has SIP prices at once.
    page
        Most bars of one answer.
    """

    key: str
    secret: str
    paid: bool = False
    page: int = 10_000


class AccountFlags(TypedDict, total=False):
    """What an account says that is not usual."""

    status: str
    trading_blocked: bool
    account_blocked: bool
    trade_suspended_by_user: bool
    pattern_day_trader: bool
    daytrade_count: int
    multiplier: str


class AssetFlags(TypedDict, total=False):
    """What an asset says that is not usual."""

    status: str
    tradable: bool
    fractionable: bool


@dataclass(slots=True)
class AlpacaVenue:
    """A venue that has accounts, prices and a calendar.

    Attributes
    ----------
    closed
        Sessions that its calendar does not have.
    accounts, assets
        What is not usual of an account, or of a symbol.
    seldom
        Seconds by which a symbol's newest trade at IEX is older than that of all exchanges.
    shown
        Statuses under which orders are shown, whatever became of them, by client order id; None for the true one.
    bar_faults
        What goes wrong with a streamed bar, by symbol and start.
    stream_error
        Code and words with which a stream answers every login.
    mute
        Whether nothing is sent over streams, though they stay open.
    """

    front: Venue
    tape: Tape
    plan: Plan
    limit: RateLimit
    closed: set[date] = field(default_factory=set[date])
    accounts: dict[str, AccountFlags] = field(default_factory=dict[str, AccountFlags])
    assets: dict[str, AssetFlags] = field(default_factory=dict[str, AssetFlags])
    seldom: dict[str, float] = field(default_factory=dict[str, float])
    shown: dict[str, str | None] = field(default_factory=dict[str, str | None])
    bar_faults: dict[tuple[str, datetime], StreamedBar] = field(default_factory=dict[tuple[str, datetime], StreamedBar])
    stream_error: tuple[int, str] | None = None
    mute: bool = False

    @property
    def exchange(self) -> Exchange:
        """The exchange behind the wire."""
        return self.front.exchange

    @property
    def calendar(self) -> ExchangeCalendar:
        """The exchange's own calendar."""
        return self.exchange.hours.calendar

    @property
    def clock(self) -> VenueClock:
        """The venue's time."""
        return self.exchange.clock

    @property
    def faults(self) -> VenueFaults:
        """What goes wrong with requests, and how many came."""
        return self.front.faults

    @property
    def connections(self) -> Connections:
        """Those that have sent a request."""
        return self.front.connections

    def midnight(self, day: date) -> datetime:
        """Return when a day begins at the exchange, by which its bar is named."""
        return datetime.combine(day, time(), self.calendar.timezone).astimezone(UTC)

    def splits_of(self, symbol: str) -> list[Split]:
        """Return the splits of a symbol, those to come included."""
        book = self.exchange.book
        known = (*book.past_splits, *book.announced)
        return [Split(each.session, float(each.ratio)) for each in known if each.symbol == symbol]

    def days_of(self, symbol: str) -> list[Bar]:
        """Return the daily bars of a symbol, a price that was set for a session as its close."""
        series = self.exchange.market.series.get(symbol)
        if symbol not in self.tape.days and series is not None:
            self.tape.add_days(symbol, series, self.calendar)
        bars, book = self.tape.days.get(symbol, []), self.exchange.book
        closes = {day: price for (named, day), price in book.set_prices.items() if named == symbol}
        if not closes:
            return bars
        ratio = float(book.split_ratio(symbol))
        return [bar.closing_at(float(closes[bar.day]) * ratio) if bar.day in closes else bar for bar in bars]

    def find_account(self, request: web.Request) -> str | None:
        """Return the account of a request's keys; None if they are wrong."""
        return self.account_behind(request.headers.get(KEY, ""), request.headers.get(SECRET, ""))

    def account_behind(self, key: str, secret: str) -> str | None:
        """Return the account of a key; None if it is wrong."""
        if secret != self.plan.secret:
            return None
        first = next(iter(self.exchange.book.accounts))
        named = {self.plan.key: first} | {f"{self.plan.key}-{name}": name for name in self.exchange.book.accounts}
        return named.get(key)

    def account_of(self, request: web.Request) -> str:
        """Return the account of a request's keys; `Refused` if they are wrong."""
        account = self.find_account(request)
        if account is None:
            raise Refused(UNAUTHORIZED[0], "request is not authorized", UNAUTHORIZED[1])
        return account

    def id_of(self, kind: str, name: object) -> str:
        """Return the id by which an account, an asset, an order or a fill is called."""
        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self.exchange.book.seed}/{kind}/{name}"))

    def order_id(self, order: VenueOrder) -> str:
        """Return the id of an order."""
        return self.id_of("order", order.number)


def text(value: Decimal) -> str:
    """Return an amount as documents about trading have it: a text."""
    return f"{value.normalize():f}"


def instant(at: datetime) -> str:
    """Return an instant as documents have it."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
