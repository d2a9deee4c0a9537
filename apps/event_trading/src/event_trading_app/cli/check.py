"""``event-trading check``: whether a deployment could start, changing nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict, dataclass

import typer
from quant_platform_kit.adapters.command_line import columns, print_json
from quant_platform_kit.adapters.stores import open_store
from quant_platform_kit.domain.errors import QuantError
from quant_platform_kit.domain.identity import Mode
from quant_platform_kit.events.reading import history
from quant_platform_kit.services.operate.switches import switched_off

from event_trading_app.cli.options import AsJson, Config, settings_of
from event_trading_app.reactor.quoters import quoter_of
from event_trading_app.services.venue import node_of
from event_trading_app.settings import Settings

__all__ = ["check"]

NO_TOPIC = "no-such-topic"


@dataclass(frozen=True, slots=True)
class Checked:
    """What was looked at, whether it is good, and what was found."""

    what: str
    good: bool
    found: str


def check(config: Config = None, as_json: AsJson = False) -> None:
    """Read the settings, and ask the bus, the ledger and the venue, changing nothing; exit 1 if one fails."""
    settings = settings_of(config)
    asked: dict[str, Callable[[Settings], str]] = {
        "mode": lambda settings: settings.mode.value,
        "quoter": _quoter,
        "bus": _bus,
        "ledger": _ledger,
        "venue": _venue,
    }
    results = [_one(what, ask, settings) for what, ask in asked.items()]
    if as_json:
        print_json([asdict(each) for each in results])
    else:
        columns(("what", "", "found"), ((each.what, "ok" if each.good else "FAILED", each.found) for each in results))
    if not all(each.good for each in results):
        raise typer.Exit(1)


def _one(what: str, ask: Callable[[Settings], str], settings: Settings) -> Checked:
    try:
        return Checked(what, good=True, found=ask(settings))
    except QuantError as error:
        return Checked(what, good=False, found=" ".join(str(error).split()))


def _quoter(settings: Settings) -> str:
    quoter = quoter_of(settings.quoter, settings.quoter_settings)
    limits: dict[str, str] = quoter.settings.get("limits", {})
    return f"{quoter.name}; gives {', '.join(limits) or 'nothing: it has no limits'}"


def _bus(settings: Settings) -> str:
    for _ in history(settings.bus, (NO_TOPIC,)):
        pass
    return f"reachable, {settings.kafka_url}"


def _ledger(settings: Settings) -> str:
    settings.required("store_url")
    store = open_store(settings.store_url.get_secret_value())
    if settings.mode not in (Mode.LIVE, Mode.PAPER):
        store.keys("trades/")
        return "reachable"
    off = switched_off(store, settings.service_name, settings.account, settings.mode)
    return f"reachable; answers are kept back: {'; '.join(off)}" if off else "reachable; answers may be sent"


def _venue(settings: Settings) -> str:
    async def ask() -> str:
        node = node_of(settings)
        try:
            salt = await node.salt()
            balances = await node.balances(settings.account, settings.tokens)
        finally:
            await node.close()
        told = ", ".join(f"{token} {balance}" for token, balance in balances.items())
        return f"salt {salt.hex()}; {told or 'no tokens are set'}"

    return asyncio.run(ask())
