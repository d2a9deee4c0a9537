"""The requests of all the APIs of a project."""

from __future__ import annotations

import sqlite3

from aiohttp import web

from venue_sandbox.cloud.policies import Policies
from venue_sandbox.cloud.project.artifacts import ArtifactsApi
from venue_sandbox.cloud.project.iam import IamApi
from venue_sandbox.cloud.project.observing import ObservingApi
from venue_sandbox.cloud.project.shelf import Shelf
from venue_sandbox.cloud.project.usage import UsageApi
from venue_sandbox.cloud.rest import errors_as, refuse
from venue_sandbox.servers.control import control_routes, faulty
from venue_sandbox.servers.faults import FaultBook

__all__ = ["NUMBER", "application"]

LONGEST_BODY = 1 << 20
NUMBER = "100000000001"
"""The number of every project."""


def application(database: sqlite3.Connection) -> web.Application:
    """Return the service over what it remembers."""
    book, shelf, policies = FaultBook(), Shelf(database), Policies(database)
    middlewares = [faulty(book, _operation, refuse), errors_as(f"A request has {LONGEST_BODY} bytes at most.")]
    made = web.Application(middlewares=middlewares, client_max_size=LONGEST_BODY)
    made.add_routes(control_routes(book))
    for api in (
        UsageApi(shelf, policies, NUMBER),
        IamApi(shelf, policies),
        ArtifactsApi(shelf, policies),
        ObservingApi(shelf, NUMBER),
    ):
        made.add_routes(api.routes())
    return made


def _operation(request: web.Request) -> str:
    return request.match_info.route.name or "unknown"
