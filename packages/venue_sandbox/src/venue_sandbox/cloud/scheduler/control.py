"""The control endpoint: moves the clock, fires executions, lists them, arms faults, mints tokens.

``POST /_control/faults`` takes the faults of requests to the API, which every server of the sandbox has, and those of
deliveries to targets.
"""

from __future__ import annotations

import json
from typing import Any, cast

from aiohttp import web

from venue_sandbox.cloud.rest import ApiError, invalid
from venue_sandbox.cloud.scheduler.board import Board
from venue_sandbox.cloud.scheduler.clock import Clock
from venue_sandbox.cloud.scheduler.faults import DeliveryFault, DeliveryFaults, DeliveryKind
from venue_sandbox.cloud.scheduler.firing import Firing
from venue_sandbox.cloud.scheduler.jobs import Identity
from venue_sandbox.cloud.scheduler.tokens import Tokens
from venue_sandbox.cloud.values import read_time, time_text
from venue_sandbox.servers.control import CONTROL
from venue_sandbox.servers.faults import Fault, FaultBook, FaultError, FaultKind

__all__ = ["Control"]


class Control:
    """The handlers, one for each request.

    Parameters
    ----------
    book
        The faults of requests to the API.
    faults
        The faults of deliveries.
    """

    def __init__(
        self, board: Board, firing: Firing, clock: Clock, book: FaultBook, faults: DeliveryFaults, tokens: Tokens
    ) -> None:
        self._board = board
        self._firing = firing
        self._clock = clock
        self._book = book
        self._faults = faults
        self._tokens = tokens

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of the endpoint."""
        return [
            web.post(f"{CONTROL}advance", self.advance),
            web.post(f"{CONTROL}fire", self.fire),
            web.get(f"{CONTROL}executions", self.executions),
            web.get(f"{CONTROL}token", self.token),
            web.post(f"{CONTROL}faults", self.arm),
            web.delete(f"{CONTROL}faults", self.disarm),
            web.get(f"{CONTROL}requests", self.count),
            web.delete(f"{CONTROL}requests", self.count_from_zero),
        ]

    async def advance(self, request: web.Request) -> web.Response:
        """Move the virtual clock."""
        order = await _object(request, {"until", "next"})
        if len(order) != 1:
            raise invalid("advance", order, "it takes either until or next")
        until, count = order.get("until"), order.get("next")
        if "next" in order and (type(count) is not int or count < 1):
            raise invalid("next", count, "it is a whole number from 1 on")
        made = await self._firing.advance(read_time("until", until) if "until" in order else None, count)
        return web.json_response(
            {"now": time_text(self._clock.now()), "executions": [execution.document() for execution in made]}
        )

    async def fire(self, request: web.Request) -> web.Response:
        """Make one execution at once."""
        order = await _object(request, {"job", "schedule_time"})
        job = order.get("job")
        if not isinstance(job, str):
            raise invalid("job", job, "it is the name of a job")
        moment = read_time("schedule_time", order.get("schedule_time"))
        return web.json_response((await self._firing.fire(self._board.find(job), moment)).document())

    async def executions(self, request: web.Request) -> web.Response:
        """List every execution so far."""
        return web.json_response([execution.document() for execution in self._firing.executions])

    async def token(self, request: web.Request) -> web.Response:
        """Mint a token."""
        query = request.query
        for name in ("audience", "email"):
            if not query.get(name):
                raise invalid(name, query.get(name), "a token needs one")
        identity = Identity(query["email"], query["audience"])
        return web.json_response({"token": self._tokens.mint(identity, expired=query.get("expired") == "1")})

    async def arm(self, request: web.Request) -> web.Response:
        """Arm a fault."""
        try:
            self._arm(await request.json())
        except (FaultError, json.JSONDecodeError, TypeError) as error:
            return web.Response(status=400, text=f"{error}\n")
        return web.Response(status=204)

    async def disarm(self, request: web.Request) -> web.Response:
        """Disarm every fault."""
        self._book.clear()
        self._faults.clear()
        return web.Response(status=204)

    async def count(self, request: web.Request) -> web.Response:
        """Count the requests to the API by operation."""
        return web.json_response(self._book.requests)

    async def count_from_zero(self, request: web.Request) -> web.Response:
        """Count them from zero."""
        self._book.requests.clear()
        return web.Response(status=204)

    def _arm(self, document: Any) -> None:
        if not isinstance(document, dict):
            raise FaultError(f"a fault is a JSON object, not {document!r}")
        values = cast(dict[str, Any], document)
        kind = values.get("kind")
        if kind in list(DeliveryKind):
            self._faults.add(DeliveryFault.read(values))
        elif kind in list(FaultKind):
            self._book.add(Fault.read(values))
        else:
            raise FaultError(f"kind is one of {', '.join((*DeliveryKind, *FaultKind))}, not {kind!r}")


async def _object(request: web.Request, known: set[str]) -> dict[str, Any]:
    """Return the JSON object of a request, if it has known fields only."""
    try:
        document: Any = await request.json()
    except json.JSONDecodeError as error:
        raise ApiError(400, "INVALID_ARGUMENT", f"That is not JSON: {error}.") from error
    if isinstance(document, dict):
        order = cast(dict[str, Any], document)
        if set(order) <= known:
            return order
    raise invalid("the request", cast(object, document), f"it is a JSON object of {', '.join(sorted(known))}")
