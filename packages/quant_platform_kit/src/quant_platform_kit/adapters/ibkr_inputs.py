"""IBKR runtime inputs: what the TWS API delivers, in the terms of the kit.

Pure functions without a client library: ``ib_async`` and ``ib_insync`` have the attributes named in the Protocols here.
Derived indicators need nothing of their own: they are computed from the history, as on every platform.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Protocol

import numpy as np

from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.portfolio import AccountState, Quote, quotable, quote_price, told_close
from quant_platform_kit.domain.prices import PriceHistory, PriceTable
from quant_platform_kit.domain.sessions import ExchangeCalendar

__all__ = [
    "AccountRow",
    "Bar",
    "Contract",
    "PositionRow",
    "Ticker",
    "account_state",
    "duration",
    "price_history",
    "quote",
]

BASE = "BASE"
"""The currency of the API's sum over all currencies, converted."""
STOCK, CURRENCY = "STK", "USD"
LONGEST_IN_DAYS, DAYS_A_YEAR, SESSIONS_A_YEAR = 365, 365, 250
LONGEST_CLOSURE = timedelta(days=8)


class Bar(Protocol):
    """A daily bar."""

    @property
    def date(self) -> date | datetime | str: ...  # noqa: D102
    @property
    def close(self) -> float: ...  # noqa: D102


class Contract(Protocol):
    """An instrument."""

    @property
    def symbol(self) -> str: ...  # noqa: D102
    @property
    def secType(self) -> str: ...  # noqa: D102
    @property
    def localSymbol(self) -> str: ...  # noqa: D102
    @property
    def currency(self) -> str: ...  # noqa: D102


class AccountRow(Protocol):
    """One value of an account, as text."""

    @property
    def account(self) -> str: ...  # noqa: D102
    @property
    def tag(self) -> str: ...  # noqa: D102
    @property
    def value(self) -> str: ...  # noqa: D102
    @property
    def currency(self) -> str: ...  # noqa: D102


class PositionRow(Protocol):
    """One holding."""

    @property
    def account(self) -> str: ...  # noqa: D102
    @property
    def contract(self) -> Contract: ...  # noqa: D102
    @property
    def position(self) -> float: ...  # noqa: D102


class Ticker(Protocol):
    """A snapshot; NaN and -1 mean that there is no price. ``ib_insync`` has no time of the last trade."""

    @property
    def contract(self) -> Any: ...  # noqa: D102
    @property
    def time(self) -> datetime | None: ...  # noqa: D102
    @property
    def last(self) -> float: ...  # noqa: D102
    @property
    def bid(self) -> float: ...  # noqa: D102
    @property
    def ask(self) -> float: ...  # noqa: D102


def duration(sessions: int) -> str:
    """Return the TWS duration that reaches back from now over so many sessions, however they lie.

    Days are counted as calendar days, of which the API takes 365 at most; then it wants years.
    """
    days = math.ceil(sessions * DAYS_A_YEAR / SESSIONS_A_YEAR) + LONGEST_CLOSURE.days
    return f"{days} D" if days <= LONGEST_IN_DAYS else f"{math.ceil(days / DAYS_A_YEAR)} Y"


def price_history(
    bars: Mapping[str, Sequence[Bar]],
    symbols: Sequence[str],
    until: date,
    sessions: int,
    calendar: ExchangeCalendar,
) -> PriceHistory:
    """Return the closes of the last ``sessions`` sessions up to and including ``until``.

    Parameters
    ----------
    bars
        Daily bars by symbol, in any order. Those after ``until`` are unfinished and left out; a symbol or session
        without one is NaN.

    Raises
    ------
    InvalidInput
        A bar on a day that is no session, two bars of one day, a date that cannot be read, a price not positive.
    """
    rows = calendar.between(calendar.table.first, until)[-sessions:]
    number = {day: row for row, day in enumerate(rows)}
    closes = np.full((len(rows), len(symbols)), np.nan)
    for column, symbol in enumerate(symbols):
        for day, close in _daily(symbol, bars.get(symbol, ()), until, calendar).items():
            if day in number:
                closes[number[day], column] = close
    return PriceHistory(PriceTable(np.array(rows, dtype="datetime64[D]"), symbols, {"close": closes}))


def _daily(symbol: str, bars: Iterable[Bar], until: date, calendar: ExchangeCalendar) -> dict[date, float]:
    found: dict[date, float] = {}
    for bar in bars:
        day = _day(symbol, bar.date, calendar)
        if day > until:
            continue
        if not calendar.is_session(day):
            raise InvalidInput(
                f"IBKR delivered a bar of {symbol} on {day}, which is not a session of {calendar.name}; "
                "ask for daily bars in regular trading hours"
            )
        if day in found:
            raise InvalidInput(f"IBKR delivered two bars of {symbol} on {day}; ask for daily bars once")
        found[day] = float(bar.close)
    return found


def _day(symbol: str, given: date | datetime | str, calendar: ExchangeCalendar) -> date:
    if isinstance(given, datetime):
        return given.date() if given.tzinfo is None else calendar.local_date(given)
    if isinstance(given, date):
        return given
    try:
        return datetime.strptime(given, "%Y%m%d").replace(tzinfo=UTC).date()
    except ValueError:
        raise InvalidInput(f"IBKR delivered a bar of {symbol} dated {given!r}; a daily bar has YYYYMMDD") from None


def account_state(account_id: str, values: Iterable[AccountRow], positions: Iterable[PositionRow]) -> AccountState:
    """Return an account's cash by currency and units, without those of other accounts behind the login.

    Stocks in USD stand under their symbol, those in another currency under symbol and currency, all else under its
    local symbol: no strategy manages the latter two.

    Raises
    ------
    InvalidInput
        Cash was not delivered, or an amount is no number.
    """
    cash: dict[str, Decimal] = {}
    buying_power: Decimal | None = None
    for row in values:
        if row.account != account_id:
            continue
        if row.tag == "CashBalance" and row.currency != BASE:
            cash[row.currency] = _amount(account_id, row)
        elif row.tag == "BuyingPower":
            buying_power = _amount(account_id, row)
    if not cash:
        raise InvalidInput(
            f"account {account_id}: the Gateway delivered no CashBalance; check that the login may see this account, "
            "and that the Gateway is connected to IBKR, then run again"
        )
    held: dict[str, Decimal] = {}
    for holding in positions:
        if holding.account == account_id and holding.position:
            name = _name(holding.contract)
            held[name] = held.get(name, Decimal(0)) + _exact(holding.position)
    return AccountState(account_id, cash, {name: units for name, units in held.items() if units}, buying_power)


def _amount(account_id: str, row: AccountRow) -> Decimal:
    try:
        amount = Decimal(row.value)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite():
        raise InvalidInput(f"account {account_id}: {row.tag} {row.currency} is {row.value!r}, not a number; run again")
    return amount


def _name(contract: Contract) -> str:
    if contract.secType != STOCK:
        return contract.localSymbol or f"{contract.symbol} {contract.secType}"
    return contract.symbol if contract.currency == CURRENCY else f"{contract.symbol}.{contract.currency}"


def _exact(units: float) -> Decimal:
    """Return the shortest decimal number that is the float, whole ones without decimals."""
    exact = Decimal(str(units))
    whole = exact.to_integral_value()
    return whole if exact == whole else exact


def quote(ticker: Ticker, now: datetime) -> Quote | None:
    """Return the last price, else the middle of bid and ask, and when it was made; None without either.

    The ticker's ``close`` is the previous session's and never a quote; -1 is none.

    Parameters
    ----------
    now
        For a ticker that bears no time, aware UTC.
    """
    price = _price(ticker)
    if price is None:
        return None
    made = getattr(ticker, "lastTimestamp", None) or getattr(ticker, "delayedLastTimestamp", None) or ticker.time or now
    as_of = made.replace(tzinfo=UTC) if made.tzinfo is None else made.astimezone(UTC)
    return Quote(ticker.contract.symbol, quote_price(price), as_of, told_close(getattr(ticker, "close", None)))


def _price(ticker: Ticker) -> float | None:
    last, bid, ask = float(ticker.last), float(ticker.bid), float(ticker.ask)
    for price in (last, (bid + ask) / 2 if bid > 0 and ask > 0 else math.nan):
        if math.isfinite(price) and quotable(price):
            return price
    return None
