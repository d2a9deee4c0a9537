"""Let time pass at a venue: accepted orders reach the exchange, working ones trade part by part."""

from __future__ import annotations

import asyncio
import time

from venue_sandbox.exchange.exchange import Exchange
from venue_sandbox.exchange.orders import Execution, OrderStatus, VenueOrder

__all__ = ["Pacer"]

IDLE_SECONDS = 0.05
CANCELLED_BY_VENUE = "Cancelled by the sandbox after a partial fill"


class Pacer:
    """Moves every live order on, one step at a time; observes its exchange to learn when there is something to do.

    Parameters
    ----------
    delay
        Seconds between two steps of an order.
    """

    def __init__(self, exchange: Exchange, delay: float) -> None:
        self._exchange = exchange
        self._delay = delay
        self._due: dict[int, float] = {}
        self._wake = asyncio.Event()

    def hold_back(self, number: int, seconds: float) -> None:
        """Let an order take its next step only after a while."""
        self._due[number] = time.monotonic() + seconds

    async def run(self) -> None:
        """Move orders until cancelled."""
        while True:
            self._exchange.tick()
            now = time.monotonic()
            for order in self._exchange.book.live():
                if self._due.get(order.number, 0.0) <= now:
                    self._step(order)
            await self._rest()

    def order_changed(self, order: VenueOrder) -> None:
        """Look at the orders again."""
        self._wake.set()

    def executed(self, order: VenueOrder, execution: Execution) -> None:
        """Nothing to do: who executed comes back by itself."""

    def account_changed(self, account: str, symbol: str | None) -> None:
        """Nothing to do: orders do not depend on it any more."""

    def price_changed(self, symbol: str) -> None:
        """Look at the orders again."""
        self._wake.set()

    def _step(self, order: VenueOrder) -> None:
        if not self._exchange.is_open():
            return
        if order.status is OrderStatus.ACCEPTED:
            self._exchange.work(order.number)
        elif order.hold is not None and order.hold.then_cancel and order.filled >= order.hold.up_to:
            self._exchange.cancel(order.number, CANCELLED_BY_VENUE)
        elif self._exchange.match(order.number) is None:
            return
        self.hold_back(order.number, self._delay)

    async def _rest(self) -> None:
        """Wait until an order is due or the exchange has news, at most a moment."""
        now = time.monotonic()
        waits = [due - now for due in self._due.values() if due > now]
        self._wake.clear()
        try:
            await asyncio.wait_for(self._wake.wait(), min([*waits, IDLE_SECONDS]))
        except TimeoutError:
            return
