"""Run the Schwab venue."""

from __future__ import annotations

from collections.abc import Sequence

from venue_sandbox.exchange.command_line import run_venue, venue_parser
from venue_sandbox.schwab.oauth import Application
from venue_sandbox.schwab.server import Options, serving

__all__ = ["main"]

NAME = "venue_sandbox.schwab"
ORDERS_PER_MINUTE = 120


def main(words: Sequence[str] | None = None, program: str | None = None) -> None:
    """Read a command line, by default that of the process, and serve."""
    parser = venue_parser("Schwab's Trader API and market data as their clients find them, on 127.0.0.1, for tests.")
    parser.prog = program or parser.prog
    add = parser.add_argument
    add("--key", default="sandbox-key", help="key of the application that may log in (%(default)s)")
    add("--secret", default="sandbox-secret", help="its secret (%(default)s)")
    add("--orders-per-minute", type=int, default=ORDERS_PER_MINUTE, help="per account; 0: any number (%(default)s)")
    options = parser.parse_args(words)
    server = Options(
        application=Application(options.key, options.secret),
        port=options.port,
        fill_delay=options.fill_delay,
        orders_per_minute=options.orders_per_minute,
    )
    run_venue(options, NAME, lambda exchange: serving(exchange, server))


if __name__ == "__main__":
    main()
