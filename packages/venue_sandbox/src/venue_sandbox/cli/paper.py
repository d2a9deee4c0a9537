"""`quant sandbox up paper`: the paper platform to look at and to play with, with a scheduler if wanted."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from itertools import islice
from typing import Annotated

import typer
from quant_platform_kit.adapters.notifier import check_urls
from quant_platform_kit.adapters.platforms import read_platform
from quant_platform_kit.cli.options import ProfileOption, StrategyOption
from quant_platform_kit.cli.output import console
from quant_platform_kit.domain.matrix import enabled_row
from quant_platform_kit.paper.platform import description

from venue_sandbox.cli import options
from venue_sandbox.cli.folder import held
from venue_sandbox.cli.market import market_of
from venue_sandbox.cli.watching import Watch, one_line, refuse_failed
from venue_sandbox.demo.market import due_on
from venue_sandbox.stands.paper import PaperPlatform
from venue_sandbox.stands.platform import SCHEDULE, TIME_ZONE

__all__ = ["up_paper"]

REST_SECONDS = 3600.0


class SchedulerClock(StrEnum):
    """What the scheduler and the venue take for the time."""

    VIRTUAL = "virtual"
    REAL = "real"


def up_paper(
    profile: ProfileOption = None,
    strategy: StrategyOption = None,
    prices: options.InventedOption = None,
    cash: options.CashOption = options.CASH,
    folder: options.FolderOption = options.FOLDER,
    notify: options.NotifyOption = "",
    scheduler: Annotated[bool, typer.Option("--scheduler", help="Trigger the service on schedule.")] = False,
    clock: Annotated[
        SchedulerClock, typer.Option(help="virtual: one session after the other, at once; real: at its time.")
    ] = SchedulerClock.VIRTUAL,
    start: options.FromOption = None,
    every: Annotated[float, typer.Option(min=0, help="Seconds between triggers of the virtual clock.")] = 1.0,
    sessions: options.SessionsOption = None,
) -> None:
    """Start a paper venue and the service that trades on it; stop them with Ctrl-C."""
    named = options.strategy_named(profile, strategy)
    name, file = named.manifest.profile, strategy if strategy and ":" in strategy else ""
    described = read_platform(description())
    enabled_row(named.manifest, described.with_enabled(name) if file else described)
    market = market_of(named, prices, start)
    check_urls(notify)
    settings = {"NOTIFY_URLS": notify, "PAPER_STRATEGY": file}
    with one_line(), held(folder):
        platform = PaperPlatform(folder, market.written(folder), name, cash, settings, clock=clock.value)
        with platform, Watch(platform) as watch:
            _introduce(platform)
            if scheduler and clock is SchedulerClock.VIRTUAL:
                delivered = list(watch.fire(islice(market.days, sessions), every))
                if sessions is not None:
                    refuse_failed(delivered, folder)
            elif scheduler:
                platform.schedule()
                console().print("waiting for the job's time")
            else:
                platform.set_clock(due_on(market.days[0]))
                console().print("trigger it: " + _by_hand(platform, due_on(market.days[0])), soft_wrap=True)
            if sessions is None:
                console().print("Ctrl-C stops everything")
                while True:
                    watch.rest(REST_SECONDS)


def _introduce(platform: PaperPlatform) -> None:
    say = console()
    say.print(f"venue      127.0.0.1:{platform.venue.port}, account {platform.account}")
    say.print(f"service    http://127.0.0.1:{platform.service.port}/runs, profile {platform.profile}")
    say.print(f"scheduler  127.0.0.1:{platform.scheduler.port}, job run, {SCHEDULE} {TIME_ZONE}")
    say.print(f"log        {platform.folder / 'service.log'}", soft_wrap=True)


def _by_hand(platform: PaperPlatform, due: datetime) -> str:
    header = f"X-CloudScheduler-ScheduleTime: {due:%Y-%m-%dT%H:%M:%SZ}"
    return f"curl -X POST -H '{header}' http://127.0.0.1:{platform.service.port}/run"
