"""What a cash account may not sell yet: units bought with the proceeds of sales that have not settled.

Sales settle in the session after the one in which they are made (T+1). Their proceeds may buy at once; to sell what
they bought before they settle is a good-faith violation, for which brokers restrict an account.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
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
    """

    session: date
    proceeds: Decimal
    units: Mapping[str, Decimal] = field(default_factory=dict[str, Decimal])


def unsettled_in(session: date, known: Unsettled | None, account: AccountState, currency: str) -> Unsettled | None:
    """Return what is still to settle in a session, None when all of it has.

    It takes longer than a session where the broker still tells unsettled cash: banks keep holidays that exchanges do
    not.
    """
    if known is None:
        return None
    told = account.balance.unsettled.get(currency, ZERO) if account.balance else ZERO
    return known if known.session >= session or told > 0 else None


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
    units: dict[Side, dict[str, Decimal]] = {Side.BUY: {}, Side.SELL: {}}
    money = {Side.BUY: ZERO, Side.SELL: ZERO}
    for fill in fills:
        units[fill.side][fill.symbol] = units[fill.side].get(fill.symbol, ZERO) + fill.quantity
        cost = fill.commission if fill.side is Side.BUY else -fill.commission
        money[fill.side] += fill.quantity * fill.price + cost
    pending = before.proceeds if before else ZERO
    told = account.balance.unsettled.get(currency, ZERO) if account.balance else ZERO
    settled = max(ZERO, account.cash_by_currency.get(currency, ZERO) - max(pending, told))
    bound = {s: q - units[Side.SELL].get(s, ZERO) for s, q in before.units.items()} if before else {}
    if money[Side.BUY] > settled:
        for symbol, bought in units[Side.BUY].items():
            bound[symbol] = bound.get(symbol, ZERO) + bought
    bound = {symbol: quantity for symbol, quantity in sorted(bound.items()) if quantity > 0}
    proceeds = pending + money[Side.SELL]
    return Unsettled(session, proceeds, bound) if proceeds or bound else None


def good_faith(order: Order, account: AccountState, unsettled: Unsettled | None, rules: BalanceRules) -> list[str]:
    """Return why an order would be a good-faith violation: it sells units that unsettled proceeds bought.

    Parameters
    ----------
    account
        As it was before the run.
    """
    bound = unsettled.units.get(order.symbol, ZERO) if unsettled else ZERO
    if unsettled is None or not bound or order.side is Side.BUY or not rules.is_cash_account(account):
        return []
    held = account.quantities.get(order.symbol, ZERO)
    if order.quantity <= held - bound:
        return []
    return [
        f"{bound} of {held} {order.symbol} were bought in {unsettled.session} with proceeds of sales that settle in "
        "the next session: to sell them before is a good-faith violation of a cash account"
    ]
