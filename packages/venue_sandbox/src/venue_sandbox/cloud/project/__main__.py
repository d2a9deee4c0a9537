"""Run the emulator of a project."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing
from pathlib import Path

from venue_sandbox.cloud.database import opened
from venue_sandbox.cloud.enforcing import add_option, shared
from venue_sandbox.cloud.project.api import application
from venue_sandbox.servers.serving import Ports, arguments, listening, run

FILE = "project.sqlite"


def main() -> None:
    """Read the command line and serve."""
    parser = arguments("What a project of Google Cloud is besides its services, on 127.0.0.1, for tests.")
    parser.add_argument("--state", type=Path, metavar="DIR", help="keep everything in DIR over restarts")
    add_option(parser)
    options = parser.parse_args()

    @asynccontextmanager
    async def serve() -> AsyncGenerator[Ports]:
        with closing(opened(options.state, FILE, "")) as database:
            async with listening(application(database, shared(options.policies)), options.port) as port:
                yield {"port": port}

    run(serve, stop_at_eof=options.stop_at_eof)


if __name__ == "__main__":
    main()
