"""Run the venue."""

from __future__ import annotations

import argparse
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import date, datetime
from pathlib import Path
from typing import get_args

from venue_sandbox.exchange.clock import VenueClock
from venue_sandbox.servers.serving import Ports, arguments, run
from venue_sandbox.venues.tqsdk.journal import Journal, JournalError
from venue_sandbox.venues.tqsdk.server import serving
from venue_sandbox.venues.tqsdk.settings import Duplicates, FillPolicy, Settings, Way
from venue_sandbox.venues.tqsdk.trading_time import CLOSED_DAYS, read_day, trading_day_of
from venue_sandbox.venues.tqsdk.venue import Day, Restore, Venue

__all__ = ["main", "parser"]

NAME = "venue_sandbox.venues.tqsdk"


def parser() -> argparse.ArgumentParser:
    """Return a parser of the venue's command line."""
    made = arguments("The servers of China futures as tqsdk finds them, on 127.0.0.1, for tests.")
    add = made.add_argument
    add("--account", type=_funding, action="append", default=[], metavar="ID=CASH", help="cash of an account, in CNY")
    add("--balance", type=float, default=10_000_000.0, help="cash of every other account (%(default)s)")
    add("--clock", type=_instant, metavar="ISO", help="where the venue's clock begins; default: real time")
    add("--trading-day", type=_day, metavar="YYYYMMDD", help="the trading day; default: that of the clock")
    add("--closed-day", type=_day, action="append", metavar="YYYYMMDD", help="a holiday; default: a few of every year")
    add("--enforce-hours", action="store_true", help="refuse orders outside of a contract's trading time")
    add("--duplicates", choices=get_args(Duplicates), default="notify", help="of an id that is known (%(default)s)")
    add("--fill", choices=get_args(FillPolicy), default="marketable", help="orders that trade (%(default)s)")
    add("--slices", type=_count, default=1, help="trades of an order (%(default)s)")
    add("--slice-delay", type=float, default=0.0, help="seconds before each trade (%(default)s)")
    add("--accept-delay", type=float, default=0.0, help="seconds until an exchange accepts an order (%(default)s)")
    add("--seed", type=int, default=1, help="of session numbers (%(default)s)")
    add("--state", type=Path, metavar="FILE", help="what is kept over a restart; default: nothing")
    add("--restore", choices=get_args(Restore), help="what comes back; default: as control has said, or orders")
    return made


def main() -> None:
    """Read the command line and serve."""
    options = parser().parse_args()
    venue = _venue(options)
    try:
        journal = Journal.open(options.state, venue, options.restore) if options.state else None
    except JournalError as error:
        raise SystemExit(f"{NAME}: {error}") from None

    @asynccontextmanager
    async def serve() -> AsyncGenerator[Ports]:
        async with serving(venue, options.port) as ports:
            yield ports
        if journal is not None:
            journal.close()

    run(serve, stop_at_eof=options.stop_at_eof)


def _venue(options: argparse.Namespace) -> Venue:
    clock = VenueClock()
    if options.clock is not None:
        clock.ahead = clock.ahead_at(options.clock)
    closed = CLOSED_DAYS if options.closed_day is None else tuple(options.closed_day)
    day = options.trading_day or trading_day_of(clock.now(), closed)
    settings = Settings(
        way=Way(options.fill, options.slices, options.slice_delay, options.accept_delay),
        duplicates=options.duplicates,
        enforce_hours=options.enforce_hours,
        seed=options.seed,
        balance=options.balance,
        funded=dict(options.account),
    )
    return Venue(settings, clock, Day(day, closed))


def _funding(text: str) -> tuple[str, float]:
    name, _, cash = text.partition("=")
    try:
        return name, float(cash)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form ID=CASH") from None


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no instant with a zone, such as 2025-03-03T09:30:00+08:00")
    return instant


def _day(text: str) -> date:
    try:
        return read_day(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no day such as 20250303") from None


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)


if __name__ == "__main__":
    main()
