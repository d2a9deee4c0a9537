"""Run the Cloud Storage emulator."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing
from pathlib import Path

from venue_sandbox.cloud.enforcing import add_option, shared
from venue_sandbox.cloud.storage.api import application
from venue_sandbox.cloud.storage.state import State
from venue_sandbox.servers.serving import Ports, arguments, listening, run

WRITE_INTERVAL_SECONDS = 1.0


def main() -> None:
    """Read the command line and serve."""
    parser = arguments("Cloud Storage as its JSON API shows it, on 127.0.0.1, for tests.")
    parser.add_argument("--state", type=Path, metavar="DIR", help="keep buckets and objects in DIR over restarts")
    parser.add_argument("--bucket", action="append", default=[], metavar="NAME", help="create a bucket at the start")
    parser.add_argument("--project", default="sandbox", help="whose those buckets are (default: %(default)s)")
    parser.add_argument(
        "--write-interval",
        type=float,
        default=WRITE_INTERVAL_SECONDS,
        metavar="SECONDS",
        help="answer 429 to a second change of an object within SECONDS; 0 for no limit (default: %(default)g)",
    )
    add_option(parser)
    options = parser.parse_args()

    @asynccontextmanager
    async def serve() -> AsyncGenerator[Ports]:
        with closing(State(options.state, options.write_interval)) as state:
            for name in options.bucket:
                state.buckets.create(name, options.project, {})
            async with listening(application(state, shared(options.policies)), options.port) as port:
                yield {"port": port}

    run(serve, stop_at_eof=options.stop_at_eof)


if __name__ == "__main__":
    main()
