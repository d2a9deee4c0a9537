"""A stand whose venue is a front of the sandbox's exchange: it is arranged over its control endpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, Self

from venue_sandbox.stands.stand import Opening, Stand

if TYPE_CHECKING:
    from quant_platform_kit.domain.orders import Order

__all__ = ["ExchangeControl", "ExchangeStand"]


class ExchangeStand(Stand):
    """A venue on the exchange core."""

    lost_order: ClassVar[str] = "silent_drop"
    """The fault by which an order gets lost on its way."""

    @classmethod
    def open(cls, opening: Opening) -> Self:
        """Start the venue with its accounts."""
        words = ["--folder", str(opening.folder / "venue")]
        for account, cash in opening.accounts.items():
            words += ["--account", f"{account}={','.join(f'{currency}:{units}' for currency, units in cash.items())}"]
        if opening.prices is not None:
            words += ["--prices", str(opening.prices)]
        if opening.clock is not None:
            words += ["--clock", opening.clock.isoformat()]
        return cls(opening.folder, (*words, *opening.options))

    def book(self) -> Any:
        """Return the venue's own book: clock, accounts, orders, executions and prices."""
        return self.server.control("GET", "book")

    def set_clock(self, account: str, instant: datetime) -> None:
        """Set the venue's time; it is one for all accounts."""
        self.server.fault("clock", instant=instant.isoformat())

    def arm(self, account: str, faults: Sequence[Mapping[str, Any]]) -> None:
        """Arm faults behind those that are armed already."""
        for fault in faults:
            self.server.control("POST", "faults", {"account": account, **fault})

    def fills(self, account: str) -> list[tuple[str, Decimal]]:
        """Return references and units filled."""
        orders = (order for order in self.book()["orders"] if order["ticket"]["account"] == account)
        return [(self.reference(order), Decimal(order["filled"])) for order in orders]

    def reference(self, order: Mapping[str, Any]) -> str:
        """Return the client order id that an order in the book carries."""
        return order["ticket"]["reference"]

    def control(self, account: str) -> ExchangeControl:
        """Return the arrangements of the contract; prices and hours are those of all accounts."""
        return ExchangeControl(self)


class ExchangeControl:
    """What a test of the broker contract arranges; see `quant_platform_kit.testing.venue_control`."""

    def __init__(self, stand: ExchangeStand) -> None:
        self._stand = stand

    def now(self) -> datetime:
        """Return the venue's time."""
        return datetime.fromisoformat(self._stand.book()["now"])

    def price(self, symbol: str) -> Decimal:
        """Return the last price."""
        return Decimal(self._stand.book()["prices"][symbol]["last"])

    def move(self, symbol: str, price: Decimal) -> None:
        """Set the price."""
        self._fault("price_move", symbol=symbol, price=str(price))

    def partial(self, order: Order, share: Decimal) -> None:
        """Fill a share, then wait."""
        self._fault("partial_fill", share=str(share), **self._stand.chosen(order))

    def rest(self, order: Order) -> None:
        """Take it, and wait."""
        self._fault("unfilled", **self._stand.chosen(order))

    def release(self) -> None:
        """Fill what waits."""
        self._fault("release")

    def lose_acknowledgement(self, order: Order) -> None:
        """Take it, and cut the connection instead of an answer."""
        self._fault("drop_after", operation="submit", **self._stand.chosen(order))

    def drop(self, order: Order) -> None:
        """Lose it."""
        self._fault(self._stand.lost_order, operation="submit", **self._stand.chosen(order))

    def stale(self, symbol: str, age: timedelta) -> None:
        """Date the quotes back."""
        self._fault("stale_quotes", symbol=symbol, seconds=age.total_seconds())

    def close_session(self) -> None:
        """Close the market."""
        self._fault("market", state="closed")

    def open_session(self) -> None:
        """Open it."""
        self._fault("market", state="open")

    def split(self, symbol: str, ratio: Decimal) -> None:
        """Split at once."""
        self._fault("split", symbol=symbol, ratio=str(ratio))

    def drop_connections(self) -> None:
        """Reset all."""
        self._fault("disconnect")

    def restart(self) -> None:
        """End the venue, and start it on the same port."""
        self._stand.restart()

    def _fault(self, kind: str, **fields: Any) -> None:
        self._stand.server.fault(kind, **fields)
