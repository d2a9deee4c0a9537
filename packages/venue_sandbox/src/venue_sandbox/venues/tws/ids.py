"""Order ids: which one a client is told to use next, and what the venue's orders are called on the wire."""

from __future__ import annotations

from venue_sandbox.exchange.exchange import Exchange
from venue_sandbox.exchange.orders import VenueOrder

__all__ = ["OrderIds", "client_of", "order_id_of", "permanent_id"]

FIRST = 1
NOTE = "tws.id_rollback"
PERMANENT_IDS = 1_000_000_000
SEEDS = 900
ORDERS_PER_SEED = 1_000_000


def client_of(order: VenueOrder) -> int:
    """Return the client id of an order."""
    return int(order.ticket.client)


def order_id_of(order: VenueOrder) -> int:
    """Return the order id that its client gave an order."""
    return int(order.ticket.client_order)


def permanent_id(exchange: Exchange, order: VenueOrder) -> int:
    """Return the id that no client chooses and that never changes."""
    return PERMANENT_IDS + (exchange.book.seed or 0) % SEEDS * ORDERS_PER_SEED + order.number


class OrderIds:
    """Order ids by client. They only grow, also over restarts, until they are rolled back."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def next_id(self, client: int) -> int:
        """Return the lowest id that a client may use."""
        since, first = self._rolled_back()
        orders = list(self._exchange.book.orders.values())[since:]
        return max((order_id_of(order) + 1 for order in orders if client_of(order) == client), default=first)

    def find(self, client: int, order_id: int) -> VenueOrder | None:
        """Return the newest order of a client with an id."""
        for order in reversed(self._exchange.book.orders.values()):
            if (client_of(order), order_id_of(order)) == (client, order_id):
                return order
        return None

    def roll_back(self, next_id: int) -> None:
        """Forget which ids were used."""
        self._exchange.note(NOTE, f"{len(self._exchange.book.orders)}:{next_id}")

    def _rolled_back(self) -> tuple[int, int]:
        """Return how many orders the last roll-back forgot, and the id it began with."""
        since, _, first = self._exchange.book.notes.get(NOTE, f"0:{FIRST}").partition(":")
        return int(since), int(first)
