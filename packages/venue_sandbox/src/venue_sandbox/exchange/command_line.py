"""The command line that every venue on the exchange core shares."""

from __future__ import annotations

import argparse
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from quant_platform_kit.domain.errors import QuantError

from venue_sandbox.exchange.accounts import AccountError, Funding, read_funding
from venue_sandbox.exchange.address import write_ports
from venue_sandbox.exchange.exchange import Exchange
from venue_sandbox.exchange.instruments import DEFAULT_SYMBOLS
from venue_sandbox.exchange.journal import JournalError
from venue_sandbox.exchange.opening import Plan, open_exchange
from venue_sandbox.servers.serving import Ports, arguments, run

__all__ = ["instant", "run_venue", "venue_parser"]

FILL_DELAY_SECONDS = 0.02


def venue_parser(description: str) -> argparse.ArgumentParser:
    """Return a parser of the options that every venue has."""
    parser = arguments(description)
    add = parser.add_argument
    add("--folder", type=Path, required=True, help="where the venue's journal is kept over restarts")
    add("--account", type=_funding, action="append", required=True, metavar="ID=CASH", help=read_funding.__doc__)
    add("--prices", type=Path, help="price file with date, symbol, open, close, adj_close; default: invented prices")
    add("--symbols", type=_symbols, default=DEFAULT_SYMBOLS, help="what an invented market lists, such as SPY,QQQ")
    add("--quote", choices=("open", "close"), default="close", help="which price of a session it trades at")
    add("--spread-ticks", type=int, default=1, help="ticks between the last price and bid or ask (%(default)s)")
    add("--clock", type=instant, metavar="ISO", help="where the venue's clock begins; default: real time")
    add("--seed", type=int, default=1, help="of ids, fills and invented prices (%(default)s)")
    add("--fill-delay", type=float, default=FILL_DELAY_SECONDS, help="seconds between the steps of an order")
    return parser


def run_venue(
    options: argparse.Namespace,
    name: str,
    serving: Callable[[Exchange], AbstractAsyncContextManager[Ports]],
    lot: Decimal | None = None,
) -> None:
    """Open the exchange of a command line and serve it until it is told to end; ``lot`` is that of `Plan`."""
    plan = Plan(
        folder=options.folder,
        fundings=tuple(options.account),
        prices=options.prices,
        symbols=options.symbols,
        clock=options.clock,
        seed=options.seed,
        spread_ticks=options.spread_ticks,
        moment=options.quote,
        lot=lot,
    )
    try:
        exchange = open_exchange(plan)
    except (JournalError, QuantError) as error:
        raise SystemExit(f"{name}: {error}") from None

    @asynccontextmanager
    async def serve() -> AsyncGenerator[Ports]:
        with closing(exchange.journal):
            async with serving(exchange) as ports:
                write_ports(options.folder, ports)
                yield ports

    run(serve, stop_at_eof=options.stop_at_eof)


def _funding(text: str) -> Funding:
    try:
        return read_funding(text)
    except AccountError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _symbols(text: str) -> tuple[str, ...]:
    return tuple(filter(None, text.split(",")))


def instant(text: str) -> datetime:
    """Read an instant with its zone from a command line."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no instant with a zone, such as 2023-06-02T16:00:00+00:00")
    return found
