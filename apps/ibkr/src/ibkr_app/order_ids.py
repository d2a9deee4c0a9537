"""Order ids that survive: each order's id is in the store before the order is sent, and none is given twice.

``ibkr/client-<id>/next`` says up to where ids are reserved; a process reserves a hundred at a time, so that this object
is rewritten rarely. ``ibkr/client-<id>/orders/<client order id>`` holds the id of one order, and what it was.
"""

from __future__ import annotations

from dataclasses import dataclass

from quant_platform_kit.domain.digests import canonical_json
from quant_platform_kit.domain.errors import Conflict, OrderRejected
from quant_platform_kit.domain.orders import Order, refuse_used_id
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.record.objects import decode
from quant_platform_kit.services.record.sent_orders import SentOrders

__all__ = ["OrderIds", "Reserved"]

BLOCK = 100


@dataclass(frozen=True, slots=True)
class Reserved:
    """An order and the id it is sent under, by an account."""

    order_id: int
    account_id: str
    order: Order


@dataclass(frozen=True, slots=True)
class _Next:
    order_id: int


class OrderIds:
    """The ids of one API client."""

    def __init__(self, store: VersionedStore, client_id: int) -> None:
        self._store = store
        self._root = f"ibkr/client-{client_id}"
        self._sent = SentOrders(store, f"{self._root}/orders", Reserved)
        self._next = self._end = 0

    def known(self, client_order_id: str) -> Reserved | None:
        """Return what is recorded of an order, None if it was never to be sent."""
        return self._sent.find(client_order_id)

    def reserve(self, account_id: str, order: Order, least: int) -> Reserved:
        """Return the id to send an order under, durably recorded; the same one every time.

        Parameters
        ----------
        least
            The lowest id that the Gateway takes: it may be ahead of the store, and after a roll-back behind it.

        Raises
        ------
        OrderRejected
            The client order id was used for another order.
        """
        known = self.known(order.client_order_id)
        while known is None:
            mine = Reserved(self._take(least), account_id, order)
            recorded = self._sent.record(order.client_order_id, mine)
            known = mine if recorded else self.known(order.client_order_id)
        refuse_used_id(known.order, order)
        if known.account_id != account_id:
            raise OrderRejected(
                f"client order id {order.client_order_id} was used on {known.account_id}; ids are used once"
            )
        return known

    def _take(self, least: int) -> int:
        if not max(self._next, least) < self._end:
            self._reserve_block(least)
        self._next = max(self._next, least) + 1
        return self._next - 1

    def _reserve_block(self, least: int) -> None:
        key = f"{self._root}/next"
        stored = self._store.get(key)
        first = max(least, decode(_Next, stored.data, key).order_id if stored else 1)
        after = canonical_json(_Next(first + BLOCK))
        try:
            if stored is None:
                self._store.create(key, after)
            else:
                self._store.replace(key, after, stored.generation)
        except Conflict:
            self._reserve_block(least)
            return
        self._next, self._end = first, first + BLOCK
