"""Run the Alpaca venue."""

from __future__ import annotations

import argparse
from datetime import datetime
from pathlib import Path

from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.domain.errors import QuantError

from venue_sandbox.exchange.clock import VenueClock
from venue_sandbox.exchange.command_line import instant
from venue_sandbox.servers.serving import arguments, run
from venue_sandbox.venues.alpaca.context import Plan
from venue_sandbox.venues.alpaca.server import serving, venue_of
from venue_sandbox.venues.alpaca.tape import read_tape

__all__ = ["parser"]

NAME = "venue_sandbox.venues.alpaca"
PER_MINUTE = 200


def parser() -> argparse.ArgumentParser:
    """Return a parser of the venue's command line."""
    made = arguments("Alpaca's market data and calendar as their clients find them, on 127.0.0.1, for tests.")
    add = made.add_argument
    add("--bars", type=Path, help="parquet file of minute bars with symbol, bar_start_et, open to close, volume")
    add("--daily", type=Path, help="price file with date, symbol, open to close, volume, adj_close")
    add("--clock", type=instant, metavar="ISO", help="where the venue's clock begins; default: real time")
    add("--key", default="sandbox-key", help="key that may ask (%(default)s)")
    add("--secret", default="sandbox-secret", help="its secret part (%(default)s)")
    add("--paid", action="store_true", help="SIP bars come at once; default: 15 minutes late")
    add("--page", type=int, default=10_000, help="most bars of one answer (%(default)s)")
    add("--requests-per-minute", type=int, default=PER_MINUTE, help="0: any number (%(default)s)")
    return made


def main() -> None:
    """Read the command line and serve."""
    options = parser().parse_args()
    calendar, clock = load_calendar("XNYS"), VenueClock()
    if options.clock is not None:
        begins: datetime = options.clock
        clock.ahead = clock.ahead_at(begins)
    try:
        tape = read_tape(options.bars, options.daily, calendar)
    except QuantError as error:
        raise SystemExit(f"{NAME}: {error}") from None
    plan = Plan(options.key, options.secret, options.paid, options.page)
    venue = venue_of(tape, calendar, clock, plan, options.requests_per_minute)
    run(lambda: serving(venue, options.port), stop_at_eof=options.stop_at_eof)


if __name__ == "__main__":
    main()
