"""What solvers ask for over a websocket, and the events they are told there."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import uuid4

from aiohttp import web

from venue_sandbox.venues.near.arrivals import Arrival
from venue_sandbox.venues.near.auctions import Auction
from venue_sandbox.venues.near.documents import Document, document_of
from venue_sandbox.venues.near.errors import Rejected
from venue_sandbox.venues.near.faults import (
    ANSWER,
    CONNECT,
    QUOTE,
    STATUS,
    DelayArrival,
    Drop,
    DropGraceful,
    DuplicateEvent,
    ErrorAfter,
    Faults,
    Hang,
    HoldEvent,
    LateAnswer,
    LoseAcknowledgement,
    LoseEvent,
    LoseRequest,
    NearFault,
    Refuse,
    RefuseLogin,
)
from venue_sandbox.venues.near.relay import Publication, Relay
from venue_sandbox.venues.near.sockets import Filter, Socket, Sockets
from venue_sandbox.venues.near.tokens import account_of

__all__ = ["SolverBus"]

REFUSED, PARSE_ERROR, NO_METHOD = -32000, -32700, -32601
BEARER = "Bearer "

Params = list[object]


class _NoMethod(Exception):
    """The method is not known."""


@dataclass(slots=True)
class SolverBus:
    """Answers the websockets."""

    relay: Relay
    sockets: Sockets = field(default_factory=Sockets)
    faults: Faults = field(init=False)

    def __post_init__(self) -> None:
        self.faults = Faults(self.at_once)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Serve one connection."""
        given = request.headers.get("Authorization", "")
        account = account_of(given.removeprefix(BEARER)) if given.startswith(BEARER) else None
        fault = self.faults.take(CONNECT, account or "")
        if account is None or isinstance(fault, RefuseLogin):
            return web.Response(status=401, text="Unauthorized\n")
        return await self.sockets.serve(request, account, self.read)

    def at_once(self, fault: NearFault) -> None:
        """Carry out a fault that hits no request, or what one does to connections."""
        if isinstance(fault, Hang):
            self.sockets.mute(fault.account)
        elif isinstance(fault, Drop):
            self.sockets.end(fault.account, graceful=isinstance(fault, DropGraceful))

    # --- events ----------------------------------------------------------------------------------

    def tell_quote(self, auction: Auction) -> None:
        """Tell of an auction that opens to whoever wants it."""
        for socket, name, wanted in self.sockets.subscribed(QUOTE):
            if wanted.wants(auction.request):
                fault = self.faults.take(QUOTE, socket.account, auction.quote_id)
                if not isinstance(fault, LoseEvent):
                    auction.told.add((socket.number, socket.account))
                self._tell(socket, name, auction.document, fault)

    def tell_status(self, publication: Publication) -> None:
        """Tell of an intent that was executed, once for each answer."""
        named = self.relay.settings.status_subscription
        for one in publication.quote_hashes:
            answer = self.relay.answers[one]
            data = {"quote_hash": one, "intent_hash": publication.intent_hash, "tx_hash": publication.tx_hash}
            for socket, name, _ in self.sockets.subscribed(STATUS):
                fault = self.faults.take(STATUS, socket.account, answer.quote_id)
                self._tell(socket, name if named else None, data, fault)

    def _tell(self, socket: Socket, subscription: str | None, data: Document, fault: NearFault | None) -> None:
        if isinstance(fault, LoseEvent):
            return
        event = self._event(subscription, data)
        delay = fault.seconds if isinstance(fault, HoldEvent) else 0.0
        for _ in range(1 + (fault.copies if isinstance(fault, DuplicateEvent) else 0)):
            if delay:
                asyncio.get_running_loop().call_later(delay, socket.send, event)
            else:
                socket.send(event)

    def _event(self, subscription: str | None, data: Document) -> dict[str, Any]:
        named = {} if subscription is None else {"subscription": subscription}
        if self.relay.settings.shape == "subscribe":
            return {"jsonrpc": "2.0", "method": "subscribe", "params": {**named, **data}}
        return {"jsonrpc": "2.0", "method": "event", "params": {**named, "data": dict(data), "metadata": {}}}

    # --- requests --------------------------------------------------------------------------------

    async def read(self, socket: Socket, text: str) -> None:
        """Do what a message asks for, and answer it."""
        try:
            message: Any = json.loads(text)
            method, params, number = str(message["method"]), message.get("params", []), message.get("id")
        except (AttributeError, KeyError, TypeError, ValueError):
            socket.send(_error(None, PARSE_ERROR, "Parse error"))
            return
        given: Params = cast(Params, params) if isinstance(params, list) else [params]
        first: object = given[0] if given else None
        quote_id = str(document_of(first).get("quote_id", ""))
        arrival = self._arrived(socket, text, first) if method == ANSWER else None
        fault = self.faults.take(method, socket.account, quote_id)
        if isinstance(fault, LoseRequest) or (isinstance(fault, Drop) and not fault.applied):
            self._lost(arrival)
            self._after(socket, fault)
        elif isinstance(fault, DelayArrival):
            self.relay.start(self._later(fault.seconds, socket, (number, method, given, arrival)))
        else:
            self._do(socket, (number, method, given, arrival), fault)

    async def _later(self, seconds: float, socket: Socket, asked: _Asked) -> None:
        await asyncio.sleep(seconds)
        self._do(socket, asked, None)

    def _do(self, socket: Socket, asked: _Asked, fault: NearFault | None) -> None:
        number, method, given, arrival = asked
        if isinstance(fault, Refuse):
            if arrival is not None:
                self.relay.arrivals.decided(arrival, "refused", fault.message)
            socket.send(_error(number, fault.code, fault.message))
            return
        try:
            answer = {"jsonrpc": "2.0", "id": number, "result": self._result(socket, method, given, arrival)}
        except _NoMethod:
            answer = _error(number, NO_METHOD, f"method not found: {method}")
        except Rejected as error:
            answer = _error(number, REFUSED, str(error))
        if isinstance(fault, ErrorAfter):
            answer = _error(number, fault.code, fault.message)
        told = not isinstance(fault, LoseAcknowledgement | Hang | Drop)
        if arrival is not None and told and answer.get("result") == "OK":
            self.relay.arrivals.acknowledged(arrival)
        if isinstance(fault, LateAnswer):
            asyncio.get_running_loop().call_later(fault.seconds, socket.send, answer)
        elif told:
            socket.send(answer)
        self._after(socket, fault)

    def _result(self, socket: Socket, method: str, given: Params, arrival: Arrival | None) -> str:
        match method:
            case "subscribe":
                name = str(uuid4())
                socket.subscriptions[name] = _filter(given)
                return name
            case "unsubscribe":
                if not given or socket.subscriptions.pop(str(given[0]), None) is None:
                    raise Rejected("subscription not found")
                return "OK"
            case "quote_response" if arrival is not None:
                self.relay.received(arrival, given[0] if given else None)
                return "OK"
            case _:
                raise _NoMethod

    def _arrived(self, socket: Socket, text: str, params: object) -> Arrival:
        at = self.relay.clock.now().isoformat()
        return self.relay.arrivals.came(text, params, at, socket.number, socket.account)

    def _lost(self, arrival: Arrival | None) -> None:
        if arrival is not None:
            self.relay.arrivals.decided(arrival, "lost")

    def _after(self, socket: Socket, fault: NearFault | None) -> None:
        """Do to the account's connections what a fault of a request does."""
        if isinstance(fault, Hang):
            self.sockets.mute(socket.account)
        elif isinstance(fault, Drop):
            self.sockets.end(socket.account, graceful=isinstance(fault, DropGraceful))


_Asked = tuple[object, str, Params, Arrival | None]
"""A request: its number, method and parameters, and what was noted of it if it is an answer."""


def _filter(given: Params) -> Filter:
    kind = given[0] if given else None
    if kind not in (QUOTE, STATUS):
        raise Rejected(f"subscription of {kind!r}, not {QUOTE} or {STATUS}")
    wanted = document_of(given[1] if len(given) > 1 else None)
    return Filter(str(kind), *(frozenset(map(str, wanted.get(name) or ())) for name in ("tokens_in", "tokens_out")))


def _error(number: object, code: int, message: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "error": {"code": code, "message": message}}
