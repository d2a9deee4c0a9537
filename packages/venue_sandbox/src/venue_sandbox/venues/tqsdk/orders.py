"""Orders and trades of an account, and how the trade server shows them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from venue_sandbox.venues.tqsdk.positions import Frozen, SideName

__all__ = [
    "ALIVE",
    "FINISHED",
    "Direction",
    "Offset",
    "Order",
    "OrderRequest",
    "Trade",
    "order_document",
    "trade_document",
]

ALIVE = "ALIVE"
FINISHED = "FINISHED"

Direction = Literal["BUY", "SELL"]
Offset = Literal["OPEN", "CLOSE", "CLOSETODAY"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRequest:
    """What a client asks for.

    Attributes
    ----------
    id
        The client's own.
    price
        None where the price type needs none.
    """

    id: str
    symbol: str
    direction: str
    offset: str
    volume: int
    price: float | None
    price_type: str
    time_condition: str
    volume_condition: str

    @classmethod
    def read(cls, message: dict[str, Any]) -> OrderRequest:
        """Read the message of a client."""
        limit = message.get("limit_price")
        return cls(
            id=str(message.get("order_id", "")),
            symbol=f"{message.get('exchange_id', '')}.{message.get('instrument_id', '')}",
            direction=str(message.get("direction", "")),
            offset=str(message.get("offset", "")),
            volume=int(message.get("volume", 0)),
            price=None if limit is None else float(limit),
            price_type=str(message.get("price_type", "LIMIT")),
            time_condition=str(message.get("time_condition", "GFD")),
            volume_condition=str(message.get("volume_condition", "ANY")),
        )

    @property
    def side(self) -> SideName:
        """The side of the position that it opens or closes."""
        return "long" if (self.direction == "BUY") == (self.offset == "OPEN") else "short"

    @property
    def immediate(self) -> bool:
        """Whether what does not trade at once is cancelled."""
        return self.time_condition == "IOC"


@dataclass(slots=True, kw_only=True)
class Order:
    """One order.

    Attributes
    ----------
    number
        Of all orders of the venue.
    id
        By which it is shown: the client's, or one of the server after a failover.
    reference, session, front
        How the trading system calls it.
    at
        When it was inserted, in nanoseconds.
    exchange_id
        The number that the exchange gave it; empty before it has accepted it.
    margin, commission
        Frozen for what is left.
    traded
        Sum of price times lots of its trades.
    """

    number: int
    id: str
    request: OrderRequest
    reference: int
    session: int
    front: int
    at: int
    left: int
    status: str = ALIVE
    message: str = "报单已提交"
    exchange_id: str = ""
    frozen: Frozen = field(default_factory=Frozen)
    margin: float = 0.0
    commission: float = 0.0
    traded: float = 0.0

    @property
    def alive(self) -> bool:
        """Whether it may still trade."""
        return self.status == ALIVE

    @property
    def filled(self) -> int:
        """Lots that have traded."""
        return self.request.volume - self.left

    @property
    def server_id(self) -> str:
        """The id by which a gateway shows it that did not send it."""
        return f"SERVER.{self.reference}.{self.session}.{self.front}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """One trade; ``order`` is the number of its order, ``sequence`` its own at the venue."""

    id: str
    order: int
    sequence: int
    volume: int
    price: float
    commission: float
    at: int


def order_document(user: str, order: Order) -> dict[str, Any]:
    """Return an order as the trade server sends it; ``trade_price``, the mean of its trades, once there are any."""
    request = order.request
    price = {} if request.price is None else {"limit_price": request.price}
    mean = {"trade_price": round(order.traded / order.filled, 6)} if order.filled else {}
    exchange, _, instrument = request.symbol.partition(".")
    return {
        "user_id": user,
        "order_id": order.id,
        "exchange_id": exchange,
        "instrument_id": instrument,
        "direction": request.direction,
        "offset": request.offset,
        "volume_orign": request.volume,
        "volume_left": order.left,
        "price_type": request.price_type,
        **price,
        "volume_condition": request.volume_condition,
        "time_condition": request.time_condition,
        "insert_date_time": order.at,
        "exchange_order_id": order.exchange_id,
        "status": order.status,
        "last_msg": order.message,
        "frozen_margin": order.margin,
        "frozen_premium": 0.0,
        "seqno": order.number,
        "is_dead": not order.alive,
        "is_online": order.alive and bool(order.exchange_id),
        "is_error": not order.alive and not order.exchange_id,
        **mean,
    }


def trade_document(user: str, order: Order, trade: Trade) -> dict[str, Any]:
    """Return a trade as the trade server sends it."""
    exchange, _, instrument = order.request.symbol.partition(".")
    return {
        "user_id": user,
        "trade_id": trade.id,
        "order_id": order.id,
        "exchange_trade_id": f"{trade.sequence:08d}",
        "exchange_id": exchange,
        "instrument_id": instrument,
        "direction": order.request.direction,
        "offset": order.request.offset,
        "price": trade.price,
        "volume": trade.volume,
        "trade_date_time": trade.at,
        "commission": trade.commission,
        "seqno": trade.sequence,
    }
