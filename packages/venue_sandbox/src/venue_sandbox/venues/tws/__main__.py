"""Run the TWS venue."""

from __future__ import annotations

from argparse import ArgumentParser

from venue_sandbox.exchange.command_line import run_venue, venue_parser
from venue_sandbox.venues.tws.server import Options, serving
from venue_sandbox.venues.tws.session import VERSIONS

__all__ = ["parser"]


def parser() -> ArgumentParser:
    """Return a parser of the venue's command line."""
    made = venue_parser("Interactive Brokers' Gateway as its clients find it, on 127.0.0.1, for tests.")
    made.add_argument("--server-version", type=int, choices=VERSIONS, default=VERSIONS[0], help="(%(default)s)")
    return made


def main() -> None:
    """Read the command line and serve."""
    options = parser().parse_args()
    gateway = Options(options.server_version, options.port, options.fill_delay)
    run_venue(options, "venue_sandbox.venues.tws", lambda exchange: serving(exchange, gateway))


if __name__ == "__main__":
    main()
