"""Run the LongBridge venue."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

from venue_sandbox.exchange.command_line import run_venue, venue_parser
from venue_sandbox.venues.longbridge.server import Options, serving
from venue_sandbox.venues.longbridge.tokens import Credentials

__all__ = ["parser"]

NAME = "venue_sandbox.venues.longbridge"


def parser() -> ArgumentParser:
    """Return a parser of the venue's command line."""
    made = venue_parser("LongBridge's OpenAPI as its clients find it, on 127.0.0.1, for tests.")
    made.add_argument("--key", default="sandbox-key", help="key that signs requests (%(default)s)")
    made.add_argument("--secret", default="sandbox-secret", help="its secret (%(default)s)")
    made.add_argument("--trade-calls-per-30s", type=int, default=0, help="per account; 0: any number (%(default)s)")
    made.add_argument("--replay", type=Path, metavar="FILE", help="rows of a capture, to be told instead")
    return made


def main() -> None:
    """Read the command line and serve."""
    options = parser().parse_args()
    credentials = Credentials(options.key, options.secret)
    server = Options(credentials, options.port, options.fill_delay, options.trade_calls_per_30s, options.replay)
    run_venue(options, NAME, lambda exchange: serving(exchange, server))


if __name__ == "__main__":
    main()
