"""Settings of the bus, and what goes over librdkafka's mock of a broker; a real one is in tests/services/events."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest
from confluent_kafka import Producer
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.events.bus import (
    SESSION_SECONDS,
    Outgoing,
    Place,
    Settings,
    client_config,
    consumer_config,
    producer_config,
)
from quant_platform_kit.events.mock import mock_broker
from quant_platform_kit.events.publishing import Publisher
from quant_platform_kit.events.reading import history
from quant_platform_kit.events.topics import Topic, declare

SOURCES = Path(__file__).resolve().parents[2] / "src" / "quant_platform_kit"


@pytest.fixture(scope="module")
def mock() -> Generator[Settings]:
    with mock_broker() as settings:
        yield settings


TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_a_mock_takes_messages_and_shows_them_again(mock: Settings) -> None:
    async def publish() -> None:
        async with Publisher(mock) as publisher:
            traces = {7: TRACE}
            await publisher.publish(*(Outgoing("t", b"k", b"%d" % n, traces.get(n, "")) for n in range(98)))

    asyncio.run(publish())
    other = Producer(producer_config(mock))
    for number in (98, 99):
        other.produce("t", b"%d" % number, b"k", headers=[("other", b"x"), ("traceparent", None)])
    other.flush(10)
    read = list(history(mock, ("t", "not.there")))
    assert {int(message.value): message.trace for message in read if message.trace} == {7: TRACE}
    assert [int(message.value) for message in read] == list(range(100))
    (place,) = {message.place for message in read}
    assert [int(message.value) for message in history(mock, ("t",), {place: 90})] == list(range(90, 100))
    assert place == Place("t", place.partition)


def test_a_mock_makes_its_topics_itself(mock: Settings) -> None:
    assert declare(mock, [Topic("declared", partitions=9)]) == ()


@pytest.mark.parametrize("url", ["", "localhost", "localhost:9092,other"])
def test_a_bus_without_an_address_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput, match="the bus has to be host:port, or several with commas between them; it is"):
        Settings(url)


def test_settings_on_which_being_exact_rests_cannot_be_changed() -> None:
    with pytest.raises(
        InvalidInput, match=r"acks, isolation\.level cannot be set: exactly-once processing rests on it"
    ):
        Settings("h:1", {"isolation.level": "read_uncommitted", "acks": "1", "security.protocol": "ssl"})


def test_further_settings_reach_every_client_and_are_not_shown() -> None:
    settings = Settings("h:1", {"sasl.password": "secret"})
    assert "secret" not in repr(settings)
    for config in (client_config(settings), consumer_config(settings, "g"), producer_config(settings)):
        assert config["sasl.password"] == "secret"


def test_members_are_classic_cooperative_and_read_what_is_committed() -> None:
    config = consumer_config(Settings("h:1"), "g")
    assert (config["isolation.level"], config["enable.auto.commit"]) == ("read_committed", False)
    assert config["partition.assignment.strategy"] == "cooperative-sticky"
    assert config["session.timeout.ms"] == SESSION_SECONDS * 1000 == 6000
    assert not {"group.instance.id", "group.protocol"} & config.keys()


def test_producers_are_idempotent_and_those_with_transactions_end_them_in_time() -> None:
    config = producer_config(Settings("h:1"), "id")
    assert (config["enable.idempotence"], config["acks"], config["transactional.id"]) == (True, "all", "id")
    assert config["delivery.timeout.ms"] <= config["transaction.timeout.ms"]
    assert "transactional.id" not in producer_config(Settings("h:1"))


def test_the_services_of_the_kit_run_without_kafka() -> None:
    """All of them are imported where confluent_kafka cannot be."""
    names = sorted(
        ".".join(("quant_platform_kit", *file.relative_to(SOURCES).with_suffix("").parts)).removesuffix(".__init__")
        for room in ("domain", "ports", "services")
        for file in (SOURCES / room).rglob("*.py")
    )
    assert "quant_platform_kit.services.run.gateway" in names
    script = (
        "import sys\nfrom importlib import import_module\nsys.modules['confluent_kafka'] = None\n"
        f"for name in {names!r}:\n    import_module(name)\n"
        "assert not [name for name in sys.modules if name.startswith('quant_platform_kit.events')]\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
