"""The control endpoint of a server, and how its faults hit HTTP requests.

``POST /_control/faults`` arms a fault, ``DELETE /_control/faults`` disarms all; ``GET /_control/requests`` counts the
requests by operation, ``DELETE /_control/requests`` starts from zero.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections import Counter
from collections.abc import Callable, Collection

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from venue_sandbox.servers.faults import Body, Fault, FaultBook, FaultError, FaultKind

__all__ = ["CONTROL", "Refuse", "control_routes", "fault_routes", "faulty", "reset_on_close"]

CONTROL = "/_control/"
RATE_LIMIT_STATUS = 429
PAGE = "<!DOCTYPE html>\n<html><head><title>Error</title></head><body><h1>Something went wrong</h1></body></html>\n"
RESET = struct.pack("ii", 1, 0)

Refuse = Callable[[web.Request, int], web.StreamResponse]


def control_routes(book: FaultBook, kinds: Collection[FaultKind] = tuple(FaultKind)) -> list[web.RouteDef]:
    """Return the routes of the control endpoint of a server that knows some kinds of faults."""

    def arm(document: object) -> None:
        fault = Fault.read(document)
        if fault.kind not in kinds:
            raise FaultError(f"this server has no fault {fault.kind}; it has {', '.join(kinds)}")
        book.add(fault)

    return fault_routes(arm, book.clear, book.requests)


def fault_routes(
    arm: Callable[[object], None], disarm: Callable[[], None], requests: Counter[str]
) -> list[web.RouteDef]:
    """Return the routes that every control endpoint has.

    Parameters
    ----------
    arm
        Arms the fault of a JSON document; `FaultError` if it makes no sense.
    """

    async def add(request: web.Request) -> web.Response:
        try:
            arm(await request.json())
        except (FaultError, json.JSONDecodeError, TypeError) as error:
            return web.Response(status=400, text=f"{error}\n")
        return web.Response(status=204)

    async def clear(request: web.Request) -> web.Response:
        disarm()
        return web.Response(status=204)

    async def count(request: web.Request) -> web.Response:
        return web.json_response(requests)

    async def count_from_zero(request: web.Request) -> web.Response:
        requests.clear()
        return web.Response(status=204)

    return [
        web.post(f"{CONTROL}faults", add),
        web.delete(f"{CONTROL}faults", clear),
        web.get(f"{CONTROL}requests", count),
        web.delete(f"{CONTROL}requests", count_from_zero),
    ]


def faulty(book: FaultBook, operation: Callable[[web.Request], str], refuse: Refuse) -> Middleware:
    """Return a middleware that lets the armed faults hit their requests.

    Parameters
    ----------
    book
        The faults.
    operation
        Names the operation of a request.
    refuse
        Writes the answer to a request in the server's own shape of errors, given a status.
    """

    @web.middleware
    async def inject(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith(CONTROL):
            return await handler(request)
        name = operation(request)
        book.requests[name] += 1
        fault = book.take(name)
        if fault is None:
            return await handler(request)
        match fault.kind:
            case FaultKind.HTTP_ERROR:
                return _spoiled(fault) or refuse(request, fault.status)
            case FaultKind.RATE_LIMIT:
                return refuse(request, RATE_LIMIT_STATUS)
            case FaultKind.DROP_BEFORE:
                return _cut(request)
            case FaultKind.SLOW:
                await request.read()
                await asyncio.sleep(fault.seconds)
                return await handler(request)
            case FaultKind.DROP_AFTER:
                await handler(request)
                return _cut(request)
            case FaultKind.SILENT:
                answer = await handler(request)
                await asyncio.Event().wait()
                return answer

    return inject


def _spoiled(fault: Fault) -> web.Response | None:
    """Return an answer that is not in the shape of the server; None where the fault wants one that is."""
    match fault.body:
        case Body.HTML:
            return web.Response(status=fault.status, text=PAGE, content_type="text/html")
        case Body.EMPTY:
            return web.json_response({}, status=fault.status)
        case Body.ERROR:
            return None


def _cut(request: web.Request) -> web.Response:
    """Reset the connection of a request; what is returned reaches nobody."""
    if request.transport is not None:
        reset_on_close(request.transport)
        request.transport.abort()
    return web.Response(status=500)


def reset_on_close(transport: asyncio.BaseTransport) -> None:
    """Have the connection reset, not closed in order, when its transport closes; one that has ended stays so."""
    connection: socket.socket | None = transport.get_extra_info("socket")
    if connection is not None and connection.fileno() >= 0:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
