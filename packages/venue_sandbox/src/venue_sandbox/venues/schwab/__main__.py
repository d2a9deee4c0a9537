"""Run the Schwab venue."""

from __future__ import annotations

from argparse import ArgumentParser

from venue_sandbox.exchange.command_line import run_venue, venue_parser
from venue_sandbox.venues.schwab.oauth import Application
from venue_sandbox.venues.schwab.server import Options, serving

__all__ = ["parser"]

NAME = "venue_sandbox.venues.schwab"
ORDERS_PER_MINUTE = 120


def parser() -> ArgumentParser:
    """Return a parser of the venue's command line."""
    made = venue_parser("Schwab's Trader API and market data as their clients find them, on 127.0.0.1, for tests.")
    add = made.add_argument
    add("--key", default="sandbox-key", help="key of the application that may log in (%(default)s)")
    add("--secret", default="sandbox-secret", help="its secret (%(default)s)")
    add("--orders-per-minute", type=int, default=ORDERS_PER_MINUTE, help="per account; 0: any number (%(default)s)")
    return made


def main() -> None:
    """Read the command line and serve."""
    options = parser().parse_args()
    server = Options(
        application=Application(options.key, options.secret),
        port=options.port,
        fill_delay=options.fill_delay,
        orders_per_minute=options.orders_per_minute,
    )
    run_venue(options, NAME, lambda exchange: serving(exchange, server))


if __name__ == "__main__":
    main()
