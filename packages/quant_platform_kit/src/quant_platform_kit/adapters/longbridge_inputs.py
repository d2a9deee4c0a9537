"""LongBridge runtime inputs: what its OpenAPI delivers, in the terms of the kit.

Pure functions without a client library: the rows of ``longbridge`` and ``longport``, and plain ones made of them, have
the attributes named in the Protocols here. Money is kept per currency and never converted; a symbol of the United
States stands without its market, and every other one with it, so that no strategy manages it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Protocol

from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.portfolio import AccountState, Quote, quotable, quote_price, told_close
from quant_platform_kit.domain.sessions import ExchangeCalendar

__all__ = [
    "Bar",
    "CashRow",
    "PositionRow",
    "QuoteRow",
    "account_state",
    "closes",
    "instant",
    "market_symbol",
    "plain_symbol",
    "quote",
]

US = ".US"
CURRENCY = "USD"


class CashRow(Protocol):
    """Cash of one currency."""

    @property
    def currency(self) -> str: ...  # noqa: D102
    @property
    def available_cash(self) -> Decimal: ...  # noqa: D102
    @property
    def frozen_cash(self) -> Decimal: ...  # noqa: D102
    @property
    def settling_cash(self) -> Decimal: ...  # noqa: D102


class PositionRow(Protocol):
    """One holding; ``quantity`` includes what working sales have promised."""

    @property
    def symbol(self) -> str: ...  # noqa: D102
    @property
    def quantity(self) -> Decimal: ...  # noqa: D102
    @property
    def currency(self) -> str: ...  # noqa: D102


class QuoteRow(Protocol):
    """The last price of a symbol."""

    @property
    def symbol(self) -> str: ...  # noqa: D102
    @property
    def last_done(self) -> Decimal: ...  # noqa: D102
    @property
    def timestamp(self) -> datetime: ...  # noqa: D102


class Bar(Protocol):
    """A daily candlestick; its time is the midnight at which its day begins."""

    @property
    def close(self) -> Decimal: ...  # noqa: D102
    @property
    def timestamp(self) -> datetime: ...  # noqa: D102


def market_symbol(symbol: str) -> str:
    """Return what LongBridge calls a symbol of the kit: with its market."""
    return symbol if "." in symbol and symbol.rpartition(".")[2] in ("HK", "SG", "SH", "SZ") else f"{symbol}{US}"


def plain_symbol(symbol: str) -> str:
    """Return what the kit calls a symbol of LongBridge."""
    return symbol.removesuffix(US)


def account_state(
    account_id: str, cash: Iterable[CashRow], positions: Iterable[PositionRow], buying_power: Decimal | None = None
) -> AccountState:
    """Return an account's cash by currency and units.

    Cash is what is free, what working orders hold and what is still to settle, together: LongBridge tells them apart.
    A currency without any is left out, except USD, so that an account that has none of it has zero.

    Raises
    ------
    InvalidInput
        Cash was not delivered, or a currency twice.
    """
    found: dict[str, Decimal] = {}
    for row in cash:
        if row.currency in found:
            raise InvalidInput(f"account {account_id}: LongBridge told cash in {row.currency} twice; run again")
        found[row.currency] = _whole(row.available_cash + row.frozen_cash + row.settling_cash)
    if not found:
        raise InvalidInput(f"account {account_id}: LongBridge delivered no cash; check that the token may see it")
    kept = {currency: amount for currency, amount in found.items() if amount or currency == CURRENCY}
    held: dict[str, Decimal] = {}
    for position in positions:
        name = _name(position)
        held[name] = held.get(name, Decimal(0)) + position.quantity
    return AccountState(
        account_id,
        {CURRENCY: Decimal(0), **kept},
        {name: _whole(units) for name, units in held.items() if units},
        buying_power,
    )


def _name(position: PositionRow) -> str:
    """Return what the kit calls a holding; one of the United States in another currency keeps its market."""
    symbol = position.symbol
    return plain_symbol(symbol) if position.currency == CURRENCY else symbol


def quote(row: QuoteRow) -> Quote | None:
    """Return the last price and when it was made, None if there is none; with the previous close where it is told."""
    price = float(row.last_done)
    if not quotable(price):
        return None
    before = told_close(getattr(row, "prev_close", None))
    return Quote(plain_symbol(row.symbol), quote_price(price), instant(row.timestamp), before)


def closes(bars: Mapping[str, Iterable[Bar]], calendar: ExchangeCalendar) -> dict[str, list[tuple[date, float]]]:
    """Return day and close of candlesticks by symbol of the kit."""
    return {
        symbol: [(calendar.local_date(instant(bar.timestamp)), float(bar.close)) for bar in found]
        for symbol, found in bars.items()
    }


def instant(at: datetime) -> datetime:
    """Return an instant in UTC; the libraries tell this machine's local time without a zone."""
    return at.astimezone(UTC)


def _whole(value: Decimal) -> Decimal:
    whole = value.to_integral_value()
    return whole if value == whole else value
