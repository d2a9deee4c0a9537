"""Run the LongBridge venue."""

from __future__ import annotations

from collections.abc import Sequence

from venue_sandbox.exchange.command_line import run_venue, venue_parser
from venue_sandbox.longbridge.server import Options, serving
from venue_sandbox.longbridge.tokens import Credentials

__all__ = ["main"]

NAME = "venue_sandbox.longbridge"


def main(words: Sequence[str] | None = None, program: str | None = None) -> None:
    """Read a command line, by default that of the process, and serve."""
    parser = venue_parser("LongBridge's OpenAPI as its clients find it, on 127.0.0.1, for tests.")
    parser.prog = program or parser.prog
    parser.add_argument("--key", default="sandbox-key", help="key that signs requests (%(default)s)")
    parser.add_argument("--secret", default="sandbox-secret", help="its secret (%(default)s)")
    options = parser.parse_args(words)
    server = Options(Credentials(options.key, options.secret), options.port, options.fill_delay)
    run_venue(options, NAME, lambda exchange: serving(exchange, server))


if __name__ == "__main__":
    main()
