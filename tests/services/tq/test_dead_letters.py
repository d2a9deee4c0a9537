"""`tq-broker dead-letters` on a real RabbitMQ: looking takes nothing away, and replaying loses nothing."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import aio_pika
from quant_platform_kit.adapters.clock import SystemClock
from tq_broker_app.bus.dead_letters import DeadLetter
from tq_broker_app.bus.ports import Queue
from tq_broker_app.bus.rabbit import RabbitBus

from .conftest import Deploy, Deployment

AT = datetime(2026, 11, 30, 2, tzinfo=UTC)


def letters(deployment: Deployment, *bodies: bytes, queue: Queue = Queue.SUBMIT) -> None:
    """Bury messages."""

    async def bury(bus: RabbitBus) -> None:
        for body in bodies:
            letter = DeadLetter.of(queue, body, f"the reason of {body[:20]!r}", 1, AT)
            await bus.publish(Queue.DEAD, letter.model_dump_json().encode())

    asyncio.run(deployment.with_bus(bury))


def waiting(deployment: Deployment, queue: Queue) -> list[bytes]:
    """Return the messages of a queue, and take them away."""

    async def take(bus: RabbitBus) -> list[bytes]:
        async with bus.connection() as connection:
            channel: Any = aio_pika.Channel(connection)
            await channel.initialize()
            declared = await channel.declare_queue(bus.places[queue].queue, passive=True)
            found: list[bytes] = []
            while (message := await declared.get(no_ack=True, fail=False)) is not None:
                found.append(message.body)
            return found

    return asyncio.run(deployment.with_bus(take))


def test_nothing_is_there_at_first(deploy: Deploy) -> None:
    deployment = deploy()
    assert deployment.told("dead-letters", "list") == []
    ended = deployment.run("dead-letters", "list")
    assert (ended.returncode, ended.stdout) == (0, "no dead letters\n")


def test_looking_leaves_them_in_their_order(deploy: Deploy) -> None:
    deployment = deploy()
    letters(deployment, b"one", b"\xff\xfe", b"three")
    first = deployment.told("dead-letters", "list")
    assert [letter["number"] for letter in first] == [1, 2, 3]
    assert [letter["original"] for letter in first][::2] == ["one", "three"]
    assert first[1]["encoded"]
    assert first[0]["reason"] == "the reason of b'one'"
    assert deployment.told("dead-letters", "list") == first
    assert "the reason of" in deployment.run("dead-letters", "list").stdout


def test_replaying_sends_the_original_back(deploy: Deploy) -> None:
    deployment = deploy()
    letters(deployment, b"one", b"two", b"\xff\xfe")
    assert len(deployment.told("dead-letters", "replay", "1", "3")["replayed"]) == 2
    assert [letter["original"] for letter in deployment.told("dead-letters", "list")] == ["two"]
    assert waiting(deployment, Queue.SUBMIT) == [b"one", b"\xff\xfe"]


def test_all_are_replayed_to_where_each_came_from(deploy: Deploy) -> None:
    deployment = deploy()
    letters(deployment, b"an order")
    letters(deployment, b"an update", queue=Queue.ORDERS)
    deployment.told("dead-letters", "replay", "--all")
    assert waiting(deployment, Queue.SUBMIT) == [b"an order"]
    assert waiting(deployment, Queue.ORDERS) == [b"an update"]
    assert deployment.told("dead-letters", "list") == []


def test_dropping_takes_away_what_was_named(deploy: Deploy) -> None:
    deployment = deploy()
    letters(deployment, b"one", b"two", b"three")
    ended = deployment.run("dead-letters", "drop", "2")
    assert ended.stdout == "1 dead letter dropped\n"
    assert [letter["original"] for letter in deployment.told("dead-letters", "list")] == ["one", "three"]
    deployment.told("dead-letters", "drop", "--all")
    assert deployment.told("dead-letters", "list") == []


def test_a_number_that_is_not_there_changes_nothing(deploy: Deploy) -> None:
    deployment = deploy()
    letters(deployment, b"one")
    ended = deployment.run("dead-letters", "drop", "1", "7")
    assert ended.returncode == 1
    assert "no dead letter 7: there are 1 to 1" in ended.stderr
    assert len(deployment.told("dead-letters", "list")) == 1


def test_what_is_no_letter_is_shown_and_dropped_but_never_replayed(deploy: Deploy) -> None:
    deployment = deploy()

    async def put(bus: RabbitBus) -> None:
        await bus.publish(Queue.DEAD, b"not a letter")

    asyncio.run(deployment.with_bus(put))
    (found,) = deployment.told("dead-letters", "list")
    assert not found["readable"]
    assert found["original"] == "not a letter"
    ended = deployment.run("dead-letters", "replay", "--all")
    assert ended.returncode == 1
    assert len(ended.stderr.splitlines()) == 1
    deployment.told("dead-letters", "drop", "1")
    assert deployment.told("dead-letters", "list") == []


def test_a_server_that_is_gone_is_one_line(deploy: Deploy) -> None:
    deployment = deploy(rabbitmq={"url": "amqp://quant:sesame-sesame@127.0.0.1:9/quant"})
    ended = deployment.run_alone("dead-letters", "list")
    assert ended.returncode == 1
    assert len(ended.stderr.splitlines()) == 1
    assert "RabbitMQ" in ended.stderr
    assert "sesame" not in ended.stderr


def test_what_came_of_a_service_is_replayed_to_it(deploy: Deploy) -> None:
    """An update that the handler cannot read becomes a letter, and again when it is replayed."""
    deployment = deploy()
    deployment.site.start(["account-handler"])

    async def put(bus: RabbitBus) -> None:
        await bus.publish(Queue.ACCOUNT, b'{"type": "ACCOUNT_UPDATE"}')

    asyncio.run(deployment.with_bus(put))
    (first,) = until(deployment, 1)
    assert first["queue"] == Queue.ACCOUNT.value
    deployment.told("dead-letters", "replay", "1")
    (second,) = until(deployment, 1)
    assert second["original"] == first["original"]


def until(deployment: Deployment, count: int) -> list[dict[str, Any]]:
    clock = SystemClock()
    deadline = clock.monotonic() + 20
    while len(found := deployment.told("dead-letters", "list")) != count:
        assert clock.monotonic() < deadline, found
    return found
