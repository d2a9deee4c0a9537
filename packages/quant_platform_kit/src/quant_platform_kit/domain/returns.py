"""What an account made: profit and loss net of deposits and withdrawals, time-weighted and money-weighted.

An account is valued by its runs. What came or went between two runs counts as if it did so right before the later one,
at that run's prices.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import pairwise

from quant_platform_kit.domain.portfolio import AccountState

__all__ = ["Returns", "Valuation", "flow_between", "returns", "worth"]

ZERO = Decimal(0)
TRADED = Decimal("0.1")
"""Units and cash that moved against each other were traded by hand if they are worth the same within this share."""
_MOST_STEPS = 200
_GROWTH = 1e-9, 1e9
"""Between which growths the money-weighted one is looked for."""


@dataclass(frozen=True, slots=True)
class Valuation:
    """What an account was worth after a run, at the prices of that run.

    Attributes
    ----------
    at
        Aware UTC.
    value
        Cash and the units that have a price, in the account's currency.
    flow
        What came in since the valuation before, negative for what went.
    """

    at: datetime
    value: Decimal
    flow: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Returns:
    """What an account made from its first valuation to its last.

    Attributes
    ----------
    invested
        The first value and all that came in since, less what went.
    profit
        The last value less what was invested, in the account's currency.
    time_weighted
        Growth of a unit of money that was there throughout: of the account's decisions, whenever money came.
    money_weighted
        Growth of all the money, each for the time it was there, over the whole period: the internal rate of return;
        None where there is none.
    """

    invested: Decimal
    profit: Decimal
    time_weighted: Decimal
    money_weighted: Decimal | None


def worth(account: AccountState, prices: Mapping[str, Decimal], currency: str) -> Decimal:
    """Return cash of a currency and the units that have a price."""
    held = (units * prices[symbol] for symbol, units in account.quantities.items() if symbol in prices)
    return sum(held, account.cash_by_currency.get(currency, ZERO))


def flow_between(
    before: AccountState, now: AccountState, prices: Mapping[str, Decimal], currency: str, *, split: bool = False
) -> Decimal:
    """Return what came into an account from outside, negative for what went.

    Cash that moved against units, about as much as they are worth, was a trade by hand: nothing came or went.

    Parameters
    ----------
    split
        Whether units changed by a corporate action, which brings nothing.
    """
    cash = now.cash_by_currency.get(currency, ZERO) - before.cash_by_currency.get(currency, ZERO)
    units = worth(now, prices, currency) - worth(before, prices, currency) - cash
    if split:
        return cash
    if cash * units < 0 and abs(cash + units) <= TRADED * abs(units):
        return ZERO
    return cash + units


def returns(valuations: Sequence[Valuation]) -> Returns | None:
    """Return what was made; None with less than two valuations, or where the account was worth nothing in between."""
    if len(valuations) < 2:
        return None
    growth = Decimal(1)
    for before, now in pairwise(valuations):
        if before.value <= 0:
            return None
        growth *= (now.value - now.flow) / before.value
    invested = sum((one.flow for one in valuations[1:]), valuations[0].value)
    return Returns(invested, valuations[-1].value - invested, growth - 1, _money_weighted(valuations))


def _money_weighted(valuations: Sequence[Valuation]) -> Decimal | None:
    """Return the growth of the period at which everything that came in becomes the last value, by bisection."""
    first, last = valuations[0], valuations[-1]
    length = (last.at - first.at).total_seconds()
    if not length:
        return None
    amounts = [(float(first.value), 1.0)]
    amounts += [(float(one.flow), (last.at - one.at).total_seconds() / length) for one in valuations[1:] if one.flow]
    final = float(last.value)

    def over(growth: float) -> float:
        return sum(amount * growth**share for amount, share in amounts) - final

    low, high = _GROWTH
    if over(low) > 0 or over(high) < 0:
        return None
    for _ in range(_MOST_STEPS):
        middle = math.sqrt(low * high)
        low, high = (low, middle) if over(middle) > 0 else (middle, high)
    return Decimal(repr(round(math.sqrt(low * high) - 1, 12)))
