"""Tells what the account has of each token at the venue."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from datetime import datetime

from loguru import logger
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.events.amounts import amount
from quant_platform_kit.events.envelope import Event, derived_id
from quant_platform_kit.events.publishing import Publisher

from event_trading_app.errors import VenueDown
from event_trading_app.names import NEAR_INTENTS, Topic
from event_trading_app.payloads import Inventory
from event_trading_app.services.context import Context
from event_trading_app.services.venue import node_of

__all__ = ["inventory_event", "run"]

VERSION = 1


async def run(context: Context) -> None:
    """Ask for the balances again and again, and tell them."""
    settings, outcomes = context.settings, Counter[str]()
    node = node_of(settings)
    context.metrics.outcomes = lambda: outcomes
    try:
        async with Publisher(settings.bus) as publisher:
            tell = context.teller(publisher)
            context.health.phase = "working"
            while not context.stop.is_set():
                asked_at = context.clock.now()
                try:
                    balances = await node.balances(settings.account, settings.tokens)
                    events = [inventory_event(settings.account, *each, asked_at) for each in balances.items()]
                    context.health.state = str
                except (VenueDown, InvalidInput) as error:
                    logger.warning("balances are not known: {}", error)
                    context.health.state = lambda error=error: f"waiting: {error}"
                    outcomes["failed"] += 1
                    events = []
                for event in events:
                    await tell(event)
                    outcomes["told"] += 1
                with suppress(TimeoutError):
                    await asyncio.wait_for(context.stop.wait(), settings.poll_seconds)
    finally:
        await node.close()


def inventory_event(account: str, token: str, balance: int, as_of: datetime) -> Event:
    """Return what is told of a balance; ``as_of`` is when it was asked for, as later ones may be in it or not."""
    told = Inventory(account=account, token=token, amount=amount(balance), as_of=as_of)
    identity = derived_id(NEAR_INTENTS, f"{account}|{token}|{as_of.isoformat()}", Topic.INVENTORY.value, VERSION)
    payload = told.model_dump(mode="json")
    return Event(identity, Topic.INVENTORY.value, NEAR_INTENTS, as_of, as_of, VERSION, payload)
