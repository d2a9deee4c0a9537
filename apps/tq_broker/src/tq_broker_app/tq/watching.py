"""What has changed since the last look, in the thread that owns the TqApi."""

from __future__ import annotations

from dataclasses import dataclass, field

from tq_broker_app.tq.reading import View
from tq_broker_app.trading.venue_orders import VenueOrder, VenueTrade

__all__ = ["Changes", "OrderWatch"]


@dataclass(frozen=True, slots=True)
class Changes:
    """Orders that look different, and trades that were not there."""

    orders: dict[str, VenueOrder]
    trades: list[VenueTrade]


@dataclass(slots=True)
class OrderWatch:
    """The last look at all orders and trades; closed orders are not looked at again.

    An order is closed once it has come to its end and its trades add up: trades may be told later than the end.
    """

    _seen: dict[str, VenueOrder] = field(default_factory=dict[str, VenueOrder])
    _trades: set[str] = field(default_factory=set[str])
    _volumes: dict[str, int] = field(default_factory=dict[str, int])
    _closed: set[str] = field(default_factory=set[str])

    def look(self, view: View) -> Changes:
        """Return what has changed since the last look; everything at the first."""
        trades = [view.trade(trade_id) for trade_id in view.trade_ids() if trade_id not in self._trades]
        for trade in trades:
            self._trades.add(trade.trade_id)
            self._volumes[trade.order_id] = self._volumes.get(trade.order_id, 0) + trade.volume
        orders: dict[str, VenueOrder] = {}
        for order_id in view.order_ids():
            if order_id not in self._closed and (order := view.order(order_id)) != self._seen.get(order_id):
                self._seen[order_id] = orders[order_id] = order
                self._close(order)
        for trade in trades:
            if trade.order_id in self._seen:
                self._close(self._seen[trade.order_id])
        return Changes(orders, trades)

    def _close(self, order: VenueOrder) -> None:
        if not order.alive and order.filled == self._volumes.get(order.order_id, 0):
            self._closed.add(order.order_id)
