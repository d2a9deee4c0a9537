"""Topics that are lost with the bus, and brought back: every message in its partition, every group at its message."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from confluent_kafka.admin import AdminClient
from quant_platform_kit.domain.errors import Refused
from quant_platform_kit.events.bus import Outgoing, Place, Settings
from quant_platform_kit.events.offsets import commit, committed, rewind
from quant_platform_kit.events.publishing import Publisher
from quant_platform_kit.events.reading import history
from quant_platform_kit.events.topic_backup import check_topics, restore_topics, topic_lines
from quant_platform_kit.events.topics import Topic, declare

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


async def published(bus: Settings, topic: str, count: int) -> None:
    async with Publisher(bus) as publisher:
        for number in range(count):
            await publisher.publish(Outgoing(topic, f"k{number % 3}".encode(), f"{number}".encode()))


def contents(bus: Settings, topic: str) -> dict[int, list[tuple[bytes | None, bytes]]]:
    found: dict[int, list[tuple[bytes | None, bytes]]] = {}
    for message in history(bus, (topic,)):
        found.setdefault(message.partition, []).append((message.key, message.value))
    return found


def lose(bus: Settings, topic: str, group: str) -> None:
    admin = AdminClient({"bootstrap.servers": bus.url})
    for future in (*admin.delete_consumer_groups([group]).values(), *admin.delete_topics([topic]).values()):
        future.result()
    until = time.monotonic() + 20
    while topic in admin.list_topics(timeout=10).topics and time.monotonic() < until:
        time.sleep(0.1)


def test_messages_and_what_groups_have_done_with_come_back(bus: Settings) -> None:
    name = uuid4().hex[:8]
    topic, group = Topic(f"kept.{name}", 2), f"reader.{name}"
    declare(bus, [topic])
    asyncio.run(published(bus, topic.name, 20))
    before = contents(bus, topic.name)
    done = {Place(topic.name, part): len(messages) // 2 for part, messages in before.items()}
    commit(bus, group, done)
    lines = list(topic_lines(bus, [topic.name, "never.made"], [group], NOW))
    kept = check_topics(lines)
    assert kept.pending == {group: 20 - sum(done.values())}
    with pytest.raises(Refused, match="use an empty bus"):
        restore_topics(bus, [topic], lines, kept)
    lose(bus, topic.name, group)
    with pytest.raises(Refused, match="has 2 partitions, and the settings declare 3 partitions"):
        restore_topics(bus, [Topic(topic.name, 3)], lines, kept)
    restore_topics(bus, [topic], lines, kept)
    assert contents(bus, topic.name) == before
    assert committed(bus, group) == done
    assert sum(rewind(bus, group).values()) == sum(done.values())
    assert set(committed(bus, group).values()) == {0}
