"""Decides on demands."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from quant_platform_kit.events.bus import Received
from quant_platform_kit.events.following import Follower
from quant_platform_kit.events.stages import Transform
from quant_platform_kit.events.traced import traced_function

from event_trading_app.names import Topic
from event_trading_app.reactor.commands import Terms
from event_trading_app.reactor.market import Market
from event_trading_app.reactor.quoters import quoter_of
from event_trading_app.reactor.stage import Reactor
from event_trading_app.services.context import Context
from event_trading_app.services.stages import run_transform

__all__ = ["run"]

OPEN_FOR = timedelta(hours=26)
"""How far back commands and results are read at the start: longer than the longest deadline."""
CATCH_UP_SECONDS = 60.0
PATIENCE_SECONDS = 0.02
"""What other reactors committed is heard so much later: a single one needs no bus to know its own."""


async def run(context: Context) -> None:
    """Hear what there is to know, then decide until stopped."""
    settings = context.settings
    market = Market(settings.account)
    quoter = quoter_of(settings.quoter, settings.quoter_settings)
    reactor = Reactor(market, quoter, Terms(settings.account, settings.margin), settings.namespace)
    context.metrics.outcomes = lambda: reactor.outcomes

    def note(message: Received) -> None:
        market.note(message.event())

    state = context.topic(Topic.REFERENCE_PRICE, Topic.INVENTORY)
    trades = context.topic(Topic.EXECUTE_TRADE, Topic.TRADE_RESULT)
    with (
        Follower(settings.bus, state, note) as first,
        Follower(settings.bus, trades, note, OPEN_FOR, PATIENCE_SECONDS) as second,
    ):
        for follower in (first, second):
            await asyncio.to_thread(follower.wait, CATCH_UP_SECONDS)
        member = context.member(Topic.SWAP_DEMAND)
        react = traced_function(context.tracer, "react", reactor.react)
        await run_transform(context, Transform(member, react, context.clock))
