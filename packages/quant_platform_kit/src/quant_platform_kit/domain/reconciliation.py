"""What changed in an account without the platform: named, so that a person knows what to do about it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from quant_platform_kit.domain.orders import ExecutionReport, Fill, Side
from quant_platform_kit.domain.portfolio import AccountState

__all__ = [
    "Discrepancy",
    "Finding",
    "UnitPrices",
    "expected_account",
    "is_own_id",
    "odd_prices",
    "reconcile",
    "unknown_account",
]

ZERO = Decimal(0)
SPLIT_RATIOS = tuple(Decimal(n) for n in (2, 3, 4, 5, 6, 8, 10, 15, 20, 25, 50))
_CASH_TOLERANCE = Decimal("0.01")
_RATIO_TOLERANCE = Decimal("0.02")
_VALUE_TOLERANCE = Decimal("0.02")

UnitPrices = Mapping[str, Collection[Decimal]]
"""symbol -> what a unit of it may be worth, as different sources say."""


class Discrepancy(StrEnum):
    """What kind of thing a run found: most happened outside the platform."""

    MANUAL_TRADE = "manual_trade"
    SPLIT = "split"
    LIQUIDATION = "liquidation"
    CASH_MOVEMENT = "cash_movement"
    UNKNOWN_ORDER = "unknown_open_order"
    ODD_PRICE = "odd_price"
    UNKNOWN_ACCOUNT = "unknown_account"
    NO_TOTAL = "no_total"
    MISREAD = "misread"
    MISREAD_MONEY = "misread_money"

    @property
    def outside(self) -> bool:
        """Whether it is for a person to accept, and not only in what the broker tells."""
        return self not in (Discrepancy.ODD_PRICE, Discrepancy.NO_TOTAL, Discrepancy.MISREAD)

    @property
    def blocks(self) -> bool:
        """Whether it blocks a run until it is accepted, unless the run is asked otherwise."""
        return self in (
            Discrepancy.UNKNOWN_ORDER,
            Discrepancy.LIQUIDATION,
            Discrepancy.UNKNOWN_ACCOUNT,
            Discrepancy.MISREAD_MONEY,
        )


@dataclass(frozen=True, slots=True)
class Finding:
    """One discrepancy, in words for a person."""

    kind: Discrepancy
    text: str


def expected_account(before: AccountState, fills: Iterable[Fill], currency: str) -> AccountState:
    """Return the account that ``fills`` lead to."""
    quantities = dict(before.quantities)
    cash = dict(before.cash_by_currency)
    for fill in fills:
        sign = 1 if fill.side is Side.BUY else -1
        quantities[fill.symbol] = quantities.get(fill.symbol, ZERO) + sign * fill.quantity
        cash[currency] = cash.get(currency, ZERO) - sign * fill.quantity * fill.price - fill.commission
    return AccountState(before.account_id, cash, {s: q for s, q in quantities.items() if q}, before.buying_power)


def odd_prices(fills: Iterable[Fill]) -> list[Finding]:
    """Name the fills whose price, as the broker says it, is none."""
    return [
        Finding(
            Discrepancy.ODD_PRICE,
            f"{fill.side.value} {fill.quantity} {fill.symbol}: what the broker says it was filled at is no price; the "
            f"units count, at the {fill.price} they were planned at",
        )
        for fill in fills
        if not fill.price_known
    ]


def reconcile(
    expected: AccountState,
    actual: AccountState,
    open_orders: Iterable[ExecutionReport] = (),
    known_orders: Collection[str] = (),
    prices: tuple[UnitPrices, UnitPrices] = ({}, {}),
) -> list[Finding]:
    """Name every difference between what the ledger expects of an account and what the broker reports.

    Parameters
    ----------
    known_orders
        Client order ids that the ledger has sent.
    prices
        Of a unit when the account was as expected, and of one now: where units times price is what it was, a change of
        units without one of cash is a corporate action, whatever its ratio.
    """
    changed = {
        symbol: (expected.quantities.get(symbol, ZERO), actual.quantities.get(symbol, ZERO))
        for symbol in sorted({*expected.quantities, *actual.quantities})
        if expected.quantities.get(symbol, ZERO) != actual.quantities.get(symbol, ZERO)
    }
    cash = _cash_changes(expected, actual)
    return [
        *_position_findings(changed, cash, (expected, actual), prices),
        *_unknown_orders(open_orders, known_orders),
    ]


_OWN_ID = re.compile("q[a-z2-7]{26}")


def is_own_id(client_order_id: str) -> bool:
    """Whether an order's id is one that this platform makes."""
    return _OWN_ID.fullmatch(client_order_id) is not None


def unknown_account(
    account: AccountState, managed: Collection[str], open_orders: Iterable[ExecutionReport]
) -> list[Finding]:
    """Name what an account that the store does not know holds and has at work, as if runs had been there before.

    Parameters
    ----------
    managed
        The symbols that the profile trades.
    """
    held = [f"{q} {s}" for s, q in sorted(account.quantities.items()) if q and s in managed]
    ids = [report.order.client_order_id for report in open_orders]
    own = [identity for identity in ids if is_own_id(identity)]
    found = [*held, *(f"order {identity}" for identity in own)]
    if not found:
        return []
    text = f"the store knows no run of this account, and the broker shows {', '.join(found)}: is it the right store?"
    return [Finding(Discrepancy.UNKNOWN_ACCOUNT, text)]


def _cash_changes(expected: AccountState, actual: AccountState) -> dict[str, Decimal]:
    currencies = sorted({*expected.cash_by_currency, *actual.cash_by_currency})
    moved = {c: actual.cash_by_currency.get(c, ZERO) - expected.cash_by_currency.get(c, ZERO) for c in currencies}
    return {currency: change for currency, change in moved.items() if abs(change) > _CASH_TOLERANCE}


def _position_findings(
    changed: Mapping[str, tuple[Decimal, Decimal]],
    cash: Mapping[str, Decimal],
    states: tuple[AccountState, AccountState],
    prices: tuple[UnitPrices, UnitPrices],
) -> list[Finding]:
    expected, actual = states
    moved = ", ".join(f"{change:+.2f} {currency}" for currency, change in cash.items())
    if not changed:
        text = f"cash moved by {moved} without an order: deposit, withdrawal, dividend or fee"
        return [Finding(Discrepancy.CASH_MOVEMENT, text)] if cash else []
    if expected.quantities and not any(actual.quantities.values()):
        text = f"every position is gone ({', '.join(changed)}), cash moved by {moved or 'nothing'}"
        return [Finding(Discrepancy.LIQUIDATION, text)]
    if not cash and all(_corporate_action(symbol, *units, prices) for symbol, units in changed.items()):
        return [
            Finding(
                Discrepancy.SPLIT, f"{symbol} went from {was} to {now} units with no cash moved: {_action(was, now)}"
            )
            for symbol, (was, now) in changed.items()
        ]
    return [
        Finding(
            Discrepancy.MANUAL_TRADE, f"{symbol}: the ledger expects {was} units, the broker has {now}; cash {moved}"
        )
        for symbol, (was, now) in changed.items()
    ]


def _corporate_action(symbol: str, was: Decimal, now: Decimal, prices: tuple[UnitPrices, UnitPrices]) -> bool:
    """Whether units changed as by a corporate action: their value was kept, or the ratio is one of a usual split."""
    if not was or not now or (was < 0) is not (now < 0):
        return False
    before, after = (known.get(symbol, ()) for known in prices)
    kept = (abs(now * new / (was * old) - 1) <= _VALUE_TOLERANCE for old in before for new in after)
    return any(kept) or _split_ratio(was, now)


def _action(was: Decimal, now: Decimal) -> str:
    return "a split" if _split_ratio(was, now) else f"a corporate action, {now / was:.6g} units for one"


def _split_ratio(was: Decimal, now: Decimal) -> bool:
    ratio = max(was / now, now / was)
    return any(abs(ratio / known - 1) <= _RATIO_TOLERANCE for known in SPLIT_RATIOS)


def _unknown_orders(open_orders: Iterable[ExecutionReport], known: Collection[str]) -> list[Finding]:
    return [
        Finding(
            Discrepancy.UNKNOWN_ORDER,
            f"order {report.order.client_order_id} ({report.order.side.value} {report.order.quantity} "
            f"{report.order.symbol}) works at the broker and is not the platform's",
        )
        for report in open_orders
        if report.order.client_order_id not in known
    ]
