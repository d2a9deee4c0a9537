"""The gates before a broker, as pure functions: each returns the sentences that forbid, nothing when it lets pass."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from quant_platform_kit.domain.orders import Order, Side
from quant_platform_kit.domain.planning import ExecutionRules, OrderPlan
from quant_platform_kit.domain.portfolio import PortfolioSnapshot, Quote
from quant_platform_kit.domain.sessions import SessionHours
from quant_platform_kit.domain.translation import ExecutionTargets

__all__ = [
    "PRICE_BASIS",
    "PRICE_JUMP",
    "PRICE_JUMP_ALONE",
    "RiskLimits",
    "margin_gate",
    "missing_prices",
    "move_gate",
    "notional_gate",
    "plan_gates",
    "price_age_gate",
    "session_gate",
    "short_gate",
    "turnover_gate",
    "weight_gate",
]

ZERO = Decimal(0)
PRICE_BASIS = Decimal("0.08")
"""How far a venue's previous close may be from the history's: the largest dividend step of the sample is 4.9 %."""
PRICE_JUMP = Decimal("0.40")
"""How far a price may be from the last one that was believed, as a share: no ETF moved so far in a day."""
PRICE_JUMP_ALONE = Decimal("0.25")
"""The same where no previous close of the venue agrees with the history."""
_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class RiskLimits:
    """Limits of a run; None switches one off.

    Attributes
    ----------
    max_order_notional
        Per order, in the portfolio's currency.
    max_turnover
        Sum of all order notionals as a share of the base.
    max_weight
        Largest target as a share of the base.
    max_price_move
        Largest relative move of a quote since the decision's close.
    max_price_age
        Oldest quote to trade at.
    price_basis
        Farthest that a venue's previous close may be from the history's last close, as a share.
    price_jump, price_jump_alone
        Farthest that a quote may be from the history's last close, as a share: where the previous close agrees, and
        where there is none. See `quant_platform_kit.domain.price_jumps`.
    """

    max_order_notional: Decimal | None = None
    max_turnover: Decimal | None = None
    max_weight: Decimal | None = None
    max_price_move: Decimal | None = None
    max_price_age: timedelta | None = timedelta(seconds=60)
    price_basis: Decimal | None = PRICE_BASIS
    price_jump: Decimal | None = PRICE_JUMP
    price_jump_alone: Decimal | None = PRICE_JUMP_ALONE


def missing_prices(targets: ExecutionTargets, portfolio: PortfolioSnapshot, quotes: Mapping[str, Quote]) -> list[str]:
    """Name every symbol that has to be traded or valued and has no quote."""
    held = {position.symbol for position in portfolio.positions}
    needed = (symbol for symbol, target in targets.targets.items() if target or symbol in held)
    absent = [symbol for symbol in needed if symbol not in quotes]
    has = "has" if len(absent) == 1 else "have"
    return [f"no price for {', '.join(absent)}, which {has} to be traded"] if absent else []


def session_gate(exchange: str, hours: SessionHours, now: datetime) -> list[str]:
    """Forbid trading outside the hours of a session."""
    if hours.contains(now):
        return []
    return [f"{exchange} is closed at {now:%Y-%m-%d %H:%M} UTC; it trades {_span(hours.open, hours.close)}"]


def _span(opens: datetime, closes: datetime) -> str:
    return f"{opens:%Y-%m-%d %H:%M} to {closes:%H:%M} UTC"


def price_age_gate(quotes: Iterable[Quote], now: datetime, limit: timedelta | None) -> list[str]:
    """Forbid trading at quotes older than ``limit``."""
    if limit is None:
        return []
    return [
        f"price of {quote.symbol} is {int((now - quote.as_of).total_seconds())} s old; the limit is "
        f"{int(limit.total_seconds())} s"
        for quote in quotes
        if now - quote.as_of > limit
    ]


def move_gate(quotes: Iterable[Quote], closes: Mapping[str, Decimal], limit: Decimal | None) -> list[str]:
    """Forbid trading at a quote that moved further than ``limit`` from the close decided on."""
    if limit is None:
        return []
    moves = ((q.symbol, abs(q.price / closes[q.symbol] - 1)) for q in quotes if q.symbol in closes)
    return [
        f"{symbol} moved {move:.2%} since the decision; the limit is {limit:.2%}"
        for symbol, move in moves
        if move > limit
    ]


def short_gate(orders: Iterable[Order], portfolio: PortfolioSnapshot) -> list[str]:
    """Forbid selling more than is held."""
    return [
        f"sell {order.quantity} {order.symbol} with {portfolio.quantity(order.symbol)} held: no short sales"
        for order in orders
        if order.side is Side.SELL and order.quantity > portfolio.quantity(order.symbol)
    ]


def margin_gate(
    orders: Iterable[Order], portfolio: PortfolioSnapshot, quotes: Mapping[str, Quote], rules: ExecutionRules
) -> list[str]:
    """Forbid buying for more than cash and expected sale proceeds; a cent of rounding is allowed."""
    orders = tuple(orders)
    effects = (rules.cash_effect(order.side, order.quantity, quotes[order.symbol].price) for order in orders)
    left = sum(effects, portfolio.cash)
    if left >= -_CENT or not any(order.side is Side.BUY for order in orders):
        return []
    return [f"the orders leave {left:.2f} {portfolio.currency} in cash: no margin"]


def notional_gate(orders: Iterable[Order], quotes: Mapping[str, Quote], limit: Decimal | None) -> list[str]:
    """Forbid an order larger than ``limit``."""
    if limit is None:
        return []
    sized = ((order, order.quantity * quotes[order.symbol].price) for order in orders)
    return [f"{o.side.value} {o.symbol} is {n:.2f}; the order limit is {limit}" for o, n in sized if n > limit]


def turnover_gate(
    orders: Iterable[Order], quotes: Mapping[str, Quote], base: Decimal, limit: Decimal | None
) -> list[str]:
    """Forbid a plan that turns over more than ``limit`` of the base."""
    if limit is None:
        return []
    traded = sum((order.quantity * quotes[order.symbol].price for order in orders), ZERO)
    return (
        [f"the plan trades {traded:.2f} of a base of {base:.2f}; the limit is {limit:.2%}"]
        if traded > limit * base
        else []
    )


def weight_gate(targets: ExecutionTargets, limit: Decimal | None) -> list[str]:
    """Forbid a target above ``limit`` of the base."""
    if limit is None:
        return []
    return [
        f"target of {symbol} is {value:.2f} of a base of {targets.base:.2f}; the limit is {limit:.2%}"
        for symbol, value in targets.values.items()
        if value > limit * targets.base
    ]


def plan_gates(
    plan: OrderPlan,
    targets: ExecutionTargets,
    portfolio: PortfolioSnapshot,
    quotes: Mapping[str, Quote],
    rules: ExecutionRules,
    limits: RiskLimits,
) -> list[str]:
    """Run every gate that judges a whole plan."""
    orders = plan.orders
    return [
        *short_gate(orders, portfolio),
        *margin_gate(orders, portfolio, quotes, rules),
        *notional_gate(orders, quotes, limits.max_order_notional),
        *turnover_gate(orders, quotes, targets.base, limits.max_turnover),
        *weight_gate(targets, limits.max_weight),
    ]
