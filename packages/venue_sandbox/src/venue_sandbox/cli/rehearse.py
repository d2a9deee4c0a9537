"""`quant sandbox rehearse`: the service of a broker against its venue, day after day, on this machine."""

from __future__ import annotations

from datetime import timedelta
from itertools import islice
from typing import Annotated

import typer
from quant_platform_kit.adapters.command_line import print_json
from quant_platform_kit.adapters.installed import load_of_platform
from quant_platform_kit.adapters.notifier import check_urls
from quant_platform_kit.adapters.platforms import ENTRY_POINTS, read_platform
from quant_platform_kit.cli.options import JsonOption, ProfileOption, StrategyOption
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.matrix import enabled_row

from venue_sandbox.cli import options
from venue_sandbox.cli.folder import held
from venue_sandbox.cli.market import market_of
from venue_sandbox.cli.watching import Watch, one_line, refuse_failed
from venue_sandbox.demo.market import due_on
from venue_sandbox.stands.exchange_stand import ExchangeStand
from venue_sandbox.stands.platform import Platform
from venue_sandbox.stands.registry import PLATFORMS

__all__ = ["rehearse"]

BEFORE = timedelta(days=1)


def rehearse(
    broker: Annotated[str, typer.Argument(metavar="PLATFORM", help="ibkr, schwab, longbridge or alpaca.")],
    profile: ProfileOption = None,
    strategy: StrategyOption = None,
    prices: options.InventedOption = None,
    cash: options.CashOption = options.CASH,
    folder: options.FolderOption = options.FOLDER,
    notify: options.NotifyOption = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Run everything and send no order.")] = False,
    start: options.FromOption = None,
    sessions: options.SessionsOption = None,
    json: JsonOption = False,
) -> None:
    """Trigger the service of a broker's app, as it is installed, at its venue: one session after the other."""
    kind = _kind(broker)
    if strategy and ":" in strategy:
        raise InvalidInput(f"--strategy {strategy}: a broker's service runs what is installed and enabled; name that")
    named = options.strategy_named(profile, strategy)
    enabled_row(named.manifest, read_platform(load_of_platform(ENTRY_POINTS, broker, "description")()))
    market = market_of(named, prices, start)
    check_urls(notify)
    with one_line(), held(folder):
        file = market.written(folder)
        settings = {"NOTIFY_URLS": notify, **kind.kind.history_settings(file)}
        opens = (due_on(market.days[0]) - BEFORE).isoformat()
        name = named.manifest.profile
        with (
            kind(folder, file, name, cash, settings, opens_at=opens, dry_run=dry_run) as platform,
            Watch(platform, quiet=json) as watch,
        ):
            delivered = list(watch.fire(islice(market.days, sessions), 0))
    if json:
        print_json([{"due": each.due, "status": each.status, "said": each.said} for each in delivered])
    refuse_failed(delivered, folder)


def _kind(broker: str) -> type[Platform]:
    """Return the platform of a broker whose venue is here."""
    known = {name: kind for name, kind in PLATFORMS.items() if issubclass(kind.kind, ExchangeStand)}
    if broker not in known:
        raise InvalidInput(f"platform {broker!r} cannot be rehearsed; choose one of {', '.join(sorted(known))}")
    return known[broker]
