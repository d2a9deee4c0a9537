"""Orders as clients write them."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, Literal, cast

from pydantic import BaseModel, ValidationError

from venue_sandbox.exchange.exchange import Problem
from venue_sandbox.exchange.orders import OrderType, Side, Ticket, TimeInForce
from venue_sandbox.venues.http.front import Refused
from venue_sandbox.venues.schwab.order_options import refusal_of

__all__ = ["PROBLEMS", "OrderSpec", "read_spec", "ticket_of"]

TIMES_IN_FORCE = {"DAY": TimeInForce.DAY, "GOOD_TILL_CANCEL": TimeInForce.GTC}
PROBLEMS = {
    Problem.ACCOUNT: "Invalid account number",
    Problem.SYMBOL: "Invalid symbol",
    Problem.QUANTITY: "Quantity must be greater than zero",
    Problem.LOT: "Quantity must be a whole number of shares",
    Problem.LIMIT: "A limit order needs a price greater than zero",
    Problem.TICK: "Price does not conform to the minimum increment",
    Problem.FUNDS: "The change is more than the account can settle",
}


class Instrument(BaseModel):
    """What a leg trades."""

    symbol: str
    assetType: Literal["EQUITY"]


class Leg(BaseModel):
    """One leg of an order; shares have one."""

    instruction: Literal["BUY", "SELL"]
    quantity: Decimal
    instrument: Instrument


class OrderSpec(BaseModel):
    """The body of an order, as far as it is served; other values of these fields are refused."""

    orderType: Literal["MARKET", "LIMIT"]
    session: Literal["NORMAL"]
    duration: Literal["DAY", "GOOD_TILL_CANCEL"]
    orderStrategyType: Literal["SINGLE"]
    orderLegCollection: list[Leg]
    price: Decimal | None = None

    @property
    def leg(self) -> Leg:
        """The one leg."""
        return self.orderLegCollection[0]


def read_spec(body: bytes) -> OrderSpec:
    """Read the body of an order.

    Raises
    ------
    Refused
        It is none, or one that the sandbox does not serve.
    """
    try:
        document = json.loads(body, parse_float=Decimal)
        if isinstance(document, dict) and (reason := refusal_of(cast("dict[str, Any]", document))):
            raise Refused(400, reason)
        spec = OrderSpec.model_validate(document)
    except ValidationError as error:
        detail = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in detail["loc"])
        raise Refused(400, f"{place}: {detail['msg']}") from None
    except ValueError:
        raise Refused(400, "The body is no JSON document") from None
    if len(spec.orderLegCollection) != 1:
        raise Refused(400, "orderLegCollection: the sandbox takes orders of one leg")
    return spec


def ticket_of(spec: OrderSpec, account: str) -> Ticket:
    """Return the ticket of an order of an account."""
    return Ticket(
        account=account,
        symbol=spec.leg.instrument.symbol,
        side=Side.BUY if spec.leg.instruction == "BUY" else Side.SELL,
        quantity=spec.leg.quantity,
        order_type=OrderType.LIMIT if spec.orderType == "LIMIT" else OrderType.MARKET,
        limit=spec.price if spec.orderType == "LIMIT" else None,
        time_in_force=TIMES_IN_FORCE[spec.duration],
    )
