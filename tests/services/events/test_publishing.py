"""Publishing out of an event loop."""

from __future__ import annotations

import asyncio

import pytest
from quant_platform_kit.events import bus as bus_module
from quant_platform_kit.events.bus import LARGEST_REQUEST, Outgoing, Settings
from quant_platform_kit.events.errors import BusDown
from quant_platform_kit.events.publishing import Publisher
from venue_sandbox.servers.machine import free_ports

from .bus_frame import Bench


def test_what_is_published_is_there_when_the_call_returns_and_in_its_order(bench: Bench) -> None:
    async def publish() -> list[int]:
        async with Publisher(bench.bus) as publisher:
            await asyncio.gather(*(publisher.publish(Outgoing(bench.source, b"k", b"%d" % n)) for n in range(500)))
            return [int(message.value) for message in await asyncio.to_thread(bench.there, bench.source)]

    assert asyncio.run(publish()) == list(range(500))


def test_several_messages_of_one_call_keep_their_order(bench: Bench) -> None:
    async def publish() -> None:
        async with Publisher(bench.bus) as publisher:
            await publisher.publish(*(Outgoing(bench.source, b"k", b"%d" % n) for n in range(100)))

    asyncio.run(publish())
    assert [int(message.value) for message in bench.there(bench.source)] == list(range(100))


@pytest.mark.parametrize(
    ("topic", "size", "reason"),
    [("not.declared", 1, "Unknown topic"), ("", LARGEST_REQUEST + 1, "Message size too large")],
)
def test_what_the_bus_does_not_take_is_told(bench: Bench, topic: str, size: int, reason: str) -> None:
    async def publish() -> None:
        async with Publisher(bench.bus) as publisher:
            await publisher.publish(Outgoing(topic or bench.source, b"k", b"x" * size))

    with pytest.raises(BusDown, match=reason):
        asyncio.run(publish())
    assert bench.there(bench.source) == []


def test_a_bus_that_is_not_there_is_told_in_the_time_that_was_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bus_module, "DELIVERY_SECONDS", 0.5)

    async def publish() -> None:
        async with Publisher(Settings(f"127.0.0.1:{free_ports(1)[0]}")) as publisher:
            await publisher.publish(Outgoing("t", None, b"x"))

    with pytest.raises(BusDown, match="the bus does not answer"):
        asyncio.run(publish())
