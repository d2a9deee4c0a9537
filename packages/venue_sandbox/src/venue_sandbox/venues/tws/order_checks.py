"""Which orders are taken at all, and the codes with which the others are refused."""

from __future__ import annotations

from decimal import Decimal

from venue_sandbox.exchange.exchange import Problem
from venue_sandbox.exchange.instruments import Instrument
from venue_sandbox.exchange.orders import OrderType, Ticket, TimeInForce
from venue_sandbox.venues.tws.contracts import SMART, UNKNOWN_CONTRACT
from venue_sandbox.venues.tws.order_options import first_refused
from venue_sandbox.venues.tws.order_request import ORDER_TYPES, OrderRequest
from venue_sandbox.venues.tws.session import Session

__all__ = ["PROBLEMS", "Refused", "ticket_of"]

TIMES_IN_FORCE = {"": TimeInForce.DAY, "DAY": TimeInForce.DAY, "GTC": TimeInForce.GTC}
INVALID = "Error validating request.-'bN' : cause - {}"
NO_ACCOUNT = (435, "You must specify an account.")
NO_ORDER_TYPE = (387, "Unsupported order type for this exchange and security type.")
LIMIT_OF_MARKET = (201, "Order rejected - reason:A limit price is not supported for this order type")
PROBLEMS = {
    Problem.ACCOUNT: NO_ACCOUNT,
    Problem.SYMBOL: UNKNOWN_CONTRACT,
    Problem.QUANTITY: (434, "The order size cannot be zero."),
    Problem.LOT: (10243, "Fractional-sized order cannot be placed via API. Please use desktop version"),
    Problem.LIMIT: (320, "Server error when reading an API client request."),
    Problem.TICK: (110, "The price does not conform to the minimum price variation for this contract."),
    Problem.FUNDS: (201, "Order rejected - reason:The change is more than the account can settle."),
}


class Refused(Exception):
    """An order is answered with an error and makes no order."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


def ticket_of(session: Session, wish: OrderRequest, instrument: Instrument | None) -> Ticket:
    """Return the ticket of an order.

    Raises
    ------
    Refused
        It has none.
    """
    if instrument is None:
        raise Refused(*UNKNOWN_CONTRACT)
    side, order_type = wish.side, ORDER_TYPES.get(wish.order_type)
    if order_type is None:
        raise Refused(*NO_ORDER_TYPE)
    if side is None:
        raise Refused(321, INVALID.format(f"Invalid action '{wish.action}'"))
    if wish.time_in_force not in TIMES_IN_FORCE:
        raise Refused(10052, f"Invalid time in force: {wish.time_in_force}")
    if not wish.transmit:
        raise Refused(321, INVALID.format("the sandbox takes transmitted orders only"))
    if order_type is OrderType.MARKET and wish.limit:
        raise Refused(*LIMIT_OF_MARKET)
    if (option := first_refused(wish.options)) is not None:
        raise Refused(option.code, option.text)
    return Ticket(
        account=_account(session, wish.account),
        symbol=instrument.symbol,
        side=side,
        quantity=wish.quantity or Decimal(0),
        order_type=order_type,
        limit=wish.limit if order_type is OrderType.LIMIT else None,
        time_in_force=TIMES_IN_FORCE[wish.time_in_force],
        client=str(session.client),
        client_order=str(wish.order_id),
        reference=wish.reference,
        details={"exchange": wish.contract.exchange or SMART},
    )


def _account(session: Session, named: str) -> str:
    """Return the account of an order, which need not be named where there is one only."""
    accounts = list(session.exchange.book.accounts)
    if not named and len(accounts) == 1:
        return accounts[0]
    if not named:
        raise Refused(*NO_ACCOUNT)
    if named not in accounts:
        raise Refused(321, INVALID.format(f"Invalid account code '{named}'"))
    return named
