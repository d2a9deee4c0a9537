"""Run the Alpaca venue."""

from __future__ import annotations

import argparse
from decimal import Decimal
from pathlib import Path

from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.domain.errors import QuantError

from venue_sandbox.exchange.command_line import run_venue, venue_parser
from venue_sandbox.venues.alpaca.context import Plan
from venue_sandbox.venues.alpaca.server import Options, serving
from venue_sandbox.venues.alpaca.tape import read_tape

__all__ = ["parser"]

NAME = "venue_sandbox.venues.alpaca"
PER_MINUTE = 200
LOT = Decimal("0.000000001")
"""Parts of a share are traded, up to nine decimals."""


def parser() -> argparse.ArgumentParser:
    """Return a parser of the venue's command line."""
    made = venue_parser("Alpaca's trading and market data as their clients find them, on 127.0.0.1, for tests.")
    add = made.add_argument
    add("--bars", type=Path, help="parquet file of minute bars with symbol, bar_start_et, open to close, volume")
    add("--daily", type=Path, help="price file with date, symbol, open to close, volume, adj_close; also --prices")
    add("--key", default="sandbox-key", help="key that may ask (%(default)s)")
    add("--secret", default="sandbox-secret", help="its secret part (%(default)s)")
    add("--paid", action="store_true", help="SIP prices come at once; default: 15 minutes late")
    add("--page", type=int, default=10_000, help="most bars of one answer (%(default)s)")
    add("--requests-per-minute", type=int, default=PER_MINUTE, help="per account; 0: any number (%(default)s)")
    return made


def main() -> None:
    """Read the command line and serve."""
    options = parser().parse_args()
    options.prices = options.prices or options.daily
    try:
        tape = read_tape(options.bars, options.daily, load_calendar("XNYS"))
    except QuantError as error:
        raise SystemExit(f"{NAME}: {error}") from None
    server = Options(
        plan=Plan(options.key, options.secret, options.paid, options.page),
        port=options.port,
        fill_delay=options.fill_delay,
        per_minute=options.requests_per_minute,
    )
    run_venue(options, NAME, lambda exchange: serving(exchange, tape, server), LOT)


if __name__ == "__main__":
    main()
