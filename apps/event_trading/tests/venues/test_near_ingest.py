"""Listening: every message becomes an event, byte for byte, and what was missed is counted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from event_trading_app.venues.near_intents.ingest.counting import Counts, Recent
from event_trading_app.venues.near_intents.ingest.frames import Kind, read_frame
from event_trading_app.venues.near_intents.ingest.listening import Backoff, Listener
from event_trading_app.venues.near_intents.normalize.demand import normalize
from event_trading_app.venues.near_intents.raw import RAW_SCHEMAS, RawQuoteStatus
from loguru import logger
from quant_platform_kit.events.envelope import Event
from quant_platform_kit.events.schemas import Schemas
from websockets.asyncio.server import ServerConnection

from .near_frame import CLOCK, SECONDS, Scene, command, opener, play, scripted, until

pytest.importorskip("venue_sandbox")

QUICK = Backoff(0.01, 0.05)


# --- against the relay -----------------------------------------------------------------------------


@pytest.mark.parametrize("shape", ["event", "subscribe"])
def test_quotes_become_events_in_either_shape(tmp_path: Path, shape: str) -> None:
    async def scene(at: Scene) -> None:
        before = CLOCK.now()
        async with at.listening() as listener:
            quotes = [await at.quote() for _ in range(3)]
            await until(lambda: len(at.events) == 3)
            for quote, event in zip(quotes, at.events, strict=True):
                assert (event.event_type, event.venue) == ("raw.near_intents.quote", "near_intents")
                assert event.payload["quote_id"] == quote["quote_id"]
                assert json.loads(event.raw or "")["method"] == shape
                assert before <= event.observed_at <= event.ingested_at <= CLOCK.now()
                assert normalize(event)[0].payload["exact_amount_in"] == "1000"
            assert listener.counts.events["quote"] == 3

    play(tmp_path, scene, shape=shape)


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("shape", ["event", "subscribe"])
def test_a_status_is_known_with_or_without_its_subscription(tmp_path: Path, shape: str, named: bool) -> None:
    async def scene(at: Scene) -> None:
        async with at.listening(), at.venue() as venue:
            answer = await venue.prepare(command(await at.quote()), CLOCK.now())
            await venue.send(answer.data)
            assert await at.take() == "OK"
            await until(lambda: len(at.events) == 2)
            event = at.events[1]
            assert event.event_type == "raw.near_intents.quote_status"
            status = Schemas(RAW_SCHEMAS).check(event)
            assert isinstance(status, RawQuoteStatus)
            assert status.quote_hash == answer.intent_hash

    play(tmp_path, scene, shape=shape, status_subscription=named)


def test_an_event_that_is_told_twice_is_counted_and_has_one_id(tmp_path: Path) -> None:
    async def scene(at: Scene) -> None:
        async with at.listening() as listener:
            await at.fault("duplicate_event", copies=2)
            await at.quote()
            await at.quote()
            await until(lambda: len(at.events) == 4)
            assert len({event.event_id for event in at.events}) == 2
            assert len({event.raw for event in at.events}) == 2
            assert (listener.counts.duplicates, listener.counts.events["quote"]) == (2, 4)

    play(tmp_path, scene)


@pytest.mark.parametrize("kind", ["drop_abrupt", "drop_graceful"])
def test_a_connection_that_ends_is_opened_again_and_the_gap_is_counted(tmp_path: Path, kind: str) -> None:
    async def scene(at: Scene) -> None:
        async with at.listening() as listener:
            for number in (1, 2):
                await at.fault(kind)
                await until(lambda number=number: listener.counts.connections == number + 1)
                quote = await at.quote()
                await until(lambda number=number: len(at.events) == number)
                assert at.events[-1].payload["quote_id"] == quote["quote_id"]
            counts = listener.counts
            assert (counts.gaps, counts.connected) == (2, True)
            assert 0 < counts.gap_seconds < SECONDS
            assert sum(counts.failures.values()) == 2
            watching = [it for it in asyncio.all_tasks() if getattr(it.get_coro(), "__name__", "") == "_close_at"]
            assert len(watching) == 1
            assert (await at.look("state"))["sockets"][0]["subscriptions"] == ["quote", "quote_status"]

    play(tmp_path, scene)


def test_a_login_that_is_refused_is_tried_again(tmp_path: Path) -> None:
    async def scene(at: Scene) -> None:
        await at.fault("refuse_login", times=3)
        async with at.listening() as listener:
            assert listener.counts.failures["InvalidStatus"] == 3
            assert listener.counts.gaps == 0

    play(tmp_path, scene)


def test_a_subscription_that_is_refused_or_not_answered_is_tried_again(tmp_path: Path) -> None:
    async def scene(at: Scene) -> None:
        await at.fault("refuse", operation="subscribe")
        await at.fault("lose_request", operation="subscribe", skip=1)
        async with at.listening(reply_seconds=0.1) as listener:
            assert listener.counts.failures == {"ConnectionError": 1, "BusQuiet": 1}
            await at.quote()
            await until(lambda: at.events)

    play(tmp_path, scene)


def test_a_connection_that_hangs_is_noticed(tmp_path: Path) -> None:
    async def scene(at: Scene) -> None:
        async with at.listening(quiet_seconds=0.2) as listener:
            await at.fault("hang")
            await until(lambda: listener.counts.connections >= 2)
            assert listener.counts.failures["BusQuiet"] >= 1
            await at.quote()
            await until(lambda: at.events)

    play(tmp_path, scene)


def test_what_goes_wrong_with_handing_on_ends_the_listener(tmp_path: Path) -> None:
    async def scene(at: Scene) -> None:
        async def publish(_: Event) -> None:
            raise LookupError("the bus is gone")

        listener = Listener(at.open(), publish, CLOCK, QUICK)
        running = asyncio.create_task(listener.run(asyncio.Event()))
        await until(lambda: listener.counts.connected)
        await at.quote()
        with pytest.raises(LookupError, match="the bus is gone"):
            await asyncio.wait_for(running, SECONDS)
        assert not listener.counts.connected

    play(tmp_path, scene)


def test_what_was_received_before_the_stop_is_handed_on(tmp_path: Path) -> None:
    async def scene(at: Scene) -> None:
        events: list[Event] = []
        slowly = asyncio.Event()

        async def publish(event: Event) -> None:
            await slowly.wait()
            events.append(event)

        listener, stop = Listener(at.open(), publish, CLOCK, QUICK), asyncio.Event()
        running = asyncio.create_task(listener.run(stop))
        await until(lambda: listener.counts.connected)
        for _ in range(5):
            await at.quote()
        await asyncio.sleep(0.05)
        stop.set()
        await asyncio.sleep(0.05)
        slowly.set()
        await asyncio.wait_for(running, SECONDS)
        assert len(events) == 5
        assert not listener.counts.failures

    play(tmp_path, scene)


# --- against a bus that says what a test wants -----------------------------------------------------


async def subscribe(wire: ServerConnection) -> None:
    """Answer two subscriptions."""
    for name in ("s-quote", "s-status"):
        await wire.send(json.dumps({"id": json.loads(await wire.recv())["id"], "result": name}))


def heard(tmp_path: Path, *messages: str | bytes, before: tuple[str, ...] = ()) -> list[Event]:
    """Return the events of messages; those of ``before`` come before the subscriptions are answered."""
    events: list[Event] = []

    async def speak(wire: ServerConnection) -> None:
        for message in before:
            await wire.send(message)
        await subscribe(wire)
        for message in messages:
            await wire.send(message)
        await wire.wait_closed()

    async def publish(event: Event) -> None:
        events.append(event)

    async def scene() -> None:
        async with scripted(tmp_path, speak) as path:
            stop = asyncio.Event()
            running = asyncio.create_task(Listener(opener(path), publish, CLOCK, QUICK).run(stop))
            await until(lambda: len(events) == len(messages) + len(before))
            stop.set()
            await asyncio.wait_for(running, SECONDS)

    asyncio.run(scene())
    return events


def test_every_message_is_kept_byte_for_byte(tmp_path: Path) -> None:
    messages = [
        '{"method":"event", "params": {"data": {"quote_id": "q", "n": 1.10, "n": 2, "é": "\\u00e9"}}}\n',
        "{",
        "",
        '{"method": "ping"}',
        '{"method":"event","params":{"subscription":"s-status","data":{"what": 1}}}',
    ]
    events = heard(tmp_path, *messages)
    assert [event.raw for event in events] == messages
    assert [event.event_type.rpartition(".")[2] for event in events] == ["quote"] * 4 + ["quote_status"]
    assert len({event.event_id for event in events}) == 5


def test_bytes_that_are_no_text_are_kept_as_they_can_be_written(tmp_path: Path) -> None:
    (event,) = heard(tmp_path, b"\xff{}")
    assert event.raw == "\\xff{}"


def test_events_that_come_before_the_subscriptions_are_answered_are_kept(tmp_path: Path) -> None:
    early = json.dumps({"method": "event", "params": {"data": {"quote_id": "early"}}})
    late = json.dumps({"method": "event", "params": {"data": {"quote_id": "late"}}})
    events = heard(tmp_path, late, before=(early,))
    assert [event.payload["quote_id"] for event in events] == ["early", "late"]


def test_the_token_is_told_to_the_bus_and_to_nobody_else(tmp_path: Path) -> None:
    told: list[str | None] = []
    lines: list[str] = []

    async def speak(wire: ServerConnection) -> None:
        assert wire.request is not None
        told.append(wire.request.headers.get("Authorization"))

    async def publish(_: Event) -> None:
        pass

    async def scene() -> Listener:
        async with scripted(tmp_path, speak) as path:
            stop, listener = asyncio.Event(), Listener(opener(path, "a-secret-token"), publish, CLOCK, QUICK)
            running = asyncio.create_task(listener.run(stop))
            await until(lambda: len(told) > 2)
            stop.set()
            await asyncio.wait_for(running, SECONDS)
            return listener

    sink = logger.add(lines.append, level=0)
    try:
        listener = asyncio.run(scene())
    finally:
        logger.remove(sink)
    assert set(told) == {"Bearer a-secret-token"}
    assert len(lines) >= 2
    assert "a-secret-token" not in "".join(lines) + repr(listener)


# --- what is pure ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('{"id": 1, "result": "s"}', Kind.REPLY),
        ('{"id": null, "error": {}}', Kind.REPLY),
        ('{"method": "event", "params": {"data": {"quote_id": "q"}}}', Kind.QUOTE),
        ('{"method": "event", "params": {"quote_id": "q", "subscription": "b"}}', Kind.QUOTE),
        ('{"method": "event", "params": {"data": {"quote_hash": "h"}}}', Kind.STATUS),
        ('{"method": "event", "params": {"subscription": "b", "data": {}}}', Kind.STATUS),
        ('{"method": "event", "params": {"subscription": ["b"], "data": {}}}', Kind.OTHER),
        ('{"method": "quote", "params": {"quote_id": "q"}}', Kind.OTHER),
        ("7", Kind.OTHER),
    ],
)
def test_messages_are_told_apart(text: str, kind: Kind) -> None:
    assert read_frame(text, {"a": Kind.QUOTE, "b": Kind.STATUS}).kind is kind


def test_so_many_ids_are_remembered_the_newest_ones() -> None:
    recent = Recent(2)
    assert [recent.heard(name) for name in "abacab"] == [False, False, True, False, True, False]


def test_pauses_double_up_to_a_bound_and_are_shortened_by_chance() -> None:
    backoff = Backoff(0.2, 10.0)
    assert [backoff.seconds(n, 0) for n in (1, 2, 3, 6, 7, 500)] == [0.2, 0.4, 0.8, 6.4, 10.0, 10.0]
    assert backoff.seconds(7, 1) == 5.0


def test_gaps_are_counted_from_a_connection_that_stood() -> None:
    counts = Counts()
    steps: list[tuple[Callable[[float], None], float]] = [
        (counts.lost, 1),
        (counts.opened, 2),
        (counts.lost, 5),
        (counts.lost, 6),
        (counts.opened, 8.5),
    ]
    for step, at in steps:
        step(at)
    assert (counts.connections, counts.gaps, counts.gap_seconds) == (2, 1, 3.5)


def test_observed_is_before_ingested(tmp_path: Path) -> None:
    (event,) = heard(tmp_path, '{"method":"event","params":{"data":{"quote_id":"q"}}}')
    difference: Any = event.ingested_at - event.observed_at
    assert timedelta(0) <= difference < timedelta(seconds=1)
