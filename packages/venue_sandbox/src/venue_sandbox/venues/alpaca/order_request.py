"""Orders as clients write them."""

from __future__ import annotations

import json
import uuid
from decimal import Decimal
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, Field, ValidationError

from venue_sandbox.exchange.exchange import Problem
from venue_sandbox.exchange.orders import OrderType, Side, Ticket, TimeInForce
from venue_sandbox.venues.alpaca.order_options import ORDER_OPTIONS
from venue_sandbox.venues.http.front import Refused
from venue_sandbox.venues.http.options import unserved

__all__ = ["INVALID", "PROBLEMS", "UNPROCESSABLE", "OrderSpec", "read_spec", "ticket_of"]

UNPROCESSABLE, INVALID = 422, 42210000
TIMES_IN_FORCE = {"day": TimeInForce.DAY, "gtc": TimeInForce.GTC}
SUB_PENNY = "sub-penny increment does not fulfill minimum pricing criteria"
PROBLEMS = {
    Problem.ACCOUNT: "account not found",
    Problem.SYMBOL: "asset not found",
    Problem.QUANTITY: "qty must be > 0",
    Problem.LOT: "qty has more than nine decimals",
    Problem.LIMIT: "a limit order needs limit_price and a stop order stop_price > 0",
    Problem.TICK: SUB_PENNY,
    Problem.FUNDS: "the change is more than the account can settle",
}


class OrderSpec(BaseModel):
    """The body of an order, as far as it is served; other values of these fields are refused."""

    symbol: str
    qty: Decimal
    side: Literal["buy", "sell"]
    type: Literal["market", "limit", "stop"]
    time_in_force: Literal["day", "gtc"]
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    client_order_id: Annotated[str, Field(max_length=128)] = Field(default_factory=lambda: str(uuid.uuid4()))


def read_spec(body: bytes) -> OrderSpec:
    """Read the body of an order; `Refused` if it is none, or one that the sandbox does not serve."""
    try:
        document = json.loads(body, parse_float=Decimal)
    except ValueError:
        raise Refused(400, "request body format is invalid", 40010000) from None
    if isinstance(document, dict) and (why := unserved(cast("dict[str, Any]", document), ORDER_OPTIONS)):
        raise Refused(UNPROCESSABLE, why, INVALID)
    try:
        spec = OrderSpec.model_validate(document)
    except ValidationError as error:
        detail = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in detail["loc"])
        raise Refused(UNPROCESSABLE, f"invalid {place}: {detail['msg']}", INVALID) from None
    if why := _contradiction(spec):
        raise Refused(UNPROCESSABLE, why, INVALID)
    return spec


def ticket_of(spec: OrderSpec, account: str) -> Ticket:
    """Return the ticket of an order of an account."""
    return Ticket(
        account=account,
        symbol=spec.symbol,
        side=Side(spec.side.upper()),
        quantity=spec.qty,
        order_type=OrderType(spec.type),
        limit=spec.limit_price,
        stop=spec.stop_price,
        time_in_force=TIMES_IN_FORCE[spec.time_in_force],
        reference=spec.client_order_id,
    )


def _contradiction(spec: OrderSpec) -> str:
    """Return why the fields of an order do not go together; empty if they do."""
    if spec.type != "limit" and spec.limit_price is not None:
        return f"{spec.type} orders require no limit price"
    if spec.type != "stop" and spec.stop_price is not None:
        return f"{spec.type} orders require no stop price"
    in_parts = spec.qty.is_finite() and spec.qty != spec.qty.to_integral_value()
    if in_parts and (spec.type, spec.time_in_force) != ("market", "day"):
        return "fractional orders must be market orders with time in force DAY"
    return ""
