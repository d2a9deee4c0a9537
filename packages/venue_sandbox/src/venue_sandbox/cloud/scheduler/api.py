"""The requests of the REST API, and the one request of IAM Credentials that is served with them."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from aiohttp import web

from venue_sandbox.cloud.accounts import account_name
from venue_sandbox.cloud.enforcing import Needed, enforcing
from venue_sandbox.cloud.policies import Policies
from venue_sandbox.cloud.rest import ApiError, document, errors_as, invalid, json_object, page_size, refuse
from venue_sandbox.cloud.scheduler.board import Board
from venue_sandbox.cloud.scheduler.errors import denied
from venue_sandbox.cloud.scheduler.executions import Entry
from venue_sandbox.cloud.scheduler.firing import Firing
from venue_sandbox.cloud.scheduler.jobs import Identity
from venue_sandbox.cloud.scheduler.tokens import Tokens
from venue_sandbox.servers.control import faulty
from venue_sandbox.servers.faults import FaultBook

__all__ = ["application"]

JOBS = "/v1/projects/{project}/locations/{location}/jobs"
JOB = JOBS + "/{job:[^/:]+}"
CERTS = "/oauth2/v3/certs"
TOKEN = "/v1/projects/-/serviceAccounts/{account:[^/:@]+@[^/:]+}:generateIdToken"
LONGEST_BODY = 1 << 20
TOO_LARGE = f"A job has {LONGEST_BODY} bytes at most."
MOST_JOBS = 500
VERBS = {
    **{name: name for name in ("create", "list", "get", "delete", "pause", "run")},
    **{"patch": "update", "resume": "enable"},
}
"""The permissions that operations take, below ``cloudscheduler.jobs``."""
TOKEN_FIELDS = frozenset({"audience", "includeEmail", "delegates"})


def application(
    board: Board,
    firing: Firing,
    tokens: Tokens,
    book: FaultBook,
    control: list[web.RouteDef],
    policies: Policies | None = None,
) -> web.Application:
    """Return the service over its jobs, with the routes of a control endpoint; with policies it keeps to them."""
    api = Api(board, firing, tokens)
    made = web.Application(
        middlewares=[faulty(book, _operation, _refuse), errors_as(TOO_LARGE), enforcing(policies, _needs)],
        client_max_size=LONGEST_BODY,
    )
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
            web.post(TOKEN, api.token),
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
        return _answer(self._board.create(_parent(request), await document(request)))

    async def list_jobs(self, request: web.Request) -> web.Response:
        """Return one page of the jobs of a project and location."""
        size, begin = page_size(request, MOST_JOBS), request.query.get("pageToken", "")
        names = f"{_parent(request)}/jobs/"
        found = [entry for entry in self._board.entries() if entry.job.name.startswith(names) and entry.job.id >= begin]
        page: dict[str, Any] = {"jobs": [entry.document() for entry in found[:size]]}
        if len(found) > size:
            page["nextPageToken"] = found[size].job.id
        return web.json_response(page)

    async def get(self, request: web.Request) -> web.Response:
        """Return a job."""
        return _answer(self._board.get(_name(request)))

    async def patch(self, request: web.Request) -> web.Response:
        """Replace fields of a job."""
        mask = request.query.get("updateMask") or None
        return _answer(self._board.patch(_name(request), await document(request), mask))

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

    async def token(self, request: web.Request) -> web.Response:
        """Sign a token in the name of a service account."""
        wanted = await json_object(request)
        if unknown := sorted(set(wanted) - TOKEN_FIELDS):
            raise ApiError(
                400,
                "INVALID_ARGUMENT",
                f'Invalid JSON payload received. Unknown name "{unknown[0]}": Cannot find field.',
            )
        audience, with_email = wanted.get("audience"), wanted.get("includeEmail", False)
        if not isinstance(audience, str) or not audience:
            raise invalid("audience", audience, "a token is for one")
        if not isinstance(with_email, bool):
            raise invalid("includeEmail", with_email, "it is true or false")
        identity = Identity(request.match_info["account"], audience)
        return web.json_response({"token": self._tokens.mint(identity, with_email=with_email)})


def _parent(request: web.Request) -> str:
    return f"projects/{request.match_info['project']}/locations/{request.match_info['location']}"


def _name(request: web.Request) -> str:
    return f"{_parent(request)}/jobs/{request.match_info['job']}"


def _answer(entry: Entry) -> web.Response:
    return web.json_response(entry.document())


def _refuse(request: web.Request, status: int) -> web.Response:
    """Refuse a request as the service does; IAM has words of its own for a permission that is lacking."""
    if status == HTTPStatus.FORBIDDEN and _operation(request) == "token":
        return web.json_response(denied().document(), status=status)
    return refuse(request, status)


async def _needs(request: web.Request) -> list[Needed]:
    """Return what a request takes."""
    operation, found = _operation(request), request.match_info
    if operation == "token":
        name = account_name(found["account"])
        return [Needed("iam.serviceAccounts.getOpenIdToken", (name, name.partition("/serviceAccounts")[0]))]
    if operation not in VERBS:
        return []
    return [Needed(f"cloudscheduler.jobs.{VERBS[operation]}", (f"projects/{found['project']}",))]


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
        ("POST", TOKEN.replace(":[^/:@]+@[^/:]+", "")): "token",
    }
    return table.get((request.method.replace("HEAD", "GET"), where), "unknown")
