"""From targets to orders: one pure function, and a plan that explains every symbol."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal
from enum import Enum
from functools import cache

from quant_platform_kit.domain.identity import RunKey, client_order_id
from quant_platform_kit.domain.orders import Order, Side
from quant_platform_kit.domain.portfolio import PortfolioSnapshot, Quote
from quant_platform_kit.domain.translation import ExecutionTargets

__all__ = ["IDEAL", "REALISTIC", "ExecutionRules", "OrderPlan", "PlanLine", "Residual", "cut_buys", "plan_orders"]

ZERO, ONE = Decimal(0), Decimal(1)
_QUANTITY_NOISE = Decimal("1e-9")
_BASIS_POINT = Decimal("1e-4")


@dataclass(frozen=True, slots=True)
class ExecutionRules:
    """How orders are sized and what trading is expected to cost.

    Attributes
    ----------
    quantity_step
        Smallest tradable quantity: 1 for whole shares.
    commission_bps, slippage_bps
        Basis points of the notional, of the price.
    cash_buffer
        Share of the base that buys leave in cash.
    minimum_notional
        Orders below this amount are not sent, except those that close a position.
    rebalance_threshold
        Share of the base below which a change is not traded, except one that closes a position.
    commission_per_share
        Of every unit, in its currency, beside the basis points.
    commission_minimum
        Of every order, in its currency: what its commission comes to at least.
    """

    quantity_step: Decimal = ONE
    commission_bps: Decimal = ONE
    slippage_bps: Decimal = Decimal(2)
    cash_buffer: Decimal = Decimal("0.005")
    minimum_notional: Decimal = Decimal(25)
    rebalance_threshold: Decimal = ZERO
    commission_per_share: Decimal = ZERO
    commission_minimum: Decimal = ZERO

    def at_costs_of(self, other: ExecutionRules) -> ExecutionRules:
        """Return these ways of sizing at what trading costs by other rules."""
        return replace(
            self,
            commission_bps=other.commission_bps,
            slippage_bps=other.slippage_bps,
            commission_per_share=other.commission_per_share,
            commission_minimum=other.commission_minimum,
        )

    def commission(self, quantity: Decimal, price: Decimal) -> Decimal:
        """Return what an order of ``quantity`` that fills at ``price`` pays; nothing where nothing is traded."""
        asked = quantity * price * (self.commission_bps * _BASIS_POINT)
        if self.commission_per_share:
            asked += quantity * self.commission_per_share
        return max(asked, self.commission_minimum) if quantity else ZERO

    def fill_price(self, side: Side, price: Decimal) -> Decimal:
        """Return the price expected after slippage."""
        slip = price * self.slippage_bps * _BASIS_POINT
        return price + slip if side is Side.BUY else price - slip

    def cash_effect(self, side: Side, quantity: Decimal, price: Decimal) -> Decimal:
        """Return what trading ``quantity`` at the quote ``price`` does to cash, costs included."""
        paid = self.fill_price(side, price)
        notional, commission = quantity * paid, self.commission(quantity, paid)
        return -notional - commission if side is Side.BUY else notional - commission

    def whole(self, quantity: Decimal) -> Decimal:
        """Return ``quantity`` rounded down to the tradable step."""
        return (quantity / self.quantity_step).to_integral_value(ROUND_DOWN) * self.quantity_step

    def cut(self, costs: Collection[Decimal], cash: Decimal) -> Decimal:
        """Return the share of each buy that cash pays for, at most all.

        Parameters
        ----------
        costs
            What each buy takes, costs included. A commission that is at its minimum does not shrink with its order.
        """
        needed, fixed = sum(costs, ZERO), self.commission_minimum * sum(map(bool, costs))
        return ONE if needed <= max(ZERO, cash) else max(ZERO, cash - fixed) / (needed - fixed)


REALISTIC = ExecutionRules()
"""Whole shares, 1 bp commission, 2 bp slippage, 0.5 % cash buffer, 25 USD minimum notional."""

IDEAL = ExecutionRules(_QUANTITY_NOISE, ZERO, ZERO, ZERO, ZERO, ZERO)
"""Fractional quantities, no costs, no buffer, no thresholds."""


class Residual(Enum):
    """Why a target is not reached to the cent."""

    NONE = "at target"
    LOTS = "quantity step"
    MINIMUM_NOTIONAL = "below the minimum notional"
    THRESHOLD = "inside the rebalance threshold"
    CASH = "cash and buffer"
    BUY_ONLY = "buy-only: not sold"


@dataclass(frozen=True, slots=True)
class PlanLine:
    """What the plan does about one symbol.

    Attributes
    ----------
    current, target
        Units held, and units the target stands for (not rounded).
    residual
        Target minus what the order reaches, in the portfolio's currency at the quote.
    why
        What the residual is owed to.
    """

    symbol: str
    current: Decimal
    target: Decimal
    price: Decimal | None
    order: Order | None
    residual: Decimal
    why: Residual


@dataclass(frozen=True, slots=True)
class OrderPlan:
    """Every target symbol's line, ascending by symbol."""

    lines: tuple[PlanLine, ...]

    @property
    def orders(self) -> tuple[Order, ...]:
        """The orders in sending sequence: sells by symbol, then buys by symbol."""
        orders = [line.order for line in self.lines if line.order]
        return tuple(sorted(orders, key=lambda order: (order.side is Side.BUY, order.symbol)))


@dataclass(frozen=True, slots=True)
class _Move:
    """A signed wish for one symbol, on its way to an order."""

    symbol: str
    current: Decimal
    target: Decimal
    price: Decimal
    delta: Decimal
    why: Residual

    @property
    def side(self) -> Side:
        return Side.BUY if self.delta > 0 else Side.SELL


def plan_orders(
    key: RunKey,
    portfolio: PortfolioSnapshot,
    targets: ExecutionTargets,
    quotes: Mapping[str, Quote],
    rules: ExecutionRules,
) -> OrderPlan:
    """Plan the orders that lead from ``portfolio`` to ``targets`` at one set of quotes.

    Sells come first; buys are cut, all by one factor, to what may be spent + expected sale proceeds - costs - buffer,
    and never enlarged. No order sells more than is held. An explicit zero closes the position whatever its size.

    Parameters
    ----------
    quotes
        Holds every symbol with a non-zero target or holding; see `quant_platform_kit.domain.gates.missing_prices`.
    """
    values = targets.values
    held = {position.symbol: position.quantity for position in portfolio.positions}
    idle = [symbol for symbol, value in values.items() if not value and symbol not in held]
    wishes = [
        _wish(symbol, held.get(symbol, ZERO), value, quotes[symbol].price)
        for symbol, value in values.items()
        if value or symbol in held
    ]
    moves = [_settle(wish, targets, rules) for wish in wishes]
    moves = _cut_to_cash(moves, portfolio.may_spend - rules.cash_buffer * max(targets.base, ZERO), rules)
    lines = [_line(key, move, values[move.symbol]) for move in moves]
    lines += map(_idle, idle)
    return OrderPlan(tuple(sorted(lines, key=lambda line: line.symbol)))


@cache
def _idle(symbol: str) -> PlanLine:
    """Return the line of a symbol that is neither held nor wanted: most are, and all of their lines are equal."""
    return PlanLine(symbol, ZERO, ZERO, None, None, ZERO, Residual.NONE)


def _wish(symbol: str, current: Decimal, value: Decimal, price: Decimal) -> _Move:
    target = (value / price).quantize(_QUANTITY_NOISE, ROUND_HALF_EVEN)
    return _Move(symbol, current, target, price, target - current, Residual.NONE)


def _settle(wish: _Move, targets: ExecutionTargets, rules: ExecutionRules) -> _Move:
    """Round a wish to what may be traded, and say why it shrank."""
    if wish.delta < 0 and targets.buy_only and wish.symbol not in targets.closing:
        return replace(wish, delta=ZERO, why=Residual.BUY_ONLY)
    closes = not wish.target
    if closes:
        delta = -rules.whole(wish.current)
    else:
        delta = rules.whole(wish.delta) if wish.delta > 0 else -rules.whole(wish.current - rules.whole(wish.target))
    lots = Residual.LOTS if delta != wish.delta else Residual.NONE
    if not delta or closes:
        return replace(wish, delta=delta, why=lots)
    notional = abs(delta) * wish.price
    if notional < rules.minimum_notional:
        return replace(wish, delta=ZERO, why=Residual.MINIMUM_NOTIONAL)
    if notional < rules.rebalance_threshold * targets.base:
        return replace(wish, delta=ZERO, why=Residual.THRESHOLD)
    return replace(wish, delta=delta, why=lots)


def _cut_to_cash(moves: Sequence[_Move], cash: Decimal, rules: ExecutionRules) -> list[_Move]:
    effects = [(move.side, rules.cash_effect(move.side, abs(move.delta), move.price)) for move in moves]
    available = sum((effect for side, effect in effects if side is Side.SELL), cash)
    share = rules.cut([-effect for side, effect in effects if side is Side.BUY], available)
    return [_cut(move, share, rules) if move.delta > 0 and share < ONE else move for move in moves]


def _cut(move: _Move, factor: Decimal, rules: ExecutionRules) -> _Move:
    delta = rules.whole(move.delta * factor)
    if delta * move.price < rules.minimum_notional:
        delta = ZERO
    return replace(move, delta=delta, why=Residual.CASH)


def cut_buys(
    buys: Sequence[Order], prices: Mapping[str, Decimal], cash: Decimal, rules: ExecutionRules
) -> dict[str, Decimal]:
    """Return the quantity of each buy, by client order id: all cut by one factor to what ``cash`` pays for.

    Parameters
    ----------
    prices
        Of each symbol, as it was planned at.
    cash
        What may be spent once the sells are done, less the buffer.
    """
    share = rules.cut([-rules.cash_effect(Side.BUY, each.quantity, prices[each.symbol]) for each in buys], cash)
    if share == ONE:
        return {order.client_order_id: order.quantity for order in buys}
    cut = {order.client_order_id: rules.whole(order.quantity * share) for order in buys}
    worth = {order.client_order_id: cut[order.client_order_id] * prices[order.symbol] for order in buys}
    return {name: quantity if worth[name] >= rules.minimum_notional else ZERO for name, quantity in cut.items()}


def _line(key: RunKey, move: _Move, value: Decimal) -> PlanLine:
    order = None
    if move.delta:
        identity = client_order_id(key, move.symbol, move.side.value, 0)
        order = Order(identity, move.symbol, move.side, abs(move.delta))
    residual = value - (move.current + move.delta) * move.price
    return PlanLine(move.symbol, move.current, move.target, move.price, order, residual, move.why)
