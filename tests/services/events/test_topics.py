"""Topics: made where they are missing; what differs is told and stays as it is."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.events import topics
from quant_platform_kit.events.bus import Settings
from quant_platform_kit.events.errors import BusDown
from quant_platform_kit.events.topics import Drift, Topic, declare
from venue_sandbox.servers.machine import free_ports


def test_what_is_missing_is_made_as_declared_and_what_is_there_is_left_alone(bus: Settings) -> None:
    names = [f"declared.{uuid4().hex}" for _ in range(3)]
    first = [Topic(names[0], 3, timedelta(days=1)), Topic(names[1], compacted=True)]
    assert declare(bus, first) == ()
    assert declare(bus, [*first, Topic(names[2], largest=2_000_000)]) == ()


def test_drift_is_told_and_not_altered(bus: Settings) -> None:
    name = f"drifting.{uuid4().hex}"
    declare(bus, [Topic(name, 2, timedelta(hours=1))])
    for _ in range(2):
        assert declare(bus, [Topic(name, 3, timedelta(hours=2), compacted=True, largest=1_000_000)]) == (
            Drift(name, "partitions", "3", "2"),
            Drift(name, "cleanup.policy", "compact", "delete"),
            Drift(name, "max.message.bytes", "1000000", "4194304"),
            Drift(name, "retention.ms", "7200000", "3600000"),
        )
    assert declare(bus, [Topic(name, 2, timedelta(hours=1))]) == ()
    assert str(Drift("t", "partitions", "3", "2")) == (
        "topic t: partitions is declared as 3, and is 2: change the declaration, or alter the topic by hand"
    )


def test_a_bus_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topics, "ASK_SECONDS", 0.5)
    with pytest.raises(BusDown, match="the bus does not answer"):
        declare(Settings(f"127.0.0.1:{free_ports(1)[0]}"), [Topic("t")])


@pytest.mark.parametrize(
    ("partitions", "retention", "message"),
    [(0, None, "partitions has to be 1 or more; it is 0"), (1, timedelta(), "retention has to be longer than 0")],
)
def test_a_topic_that_cannot_be_is_not_declared(partitions: int, retention: timedelta | None, message: str) -> None:
    with pytest.raises(InvalidInput, match=f"topic t: {message}"):
        Topic("t", partitions, retention)
