"""What the tests of the apps over HTTP have in common: an order, and what becomes of it."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any, Protocol

import pytest
from quant_platform_kit.domain.errors import BrokerError, NeedsOperator, OrderRejected
from quant_platform_kit.domain.orders import ExecutionReport, Order, OrderState, Side
from quant_platform_kit.ports.broker import Broker
from venue_sandbox.servers.launch import Server

__all__ = ["App", "buy", "longbridge_login", "orders", "silent", "until"]


class App(Protocol):
    """A process of an app."""

    @property
    def broker(self) -> Broker: ...


def buy(quantity: int = 3, reference: str = "q1", limit: str | None = None, side: Side = Side.BUY) -> Order:
    """Return an order for SPY."""
    return Order(reference, "SPY", side, Decimal(quantity), None if limit is None else Decimal(limit))


def until(app: App, reference: str, state: OrderState, seconds: float = 60.0) -> ExecutionReport:
    """Return where an order stands once it stands there."""
    end = time.monotonic() + seconds
    while (found := app.broker.find(reference)) is None or found.state is not state:
        assert time.monotonic() < end, found
        time.sleep(0.02)
    return found


def longbridge_login(server: Server, account: str) -> dict[str, str]:
    """Return the keys of an account at a LongBridge venue, and the venue's addresses."""
    login, address = server.control("GET", "login"), f"127.0.0.1:{server.port}"
    keys = {"app_key": login["key"], "app_secret": login["secret"], "access_token": login["tokens"][account]}
    sockets = {f"{kind}_ws_url": f"ws://{address}/ws/{kind}" for kind in ("quote", "trade")}
    return {**keys, "http_url": f"http://{address}", **sockets}


def orders(server: Server) -> list[dict[str, Any]]:
    """Return the orders in a venue's own book."""
    return server.control("GET", "book")["orders"]


def silent(app: App, order: Order) -> None:
    """Send an order, and see that nothing is known of it."""
    with pytest.raises(BrokerError) as silence:
        app.broker.submit(order)
    assert not isinstance(silence.value, OrderRejected | NeedsOperator), silence.value
