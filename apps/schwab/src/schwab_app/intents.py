"""What is durable about orders at a broker that knows no client order id.

Below ``schwab/<account>/``: ``orders/<UTC day>/<client order id>.<fingerprint>`` is written before an order leaves,
with the ids of the orders that were there: one list of a day tells which orders left, and which look the same.
``taken/<order id>`` says whose an order of Schwab is, and ``placed/<client order id>`` what became of ours. Each is
written once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from quant_platform_kit.domain.digests import canonical_json
from quant_platform_kit.domain.errors import Conflict, NeedsOperator
from quant_platform_kit.domain.orders import Order, Side
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.record.objects import decode
from quant_platform_kit.services.record.sent_orders import SentOrders

__all__ = ["Fingerprint", "Intent", "Intents", "Placed"]


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """All that tells orders apart; ``limit`` is None for a market order."""

    symbol: str
    side: Side
    quantity: Decimal
    limit: Decimal | None

    @classmethod
    def of(cls, order: Order) -> Fingerprint:
        """Return that of an order."""
        return cls(order.symbol, order.side, order.quantity, order.limit_price)

    def __str__(self) -> str:
        kind = "market" if self.limit is None else f"limit {self.limit.normalize():f}"
        return f"{self.side.value} {self.quantity.normalize():f} {self.symbol} {kind}"


@dataclass(frozen=True, slots=True)
class Intent:
    """An order about to be sent, when (aware UTC), and the ids of the account's orders then."""

    order: Order
    sent_at: datetime
    known: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Placed:
    """What became of an order: Schwab's id, or 0 and why nothing was or will be traded."""

    order_id: int
    refused: str = ""


@dataclass(frozen=True, slots=True)
class _Owner:
    client_order_id: str


class Intents:
    """The orders of one account; what was read or written once is remembered, as it never changes."""

    def __init__(self, store: VersionedStore, account_id: str) -> None:
        self._store, self._root = store, f"schwab/{account_id}"
        self._sent = SentOrders(store, f"{self._root}/orders", Intent)
        self._placed: dict[str, Placed] = {}

    def known(self, client_order_id: str) -> Intent | None:
        """Return what was to be sent, on whatever day, None if that never was."""
        return self._sent.search(client_order_id)

    def record(self, intent: Intent) -> bool:
        """Record that an order is about to be sent; False if that was done."""
        identity = intent.order.client_order_id
        return self._sent.record(identity, intent, f"{_day(intent.sent_at)}{identity}.{_name(intent.order)}")

    def of_today(self, order: Order, now: datetime) -> tuple[Intent | None, list[Intent]]:
        """Return what was to be sent under an order's id today, and what of today looks the same and is not settled.

        Ids are used on one day only: the ledger sends no order of an earlier session.
        """
        today = [self._sent.named(name) for name in self._sent.names(_day(now)) if _concerns(name, order)]
        own = next((intent for intent in today if intent.order.client_order_id == order.client_order_id), None)
        alike = [intent for intent in today if intent is not own]
        return own, [intent for intent in alike if self.placed(intent.order.client_order_id) is None]

    def placed(self, client_order_id: str) -> Placed | None:
        """Return what became of an order, None while that is not known."""
        if client_order_id not in self._placed:
            key = f"{self._root}/placed/{client_order_id}"
            if (stored := self._store.get(key)) is None:
                return None
            self._placed[client_order_id] = decode(Placed, stored.data, key)
        return self._placed[client_order_id]

    def owner(self, order_id: int) -> str | None:
        """Return whose an order of Schwab is."""
        key = f"{self._root}/taken/{order_id}"
        stored = self._store.get(key)
        return None if stored is None else decode(_Owner, stored.data, key).client_order_id

    def adopt(self, client_order_id: str, order_id: int) -> None:
        """Record that an order of Schwab is ours; `NeedsOperator` if it is another one's."""
        try:
            self._store.create(f"{self._root}/taken/{order_id}", canonical_json(_Owner(client_order_id)))
        except Conflict:
            if (owner := self.owner(order_id)) != client_order_id:
                raise NeedsOperator(
                    f"order {order_id} at Schwab is {owner}, and looks like {client_order_id}"
                ) from None
        self._settle(client_order_id, Placed(order_id))

    def refuse(self, client_order_id: str, why: str) -> None:
        """Record that nothing was or will be traded."""
        self._settle(client_order_id, Placed(0, why))

    def _settle(self, client_order_id: str, placed: Placed) -> None:
        try:
            self._store.create(f"{self._root}/placed/{client_order_id}", canonical_json(placed))
            self._placed[client_order_id] = placed
        except Conflict:
            if (known := self.placed(client_order_id)) != placed:
                raise NeedsOperator(f"order {client_order_id} is {placed}, and was recorded as {known}") from None


def _day(at: datetime) -> str:
    """Return the folder of a day's intents."""
    return f"{at.astimezone(UTC):%Y%m%d}/"


def _concerns(name: str, order: Order) -> bool:
    """Whether an intent's name has an order's id, or all that tells the order apart."""
    return f"/{order.client_order_id}." in name or name.endswith(f".{_name(order)}")


def _name(order: Order) -> str:
    """Return what tells an order apart, as the end of a key."""
    limit = "MKT" if order.limit_price is None else f"{order.limit_price.normalize():f}"
    name = f"{order.symbol}-{order.side.value}-{order.quantity.normalize():f}-{limit}"
    return "".join(c if c.isalnum() or c in "._-" else "_" for c in name)
