"""The requests of version 2 of the API, and of Knative's on the same services."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import suppress
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from venue_sandbox.cloud.accounts import account_name
from venue_sandbox.cloud.enforcing import Needed, enforcing
from venue_sandbox.cloud.policies import Policies
from venue_sandbox.cloud.rest import errors_as, json_object, refuse
from venue_sandbox.cloud.run.board import Board
from venue_sandbox.cloud.run.errors import denied
from venue_sandbox.cloud.run.faults import PERMISSIONS, RunFaults, RunKind
from venue_sandbox.cloud.run.fields import Document, normal
from venue_sandbox.cloud.run.knative.api import KnativeApi
from venue_sandbox.cloud.run.operations import Operation, Operations
from venue_sandbox.cloud.run.requests import flag, page, who
from venue_sandbox.cloud.values import read_duration
from venue_sandbox.servers.control import faulty
from venue_sandbox.servers.faults import FaultBook

__all__ = ["application"]

LOCATION = "/v2/projects/{project}/locations/{location}"
SERVICES = LOCATION + "/services"
SERVICE = SERVICES + "/{service:[^/:]+}"
REVISIONS = SERVICE + "/revisions"
REVISION = REVISIONS + "/{revision:[^/:]+}"
OPERATIONS = LOCATION + "/operations"
OPERATION = OPERATIONS + "/{operation:[^/:]+}"
LONGEST_BODY = 1 << 20
LONGEST_WAIT = 30.0
MAKING = ("create", "patch", "put", "create_job", "patch_job")
OPERATIONS_OF = {
    "create": "create",
    "get": "get",
    "list_services": "list",
    "patch": "patch",
    "replace": "put",
    "delete": "delete",
    "list_revisions": "revisions",
    "get_revision": "revision",
    "delete_revision": "delete_revision",
    "list_configurations": "configurations",
    "get_configuration": "configuration",
    "list_operations": "operations",
    "get_operation": "operation",
    "delete_operation": "delete_operation",
    "wait": "wait",
    "get_policy": "get_policy",
    "set_policy": "set_policy",
    "create_job": "create_job",
    "create_knative_job": "create_job",
    "get_job": "get_job",
    "get_knative_job": "get_job",
    "list_jobs": "list_jobs",
    "list_knative_jobs": "list_jobs",
    "patch_job": "patch_job",
    "replace_knative_job": "patch_job",
    "delete_job": "delete_job",
    "delete_knative_job": "delete_job",
    "run_job": "run_job",
    "run_knative_job": "run_job",
    "get_execution": "execution",
    "get_knative_execution": "execution",
    "list_executions": "executions",
    "list_knative_executions": "executions",
}
"""The operations that faults can hit, by the handlers of both versions."""


def application(
    board: Board,
    operations: Operations,
    book: FaultBook,
    faults: RunFaults,
    more: list[web.RouteDef],
    policies: Policies | None = None,
) -> web.Application:
    """Return the service, with further routes: those of jobs, policies and the control endpoint.

    Parameters
    ----------
    policies
        Those that it keeps to, if any.
    """
    api = Api(board, operations)
    middlewares = [
        faulty(book, _operation, refuse),
        errors_as(f"A service has {LONGEST_BODY} bytes at most."),
        _forbidding(faults),
        enforcing(policies, _needs),
    ]
    made = web.Application(middlewares=middlewares, client_max_size=LONGEST_BODY)
    made.add_routes([*more, *api.routes(), *KnativeApi(board).routes()])
    return made


class Api:
    """The handlers of version 2, one for each request."""

    def __init__(self, board: Board, operations: Operations) -> None:
        self._board = board
        self._operations = operations

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.post(SERVICES, self.create),
            web.get(SERVICES, self.list_services),
            web.get(SERVICE, self.get),
            web.patch(SERVICE, self.patch),
            web.delete(SERVICE, self.delete),
            web.get(REVISIONS, self.list_revisions),
            web.get(REVISION, self.get_revision),
            web.delete(REVISION, self.delete_revision),
            web.get(OPERATIONS, self.list_operations),
            web.get(OPERATION, self.get_operation),
            web.delete(OPERATION, self.delete_operation),
            web.post(OPERATION + ":wait", self.wait),
        ]

    async def create(self, request: web.Request) -> web.Response:
        """Make a service."""
        name = f"{_location(request)}/services/{request.query.get('serviceId', '')}"
        wanted = normal(await json_object(request))
        return _begun(await self._board.create(name, wanted, who(request), dry=flag(request, "validateOnly")))

    async def list_services(self, request: web.Request) -> web.Response:
        """Return one page of the services."""
        everywhere = request.match_info["location"] == "-"
        services = self._board.services(None if everywhere else _location(request), request.match_info["project"])
        return _page(request, "services", [each.document() for each in services])

    async def get(self, request: web.Request) -> web.Response:
        """Return a service."""
        return web.json_response(self._board.service(_name(request)).document())

    async def patch(self, request: web.Request) -> web.Response:
        """Replace fields of a service."""
        order, name, dry = await json_object(request), _name(request), flag(request, "validateOnly")
        if flag(request, "allowMissing") and not self._board.has(name):
            return _begun(await self._board.create(name, normal(order), who(request), dry=dry))
        mask = request.query.get("updateMask")
        return _begun(self._board.patch(name, order, mask, who(request), dry=dry))

    async def delete(self, request: web.Request) -> web.Response:
        """Remove a service."""
        etag, dry = request.query.get("etag", ""), flag(request, "validateOnly")
        return _begun(self._board.delete(_name(request), etag, dry=dry))

    async def list_revisions(self, request: web.Request) -> web.Response:
        """Return one page of the revisions of a service, the newest first."""
        found = self._board.revisions(self._board.service(_name(request)).name)
        return _page(request, "revisions", [each.document() for each in found])

    async def get_revision(self, request: web.Request) -> web.Response:
        """Return a revision."""
        return web.json_response(self._board.revision(_revision(request)).document())

    async def delete_revision(self, request: web.Request) -> web.Response:
        """Remove a revision."""
        etag, dry = request.query.get("etag", ""), flag(request, "validateOnly")
        return _begun(self._board.delete_revision(_revision(request), etag, dry=dry))

    async def list_operations(self, request: web.Request) -> web.Response:
        """Return one page of the operations."""
        found = self._operations.of(_location(request))
        return _page(request, "operations", [each.document() for each in found])

    async def get_operation(self, request: web.Request) -> web.Response:
        """Return an operation."""
        return _begun(self._operations.get(_operation_name(request)))

    async def delete_operation(self, request: web.Request) -> web.Response:
        """Forget an operation."""
        self._operations.delete(_operation_name(request))
        return web.json_response({})

    async def wait(self, request: web.Request) -> web.Response:
        """Return an operation when it has ended, or the time to wait is over."""
        found = self._operations.get(_operation_name(request))
        text = (await json_object(request)).get("timeout") if request.can_read_body else None
        seconds = LONGEST_WAIT if text is None else min(read_duration("timeout", text), LONGEST_WAIT)
        with suppress(TimeoutError):
            await asyncio.wait_for(found.ended.wait(), seconds)
        return _begun(found)


def _location(request: web.Request) -> str:
    return f"projects/{request.match_info['project']}/locations/{request.match_info['location']}"


def _name(request: web.Request) -> str:
    return f"{_location(request)}/services/{request.match_info['service']}"


def _revision(request: web.Request) -> str:
    return f"{_name(request)}/revisions/{request.match_info['revision']}"


def _operation_name(request: web.Request) -> str:
    return f"{_location(request)}/operations/{request.match_info['operation']}"


def _begun(operation: Operation) -> web.Response:
    return web.json_response(operation.document())


def _page(request: web.Request, field: str, entries: list[Document]) -> web.Response:
    found, following = page(entries, request.query.get("pageSize", "0"), request.query.get("pageToken", ""))
    shown: dict[str, Any] = {field: found}
    return web.json_response({**shown, "nextPageToken": following} if following else shown)


def _operation(request: web.Request) -> str:
    """Name the operation of a request: what a handler is for, whatever the version of the API."""
    handler = request.match_info.handler
    return OPERATIONS_OF.get(getattr(handler, "__name__", ""), "unknown")


def _forbidding(faults: RunFaults) -> Middleware:
    """Return a middleware that refuses requests whose account is to lack a permission."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        permission = PERMISSIONS.get(operation := _operation(request))
        if permission:
            name = _resource(request)
            # Version 1 does not say in which location a service is: there the short name counts.
            known = name.rpartition("/")[2] if name.startswith("namespaces/") else name
            if faults.take(RunKind.FORBIDDEN, known, operation) is not None:
                raise denied(permission, name)
        return await handler(request)

    return check


async def _needs(request: web.Request) -> list[Needed]:
    """Return what a request takes: a revision runs as an account, which whoever makes it has to be let act as."""
    permission = PERMISSIONS.get(_operation(request))
    if permission is None:
        return []
    # Version 1 does not say in which location a service is.
    name = _resource(request).replace("namespaces/", "projects/", 1)
    name = name if "/locations/" in name else re.sub("^(projects/[^/]+)", r"\1/locations/*", name)
    project = "/".join(name.split("/")[:2])
    found = [Needed(permission, (name, project))]
    if _operation(request) in MAKING and (account := _runs_as(await json_object(request))):
        acting = account_name(account)
        found.append(Needed("iam.serviceAccounts.actAs", (acting, acting.partition("/serviceAccounts")[0])))
    return found


def _runs_as(order: Document) -> str:
    """Return the account of a request's revision or job, whatever the version of the API."""
    text = json.dumps(order)
    named = re.search(r'"serviceAccount(Name)?": "([^"]+)"', text)
    return named[2] if named else ""


def _resource(request: web.Request) -> str:
    """Return the service that a request is about, in the words of its version; where it is, if it names none."""
    found = request.match_info
    place = f"namespaces/{found['namespace']}" if "namespace" in found else _location(request)
    kind, name = found.get("kind", "services"), found.get("name") or found.get("service")
    if "job" in found:
        kind, name = "jobs", found["job"]
    return f"{place}/{kind}/{name}" if name else place
