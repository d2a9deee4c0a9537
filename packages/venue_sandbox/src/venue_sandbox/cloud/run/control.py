"""The control endpoint: arms faults of requests and of services, shows the processes.

``POST /_control/faults`` takes the faults of requests, which every server of the sandbox has, and those of services;
``GET /_control/instances`` shows the process ids of the revisions that run.
"""

from __future__ import annotations

from typing import Any, cast

from aiohttp import web

from venue_sandbox.cloud.run.faults import RunFault, RunFaults, RunKind
from venue_sandbox.cloud.run.instances import Instances
from venue_sandbox.servers.control import CONTROL, fault_routes
from venue_sandbox.servers.faults import Fault, FaultBook, FaultError, FaultKind

__all__ = ["control_routes"]


def control_routes(book: FaultBook, faults: RunFaults, instances: Instances) -> list[web.RouteDef]:
    """Return the routes of the endpoint."""

    def arm(document: object) -> None:
        if not isinstance(document, dict):
            raise FaultError(f"a fault is a JSON object, not {document!r}")
        values = cast("dict[str, Any]", document)
        kind = values.get("kind")
        if kind in list(RunKind):
            faults.add(RunFault.read(values))
        elif kind in list(FaultKind):
            book.add(Fault.read(values))
        else:
            raise FaultError(f"kind is one of {', '.join((*RunKind, *FaultKind))}, not {kind!r}")

    def disarm() -> None:
        book.clear()
        faults.clear()

    async def running(request: web.Request) -> web.Response:
        return web.json_response(instances.running())

    return [*fault_routes(arm, disarm, book.requests), web.get(f"{CONTROL}instances", running)]
