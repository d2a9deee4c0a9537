"""The event services as they run, timed from the first of a number of messages to the last.

``python -m bench.events_ours WHAT SETTINGS STAGE COUNT`` says ``ready``, works, and prints the seconds.
"""

import asyncio
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from event_trading_app.archive.archiver import Archiver
from event_trading_app.archive.writing import Files
from event_trading_app.executor.parts import Point
from event_trading_app.names import Service, Topic
from event_trading_app.operations.health import Health
from event_trading_app.operations.metrics import Metrics
from event_trading_app.services import executor
from event_trading_app.services.archiver import GRACE_SECONDS
from event_trading_app.services.context import Context
from event_trading_app.settings import read_settings
from event_trading_app.topics import outgoing
from event_trading_app.venues.near_intents.normalize.demand import normalize
from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.adapters.snapshot_stores import open_snapshots
from quant_platform_kit.events.bus import Membership, Outgoing, Received
from quant_platform_kit.events.stages import Durable, Flow, Hooks, Transform

LOOK_SECONDS = 0.01


class Stopwatch:
    """Says how long a number of messages took, from the first one that came; ends the process then."""

    def __init__(self, count: int) -> None:
        self._count, self._begun = count, 0.0

    def begin(self) -> None:
        """Note that a message came."""
        self._begun = self._begun or time.monotonic()

    def watch(self, done: Callable[[], int]) -> None:
        """Look at what is done until all is."""

        def look() -> None:
            while done() < self._count:
                time.sleep(LOOK_SECONDS)
            print(time.monotonic() - self._begun, flush=True)
            os._exit(0)

        threading.Thread(target=look, daemon=True).start()
        print("ready", flush=True)


def main() -> None:
    """Do what the command line says."""
    what, config, stage, count = sys.argv[1:]
    watch = Stopwatch(int(count))
    settings = read_settings(Path(config), {})
    if what == "normalize":
        _normalize(Membership(stage, settings.bus, (Topic.RAW_QUOTE.value,)), watch)
    context = Context(Service.EXECUTOR, settings, Health("executor"), Metrics())
    asyncio.run(_archive(context, stage, watch) if what == "archive" else _execute(context, watch))


def _normalize(member: Membership, watch: Stopwatch) -> None:
    def function(message: Received) -> list[Outgoing]:
        watch.begin()
        return [outgoing(event) for event in normalize(message.event())]

    stage = Transform(member, function, SystemClock())
    watch.watch(lambda: stage.figures.handled)
    stage.run()


async def _archive(context: Context, stage: str, watch: Stopwatch) -> None:
    settings = context.settings
    archiver = Archiver(
        Files(open_snapshots(settings.archive_url)), context.clock, settings.archive_rows, settings.archive_seconds
    )

    async def handle_all(messages: Sequence[Received]) -> None:
        watch.begin()
        await archiver.handle_all(messages)

    flow = Flow(settings.archive_rows * 2, settings.archive_rows * 2, GRACE_SECONDS)
    member = Membership(stage, settings.bus, (Topic.RAW_QUOTE.value,))
    watch.watch(lambda: archiver.counted)
    hooks = Hooks(archiver.assigned, archiver.revoked)
    work = Durable(member, archiver.handle, context.clock, flow=flow, hooks=hooks, handle_all=handle_all)
    await asyncio.gather(work.run(), archiver.run(context.stop))


async def _execute(context: Context, watch: Stopwatch) -> None:
    def reached(point: Point) -> None:
        if point is Point.TAKEN:
            watch.begin()

    context.reached = reached
    watch.watch(lambda: context.metrics.figures.handled if context.metrics.figures is not None else 0)
    await executor.run(context)


if __name__ == "__main__":
    main()
