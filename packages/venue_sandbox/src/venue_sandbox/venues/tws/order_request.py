"""Message 3, an order as a client writes it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from venue_sandbox.exchange.orders import OrderType, Side
from venue_sandbox.venues.tws.codec import Fields
from venue_sandbox.venues.tws.contracts import STOCK, ContractQuery, read_contract

__all__ = ["ORDER_TYPES", "OrderRequest", "read_order"]

FA_PROFILE_UNTIL = 177
ORDER_TYPES = {"MKT": OrderType.MARKET, "LMT": OrderType.LIMIT}


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """An order as it was asked for, as far as it matters for shares; empty texts were not set."""

    order_id: int
    contract: ContractQuery
    action: str
    quantity: Decimal | None
    order_type: str
    limit: Decimal | None
    time_in_force: str
    account: str
    reference: str
    transmit: bool
    outside_hours: str
    what_if: bool

    @property
    def side(self) -> Side | None:
        """Buy or sell; None for anything else."""
        return Side[self.action] if self.action in Side.__members__ else None


def read_order(fields: Fields, version: int) -> OrderRequest:
    """Read an order in the form of a server version."""
    order_id, contract = fields.integer(), read_contract(fields)
    fields.skip(2)  # security id
    action, quantity, order_type, limit = fields.text(), fields.number(), fields.text(), fields.number()
    fields.skip()  # auxiliary price
    time_in_force = fields.text()
    fields.skip()  # OCA group
    account = fields.text()
    fields.skip(2)  # open or close, origin
    reference, transmit = fields.text(), fields.flag()
    fields.skip(5)  # parent, block, sweep, display size, trigger
    outside_hours = fields.text()
    fields.skip()  # hidden
    return OrderRequest(
        order_id=order_id,
        contract=contract,
        action=action,
        quantity=quantity,
        order_type=order_type,
        limit=limit,
        time_in_force=time_in_force,
        account=account,
        reference=reference,
        transmit=transmit,
        outside_hours=outside_hours,
        what_if=contract.kind in ("", STOCK) and _what_if(fields, version),
    )


def _what_if(fields: Fields, version: int) -> bool:
    """Find the field behind all the optional blocks before it."""
    fields.skip(7 + (version < FA_PROFILE_UNTIL) + 22)  # allocation to volatility type
    delta_neutral = fields.text()
    fields.skip(1 + (8 if delta_neutral else 0))
    fields.skip(6)  # continuous update to scale sizes
    increment = fields.number()
    if increment is not None and increment > 0:
        fields.skip(7)
    fields.skip(3)  # scale table, active times
    if fields.text():  # hedge
        fields.skip()
    fields.skip(4)  # routing and clearing
    if fields.flag():  # delta-neutral contract
        fields.skip(3)
    if fields.text():  # algorithm
        fields.skip(2 * fields.integer())
    fields.skip()  # algorithm id
    return fields.flag()
