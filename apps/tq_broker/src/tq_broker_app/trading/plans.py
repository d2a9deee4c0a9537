"""An order of the engine and the orders to the exchange that it becomes: its children."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from quant_platform_kit.domain.orders import Order, Side

__all__ = ["CLOSETODAY_SUFFIX", "CLOSE_SUFFIX", "Child", "ParentPlan", "Wanted", "is_part", "names_of", "parent_of"]

CLOSE_SUFFIX, CLOSETODAY_SUFFIX = "_close", "_closetoday"


def parent_of(order_id: str) -> str:
    """Return the id of the engine's order that an order at the exchange belongs to."""
    return order_id.removesuffix(CLOSETODAY_SUFFIX).removesuffix(CLOSE_SUFFIX)


def names_of(order_id: str) -> tuple[str, ...]:
    """Return all ids that orders at the exchange may have which belong to the engine's."""
    return order_id, order_id + CLOSE_SUFFIX, order_id + CLOSETODAY_SUFFIX


def is_part(order_id: str) -> bool:
    """Whether an order at the exchange is only a part of the engine's."""
    return parent_of(order_id) != order_id


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the engine asked for: the content by which two requests with one id are the same or not."""

    order_id: str
    portfolio_id: str
    symbol: str
    direction: str
    offset: str
    volume: int
    limit_price: Decimal | None = None

    @property
    def side(self) -> Side:
        """Buy or sell."""
        return Side(self.direction)

    @property
    def held_side(self) -> str:
        """The side of the position that it opens or closes, ``long`` or ``short``."""
        return "long" if (self.side is Side.BUY) == (self.offset == "OPEN") else "short"


@dataclass(frozen=True, slots=True)
class Child:
    """An order as it goes to the exchange."""

    order_id: str
    offset: str
    volume: int


@dataclass(frozen=True, slots=True)
class ParentPlan:
    """An order with all its children, recorded in one write before the first is sent.

    Attributes
    ----------
    trading_day
        The only day on which its children may be sent, yyyymmdd.
    children
        In the order in which they are sent; none for an order that was refused.
    refused
        Why nothing of it is sent, or nothing more; empty if it is.
    received_at
        Aware UTC.
    """

    wanted: Wanted
    account_id: str
    trading_day: str
    children: tuple[Child, ...]
    received_at: datetime
    refused: str = ""

    def order(self, child: Child) -> Order:
        """Return a child as the ledger records it."""
        wanted = self.wanted
        return Order(child.order_id, wanted.symbol, wanted.side, Decimal(child.volume), wanted.limit_price)
