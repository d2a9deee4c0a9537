"""What may be traded of a symbol, asked for once."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from http import HTTPStatus
from typing import Any

from quant_platform_kit.adapters.blocking_client import Deadline
from quant_platform_kit.adapters.documents import mapping
from quant_platform_kit.domain.errors import OrderRejected
from quant_platform_kit.domain.orders import Order

from alpaca_app.beliefs import ASSET
from alpaca_app.connection import Connection, Refusal
from alpaca_app.mapping import why_not_traded

__all__ = ["Assets", "in_parts"]


class Assets:
    """Assets by symbol; what is said of one is good for as long as this object is."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known: dict[str, Mapping[str, Any]] = {}

    def check(self, order: Order, deadline: Deadline) -> None:
        """Raise `OrderRejected` for what Alpaca does not trade at all, or not in parts; raises as a look-up."""
        asset = self.of(order.symbol, deadline)
        if asset is None:
            raise OrderRejected(f"{order.symbol} is not known to Alpaca")
        if why := why_not_traded(asset):
            raise OrderRejected(f"{order.symbol} {why}")
        if in_parts(order.quantity) and asset.get("fractionable") is not True:
            raise OrderRejected(f"quantity {order.quantity} of {order.symbol}: Alpaca trades no parts of it")

    def of(self, symbol: str, deadline: Deadline) -> Mapping[str, Any] | None:
        """Return an asset, None if it is not known; raises as a look-up."""
        if symbol not in self._known:
            try:
                told = self._connection.look(lambda client: client.get_asset(symbol), "an asset", deadline)
            except Refusal as refusal:
                if refusal.status in (HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY):
                    return None
                raise
            self._known[symbol] = self._connection.seen.take(ASSET.subject, mapping(told, "Alpaca's asset"))
        return self._known[symbol]


def in_parts(value: Decimal) -> bool:
    """Whether a number is none of whole units."""
    return value != value.to_integral_value()
