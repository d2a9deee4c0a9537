"""Writes that are asked for at the same time: together where the store can, each for itself where it cannot."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest
from quant_platform_kit.adapters.file_store import FileStore
from quant_platform_kit.adapters.sql_store import SqlStore
from quant_platform_kit.domain.errors import Conflict, StoreError
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.runtime.gathering import Gathering


class Counted(SqlStore):
    """Notes what is written together; the first write takes as long as it is held up."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"sqlite:///{path}/store.sqlite")
        self.batches: list[list[str]] = []
        self.free = threading.Event()
        self.free.set()
        self.down = False

    def create_all(self, objects: Mapping[str, bytes]) -> None:
        self.batches.append(list(objects))
        assert self.free.wait(5)
        if self.down:
            raise StoreError("the store does not answer")
        super().create_all(objects)


def asked(store: VersionedStore, *wanted: Mapping[str, bytes], held: threading.Event | None = None) -> list[object]:
    """Ask for writes one after the other, without waiting; return what became of each."""

    async def run() -> list[object]:
        writing = Gathering(store)
        if held is not None:
            held.clear()
        tasks = [
            asyncio.create_task(writing.create(objects, lambda number=number: number))
            for number, objects in enumerate(wanted)
        ]
        await asyncio.sleep(0.05)
        if held is not None:
            held.set()
        return await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 5)

    return asyncio.run(run())


def singles(*keys: str) -> list[dict[str, bytes]]:
    return [{key: key.encode()} for key in keys]


def test_what_is_asked_for_during_a_write_is_written_together(tmp_path: Path) -> None:
    store = Counted(tmp_path)
    assert asked(store, *singles("a", "b", "c", "d"), held=store.free) == [0, 1, 2, 3]
    assert store.batches in ([["a", "b", "c", "d"]], [["a"], ["b", "c", "d"]])
    assert store.keys("") == ["a", "b", "c", "d"]


@pytest.mark.parametrize("kind", [FileStore, Counted])
def test_whoever_wants_what_exists_is_told_and_nobody_else(
    tmp_path: Path, kind: type[FileStore] | type[Counted]
) -> None:
    store = kind(tmp_path)
    store.create("c", b"another's")
    found = asked(store, *singles("a", "b", "c", "d"))
    assert [each for each in found if not isinstance(each, Conflict)] == [0, 1, 3]
    assert isinstance(found[2], Conflict)
    assert store.keys("") == ["a", "b", "c", "d"]
    assert (stored := store.get("c")) is not None
    assert stored.data == b"another's"


def test_two_that_want_one_key_at_the_same_time_do_not_both_get_it(tmp_path: Path) -> None:
    store = Counted(tmp_path)
    found = asked(store, {"x": b"0"}, {"a": b"1"}, {"a": b"2"}, held=store.free)
    assert found[:2] == [0, 1]
    assert isinstance(found[2], Conflict)
    assert (stored := store.get("a")) is not None
    assert stored.data == b"1"


def test_a_store_that_does_not_answer_fails_all_and_the_next_is_asked_again(tmp_path: Path) -> None:
    store = Counted(tmp_path)
    store.down = True
    assert all(isinstance(each, StoreError) for each in asked(store, *singles("a", "b")))
    store.down = False
    assert asked(store, *singles("a", "b")) == [0, 1]


def test_a_store_that_does_not_answer_is_not_asked_again_for_each_of_a_group(tmp_path: Path) -> None:
    store, looks = Counted(tmp_path), list[int]()

    async def run() -> list[object]:
        writing = Gathering(store)

        def look(number: int) -> None:
            looks.append(number)
            raise StoreError("the store does not answer")

        wanted = [writing.create({f"k{number}": b""}, lambda number=number: look(number)) for number in range(8)]
        return await asyncio.wait_for(asyncio.gather(*wanted, return_exceptions=True), 5)

    found = asyncio.run(run())
    assert all(isinstance(each, StoreError) for each in found)
    assert len(looks) == len(store.batches)


def test_what_fails_after_its_write_fails_alone(tmp_path: Path) -> None:
    store = Counted(tmp_path)

    async def run() -> list[object]:
        writing = Gathering(store)
        first = writing.create({"a": b""}, lambda: 1 // 0)
        return await asyncio.gather(first, writing.create({"b": b""}, lambda: "b"), return_exceptions=True)

    failed, done = asyncio.run(run())
    assert isinstance(failed, ZeroDivisionError)
    assert done == "b"
    assert store.keys("") == ["a", "b"]


def test_what_several_want_after_one_write_is_done_once(tmp_path: Path) -> None:
    store, looks = Counted(tmp_path), list[list[str]]()

    def look() -> list[str]:
        looks.append(store.keys(""))
        return looks[-1]

    async def run() -> list[list[str]]:
        writing = Gathering(store)
        store.free.clear()
        tasks = [asyncio.create_task(writing.create({key: b""}, look)) for key in ("a", "b", "c")]
        await asyncio.sleep(0.05)
        store.free.set()
        return await asyncio.wait_for(asyncio.gather(*tasks), 5)

    found = asyncio.run(run())
    assert all(key in seen for key, seen in zip("abc", found, strict=True))
    assert len(looks) == len(store.batches) < 3


def test_one_that_nobody_waits_for_any_more_keeps_no_other_from_being_written(tmp_path: Path) -> None:
    store = Counted(tmp_path)

    async def run() -> object:
        writing = Gathering(store)
        store.free.clear()
        tasks = [asyncio.create_task(writing.create({key: b""}, lambda: "done")) for key in ("a", "b", "c")]
        await asyncio.sleep(0.05)
        tasks[1].cancel()
        store.free.set()
        return await asyncio.wait_for(tasks[2], 5)

    assert asyncio.run(run()) == "done"
    assert "c" in store.keys("")


class Ended(BaseException):
    """The process comes to its end."""


def test_whoever_waits_when_the_writing_is_ended_does_not_wait_for_ever(tmp_path: Path) -> None:
    store = Counted(tmp_path)

    def leave() -> None:
        raise Ended

    async def run() -> str:
        writing = Gathering(store)
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(writing.create({"a": b""}, leave), 5)
        return await asyncio.wait_for(writing.create({"b": b""}, lambda: "and it goes on"), 5)

    assert asyncio.run(run()) == "and it goes on"
