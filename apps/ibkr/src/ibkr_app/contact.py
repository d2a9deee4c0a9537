"""What a first contact learns of a login at the Gateway."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from quant_platform_kit.domain.errors import BrokerError
from quant_platform_kit.domain.sessions import ExchangeCalendar, SessionHours
from quant_platform_kit.domain.strategy import Adjustment
from quant_platform_kit.ports.contact_source import AccountFacts, Instrument, Limits, LoginFacts
from quant_platform_kit.ports.market_data import MarketData

from ibkr_app.connection import MOST_REQUESTS, Connection
from ibkr_app.contracts import Contracts
from ibkr_app.sdk import installed_library

__all__ = ["IbkrContact", "trading_hours"]

RENEWAL = (
    "the Gateway restarts every night, and asks for the second factor on Sundays; no interface tells when a login ends"
)
RETIREMENT = "IRA"
AT_ONCE = 20
"""Descriptions that are asked for side by side."""


class IbkrContact:
    """`ContactSource` of an account behind a login; calls are the messages that the library sent."""

    def __init__(
        self,
        connection: Connection,
        account_id: str,
        contracts: Contracts,
        market: MarketData,
        adjustment: Adjustment,
        calendar: ExchangeCalendar,
    ) -> None:
        self._connection, self._contracts, self._calendar = connection, contracts, calendar
        self._account_id = account_id
        self.market, self.adjustment = market, adjustment
        self._before = 0
        self._details: dict[str, Any] = {}

    @property
    def library(self) -> str:
        """The library that is installed."""
        return installed_library()

    @property
    def calls(self) -> int:
        """Messages since the login."""
        return self._sent() - self._before

    def whose(self) -> str:
        """Return our number at the Gateway, and the accounts behind its login."""
        return f"client id {self._connection.address.client_id} of {', '.join(self._connection.accounts)}"

    def login(self) -> LoginFacts:
        """Return the accounts behind the login."""
        self._before = self._sent()
        return LoginFacts(self.whose(), self._connection.accounts, renewal=RENEWAL)

    def now(self) -> datetime | None:
        """Return the Gateway's time."""

        async def fetch(ib: Any) -> datetime:
            return await ib.reqCurrentTimeAsync()

        shown = self._connection.ask(fetch, "the time")
        return shown.replace(tzinfo=UTC) if shown.tzinfo is None else shown

    def facts(self) -> AccountFacts:
        """Return who holds the account, in the Gateway's word; one for retirement is an IRA."""
        rows = self._connection.do(lambda ib: ib.accountValues(self._account_id), "the account")
        kind = next((str(row.value) for row in rows if row.tag == "AccountType"), "")
        return AccountFacts(kind, kind.upper().startswith(RETIREMENT) if kind else None)

    def instruments(self, symbols: Sequence[str]) -> Mapping[str, Instrument] | None:
        """Return the instruments that are known by their symbol alone; the market asks for them no more."""
        self._describe(symbols)
        return {symbol: _instrument(symbol, details) for symbol, details in self._details.items()}

    def hours(self, days: Sequence[date]) -> Mapping[date, SessionHours | None] | None:
        """Return the hours in the description of the first symbol; no call is made for them."""
        told = next((details for details in self._details.values() if details.liquidHours), None)
        if told is None:
            return None
        found = trading_hours(str(told.liquidHours), str(told.timeZoneId), self._calendar)
        return {day: found[day] for day in days if day in found}

    def limits(self) -> Limits:
        """Return what the Gateway takes."""
        stated = f"{MOST_REQUESTS} messages a second, 50 histories side by side, 100 subscriptions to quotes"
        return Limits(stated, MOST_REQUESTS * 60)

    def _describe(self, symbols: Sequence[str]) -> None:
        """Ask for the descriptions of symbols."""
        stock = self._connection.sdk.Stock

        async def fetch(ib: Any, chunk: Sequence[str]) -> list[Any]:
            asked = (ib.reqContractDetailsAsync(stock(symbol, "SMART", "USD")) for symbol in chunk)
            return await asyncio.gather(*asked)

        for start in range(0, len(symbols), AT_ONCE):
            chunk = symbols[start : start + AT_ONCE]
            answers = self._connection.ask(lambda ib, chunk=chunk: fetch(ib, chunk), "what instruments it knows")
            alone = {symbol: found[0] for symbol, found in zip(chunk, answers, strict=True) if len(found or ()) == 1}
            self._details |= alone
        for details in self._details.values():
            details.contract.exchange = "SMART"
        self._contracts.learn({symbol: details.contract for symbol, details in self._details.items()})

    def _sent(self) -> int:
        return int(self._connection.do(lambda ib: ib.client.connectionStats().numMsgSent, "its messages"))


def _instrument(symbol: str, details: Any) -> Instrument:
    """Return what a description says; lots below one are no lots, and say nothing of what the interface takes."""
    smart = "SMART" in str(details.validExchanges).split(",")
    least = Decimal(str(details.minSize))
    return Instrument(
        symbol, str(details.contract.currency), smart, lot=least if least.is_finite() and least >= 1 else None
    )


def trading_hours(text: str, zone: str, calendar: ExchangeCalendar) -> dict[date, SessionHours | None]:
    """Read ``20230602:0930-20230602:1600;20230603:CLOSED``; a day with a break has its first and its last instant.

    Parameters
    ----------
    zone
        As the Gateway names it, such as ``US/Eastern``; the calendar's where nobody knows that.

    Raises
    ------
    BrokerError
        It is written otherwise.
    """
    try:
        timezone = ZoneInfo(zone.partition(" ")[0])
    except (ZoneInfoNotFoundError, ValueError):
        timezone = calendar.timezone
    found: dict[date, SessionHours | None] = {}
    try:
        for part in filter(None, text.split(";")):
            begins, _, ends = part.partition("-")
            if ends:
                opens, closes = (
                    datetime.strptime(at, "%Y%m%d:%H%M").replace(tzinfo=timezone).astimezone(UTC)
                    for at in (begins, ends)
                )
                day, before = calendar.local_date(opens), found.get(calendar.local_date(opens))
                found[day] = SessionHours(before.open if before else opens, closes)
            else:
                day, _, word = begins.partition(":")
                if word != "CLOSED":
                    raise ValueError(part)
                found[datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC).date()] = None
    except ValueError as error:
        raise BrokerError(f"the Gateway's hours cannot be read: {text[:60]!r}") from error
    return found
