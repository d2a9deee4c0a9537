"""The addresses of services: a port for each service and one for each tag it has had, which forward to revisions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from html import escape
from http import HTTPStatus

from aiohttp import ClientError, ClientSession, ClientTimeout, web
from multidict import CIMultiDict
from yarl import URL

from venue_sandbox.cloud.run.errors import NotReady
from venue_sandbox.cloud.run.faults import ADDRESS
from venue_sandbox.cloud.run.instances import Instances
from venue_sandbox.cloud.run.records import Revision
from venue_sandbox.cloud.values import read_duration
from venue_sandbox.servers.control import faulty
from venue_sandbox.servers.faults import FaultBook
from venue_sandbox.servers.serving import HOST, listening

__all__ = ["Forbidden", "Gateways", "Route", "page"]

LONGEST_BODY = 32 << 20
HOP_BY_HOP = frozenset(
    {
        *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "upgrade"),
        *("transfer-encoding", "content-length"),
    }
)
SAID = {
    HTTPStatus.FORBIDDEN: "Your client does not have permission to get URL <code>{path}</code> from this server.",
    HTTPStatus.NOT_FOUND: "The requested URL <code>{path}</code> was not found on this server.",
    HTTPStatus.SERVICE_UNAVAILABLE: "The service you requested is not available yet.",
    HTTPStatus.GATEWAY_TIMEOUT: "The request has been terminated because it has reached the maximum request timeout.",
}

Route = Callable[[web.Request], Revision | None]
"""Says which revision a request goes to; None if there is none. Raises `Forbidden`."""


class Forbidden(Exception):
    """Whoever asks may not call the service."""


class Gateways:
    """The addresses.

    Parameters
    ----------
    instances
        The processes of the revisions.
    session
        What requests are forwarded with.
    book
        The faults of single requests.
    """

    def __init__(self, instances: Instances, session: ClientSession, book: FaultBook) -> None:
        self._instances = instances
        self._session = session
        self._book = book
        self._open = AsyncExitStack()

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Serve until the end."""
        async with self._open:
            yield

    async def open(self, route: Route) -> str:
        """Open an address; return it."""

        async def forward(request: web.Request) -> web.StreamResponse:
            try:
                revision = route(request)
            except Forbidden:
                return page(request, HTTPStatus.FORBIDDEN)
            if revision is None:
                return page(request, HTTPStatus.NOT_FOUND)
            return await self._forward(request, revision)

        application = web.Application(
            middlewares=[faulty(self._book, lambda _: ADDRESS, page)], client_max_size=LONGEST_BODY
        )
        application.router.add_route("*", "/{path:.*}", forward)
        return f"http://{HOST}:{await self._open.enter_async_context(listening(application, 0))}"

    async def _forward(self, request: web.Request, revision: Revision) -> web.StreamResponse:
        body = await request.read()
        seconds = read_duration("timeout", revision.template["timeout"])
        try:
            async with self._instances.serving(revision) as port, asyncio.timeout(seconds):
                return await self._ask(request, body, port)
        except TimeoutError:
            return page(request, HTTPStatus.GATEWAY_TIMEOUT)
        except (NotReady, ClientError, OSError):
            return page(request, HTTPStatus.SERVICE_UNAVAILABLE)

    async def _ask(self, request: web.Request, body: bytes, port: int) -> web.Response:
        async with self._session.request(
            request.method,
            URL(f"http://{HOST}:{port}{request.raw_path}", encoded=True),
            headers=_passed_on(request.headers.items()),
            data=body,
            allow_redirects=False,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            timeout=ClientTimeout(total=None),
        ) as answer:
            headers = _passed_on(answer.headers.items())
            return web.Response(status=answer.status, body=await answer.read(), headers=headers)


def page(request: web.Request, status: int) -> web.Response:
    """Answer a request as Google's front does."""
    said = SAID.get(HTTPStatus(status), "The server encountered an error.") if status in set(HTTPStatus) else ""
    title = f"{status} {HTTPStatus(status).phrase}" if said else str(status)
    text = f"<html><head><title>{title}</title></head><body><h1>Error: {title}</h1><h2>{said}</h2></body></html>\n"
    return web.Response(status=status, text=text.replace("{path}", escape(request.path)), content_type="text/html")


def _passed_on(headers: Iterable[tuple[str, str]]) -> CIMultiDict[str]:
    made = CIMultiDict[str]()
    for name, value in headers:
        if name.lower() not in HOP_BY_HOP:
            made.add(name, value)
    return made
