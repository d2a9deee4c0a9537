"""Run the TWS venue."""

from __future__ import annotations

import argparse
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, closing
from datetime import datetime
from pathlib import Path

from quant_platform_kit.domain.errors import QuantError

from venue_sandbox.exchange.accounts import AccountError, Funding, read_funding
from venue_sandbox.exchange.address import write_ports
from venue_sandbox.exchange.instruments import DEFAULT_SYMBOLS
from venue_sandbox.exchange.journal import JournalError
from venue_sandbox.exchange.opening import Plan, open_exchange
from venue_sandbox.serving import Ports, arguments, run
from venue_sandbox.tws.server import Options, serving
from venue_sandbox.tws.session import VERSIONS

FILL_DELAY_SECONDS = 0.02


def main(words: Sequence[str] | None = None, program: str | None = None) -> None:
    """Read a command line, by default that of the process, and serve."""
    parser = _parser()
    parser.prog = program or parser.prog
    options = parser.parse_args(words)
    plan = Plan(
        folder=options.folder,
        fundings=tuple(options.account),
        prices=options.prices,
        symbols=options.symbols,
        clock=options.clock,
        seed=options.seed,
        spread_ticks=options.spread_ticks,
        moment=options.quote,
    )
    try:
        exchange = open_exchange(plan)
    except (JournalError, QuantError) as error:
        raise SystemExit(f"venue_sandbox.tws: {error}") from None
    gateway = Options(options.server_version, options.port, options.fill_delay)

    @asynccontextmanager
    async def serve() -> AsyncGenerator[Ports]:
        with closing(exchange.journal):
            async with serving(exchange, gateway) as ports:
                write_ports(options.folder, ports)
                yield ports

    run(serve, stop_at_eof=options.stop_at_eof)


def _parser() -> argparse.ArgumentParser:
    parser = arguments("Interactive Brokers' Gateway as its clients find it, on 127.0.0.1, for tests.")
    add = parser.add_argument
    add("--folder", type=Path, required=True, help="where the venue's journal is kept over restarts")
    add("--account", type=_funding, action="append", required=True, metavar="ID=CASH", help=read_funding.__doc__)
    add("--prices", type=Path, help="price file with date, symbol, open, close, adj_close; default: invented prices")
    add("--symbols", type=_symbols, default=DEFAULT_SYMBOLS, help="what an invented market lists, such as SPY,QQQ")
    add("--quote", choices=("open", "close"), default="close", help="which price of a session it trades at")
    add("--spread-ticks", type=int, default=1, help="ticks between the last price and bid or ask (%(default)s)")
    add("--clock", type=_instant, metavar="ISO", help="where the venue's clock begins; default: real time")
    add("--seed", type=int, default=1, help="of ids, fills and invented prices (%(default)s)")
    add("--server-version", type=int, choices=VERSIONS, default=VERSIONS[0], help="(%(default)s)")
    add("--fill-delay", type=float, default=FILL_DELAY_SECONDS, help="seconds between the steps of an order")
    return parser


def _funding(text: str) -> Funding:
    try:
        return read_funding(text)
    except AccountError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _symbols(text: str) -> tuple[str, ...]:
    return tuple(filter(None, text.split(",")))


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no instant with a zone, such as 2023-06-02T16:00:00+00:00")
    return instant


if __name__ == "__main__":
    main()
