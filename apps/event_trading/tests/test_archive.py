"""The archive: every event in one file, whatever ends the archiver; and what was made of it is made again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from event_trading_app.archive.archiver import Archiver
from event_trading_app.archive.files import Row, file_name, parquet_of, rows_of, span_in
from event_trading_app.archive.writing import Files
from event_trading_app.names import NEAR_INTENTS, Topic
from event_trading_app.replay.judging import judge
from event_trading_app.replay.reading import archived
from event_trading_app.replay.telling import Telling
from event_trading_app.venues.near_intents.normalize.demand import normalize
from quant_platform_kit.adapters.clock import FrozenClock
from quant_platform_kit.adapters.plain_folder import PlainFolder
from quant_platform_kit.domain.errors import Damaged, InvalidInput, LeaseLost, StoreError
from quant_platform_kit.events.bus import Outgoing, Place, Received
from quant_platform_kit.events.envelope import Event, encode
from quant_platform_kit.events.errors import Duplicate, Unreadable
from quant_platform_kit.ports.versioned_store import VersionedStore

from .frame import NOW, MemoryStore, at_once, run

RAW = Topic.RAW_QUOTE.value
PLACE = Place(RAW, 2)
HOUR = timedelta(hours=1)


def quote(number: int, at: datetime = NOW) -> Event:
    payload: dict[str, Any] = {
        "quote_id": f"q{number}",
        "defuse_asset_identifier_in": "a",
        "defuse_asset_identifier_out": "b",
        "exact_amount_in": "1000",
        "min_deadline_ms": 60_000,
        "max_wait_ms": 3_000,
    }
    return Event(f"raw-{number}", RAW, NEAR_INTENTS, at, at, 1, payload, json.dumps(payload))


def message(number: int, at: datetime = NOW) -> Received:
    return Received(RAW, 2, number, f"q{number}".encode(), encode(quote(number, at)))


def archiver(store: VersionedStore, rows: int = 3) -> Archiver:
    return Archiver(Files(store), FrozenClock(NOW), rows, 60.0, at_once)


async def taken(each: Archiver, messages: Sequence[Received]) -> list[str]:
    """Hand messages to an archiver as the stage does; return how each ended, `waits` for those that have not."""
    await each.assigned(PLACE)
    tasks = [asyncio.create_task(each.handle(message)) for message in messages]
    await asyncio.sleep(0.05)
    ended = [type(task.exception()).__name__ if task.done() else "waits" for task in tasks]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return ended


def offsets(store: VersionedStore) -> list[int]:
    rows = archived(store, (RAW,), NOW - HOUR, NOW + 3 * HOUR)
    return sorted(row.message.offset for row in rows)


def test_a_file_is_named_by_topic_time_partition_and_offsets() -> None:
    store = MemoryStore()
    run(taken(archiver(store), [message(number) for number in (10, 11, 14)]))
    (name,) = store.keys("topic=")
    assert name == (f"topic={RAW}/date=2026-03-02/hour=12/00002-00000000000000000010-00000000000000000014.parquet")
    span = span_in(name)
    assert span is not None
    assert file_name(span, NOW) == name


def test_messages_come_back_byte_for_byte() -> None:
    rows = [Row.of(message(number)) for number in range(5)]
    assert [row.message for row in rows_of(parquet_of(rows), RAW)] == [row.message for row in rows]
    assert parquet_of(rows) == parquet_of(rows)


def test_a_message_is_done_when_its_file_is_whole_and_not_before() -> None:
    store = MemoryStore()
    ended = run(taken(archiver(store), [message(number) for number in range(5)]))
    assert ended == ["NoneType"] * 3 + ["waits"] * 2
    assert offsets(store) == [0, 1, 2]


def test_a_file_has_events_of_one_hour() -> None:
    store = MemoryStore()
    run(taken(archiver(store), [message(0), message(1, NOW + HOUR), message(2, NOW + HOUR)]))
    assert [name.split("/")[2] for name in store.keys("topic=")] == ["hour=12"]


@pytest.mark.parametrize("broken", range(1, 6))
def test_whatever_write_fails_the_next_archiver_has_every_event_in_one_file(broken: int) -> None:
    class Failing(MemoryStore):
        calls = 0

        def create(self, key: str, data: bytes) -> int:
            self.calls += 1
            if self.calls == broken:
                raise StoreError("gone")
            return super().create(key, data)

    store = Failing()
    run(taken(archiver(store), [message(number) for number in range(4)]))
    run(taken(archiver(store, rows=5), [message(number) for number in range(8)]))
    run(taken(archiver(store, rows=1), [message(number) for number in range(8)]))
    assert offsets(store) == list(range(8))


def test_a_store_that_does_not_answer_for_a_while_changes_no_file_and_puts_no_event_into_two() -> None:
    class Failing(MemoryStore):
        calls = 0

        def create(self, key: str, data: bytes) -> int:
            self.calls += 1
            if self.calls in (1, 2, 5):
                raise StoreError("gone")
            return super().create(key, data)

    store, states = Failing(), list[str]()

    async def work() -> None:
        writer = archiver(store, rows=4)
        writer.told = states.append
        await writer.assigned(message(0).place)
        waiting = [
            asyncio.create_task(writer.handle_all([message(number) for number in some]))
            for some in (range(6), range(6, 12))
        ]
        await asyncio.wait_for(asyncio.gather(*waiting), 10)

    run(work())
    spans = [span_in(name) for name in store.keys("topic=")]
    assert [(span.first, span.last) for span in spans if span] == [(0, 3), (4, 7), (8, 11)]
    assert offsets(store) == list(range(12))
    assert (states[0], states[-1]) == ("waiting: gone", "consuming")


def test_rows_that_are_not_in_order_become_no_file() -> None:
    store = MemoryStore()
    for numbers in ((1, 0), (1, 1)):
        with pytest.raises(LeaseLost, match="not in the order"):
            Files(store).write([Row.of(message(number)) for number in numbers])
    assert store.keys("") == []


def test_a_version_that_no_column_holds_is_unreadable() -> None:
    each = message(0)
    version = b'"schema_version":1,'
    assert version in each.value
    with pytest.raises(Unreadable, match="versions up to"):
        Row.of(each._replace(value=each.value.replace(version, b'"schema_version":2147483648,')))


def test_what_is_archived_is_a_duplicate_when_offsets_are_rewound() -> None:
    store = MemoryStore()
    run(taken(archiver(store), [message(number) for number in range(3)]))
    assert run(taken(archiver(store), [message(0), message(3)])) == [Duplicate.__name__, "waits"]


def test_of_two_archivers_that_decide_on_different_files_one_gives_way() -> None:
    store = MemoryStore()
    files = Files(store)
    files.write([Row.of(message(0)), Row.of(message(1))])
    with pytest.raises(LeaseLost, match="another archiver has the partition"):
        files.write([Row.of(message(0))])
    assert offsets(store) == [0, 1]


def test_a_message_that_is_no_event_is_unreadable_and_the_others_are_archived() -> None:
    store = MemoryStore()
    bad = Received(RAW, 2, 1, None, b"{}")
    assert run(taken(archiver(store), [message(0), bad, message(2), message(3)])) == [
        "NoneType",
        Unreadable.__name__,
        "NoneType",
        "NoneType",
    ]


def test_a_file_that_was_changed_is_damaged(tmp_path: Path) -> None:
    store = PlainFolder(tmp_path)
    run(taken(archiver(store), [message(number) for number in range(3)]))
    (name,) = store.keys("topic=")
    (tmp_path / name).write_bytes(b"PAR1")
    with pytest.raises(Damaged, match="is not the one that"):
        offsets(store)


def test_an_archive_without_events_of_a_span_is_empty_and_a_span_the_wrong_way_round_is_refused() -> None:
    assert archived(MemoryStore(), (RAW,), NOW, NOW + HOUR) == []
    with pytest.raises(InvalidInput, match="no span"):
        archived(MemoryStore(), (RAW,), NOW, NOW)


def rows_with(*events: Event) -> list[Row]:
    return [Row(Received(each.event_type, 0, 0, None, encode(each)), each) for each in events]


def test_normalized_events_are_made_again_byte_for_byte() -> None:
    raw = quote(1)
    (demand,) = normalize(raw)
    verdict = judge(rows_with(raw, demand), normalize)
    assert (verdict.normalized, verdict.differences) == (1, [])


def test_a_normalized_event_that_differs_is_missing_or_is_too_much_is_told() -> None:
    raw, other = quote(1), quote(2)
    (demand,) = normalize(raw)
    changed = Event(
        demand.event_id, demand.event_type, demand.venue, NOW, NOW, 1, {**demand.payload, "max_wait_ms": 4_000}
    )
    assert "was" in judge(rows_with(raw, changed), normalize).differences[0]
    assert "is made now" in judge(rows_with(raw, demand, other), normalize).differences[0]
    assert "no raw event" in judge(rows_with(demand), normalize).differences[0]


def test_a_quote_that_came_twice_is_normalized_twice_and_both_are_made_again() -> None:
    first, second = quote(1), quote(1, NOW + timedelta(seconds=1))
    demands = [*normalize(first), *normalize(second)]
    assert demands[0].event_id == demands[1].event_id
    for raw in ((first, second), (second, first)):
        verdict = judge(rows_with(*raw, *demands), normalize)
        assert (verdict.normalized, verdict.differences) == (1, [])
    (told,) = judge(rows_with(first, *demands), normalize).differences
    assert "was" in told


def test_events_are_told_again_at_their_pace_in_a_namespace() -> None:
    class Bus:
        def __init__(self) -> None:
            self.sent: list[Outgoing] = []

        async def publish(self, *messages: Outgoing) -> None:
            self.sent += messages

    waited: list[float] = []

    async def pause(seconds: float) -> None:
        waited.append(seconds)

    bus: Any = Bus()
    rows = [Row.of(message(number, NOW + timedelta(seconds=10 * number))) for number in range(3)]
    assert run(Telling(bus, "replay.", 5.0, pause).tell(rows)) == 3
    assert [each.topic for each in bus.sent] == [f"replay.{RAW}"] * 3
    assert [each.value for each in bus.sent] == [row.message.value for row in rows]
    assert waited == [2.0, 2.0]
    with pytest.raises(InvalidInput, match="it ends in a dot"):
        Telling(bus, "")
