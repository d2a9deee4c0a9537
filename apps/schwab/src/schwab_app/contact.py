"""What a first contact learns of a login at Schwab."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from quant_platform_kit.adapters.documents import instant, mapping, mappings, text
from quant_platform_kit.domain.errors import BrokerError
from quant_platform_kit.domain.sessions import ExchangeCalendar, SessionHours
from quant_platform_kit.domain.strategy import Adjustment
from quant_platform_kit.ports.clock import Clock
from quant_platform_kit.ports.contact_source import AccountFacts, Instrument, Limits, LoginFacts
from quant_platform_kit.ports.market_data import MarketData

from schwab_app.connection import Connection, good
from schwab_app.mapping import account_facts
from schwab_app.pacing import PER_MINUTE
from schwab_app.tokens import LOGIN_AGAIN, ends_at

__all__ = ["SchwabContact", "regular_hours"]

MOST_DAYS = 2
"""Each day's hours are a call of their own: today, and the next session."""


class SchwabContact:
    """`ContactSource` of an account behind a login.

    Parameters
    ----------
    clock
        Says for which day hours are asked.
    """

    library = "schwab-py"
    adjustment = Adjustment.SPLIT

    def __init__(
        self, connection: Connection, account_id: str, market: MarketData, clock: Clock, calendar: ExchangeCalendar
    ) -> None:
        self._connection, self._account_id = connection, account_id
        self._clock, self._calendar = clock, calendar
        self.market = market
        self._before = 0
        self._today: tuple[date, SessionHours | None] | None = None

    @property
    def calls(self) -> int:
        """Requests since the login."""
        return self._connection.calls - self._before

    def whose(self) -> str:
        """Return the accounts behind the login."""
        return ", ".join(self._connection.accounts)

    def login(self) -> LoginFacts:
        """Return the accounts behind the login, and when its refresh token ends."""
        self._before = self._connection.calls
        accounts, ends = self._connection.accounts, ends_at(self._connection.login.tokens.read())
        return LoginFacts(self.whose(), accounts, ends, LOGIN_AGAIN)

    def now(self) -> datetime | None:
        """Return what the header of an answer says; the answer itself, today's hours, is kept for `hours`."""
        today = self._calendar.local_date(self._clock.now())
        response, hours = self._asked_hours(today)
        self._today = (today, hours)
        try:
            return parsedate_to_datetime(response.headers.get("Date", "")).astimezone(UTC)
        except ValueError:
            return None

    def facts(self) -> AccountFacts:
        """Return whether the account may open positions."""
        return account_facts(self._connection.told.get(self._account_id, {}))

    def instruments(self, symbols: Sequence[str]) -> Mapping[str, Instrument] | None:
        """Return the instruments that Schwab lists; it says nothing of lots, parts, and what may be traded."""

        def ask(client: Any) -> Any:
            return client.get_instruments(list(symbols), client.Instrument.Projection.SYMBOL_SEARCH)

        document = mapping(self._asked(ask, "instruments").json(), "Schwab's instruments")
        listed = mappings(document.get("instruments"), "instruments")
        names = [text(each.get("symbol"), "an instrument's symbol") for each in listed]
        return {name: Instrument(name, "USD") for name in names if name in symbols}

    def hours(self, days: Sequence[date]) -> Mapping[date, SessionHours | None] | None:
        """Return the hours of today, and of the first session after it."""
        found = dict([self._today]) if self._today else {}
        for day in [day for day in days if day not in found and self._calendar.is_session(day)][: MOST_DAYS - 1]:
            found[day] = self._asked_hours(day)[1]
        return found

    def limits(self) -> Limits:
        """Return what Schwab takes."""
        return Limits("120 orders a minute from an account, and 120 questions about prices", PER_MINUTE)

    def _asked_hours(self, day: date) -> tuple[Any, SessionHours | None]:
        """Return an answer about the hours of a day, and the hours; None for a closed day."""

        def ask(client: Any) -> Any:
            return client.get_market_hours(client.MarketHours.Market.EQUITY, date=day)

        response = self._asked(ask, "hours")
        return response, regular_hours(mapping(response.json(), "Schwab's market hours"), day)

    def _asked(self, question: Callable[[Any], Any], what: str) -> Any:
        """Return a good answer to a question about the market."""
        self._connection.prices.take()
        with self._connection.turn(what) as deadline:
            response = good(self._connection.look(question, what, deadline), what)
        if "json" not in response.headers.get("Content-Type", ""):
            raise BrokerError(f"Schwab answered {what} with something that is no JSON")
        return response


def regular_hours(document: Mapping[str, Any], day: date) -> SessionHours | None:
    """Return the regular hours of the market for shares; None for a closed day, `BrokerError` if neither is told."""
    products = mapping(document.get("equity"), "the market for shares")
    for product in products.values():
        told = mapping(product, "a market")
        if told.get("isOpen") is False:
            return None
        spans = mappings(mapping(told.get("sessionHours"), "sessionHours").get("regularMarket"), "regularMarket")
        if told.get("isOpen") is True and len(spans) == 1:
            opens, closes = (instant(spans[0].get(name), f"the {name} of {day}") for name in ("start", "end"))
            return SessionHours(opens, closes)
    raise BrokerError(f"Schwab does not tell the hours of {day}")
