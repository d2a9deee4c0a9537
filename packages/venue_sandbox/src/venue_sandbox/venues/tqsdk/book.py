"""The book of one account: funds, positions, orders and trades of a trading day, and what each step does to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from venue_sandbox.venues.tqsdk.contracts import Contract
from venue_sandbox.venues.tqsdk.orders import FINISHED, Order, Trade, order_document, trade_document
from venue_sandbox.venues.tqsdk.positions import Frozen, Lots, Position, Side, position_document
from venue_sandbox.venues.tqsdk.products import SPLIT

__all__ = ["Book", "Funds", "Market"]


@dataclass(frozen=True, slots=True)
class Market:
    """What a book needs of the market: contracts, and last prices."""

    contracts: Mapping[str, Contract]
    last: Callable[[str], float]


@dataclass(slots=True)
class Funds:
    """What is known of an account's money beside its positions.

    Attributes
    ----------
    static
        The balance with which the day began, and what was paid in since.
    """

    static: float
    pre: float
    deposit: float = 0.0
    withdraw: float = 0.0
    close_profit: float = 0.0
    commission: float = 0.0


@dataclass(slots=True)
class Book:
    """One account.

    Attributes
    ----------
    orders
        By number.
    shown
        The number of the order that is shown under an id.
    known
        Ids that the gateway's memory knows.
    living
        Numbers of the orders that may still trade.
    """

    user: str
    market: Market
    funds: Funds
    positions: dict[str, Position] = field(default_factory=dict[str, Position])
    orders: dict[int, Order] = field(default_factory=dict[int, Order])
    trades: dict[str, Trade] = field(default_factory=dict[str, Trade])
    shown: dict[str, int] = field(default_factory=dict[str, int])
    known: set[str] = field(default_factory=set[str])
    living: set[int] = field(default_factory=set[int])

    # --- what is asked ---------------------------------------------------------------------------

    def find(self, order_id: str) -> Order | None:
        """Return the order that is shown under an id."""
        number = self.shown.get(order_id)
        return None if number is None else self.orders[number]

    def _alive(self) -> list[Order]:
        return [self.orders[number] for number in sorted(self.living)]

    def position(self, symbol: str) -> Position:
        """Return a position, which is made if there is none."""
        return self.positions.setdefault(symbol, Position(symbol))

    def ages(self, order: Order) -> tuple[Side, tuple[Lots, ...]]:
        """Return what an order closes: lots of which ages, in sequence."""
        side = self.position(order.request.symbol).side(order.request.side)
        if self.market.contracts[order.request.symbol].product.exchange not in SPLIT:
            return side, (side.his, side.today)
        return side, ((side.today,) if order.request.offset == "CLOSETODAY" else (side.his,))

    @property
    def margin(self) -> float:
        """Margin of all positions."""
        return sum((it.margin(self.market.contracts[it.symbol]) for it in self.positions.values()), 0.0)

    @property
    def frozen_margin(self) -> float:
        """Margin that orders have frozen."""
        return sum((order.margin for order in self._alive()), 0.0)

    @property
    def frozen_commission(self) -> float:
        """Commission that orders have frozen."""
        return sum((order.commission for order in self._alive()), 0.0)

    @property
    def profit(self) -> float:
        """Profit of all positions since the last settlement."""
        contracts, last = self.market.contracts, self.market.last
        return sum((it.profit(contracts[it.symbol], last(it.symbol)) for it in self.positions.values()), 0.0)

    @property
    def balance(self) -> float:
        """The balance at the last prices."""
        return self.funds.static + self.funds.close_profit + self.profit - self.funds.commission

    @property
    def available(self) -> float:
        """What may be used for further orders."""
        return self.balance - self.margin - self.frozen_margin - self.frozen_commission

    # --- what happens ----------------------------------------------------------------------------

    def enter(self, order: Order) -> None:
        """Take note of an order; nothing is frozen yet."""
        self.orders[order.number] = order
        self.living.add(order.number)
        self.shown[order.id] = order.number

    def freeze(self, order: Order, price: float) -> None:
        """Freeze what an order needs: margin and commission, or lots."""
        product = self.market.contracts[order.request.symbol].product
        order.commission = round(product.commission * order.left, 2)
        if order.request.offset == "OPEN":
            order.margin = round(price * product.multiple * product.margin * order.left, 2)
        else:
            side, ages = self.ages(order)
            order.frozen = side.freeze(order.left, ages)

    def fill(self, order: Order, volume: int, price: float, sequence: int, at: int) -> Trade:
        """Trade lots of an order; return the trade."""
        left = order.left - volume
        order.margin = round(order.margin * left / order.left, 2)
        order.commission = round(order.commission * left / order.left, 2)
        closed_today = self._move(order, volume, price)
        product = self.market.contracts[order.request.symbol].product
        commission = round(
            product.commission * (volume - closed_today) + product.commission_today * closed_today,
            2,
        )
        self.funds.commission = round(self.funds.commission + commission, 2)
        order.left = left
        order.traded += price * volume
        order.message = "部分成交" if left else "全部成交"
        if not left:
            order.status = FINISHED
            self.living.discard(order.number)
        trade = Trade(
            id=f"{order.id}|{sequence}",
            order=order.number,
            sequence=sequence,
            volume=volume,
            price=price,
            commission=commission,
            at=at,
        )
        self.trades[trade.id] = trade
        return trade

    def _move(self, order: Order, volume: int, price: float) -> int:
        """Open or close lots; return how many of today were closed."""
        side = self.position(order.request.symbol).side(order.request.side)
        if order.request.offset == "OPEN":
            side.today.add(volume, price)
            return 0
        his = min(volume, order.frozen.his)
        today = volume - his
        side.thaw(Frozen(his, today))
        order.frozen = Frozen(order.frozen.his - his, order.frozen.today - today)
        cost = (side.his.take(his) if his else 0.0) + (side.today.take(today) if today else 0.0)
        sign = 1 if order.request.side == "long" else -1
        multiple = self.market.contracts[order.request.symbol].product.multiple
        self.funds.close_profit = round(self.funds.close_profit + sign * (price * volume - cost) * multiple, 2)
        return today

    def finish(self, order: Order, message: str) -> None:
        """End an order; what it had frozen is free again."""
        order.status, order.message = FINISHED, message
        self.living.discard(order.number)
        order.margin = order.commission = 0.0
        if order.frozen != Frozen():
            self.position(order.request.symbol).side(order.request.side).thaw(order.frozen)
            order.frozen = Frozen()

    def rename(self) -> None:
        """Show every order by the id of the trading system, as a gateway does whose memory is lost."""
        for order in self.orders.values():
            order.id = order.server_id
        self.shown = {order.id: order.number for order in self.orders.values()}
        self.trades = {
            f"{self.orders[trade.order].id}|{trade.sequence}": _renamed(trade, self.orders[trade.order].id)
            for trade in self.trades.values()
        }
        self.known.clear()

    def forget(self) -> None:
        """Forget all orders and trades; what orders had frozen is free again."""
        for order in self._alive():
            self.finish(order, "已撤单")
        for forgotten in (self.orders, self.trades, self.shown, self.known, self.living):
            forgotten.clear()

    def settle(self, prices: Mapping[str, float]) -> None:
        """End the trading day: orders and trades are forgotten, positions are marked at the settlement prices."""
        self.forget()
        contracts = self.market.contracts
        profit = sum(it.profit(contracts[it.symbol], prices[it.symbol]) for it in self.positions.values())
        static = round(self.funds.static + self.funds.close_profit + profit - self.funds.commission, 2)
        self.funds = Funds(static, static)
        for position in list(self.positions.values()):
            for side in (position.long, position.short):
                side.settle(prices[position.symbol])
            if position.empty:
                del self.positions[position.symbol]

    # --- what is shown ---------------------------------------------------------------------------

    def order_shown(self, order: Order) -> dict[str, Any]:
        """Return the document of an order."""
        return order_document(self.user, order)

    def trade_shown(self, trade: Trade) -> dict[str, Any]:
        """Return the document of a trade."""
        return trade_document(self.user, self.orders[trade.order], trade)

    def position_shown(self, symbol: str) -> dict[str, Any]:
        """Return the document of a position."""
        return position_document(
            self.user, self.position(symbol), self.market.contracts[symbol], self.market.last(symbol)
        )

    def account_shown(self) -> dict[str, Any]:
        """Return the document of the account.

        The balance is static_balance + close_profit + position_profit - commission, and what is available the balance
        - margin - frozen_margin - frozen_commission, exactly, where they are reckoned in this order.
        """
        funds, profit, balance, margin = self.funds, self.profit, self.balance, self.margin
        contracts, last = self.market.contracts, self.market.last
        floating = sum((it.float_profit(contracts[it.symbol], last(it.symbol)) for it in self.positions.values()), 0.0)
        return {
            "user_id": self.user,
            "currency": "CNY",
            "pre_balance": funds.pre,
            "static_balance": funds.static,
            "balance": balance,
            "available": self.available,
            "ctp_balance": balance,
            "ctp_available": self.available,
            "deposit": funds.deposit,
            "withdraw": funds.withdraw,
            "close_profit": funds.close_profit,
            "position_profit": profit,
            "float_profit": floating,
            "commission": funds.commission,
            "margin": margin,
            "frozen_margin": self.frozen_margin,
            "frozen_commission": self.frozen_commission,
            "premium": 0.0,
            "frozen_premium": 0.0,
            "market_value": 0.0,
            "risk_ratio": margin / balance if balance else 0.0,
        }

    def shown_orders(self) -> dict[str, Any]:
        """Return the documents of all orders that are shown."""
        return {order_id: self.order_shown(self.orders[number]) for order_id, number in self.shown.items()}

    def shown_trades(self) -> dict[str, Any]:
        """Return the documents of all trades."""
        return {trade_id: self.trade_shown(trade) for trade_id, trade in self.trades.items()}

    def shown_positions(self) -> dict[str, Any]:
        """Return the documents of all positions."""
        return {symbol: self.position_shown(symbol) for symbol in self.positions}


def _renamed(trade: Trade, order_id: str) -> Trade:
    return Trade(
        id=f"{order_id}|{trade.sequence}",
        order=trade.order,
        sequence=trade.sequence,
        volume=trade.volume,
        price=trade.price,
        commission=trade.commission,
        at=trade.at,
    )
