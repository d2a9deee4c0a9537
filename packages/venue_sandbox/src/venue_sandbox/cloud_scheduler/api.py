"""The requests of the REST API."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from venue_sandbox.cloud_scheduler.board import Board
from venue_sandbox.cloud_scheduler.errors import ApiError, error_for, invalid
from venue_sandbox.cloud_scheduler.executions import Entry
from venue_sandbox.cloud_scheduler.firing import Firing
from venue_sandbox.cloud_scheduler.tokens import Tokens
from venue_sandbox.control import CONTROL, faulty
from venue_sandbox.faults import FaultBook

__all__ = ["application"]

JOBS = "/v1/projects/{project}/locations/{location}/jobs"
JOB = JOBS + "/{job:[^/:]+}"
CERTS = "/oauth2/v3/certs"
LONGEST_BODY = 1 << 20
MOST_JOBS = 500


def application(
    board: Board, firing: Firing, tokens: Tokens, book: FaultBook, control: list[web.RouteDef]
) -> web.Application:
    """Return the service over its jobs, with the routes of a control endpoint."""
    api = Api(board, firing, tokens)
    made = web.Application(middlewares=[faulty(book, _operation, _refuse), _errors], client_max_size=LONGEST_BODY)
    made.add_routes(control)
    made.add_routes(
        [
            web.post(JOBS, api.create),
            web.get(JOBS, api.list_jobs),
            web.get(JOB, api.get),
            web.patch(JOB, api.patch),
            web.delete(JOB, api.delete),
            web.post(JOB + ":pause", api.pause),
            web.post(JOB + ":resume", api.resume),
            web.post(JOB + ":run", api.run),
            web.get(CERTS, api.certs),
        ]
    )
    return made


class Api:
    """The handlers, one for each request."""

    def __init__(self, board: Board, firing: Firing, tokens: Tokens) -> None:
        self._board = board
        self._firing = firing
        self._tokens = tokens

    async def create(self, request: web.Request) -> web.Response:
        """Create a job."""
        return _answer(self._board.create(_parent(request), await _document(request)))

    async def list_jobs(self, request: web.Request) -> web.Response:
        """Return one page of the jobs of a project and location."""
        size, begin = _page_size(request), request.query.get("pageToken", "")
        names = f"{_parent(request)}/jobs/"
        found = [entry for entry in self._board.entries() if entry.job.name.startswith(names) and entry.job.id >= begin]
        document: dict[str, Any] = {"jobs": [entry.document() for entry in found[:size]]}
        if len(found) > size:
            document["nextPageToken"] = found[size].job.id
        return web.json_response(document)

    async def get(self, request: web.Request) -> web.Response:
        """Return a job."""
        return _answer(self._board.get(_name(request)))

    async def patch(self, request: web.Request) -> web.Response:
        """Replace fields of a job."""
        mask = request.query.get("updateMask") or None
        return _answer(self._board.patch(_name(request), await _document(request), mask))

    async def delete(self, request: web.Request) -> web.Response:
        """Delete a job."""
        self._board.delete(_name(request))
        return web.json_response({})

    async def pause(self, request: web.Request) -> web.Response:
        """Pause a job."""
        return _answer(self._board.pause(_name(request)))

    async def resume(self, request: web.Request) -> web.Response:
        """Resume a job."""
        return _answer(self._board.resume(_name(request)))

    async def run(self, request: web.Request) -> web.Response:
        """Begin a job now; the answer does not wait for it."""
        return _answer(self._firing.run(_name(request)))

    async def certs(self, request: web.Request) -> web.Response:
        """Return the keys of the tokens."""
        return web.json_response(self._tokens.keys())


def _parent(request: web.Request) -> str:
    return f"projects/{request.match_info['project']}/locations/{request.match_info['location']}"


def _name(request: web.Request) -> str:
    return f"{_parent(request)}/jobs/{request.match_info['job']}"


def _page_size(request: web.Request) -> int:
    text = request.query.get("pageSize", "0")
    if not (text.isascii() and text.isdigit()):
        raise invalid("pageSize", text, "it is a whole number from 0 on")
    return min(int(text[:9]) or MOST_JOBS, MOST_JOBS)


async def _document(request: web.Request) -> object:
    try:
        return json.loads(await request.read())
    except ValueError as error:
        raise ApiError(400, "INVALID_ARGUMENT", f"Invalid JSON payload received. {error}") from error


def _answer(entry: Entry) -> web.Response:
    return web.json_response(entry.document())


def _operation(request: web.Request) -> str:
    """Name the operation of a request."""
    place = request.match_info.route.resource
    where = "" if place is None else place.canonical
    one = JOBS + "/{job}"
    table: Mapping[tuple[str, str], str] = {
        ("POST", JOBS): "create",
        ("GET", JOBS): "list",
        ("GET", one): "get",
        ("PATCH", one): "patch",
        ("DELETE", one): "delete",
        ("POST", one + ":pause"): "pause",
        ("POST", one + ":resume"): "resume",
        ("POST", one + ":run"): "run",
        ("GET", CERTS): "certs",
    }
    return table.get((request.method.replace("HEAD", "GET"), where), "unknown")


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer errors in the shape of the API, and those of the control endpoint as plain text."""
    try:
        return await handler(request)
    except ApiError as error:
        return _shape(request, error)
    except web.HTTPNotFound:
        return _shape(request, ApiError(404, "NOT_FOUND", f"Not found: {request.path}"))
    except web.HTTPMethodNotAllowed:
        return _shape(request, ApiError(405, "UNIMPLEMENTED", f"{request.method} {request.path} is not served."))
    except web.HTTPRequestEntityTooLarge:
        return _shape(request, ApiError(400, "INVALID_ARGUMENT", f"A job has {LONGEST_BODY} bytes at most."))


def _refuse(request: web.Request, status: int) -> web.Response:
    return _shape(request, error_for(status))


def _shape(request: web.Request, error: ApiError) -> web.Response:
    if request.path.startswith(CONTROL):
        return web.Response(status=error.status, text=f"{error.message}\n")
    return web.json_response(error.document(), status=error.status)
