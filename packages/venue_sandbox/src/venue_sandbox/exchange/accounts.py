"""Accounts: cash per currency and holdings with what they cost."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

__all__ = ["PER_USD", "Account", "AccountError", "Funding", "Holding", "converted", "read_funding"]

ZERO = Decimal(0)
ACCOUNT_ID = re.compile(r"DUSBX[0-9A-Z]{1,12}")
"""Nothing that a real broker gives out begins like this: whoever trades here cannot mean a real account."""
PER_USD: Mapping[str, Decimal] = {"USD": Decimal(1), "HKD": Decimal("7.8"), "CNH": Decimal("7.2")}
"""Fixed rates: units of a currency for one US dollar."""


class AccountError(ValueError):
    """An account that the sandbox does not open."""


@dataclass(frozen=True, slots=True)
class Funding:
    """What an account is opened with; ``cash`` names its base currency first."""

    account: str
    cash: Mapping[str, Decimal]

    @property
    def base(self) -> str:
        """The currency in which the account is valued."""
        return next(iter(self.cash))


@dataclass(slots=True)
class Holding:
    """Units of one instrument.

    Attributes
    ----------
    average_cost
        Per unit, with commissions, in the instrument's currency.
    realized
        What sales brought beyond their cost, commissions deducted.
    """

    quantity: Decimal = ZERO
    average_cost: Decimal = ZERO
    realized: Decimal = ZERO

    def gain(self, quantity: Decimal, price: Decimal, commission: Decimal) -> Decimal:
        """Return what a sale would realize."""
        return (price - self.average_cost) * quantity - commission


@dataclass(slots=True)
class Account:
    """One account; a holding that was sold stays with a quantity of zero."""

    id: str
    base: str
    cash: dict[str, Decimal]
    holdings: dict[str, Holding] = field(default_factory=dict[str, Holding])

    def holding(self, symbol: str) -> Holding:
        """Return a holding; one of nothing where there is none."""
        return self.holdings.get(symbol, Holding())

    def in_base(self, amount: Decimal, currency: str) -> Decimal:
        """Return an amount of a currency in the currency in which the account is valued."""
        return converted(amount, currency, self.base)

    def held(self) -> dict[str, Holding]:
        """Return the holdings that are not zero."""
        return {symbol: holding for symbol, holding in sorted(self.holdings.items()) if holding.quantity}


def converted(amount: Decimal, source: str, target: str) -> Decimal:
    """Return an amount of one currency in another."""
    return amount if source == target else amount / PER_USD[source] * PER_USD[target]


def read_funding(text: str) -> Funding:
    """Read ``DUSBX1=100000`` (US dollars) or ``DUSBX2=HKD:800000,USD:5000`` (base currency first).

    Raises
    ------
    AccountError
        It is neither, or the id is not one of the sandbox.
    """
    account, _, amounts = text.partition("=")
    if not ACCOUNT_ID.fullmatch(account):
        raise AccountError(f"account {account!r}: ids of the sandbox are DUSBX and 1 to 12 digits or capital letters")
    cash: dict[str, Decimal] = {}
    for part in amounts.split(","):
        currency, _, number = part.rpartition(":")
        try:
            cash[currency or "USD"] = Decimal(number)
        except InvalidOperation:
            raise AccountError(f"account {text!r}: write ID=100000 or ID=HKD:800000,USD:5000") from None
    if unknown := sorted(set(cash) - set(PER_USD)):
        raise AccountError(f"account {text!r}: currency {unknown[0]} has no rate; known: {', '.join(PER_USD)}")
    if bad := [amount for amount in cash.values() if not amount.is_finite() or amount < 0]:
        raise AccountError(f"account {text!r}: cash of {bad[0]}; it is a number from 0 on")
    return Funding(account, cash)
