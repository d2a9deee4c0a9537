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

from quant_platform_kit.adapters.documents import number, optional_number, text
from quant_platform_kit.domain.errors import BrokerError
from quant_platform_kit.domain.portfolio import AccountState, Balance, Quote, quotable, quote_price, told_close
from quant_platform_kit.domain.sessions import ExchangeCalendar

__all__ = [
    "BalanceRow",
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


class BalanceRow(Protocol):
    """What an account is worth, in its base currency."""

    @property
    def currency(self) -> str: ...  # noqa: D102
    @property
    def total_cash(self) -> Decimal | None: ...  # noqa: D102
    @property
    def net_assets(self) -> Decimal | None: ...  # noqa: D102
    @property
    def buy_power(self) -> Decimal | None: ...  # noqa: D102


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
    account_id: str, cash: Iterable[CashRow], positions: Iterable[PositionRow], told: BalanceRow | None = None
) -> AccountState:
    """Return an account's cash by currency and units.

    Cash is what is free, what working orders hold and what is still to settle, together: LongBridge tells them apart.
    A currency without any is left out, except USD, so that an account that has none of it has zero. What positions are
    worth LongBridge does not tell.

    Raises
    ------
    BrokerError
        Cash was not delivered, or a currency twice, or something is no number.
    """
    found: dict[str, Decimal] = {}
    spendable: dict[str, Decimal] = {}
    unsettled: dict[str, Decimal] = {}
    for row in cash:
        currency = text(row.currency, "a currency of LongBridge's cash")
        if currency in found:
            raise BrokerError(f"account {account_id}: LongBridge told cash in {currency} twice; run again")
        free, frozen, settling = (
            number(value, f"{name} {currency}")
            for name, value in (
                ("available_cash", row.available_cash),
                ("frozen_cash", row.frozen_cash),
                ("settling_cash", row.settling_cash),
            )
        )
        found[currency] = _whole(free + frozen + settling)
        spendable[currency], unsettled[currency] = _whole(free + settling), max(Decimal(0), settling)
    if not found:
        raise BrokerError(f"account {account_id}: LongBridge delivered no cash; check that the token may see it")
    kept = {currency: amount for currency, amount in found.items() if amount or currency == CURRENCY}
    held: dict[str, Decimal] = {}
    for position in positions:
        name = _name(position)
        held[name] = held.get(name, Decimal(0)) + number(position.quantity, f"the quantity of {name}")
    held = {name: _whole(units) for name, units in held.items() if units}
    power = None if told is None else optional_number(told.buy_power, "buy_power")
    kept = {CURRENCY: Decimal(0), **kept}
    balance = None if told is None else _balance(told, kept, held, spendable, unsettled, power)
    return AccountState(account_id, kept, held, power, balance)


def _balance(
    told: BalanceRow,
    cash: Mapping[str, Decimal],
    held: Mapping[str, Decimal],
    spendable: Mapping[str, Decimal],
    unsettled: Mapping[str, Decimal],
    power: Decimal | None,
) -> Balance:
    base = text(told.currency, "the currency of LongBridge's balance")
    only_base = all(currency == base for currency, amount in cash.items() if amount)
    free = dict(spendable)
    if power is not None and base in free:
        free[base] = min(free[base], power)
    return Balance(
        currency=base,
        cash=cash.get(base, Decimal(0)) if only_base else optional_number(told.total_cash, "total_cash"),
        positions=None if held else Decimal(0),
        total=optional_number(told.net_assets, "net_assets"),
        spendable=free,
        unsettled=unsettled,
    )


def _name(position: PositionRow) -> str:
    """Return what the kit calls a holding; one of the United States in another currency keeps its market."""
    symbol = text(position.symbol, "the symbol of a holding")
    return plain_symbol(symbol) if position.currency == CURRENCY else symbol


def quote(row: QuoteRow) -> Quote | None:
    """Return the last price and when it was made, None if there is none; with the previous close where it is told."""
    symbol = text(row.symbol, "the symbol of a quote")
    price = float(number(row.last_done, f"the last price of {symbol}"))
    if not quotable(price):
        return None
    before = told_close(getattr(row, "prev_close", None))
    return Quote(plain_symbol(symbol), quote_price(price), instant(row.timestamp), before)


def closes(bars: Mapping[str, Iterable[Bar]], calendar: ExchangeCalendar) -> dict[str, list[tuple[date, float]]]:
    """Return day and close of candlesticks by symbol of the kit."""
    return {
        symbol: [(calendar.local_date(instant(bar.timestamp)), float(bar.close)) for bar in found]
        for symbol, found in bars.items()
    }


def instant(at: datetime) -> datetime:
    """Return an instant in UTC; the libraries tell this machine's local time without a zone."""
    try:
        return at.astimezone(UTC)
    except (AttributeError, TypeError, OverflowError):
        raise BrokerError(f"LongBridge told {at!r:.60}, not an instant") from None


def _whole(value: Decimal) -> Decimal:
    whole = value.to_integral_value()
    return whole if value == whole else value
