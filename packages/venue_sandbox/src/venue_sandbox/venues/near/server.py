"""The server: websockets of solvers, calls of takers and the chain's node on one port, and the control endpoint."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, cast

from aiohttp import web

from venue_sandbox.servers.serving import Ports, listening
from venue_sandbox.venues.http.connections import cut
from venue_sandbox.venues.near.chain import Chain
from venue_sandbox.venues.near.control import control_application
from venue_sandbox.venues.near.driver import Driver
from venue_sandbox.venues.near.errors import Rejected
from venue_sandbox.venues.near.faults import (
    DelayArrival,
    Drop,
    ErrorAfter,
    Faults,
    Hang,
    LateAnswer,
    LoseAcknowledgement,
    LoseRequest,
    NearFault,
    Refuse,
)
from venue_sandbox.venues.near.operations import Floor
from venue_sandbox.venues.near.relay import Relay
from venue_sandbox.venues.near.solvers import SolverBus
from venue_sandbox.venues.near.takers import TakerCalls
from venue_sandbox.venues.near.tokens import account_of

__all__ = ["applications", "serving"]

REFUSED, NO_METHOD, PARSE_ERROR = -32000, -32601, -32700
Params = Mapping[str, Any]
Handle = Callable[[str, Params], Awaitable[Any]]


@asynccontextmanager
async def serving(relay: Relay, port: int = 0) -> AsyncGenerator[Ports]:
    """Serve a venue; yield its port and that of its control endpoint."""
    application, control = applications(relay)
    try:
        async with listening(control, 0) as control_port, listening(application, port) as served:
            yield {"port": served, "control_port": control_port}
    finally:
        relay.stop()


def applications(relay: Relay) -> tuple[web.Application, web.Application]:
    """Return what serves a venue, and its control endpoint."""
    bus = SolverBus(relay)
    relay.told, relay.settled = bus.tell_quote, bus.tell_status
    takers, chain = TakerCalls(relay), Chain(relay.contract, relay.clock)

    async def query(method: str, params: Params) -> Any:
        if method != "query":
            raise LookupError(method)
        return chain.query(params)

    application = web.Application()
    application.add_routes(
        [
            web.get("/ws", bus.serve),
            web.post("/rpc", _calls(bus.faults, takers.call, _with_api_key)),
            web.post("/near", _calls(bus.faults, query, lambda request: True)),
        ]
    )
    return application, control_application(Floor(relay, bus, Driver(relay)))


def _with_api_key(request: web.Request) -> bool:
    return account_of(request.headers.get("X-API-Key", "")) is not None


def _calls(
    faults: Faults, handle: Handle, allowed: Callable[[web.Request], bool]
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Return what answers calls of JSON-RPC over HTTP; faults hit them by the name of what is called."""

    async def answer(request: web.Request) -> web.StreamResponse:
        if not allowed(request):
            return web.Response(status=401, text="Unauthorized\n")
        try:
            message: Any = json.loads(await request.text())
            method, number = str(message["method"]), message.get("id")
            given = message.get("params", {})
            params = cast(Params, given[0] if isinstance(given, list) else given)
            fault = faults.take(str(params.get("method_name", method)), str(params.get("account_id", "")))
        except (AttributeError, IndexError, KeyError, TypeError, ValueError):
            return web.json_response(_error(None, PARSE_ERROR, "Parse error"))
        return await _through(fault, request, lambda: _result(handle, number, method, params), number)

    return answer


async def _through(
    fault: NearFault | None, request: web.Request, act: Callable[[], Awaitable[dict[str, Any]]], number: object
) -> web.StreamResponse:
    """Return the answer to a call, as a fault leaves it."""
    if isinstance(fault, Refuse):
        return web.json_response(_error(number, fault.code, fault.message))
    if isinstance(fault, DelayArrival):
        await asyncio.sleep(fault.seconds)
    reached = not (isinstance(fault, LoseRequest) or (isinstance(fault, Drop) and not fault.applied))
    document = await act() if reached else {}
    match fault:
        case ErrorAfter():
            return web.json_response(_error(number, fault.code, fault.message))
        case LateAnswer():
            await asyncio.sleep(fault.seconds)
        case Drop():
            return cut(request)
        case LoseRequest() | LoseAcknowledgement() | Hang():
            await asyncio.Event().wait()
        case _:
            pass
    return web.json_response(document)


async def _result(handle: Handle, number: object, method: str, params: Params) -> dict[str, Any]:
    try:
        return {"jsonrpc": "2.0", "id": number, "result": await handle(method, params)}
    except LookupError:
        return _error(number, NO_METHOD, f"method not found: {method}")
    except Rejected as error:
        return _error(number, REFUSED, str(error))


def _error(number: object, code: int, message: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "error": {"code": code, "message": message}}
