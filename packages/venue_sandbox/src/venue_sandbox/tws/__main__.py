"""Run the TWS venue."""

from __future__ import annotations

from collections.abc import Sequence

from venue_sandbox.exchange.command_line import run_venue, venue_parser
from venue_sandbox.tws.server import Options, serving
from venue_sandbox.tws.session import VERSIONS


def main(words: Sequence[str] | None = None, program: str | None = None) -> None:
    """Read a command line, by default that of the process, and serve."""
    parser = venue_parser("Interactive Brokers' Gateway as its clients find it, on 127.0.0.1, for tests.")
    parser.add_argument("--server-version", type=int, choices=VERSIONS, default=VERSIONS[0], help="(%(default)s)")
    parser.prog = program or parser.prog
    options = parser.parse_args(words)
    gateway = Options(options.server_version, options.port, options.fill_delay)
    run_venue(options, "venue_sandbox.tws", lambda exchange: serving(exchange, gateway))


if __name__ == "__main__":
    main()
