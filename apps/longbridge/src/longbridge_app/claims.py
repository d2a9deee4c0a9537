"""Which orders were sent, so that one that may have been sent before is looked for before it is sent, or never is.

``longbridge/<account>/sent/<client order id>`` is written once, before an order leaves.
"""

from __future__ import annotations

from quant_platform_kit.domain.digests import canonical_json
from quant_platform_kit.domain.errors import Conflict
from quant_platform_kit.domain.orders import Order
from quant_platform_kit.ports.versioned_store import VersionedStore

__all__ = ["Claims"]


class Claims:
    """The right to send an order, which is there once."""

    def __init__(self, store: VersionedStore, account_id: str) -> None:
        self._store, self._root = store, f"longbridge/{account_id}/sent"

    def take(self, order: Order) -> bool:
        """Take the right to send an order; False if it was taken before, by whomever."""
        try:
            self._store.create(self._key(order.client_order_id), canonical_json(order))
        except Conflict:
            return False
        return True

    def taken(self, client_order_id: str) -> bool:
        """Whether somebody took the right to send an order."""
        return self._store.get(self._key(client_order_id)) is not None

    def _key(self, client_order_id: str) -> str:
        return f"{self._root}/{client_order_id}"
