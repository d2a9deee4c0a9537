"""Endpoints of a venue, and what a fault does to a request."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import NoReturn, Protocol

from aiohttp import web
from aiohttp.typedefs import Handler

from venue_sandbox.exchange.exchange import Exchange
from venue_sandbox.exchange.faults import (
    DelayedAccept,
    DropAfter,
    DropBefore,
    ErrorAnswer,
    RequestFacts,
    Silent,
    SilentDrop,
    VenueFault,
    VenueFaults,
)
from venue_sandbox.exchange.pacing import Pacer
from venue_sandbox.venues.http.connections import Connections, cut
from venue_sandbox.venues.http.faults import HttpError

__all__ = ["Answer", "Endpoint", "Front", "Refused", "Venue", "Wired", "named"]

Answer = Callable[[web.Request, VenueFault | None], Awaitable[web.StreamResponse]]
"""Answers a request, given a fault that concerns the order it sends or cancels, if there is one."""


class Refused(Exception):
    """A request is answered with an error.

    Parameters
    ----------
    status
        Of HTTP.
    code
        The protocol's own, where it has one.
    """

    def __init__(self, status: int, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One request that a client may send.

    Attributes
    ----------
    facts
        Returns what faults choose by: the operation, and what the request says of account, symbol and order.
    """

    method: str
    path: str
    answer: Answer
    facts: Callable[[web.Request], Awaitable[RequestFacts]]


class Wired(Protocol):
    """What a front needs of a venue."""

    @property
    def faults(self) -> VenueFaults:
        """What goes wrong with requests, and how many came."""
        ...

    @property
    def connections(self) -> Connections:
        """Those that have sent a request."""
        ...


@dataclass(slots=True)
class Venue:
    """What the endpoints of a front share.

    Attributes
    ----------
    cut
        Numbers of orders at which connections end when they have filled as far as they may.
    twice
        Numbers of orders of which everything is told twice.
    """

    exchange: Exchange
    pacer: Pacer
    faults: VenueFaults
    connections: Connections = field(default_factory=Connections)
    cut: set[int] = field(default_factory=set[int])
    twice: set[int] = field(default_factory=set[int])


@dataclass(slots=True)
class Front:
    """Serves endpoints as the faults let it.

    Attributes
    ----------
    admit
        Refuses a request that has no right to be answered, by `Refused`.
    refuse
        Writes an error in the shape of the protocol.
    """

    venue: Wired
    admit: Callable[[web.Request], Awaitable[None]]
    refuse: Callable[[web.Request, Refused], web.Response]
    _later: set[asyncio.Task[web.StreamResponse]] = field(default_factory=set[asyncio.Task[web.StreamResponse]])

    def routes(self, endpoints: Iterable[Endpoint]) -> list[web.RouteDef]:
        """Return the routes of endpoints, each with and without a slash at its end."""
        return [route for endpoint in endpoints for route in self._routes(endpoint)]

    def application(self, endpoints: Iterable[Endpoint]) -> web.Application:
        """Return an application of endpoints; what is none of them is refused in the shape of the protocol."""

        @web.middleware
        async def refuse_unknown(request: web.Request, handler: Handler) -> web.StreamResponse:
            try:
                return await handler(request)
            except (web.HTTPNotFound, web.HTTPMethodNotAllowed) as error:
                return self.refuse(request, Refused(error.status, error.reason))

        application = web.Application(middlewares=[refuse_unknown])
        application.add_routes(self.routes(endpoints))
        return application

    def _routes(self, endpoint: Endpoint) -> list[web.RouteDef]:
        async def serve(request: web.Request) -> web.StreamResponse:
            self.venue.connections.note(request)
            try:
                await request.read()
            except ConnectionError:  # the client went away in the middle of its request
                return cut(request)
            fault = self.venue.faults.take(await endpoint.facts(request))
            answer = await self._faulted(endpoint, request, fault)
            if self.venue.connections.is_dead(request):
                await _for_ever()
            return answer

        return [web.route(endpoint.method, path, serve) for path in (endpoint.path, f"{endpoint.path}/")]

    async def _faulted(self, endpoint: Endpoint, request: web.Request, fault: VenueFault | None) -> web.StreamResponse:
        """Answer a request as the fault that hits it says."""
        match fault:
            case DropBefore():
                return cut(request)
            case DropAfter():
                await self._answer(endpoint, request, None)
                return cut(request)
            case DelayedAccept():
                return await self._delayed(endpoint, request, fault)
            case Silent():
                await self._answer(endpoint, request, None)
                await _for_ever()
            case SilentDrop():
                await _for_ever()
            case ErrorAnswer():
                return self.refuse(request, Refused(_status_of(fault.code), fault.message, fault.code))
            case HttpError():
                return await self._http_error(endpoint, request, fault)
            case _:
                return await self._answer(endpoint, request, fault)

    async def _answer(self, endpoint: Endpoint, request: web.Request, fault: VenueFault | None) -> web.StreamResponse:
        try:
            await self.admit(request)
            return await endpoint.answer(request, fault)
        except Refused as refused:
            return self.refuse(request, refused)

    async def _delayed(self, endpoint: Endpoint, request: web.Request, fault: DelayedAccept) -> web.StreamResponse:
        async def later() -> web.StreamResponse:
            await asyncio.sleep(fault.seconds)
            return await self._answer(endpoint, request, None)

        if not fault.cut:
            return await later()
        task = asyncio.create_task(later())
        self._later.add(task)
        task.add_done_callback(self._later.discard)
        return cut(request)

    async def _http_error(self, endpoint: Endpoint, request: web.Request, fault: HttpError) -> web.Response:
        if fault.applied:
            await self._answer(endpoint, request, None)
        if fault.body is None:
            response = self.refuse(request, Refused(fault.status, f"HTTP {fault.status} by a fault of the sandbox"))
        else:
            response = web.Response(status=fault.status, text=fault.body)
        if fault.retry_after is not None:
            response.headers["Retry-After"] = str(fault.retry_after)
        return response


def named(operation: str) -> Callable[[web.Request], Awaitable[RequestFacts]]:
    """Return the facts of an endpoint whose requests say nothing that faults could choose by."""

    async def facts(request: web.Request) -> RequestFacts:
        return RequestFacts(operation)

    return facts


def _status_of(code: int) -> int:
    """Return the status with which an error is answered whose code is one of HTTP, or of the protocol."""
    return code if 400 <= code <= 599 else 400


async def _for_ever() -> NoReturn:
    await asyncio.Event().wait()
    raise AssertionError
