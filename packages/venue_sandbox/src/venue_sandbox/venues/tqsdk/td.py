"""The trade server: logins, inserts and cancels."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from aiohttp import web

from venue_sandbox.exchange.faults import RequestFacts
from venue_sandbox.venues.tqsdk.desk import Desk
from venue_sandbox.venues.tqsdk.faults import (
    DelayArrival,
    DiffFault,
    Drop,
    DropGraceful,
    Faults,
    Hang,
    LoseInsert,
    RefuseLogin,
)
from venue_sandbox.venues.tqsdk.orders import OrderRequest
from venue_sandbox.venues.tqsdk.sockets import Message, Socket, Sockets
from venue_sandbox.venues.tqsdk.venue import Venue, notice

__all__ = ["TradeServer"]

BROKERS: Message = {"aid": "rtn_brokers", "brokers": ["sandbox", "快期模拟"], "capabilities": {}}
BAD_PASSWORD = "bad"
BAD_LOGIN = "CTP:不合法的登录"
SETTLING = 503


@dataclass(slots=True)
class TradeServer:
    """Answers the trade connections.

    Attributes
    ----------
    closed_until
        Monotonic seconds until which nobody is let in, as while the day is settled.
    """

    venue: Venue
    desk: Desk
    faults: Faults
    sockets: Sockets
    closed_until: float = 0.0

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Serve one connection."""
        if time.monotonic() < self.closed_until:
            return web.Response(status=SETTLING, text="settlement\n")
        return await self.sockets.serve(request, "td", lambda feed: feed.send(BROKERS), self.read)

    def at_once(self, fault: DiffFault) -> None:
        """Carry out a fault that hits no request, or what one does to connections."""
        if isinstance(fault, Hang):
            self.sockets.mute(fault.user)
        elif isinstance(fault, Drop):
            self._drop(fault, fault.user)

    def read(self, socket: Socket, message: Message) -> None:
        """Do what a message asks for; what is unknown, and a confirmed settlement, needs no answer."""
        match message.get("aid"):
            case "req_login":
                self._login(socket, message)
            case "insert_order":
                self._insert(socket, message)
            case "cancel_order":
                self._cancel(socket, message)
            case "pre_insert_order":
                self._margin_of_one(socket, message)
            case _:
                pass

    # --- logins ----------------------------------------------------------------------------------

    def _login(self, socket: Socket, message: Message) -> None:
        user = str(message.get("user_name", ""))
        fault = self.faults.take(RequestFacts("login", user))
        if isinstance(fault, Drop) and not fault.applied:
            self._drop(fault, socket.user)
            return
        if isinstance(fault, RefuseLogin) or message.get("password") == BAD_PASSWORD or not user:
            text = fault.text if isinstance(fault, RefuseLogin) else BAD_LOGIN
            socket.feed.push([notice(f"用户登录失败,{text}", "ERROR")])
            return
        socket.user = user
        socket.feed.push([notice("登录成功", "INFO"), self.venue.snapshot(user)])
        self._after(socket, fault)

    # --- orders ----------------------------------------------------------------------------------

    def _insert(self, socket: Socket, message: Message) -> None:
        request = OrderRequest.read(message)
        user = socket.user or str(message.get("user_id", ""))
        arrival = self.venue.arrived("insert", user, request.id, request)
        if not socket.user:
            self.venue.decided(arrival, "not_logged_in")
            return
        fault = self.faults.take(RequestFacts("insert", user, request.symbol, request.id))
        if isinstance(fault, LoseInsert) or (isinstance(fault, Drop) and not fault.applied):
            self.venue.decided(arrival, "lost")
        elif isinstance(fault, DelayArrival):
            asyncio.get_running_loop().call_later(fault.seconds, self.desk.insert, arrival, request)
        else:
            self.desk.insert(arrival, request, fault)
        self._after(socket, fault)

    def _cancel(self, socket: Socket, message: Message) -> None:
        order_id = str(message.get("order_id", ""))
        user = socket.user or str(message.get("user_id", ""))
        arrival = self.venue.arrived("cancel", user, order_id)
        if not socket.user:
            self.venue.decided(arrival, "not_logged_in")
            return
        order = self.venue.book(user).find(order_id)
        symbol = order.request.symbol if order is not None else ""
        fault = self.faults.take(RequestFacts("cancel", user, symbol, order_id))
        if isinstance(fault, Drop) and not fault.applied:
            self.venue.decided(arrival, "lost")
        elif isinstance(fault, DelayArrival):
            asyncio.get_running_loop().call_later(fault.seconds, self.desk.cancel, arrival)
        else:
            self.desk.cancel(arrival, fault)
        self._after(socket, fault)

    def _after(self, socket: Socket, fault: DiffFault | None) -> None:
        """Do to the user's connections what a fault of a request does."""
        if isinstance(fault, Hang):
            self.sockets.mute(socket.user)
        elif isinstance(fault, Drop):
            self._drop(fault, socket.user)

    def _drop(self, fault: Drop, user: str | None) -> None:
        """End connections; those of market data belong to nobody."""
        whose = user if fault.socket == "td" else None
        self.sockets.end(fault.socket, whose, graceful=isinstance(fault, DropGraceful))

    def _margin_of_one(self, socket: Socket, message: Message) -> None:
        """Tell the margin of an order that is not sent; a client asks with an empty instrument to end it."""
        request = OrderRequest.read(message)
        contract = self.venue.contracts.get(request.symbol)
        if not socket.user or contract is None:
            return
        product, price = contract.product, self.venue.quotes[request.symbol].pre_settlement
        asked = {key: value for key, value in message.items() if key != "aid"}
        margin = round(price * product.multiple * product.margin * request.volume, 2)
        told = {**asked, "pre_margin": margin}
        socket.feed.push([{"trade": {socket.user: {"pre_insert_orders": {request.id: told}}}}])
