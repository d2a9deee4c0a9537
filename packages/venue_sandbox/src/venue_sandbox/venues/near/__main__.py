"""Run the venue."""

from __future__ import annotations

import argparse
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import get_args

from venue_sandbox.exchange.clock import VenueClock
from venue_sandbox.servers.serving import Ports, arguments, run
from venue_sandbox.venues.near.contract import Contract, Salts
from venue_sandbox.venues.near.keeping import Keeping, KeepingError
from venue_sandbox.venues.near.relay import Relay
from venue_sandbox.venues.near.server import serving
from venue_sandbox.venues.near.settings import AnswersFrom, LateDuplicate, SecondAnswer, Settings, Shape

__all__ = ["main", "parser"]

NAME = "venue_sandbox.venues.near"


def parser() -> argparse.ArgumentParser:
    """Return a parser of the venue's command line."""
    made = arguments("The message bus of NEAR Intents and its contract, on 127.0.0.1, for tests.")
    add = made.add_argument
    add("--key", type=_pair, action="append", default=[], metavar="ACCOUNT=ed25519:KEY", help="a key of an account")
    add("--balance", type=_balance, action="append", default=[], metavar="ACCOUNT/TOKEN=AMOUNT", help="a balance")
    add("--shape", choices=get_args(Shape), default="event", help="of events (%(default)s)")
    add("--status-without-subscription", action="store_true", help="status events name no subscription")
    add("--second-answer", choices=get_args(SecondAnswer), default="settle", help="of a solver (%(default)s)")
    add("--answers-from", choices=get_args(AnswersFrom), default="any", help="whose socket may answer (%(default)s)")
    add("--late-duplicate", choices=get_args(LateDuplicate), default="refuse", help="after an auction (%(default)s)")
    add("--settle-delay", type=_seconds, default=0.0, help="seconds from publishing to execution (%(default)s)")
    add("--finality", type=_seconds, default=0.0, help="seconds until a look-up shows a used nonce (%(default)s)")
    add("--clock", type=_instant, metavar="ISO", help="where the venue's clock begins; default: real time")
    add("--seed", type=int, default=1, help="of ids of quotes, salts and takers (%(default)s)")
    add("--state", type=Path, metavar="FILE", help="what is kept over a restart; default: nothing")
    return made


def main() -> None:
    """Read the command line and serve."""
    options = parser().parse_args()
    relay = _relay(options)
    try:
        keeping = Keeping.open(options.state, relay) if options.state else None
    except KeepingError as error:
        raise SystemExit(f"{NAME}: {error}") from None
    _register(relay, options)

    @asynccontextmanager
    async def serve() -> AsyncGenerator[Ports]:
        async with serving(relay, options.port) as ports:
            yield ports
        if keeping is not None:
            keeping.close()

    run(serve, stop_at_eof=options.stop_at_eof)


def _relay(options: argparse.Namespace) -> Relay:
    clock = VenueClock()
    if options.clock is not None:
        clock.ahead = clock.ahead_at(options.clock)
    settings = Settings(
        shape=options.shape,
        status_subscription=not options.status_without_subscription,
        second_answer=options.second_answer,
        answers_from=options.answers_from,
        late_duplicate=options.late_duplicate,
        settle_delay=options.settle_delay,
        seed=options.seed,
    )
    return Relay(Contract(Salts(options.seed), options.finality), settings, clock)


def _register(relay: Relay, options: argparse.Namespace) -> None:
    """Register what the command line names; a balance that was kept stays."""
    for account, key in options.key:
        relay.contract.register(account, [key])
    for account, token, amount in options.balance:
        if token not in relay.contract.balances.get(account, {}):
            relay.contract.register(account, balances={token: amount})


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form ACCOUNT=ed25519:KEY")
    return name, value


def _balance(text: str) -> tuple[str, str, int]:
    place, _, amount = text.rpartition("=")
    account, slash, token = place.partition("/")
    if not (account and slash and token and amount.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form ACCOUNT/TOKEN=AMOUNT")
    return account, token, int(amount)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds from 0 on")
    return seconds


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no instant with a zone, such as 2026-03-03T09:30:00+00:00")
    return instant


if __name__ == "__main__":
    main()
