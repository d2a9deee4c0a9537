"""IBKR runtime inputs: what the TWS API delivers, in the terms of the kit.

Pure functions without a client library: ``ib_async`` and ``ib_insync`` have the attributes named in the Protocols here.
Derived indicators need nothing of their own: they are computed from the history, as on every platform.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol, cast

import numpy as np

from quant_platform_kit.adapters.documents import number, text
from quant_platform_kit.domain.errors import BrokerError, InvalidInput
from quant_platform_kit.domain.portfolio import (
    AccountState,
    AccountType,
    Balance,
    Quote,
    quotable,
    quote_price,
    told_close,
)
from quant_platform_kit.domain.prices import PriceHistory, PriceTable
from quant_platform_kit.domain.sessions import ExchangeCalendar

__all__ = [
    "CASH_TAGS",
    "FUND_TAGS",
    "FUTURES",
    "GROSS",
    "WORTH_TAGS",
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


CASH_TAGS = ("TotalCashBalance", "CashBalance")
"""Where cash is told by currency; the second is wrong where deposits are swept, and serves without the first."""
STOCKS, GROSS = "StockMarketValue", "GrossPositionValue"
WORTH_TAGS = (
    *(STOCKS, "OptionMarketValue", "FutureOptionValue", "CorporateBondValue", "TBondValue", "TBillValue"),
    *("WarrantValue", "IssuerOptionValue", "Cryptocurrency", "AccruedCash", "NetDividend"),
)
"""What the broker adds to cash for its total, funds apart."""
FUTURES = "FuturesPNL"
"""Futures since their last settlement: all cash totals hold it already, and only ``CashBalance`` does not."""
_TYPES = {"CASH": AccountType.CASH, "MARGIN": AccountType.MARGIN}


def account_state(account_id: str, values: Iterable[AccountRow], positions: Iterable[PositionRow]) -> AccountState:
    """Return an account's cash by currency and units, without those of other accounts behind the login.

    Stocks in USD stand under their symbol, those in another currency under symbol and currency, all else under its
    local symbol: no strategy manages the latter two.

    Raises
    ------
    BrokerError
        Cash was not delivered, or an amount is no number.
    """
    rows = _Rows(account_id, values)
    tags = rows.cash_tags()
    if not tags:
        raise BrokerError(
            f"account {account_id}: the Gateway delivered no CashBalance; check that the login may see this account, "
            "and that the Gateway is connected to IBKR, then run again"
        )
    cash = {currency: rows.needed(tag, currency) for currency, tag in tags.items()}
    held: dict[str, Decimal] = {}
    for holding in positions:
        if holding.account == account_id and holding.position:
            name = _name(holding.contract)
            held[name] = held.get(name, Decimal(0)) + number(holding.position, f"the position of {name}")
    held = {name: units for name, units in held.items() if units}
    return AccountState(account_id, cash, held, rows.sole("BuyingPower"), _balance(rows, tags, cash, held))


def _balance(
    rows: _Rows, tags: Mapping[str, str], cash: Mapping[str, Decimal], held: Mapping[str, Decimal]
) -> Balance | None:
    """Return what the broker makes of the account, None if it does not tell its base currency."""
    base = rows.currency_of("NetLiquidation") or rows.currency_of("TotalCashValue")
    if base is None:
        return None
    only_base = all(currency == base for currency, amount in cash.items() if amount)
    settled = rows.told("SettledCash", base)
    all_cash = cash.get(base, Decimal(0)) if only_base else rows.sum_of_cash(set(tags.values()), base)
    return Balance(
        currency=base,
        cash=all_cash,
        positions=rows.worth(base, held, only_base=only_base, futures=CASH_TAGS[1] in tags.values()),
        total=rows.told("NetLiquidation", base),
        spendable=_spendable(rows, base, all_cash, settled),
        unsettled={base: max(Decimal(0), all_cash - settled)}
        if settled is not None and all_cash is not None and only_base
        else {},
        account_type=_TYPES.get((rows.word("AccountType") or "").upper()),
    )


def _spendable(rows: _Rows, base: str, cash: Decimal | None, settled: Decimal | None) -> Mapping[str, Decimal]:
    """Return what may be spent without margin.

    In a cash account the equity with loan value is settled cash, and funds are counted from there: proceeds that have
    not settled may buy all the same.
    """
    free = rows.told("AvailableFunds", base)
    if free is None:
        return {}
    if cash is not None and settled is not None and rows.told("EquityWithLoanValue", base) == settled:
        free += max(Decimal(0), cash - settled)
    return {base: free}


class _Rows:
    """The values of one account by tag and currency."""

    def __init__(self, account_id: str, values: Iterable[AccountRow]) -> None:
        self._account_id = account_id
        self._values: dict[tuple[str, str], object] = {
            (row.tag, str(row.currency or "")): row.value
            for row in values
            if row.account == account_id and isinstance(cast("object", row.tag), str)
        }

    def needed(self, tag: str, currency: str) -> Decimal:
        """Return an amount; `BrokerError` if it is none."""
        value = self._values[tag, currency]
        try:
            return number(value, f"{tag} {currency}")
        except BrokerError:
            raise BrokerError(
                f"account {self._account_id}: {tag} {currency} is {value!r}, not a number; run again"
            ) from None

    def told(self, tag: str, currency: str) -> Decimal | None:
        """Return an amount, None if it is not told."""
        return self.needed(tag, currency) if (tag, currency) in self._values else None

    def word(self, tag: str) -> str | None:
        """Return a value that is no amount."""
        value = self._values.get((tag, ""))
        return value if isinstance(value, str) else None

    def currency_of(self, tag: str) -> str | None:
        """Return the currency that a value of the whole account is told in."""
        return next((c for t, c in self._values if t == tag and c not in ("", BASE)), None)

    def sole(self, tag: str) -> Decimal | None:
        """Return an amount that is told in one currency."""
        return next((self.needed(tag, currency) for known, currency in self._values if known == tag), None)

    def cash_tags(self) -> dict[str, str]:
        """Return under which tag the cash of each currency is told."""
        found: dict[str, str] = {}
        for tag in CASH_TAGS:
            for known, currency in self._values:
                if known == tag and currency not in ("", BASE):
                    found.setdefault(currency, tag)
        base = self.currency_of("TotalCashValue")
        if base in found and found[base] != CASH_TAGS[0]:
            others = (currency for currency in found if currency != base)
            if not any(self.needed(found[currency], currency) for currency in others):
                found[base] = "TotalCashValue"
        return found

    def sum_of_cash(self, tags: Collection[str], base: str) -> Decimal | None:
        """Return the broker's own sum of the cash that is told under a tag."""
        if len(tags) != 1:
            return None
        (tag,) = tags
        told = self.told(tag, BASE)
        return self.told("TotalCashValue", base) if told is None and tag == CASH_TAGS[0] else told

    def worth(self, base: str, held: Mapping[str, Decimal], *, only_base: bool, futures: bool) -> Decimal | None:
        """Return what all positions and accruals are worth in the base currency, None if that is not told.

        Parameters
        ----------
        futures
            Whether the cash beside it leaves out what futures made since their last settlement.
        """
        tags = (*WORTH_TAGS, FUTURES) if futures else WORTH_TAGS
        worth = {c: self.needed(tag, c) for tag, c in self._values if tag == STOCKS and c not in ("", BASE)}
        is_sum = only_base and not any(amount for currency, amount in worth.items() if currency != base)
        for currency in (BASE, base) if is_sum else (BASE,):
            if (STOCKS, currency) in self._values:
                amounts = {tag: self.told(tag, currency) or Decimal(0) for tag in (*tags, *FUND_TAGS)}
                fund = amounts["FundValue"] or amounts["MutualFundValue"] + amounts["MoneyMarketFundValue"]
                return sum((amounts[tag] for tag in tags), fund)
        if not held:
            return Decimal(0)
        gross = self.told(GROSS, base)
        return gross if all(units > 0 for units in held.values()) else None


FUND_TAGS = ("FundValue", "MutualFundValue", "MoneyMarketFundValue")
"""Funds: in sum, or by sort."""


def _name(contract: Contract) -> str:
    text(contract.symbol, "the symbol of a position")
    if contract.secType != STOCK:
        return str(contract.localSymbol or f"{contract.symbol} {contract.secType}")
    return contract.symbol if contract.currency == CURRENCY else f"{contract.symbol}.{contract.currency}"


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
