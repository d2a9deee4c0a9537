"""Run the Cloud Run emulator."""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import ClientSession, DummyCookieJar, TCPConnector

from venue_sandbox.cloud.database import opened
from venue_sandbox.cloud.enforcing import add_option, shared
from venue_sandbox.cloud.policies import Policies
from venue_sandbox.cloud.run.access import Access
from venue_sandbox.cloud.run.api import application
from venue_sandbox.cloud.run.board import Board
from venue_sandbox.cloud.run.builders import Builder, builder_named
from venue_sandbox.cloud.run.control import control_routes
from venue_sandbox.cloud.run.environment import Secrets
from venue_sandbox.cloud.run.faults import RunFaults
from venue_sandbox.cloud.run.gateways import Gateways
from venue_sandbox.cloud.run.instances import Instances
from venue_sandbox.cloud.run.jobs.api import JobsApi
from venue_sandbox.cloud.run.jobs.board import Jobs
from venue_sandbox.cloud.run.operations import Operations
from venue_sandbox.cloud.run.reconcile import Reconciler
from venue_sandbox.servers.faults import FaultBook
from venue_sandbox.servers.serving import Ports, arguments, listening, loopback, run

START_SECONDS = 60.0


def main() -> None:
    """Read the command line and serve."""
    parser = arguments("Cloud Run as its REST APIs and its callers see it, on 127.0.0.1, for tests and rehearsals.")
    parser.add_argument(
        "--builder",
        type=_builder,
        required=True,
        metavar="venv:FOLDER|registry:FILE",
        help="where an image by digest is: an environment that a rehearsal made, or a command in a JSON file",
    )
    parser.add_argument("--secrets", type=loopback, metavar="URL", help="Secret Manager to read secrets from")
    parser.add_argument(
        "--operation-delay",
        type=_seconds,
        default=0.0,
        metavar="SECONDS",
        help="how much longer every operation takes (default: %(default)g)",
    )
    parser.add_argument(
        "--start-timeout",
        type=_seconds,
        default=START_SECONDS,
        metavar="SECONDS",
        help="how long a revision may take until it listens (default: %(default)g)",
    )
    parser.add_argument("--logs", type=Path, metavar="DIR", help="keep what revisions say in DIR, a file for each")
    add_option(parser)
    options = parser.parse_args()

    @asynccontextmanager
    async def serve() -> AsyncGenerator[Ports]:
        book, faults, operations = FaultBook(), RunFaults(), Operations()
        connector = TCPConnector(force_close=True, limit=0)
        async with ClientSession(connector=connector, cookie_jar=DummyCookieJar(), auto_decompress=False) as session:
            secrets = Secrets(session, options.secrets)
            instances = Instances(options.builder, secrets, options.start_timeout, options.logs)
            gateways = Gateways(instances, session, book)
            reconciler = Reconciler(instances, gateways, faults, _now, options.operation_delay)
            board = Board(reconciler, operations, faults, _now)
            jobs = Jobs(instances, operations, _now)
            policies = shared(options.policies)
            access = Access(policies or Policies(opened(None, "", "")), lambda name: _found(board, jobs, name))
            reconciler.lets_in = access.lets_in
            more = [*control_routes(book, faults, instances), *JobsApi(jobs, access).routes(), *access.routes()]
            served = application(board, operations, book, faults, more, policies)
            async with (
                reconciler.running(),
                gateways.running(),
                jobs.running(),
                listening(served, options.port) as port,
            ):
                yield {"port": port}

    run(serve, stop_at_eof=options.stop_at_eof)


def _found(board: Board, jobs: Jobs, name: str) -> object:
    return jobs.get(name) if "/jobs/" in name else board.service(name)


def _now() -> datetime:
    return datetime.fromtimestamp(time.time(), UTC)


def _builder(text: str) -> Builder:
    try:
        return builder_named(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise argparse.ArgumentTypeError(f"{text} is not a number from 0 on")
    return value


if __name__ == "__main__":
    main()
