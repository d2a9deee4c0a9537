"""Run the Cloud Scheduler emulator."""

from __future__ import annotations

import argparse
import math
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing
from datetime import datetime
from pathlib import Path

from venue_sandbox.cloud.enforcing import add_option, shared
from venue_sandbox.cloud.rest import ApiError
from venue_sandbox.cloud.scheduler.api import application
from venue_sandbox.cloud.scheduler.board import Board
from venue_sandbox.cloud.scheduler.clock import Clock, RealClock, VirtualClock
from venue_sandbox.cloud.scheduler.control import Control
from venue_sandbox.cloud.scheduler.delivery import Courier, Network, session
from venue_sandbox.cloud.scheduler.faults import DeliveryFaults
from venue_sandbox.cloud.scheduler.firing import Firing
from venue_sandbox.cloud.scheduler.shelf import Shelf
from venue_sandbox.cloud.scheduler.tokens import Tokens
from venue_sandbox.cloud.values import read_time
from venue_sandbox.servers.faults import FaultBook
from venue_sandbox.servers.serving import Ports, arguments, listening, loopback, run


def main() -> None:
    """Read the command line and serve."""
    parser = arguments("Cloud Scheduler as its REST API and its targets see it, on 127.0.0.1, for tests and demos.")
    parser.add_argument(
        "--clock", choices=("real", "virtual"), default="real", help="a virtual clock stands still until it is moved"
    )
    parser.add_argument("--start", type=_moment, metavar="TIME", help="what the virtual clock shows (default: now)")
    parser.add_argument(
        "--backoff-scale",
        type=_factor,
        metavar="FACTOR",
        help="real seconds for each second between attempts, with the virtual clock (default: 1)",
    )
    parser.add_argument(
        "--deadline-scale",
        type=_factor,
        default=1.0,
        metavar="FACTOR",
        help="real seconds for each second of an attempt's deadline (default: 1)",
    )
    parser.add_argument(
        "--run", type=loopback, metavar="URL", help="the Cloud Run that stands for https://run.googleapis.com"
    )
    parser.add_argument("--state", type=Path, metavar="DIR", help="keep jobs in DIR over restarts")
    add_option(parser)
    options = parser.parse_args()
    if options.clock == "real" and not (options.start is None and options.backoff_scale is None):
        parser.error("--start and --backoff-scale are for --clock virtual")
    clock = _clock(options)

    @asynccontextmanager
    async def serve() -> AsyncGenerator[Ports]:
        book, faults, tokens = FaultBook(), DeliveryFaults(), Tokens()
        with closing(Shelf(options.state)) as shelf:
            board = Board(clock, shelf)
            async with session() as requests:
                network = Network(options.run, options.deadline_scale)
                courier = Courier(clock, faults, tokens, requests, network)
                firing = Firing(board, clock, courier, faults)
                control = Control(board, firing, clock, book, faults, tokens)
                policies = shared(options.policies)
                served = application(board, firing, tokens, book, control.routes(), policies)
                async with firing.running(), listening(served, options.port) as port:
                    yield {"port": port}

    run(serve, stop_at_eof=options.stop_at_eof)


def _clock(options: argparse.Namespace) -> Clock:
    real = RealClock()
    if options.clock == "real":
        return real
    scale = 1.0 if options.backoff_scale is None else options.backoff_scale
    return VirtualClock(options.start or real.now(), scale)


def _moment(text: str) -> datetime:
    try:
        return read_time("TIME", text)
    except ApiError as error:
        raise argparse.ArgumentTypeError(error.message) from error


def _factor(text: str) -> float:
    value = float(text)
    if not (math.isfinite(value) and value >= 0):
        raise argparse.ArgumentTypeError(f"{text} is not a number from 0 on")
    return value


if __name__ == "__main__":
    main()
