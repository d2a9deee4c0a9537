"""What a test of the broker contract arranges behind the broker's back."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

from quant_platform_kit.domain.orders import Order

__all__ = ["VenueControl"]


class VenueControl(Protocol):
    """The venue that the ``broker`` of a contract test trades at, and the account it trades on.

    What is arranged for an order is arranged before it is submitted, and holds for that order only.
    """

    def now(self) -> datetime:
        """Return the venue's present instant, aware UTC, inside a session unless `close_session` was called."""
        ...

    def price(self, symbol: str) -> Decimal:
        """Return what the venue quotes now."""
        ...

    def move(self, symbol: str, price: Decimal) -> None:
        """Have the venue quote ``price`` from now on."""
        ...

    def partial(self, order: Order, share: Decimal) -> None:
        """Have an order fill to a share of its quantity, and then wait for `release`."""
        ...

    def rest(self, order: Order) -> None:
        """Have an order be taken and not fill until `release`."""
        ...

    def release(self) -> None:
        """Fill the orders that wait."""
        ...

    def lose_acknowledgement(self, order: Order) -> None:
        """Have an order be taken and filled, and its sender hear nothing of it."""
        ...

    def drop(self, order: Order) -> None:
        """Have an order get lost on its way, and its sender hear nothing of it."""
        ...

    def stale(self, symbol: str, age: timedelta) -> None:
        """Have the quotes of a symbol be as old as ``age``."""
        ...

    def close_session(self) -> None:
        """Have the exchange be closed."""
        ...

    def open_session(self) -> None:
        """Have it be open again."""
        ...

    def split(self, symbol: str, ratio: Decimal) -> None:
        """Turn one unit of a symbol into ``ratio`` units, and divide its price."""
        ...

    def drop_connections(self) -> None:
        """Cut every connection; new ones are taken at once."""
        ...

    def restart(self) -> None:
        """Stop the venue and start it again; it serves when this returns."""
        ...
