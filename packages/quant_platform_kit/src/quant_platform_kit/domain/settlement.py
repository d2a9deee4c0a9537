"""What a cash account may not sell yet: units bought with the proceeds of sales that have not settled.

Sales settle in the session after the one in which they are made (T+1). Their proceeds may buy at once; to sell what
they bought before they settle is a good-faith violation, for which brokers restrict an account.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

from quant_platform_kit.domain.balances import BalanceRules
from quant_platform_kit.domain.orders import Fill, Order, Side
from quant_platform_kit.domain.portfolio import AccountState

__all__ = ["Unsettled", "good_faith", "unsettled_after", "unsettled_in"]

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Unsettled:
    """What a session's sales left to settle.

    Attributes
    ----------
    session
        In which the sales were made (exchange-local date).
    proceeds
        What they brought less costs, in the account's currency.
    units
        Units per symbol that cannot be told from bought with them.
    earlier
        The same of the session before, where that had not settled yet.
    """

    session: date
    proceeds: Decimal
    units: Mapping[str, Decimal] = field(default_factory=dict[str, Decimal])
    earlier: Unsettled | None = None

    @property
    def all_proceeds(self) -> Decimal:
        """Those of the session before too, where they had not settled."""
        return self.proceeds + (self.earlier.all_proceeds if self.earlier else ZERO)

    def bound(self, symbol: str) -> Decimal:
        """Return the units of a symbol that are not to be sold yet."""
        return self.units.get(symbol, ZERO) + (self.earlier.bound(symbol) if self.earlier else ZERO)


def unsettled_in(
    session: date, previous: date, known: Unsettled | None, account: AccountState, currency: str
) -> Unsettled | None:
    """Return what is still to settle in a session, None when all of it has.

    It takes one session longer where the broker still tells unsettled cash: banks keep holidays that exchanges do not.
    Never two: what a broker tells then is of other sales, and would bind the same units for ever.

    Parameters
    ----------
    previous
        The session before it.
    """
    if known is None or known.session >= session:
        return known
    told = account.balance.unsettled.get(currency, ZERO) if account.balance else ZERO
    return replace(known, earlier=None) if told > 0 and known.session >= previous else None


def unsettled_after(
    session: date, before: Unsettled | None, account: AccountState, fills: Iterable[Fill], currency: str
) -> Unsettled | None:
    """Return what is still to settle after ``fills`` of a session; settled cash is spent first.

    Parameters
    ----------
    before
        What was still to settle before them.
    account
        As it was before them. What its broker says is unsettled counts, where that is more.
    """
    fills = tuple(fills)
    if not fills:
        return before
    units: dict[Side, dict[str, Decimal]] = {Side.BUY: {}, Side.SELL: {}}
    money = {Side.BUY: ZERO, Side.SELL: ZERO}
    for fill in fills:
        units[fill.side][fill.symbol] = units[fill.side].get(fill.symbol, ZERO) + fill.quantity
        cost = fill.commission if fill.side is Side.BUY else -fill.commission
        money[fill.side] += fill.quantity * fill.price + cost
    pending = before.all_proceeds if before else ZERO
    told = account.balance.unsettled.get(currency, ZERO) if account.balance else ZERO
    settled = max(ZERO, account.cash_by_currency.get(currency, ZERO) - max(pending, told))
    left = _less(before, units[Side.SELL]) if before else None
    today = left if left and left.session == session else Unsettled(session, ZERO, earlier=left)
    bound = dict(today.units)
    if money[Side.BUY] > settled:
        for symbol, bought in units[Side.BUY].items():
            bound[symbol] = bound.get(symbol, ZERO) + bought
    proceeds = today.proceeds + money[Side.SELL]
    after = replace(today, proceeds=proceeds, units=dict(sorted(bound.items())))
    return after if proceeds or bound or after.earlier else None


def _less(known: Unsettled, sold: Mapping[str, Decimal]) -> Unsettled:
    """Return what is bound after some units were sold."""
    units = {symbol: quantity - sold.get(symbol, ZERO) for symbol, quantity in sorted(known.units.items())}
    earlier = _less(known.earlier, sold) if known.earlier else None
    return replace(known, units={symbol: left for symbol, left in units.items() if left > 0}, earlier=earlier)


def good_faith(order: Order, account: AccountState, unsettled: Unsettled | None, rules: BalanceRules) -> list[str]:
    """Return why an order would be a good-faith violation: it sells units that unsettled proceeds bought.

    Parameters
    ----------
    account
        As it was before the run.
    """
    bound = unsettled.bound(order.symbol) if unsettled else ZERO
    if unsettled is None or not bound or order.side is Side.BUY or not rules.is_cash_account(account):
        return []
    held = account.quantities.get(order.symbol, ZERO)
    if order.quantity <= held - bound:
        return []
    return [
        f"{bound} of {held} {order.symbol} were bought in {unsettled.session} with proceeds of sales that settle in "
        "the next session: to sell them before is a good-faith violation of a cash account"
    ]
