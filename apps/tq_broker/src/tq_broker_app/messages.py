"""What goes over the queues: requests of the engine, and what the services tell one another.

The fields of E3 to E6 stand as they are documented; ``event_id`` and ``reason`` are added. Reading is strict: a number
in a string, a fraction of a lot or a field that nobody knows is an error that names it. JSON schemas of all of them are
in ``docs/reference/tq-messages.json``.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictFloat,
    StrictInt,
    StrictStr,
)

__all__ = [
    "LONGEST_TEXT",
    "AccountUpdate",
    "Breakdown",
    "CancelRequest",
    "OrderRowUpdate",
    "OrderUpdate",
    "OrdersSeen",
    "PositionUpdate",
    "RequestAnswer",
    "SubmitRequest",
]


LONGEST_TEXT = 256
"""Characters of a name in a request; a longer one fits into no index of a database."""
MOST_LOTS = 1_000_000
HIGHEST_PRICE = 1e9


def _is_text(value: Any) -> Any:
    """Take a time as text only: a bare number may be of seconds or of milliseconds."""
    if not isinstance(value, (str, datetime)):
        raise ValueError("it is ISO 8601 text with an offset, such as 2025-12-18T10:30:00Z")
    return value


def _is_printable(value: str) -> str:
    """Refuse control characters and halves of characters: a database takes neither."""
    if not value.isprintable():
        raise ValueError("it has characters that cannot be printed")
    return value


Text = Annotated[StrictStr, Field(min_length=1, max_length=LONGEST_TEXT), AfterValidator(_is_printable)]
Instant = Annotated[AwareDatetime, BeforeValidator(_is_text)]
Direction = Literal["BUY", "SELL"]
Offset = Literal["OPEN", "CLOSE", "CLOSETODAY"]
Price = Annotated[StrictFloat, Field(gt=0, le=HIGHEST_PRICE, allow_inf_nan=False)]


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SubmitPayload(_Message):
    """An order; without ``limit_price`` a market order."""

    symbol: Text
    direction: Direction
    offset: Offset
    volume: Annotated[StrictInt, Field(gt=0, le=MOST_LOTS)]
    limit_price: Price | None = None
    order_id: Text
    portfolio_id: Text


class SubmitRequest(_Message):
    """SUBMIT, in ``tq_order_submit_requests``."""

    type: Literal["SUBMIT"]
    request_id: Text
    timestamp: Instant
    payload: SubmitPayload


class CancelPayload(_Message):
    """The order to cancel: a parent's or a child's id."""

    order_id: Text
    portfolio_id: Text


class CancelRequest(_Message):
    """CANCEL, in ``tq_order_cancel_requests``."""

    type: Literal["CANCEL"]
    request_id: Text
    timestamp: Instant
    payload: CancelPayload


class _OrderFields(_Message):
    timestamp: Instant
    portfolio_id: str
    order_id: str
    exchange_order_id: str
    symbol: str
    direction: str
    offset: str
    status: Literal["ALIVE", "FINISHED", "UNKNOWN"]
    volume_orign: int | None
    volume_left: int | None
    filled_quantity: int
    limit_price: float | None
    trade_price: float | None
    insert_date_time: int | None
    trading_day: str = ""
    reason: str = ""


class OrderUpdate(_OrderFields):
    """ORDER_UPDATE, in ``tq_internal_order_updates``: something happened to an order of the engine.

    ``trade_price`` is the volume-weighted mean of all fills so far; ``insert_date_time`` is in nanoseconds since 1970.
    """

    type: Literal["ORDER_UPDATE"] = "ORDER_UPDATE"
    event_type: Literal["COMPLETE_FILL", "PARTIAL_FILL", "CANCELLED", "REJECTED"]
    event_id: str


class OrderRowUpdate(_OrderFields):
    """ORDER_ROW, in ``tq_internal_order_updates``: where an order or a child of one stands; no event."""

    type: Literal["ORDER_ROW"] = "ORDER_ROW"
    parent_order_id: str | None = None


class RequestAnswer(_Message):
    """REQUEST_ANSWER, in ``tq_internal_order_updates``: an answer that changes no order.

    REJECTED is a submit that uses the id of another order, or has an id that can be none; CANCEL_REJECTED a cancel
    that cannot be meant; CANCEL_TOO_LATE one of what is finished; CANCEL_NOTED one of an order that the ledger does
    not know: it will not be sent, and is cancelled if the exchange has it; CANCEL_UNKNOWN one of an order whose end
    nobody knows: a person settles it.
    """

    type: Literal["REQUEST_ANSWER"] = "REQUEST_ANSWER"
    timestamp: Instant
    portfolio_id: str
    order_id: str
    status: Literal["REJECTED", "CANCEL_REJECTED", "CANCEL_TOO_LATE", "CANCEL_NOTED", "CANCEL_UNKNOWN"]
    reason: str
    event_id: str


class OrdersSeen(_Message):
    """ORDERS_SEEN, in ``tq_internal_order_updates``: all orders that a login shows on a trading day (yyyymmdd)."""

    type: Literal["ORDERS_SEEN"] = "ORDERS_SEEN"
    timestamp: Instant
    portfolio_id: str
    trading_day: str
    order_ids: tuple[str, ...]


class Breakdown(_Message):
    """Lots held."""

    pos_long: int
    pos_short: int
    pos_long_today: int
    pos_long_his: int
    pos_short_today: int
    pos_short_his: int


class PositionUpdate(_Message):
    """POSITION_UPDATE, in ``tq_internal_position_updates``."""

    type: Literal["POSITION_UPDATE"] = "POSITION_UPDATE"
    timestamp: Instant
    portfolio_id: str
    symbol: str
    net_position: int
    breakdown: Breakdown


class AccountUpdate(_Message):
    """ACCOUNT_UPDATE, in ``tq_internal_account_updates``; amounts in CNY, ``risk_ratio`` as a share."""

    type: Literal["ACCOUNT_UPDATE"] = "ACCOUNT_UPDATE"
    timestamp: Instant
    portfolio_id: str
    balance: float
    available: float
    margin: float
    float_profit: float
    position_profit: float
    risk_ratio: float
