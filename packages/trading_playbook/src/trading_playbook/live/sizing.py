"""How many units an entry buys, and what of the account and the switches forbids it."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_FLOOR, Decimal

from quant_platform_kit.domain.orders import ExecutionReport
from quant_platform_kit.domain.portfolio import AccountState
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.operate.switches import halt_words, halts, switched_off

from trading_playbook.live.events import Terms

__all__ = ["CURRENCY", "foreign", "halt_scope", "quantity_of", "switches"]

CURRENCY = "USD"
SLACK = Decimal("1.005")
"""How much more than the last price an entry may cost, for which cash is kept."""


def halt_scope(account_id: str, symbol: str) -> str:
    """Return the scope of the halt of one account's sessions with one symbol."""
    return f"playbook-{account_id}.{symbol}"


def switches(store: VersionedStore, terms: Terms) -> list[str]:
    """Return which switches forbid an entry now, in words; a store that cannot be read raises."""
    mode, account = terms.key.mode, terms.key.account_id
    if not mode.submits:
        return [f"mode {mode.value} sends nothing"]
    own = halt_scope(account, terms.symbol)
    halted = [halt_words(own)] if own in halts(store).on() else []
    return [*switched_off(store, terms.service, account, mode), *halted]


def foreign(account: AccountState, working: Iterable[ExecutionReport], terms: Terms) -> list[str]:
    """Return what of the symbol is on the account before an entry, and so is not ours."""
    held = account.quantities.get(terms.symbol, Decimal(0))
    found = [f"{held} {terms.symbol} are held that this session did not buy"] if held else []
    orders = [each.order for each in working if each.order.symbol == terms.symbol]
    return found + [
        f"order {order.client_order_id} of {terms.symbol} works, and is not this session's" for order in orders
    ]


def quantity_of(account: AccountState, price: Decimal, risk: Decimal, terms: Terms) -> tuple[Decimal, str]:
    """Return how many whole units are bought, and where it is none, which bound allows no more.

    Parameters
    ----------
    price
        The last one, in the symbol's currency.
    risk
        What a unit loses at the stop.
    """
    least = Decimal(repr(terms.numbers.least_risk))
    if risk < least:
        return Decimal(0), f"a unit risks {risk}, and {least} is the least"
    equity = account.balance.total if account.balance and account.balance.total is not None else None
    if equity is None:
        return Decimal(0), "the broker does not tell what the account is worth"
    bounds = {
        f"{terms.risk} of {equity:.2f} {CURRENCY} is risked, a unit risks {risk:.4f}": terms.risk * equity / risk,
        f"{account.may_spend(CURRENCY):.2f} {CURRENCY} may be spent": account.may_spend(CURRENCY) / (price * SLACK),
    }
    if terms.most_notional is not None:
        bounds[f"an entry costs {terms.most_notional} {CURRENCY} at most"] = terms.most_notional / (price * SLACK)
    text, units = min(bounds.items(), key=lambda bound: bound[1])
    return max(units.to_integral_value(ROUND_FLOOR), Decimal(0)), text
