"""Orders as clients write them."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeVar, cast

from pydantic import BaseModel, Field, ValidationError

from venue_sandbox.exchange.exchange import InvalidTicket, Problem
from venue_sandbox.exchange.orders import OrderType, Side, Ticket, TimeInForce
from venue_sandbox.venues.http.front import Refused
from venue_sandbox.venues.http.options import unserved
from venue_sandbox.venues.longbridge.order_options import CHANGE_OPTIONS, ORDER_OPTIONS
from venue_sandbox.venues.longbridge.symbols import symbol_of

__all__ = ["INVALID", "NO_PRICE", "Change", "Submission", "read_body", "refusal", "ticket_of"]

INVALID = 602001
NO_PRICE = "a market order has no price"
TIMES_IN_FORCE = {"Day": TimeInForce.DAY, "GTC": TimeInForce.GTC}
MESSAGES = {
    Problem.ACCOUNT: "account not found",
    Problem.SYMBOL: "symbol not found",
    Problem.QUANTITY: "quantity must be greater than what is filled",
    Problem.LOT: "quantity is no multiple of the lot size",
    Problem.LIMIT: "a limit order needs a price greater than zero",
    Problem.TICK: "price is between two ticks",
    Problem.FUNDS: "the change is more than the account can settle",
}


class Submission(BaseModel):
    """The body of an order, as far as it is served; other values of these fields are refused."""

    symbol: str
    order_type: Literal["LO", "MO"]
    side: Literal["Buy", "Sell"]
    submitted_quantity: Decimal
    time_in_force: Literal["Day", "GTC"]
    submitted_price: Decimal | None = None
    remark: Annotated[str, Field(max_length=64)] = ""
    client_request_id: str = ""


class Change(BaseModel):
    """The body of a change of an order."""

    order_id: str
    quantity: Decimal
    price: Decimal | None = None


B = TypeVar("B", bound=BaseModel)


def read_body(kind: type[B], body: bytes) -> B:
    """Read a body; `Refused` if it is none that the sandbox serves."""
    if reason := _unserved(kind, body):
        raise Refused(400, reason, INVALID)
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        detail = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in detail["loc"])
        raise Refused(400, f"{place}: {detail['msg']}", INVALID) from None


def _unserved(kind: type[BaseModel], body: bytes) -> str:
    """Return the field for which a body is refused, and why; empty if there is none, or it is no document at all."""
    try:
        document = json.loads(body)
    except ValueError:
        return ""
    if not isinstance(document, dict):
        return ""
    return unserved(cast("dict[str, Any]", document), ORDER_OPTIONS if kind is Submission else CHANGE_OPTIONS)


def ticket_of(wish: Submission, account: str) -> Ticket:
    """Return the ticket of an order of an account; `Refused` if a market order has a price."""
    if wish.order_type == "MO" and wish.submitted_price is not None:
        raise Refused(400, NO_PRICE, INVALID)
    return Ticket(
        account=account,
        symbol=symbol_of(wish.symbol),
        side=Side.BUY if wish.side == "Buy" else Side.SELL,
        quantity=wish.submitted_quantity,
        order_type=OrderType.LIMIT if wish.order_type == "LO" else OrderType.MARKET,
        limit=wish.submitted_price if wish.order_type == "LO" else None,
        time_in_force=TIMES_IN_FORCE[wish.time_in_force],
        client_order=wish.client_request_id,
        reference=wish.remark,
    )


def refusal(invalid: InvalidTicket) -> Refused:
    """Return how a ticket that makes no order is answered."""
    return Refused(400, MESSAGES[invalid.problem], INVALID)
