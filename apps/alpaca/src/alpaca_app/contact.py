"""What a first contact learns of a key at Alpaca."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Any

from quant_platform_kit.adapters.documents import instant, mapping, mappings
from quant_platform_kit.domain.errors import BrokerError
from quant_platform_kit.domain.sessions import ExchangeCalendar, SessionHours
from quant_platform_kit.domain.strategy import Adjustment
from quant_platform_kit.ports.contact_source import AccountFacts, Instrument, Limits, LoginFacts
from quant_platform_kit.ports.market_data import MarketData

from alpaca_app.assets import Assets
from alpaca_app.connection import Connection
from alpaca_app.mapping import why_not_traded
from alpaca_app.pacing import PER_MINUTE

__all__ = ["AlpacaContact", "regular_hours"]

RENEWAL = "a key lasts until it is made anew or revoked at Alpaca, and nothing tells when"
OF_AN_ORDER = 3
"""Requests that an order takes: it is sent, and looked for among orders and fills."""


class AlpacaContact:
    """`ContactSource` of an account; calls are the library's requests over both connections."""

    library = "alpaca-py"

    def __init__(
        self,
        trading: Connection,
        data: Connection,
        name: str,
        market: MarketData,
        adjustment: Adjustment,
        calendar: ExchangeCalendar,
    ) -> None:
        self._trading, self._data, self._name, self._calendar = trading, data, name, calendar
        self.market, self.adjustment = market, adjustment
        self._before = 0

    @property
    def calls(self) -> int:
        """Requests since the login."""
        return self._trading.calls + self._data.calls - self._before

    def whose(self) -> str:
        """Return the account that the key is of."""
        return self._name

    def login(self) -> LoginFacts:
        """Return whose the key is."""
        self._before += self.calls
        return LoginFacts(self._name, (self._name,), renewal=RENEWAL)

    def now(self) -> datetime | None:
        """Return the time that Alpaca tells."""
        with self._trading.turn("the time") as deadline:
            told = self._trading.look(lambda client: client.get_clock(), "the time", deadline)
        return instant(mapping(told, "Alpaca's clock").get("timestamp"), "timestamp")

    def facts(self) -> AccountFacts:
        """Return nothing: an account that may not trade ends the login, and its document does not tell whose it is."""
        return AccountFacts()

    def instruments(self, symbols: Sequence[str]) -> Mapping[str, Instrument] | None:
        """Return what may be traded, and in parts; an order of shares has no lot."""
        assets, found = Assets(self._trading), dict[str, Instrument]()
        for symbol in symbols:
            with self._trading.turn("assets") as deadline:
                asset = assets.of(symbol, deadline)
            if asset is not None:
                parts = asset.get("fractionable") is True
                found[symbol] = Instrument(symbol, "USD", not why_not_traded(asset), parts)
        return found

    def hours(self, days: Sequence[date]) -> Mapping[date, SessionHours | None] | None:
        """Return regular hours by Alpaca's calendar; a day that it does not have is closed."""
        fields = {"start": min(days).isoformat(), "end": max(days).isoformat()}
        with self._trading.turn("the calendar") as deadline:
            told = self._trading.look(lambda client: client.get("/calendar", fields), "the calendar", deadline)
        named = {str(each.get("date")): each for each in mappings(told, "Alpaca's calendar")}
        return {day: regular_hours(named.get(str(day)), day, self._calendar) for day in days}

    def limits(self) -> Limits:
        """Return what Alpaca takes."""
        return Limits("200 requests a minute", PER_MINUTE / OF_AN_ORDER)


def regular_hours(entry: Mapping[str, Any] | None, day: date, calendar: ExchangeCalendar) -> SessionHours | None:
    """Return the hours of an entry of the calendar; None for no entry, `BrokerError` for one that cannot be read."""
    if entry is None:
        return None
    return SessionHours(*(_at(entry, name, day, calendar) for name in ("open", "close")))


def _at(entry: Mapping[str, Any], name: str, day: date, calendar: ExchangeCalendar) -> datetime:
    told = entry.get(name)
    try:
        return datetime.combine(day, time.fromisoformat(str(told)), calendar.timezone).astimezone(UTC)
    except ValueError:
        raise BrokerError(f"the {name} of {day} is {told!r:.60}, no time of day") from None
