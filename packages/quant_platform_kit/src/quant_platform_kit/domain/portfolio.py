"""What an account holds, and what it is worth at one set of quotes."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache

from quant_platform_kit.domain.errors import InvalidInput

__all__ = [
    "AccountState",
    "AccountType",
    "Balance",
    "PortfolioSnapshot",
    "Position",
    "Quote",
    "quotable",
    "quote_price",
    "told_close",
    "value_portfolio",
]

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Quote:
    """A raw price to trade at.

    Attributes
    ----------
    price
        In the instrument's currency, 6 decimals, positive.
    as_of
        When the price was made, aware UTC.
    previous_close
        The close of the session before, as the venue itself tells it, positive; None where it tells none, or has it
        out of the same file as the history.
    """

    symbol: str
    price: Decimal
    as_of: datetime
    previous_close: Decimal | None = None


def quotable(price: float) -> bool:
    """Whether a float is a price that 6 decimals can hold: a number, and not rounded to zero."""
    return price >= 5e-7


def told_close(told: object) -> Decimal | None:
    """Return a venue's previous close as quotes carry it; None for what is no price, whatever else it is."""
    if isinstance(told, bool) or not isinstance(told, int | float | Decimal | str):
        return None
    try:
        price = float(told)
    except (ValueError, OverflowError):
        return None
    return quote_price(price) if math.isfinite(price) and quotable(price) else None


@lru_cache(maxsize=512)
def quote_price(price: float) -> Decimal:
    """Return a float price as the Decimal of 6 decimals that quotes carry."""
    return Decimal(f"{price:.6f}")


class AccountType(StrEnum):
    """Whether an account may borrow from its broker."""

    CASH = "cash"
    MARGIN = "margin"


@dataclass(frozen=True, slots=True)
class Balance:
    """What the broker itself makes of an account, all out of one answer; None is what it does not tell.

    Attributes
    ----------
    currency
        The broker's base currency, in which ``cash``, ``positions`` and ``total`` are.
    cash
        The cash that `AccountState.cash_by_currency` tells, debts subtracted, summed by the broker and never by us.
    positions
        The broker's own market values of all positions, short ones negative; zero where there are none.
    total
        The broker's own total of the account.
    spendable
        What may be spent without margin, by ISO currency; a currency that is not there is not told.
    unsettled
        Cash from sales that has not settled, by ISO currency; a currency that is not there is not told.
    """

    currency: str
    cash: Decimal | None = None
    positions: Decimal | None = None
    total: Decimal | None = None
    spendable: Mapping[str, Decimal] = field(default_factory=dict[str, Decimal])
    unsettled: Mapping[str, Decimal] = field(default_factory=dict[str, Decimal])
    account_type: AccountType | None = None


@dataclass(frozen=True, slots=True)
class AccountState:
    """What the broker says of an account, before anything is valued.

    Attributes
    ----------
    cash_by_currency
        Settled and unsettled cash per ISO currency, never converted.
    quantities
        Units held per symbol; absent means none.
    buying_power
        As the broker computes it, in its base currency; None if it does not say.
    balance
        What the broker says the account is worth; it moves with prices, so two states are equal whatever it says.
    """

    account_id: str
    cash_by_currency: Mapping[str, Decimal]
    quantities: Mapping[str, Decimal]
    buying_power: Decimal | None = None
    balance: Balance | None = field(default=None, compare=False)

    def spendable(self, currency: str) -> Decimal | None:
        """Return what the broker says may be spent of a currency without margin, None if it does not say."""
        return self.balance.spendable.get(currency) if self.balance else None

    def may_spend(self, currency: str) -> Decimal:
        """Return what may be spent of a currency that the account has: its cash, or less where the broker says so."""
        cash, told = self.cash_by_currency[currency], self.spendable(currency)
        return cash if told is None else min(cash, told)


@dataclass(frozen=True, slots=True)
class Position:
    """A holding valued at one quote."""

    symbol: str
    quantity: Decimal
    price: Decimal

    @property
    def value(self) -> Decimal:
        """Quantity x price, in the portfolio's currency."""
        return self.quantity * self.price


@dataclass(frozen=True, slots=True)
class PortfolioSnapshot:
    """An account valued at the run's quotes, as both the strategy and the planner see it.

    Attributes
    ----------
    as_of
        The instant of valuation, aware UTC.
    cash
        In ``currency`` only; other currencies stand in ``cash_by_currency`` and are never converted.
    positions
        Holdings of the strategy's managed symbols, ascending by symbol.
    unmanaged
        Quantities of everything else: reported, never valued, never traded.
    allocation_fraction
        Share of cash + managed positions this strategy may use.
    spendable
        What the broker says may be spent without margin, in ``currency``; None if it does not say.
    """

    account_id: str
    as_of: datetime
    currency: str
    cash: Decimal
    positions: tuple[Position, ...]
    cash_by_currency: Mapping[str, Decimal] = field(default_factory=dict[str, Decimal])
    buying_power: Decimal | None = None
    unmanaged: Mapping[str, Decimal] = field(default_factory=dict[str, Decimal])
    allocation_fraction: Decimal = Decimal(1)
    spendable: Decimal | None = None

    @property
    def may_spend(self) -> Decimal:
        """The lesser of cash and what the broker says may be spent without margin, in ``currency``."""
        return self.cash if self.spendable is None else min(self.cash, self.spendable)

    @property
    def base(self) -> Decimal:
        """What weights refer to: allocation_fraction x (cash + managed positions), in ``currency``."""
        return self.allocation_fraction * sum((p.value for p in self.positions), self.cash)

    def quantity(self, symbol: str) -> Decimal:
        """Return the units held of a managed symbol, zero if none."""
        return next((p.quantity for p in self.positions if p.symbol == symbol), ZERO)

    def value(self, symbol: str) -> Decimal:
        """Return what is held of a managed symbol, in ``currency``, zero if none."""
        return next((p.value for p in self.positions if p.symbol == symbol), ZERO)


def value_portfolio(
    account: AccountState,
    quotes: Mapping[str, Quote],
    managed: Collection[str],
    *,
    as_of: datetime,
    currency: str = "USD",
    allocation_fraction: Decimal = Decimal(1),
) -> PortfolioSnapshot:
    """Value an account's managed holdings at one set of quotes.

    Raises
    ------
    InvalidInput
        The cash of ``currency`` cannot be told apart, or a managed holding has no quote: the base is unknown.
    """
    if currency not in account.cash_by_currency:
        raise InvalidInput(
            f"account {account.account_id} reports cash in {sorted(account.cash_by_currency) or 'no currency'}; "
            f"sizing needs its {currency} cash told apart"
        )
    positions: list[Position] = []
    unmanaged: dict[str, Decimal] = {}
    unpriced: list[str] = []
    for symbol, quantity in sorted(account.quantities.items()):
        if not quantity:
            continue
        if symbol not in managed:
            unmanaged[symbol] = quantity
        elif symbol in quotes:
            positions.append(Position(symbol, quantity, quotes[symbol].price))
        else:
            unpriced.append(symbol)
    if unpriced:
        raise InvalidInput(f"no price for the holding of {', '.join(unpriced)}; the account cannot be valued")
    return PortfolioSnapshot(
        account_id=account.account_id,
        as_of=as_of,
        currency=currency,
        cash=account.cash_by_currency[currency],
        positions=tuple(positions),
        cash_by_currency=account.cash_by_currency,
        buying_power=account.buying_power,
        unmanaged=unmanaged,
        allocation_fraction=allocation_fraction,
        spendable=account.spendable(currency),
    )
