"""`quant sandbox up paper`: the paper platform to look at and to play with, with a scheduler if wanted."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.price_files import read_prices
from quant_platform_kit.adapters.strategies import bind, find_strategy
from quant_platform_kit.cli.options import day, number
from quant_platform_kit.cli.output import console
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.testing.synthetic import LABEL

from venue_sandbox.demo.market import due_on, invented, write_prices
from venue_sandbox.stands.paper import PaperPlatform
from venue_sandbox.stands.platform import SCHEDULE, TIME_ZONE

__all__ = ["up_paper"]

SESSIONS_SHOWN = 42


class SchedulerClock(StrEnum):
    """What the scheduler and the venue take for the time."""

    VIRTUAL = "virtual"
    REAL = "real"


def up_paper(
    profile: Annotated[str, typer.Option(help="Profile to run.")] = "dual_momentum",
    prices: Annotated[Path | None, typer.Option(help="Price file; an invented market without one.")] = None,
    cash: Annotated[Decimal, typer.Option(parser=number, metavar="NUMBER", help="What the account holds.")] = Decimal(
        100_000
    ),
    folder: Annotated[Path, typer.Option(help="Where it keeps store, reports and log.")] = Path("sandbox-output"),
    scheduler: Annotated[bool, typer.Option("--scheduler", help="Trigger the service on schedule.")] = False,
    clock: Annotated[
        SchedulerClock, typer.Option(help="virtual: one session after the other, at once; real: at its time.")
    ] = SchedulerClock.VIRTUAL,
    start: Annotated[
        date | None, typer.Option("--from", parser=day, metavar="YYYY-MM-DD", help="First session to trigger.")
    ] = None,
    every: Annotated[float, typer.Option(min=0, help="Seconds between triggers of the virtual clock.")] = 1.0,
    sessions: Annotated[int | None, typer.Option(min=1, help="Stop after so many triggers; without it, never.")] = None,
) -> None:
    """Start a paper venue and the service that trades on it; stop them with Ctrl-C."""
    say = console()
    if prices is None:
        say.print(f"[bold yellow]{LABEL}[/bold yellow]")
        prices = write_prices(invented(bind(find_strategy(profile))), folder / "prices.csv")
    days = _sessions(prices, start)
    with PaperPlatform(folder, prices, profile, cash, clock=clock.value) as platform:
        say.print(f"venue      127.0.0.1:{platform.venue.port}, account {platform.account}")
        say.print(f"service    http://127.0.0.1:{platform.service.port}/runs, profile {profile}")
        say.print(f"scheduler  127.0.0.1:{platform.scheduler.port}, job run, {SCHEDULE} {TIME_ZONE}")
        say.print(f"log        {folder / 'service.log'}", soft_wrap=True)
        if scheduler and clock is SchedulerClock.VIRTUAL:
            _trigger_all(platform, islice(days, sessions), every)
        elif scheduler:
            platform.schedule()
            say.print("waiting for the job's time")
        else:
            platform.set_clock(due_on(days[0]))
            say.print("trigger it: " + _by_hand(platform, due_on(days[0])), soft_wrap=True)
        if sessions is None:
            say.print("Ctrl-C stops everything")
            _wait()


def _sessions(prices: Path, start: date | None) -> tuple[date, ...]:
    """Return the sessions to trigger: from ``start``, or the last two months, to the end of the prices."""
    last = read_prices(prices, ["close"]).days.max().item()
    days = load_calendar("XNYS").between(start, last) if start and start <= last else ()
    if start and not days:
        raise InvalidInput(f"--from {start}: {prices} has prices until {last}")
    return days or load_calendar("XNYS").between(date(last.year - 1, last.month, 1), last)[-SESSIONS_SHOWN:]


def _trigger_all(platform: PaperPlatform, days: Iterable[date], every: float) -> None:
    for session in days:
        delivered = platform.fire(due_on(session), retries=3)
        console().print(f"{session}  {delivered.attempts[-1].said}", soft_wrap=True, markup=False)
        time.sleep(every)


def _by_hand(platform: PaperPlatform, due: datetime) -> str:
    header = f"X-CloudScheduler-ScheduleTime: {due:%Y-%m-%dT%H:%M:%SZ}"
    return f"curl -X POST -H '{header}' http://127.0.0.1:{platform.service.port}/run"


def _wait() -> None:
    try:
        while True:
            time.sleep(1)
    except KeyboardInterrupt:
        console().print("stopped")
