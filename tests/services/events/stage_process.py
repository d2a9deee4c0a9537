"""A stage in a process of its own, to be killed: ``python stage_process.py transform|durable URL STAGE FILE``.

The durable stage appends to FILE, a line for each message: its partition and offset. Both stages take their time, so
that they can be killed in the middle.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Iterable

from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.events.bus import Membership, Outgoing, Received, Settings
from quant_platform_kit.events.envelope import derived
from quant_platform_kit.events.stages import Durable, Flow, Limits, Transform

AT_ONCE = 4
SECONDS = 0.003
"""A message takes at least so long."""


def main() -> None:
    """Run until SIGTERM."""
    kind, url, name, file = sys.argv[1:]
    member = Membership(name, Settings(url), (f"{name}.in",))
    stage = transform(member) if kind == "transform" else durable(member, file)
    signal.signal(signal.SIGTERM, lambda *_: stage.stop())
    asyncio.run(stage.run()) if isinstance(stage, Durable) else stage.run()


def transform(member: Membership) -> Transform:
    """Return a stage that makes two events of one."""

    def doubled(message: Received) -> Iterable[Outgoing]:
        one = message.event()
        time.sleep(SECONDS)
        for part in (1, 2):
            number = one.payload["number"] * 10 + part
            made = derived(one, "norm.t", 1, {"number": number}, f"{one.event_id}.{part}")
            yield Outgoing.of(made, one.event_id, f"{member.stage}.out")

    return Transform(member, doubled, SystemClock(), limits=Limits(messages=20))


def durable(member: Membership, file: str) -> Durable:
    """Return a stage that writes a line for each message."""
    handle = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    async def write(message: Received) -> None:
        await asyncio.sleep(SECONDS * AT_ONCE)
        os.write(handle, b"%d %d\n" % (message.partition, message.offset))

    return Durable(member, write, SystemClock(), flow=Flow(at_once=AT_ONCE))


if __name__ == "__main__":
    main()
