"""How a stage of the kit runs in a service: until it is told to stop, and then to the end of what is under way."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from quant_platform_kit.events.stages import Durable, Transform

from event_trading_app.services.context import Context

__all__ = ["beside", "run_durable", "run_transform"]


async def run_transform(context: Context, stage: Transform) -> None:
    """Run a stage that transforms, in a thread of its own."""
    _watch(context, stage)
    working = asyncio.create_task(asyncio.to_thread(stage.run))
    await _until_stopped(context, stage, working)


async def run_durable(context: Context, stage: Durable) -> None:
    """Run a stage that does something outside the bus."""
    _watch(context, stage)
    await _until_stopped(context, stage, asyncio.create_task(stage.run()))


async def beside(work: Coroutine[Any, Any, None], *others: Coroutine[Any, Any, None]) -> None:
    """Run something to its end, and others as long; where one of these fails, all of it does."""
    tasks = [asyncio.create_task(other) for other in others]
    main = asyncio.create_task(work)
    try:
        while not main.done():
            at_work = {task for task in tasks if not task.done()}
            ended, _ = await asyncio.wait({main, *at_work}, return_when=asyncio.FIRST_COMPLETED)
            for task in ended - {main}:
                task.result()
        await main
    finally:
        for task in (main, *tasks):
            task.cancel()
        await asyncio.gather(main, *tasks, return_exceptions=True)


def _watch(context: Context, stage: Transform | Durable) -> None:
    context.metrics.figures = stage.figures
    context.health.state = lambda: stage.figures.state
    context.health.phase = "working"


async def _until_stopped(context: Context, stage: Transform | Durable, working: asyncio.Task[None]) -> None:
    stopping = asyncio.create_task(context.stop.wait())
    await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if context.stop.is_set():
        context.health.phase = "stopping"
        stage.stop()
    await working
