"""What every `VersionedStore` owes, as numbered cases.

A store's tests subclass `StoreContract` and provide two fixtures: ``store``, an empty store, and ``reopen``, which
returns one more client of that same store each time it is called, as another process would have it.

Where `open_store` opens the store, they subclass `StoreProcessContract` too, with the fixtures ``store`` and
``address``, the arguments of `open_store` for that same store.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from threading import Barrier

import pytest

from quant_platform_kit.domain.errors import Conflict, InvalidInput
from quant_platform_kit.ports.snapshot_store import SnapshotStore
from quant_platform_kit.ports.versioned_store import BatchStore, Stored, VersionedStore

__all__ = [
    "BINARY",
    "INVALID_KEYS",
    "INVALID_PREFIXES",
    "BatchStoreContract",
    "SnapshotStoreContract",
    "StoreContract",
    "StoreProcessContract",
]

Reopen = Callable[[], VersionedStore]
Address = Mapping[str, str]

BINARY = {
    "empty": b"",
    "a newline": b"\n",
    "a number and a newline": b"7\n{}",
    "newlines around": b"\n\n{}\n\n",
    "every byte": bytes(range(256)),
    "a mebibyte": bytes(range(256)) * 4096,
}
"""Contents that a store's own framing could trip over."""

INVALID_KEYS = (
    *("", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "./a"),
    *("a b", "a\n", "a\nb", "a\\b", "a\0b", "a?b", "a*b", "é"),
)
"""Texts that are no keys; see `VersionedStore`."""

INVALID_PREFIXES = ("/", "a//", ".", "a/.", "../", "%", "a%", "a*", "a b", "a\n", "é")
"""Texts that no key begins with."""

CONTENDERS = 8
ROUNDS = 10
PROCESSES = 4
CONTENDER = """
import json, sys
from quant_platform_kit.adapters.stores import open_store
from quant_platform_kit.domain.errors import Conflict

store, name = open_store(**json.loads(sys.argv[1])), sys.argv[2].encode()
print("ready", flush=True)
for line in sys.stdin:
    call, *arguments = json.loads(line)
    try:
        {"create": store.create, "replace": store.replace}[call](arguments[0], name, *arguments[1:])
    except Conflict:
        print("lost", flush=True)
    else:
        print("won", flush=True)
"""


class StoreContract:
    """The cases S1 to S23."""

    def test_an_absent_object_is_none(self, store: VersionedStore) -> None:
        """S1."""
        assert store.get("runs/one") is None

    def test_a_created_object_is_read_back_with_its_generation(self, store: VersionedStore) -> None:
        """S2."""
        generation = store.create("runs/one", b"first")
        assert store.get("runs/one") == Stored(b"first", generation)

    def test_creating_an_object_that_exists_conflicts_and_changes_nothing(self, store: VersionedStore) -> None:
        """S3: also when the content is the same: the second writer must learn that it was second."""
        generation = store.create("runs/one", b"first")
        for data in (b"second", b"first"):
            with pytest.raises(Conflict, match="runs/one"):
                store.create("runs/one", data)
        assert store.get("runs/one") == Stored(b"first", generation)

    def test_a_replace_of_the_generation_read_is_read_back(self, store: VersionedStore) -> None:
        """S4."""
        first = store.create("lease", b"first")
        second = store.replace("lease", b"second", first)
        assert second != first
        assert store.get("lease") == Stored(b"second", second)

    def test_a_replace_of_an_older_generation_conflicts_and_changes_nothing(self, store: VersionedStore) -> None:
        """S5."""
        first = store.create("lease", b"first")
        second = store.replace("lease", b"second", first)
        with pytest.raises(Conflict, match="lease"):
            store.replace("lease", b"third", first)
        assert store.get("lease") == Stored(b"second", second)

    def test_a_replace_of_an_absent_object_conflicts_and_creates_nothing(self, store: VersionedStore) -> None:
        """S6."""
        with pytest.raises(Conflict, match="lease"):
            store.replace("lease", b"first", 1)
        assert store.get("lease") is None
        assert store.keys("") == []

    def test_a_generation_never_returns(self, store: VersionedStore) -> None:
        """S7: writing the old content back does not make a stale reader current again."""
        generations = [store.create("lease", b"a")]
        for data in (b"b", b"a", b"b", b"a"):
            generations.append(store.replace("lease", data, generations[-1]))
        assert len(set(generations)) == 5

    @pytest.mark.parametrize("data", BINARY.values(), ids=BINARY)
    def test_any_bytes_can_be_created(self, store: VersionedStore, data: bytes) -> None:
        """S8."""
        generation = store.create("object", data)
        assert store.get("object") == Stored(data, generation)

    @pytest.mark.parametrize("data", BINARY.values(), ids=BINARY)
    def test_any_bytes_can_replace(self, store: VersionedStore, data: bytes) -> None:
        """S9."""
        generation = store.replace("object", data, store.create("object", b"before"))
        assert store.get("object") == Stored(data, generation)

    def test_keys_are_listed_in_ascending_order(self, store: VersionedStore) -> None:
        """S10: by code point over the whole key, so that ``-`` and ``.`` come before ``/``, and ``/`` before ``0``."""
        for key in ("b", "a/2", "a0", "a/10", "a.b", "a-b/c", "B", "a/1"):
            store.create(key, b"{}")
        assert store.keys("") == ["B", "a-b/c", "a.b", "a/1", "a/10", "a/2", "a0", "b"]

    def test_a_prefix_may_end_inside_a_segment(self, store: VersionedStore) -> None:
        """S11."""
        for key in ("orders/q1/1-SENT", "orders/q1/2-FILLED", "orders/q12/1-SENT", "orders2/q1"):
            store.create(key, b"{}")
        assert store.keys("orders/q1/") == ["orders/q1/1-SENT", "orders/q1/2-FILLED"]
        assert store.keys("orders/q1/2-") == ["orders/q1/2-FILLED"]
        assert store.keys("orders/q1") == ["orders/q1/1-SENT", "orders/q1/2-FILLED", "orders/q12/1-SENT"]
        assert store.keys("orders/q1/2-FILLED") == ["orders/q1/2-FILLED"]

    def test_a_prefix_that_nothing_starts_with_lists_nothing(self, store: VersionedStore) -> None:
        """S12."""
        store.create("orders/q1", b"{}")
        assert store.keys("orders/q2") == []
        assert store.keys("plans/") == []
        assert store.keys("orders/q1/") == []

    def test_a_replaced_object_is_listed_once(self, store: VersionedStore) -> None:
        """S13."""
        store.replace("lease", b"second", store.create("lease", b"first"))
        assert store.keys("") == ["lease"]

    @pytest.mark.parametrize("key", INVALID_KEYS)
    def test_a_text_that_is_no_key_is_refused(self, store: VersionedStore, key: str) -> None:
        """S14."""
        with pytest.raises(InvalidInput, match="key"):
            store.create(key, b"{}")
        with pytest.raises(InvalidInput, match="key"):
            store.replace(key, b"{}", 1)
        with pytest.raises(InvalidInput, match="key"):
            store.get(key)
        assert store.keys("") == []

    def test_a_second_client_sees_every_write(self, store: VersionedStore, reopen: Reopen) -> None:
        """S15."""
        other = reopen()
        first = store.create("lease", b"first")
        assert other.get("lease") == Stored(b"first", first)
        second = other.replace("lease", b"second", first)
        assert store.get("lease") == reopen().get("lease") == Stored(b"second", second)
        assert store.keys("") == other.keys("") == ["lease"]

    def test_of_concurrent_creates_exactly_one_wins(self, store: VersionedStore, reopen: Reopen) -> None:
        """S16: and its content is the one that is kept."""
        for turn in range(ROUNDS):
            key = f"claims/{turn}"
            winners = _race(reopen, lambda client, data, key=key: client.create(key, data))
            assert len(winners) == 1
            stored = store.get(key)
            assert stored is not None
            assert stored.data == winners[0]

    def test_of_concurrent_replaces_of_one_generation_exactly_one_wins(
        self, store: VersionedStore, reopen: Reopen
    ) -> None:
        """S17: and its content is the one that is kept."""
        generation = store.create("lease", b"none")
        for _ in range(ROUNDS):
            winners = _race(reopen, lambda client, data, known=generation: client.replace("lease", data, known))
            assert len(winners) == 1
            stored = store.get("lease")
            assert stored is not None
            assert stored.data == winners[0]
            generation = stored.generation

    def test_an_object_is_listed_only_when_it_is_complete(self, store: VersionedStore, reopen: Reopen) -> None:
        """S18: whoever lists while others write can read every key listed, whole."""
        content = bytes(range(256)) * 1024
        wanted = [f"objects/{number:02}" for number in range(20)]

        def write(client: VersionedStore) -> None:
            for key in wanted:
                client.create(key, content)

        with ThreadPoolExecutor(1) as pool:
            writing = pool.submit(write, reopen())
            while not writing.done():
                listed = store.keys("")
                assert set(listed) <= set(wanted)
                assert {_data(store, key) for key in listed} <= {content}
            writing.result()
        assert store.keys("") == wanted

    def test_a_replaced_object_is_never_read_half(self, store: VersionedStore, reopen: Reopen) -> None:
        """S19: a reader gets the old content or the new, with the generation that belongs to it."""
        contents = [bytes([65 + number]) * (1 << 18) for number in range(20)]
        written = {store.create("lease", contents[0]): contents[0]}

        def write(client: VersionedStore) -> None:
            generation = max(written)
            for content in contents[1:]:
                generation = client.replace("lease", content, generation)
                written[generation] = content

        seen: dict[int, bytes] = {}
        with ThreadPoolExecutor(1) as pool:
            writing = pool.submit(write, reopen())
            while not writing.done():
                stored = store.get("lease")
                assert stored is not None
                seen[stored.generation] = stored.data
            writing.result()
        assert seen
        assert seen.items() <= written.items()

    def test_the_stores_time_is_in_utc_and_shared_by_every_client(self, store: VersionedStore, reopen: Reopen) -> None:
        """S20: a client that asks later is never told an earlier time."""
        times = [client.now() for client in (store, reopen(), store, reopen())]
        assert {at.utcoffset() for at in times} == {timedelta(0)}
        assert times == sorted(times)

    @pytest.mark.parametrize("generation", [0, -1, 1 << 63])
    def test_a_replace_of_a_generation_that_nothing_has_conflicts(self, store: VersionedStore, generation: int) -> None:
        """S21: it is no way to create an object."""
        with pytest.raises(Conflict, match="lease"):
            store.replace("lease", b"first", generation)
        assert store.get("lease") is None
        store.create("lease", b"first")
        with pytest.raises(Conflict, match="lease"):
            store.replace("lease", b"second", generation)

    def test_no_letter_of_a_prefix_stands_for_another(self, store: VersionedStore) -> None:
        """S22."""
        for key in ("a_b/1", "a-b/1", "a.b/1", "axb/1", "A_b/1", "a_b0", "a_c"):
            store.create(key, b"{}")
        assert store.keys("a_b") == ["a_b/1", "a_b0"]
        assert store.keys("a.b/") == ["a.b/1"]

    @pytest.mark.parametrize("prefix", INVALID_PREFIXES)
    def test_a_text_that_begins_no_key_is_no_prefix(self, store: VersionedStore, prefix: str) -> None:
        """S23."""
        with pytest.raises(InvalidInput, match="prefix"):
            store.keys(prefix)


class BatchStoreContract:
    """The cases B1 to B6, of a store that is a `BatchStore` too."""

    def test_objects_that_are_written_together_are_read_back(self, store: VersionedStore) -> None:
        """B1."""
        _batch(store).create_all({"orders/b": b"first", "orders/a": b"", "c": BINARY["every byte"]})
        assert [_data(store, key) for key in ("orders/b", "orders/a", "c")] == [b"first", b"", BINARY["every byte"]]

    def test_where_one_of_several_exists_none_is_written(self, store: VersionedStore) -> None:
        """B2: whichever of them it is."""
        store.create("b", b"there")
        for objects in ({"a": b"1", "b": b"2"}, {"b": b"2", "c": b"3"}, {"a": b"1", "b": b"there", "c": b"3"}):
            with pytest.raises(Conflict, match="b has"):
                _batch(store).create_all(objects)
        assert store.keys("") == ["b"]
        assert _data(store, "b") == b"there"

    def test_of_many_that_write_some_objects_together_one_does(self, store: VersionedStore, reopen: Reopen) -> None:
        """B3: and nothing of the others is there, also where only some of the objects are the same."""
        for number in range(ROUNDS):
            shared = f"{number}/shared"

            def attempt(client: VersionedStore, data: bytes, shared: str = shared) -> None:
                own = f"{shared}-{data.decode().replace(' ', '-')}"
                _batch(client).create_all({own: data, shared: data})

            [won] = _race(reopen, attempt)
            own = f"{shared}-{won.decode().replace(' ', '-')}"
            assert store.keys(f"{number}/") == [shared, own]

    @pytest.mark.parametrize("key", INVALID_KEYS)
    def test_a_text_that_is_no_key_keeps_all_from_being_written(self, store: VersionedStore, key: str) -> None:
        """B4."""
        with pytest.raises(InvalidInput):
            _batch(store).create_all({"good": b"", key: b""})
        assert store.keys("") == []

    def test_keys_of_several_prefixes_are_those_of_each(self, store: VersionedStore) -> None:
        """B5."""
        for key in ("a/1", "a/2", "ab", "b/1", "B/1", "c"):
            store.create(key, b"")
        assert _batch(store).keys_of(["b/", "a", "nothing/"]) == ["a/1", "a/2", "ab", "b/1"]
        assert _batch(store).keys_of(["c"]) == ["c"]

    def test_many_objects_are_read_as_each_is(self, store: VersionedStore) -> None:
        """B6."""
        names = [f"many/{number:04}" for number in range(1_200)]
        _batch(store).create_all({name: name.encode() for name in names})
        found = _batch(store).get_all([*names, "many/none"])
        assert {key: stored.data for key, stored in found.items()} == {name: name.encode() for name in names}
        assert found[names[7]] == store.get(names[7])
        assert _batch(store).get_all([]) == {}


class SnapshotStoreContract(StoreContract):
    """The cases S1 to S23, and D1 to D4 of objects that may be removed."""

    def test_an_object_that_was_removed_is_not_there_and_others_are(self, store: SnapshotStore) -> None:
        """D1."""
        for key in ("versions/a/1", "versions/a/2", "versions/b/1"):
            store.create(key, b"{}")
        store.delete("versions/a/1")
        store.delete("versions/b/1")
        assert store.get("versions/a/1") is None
        assert store.keys("versions/") == ["versions/a/2"]
        assert _data(store, "versions/a/2") == b"{}"

    def test_an_object_that_is_not_there_can_be_removed(self, store: SnapshotStore) -> None:
        """D2: who comes second has nothing left to do."""
        store.delete("versions/a/1")
        store.create("lease", b"{}")
        store.delete("lease/below")
        assert store.keys("") == ["lease"]

    def test_an_object_that_was_removed_is_another_one_when_it_is_made_again(self, store: SnapshotStore) -> None:
        """D3: whoever read the old one cannot replace the new one, though it has the same content."""
        before = store.create("versions/a/1", b"same")
        store.delete("versions/a/1")
        assert store.create("versions/a/1", b"same") != before
        with pytest.raises(Conflict, match="versions/a/1"):
            store.replace("versions/a/1", b"other", before)
        assert _data(store, "versions/a/1") == b"same"

    @pytest.mark.parametrize("key", INVALID_KEYS)
    def test_a_text_that_is_no_key_names_nothing_to_remove(self, store: SnapshotStore, key: str) -> None:
        """D4."""
        with pytest.raises(InvalidInput, match="key"):
            store.delete(key)


class StoreProcessContract:
    """The cases P1 and P2."""

    def test_of_processes_that_create_at_once_exactly_one_wins(self, store: VersionedStore, address: Address) -> None:
        """P1: and its content is the one that is kept."""
        with _contenders(address) as contenders:
            for turn in range(ROUNDS):
                key = f"claims/{turn}"
                winner = _contest(contenders, "create", key)
                assert _data(store, key) == winner

    def test_of_processes_that_replace_at_once_exactly_one_wins(self, store: VersionedStore, address: Address) -> None:
        """P2: and its content is the one that is kept."""
        generation = store.create("lease", b"none")
        with _contenders(address) as contenders:
            for _ in range(ROUNDS):
                winner = _contest(contenders, "replace", "lease", generation)
                stored = store.get("lease")
                assert stored is not None
                assert stored.data == winner
                generation = stored.generation


@contextmanager
def _contenders(address: Address) -> Generator[dict[bytes, subprocess.Popen[str]]]:
    """Yield processes by their name, each with the store open."""
    processes = {
        b"process %d" % number: subprocess.Popen(
            [sys.executable, "-c", CONTENDER, json.dumps(dict(address)), f"process {number}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        for number in range(PROCESSES)
    }
    try:
        assert [_hear(process) for process in processes.values()] == ["ready"] * PROCESSES
        yield processes
    finally:
        for process in processes.values():
            process.communicate()
    assert [process.returncode for process in processes.values()] == [0] * PROCESSES


def _contest(contenders: Mapping[bytes, subprocess.Popen[str]], *call: str | int) -> bytes:
    """Have all contenders make a call at once; return the name of the one that won."""
    for process in contenders.values():
        assert process.stdin is not None
        process.stdin.write(json.dumps(call) + "\n")
    answers = {name: _hear(process) for name, process in contenders.items()}
    assert sorted(answers.values()) == ["lost"] * (PROCESSES - 1) + ["won"]
    return next(name for name, answer in answers.items() if answer == "won")


def _hear(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def _batch(store: VersionedStore) -> BatchStore:
    assert isinstance(store, BatchStore)
    return store


def _data(store: VersionedStore, key: str) -> bytes | None:
    stored = store.get(key)
    return None if stored is None else stored.data


def _race(reopen: Reopen, attempt: Callable[[VersionedStore, bytes], object]) -> list[bytes]:
    """Let all contenders, each with a client of its own, attempt at once; return what the successful ones wrote."""
    start = Barrier(CONTENDERS)

    def contend(client: VersionedStore, data: bytes) -> bytes | None:
        start.wait()
        try:
            attempt(client, data)
        except Conflict:
            return None
        return data

    clients = [reopen() for _ in range(CONTENDERS)]
    contents = [b"contender %d" % number for number in range(CONTENDERS)]
    with ThreadPoolExecutor(CONTENDERS) as pool:
        return [data for data in pool.map(contend, clients, contents) if data is not None]
