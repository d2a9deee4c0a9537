"""What is written: where an order stands, and what happened to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from quant_platform_kit.domain.errors import InvalidInput

__all__ = ["STATUSES", "Mismatch", "OrderEvent", "OrderRow"]

STATUSES = ("UNKNOWN", "ALIVE", "FINISHED")
"""Where an order can stand, by how much is known."""


@dataclass(frozen=True, slots=True)
class OrderRow:
    """Where an order stands, a row of ``order_history``.

    Attributes
    ----------
    id
        The order's id: the engine's own, or that of a child.
    exchange_order_id
        The exchange's; of an order of several children all of theirs, separated by commas. Empty before that.
    status
        One of `STATUSES`.
    volume_orign, volume_left, filled_quantity
        Lots.
    limit_price, trade_price
        In CNY; None for a market order, and without fills. ``trade_price`` is the volume-weighted mean of all fills.
    insert_date_time
        Nanoseconds since 1970; None before the exchange has it.
    parent_order_id
        Of a child the order that it is a part of.
    trading_day
        ``yyyymmdd``.
    told_at
        When this was told, aware; None where that is not known.

    Raises
    ------
    InvalidInput
        The status is none of `STATUSES`, or a price is not finite.
    """

    id: str
    exchange_order_id: str
    portfolio_id: str
    symbol: str
    direction: str
    offset: str
    status: str
    volume_orign: int | None
    volume_left: int | None
    filled_quantity: int
    limit_price: Decimal | None = None
    trade_price: Decimal | None = None
    insert_date_time: int | None = None
    parent_order_id: str | None = None
    trading_day: str = ""
    reason: str = ""
    told_at: datetime | None = None

    def __post_init__(self) -> None:
        if self.status not in STATUSES:
            raise InvalidInput(f"order {self.id}: status {self.status!r} is none of {', '.join(STATUSES)}")
        for name in ("limit_price", "trade_price"):
            price: Decimal | None = getattr(self, name)
            if price is not None and not price.is_finite():
                raise InvalidInput(f"order {self.id}: {name} {price} is not finite")


@dataclass(frozen=True, slots=True)
class OrderEvent:
    """Something that happened to an order, a row of ``order_event``.

    Attributes
    ----------
    event_id
        The same whenever it is told again: it is kept once.
    status
        The type of the event, such as PARTIAL_FILL.
    msg
        The whole message: names and values of JSON.
    """

    event_id: str
    order_id: str
    portfolio_id: str
    status: str
    msg: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Mismatch:
    """An update that cannot be of the order that the database knows by its id; nothing was written.

    Attributes
    ----------
    differs
        By column: what the database has, and what the update says.
    """

    order_id: str
    differs: Mapping[str, tuple[object, object]]

    @property
    def text(self) -> str:
        """The difference in words."""
        each = (f"{name} is {known!r}, the update says {said!r}" for name, (known, said) in self.differs.items())
        return f"order {self.order_id} is another one: {'; '.join(each)}"
